"""The command at the end of a pipe, and while TensorFlow starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gradlab import cli

COMMAND = [sys.executable, "-c", "import sys; from gradlab.cli import main; sys.exit(main())"]


@pytest.mark.parametrize("words", [["list"], ["list", "--help"]], ids=" ".join)
@pytest.mark.parametrize("buffered", [True, False])
def test_a_reader_that_has_gone_is_no_error(words, buffered):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    read, write = os.pipe()
    os.close(read)
    if buffered:
        environment.pop("PYTHONUNBUFFERED", None)
    done = subprocess.run(
        [*COMMAND, *words], stdout=write, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )
    os.close(write)
    assert done.stderr == ""
    # argparse leaves out a help that nobody reads, and then nothing is wrong
    assert done.returncode in ((cli.READER_GONE,) if words == ["list"] else (0, cli.READER_GONE))


def test_a_broken_pipe_of_somebody_else_is_not_swallowed(monkeypatch):
    def broken(_):
        raise BrokenPipeError("a pipe of the script's")

    monkeypatch.setattr(cli, "_list", broken)
    with pytest.raises(BrokenPipeError, match="the script's"):
        cli.main(["list"])


@pytest.mark.parametrize("terminal", [True, False])
def test_the_start_of_tensorflow_is_told_on_a_terminal_only(monkeypatch, capsys, terminal):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr("gradlab.runtime.tf_loading.plain", lambda: None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    cli._with_tensorflow("gradlab.claims")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == ("gradlab: starting TensorFlow ...\n" if terminal else "")
