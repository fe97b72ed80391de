"""Import TensorFlow, run no operation, and fork for each program that a client asks for.

Before its first operation TensorFlow has no threads, so a fork has all of it. The one other thread is NumPy's OpenBLAS,
which begins anew in a forked process by itself.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import types
from typing import Any

# gradlab is not among them: a program may bring its own copy.
MODULES = "ipykernel.kernelapp ipykernel.ipkernel ipywidgets anywidget nbval.plugin jupyter_client nbformat IPython"


def warm_up() -> None:
    import tensorflow as tf

    assert tf.keras.layers.Layer  # Keras comes with its first use
    for name in MODULES.split():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no collection in a program looks through all of this again, or copies its pages


def serve(address: str) -> dict[str, Any] | None:
    """In a forked process: the program to run. In this one: None, when whoever started it has ended."""
    waiting = selectors.DefaultSelector()
    waiting.register(sys.stdin, selectors.EVENT_READ)
    running: dict[int, tuple[socket.socket, int]] = {}  # program -> its client, and a descriptor that tells its end
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(16)
        waiting.register(listener, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is sys.stdin:
                    for program in running:
                        os.kill(program, signal.SIGKILL)
                    return None
                if key.fileobj is listener:
                    client, _ = listener.accept()
                    _, streams, _, _ = socket.recv_fds(client, 1, 3)
                    asked = json.loads(client.makefile().readline())
                    program = os.fork()
                    if not program:
                        for n, stream in enumerate(streams):
                            os.dup2(stream, n)
                    for stream in streams:
                        os.close(stream)
                    if not program:
                        return dict(asked)
                    client.sendall(b"%d\n" % program)
                    end = os.pidfd_open(program)
                    running[program] = client, end
                    waiting.register(end, selectors.EVENT_READ, program)
                    waiting.register(client, selectors.EVENT_READ, program)
                elif key.data in running:
                    finish(waiting, *running.pop(key.data), key.data)


def finish(waiting: selectors.BaseSelector, client: socket.socket, end: int, program: int) -> None:
    """The program has ended, or its client has: then it shall."""
    waiting.unregister(client)
    waiting.unregister(end)
    if not os.waitid(os.P_PIDFD, end, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        os.kill(program, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    try:
        client.sendall(b"%d\n" % status)
    except OSError:  # it has ended
        pass
    client.close()
    os.close(end)


def run(argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """Do what `python argv` does."""
    import matplotlib

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    os.environ.pop(
        "JPY_PARENT_PID", None
    )  # a kernel watches its parent, which is the server; that ends it with its client
    if "MPLBACKEND" in env:
        matplotlib.rcParams["backend"] = env["MPLBACKEND"]
    sys.path[:] = ["", *filter(None, env.get("PYTHONPATH", "").split(os.pathsep)), *sys.path[1:]]
    option, *rest = argv
    if option == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(main))
    elif option == "-m":
        sys.path[0] = cwd
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(option))
        sys.argv = argv
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    warm_up()
    program = serve(sys.argv[1])
    if program is None:
        os._exit(0)
    run(**program)
