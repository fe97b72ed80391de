# %% [markdown]
# # 10. Tell zero from NaN from None
#
# In notebook 2 a gradient was `None`: the tape knew no path from the loss to the weight. There are two more ways for a gradient to be of no use.
# **Zero** says that there is a path, and that it multiplies by zero somewhere. **NaN** ("not a number") says that there is a path, and that zero is
# divided by zero or multiplied by infinity somewhere on it. Each of the three has its own cause and its own repair.
#
# **Needs**: notebook [2](02_integer_cast.ipynb). **Gives**: you can find the cause of a zero, of a NaN and of a None, and repair each.
# <!-- minutes -->
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
# ## 1. Clip a value beyond its range
#
# **Claim.** *A clip or a sign detaches what comes before it, as a cast to an integer does.*
#
# The level is a number between -10 and 10. With the switch on it is *clipped*: what is below 20 becomes 20, and what is above 30 becomes 30.
#
# <!-- question: flat_function -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("flat_function", bug=bug, predict=True)

# %% [markdown]
# **Look.** Black is exactly zero, and hatched would be None. Try `sign` as well (the knob `op`).
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("flat_function")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: flat_function -->
#
# **Explain.** A clip has a derivative: 1 inside its range, 0 outside. Every level is outside, so every gradient is multiplied by 0. Finite
# differences agree: zero is the right gradient of this loss. The bug is the range.

# %% [markdown]
# **Exercise.** Choose a range in which most levels lie, so that the weights get gradients that are not zero. (With such a range a leaky clip is
# right as well: outside its range it still rises, by a tenth of the level. The check takes finite differences of your own loss, and compares your
# loss with the one without a clip.)
#
# Hint: The level is between -10 and 10. Which range contains that?
# Hint: Outside its range a clip is flat.
# Hint: `tf.clip_by_value(10 * h, -8.0, 8.0)`, for example.

# %% tags=["exercise"]
import tensorflow as tf


def mine(cell, x, flat):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = tf.clip_by_value(10 * h, 20.0, 30.0)
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("flat_function", mine)

# %% tags=["solution"]
import tensorflow as tf


def mine(cell, x, flat):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = 10 * h
        loss = tf.reduce_mean((level - 5) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("flat_function", mine)

# %% [markdown]
# ## 2. Push a ReLU below zero (extra)
#
# **Claim.** *A unit that has gone dead recovers: its bias still gets a gradient that pulls it back.*
#
# A *ReLU* (rectified linear unit) passes positive numbers on, and gives zero for the others. With a large negative bias every example is below
# zero. With the switch off it is a *leaky* ReLU, which passes on a fifth of a negative number.
#
# <!-- question: dead_relu -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("dead_relu", bug=bug, predict=True)

# %% [markdown]
# **Look.** Drag `offset` upwards: from which bias on does the ReLU have a gradient that is not zero? Then train both versions.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("dead_relu")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: dead_relu -->
#
# **Explain.** Below zero the ReLU is flat, for the bias as for the kernel. Both get zeros, so no training step moves them. Such a unit is called
# *dead*.
#
# Other zeros are there for one step. In training, `tf.keras.layers.Dropout(0.5)` sets about half of its inputs to zero, drawn anew at each call, and
# doubles the others. The gradient of those that were set to zero is zero in this call, and that of the others is doubled.

# %% [markdown]
# **Exercise.** Keep the plain ReLU and change the bias (with `assign`, before the tape), so that at least one unit is above zero for some example.
# Then kernel and bias get gradients that are not zero.
#
# Hint: `x @ kernel` is seldom above 2. What does the bias add to it?
# Hint: The sum has to be above zero, at one unit, for one example.
# Hint: Assign 0.0 instead of -6.0.


# %% tags=["exercise"]
def mine(kernel, bias, x):
    sources = {"kernel": kernel, "bias": bias}
    bias.assign(tf.fill(bias.shape, -6.0))
    with tf.GradientTape() as tape:
        y = tf.nn.relu(x @ kernel + bias)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


things = gradlab.load("dead_relu").setup()
loss, _, gradients = mine(**things)
alive = {name: g is not None and bool(tf.reduce_any(g != 0)) for name, g in gradients.items()}
plain = tf.reduce_mean((tf.nn.relu(things["x"] @ things["kernel"] + things["bias"]) - 1) ** 2)
if abs(float(loss - plain)) > 1e-5:
    print("not yet: the loss is not that of a plain ReLU with this bias")
else:
    print("alive" if all(alive.values()) else f"not yet: hint, x @ kernel is seldom above 2 ({alive})")


# %% tags=["solution"]
def mine(kernel, bias, x):
    sources = {"kernel": kernel, "bias": bias}
    bias.assign(tf.zeros(bias.shape))
    with tf.GradientTape() as tape:
        y = tf.nn.relu(x @ kernel + bias)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


things = gradlab.load("dead_relu").setup()
loss, _, gradients = mine(**things)
alive = {name: g is not None and bool(tf.reduce_any(g != 0)) for name, g in gradients.items()}
plain = tf.reduce_mean((tf.nn.relu(things["x"] @ things["kernel"] + things["bias"]) - 1) ** 2)
if abs(float(loss - plain)) > 1e-5:
    print("not yet: the loss is not that of a plain ReLU with this bias")
else:
    print("alive" if all(alive.values()) else f"not yet: hint, x @ kernel is seldom above 2 ({alive})")

# %% [markdown]
# ## 3. Mask every step of a sequence (extra)
#
# **Claim.** *Weights that have no part in the result get None.*
#
# A *mask* says which steps of a sequence are real and which are padding. At a padded step an LSTM keeps its old state. Here every step is padding,
# as it is for an empty text in a batch.
#
# <!-- question: all_masked -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("all_masked", bug=bug, predict=True)

# %% [markdown]
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("all_masked")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: all_masked -->
#
# **Explain.** The LSTM computes every step and *then* chooses the old state. So there is a path to every weight, and it is multiplied by zero at
# every step.

# %% [markdown]
# **Exercise.** How many real steps does it take until the *recurrent* kernel gets a gradient that is not zero? Fill in your answer, then run. (The
# recurrent kernel multiplies the state before the step, and the LSTM starts from a state of zeros.)
#
# Hint: In the first real step the recurrent kernel multiplies the initial state. What is that state?
# Hint: Remember notebook 1, section 1.
# Hint: Print `recurrent_gradient(n)` for n = 0, 1, 2.

# %% tags=["exercise"]
steps_needed = None  # your answer


def recurrent_gradient(real_steps):
    things = gradlab.load("all_masked").setup()
    real = tf.sequence_mask([real_steps] * 2, things["x"].shape[1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((things["layer"](things["x"], mask=real) - 1) ** 2)
    return tape.gradient(loss, things["layer"].trainable_variables)[1]


needed = next(n for n in range(5) if tf.reduce_any(recurrent_gradient(n) != 0))
print("right" if steps_needed == needed else "not yet: hint, print recurrent_gradient(n) for n = 0, 1, 2")

# %% tags=["solution"]
steps_needed = 2


def recurrent_gradient(real_steps):
    things = gradlab.load("all_masked").setup()
    real = tf.sequence_mask([real_steps] * 2, things["x"].shape[1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((things["layer"](things["x"], mask=real) - 1) ** 2)
    return tape.gradient(loss, things["layer"].trainable_variables)[1]


needed = next(n for n in range(5) if tf.reduce_any(recurrent_gradient(n) != 0))
print("right" if steps_needed == needed else "not yet: hint, print recurrent_gradient(n) for n = 0, 1, 2")

# %% [markdown]
# ## 4. Guard a logarithm with tf.where
#
# **Claim.** *`tf.where` chooses a branch, so what the other branch would have given can do no harm.*
#
# The loss is a mean of logarithms of probabilities. A padded step has the probability 0, whose logarithm is minus infinity. So `tf.where` puts a 0
# in its place.
#
# <!-- question: where_over_log -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("where_over_log", bug=bug, predict=True)

# %% [markdown]
# **Look.** Train both versions and compare the two losses before the first step: are they different? Then set `padding` to 0.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("where_over_log")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: where_over_log -->
#
# **Explain.** `tf.where` is given both sides, already computed, and chooses between them. In the backward pass the side that was not chosen gets a
# gradient of 0. It is multiplied by the slope of the logarithm at 0, which is infinite, and 0 × ∞ is NaN. All steps share the weights, so the
# gradient of every weight is NaN.

# %% [markdown]
# **Exercise.** Repair it: make the *argument* of the logarithm safe before it is taken.
#
# Hint: The logarithm is taken of every `p`, also of those that are zero.
# Hint: A second `tf.where` can put a harmless number in their place, before the logarithm.
# Hint: `tf.math.log(tf.where(p > 0, p, 1.0))`.


# %% tags=["exercise"]
def mine(weights, x, real):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        p = tf.sigmoid(x @ weights) * real
        terms = tf.where(p > 0, tf.math.log(p), 0.0)
        loss = -tf.reduce_mean(terms)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("where_over_log", mine)


# %% tags=["solution"]
def mine(weights, x, real):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        p = tf.sigmoid(x @ weights) * real
        terms = tf.where(p > 0, tf.math.log(tf.where(p > 0, p, 1.0)), 0.0)
        loss = -tf.reduce_mean(terms)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("where_over_log", mine)

# %% [markdown]
# ## 5. Measure a distance of zero
#
# **Claim.** *A pair of equal states adds nothing to the gradient; the rest of the batch trains on.*
#
# The loss wants the two states of each of three pairs to have a distance of 1. The first pair comes from two equal inputs, so its distance is 0.
# `tf.norm` is the length of a vector: the square root of the sum of its squares.
#
# <!-- question: norm_at_zero -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("norm_at_zero", bug=bug, predict=True)

# %% [markdown]
# **Look.** Move `distance` a little away from 0. Then train from 0: after how many steps is every weight NaN?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("norm_at_zero")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: norm_at_zero -->
#
# **Explain.** The slope of the square root of v is 1 / (2 √v). It is 5 at 0.01 and 500 at 1e-6, and infinite at 0. Infinity × 0 is NaN, and a sum
# with one NaN in it is NaN. So one pair makes the gradient of the whole batch NaN, and after one step every weight is NaN. A small number
# under the root makes the slope at zero finite: with 1e-12 it is 500 000 there.
#
# **Find the line.** `tf.debugging.check_numerics(v, "here")` gives v back. It raises an exception if v is not finite, and also if the gradient
# that comes back to v is not finite. Put it around one value after the other: around the argument of this root it raises.

# %% [markdown]
# **Exercise.** Here the length is written with `tf.sqrt`. Repair it in any way that leaves the loss as it is, up to a hundredth. (A small number
# under the root is one way. Another is a `tf.where` that makes the argument of the root safe, as in section 4.)
#
# Hint: Where is the slope of a square root infinite?
# Hint: A small number under the root moves it away from there.
# Hint: `tf.sqrt(tf.reduce_sum(gap**2, axis=-1) + 1e-12)`.


# %% tags=["exercise"]
def mine(cell, first, second):
    sources = {"kernel": cell.kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        start = tf.zeros((3, cell.units))
        gap = cell(first, [start])[0] - cell(second, [start])[0]
        apart = tf.sqrt(tf.reduce_sum(gap**2, axis=-1))
        loss = tf.reduce_mean((apart - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("norm_at_zero", mine)


# %% tags=["solution"]
def mine(cell, first, second):
    sources = {"kernel": cell.kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        start = tf.zeros((3, cell.units))
        gap = cell(first, [start])[0] - cell(second, [start])[0]
        apart = tf.sqrt(tf.reduce_sum(gap**2, axis=-1) + 1e-12)
        loss = tf.reduce_mean((apart - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("norm_at_zero", mine)

# %% [markdown]
# ## 6. Ask for a slice that the loss did not use (extra)
#
# **Claim.** *Slicing again gives the same numbers, so it gives the same gradient.*
#
# The loss uses the last of the states that a recurrent layer returns, `states[:, -1]`. You ask for the gradient
# with respect to just that.
#
# <!-- question: slice_after_loss -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("slice_after_loss", bug=bug, predict=True)

# %% [markdown]
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("slice_after_loss")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: slice_after_loss -->
#
# **Explain.** Every slice is a new tensor. The second has the same numbers as the first, but the loss was not computed from it. There is no path,
# so the answer is None. It is not zero: a zero would say that there is a path, and that moving the slice changes nothing.

# %% [markdown]
# **Exercise.** Repair it without computing anything twice.
#
# Hint: The gradient is asked for the tensor that the loss was *not* made of.
# Hint: Give the slice a name before the loss uses it.
# Hint: `wanted = layer(x)[:, -1]`, and compute the loss from `wanted`.


# %% tags=["exercise"]
def mine(layer, x):
    with tf.GradientTape() as tape:
        states = layer(x)
        loss = tf.reduce_mean((states[:, -1] - 1) ** 2)
    wanted = states[:, -1]
    sources = {"last state": wanted}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("slice_after_loss", mine)


# %% tags=["solution"]
def mine(layer, x):
    with tf.GradientTape() as tape:
        wanted = layer(x)[:, -1]
        loss = tf.reduce_mean((wanted - 1) ** 2)
    sources = {"last state": wanted}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("slice_after_loss", mine)

# %% [markdown]
# ## 7. Write it yourself (extra)
#
# **Exercise.** Write `unit_rows(v)`: each row of a matrix divided by its length, and a row of zeros stays a row of zeros. Neither the result nor
# the gradient may hold a NaN. Use what you learned in sections 4 and 5.
#
# Hint: The length of a row is the root of the sum of its squares. What is the slope of the root at 0?
# Hint: Make the *argument* of the root safe with `tf.where`, and choose again after the division.
# Hint: `square = tf.reduce_sum(v**2, axis=-1, keepdims=True)`, `safe = tf.where(square > 0, square, 1.0)`, `v / tf.sqrt(safe)`. A row of
# zeros divided by 1 is zeros already.


# %% tags=["write"]
import numpy as np


def unit_rows(v):
    """v with each row divided by its length; rows of zeros stay as they are."""
    return v / tf.norm(v, axis=-1, keepdims=True)  # your lines


v = tf.Variable([[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]])
with tf.GradientTape() as tape:
    rows = unit_rows(v)
    loss = tf.reduce_sum(rows * tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
gradient = tape.gradient(loss, v)
value = np.allclose(rows, [[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]], atol=1e-6)
slope = gradient is not None and bool(np.isfinite(gradient).all()) and np.allclose(gradient[2], [0.0, 6.0], atol=1e-5)
large = slope and float(tf.norm(gradient[1])) > 100
print("the value:", "right" if value else "not yet")
print(
    "the gradient:",
    "not yet: that of the row of zeros is finite, but very large" if large else "right" if slope else "not yet",
)


# %% tags=["solution"]
def unit_rows(v):
    """v with each row divided by its length; rows of zeros stay as they are."""
    square = tf.reduce_sum(v**2, axis=-1, keepdims=True)
    safe = tf.where(square > 0, square, 1.0)
    return v / tf.sqrt(safe)


v = tf.Variable([[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]])
with tf.GradientTape() as tape:
    rows = unit_rows(v)
    loss = tf.reduce_sum(rows * tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
gradient = tape.gradient(loss, v)
value = np.allclose(rows, [[0.6, 0.8], [0.0, 0.0], [-1.0, 0.0]], atol=1e-6)
slope = gradient is not None and bool(np.isfinite(gradient).all()) and np.allclose(gradient[2], [0.0, 6.0], atol=1e-5)
large = slope and float(tf.norm(gradient[1])) > 100
print("the value:", "right" if value else "not yet")
print(
    "the gradient:",
    "not yet: that of the row of zeros is finite, but very large" if large else "right" if slope else "not yet",
)

# %% [markdown]
# ## What you take home
#
# | you see | it says | look for |
# | --- | --- | --- |
# | zero | there is a path, and it multiplies by zero somewhere | clips, ReLUs, masks, signs; NumPy inside `tf.py_function` |
# | zero, further back more and more of it | the gradient became smaller than float32 can hold (*underflow*) | many time steps: see [notebook 15](15_jacobian_race.ipynb) |
# | NaN | something infinite was multiplied by zero in the backward pass | logarithms, roots and divisions at 0, also in the branch not taken |
# | None | the tape knows no path | casts, NumPy, `assign`, another tensor than the one in the loss |
#
# A loss that looks right proves nothing about the gradient: in section 4 both losses were the same.
#
# Next: [vote on popular claims](11_vote_on_claims.ipynb)
