"""Whether a file can be written, asked before the work whose result it will hold. Standard library only."""

from __future__ import annotations

import os


def unwritable(path: str) -> str:
    """Why a file could not be written there, or "". Nothing is written, and an existing file stays as it is.

    >>> unwritable("no_such_folder/page.html").startswith("there is no folder")
    True
    """
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        return f"there is no folder {folder!r}"
    if os.path.isdir(path):
        return "it is a folder"
    return "" if os.access(path if os.path.exists(path) else folder, os.W_OK) else "it cannot be written"
