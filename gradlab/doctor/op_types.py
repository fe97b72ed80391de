"""Every set of TensorFlow op types that the doctor knows, with what the ops of a set have in common.

An op type is the name that a recorded operation carries: the name in `tf.raw_ops`. Nothing else in the doctor spells a
set of op types; `tests/doctor/test_op_types.py` checks that each name exists there.
"""

from __future__ import annotations

# --- what an op does to the flow of values -------------------------------------------------------------------------

# The output depends on the shape of the input only: the input's values do not pass through.
SHAPE_ONLY = frozenset({
    "Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike", "BroadcastGradientArgs", "VariableShape",
    "VarIsInitializedOp", "TensorListElementShape", "TensorListLength",
})  # fmt: skip
# Take a variable's handle and read its state, whole or in part, or ask about it. They change nothing.
READS = frozenset({"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape", "VarIsInitializedOp"})
# Have no state of their own, but count as stateful since what they call may have one.
REPEATED = frozenset({"VarHandleOp", "StatefulPartitionedCall", "PartitionedCall", "While", "If", "Case", "Assert"})
# The last input is the divisor.
DIVISIONS = frozenset({"RealDiv", "Div", "Xdivy"})
# Replace the whole state of a variable: what it held before no longer matters.
OVERWRITES = frozenset({"AssignVariableOp"})
# Plumbing without a value of its own: no step on the path that is shown to a reader.
NOT_SHOWN = frozenset({"ReadVariableOp", "VarHandleOp", "NoOp"})
# The leaves of a graph: they compute nothing.
GRAPH_LEAVES = frozenset({"Placeholder", "Const", "NoOp"})
# Ops of a graph that run other graphs.
LOOPS = frozenset({"While", "StatelessWhile"})
TWO_BRANCHES = frozenset({"If", "StatelessIf"})
BRANCHES = TWO_BRANCHES | {"Case", "StatelessCase"}
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
COMPOSITE = LOOPS | BRANCHES | CALLS
# Ops between the comparison that a condition is made of and the condition itself.
CONDITION_COPIES = frozenset({"Identity", "Cast", "LogicalNot", "LogicalAnd"})
# Hand on what they are given, unchanged.
COPIES = frozenset({"Identity", "IdentityN"})
# Hand on every number they are given, in another shape, order or float type.
REARRANGES = COPIES | frozenset({
    "Cast", "Reshape", "ExpandDims", "Squeeze", "Transpose", "Pack", "ConcatV2", "StridedSlice", "Slice",
})  # fmt: skip
# Sums and copies: a value behind them can be told from its terms (`x + stop_gradient(f(x) - x)`).
SUMS = frozenset({"AddV2", "Add", "Sub", "AddN"})
SUMS_AND_COPIES = SUMS | {"Identity", "Neg"}
# Draw a number at each run: a second run of the op alone gives another value.
_DRAWING_NAMES = ("Random", "Multinomial", "Sampler", "TruncatedNormal")

# --- ops without a gradient, by the reason why ----------------------------------------------------------------------

# End the gradient on purpose.
STOPS = frozenset({"StopGradient", "PreventGradient"})
# The answer is true or false.
COMPARISONS = frozenset({
    "Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual", "ApproximateEqual", "IsNan", "IsInf",
    "IsFinite", "LogicalAnd", "LogicalOr", "LogicalNot", "Where", "InTopK", "InTopKV2", "Any", "All",
})  # fmt: skip
EQUALITIES = frozenset({"Equal", "NotEqual"})
FINITE_TESTS = frozenset({"IsNan", "IsInf", "IsFinite"})
# The answer is the position of the largest or smallest value.
ARGMAX = frozenset({"ArgMax", "ArgMin"})
# The answer is the positions of many values in sorted order (their values do have a gradient).
RANKS = frozenset({"TopKV2", "TopK", "NthElement", "ApproxTopK"})
# Draw a sample from a distribution whose parameters they are given.
SAMPLERS = frozenset({
    "Multinomial", "StatelessMultinomial", "RandomPoisson", "RandomPoissonV2", "StatelessRandomPoisson",
    "RandomShuffle", "StatelessRandomBinomial", "StatefulRandomBinomial", "RandomUniformInt",
    "StatelessRandomUniformInt", "StatelessRandomUniformIntV2", "StatefulUniformInt",
    "StatelessParameterizedTruncatedNormal", "ParameterizedTruncatedNormal", "StatelessShuffle",
    "StatelessRandomGammaV3", "LogUniformCandidateSampler", "UniformCandidateSampler",
    "LearnedUnigramCandidateSampler", "StatelessSampleDistortedBoundingBox", "RandomGammaGrad",
})  # fmt: skip
# Draw noise that depends on no value of the program.
DRAWS = frozenset({
    "RandomUniform", "RandomStandardNormal", "StatelessRandomUniform", "StatelessRandomUniformV2", "StatefulUniform",
    "StatelessRandomNormal", "StatelessRandomNormalV2", "StatefulStandardNormalV2", "StatefulUniformFullInt",
    "TruncatedNormal", "StatelessTruncatedNormal", "StatelessTruncatedNormalV2", "RandomGamma",
})  # fmt: skip
# Need the inverse of a matrix, in the forward pass or in their gradient.
INVERTING = frozenset({"MatrixInverse", "MatrixDeterminant", "LogMatrixDeterminant", "MatrixSolve", "Cholesky"})
# Run a Python function.
PYTHON = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
# Step functions and look-ups: constant almost everywhere, so there is no slope to pass on.
STEPS = frozenset({"Round", "Rint", "Floor", "Ceil", "FloorDiv"})
FLAT = STEPS | {
    "Sign", "HistogramFixedWidth", "Bucketize", "AsString", "StringToNumber", "FloorMod", "LowerBound", "UpperBound",
    "Unique", "UniqueV2", "DenseBincount", "Bincount", "OneHot", "QuantizeV2",
}  # fmt: skip
# Give the eigenvalues and the eigenvectors of a symmetric matrix, in this order.
EIGENVECTORS = frozenset({"SelfAdjointEigV2"})
# Ops that refuse to be run by themselves, or whose own run says nothing about the recorded one.
NOT_RUN_ALONE = READS | COPIES | {"StopGradient", "EagerPyFunc", "PyFunc"}

# --- ops whose gradient may be exactly zero, or not finite, by the reason why ----------------------------------------

# Have a region where the slope is zero, or below the smallest number of the dtype.
SATURATING = frozenset({
    "Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Minimum", "Maximum", "ClipByValue", "Sigmoid", "Tanh", "Softplus",
    "Softsign", "Sign", "Erf", "Softmax", "LogSoftmax", "SoftmaxCrossEntropyWithLogits",
    "SparseSoftmaxCrossEntropyWithLogits", "Abs", "Erfc", "Max", "Min", "MaxPool",
})  # fmt: skip
# Of these, the ones whose slope falls towards zero without reaching it: an exact zero is rounding.
VANISHING = frozenset({"Sigmoid", "Tanh", "Erf", "Softplus", "Erfc"})
# The slopes of functions that are straight on both sides of a corner: the slope of these is zero everywhere.
PIECEWISE_SLOPES = frozenset({"ReluGrad", "Relu6Grad", "LeakyReluGrad"})
# Minus infinity at the end of where they are defined, and NaN below.
LOGARITHMS = frozenset({"Log", "Log1p"})
# Normalise a vector to sum 1.
SOFTMAX = frozenset({"Softmax", "LogSoftmax"})
# Multiply: the slope towards one factor is the other factor.
PRODUCTS = frozenset({
    "Mul", "MulNoNan", "MatMul", "BatchMatMulV2", "BatchMatMul", "BatchMatMulV3", "Einsum", "Conv2D", "Conv3D",
    "DepthwiseConv2dNative", "RealDiv", "DivNoNan", "Xdivy", "SparseTensorDenseMatMul", "Prod", "Pow", "Square",
})  # fmt: skip
# Products by which a mask can hide a value: a factor that is zero makes the arriving gradient zero.
MASKING_PRODUCTS = frozenset({"Mul", "MulNoNan", "MatMul", "BatchMatMulV2"})
# Of a difference in here, both sides may be the same value.
POWERS_OF_A_DIFFERENCE = frozenset({"Pow", "Square", "Mul"})
# Multiply a value with itself: the slope is the value.
POWERS = frozenset({"Pow", "Square"})
# Connectionist temporal classification: can be told to leave out a sample whose label is too long.
CTC = frozenset({"CTCLoss", "CTCLossV2"})
# Sums, differences and means, and ops that only rearrange: what goes through them to the loss shifts it, or does nothing.
SHIFTS = COPIES | frozenset({
    "ReadVariableOp", "BiasAdd", "AddV2", "Add", "AddN", "Sub", "Neg", "Sum", "Mean", "Reshape", "Squeeze", "ExpandDims",
    "Transpose", "Cast", "Pack", "Unpack", "ConcatV2", "Split", "SplitV",
})  # fmt: skip
# Are flat where their argument is 0 (x ** 2 at 0): a stationary point.
STATIONARY_AT_ZERO = frozenset({"Pow", "Square", "Prod", "Mul", "MatMul"})
# Make a number that is too small for its dtype out of ordinary ones.
UNDERFLOWING = frozenset({"Exp", "Pow", "Prod", "Sigmoid", "Square"})
# Never flat themselves: a zero that arises here is a number too small for its dtype.
NARROWING = frozenset({"Exp", "Cast"})
# Can make a number that is too large for its dtype out of ordinary ones.
OVERFLOWING = frozenset({
    "Mul", "MatMul", "BatchMatMulV2", "Exp", "Expm1", "Square", "Pow", "Prod", "Sum", "AddV2", "AddN", "Cast", "Sinh", "Cosh",
})  # fmt: skip
# Sum terms whose slopes may cancel.
CANCELLING = frozenset({"Sub", "AddN", "Mean"})
# Take one branch or the other, element by element.
SELECTS = frozenset({"SelectV2", "Select"})
# Make a value out of a shape and a constant: zeros in it are there on purpose.
CONSTANT_FILLS = frozenset({"Fill", "ZerosLike"})
# Where a chain of zeros ends: these give zero for inputs that are not.
MADE_ZERO_ON_PURPOSE = SELECTS | CONSTANT_FILLS | {"Relu", "Relu6"}
# Hand on a part of what they are given: a zero behind them says that this part is not used.
PARTS = frozenset({
    "Pack", "Unpack", "ConcatV2", "StridedSlice", "Slice", "Split", "SplitV", "GatherV2", "GatherNd",
    "TensorListStack", "TensorListGetItem", "Transpose", "Reshape", "ReverseV2",
})  # fmt: skip
# Reduce, cut or join: a zero that arises here comes from a part that is not used.
PARTS_AND_SUMS = frozenset({
    "Mean", "Sum", "StridedSlice", "GatherV2", "GatherNd", "Slice", "Pack", "Unpack", "ConcatV2", "Split", "SplitV",
})  # fmt: skip
# Choose among values: the gradient of what is not chosen is zero.
CHOOSERS = SELECTS | {
    "Maximum", "Minimum", "ClipByValue", "Relu", "Relu6", "StridedSlice", "Slice", "GatherV2", "GatherNd", "Max",
    "Min", "ResourceGather", "TensorScatterUpdate", "UnsortedSegmentMax", "Split", "SplitV", "Unpack",
}  # fmt: skip

# --- ops that `tf.raw_ops` takes with a list ------------------------------------------------------------------------

# All inputs are one list argument.
ONE_LIST = frozenset({"Pack", "AddN", "Einsum"})
# Have a list among their arguments.
WITH_LIST = ONE_LIST | {"ConcatV2"}


def is_write(kind: str) -> bool:
    """Does an op of this type change the state behind a resource handle?"""
    if kind.startswith(("Queue", "Stack", "LookupTable")):
        return any(verb in kind for verb in ("Enqueue", "Push", "Insert"))
    return kind.startswith(("Assign", "ResourceScatter", "ResourceApply", "ResourceStrided", "MakeIterator"))


def takes_data(kind: str) -> bool:
    """Does an op of this type take the next item out of an iterator, a queue or a reader?"""
    return kind.startswith(("IteratorGetNext", "MultiDeviceIteratorGetNext", "QueueDequeue", "ReaderRead"))


def is_shown(kind: str) -> bool:
    """Does an op of this type write where the user sees it: to the terminal or to a file?"""
    return kind.startswith(("Print", "WriteFile", "WriteSummary", "Save"))


def is_repeatable(kind: str) -> bool:
    """May an op of this type, which has a state or a side effect, run again? Its state is that of a variable, which can
    be put back, or it has none of its own: a call, a loop, a branch, a check."""
    return kind in READS | REPEATED or (is_write(kind) and kind.startswith(("Assign", "Resource")))


def is_state(kind: str) -> bool:
    """Does an op of this type make or change a variable?"""
    return kind.startswith(("Assign", "ResourceScatter", "ResourceApply", "ResourceStrided", "VarHandle"))


def is_call(kind: str) -> bool:
    """Is this the op of a tf.function? (The eager runtime names it after the function: `__inference_step_12`.)"""
    return kind.startswith(("__forward_", "__inference_")) or kind in CALLS


def is_dataset(kind: str) -> bool:
    """Is this an op of a tf.data pipeline?"""
    return "Dataset" in kind or "Iterator" in kind


def is_pipeline(kind: str) -> bool:
    """Does an op of this type carry values through something that knows no gradients: a dataset, a queue, a table?"""
    parts = ("Queue", "LookupTable", "Barrier", "Stage", "Unstage")
    return is_dataset(kind) or kind.startswith("Stack") or any(part in kind for part in parts)


def is_draw(kind: str) -> bool:
    """Does an op of this type draw a number at each run?"""
    return kind in SAMPLERS or kind in DRAWS or any(name in kind for name in _DRAWING_NAMES)


def is_list(kind: str) -> bool:
    """Is this an op of a TensorArray, as eager code and as graphs have it?"""
    return kind.startswith(("TensorList", "TensorArray"))


def is_lookup(kind: str) -> bool:
    """Does an op of this type look rows up by their numbers?"""
    return "Gather" in kind
