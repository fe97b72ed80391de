#!/bin/sh
# Print the Python to make the environment with: $PYTHON where that is set, else the newest of 3.13 to 3.10 found.
suits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }

if [ -n "${PYTHON:-}" ]; then
  suits "$PYTHON" && { echo "$PYTHON"; exit 0; }
  echo "PYTHON=$PYTHON is no Python 3.10 to 3.13 ($("$PYTHON" --version 2>&1 | tail -n 1))." >&2
  exit 1
fi
for python in python3.13 python3.12 python3.11 python3.10 python3 python; do
  suits "$python" && { echo "$python"; exit 0; }
done
cat >&2 <<'END'
gradlab needs Python 3.10, 3.11, 3.12 or 3.13 (TensorFlow has no builds for others), and none was found on the PATH.
  Debian, Ubuntu:  apt-get install python3 python3-venv
  macOS:           brew install python@3.13
  anywhere else:   install one, then  make lab PYTHON=/path/to/python3.13
END
exit 1
