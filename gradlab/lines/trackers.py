"""Which rule tells the visits."""

from __future__ import annotations

import sys
from collections.abc import Callable

from gradlab.lines.line_events import LineEvents, Monitoring
from gradlab.lines.op_stacks import OpStacks
from gradlab.lines.visits import Tracker


def tracker(is_user: Callable[[str], bool], uid: Callable[[], int] | None = None) -> Tracker:
    """Line events where they can be had, else the stack at each op."""
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        for tool in (3, 4, 2):  # 0 is a debugger's, 1 coverage's, 5 an optimiser's
            if monitoring.get_tool(tool) is None:
                return Monitoring(is_user, uid, tool)
        return OpStacks(is_user, uid)
    return OpStacks(is_user, uid) if sys.gettrace() is not None else LineEvents(is_user, uid)
