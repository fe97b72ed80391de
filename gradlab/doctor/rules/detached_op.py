"""From a located cut to a label of the vocabulary, by the kind of op and what surrounds it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gradlab.doctor.analysis.cuts import Cut, after, descends
from gradlab.doctor.analysis.dataflow import Flow
from gradlab.doctor.analysis.zero_cuts import meeting, zero_origin
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.trace import Op

COMPARE = {
    "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "ApproximateEqual", "IsNan", "IsInf",
    "IsFinite",
    "LogicalAnd", "LogicalOr", "LogicalNot", "Where", "InTopK", "InTopKV2", "Any", "All",
}  # fmt: skip
ARGMAX = {"ArgMax", "ArgMin"}
RANKS = {"TopKV2", "TopK", "NthElement", "ApproxTopK", "Unsort"}
SAMPLERS = {
    "Multinomial", "StatelessMultinomial", "RandomPoisson", "RandomPoissonV2", "StatelessRandomPoisson",
    "RandomShuffle",
    "StatelessRandomBinomial", "StatefulRandomBinomial", "RandomUniformInt", "StatelessRandomUniformInt",
    "StatelessRandomUniformIntV2", "StatefulUniformInt", "StatelessParameterizedTruncatedNormal",
    "ParameterizedTruncatedNormal",
    "StatelessShuffle", "StatelessRandomGammaV3", "LogUniformCandidateSampler", "UniformCandidateSampler",
    "LearnedUnigramCandidateSampler", "StatelessSampleDistortedBoundingBox", "RandomGammaGrad",
}  # fmt: skip
DRAWS = {
    "RandomUniform", "RandomStandardNormal", "StatelessRandomUniform", "StatelessRandomUniformV2", "StatefulUniform",
    "StatelessRandomNormal", "StatelessRandomNormalV2", "StatefulStandardNormalV2", "StatefulUniformFullInt",
    "TruncatedNormal", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2", "RandomGamma",
}  # fmt: skip
PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
STATE_OPS = ("Assign", "ResourceScatter", "ResourceApply", "ResourceStrided", "VarHandle")
PIPELINE = (
    "Dataset",
    "Iterator",
    "MakeIterator",
    "Queue",
    "Stack",
    "LookupTable",
    "Barrier",
    "StagingArea",
    "Stage",
    "Unstage",
    "MapStage",
)
SATURATES = {
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Minimum", "Maximum", "ClipByValue", "Sigmoid", "Tanh", "Softplus",
    "Softsign",
    "Sign", "Erf", "Softmax", "LogSoftmax", "SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits",
    "Abs", "Erfc",
    "Max", "Min", "MaxPool",
}  # fmt: skip
PRODUCTS = {
    "Mul", "MulNoNan", "MatMul", "BatchMatMulV2", "BatchMatMul", "BatchMatMulV3", "Einsum", "Conv2D", "Conv1D",
    "Conv3D", "DepthwiseConv2dNative", "RealDiv", "DivNoNan", "Xdivy", "SparseTensorDenseMatMul", "Prod", "Pow",
    "Square",
}  # fmt: skip
SELECTS = {"SelectV2", "Select"}
FLAT = {
    "Round", "Rint", "Floor", "Ceil", "FloorDiv", "Sign", "HistogramFixedWidth", "Bucketize", "AsString",
    "StringToNumber", "FloorMod", "LowerBound", "UpperBound", "Unique", "UniqueV2", "DenseBincount", "Bincount",
    "OneHot", "Quantize", "QuantizeV2",
}  # fmt: skip
HALF = {tf.float16, tf.bfloat16}


def of_cut(run: Run, flow: Flow, cut: Cut) -> str:
    """The label of a place where the gradient stops."""
    op = cut.op
    kind = op.type
    if cut.how == "state":
        return "stateful-pipeline" if any(p in kind for p in PIPELINE) else "state-assign"
    if kind in ("StopGradient", "PreventGradient"):
        return "stop-gradient"
    if "custom_gradient" in op.marks:
        return "custom-gradient"
    if kind in PYTHON:
        return "py-function"
    if any(p in kind for p in PIPELINE):
        return "stateful-pipeline"
    if kind in ARGMAX:
        return "argmax"
    if kind in RANKS:
        return "argsort-topk-index"
    if kind in SAMPLERS:
        return "random-sampling"
    if kind in COMPARE:
        return "random-sampling" if _drawn(run, flow, op) else "comparison"
    if kind == "Cast":
        out = run.value(op.outs[0])
        if out.dtype == tf.bool:
            return "comparison"
        return "integer-cast" if out.dtype.is_integer else "no-gradient-op"
    if kind == "Bitcast":
        return "integer-cast"
    if kind.startswith(STATE_OPS):
        return "state-assign"
    return "no-gradient-op"


def _drawn(run: Run, flow: Flow, op: Op) -> bool:
    """Is one side of a comparison a fresh random draw that does not depend on the source?"""
    carriers = flow.carriers.get(op.index, [])
    others = [k for k in op.ins if k not in carriers]
    return any(descends(run, k, DRAWS, 8) is not None for k in others)


def of_zero(run: Run, flow: Flow, cut: Cut) -> tuple[str, Op]:
    """The label of a place where the gradient becomes zero, and the op to blame."""
    op, kind = cut.op, cut.op.type
    if "custom_gradient" in op.marks and kind.startswith("Identity"):
        return "custom-gradient", op
    if kind in PYTHON:
        return "py-function", op
    if cut.how == "cancel":
        return "zero-cancel", (meeting(run, flow, cut.key) if cut.key is not None else None) or op
    carriers = flow.carriers[op.index]
    if kind in SELECTS:
        return ("zero-saturated" if op.ins[0] in carriers else "zero-masked"), op
    if kind in ("Sub", "AddN", "Mean") and len(set(carriers)) < len(carriers):
        return "zero-cancel", op
    if kind in ("Softmax", "LogSoftmax") and run.value(op.outs[0]).shape[-1] == 1:
        return "zero-cancel", op  # the softmax of one number is 1 whatever the number is
    if kind in ("Softmax", "LogSoftmax"):
        peak = float(tf.reduce_min(tf.reduce_max(tf.nn.softmax(tf.cast(run.value(op.ins[0]), tf.float64)), -1)))
        half = run.value(op.outs[0]).dtype in HALF
        return ("zero-saturated" if peak > 1 - 1e-6 or half else "zero-cancel"), op
    if kind in PRODUCTS:
        for k in op.ins:
            value = run.value(k)
            if k == cut.key or not run.is_float(k) or np.any(np.asarray(tf.cast(value, tf.float32))):
                continue
            origin = zero_origin(run, k)
            if origin is None:
                return "zero-masked", op
            if origin.type in SATURATES:
                return "zero-saturated", origin
            if origin.type in ("Exp", "Pow", "Prod", "Sigmoid", "Square") or origin.type == "Mul":
                return (
                    "zero-underflow" if origin.index in flow.carriers or not _mask(run, origin) else "zero-masked"
                ), origin
            if origin.type in SELECTS and origin.ins[0] in flow.tainted:
                return "zero-saturated", origin
            if origin.type == "Cast" and flow.carriers.get(origin.index):
                return "zero-saturated", origin
            if origin.type == "Cast" and run.is_float(origin.ins[0]):
                return "zero-underflow", origin
            return "zero-masked", op if origin.type in ("Fill", "ZerosLike", "Cast") or not origin.stack else origin
        if kind in ("Pow", "Square", "Mul") and _zero(run, cut.key):
            difference = run.trace.producer.get(cut.key) if cut.key is not None else None
            both = flow.carriers.get(difference.index, []) if difference is not None else []
            if difference is not None and difference.type == "Sub" and len(set(both)) == 2:
                return "zero-cancel", difference  # the source gives the same value on both sides
        if kind in ("Pow", "Square", "Prod", "Mul", "MatMul") and _zero(run, cut.key):
            return "zero-saturated", op  # a stationary point: x ** 2 at 0
        return "zero-underflow", op
    if kind in SATURATES:
        tiny = _tiny(run, op)
        return (
            "zero-underflow" if tiny and kind in ("Sigmoid", "Tanh", "Erf", "Softplus", "Erfc") else "zero-saturated"
        ), op
    if kind == "Exp" or kind == "Cast" or _tiny(run, op):
        return "zero-underflow", op
    if kind in (
        "Mean",
        "Sum",
        "StridedSlice",
        "GatherV2",
        "GatherNd",
        "Slice",
        "Pack",
        "Unpack",
        "ConcatV2",
        "Split",
        "SplitV",
    ):
        return "zero-masked", op
    if kind in ("Round", "Rint", "Floor", "Ceil", "FloorDiv"):
        return "no-gradient-op", op
    return "zero-saturated", op


def _zero(run: Run, k: int | None) -> bool:
    value = None if k is None else run.value(k)
    return value is not None and not np.any(np.asarray(tf.cast(value, tf.float64)))


def _mask(run: Run, op: Op) -> bool:
    """Did a product become zero because one factor is zero somewhere (a mask), not because it is too small?"""
    return any(run.is_float(k) and bool(tf.reduce_any(tf.equal(run.value(k), 0))) for k in op.ins)


def _tiny(run: Run, op: Op) -> bool:
    """Are the gradients that arrive at an op near the smallest number of their dtype?"""
    for o in op.outs:
        gradient = run.gradients.get(o)
        if gradient is None or not run.is_float(o):
            continue
        gradient = tf.convert_to_tensor(gradient)
        if gradient.dtype in HALF:
            return True
        top = float(tf.reduce_max(tf.abs(tf.cast(gradient, tf.float64))))
        return 0 < top < 1e-30 if gradient.dtype == tf.float32 else 0 < top < 1e-290
    return False


def of_not_finite(run: Run, flow: Flow, cut: Cut) -> str:
    """The label of a place where the gradient becomes NaN or infinite."""
    op = cut.op
    if cut.how == "forward":
        return "nan-forward"
    if "custom_gradient" in op.marks and op.type.startswith("Identity"):
        return "custom-gradient"
    later = after(run, op, flow.needed)
    selects = [o for o in run.trace.ops if o.index in later and o.type in SELECTS]
    out_bad = any(run.is_float(o) and not bool(tf.reduce_all(tf.math.is_finite(run.value(o)))) for o in op.outs)
    if out_bad:
        mended = any(_tests_itself(run, s, later, op) for s in selects)
        return "nan-forward" if mended or not (selects or _masked(run, op)) else "nan-where"
    return "nan-where" if _masked(run, op) and _chosen_away(run, flow, op) else "nan-sqrt-norm"


_CHOOSERS = SELECTS | {
    "Maximum", "Minimum", "ClipByValue", "Relu", "Relu6", "StridedSlice", "Slice", "GatherV2", "GatherNd", "Max",
    "Min", "BooleanMask", "ResourceGather", "TensorScatterUpdate", "UnsortedSegmentMax", "Split", "SplitV",
    "Unpack",
}  # fmt: skip


def _chosen_away(run: Run, flow: Flow, op: Op) -> bool:
    """Does a choice further on (where, slice, maximum, a mask's zeros) make the arriving zero, and not a slope that is
    zero by itself?"""
    keys = set(op.outs)
    for later in run.trace.ops:
        if later.index <= op.index or later.index not in flow.needed or not any(k in keys for k in later.ins):
            continue
        if later.type in _CHOOSERS:
            return True
        if later.type in ("Mul", "MulNoNan", "MatMul", "BatchMatMulV2"):
            others = [k for k in later.ins if k not in keys and run.is_float(k)]
            if any(bool(tf.reduce_any(tf.equal(run.value(k), 0))) for k in others):
                return True
        if any(
            run.kind(o) == "ok" and bool(tf.reduce_all(tf.not_equal(tf.convert_to_tensor(run.gradients[o]), 0)))
            for o in later.outs
            if run.gradients.get(o) is not None
        ):
            return False
        keys.update(later.outs)
    return False


def _tests_itself(run: Run, select: Op, later: set[int], op: Op) -> bool:
    """Does the condition of a where() test the very values that the op spoilt?"""
    maker = run.trace.producer.get(select.ins[0])
    seen = 0
    while maker is not None and seen < 20:
        if maker.type in ("IsNan", "IsInf", "IsFinite"):
            source = run.trace.producer.get(maker.ins[0])
            return source is not None and (source.index in later or source.index == op.index)
        seen += 1
        maker = run.trace.producer.get(maker.ins[0]) if maker.ins else None
    return False


def _masked(run: Run, op: Op) -> bool:
    """Is the gradient that arrives zero exactly where the op spoils it: a branch that was not taken?"""
    for o in op.outs:
        arriving = run.gradients.get(o)
        if arriving is None or not run.is_float(o):
            continue
        for k in op.ins:
            leaving = run.gradients.get(k)
            if leaving is None:
                continue
            a, b = np.asarray(tf.convert_to_tensor(arriving)), np.asarray(tf.convert_to_tensor(leaving))
            if a.shape == b.shape:
                spoilt = ~np.isfinite(b)
                return bool(spoilt.any() and (a[spoilt] == 0).all())
            return bool((a == 0).any())
    return False


def raised_by(run: Run | None, flow: Flow | None, error: BaseException) -> tuple[str, Op | None, str]:
    """Label, op and op type for a gradient call that raised."""
    text = str(error)
    if type(error) is LookupError or "No gradient defined" in text or "gradient registry has no entry" in text:
        kind = ""
        for quoted in text.replace('"', "'").split("'")[1::2]:
            kind = quoted
            break
        if "entry for:" in text:
            kind = text.rsplit("entry for:", 1)[1].strip()
        if "op type:" in text:
            kind = text.rsplit("op type:", 1)[1].split(")")[0].strip()
        found = None
        for op in run.trace.ops if run else ():
            if op.type == kind and (found is None or flow is None or op.index in flow.needed):
                found = op
        label = "random-sampling" if kind in SAMPLERS else "no-gradient-op"
        return label, found, kind
    return "", None, ""
