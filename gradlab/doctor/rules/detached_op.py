"""An op on the way to the loss that passes no gradient on: the gradient arrives at its output and leaves it nowhere."""

from __future__ import annotations

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.analysis.cuts import Cut, descends, walk_back
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.sources import FLOATS
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import CUT, Case, Cause, Finding, Kind, find, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.source_code.nodes import node_of
from gradlab.doctor.source_code.op_names import named

# Ops back from a comparison in which a random draw is looked for: u < p, with a scale or a cast in between.
DRAW_DEPTH = 8

STOP_GRADIENT = Cause(
    "stop-gradient",
    what="tf.stop_gradient ends the path",
    fix="nothing to do if it is meant; otherwise remove the tf.stop_gradient",
    by_design=True,
    parts=True,
)
CUSTOM_GRADIENT = Cause(
    "custom-gradient",
    what="the custom gradient gives none for it, or a wrong one",
    fix="return a gradient for every input (and for every variable) from the custom gradient function",
    parts=True,
)
PY_FUNCTION = Cause(
    "py-function",
    what="the path runs through a Python function that TensorFlow can't differentiate",
    fix="write the function with TensorFlow ops, or give it a gradient with tf.custom_gradient",
    parts=True,
)
PIPELINE = Cause(
    "stateful-pipeline",
    what="the value goes through a tf.data pipeline, a queue or a table",
    fix="compute with the tensor itself; a tf.data pipeline carries values, not gradients",
)
STATE_ASSIGN = Cause(
    "state-assign",
    what="the value is written into a variable, and tf.Variable.assign is not differentiable",
    fix="keep the state a tensor and pass it on (new = f(old)) instead of assigning it to a variable",
    parts=True,
)
ARGMAX = Cause(
    "argmax",
    what="an index is taken and used as a value",
    fix="use the probabilities (softmax, Gumbel-softmax) instead of the index of the largest one",
    steps=True,
)
RANKS = Cause(
    "argsort-topk-index",
    what="positions are taken and used as values",
    fix="use the sorted values (tf.sort, tf.math.top_k(...).values), not their positions",
    steps=True,
)
SAMPLING = Cause(
    "random-sampling",
    what="a sample is drawn from it",
    fix="draw noise that does not depend on the parameters and transform it (reparameterisation), or use a "
    "score-function estimator",
    steps=True,
)
COMPARISON = Cause(
    "comparison",
    what="a comparison turns the value into true or false",
    fix="replace the threshold by a smooth one (tf.sigmoid) or by a loss on the values themselves",
    steps=True,
)
INTEGER_CAST = Cause(
    "integer-cast",
    what="a float is cast to an integer",
    fix="keep the values in floating point; if you need levels, use a soft version (tf.sigmoid) or a straight-through "
    "estimator",
    steps=True,
)
NO_GRADIENT = Cause(
    "no-gradient-op",
    what="this operation has no gradient",
    fix="replace the op by a differentiable one, or pass the gradient straight through: "
    "x + tf.stop_gradient(op(x) - x)",
)


NO_WAY_BACK = "back_prop=False"  # of tf.while_loop, tf.scan, tf.map_fn and others: a stop_gradient behind the loop


# --- how the question gets here ---------------------------------------------------------------------------------------


@rule(Kind.NONE, rank=60)
def stops_at_an_op(case: Case) -> Finding | None:
    """The source reaches the loss, and of an op on the way the output has a gradient and the input has none."""
    if not case.flow.reached or not case.cuts:
        return None
    return find(case, CUT)


@rule(Kind.NONE, rank=65)
def loss_is_no_float(case: Case) -> Finding | None:
    """The source reaches the loss, which is an integer or a truth value: then the gradient ends before it begins."""
    targets = case.recorded.targets
    if not case.flow.reached or all(t.dtype in FLOATS for t in targets) or not case.flow.path:
        return None
    last = case.flow.path[-1]
    found = find(case.but(given_cut=walk_back(case.recorded, case.flow, last, last.outs[0])), CUT)
    if found is not None:
        found.evidence = f"the loss itself is {targets[0].dtype.name}, which has no gradient"
    return found


# --- which op it is ---------------------------------------------------------------------------------------------------


def at_cut(case: Case, evidence: str = "") -> Finding:
    """The finding that blames the op of `case.cut`."""
    cut, run = case.cut, case.recorded
    return Finding(
        place_of(cut.op),
        evidence or gradient_sentence(run, cut, "None leaves it towards the source"),
        (Proof.GRADIENT,),
        cut.op.type,
        cut.op,
        norm=run.norm(cut.key) if cut.key is not None else None,
    )


def gradient_sentence(run: Run, cut: Cut, leaves: str) -> str:
    """What is known of the gradient on both sides of a cut; `leaves` says what leaves it."""
    op = cut.op
    name = op_name(op)
    if cut.how == "state":
        return f"{name} writes the value into a variable; the gradient of what is read from there later ends at it"
    if cut.how == "forward":
        return f"{name} already gives values that are not finite in the forward pass"
    norms = [n for n in (run.norm(o) for o in op.outs) if n is not None]
    if norms:
        arrives = f"the gradient arrives at the output of {name} with norm {norms[0]:.3g}"
    elif any(run.live(o) for o in op.outs):
        arrives = f"a gradient arrives at the output of {name}"
    else:
        arrives = f"{name} has no gradient to pass on"
    if cut.how == "cancel":
        return f"{arrives}; the contributions to its input add up to exactly zero"
    return f"{arrives}; {leaves}"


def op_name(op: Op) -> str:
    """An op's type, with what it is in the user's innermost line where the text tells."""
    return named(op.type, next(iter(place_of(op)), None), node_of(op.spot))


@rule(CUT, rank=10, cause=PIPELINE)
def written_into_a_pipeline(case: Case) -> Finding | None:
    """A queue, a table or an iterator took the value and gave it back: it keeps values, not gradients."""
    return at_cut(case) if case.cut.how == "state" and op_types.is_pipeline(case.cut.op.type) else None


@rule(CUT, rank=15, cause=STATE_ASSIGN)
def written_into_a_variable(case: Case) -> Finding | None:
    """An assign op has no gradient: what is read from the variable afterwards starts anew."""
    return at_cut(case) if case.cut.how == "state" else None


@rule(CUT, rank=20, cause=STOP_GRADIENT)
def stopped(case: Case) -> Finding | None:
    """The op exists to end the gradient, so it is by design until the user says otherwise."""
    found = at_cut(case) if case.cut.op.type in op_types.STOPS else None
    if found is not None:
        found.message = "no gradient by design here: tf.stop_gradient says so"
        if any(NO_WAY_BACK in place.code for place in found.where[:1]):
            found.message = f"no gradient by design here: {NO_WAY_BACK} says so"
            found.fix = f"leave out {NO_WAY_BACK} if the gradient should go through the loop"
    return found


@rule(CUT, rank=25, cause=CUSTOM_GRADIENT)
def custom_gradient_returns_none(case: Case) -> Finding | None:
    """The op ran inside tf.custom_gradient, whose backward function alone decides what is passed on."""
    return at_cut(case) if "custom_gradient" in case.cut.op.marks else None


@rule(CUT, rank=30, cause=PY_FUNCTION)
def python_function_op(case: Case) -> Finding | None:
    """TensorFlow sees a Python function as one op, and what NumPy does in it is not recorded."""
    return at_cut(case) if case.cut.op.type in op_types.PYTHON else None


@rule(CUT, rank=35, cause=PIPELINE)
def pipeline_op(case: Case) -> Finding | None:
    """An op of a dataset, a queue or a table."""
    return at_cut(case) if op_types.is_pipeline(case.cut.op.type) else None


@rule(CUT, rank=40, cause=ARGMAX)
def index_of_the_largest(case: Case) -> Finding | None:
    """The index stays the same when the values move a little: its slope is zero or does not exist."""
    return at_cut(case) if case.cut.op.type in op_types.ARGMAX else None


@rule(CUT, rank=45, cause=RANKS)
def positions(case: Case) -> Finding | None:
    """Positions stay the same when the values move a little. (The sorted values have a gradient.)"""
    return at_cut(case) if case.cut.op.type in op_types.RANKS else None


@rule(CUT, rank=50, cause=SAMPLING)
def sampled(case: Case) -> Finding | None:
    """The op draws from a distribution with this parameter, or a fresh random number is compared with it (a gate)."""
    kind = case.cut.op.type
    gate = kind in op_types.COMPARISONS and _compared_with_a_draw(case)
    return at_cut(case) if kind in op_types.SAMPLERS or gate else None


def _compared_with_a_draw(case: Case) -> bool:
    carriers = case.flow.carriers.get(case.cut.op.index, [])
    others = [k for k in case.cut.op.ins if k not in carriers]
    return any(descends(case.recorded, k, op_types.DRAWS, DRAW_DEPTH) is not None for k in others)


@rule(CUT, rank=55, cause=COMPARISON)
def compared(case: Case) -> Finding | None:
    """The answer is true or false: it jumps, and is constant in between."""
    op = case.cut.op
    to_bool = op.type == "Cast" and case.recorded.value(op.outs[0]).dtype == tf.bool
    return at_cut(case) if op.type in op_types.COMPARISONS or to_bool else None


@rule(CUT, rank=60, cause=INTEGER_CAST)
def cast_to_integer(case: Case) -> Finding | None:
    """Integers have no gradient in TensorFlow, also where the number is the same before and after."""
    op = case.cut.op
    to_integer = op.type == "Cast" and case.recorded.value(op.outs[0]).dtype.is_integer
    return at_cut(case) if to_integer or op.type == "Bitcast" else None


@rule(CUT, rank=65, cause=STATE_ASSIGN)
def state_op(case: Case) -> Finding | None:
    """An op that makes or changes a variable."""
    return at_cut(case) if op_types.is_state(case.cut.op.type) else None


@rule(CUT, rank=90, cause=NO_GRADIENT)
def no_gradient_registered(case: Case) -> Finding | None:
    """No other rule knows the op, and the gradient ends there: TensorFlow has none for it."""
    return at_cut(case)


# --- TensorFlow says so itself ----------------------------------------------------------------------------------------


def _named_op(case: Case) -> tuple[str, Op | None] | None:
    """The op type that TensorFlow's exception names, and the op of the run that it means."""
    text = str(case.error)
    if not (type(case.error) is LookupError or "No gradient defined" in text or "gradient registry has no" in text):
        return None
    kind = next(iter(text.replace('"', "'").split("'")[1::2]), "")
    if "entry for:" in text:
        kind = text.rsplit("entry for:", 1)[1].strip()
    if "op type:" in text:
        kind = text.rsplit("op type:", 1)[1].split(")")[0].strip()
    if case.run is None:
        return kind, None
    same = [op for op in case.run.trace.ops if op.type == kind]
    needed = [op for op in same if case.source is None or op.index in case.flow.needed]
    return kind, (needed[-1] if needed else same[0] if same else None)


def _refused_at(case: Case, kind: str, op: Op | None) -> Finding:
    where: list[Place] = place_of(op) or case.raised_at
    return Finding(where, f"TensorFlow has no gradient for {kind or 'an op on the way'}", (Proof.ERROR,), kind, op)


@rule(Kind.RAISES, rank=20, cause=SAMPLING)
def sampler_refuses(case: Case) -> Finding | None:
    """TensorFlow's exception names an op that draws samples."""
    named = case.once(_named_op)
    return _refused_at(case, *named) if named is not None and named[0] in op_types.SAMPLERS else None


@rule(Kind.RAISES, rank=25, cause=NO_GRADIENT)
def op_refuses(case: Case) -> Finding | None:
    """TensorFlow's exception names an op for which no gradient is registered."""
    named = case.once(_named_op)
    return _refused_at(case, *named) if named is not None else None


@rule(Kind.RAISES, rank=27, cause=NO_GRADIENT)
def its_gradient_refuses(case: Case) -> Finding | None:
    """The exception was raised by TensorFlow's own gradient function of an op, which says that there is none, or can't be
    called: it stands in the traceback with the op's type."""
    if not isinstance(case.error, (TypeError, NotImplementedError, LookupError)):
        return None
    kind = _differentiated(case.error)
    if not kind or kind in op_types.PYTHON:
        return None
    same = [op for op in case.run.trace.ops if op.type == kind] if case.run is not None else []
    op = next((op for op in reversed(same) if case.source is None or op.index in case.flow.needed), None)
    found = _refused_at(case, kind, op)
    found.evidence = f"TensorFlow's own gradient of {kind} raised it"
    return found


def _differentiated(error: BaseException) -> str:
    """The type of the op whose gradient function TensorFlow was in when it raised; empty if it was in none."""
    kind, traceback = "", error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if str(frame.f_globals.get("__name__", "")).startswith("tensorflow.python."):
            if frame.f_code.co_name == "_gradient_function":  # in eager mode
                kind = str(frame.f_locals.get("op_name") or "")
            elif frame.f_code.co_name == "_MaybeCompile":  # in a graph
                kind = str(getattr(frame.f_locals.get("op"), "type", ""))
        traceback = traceback.tb_next
    return kind
