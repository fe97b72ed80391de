"""The site on a server of this machine, for looking at it: `gradlab site --serve`."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def server(folder: Path, port: int = 8000) -> ThreadingHTTPServer:
    """A server of the folder on 127.0.0.1; `serve_forever` runs it. OSError if the port is taken; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Requests that went well are not worth a line."""
