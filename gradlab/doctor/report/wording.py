"""A few words on what happened and one line of what to do, for every cause."""

from __future__ import annotations

from gradlab.doctor.report.diagnosis import Row

FIXES = {
    "integer-cast": "keep the values in floating point; if you need levels, use a soft version (tf.sigmoid) "
    "or a straight-through estimator",
    "integer-source": "make the source a float (tf.Variable(4.0)), or differentiate with respect to what is "
    "looked up with it, e.g. the embedding's output",
    "argmax": "use the probabilities (softmax, Gumbel-softmax) instead of the index of the largest one",
    "argsort-topk-index": "use the sorted values (tf.sort, tf.math.top_k(...).values), not their positions",
    "comparison": "replace the threshold by a smooth one (tf.sigmoid) or by a loss on the values themselves",
    "no-gradient-op": "replace the op by a differentiable one, or pass the gradient straight through: x + "
    "tf.stop_gradient(op(x) - x)",
    "random-sampling": "draw noise that does not depend on the parameters and transform it "
    "(reparameterisation), or use a score-function estimator",
    "numpy-conversion": "stay in TensorFlow: use tf functions on the tensor and call the model instead of predict",
    "py-function": "write the function with TensorFlow ops, or give it a gradient with tf.custom_gradient",
    "stateful-pipeline": "compute with the tensor itself; a tf.data pipeline carries values, not gradients",
    "stop-gradient": "nothing to do if it is meant; otherwise remove the tf.stop_gradient",
    "custom-gradient": "return a gradient for every input (and for every variable) from the custom gradient function",
    "state-assign": "keep the state a tensor and pass it on (new = f(old)) instead of assigning it to a variable",
    "before-tape": "move this computation inside the tape, or inside the loss function",
    "after-tape": "move this computation inside the tape's with-block",
    "tape-order": "watch the tensor before its first use, and do not stop the recording around it",
    "not-watched": "call tape.watch(x) before x is used (explain: watch=('x',)), or make it a tf.Variable",
    "wrong-source": "ask for the object that the loss really uses",
    "variable-rebound": "update in place: v.assign_sub(lr * g); the name now refers to a plain tensor",
    "non-trainable": "create it with trainable=True, or tape.watch it, if it should have a gradient",
    "unconnected": "use it in the loss, or leave it out of the sources",
    "loop-condition": "a number of iterations has no derivative: make the quantity enter the computed values",
    "empty-vars": "keep the variable where the owner of the list looks: add_weight, or a layer as an attribute of a "
    "layer or model (or name the variable in the list)",
    "tape-misuse": "open the tape with persistent=True, or make one gradient call for all sources",
    "api-misuse": "pass what the call accepts (see the message)",
    "indexed-slices": "convert it first: tf.convert_to_tensor(g)",
    "nan-where": "make the branch that is not taken safe as well: put a harmless number in before the op "
    "(the double where)",
    "nan-sqrt-norm": "keep the argument away from 0: tf.sqrt(x + 1e-12), tf.maximum(x, 1e-6)",
    "nan-forward": "mend the values of the forward pass first: this op already gives NaN or infinity",
    "zero-saturated": "keep the input out of the flat region (scale, initialise, use logits or a leaky function)",
    "zero-cancel": "the terms cancel: change the loss (a stop_gradient on one of them, or another estimator)",
    "zero-masked": "check the mask, the mask value and the zeros that multiply it",
    "zero-underflow": "use a wider dtype, scale the loss, or compute with logarithms",
    "wrong-op-gradient": "rewrite with other ops; the op's registered gradient is wrong here",
}
CAUSES = {
    "integer-cast": "a float goes through an integer type",
    "integer-source": "the source itself is an integer",
    "argmax": "an index is taken and used as a value",
    "argsort-topk-index": "positions are taken and used as values",
    "comparison": "a comparison turns the value into true or false",
    "no-gradient-op": "this operation has no gradient",
    "random-sampling": "a sample is drawn from it",
    "numpy-conversion": "the value leaves TensorFlow",
    "py-function": "the path runs through a Python function that TensorFlow can't differentiate",
    "stateful-pipeline": "the value goes through a tf.data pipeline",
    "stop-gradient": "tf.stop_gradient ends the path",
    "custom-gradient": "a custom gradient returns nothing for it",
    "state-assign": "the value is written into a variable, and read from there it has no past",
    "before-tape": "it was computed before the tape began to record",
    "after-tape": "it was computed after the tape had stopped recording",
    "tape-order": "it was watched too late, or while the tape did not record",
    "not-watched": "no tape watches this tensor",
    "wrong-source": "the loss was made from another object than the one asked for",
    "variable-rebound": "the name of the variable was given to a plain tensor",
    "non-trainable": "the variable is not trainable, so no tape watches it",
    "unconnected": "it is used here, and nothing of that reaches the loss",
    "loop-condition": "it only decides how often a loop runs",
    "empty-vars": "the list of variables is empty or too short",
    "tape-misuse": "the tape can't be asked this, or not again",
    "api-misuse": "the call refuses what it was given",
    "indexed-slices": "the gradient is an IndexedSlices where a tensor is expected",
    "nan-where": "the branch that tf.where does not take has no finite derivative",
    "nan-sqrt-norm": "a root or a norm is taken at 0, where its derivative is infinite",
    "nan-forward": "the value is not finite already in the forward pass",
    "zero-saturated": "the function is flat here",
    "zero-cancel": "the contributions cancel",
    "zero-masked": "everything here is masked or multiplied by zero",
    "zero-underflow": "the gradient is too small for its type",
    "wrong-op-gradient": "the operation's registered gradient is wrong here",
}
BY_DESIGN = {"stop-gradient"}


def finish(row: Row, *, statistic: bool = False, index_in_metric: bool = False) -> Row:
    """Add the fix and the words for gradients that are absent by design."""
    if row.cause:
        row.fix = FIXES.get(row.cause, row.fix)
    if row.cause in BY_DESIGN:
        row.by_design = True
        row.message = "no gradient by design here: tf.stop_gradient says so"
    elif statistic:
        row.by_design = True
        row.message = "no gradient by design here: a statistic that the layer updates itself"
        row.fix = "nothing to do: leave it out of the sources"
    elif index_in_metric:
        row.by_design = True
        row.message = "no gradient by design here: a metric counts, it is not a loss"
    return row
