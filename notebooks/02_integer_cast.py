# %% [markdown]
# # 2. Integers, indices and NumPy
#
# Popular answers on the web say that three things "detach" a tensor from the tape. That means that no gradient passes them. They are **casting** it
# to an integer type, **indexing** with integers, and going through **NumPy**. You test all three, each with one switch.
#
# **Needs**: to have seen `tf.GradientTape` once. **Gives**: you can say where a path ends at an integer or at NumPy, and avoid it. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # where each switch stands at first
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. Cast to an integer and back
#
# **Claim.** *Casting to an integer type inside the tape detaches everything before it.*
#
# The network is one SimpleRNN cell stepped over a short sequence of random numbers. With the switch on, the last hidden state
# goes to `int32` and back to `float32` on its way into the loss.
#
# <!-- question: integer_cast -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("integer_cast", bug=bug, predict=True)

# %% [markdown]
# **Look.** Bright is large, dark is small, black is exactly zero, hatched is
# `None`. Then drag the knobs: does any length or width bring a gradient back? Last, train both versions for 30 steps.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("integer_cast")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: integer_cast -->
#
# **Explain.** A derivative asks what happens when the input moves a *little*. An integer can't move a little. TensorFlow has a gradient
# function for the cast, and for a cast to an integer that function returns `None`: the path from the loss back to the weights ends there.
# The result is Python's `None`, which is neither a small gradient nor a zero. Casting back to float does not restore the path.
#
# (An operation for which TensorFlow has *no* gradient function is another case. There the tape raises a `LookupError`.)

# %% [markdown]
# **Exercise.** This code rates how far the level is from 5, in whole steps. Repair it so that every weight gets its gradient. There are two right
# ways: a loss without whole numbers, or one that keeps them and gets its gradient from something else. The check accepts both. It does not accept a
# loss that leaves the network out.
#
# Hint: Which operation ends the path? It is the one that gives the level its integer type.
# Hint: One way: leave the two casts out and work with `10 * h`.
# Hint: The other way is the *straight-through estimator*: `level + tf.stop_gradient(whole - level)` has the value of `whole` and the gradient of
# `level`. With `level = 10 * h`, `whole = tf.cast(tf.cast(level, tf.int32), tf.float32)`, and `level + tf.stop_gradient(whole -
# level)` in the loss.

# %% tags=["exercise"]
import numpy as np
import tensorflow as tf


def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = tf.cast(10 * h, tf.int32)
        loss = tf.reduce_mean(tf.cast((level - 5) ** 2, tf.float32))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("integer_cast", mine)


# %% tags=["solution"]
import numpy as np
import tensorflow as tf


def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("integer_cast", mine)


# %% [markdown]
# ## 2. Round, floor, argmax (extra)
#
# **Claim.** *An operation that jumps from one value to the next detaches like a cast to an integer does.*
#
# No integer type this time: `tf.round` takes a float and returns a float.
#
# <!-- question: rounding -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("rounding", bug=bug, predict=True)

# %% [markdown]
# **Look.** Try each of the three operations (the knob `op`).
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("rounding")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: rounding -->
#
# **Explain.** The result is constant between two jumps. There its derivative is zero, and at a jump it has none. Zero and `None` would both
# be reasonable answers, and TensorFlow chose for each operation: `tf.round`, `tf.floor` and `tf.argmax` give `None`, while `tf.sign`, which
# jumps as well, gives zeros ([notebook 10](10_zero_and_nan.ipynb)). Neither the dtype nor the shape of the curve tells you which. Look at
# the gradient.

# %%
gradlab.drawing("staircase")

# %% [markdown]
# **Exercise.** Give all three weights a gradient, with a loss that still prefers whole numbers: leaving `jump` out is not enough. One way
# is the straight-through estimator, the last hint of section 1. Another is a smooth staircase, for example `v - tf.sin(2 * np.pi * v) / (2 * np.pi)`. The
# check compares your loss with the one that jumps, at several weights.
#
# Hint: `jump` gives None whatever you put around it. So the gradient has to come by another way.
# Hint: `v + tf.stop_gradient(jump(v) - v)` has the value of `jump(v)`. Which gradient does it have?
# Hint: Or use the smooth staircase in the place of `jump`, with `v = 10 * h`.


# %% tags=["exercise"]
def mine(cell, x, jump):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = jump(10 * h)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("rounding", mine)


# %% tags=["solution"]
def mine(cell, x, jump):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h - tf.sin(2 * np.pi * 10 * h) / (2 * np.pi)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("rounding", mine)


# %% [markdown]
# ## 3. Pick rows by an integer index
#
# **Claim.** *Indexing a tensor with an integer tensor detaches it from the tape.*
#
# A table of eight word vectors feeds the cell. With the switch off, rows are picked by a matrix product with one-hot vectors;
# with the switch on, by `tf.gather` and integer ids.
#
# <!-- question: integer_index -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("integer_index", bug=bug, predict=True)

# %% [markdown]
# **Look.** Watch `table`. Use the arrow keys on the heatmap to find the rows that are exactly zero.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("integer_index")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: integer_index -->
#
# **Explain.** Integer *indices* leave the path whole, integer *values* do not. The ids decide which rows are used; the rows stay floats. The
# gradient of `tf.gather` comes as IndexedSlices: the rows that were used, and their row numbers. The other rows get zero.

# %% [markdown]
# **Exercise.** Which rows of the table get a gradient? Fill in the set of row numbers; the check looks at the gradient itself.
#
# Hint: Look at the heatmap of `table`. A row without a gradient is black.
# Hint: The ids that were picked are in the code of the set-up. A row that was not picked gets zero.
# Hint: Print `np.flatnonzero(table.any(axis=1))`.

# %% tags=["exercise"]
from gradlab.lab.difference import same_numbers

rows_with_gradient = {}  # your answer, for example {0, 1}
table = gradlab.compare("integer_index")[1]["table"].values
print(same_numbers(rows_with_gradient, np.flatnonzero(table.any(axis=1)), "look for the rows that are not black"))


# %% tags=["solution"]
from gradlab.lab.difference import same_numbers

rows_with_gradient = {4, 7}
table = gradlab.compare("integer_index")[1]["table"].values
print(same_numbers(rows_with_gradient, np.flatnonzero(table.any(axis=1)), "look for the rows that are not black"))


# %% [markdown]
# ## 4. Take a value to NumPy and back
#
# **Claim.** *Converting a tensor to a NumPy array detaches it from the tape.*
#
# The last hidden state goes through `.numpy()` and back through `tf.constant`: the same numbers, to the last digit.
#
# <!-- question: numpy_roundtrip -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("numpy_roundtrip", bug=bug, predict=True)

# %% [markdown]
# **Look.** Train both versions and compare the two losses: they are equal at the first step. And after that?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("numpy_roundtrip")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: numpy_roundtrip -->
#
# **Explain.** The tape records what TensorFlow computes. A NumPy array holds numbers and not how they were computed. So a constant made from it has
# no path to the weights. The same happens with `float(...)` and `np.mean(...)`. And `model.predict(...)` returns a NumPy array: call `model(...)`
# inside a tape.

# %% [markdown]
# **Exercise.** Here the loss itself is computed in NumPy. Repair it: compute it in TensorFlow.
#
# Hint: Which line leaves TensorFlow?
# Hint: There is a function of TensorFlow for each part of it: the mean, the square, the difference.
# Hint: `tf.reduce_mean((h - 1) ** 2)`.


# %% tags=["exercise"]
def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.constant(np.mean((h.numpy() - 1) ** 2))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_roundtrip", mine)


# %% tags=["solution"]
def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_roundtrip", mine)


# %% [markdown]
# ## 5. Write it yourself (extra)
#
# **Exercise.** Write a tool for your own code. A program is here a list of functions, each applied to the result of the one before. Write
# `first_cut`: the number of the first function after which the gradient with respect to the input is None, or None if the path is whole. The check
# tries three programs.
#
# Hint: Watch `x`, since it is a tensor.
# Hint: One persistent tape is enough: apply the functions inside it, and keep every result in a list.
# Hint: Then ask the tape for the gradient of each result, in order. Return the number of the first None.


# %% tags=["write"]
def first_cut(functions, x):
    """The number, counted from 0, of the first function behind which the gradient of x is None."""
    return "?"  # your lines


programs = {
    "whole": ([tf.tanh, tf.square, tf.reduce_sum], None),
    "rounded": ([tf.tanh, tf.round, tf.square], 1),
    "through NumPy": ([tf.square, tf.tanh, lambda v: tf.constant(v.numpy()), tf.reduce_sum], 2),
}
found = {name: first_cut(functions, tf.constant([0.3, 0.8])) for name, (functions, _) in programs.items()}
bad = [name for name, (_, wanted) in programs.items() if found[name] != wanted]
hint = "is x watched?" if found["whole"] == 0 else "print the gradient behind each function of this program"
print("right" if not bad else f"not yet: {', '.join(bad)}. Hint: {hint}")


# %% tags=["solution"]
def first_cut(functions, x):
    """The number, counted from 0, of the first function behind which the gradient of x is None."""
    results = []
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        for function in functions:
            x_now = function(results[-1] if results else x)
            results.append(x_now)
    for number, result in enumerate(results):
        if tape.gradient(result, x) is None:
            return number
    return None


programs = {
    "whole": ([tf.tanh, tf.square, tf.reduce_sum], None),
    "rounded": ([tf.tanh, tf.round, tf.square], 1),
    "through NumPy": ([tf.square, tf.tanh, lambda v: tf.constant(v.numpy()), tf.reduce_sum], 2),
}
found = {name: first_cut(functions, tf.constant([0.3, 0.8])) for name, (functions, _) in programs.items()}
bad = [name for name, (_, wanted) in programs.items() if found[name] != wanted]
hint = "is x watched?" if found["whole"] == 0 else "print the gradient behind each function of this program"
print("right" if not bad else f"not yet: {', '.join(bad)}. Hint: {hint}")

# %% [markdown]
# ## What you take home
#
# - **None** is not zero: it says that the tape knows no path from the loss to the weight.
# - Casts to integers, `round`, `floor` and `argmax` end the path. Integer *indices* do not.
# - A value that goes through NumPy comes back as a constant: the tape does not know how it was computed.
# - The straight-through estimator keeps the whole number in the loss and uses the gradient of the level.
#
# Next: [build, init and the list of variables](03_list_of_variables.ipynb)
