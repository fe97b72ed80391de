"""Whether nobody looks at this run: GRADLAB_STRICT, as the tests and `gradlab render` set it. Standard library only."""

from __future__ import annotations

import os


def strict() -> bool:
    """Whether GRADLAB_STRICT is set to anything but 0.

    Then an exception that a panel shows is raised as well, and progress is not written: a page that is compared with the
    next run must not depend on how long something took.
    """
    return os.environ.get("GRADLAB_STRICT", "") not in ("", "0")
