"""A recorder without private TensorFlow imports: `sys.setprofile` watches the calls of TensorFlow's generated op
wrappers.

Every op that Python code asks for goes through a function of a module `gen_..._ops`. Its arguments are the op's inputs
and its return value the outputs, so the trace is nearly that of the op callbacks. It is slower, since Python reports
every call.

What it calls is public: `sys.setprofile`, frames and their code objects, `tf.raw_ops` for the names of the ops, a
variable's `handle`. What it relies on beside that is no promise of TensorFlow: that the wrappers live in files called
`gen_..._ops`, and that their functions and parameters are named as in `tf.raw_ops`. `self_test` checks it, and without
it there is no recorder. Not seen: ops that C code runs by itself (the gradient's own, a fast path inside an op), and
what goes on inside a tf.function that runs as a graph.
"""

from __future__ import annotations

import itertools
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import tensorflow as tf

from gradlab.doctor.recording.frames import stack
from gradlab.doctor.recording.trace import Op, Trace

name = "generated op wrappers (sys.setprofile)"
sees_functions = False  # no wrapper is called for a tf.function: the hook on its __call__ tells

_RAW = {n.lower(): n for n in dir(tf.raw_ops) if n[0].isupper()}
_wrappers: dict[CodeType, str] = {}
_numbers: dict[int, tuple[Any, int]] = {}
_count = itertools.count(1)
_KEEP = 20_000
# Python may end a recording in the middle of telling it of a call (the last reference to a tape goes), and before 3.12 it
# holds no reference of its own to whom it tells. So the last few live on, empty.
_ended: deque[Any] = deque(maxlen=8)
_SILENT = ("Assign", "ResourceScatter", "ResourceApply", "ResourceStrided", "MakeIterator", "LookupTable", "Queue")
_Eager = type(tf.constant(0.0))


def key(tensor: Any) -> int:
    """A number for an eager tensor, or for a variable's handle, that no other tensor ever gets."""
    handle = getattr(tensor, "handle", None)
    thing = tensor if handle is None else handle
    known = _numbers.get(id(thing))
    if known is None or known[0]() is not thing:
        known = _numbers[id(thing)] = weakref.ref(thing), next(_count)
        if len(_numbers) > 2 * _KEEP:
            for stale in [k for k, (ref, _) in list(_numbers.items()) if ref() is None]:
                _numbers.pop(stale, None)
    return known[1]


def _op_type(code: CodeType) -> str:
    """The op behind a generated wrapper, "" for any other function."""
    kind = ""
    base = os.path.basename(code.co_filename)
    if base.startswith("gen_") and "_ops" in base and "tensorflow" in code.co_filename:
        kind = _RAW.get(code.co_name.lstrip("_").replace("_", "").lower(), "")
        if code.co_name.endswith(("_eager_fallback", "_dispatch")):
            kind = ""
    _wrappers[code] = kind
    return kind


def _flat(value: Any) -> list[Any]:
    if isinstance(value, _Eager):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in _flat(v)]
    if getattr(value, "handle", None) is not None:
        return [value.handle]
    return []


@contextmanager
def recording(
    trace: Trace,
    *,
    limit: int,
    on_op: Callable[[Op, Any, Any], None],
    tapes: Callable[[], frozenset[int]] = frozenset,
) -> Iterator[None]:
    """Append every eager op of this thread to `trace`; `on_op(op, inputs, outputs)` is called after each."""
    live = [(trace, on_op, tapes)]
    depth = 0

    def profile(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal depth
        if event not in ("call", "return") or not live:
            return
        trace, on_op, tapes = live[0]
        ops = trace.ops
        code = frame.f_code
        kind = _wrappers.get(code)
        if kind is None:
            kind = _op_type(code)
        if not kind:
            return
        if event == "call":
            depth += 1
            return
        depth -= 1
        # A wrapper that raises returns None as well; ops without output are those that write.
        if depth or (arg is None and not kind.startswith(_SILENT)) or not tf.executing_eagerly():
            return
        if len(ops) >= limit:
            trace.truncated = True
            return
        # Wrappers rebind some arguments to plain values; tensors and variables stay as they were passed.
        inputs, names, attrs = [], [], []
        for n in code.co_varnames[: code.co_argcount]:
            value = frame.f_locals.get(n)
            found = _flat(value)
            inputs += found
            names += [n] * len(found)
            if not found and value is not None and n != "name":
                attrs += [n, value]
        outputs = _flat(arg)
        frames, marks = stack()
        keys = tuple(map(key, inputs)), tuple(map(key, outputs))
        op = Op(len(ops), kind, *keys, frames, marks, ("@names", names, *attrs), tapes())
        trace.add(op, inputs, outputs)
        on_op(op, inputs, outputs)

    trace.first_key = 0
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        live.clear()
        _ended.append(profile)


def self_test() -> str:
    """Empty if the generated wrappers are found, else what is wrong."""
    trace = Trace()
    seen: list[Op] = []
    with recording(trace, limit=100, on_op=lambda op, ins, outs: seen.append(op)):
        one = tf.ones([1])
        two = tf.add(one, one)
    if not any(key(two) in op.outs and key(one) in op.ins and op.type == "AddV2" for op in seen):
        return "the generated op wrappers were not seen"
    return ""
