"""Have the server run a program, and be its process for whoever started this: its streams, its signals, its exit status."""

import json
import os
import signal
import socket
import sys


def main() -> int:
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        asked = {"argv": sys.argv[2:], "cwd": os.getcwd(), "env": dict(os.environ)}
        socket.send_fds(server, [b"\n"], [0, 1, 2])
        server.sendall(json.dumps(asked).encode() + b"\n")
        answers = server.makefile()
        program = int(answers.readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda n, _: os.kill(program, n))
        return int(answers.readline())


if __name__ == "__main__":
    status = main()
    if status < 0:  # ended by a signal: so does this
        signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
        os.kill(os.getpid(), -status)
    sys.exit(status)
