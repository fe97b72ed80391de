# %% [markdown]
# # 2. Cast a value to an integer and lose the path
#
# Popular answers on the web say that three things "detach" a tensor from the tape: **casting** it to an integer type,
# **indexing** with integers, and going through **NumPy**. You will test all three, each with one switch.
#
# **You need**: to have seen `tf.GradientTape` once. A *gradient* here is d loss / d weight, an array of the weight's shape.
# **Time**: about 20 minutes. Run the cells from top to bottom with Shift+Enter; nothing you do here can break anything.

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
# **Predict.** What will each gradient be with the switch on? Put one of these words in the place of each question mark, and run
# the cell: `ok`, `wrong`, `zero`, `not finite`, `none`, `missing`, `raises`.

# %%
prediction = {"kernel": "?", "recurrent_kernel": "?", "bias": "?"}
gradlab.check_prediction("integer_cast", prediction)

# %% [markdown]
# **Toggle.** Flip the switch, with the mouse or with the arrow keys. Bright is large, dark is small, black is exactly zero, hatched is
# `None`. Then drag the knobs: does any length or width bring a gradient back? Last, train both versions for 30 steps.

# %%
gradlab.Panel("integer_cast", bug=bug)

# %% [markdown]
# **Measure.** Both positions of the switch, side by side.

# %%
off, on = gradlab.compare("integer_cast")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Explain.** A derivative asks what happens when the input moves a *little*. An integer can't move a little, so TensorFlow registers no
# derivative for the cast, and the path from the loss back to the weights ends there: not a small gradient, not a zero, but
# Python's `None`. Casting back makes a new float without a past.

# %% [markdown]
# **Exercise.** This code rates how far the level is from 5, in whole steps. Mend it so that every weight gets its gradient. The check
# runs your version against the one with the switch off.

# %%
import tensorflow as tf


def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = tf.cast(10 * h, tf.int32)  # mend this
        loss = tf.reduce_mean(tf.cast((level - 5) ** 2, tf.float32))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("integer_cast", mine)


# %% [markdown]
# ## 2. Round, floor, argmax
#
# **Claim.** *An operation that jumps from one value to the next detaches like a cast to an integer does.*
#
# No integer type is in sight now: `tf.round` takes a float and returns a float.
#
# **Predict.** What will each gradient be with the switch on? Put one of these words in the place of each question mark, and run
# the cell: `ok`, `wrong`, `zero`, `not finite`, `none`, `missing`, `raises`.

# %%
prediction = {"kernel": "?", "recurrent_kernel": "?", "bias": "?"}
gradlab.check_prediction("rounding", prediction)

# %% [markdown]
# **Toggle.** Flip the switch for each of the three operations (the knob `op`).

# %%
gradlab.Panel("rounding", bug=bug)

# %% [markdown]
# **Measure.** Both positions of the switch, side by side.

# %%
off, on = gradlab.compare("rounding")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Explain.** The result stands still and then jumps. Where it stands still the derivative is zero, at the jump there is none; a gradient
# of zeros would be defensible, and TensorFlow's answer is `None`. What the operation *means*, not its dtype, cuts the path.

# %% [markdown]
# **Exercise.** Choose another operation so that the three gradients are there again, and the loss still prefers whole numbers. (A smooth
# function with valleys at the whole numbers will do, for example one made with `tf.sin`.) The check asks finite
# differences of *your* loss.


# %%
def mine(cell, x, jump):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        level = jump(10 * h)  # mend this
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
# **Predict.** What will each gradient be with the switch on? Put one of these words in the place of each question mark, and run
# the cell: `ok`, `wrong`, `zero`, `not finite`, `none`, `missing`, `raises`.

# %%
prediction = {"table": "?", "kernel": "?", "recurrent_kernel": "?", "bias": "?"}
gradlab.check_prediction("integer_index", prediction)

# %% [markdown]
# **Toggle.** Flip the switch and watch `table`. Use the arrow keys on the heatmap to find the rows that are exactly zero.

# %%
gradlab.Panel("integer_index", bug=bug)

# %% [markdown]
# **Measure.** Both positions of the switch, side by side.

# %%
off, on = gradlab.compare("integer_index")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Explain.** Integer *indices* are fine, integer *values* are not. The ids decide which rows are used; the rows stay floats. The gradient
# of `tf.gather` comes as `tf.IndexedSlices`: only the rows that were used, with their numbers.

# %% [markdown]
# **Exercise.** Which rows of the table get a gradient? Fill in the set of row numbers; the check looks at the gradient itself.

# %%
import numpy as np

rows_with_gradient = {0, 1}  # your answer
measured = set(np.flatnonzero(on["table"].values.any(axis=1)).tolist()) if on["table"].values is not None else set()
print("right" if rows_with_gradient == measured else "not yet: hint, look for the rows that are not black")


# %% [markdown]
# ## 4. Take a value to NumPy and back
#
# **Claim.** *Converting a tensor to a NumPy array detaches it from the tape.*
#
# The last hidden state goes through `.numpy()` and back through `tf.constant`: the same numbers, to the last digit.
#
# **Predict.** What will each gradient be with the switch on? Put one of these words in the place of each question mark, and run
# the cell: `ok`, `wrong`, `zero`, `not finite`, `none`, `missing`, `raises`.

# %%
prediction = {"kernel": "?", "recurrent_kernel": "?", "bias": "?"}
gradlab.check_prediction("numpy_roundtrip", prediction)

# %% [markdown]
# **Toggle.** Flip the switch, then compare the two losses in the training table: equal at the first step, and then?

# %%
gradlab.Panel("numpy_roundtrip", bug=bug)

# %% [markdown]
# **Measure.** Both positions of the switch, side by side.

# %%
off, on = gradlab.compare("numpy_roundtrip")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Explain.** The tape records what TensorFlow computes. A NumPy array is only numbers; the constant made of it has no past. The same
# happens with `float(...)`, `np.mean(...)` and `model.predict(...)`.

# %% [markdown]
# **Exercise.** Here the loss itself is computed in NumPy. Mend it without leaving TensorFlow.


# %%
def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.constant(np.mean((h.numpy() - 1) ** 2))  # mend this
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_roundtrip", mine)


# %% [markdown]
# ## What you take home
#
# - **None** is not zero: it says that no path leads from the loss to the weight.
# - Casts to integers, `round`, `floor` and `argmax` end the path; integer *indices* do not.
# - Whatever leaves TensorFlow comes back without a past.
#
# Next: [build or init?](03_build_vs_init.ipynb)
