"""Which recorded op's own gradient raised, of a gradient call that ended with an exception out of TensorFlow."""

from __future__ import annotations

from gradlab.doctor.op_types import PYTHON
from gradlab.doctor.recording.rebuild import Rebuilt, Step
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS, Eager
from gradlab.doctor.recording.trace import Op


def refusing_op(run: Run, error: BaseException) -> Op | None:
    """The op whose gradient raises an exception of this type; None if none is found.

    A tape that knows only the ops from number n on goes back no farther than these: the search halves the ops until one more
    op makes the gradient call raise.
    """
    rebuilt = run.trace.rebuilt
    if rebuilt is None or any(op.type in PYTHON for op in run.trace.ops):  # Python ops can be differentiated once only
        return None
    steps, kind = rebuilt.steps, type(error)
    if not _raises(run, steps, kind):
        return None
    low, high = 0, len(steps)  # with the steps from `low` on the call raises, with those from `high` on it does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _raises(run, steps[middle:], kind) else (low, middle)
    return next((run.trace.producer.get(run.key(t)) for t in steps[low].outs), None)


def _raises(run: Run, steps: list[Step], kind: type[BaseException]) -> bool:
    """Does going back through these ops raise such an exception?"""
    asked = [t for s in steps for t in s.ins if isinstance(t, Eager) and t.dtype in FLOATS]
    targets = [t for t in run.targets if t.dtype in FLOATS]
    try:
        Rebuilt(steps).tape().gradient(targets, asked, output_gradients=run.upstream)
    except kind:
        return True
    except Exception:  # another reason than the one that is looked for
        return False
    return False
