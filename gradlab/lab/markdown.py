"""Plain words as Markdown: what titles, claims, switches and questions say is plain text in the panel."""

from __future__ import annotations

import re

# Markdown reads two underscores on both sides of a word as bold. In backticks, or after a dot, it is code already.
_DUNDER = re.compile(r"(?<![`\w.])__\w+?__(?![`\w])")


def as_markdown(text: str) -> str:
    """`text` with names such as __init__ set as code.

    >>> as_markdown("add_weight in __init__, as `__init__` or super().__init__()")
    'add_weight in `__init__`, as `__init__` or super().__init__()'
    """
    return _DUNDER.sub(r"`\g<0>`", text)
