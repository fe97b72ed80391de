# %% [markdown]
# # 9. Leave TensorFlow, and write a gradient of your own
#
# TensorFlow has operations that call a Python function: `tf.py_function` and `tf.numpy_function`. It also lets you say yourself what the gradient
# of a function is: `tf.custom_gradient`. Popular answers advise these three when a gradient is `None`. You will see which gradient each of them
# gives.
#
# **Needs**: notebook [2](02_integer_cast.ipynb), above all the cast to an integer. **Gives**: you can find a gradient that is lost in code outside
# TensorFlow, and write a gradient yourself. <!-- minutes -->
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
# ## 1. Leave TensorFlow inside `tf.py_function`
#
# **Claim.** *A value that leaves TensorFlow shows up as a gradient of None, so you can't miss it.*
#
# A weight called `scale` has to stay positive, so it goes through softplus, log(1 + e^v). Both versions use `tf.py_function`; with the switch on, the
# Python function computes with NumPy.
#
# <!-- question: py_function_numpy -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("py_function_numpy", bug=bug, predict=True)

# %% [markdown]
# **Look.** Look at `scale`. Is it hatched (None) or black (zero)? Then train: which weight stays where it is?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("py_function_numpy")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: py_function_numpy -->
#
# **Explain.** Inside the Python function the path ends. `tf.py_function` has to return a tensor as the gradient, and it returns a zero. A finite
# difference shows that this zero is wrong, as the note under the table says.

# %% [markdown]
# ## 2. Repair a cast with a gradient of your own
#
# **Claim.** *A custom gradient is a way out where TensorFlow's own is None, as for a cast to an integer.*
#
# The path ends at a cast to an integer. Here the cast is inside a function with `tf.custom_gradient`. Such a function returns two things: its
# result, and a function for the backward pass. Here the second function passes the gradient on as if the cast were not there. This is the
# *straight-through estimator*.
#
# <!-- question: straight_through -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("straight_through", bug=bug, predict=True)

# %% [markdown]
# **Look.** Set the knob `backward` to what TensorFlow does by itself. Train with both settings.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("straight_through")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: straight_through -->
#
# **Explain.** The loss is computed from whole numbers and the gradients are those of the version without the cast. They are not the derivative of a
# staircase, which is zero wherever it does not jump. Here they have a direction that lowers the loss, and training works: press the training button
# of the panel.

# %% [markdown]
# **Exercise.** Here the function for the backward pass is wrong. Write it so that the weights get the gradients of the version without the cast.
# (Finite differences are not the measure in this exercise: those of a staircase are zero.)
#
# Hint: The second function is the one for the backward pass. What does it do to the gradient that arrives?
# Hint: It multiplies by 0. As if the cast were not there, it would multiply by 1.
# Hint: `lambda upstream: upstream`.


# %% tags=["exercise"]
import numpy as np
import tensorflow as tf


@tf.custom_gradient
def to_whole(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype), lambda upstream: 0 * upstream


def mine(cell, x, wanted, **_):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = -tf.reduce_mean(to_whole(10 * h) * wanted)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("straight_through", mine)


# %% tags=["solution"]
import numpy as np
import tensorflow as tf


@tf.custom_gradient
def to_whole(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype), lambda upstream: upstream


def mine(cell, x, wanted, **_):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = -tf.reduce_mean(to_whole(10 * h) * wanted)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("straight_through", mine)

# %% [markdown]
# ## 3. Write it yourself
#
# **Claim.** *TensorFlow checks that a custom gradient is the derivative.*
#
# <!-- question: custom_gradient_is_believed -->
#
# Decide for an answer. Then run the next cell.


# %% tags=["after"]
@tf.custom_gradient
def double(v):
    return 2 * v, lambda upstream: 5 * upstream


v = tf.Variable(1.0)
with tf.GradientTape() as tape:
    y = double(v)
gradlab.folded(f"the value: {float(y):g}", f"the gradient: {float(tape.gradient(y, v)):g}")

# %% [markdown]
# **Exercise.** `limited(most)` makes an operation. The operation returns its input `v` as it is. In the backward pass it scales the gradient down
# so that its norm is at most `most`. (This limits the gradient of one part of a network, and not the others.) A function with `tf.custom_gradient`
# returns two things: its result, and a function of the gradient that arrives.
#
# Hint: Write a function `operation(v)` inside `limited`, with `@tf.custom_gradient` above it, and return it. Its result is `tf.identity(v)`.
# Hint: The norm is `tf.norm(upstream)`. A gradient that is short enough goes back as it is.
# Hint: `upstream * most / tf.maximum(norm, most)` does both, and it does not divide by zero for a gradient of zeros.


# %% tags=["write"]
def limited(most):
    """An operation with the value of its input; the gradient that goes back through it has a norm of at most `most`."""
    return tf.identity  # your lines


def sent_back(weights):
    v = tf.Variable([0.5, -1.0])
    with tf.GradientTape() as tape:
        result = limited(2.0)(v)
        loss = tf.reduce_sum(result * weights)
    return result.numpy().tolist(), tape.gradient(loss, v).numpy()


value, long = sent_back(tf.constant([30.0, 40.0]))
_, short = sent_back(tf.constant([0.3, 0.4]))
_, none = sent_back(tf.constant([0.0, 0.0]))
checks = {
    "the value is as it was": value == [0.5, -1.0],
    "a long gradient is shortened": np.allclose(long, [1.2, 1.6], atol=1e-6),
    "a short one is as it was": np.allclose(short, [0.3, 0.4], atol=1e-6),
    "zero stays zero": np.array_equal(none, [0.0, 0.0]),
}
bad = [name for name, good in checks.items() if not good]
print("right" if not bad else f"not yet: {', '.join(bad)}")


# %% tags=["solution"]
def limited(most):
    """An operation with the value of its input; the gradient that goes back through it has a norm of at most `most`."""

    @tf.custom_gradient
    def operation(v):
        def back(upstream):
            norm = tf.norm(upstream)
            return upstream * most / tf.maximum(norm, most)

        return tf.identity(v), back

    return operation


def sent_back(weights):
    v = tf.Variable([0.5, -1.0])
    with tf.GradientTape() as tape:
        result = limited(2.0)(v)
        loss = tf.reduce_sum(result * weights)
    return result.numpy().tolist(), tape.gradient(loss, v).numpy()


value, long = sent_back(tf.constant([30.0, 40.0]))
_, short = sent_back(tf.constant([0.3, 0.4]))
_, none = sent_back(tf.constant([0.0, 0.0]))
checks = {
    "the value is as it was": value == [0.5, -1.0],
    "a long gradient is shortened": np.allclose(long, [1.2, 1.6], atol=1e-6),
    "a short one is as it was": np.allclose(short, [0.3, 0.4], atol=1e-6),
    "zero stays zero": np.array_equal(none, [0.0, 0.0]),
}
bad = [name for name, good in checks.items() if not good]
print("right" if not bad else f"not yet: {', '.join(bad)}")

# %% [markdown]
# <!-- answers: custom_gradient_is_believed -->
#
# **Explain.** The operation has the value of `tf.identity` and another gradient. That is useful, and nothing checks it: a mistake in a custom
# gradient gives a *wrong* gradient. Compare it with a finite difference wherever it is meant to be the derivative.
#
# TensorFlow has a custom gradient that saves memory: `tf.recompute_grad(f)`. The tape then does not keep what `f` computes on the way. In the
# backward pass `f` runs a second time. The gradient is the same as that of `f`.

# %% [markdown]
# ## 4. Call NumPy through `tf.numpy_function` (extra)
#
# **Claim.** *An operation that calls code outside TensorFlow breaks the gradient.*
#
# The same curve, tanh, once from TensorFlow and once from NumPy.
#
# <!-- question: numpy_function -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("numpy_function", bug=bug, predict=True)

# %% [markdown]
# **Look.** What does the margin of the code show at the line with NumPy, and at the lines above it?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side. The first line is the loss at both.

# %% tags=["after"]
off, on = gradlab.compare("numpy_function")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: numpy_function -->
#
# **Explain.** `tf.numpy_function` gives an array to NumPy and takes an array back. It has no derivative for what happened there, and the gradient
# is `None`. Compare with section 1: behind `tf.numpy_function` the end of the path shows as `None`, behind `tf.py_function` as a zero.

# %% [markdown]
# **Exercise.** Repair this one, which rates the activity in NumPy.
#
# Hint: Which line gives the activity to NumPy?
# Hint: There is a function of TensorFlow for each part of it.
# Hint: `tf.reduce_mean((y - 1) ** 2)`.


# %% tags=["exercise"]
def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        y = tf.tanh(x @ weights)
        loss = tf.numpy_function(lambda v: np.mean((v - 1) ** 2, dtype="float32"), [y], tf.float32)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_function", mine)


# %% tags=["solution"]
def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        y = tf.tanh(x @ weights)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_function", mine)

# %% [markdown]
# **Exercise.** Behind `tf.py_function`, a *matrix* of numbers does not get a zero as the single number of section 1 does. The cell below ends in an
# exception. Is it a `ValueError`, a `TypeError` or an `InvalidArgumentError`? Write its name alone, in quotes.
#
# Hint: What comes back from the Python function in the place of a gradient? How many numbers is it?
# Hint: It is a single zero, and the matrix product before it needs a matrix.
# Hint: The matrix product of TensorFlow is given an argument of a wrong shape.

# %% tags=["exercise"]
expected_exception = "?"  # your answer
weights = tf.Variable(tf.ones((3, 2)))
try:
    with tf.GradientTape() as tape:
        y = tf.py_function(lambda v: np.tanh(v.numpy()), [tf.ones((1, 3)) @ weights], tf.float32)
        loss = tf.reduce_sum(y)
    tape.gradient(loss, weights)
    name = "none"
except Exception as error:
    name = type(error).__name__
print(
    "right"
    if name == expected_exception
    else "not yet: hint, the zero that comes back is a single number, and a matrix product follows it"
)

# %% tags=["solution"]
expected_exception = "InvalidArgumentError"
weights = tf.Variable(tf.ones((3, 2)))
try:
    with tf.GradientTape() as tape:
        y = tf.py_function(lambda v: np.tanh(v.numpy()), [tf.ones((1, 3)) @ weights], tf.float32)
        loss = tf.reduce_sum(y)
    tape.gradient(loss, weights)
    name = "none"
except Exception as error:
    name = type(error).__name__
print(
    "right"
    if name == expected_exception
    else "not yet: hint, the zero that comes back is a single number, and a matrix product follows it"
)

# %% [markdown]
# ## What you take home
#
# - A path ends where numbers go to code outside TensorFlow. Behind `tf.numpy_function` the gradient is `None`; behind NumPy inside `tf.py_function`
#   it is a **zero**.
# - A custom gradient gives a gradient to an operation that has none. TensorFlow does not check what you write.
# - The straight-through estimator is such a gradient: the value jumps, and the gradient is computed as if it did not.
#
# Next: [zero, NaN and None](10_zero_and_nan.ipynb)
