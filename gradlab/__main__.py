"""`python -m gradlab`: the command `gradlab`, where its script is not on the PATH."""

from gradlab.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
