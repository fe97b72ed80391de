# %% [markdown]
# # 5. Follow the LSTM's state across the tape
#
# An **LSTM** carries two arrays from step to step: the **hidden state** h, which is also its output, and the **cell state** c, its longer memory. A
# popular answer says that `tf.GradientTape` does not see them, that the weights then get `None`, and that watching h and c helps. You test each
# part of this answer with a switch. You also meet the cases in which the path of a state really ends.
#
# **Needs**: notebooks [1](01_initial_state.ipynb) and [4](04_timestep_jacobian.ipynb). **Gives**: you can follow a state across steps, windows and
# calls, and say which steps the gradients of the weights contain. <!-- minutes -->
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
# ## 1. Watch the states, or don't
#
# **Claim.** *The weights of an LSTM get None as gradients unless the hidden and the cell state are watched.*
#
# `tape.watch(tensor)` asks the tape to follow a tensor that is not a variable. Here h and c are the initial states, two tensors of
# random numbers. With the switch on, nobody watches them.
#
# <!-- question: watched_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("watched_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Look at the three weights, then at h and c. Does any number of steps or units make a difference?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side. Then the strictest comparison there is:
# are the gradients of the weights the same in every bit?

# %% tags=["after"]
import numpy as np

off, on = gradlab.compare("watched_state")
same = {name: np.array_equal(off[name].values, on[name].values) for name in ("kernel", "recurrent_kernel", "bias")}
gradlab.folded(gradlab.side_by_side(off, on), f"the same in every bit: {same}")

# %% [markdown]
# <!-- answers: watched_state -->
#
# **Explain.** A **trainable variable** is watched by every open tape without being asked. All operations on it are recorded, those inside an LSTM
# included. What `watch` adds is the gradient with respect to the watched tensor itself, here d loss / d h and d loss / d c. You need that if you
# want to *learn* an initial state, or to ask how much the past matters. Call `watch` before the tensor is used.

# %% [markdown]
# **Exercise.** This code watches one of the two states and forgets the other. Repair it so that all five sources get a gradient.
#
# Hint: Which two sources are tensors?
# Hint: One of them is watched already.
# Hint: `tape.watch([h, c])`.

# %% tags=["exercise"]
import numpy as np
import tensorflow as tf


def mine(lstm, x, h, c):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "h": h, "c": c}
    with tf.GradientTape() as tape:
        tape.watch(c)
        output = lstm(x, initial_state=[h, c])
        loss = tf.reduce_mean(output**2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("watched_state", mine)


# %% tags=["solution"]
import tensorflow as tf


def mine(lstm, x, h, c):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "h": h, "c": c}
    with tf.GradientTape() as tape:
        tape.watch([h, c])
        output = lstm(x, initial_state=[h, c])
        loss = tf.reduce_mean(output**2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("watched_state", mine)


# %% [markdown]
# ## 2. Let the state leave TensorFlow
#
# **Claim.** *If the tape doesn't capture the state, the gradients of the LSTM's weights are None.*
#
# With the switch on, h and c pass through `.numpy()` between two steps. Code that keeps its states in NumPy arrays or in a file does the same.
#
# <!-- question: state_leaves -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("state_leaves", bug=bug, predict=True)

# %% [markdown]
# **Look.** Look at x first, then at the weights. What do you expect with `steps` at 1, and why? Last, train both versions for 30 steps.
#
# **Measure, after you have flipped.** The first line of the table is the loss at both positions. For each gradient, a finite difference of the same
# run says whether it is right.

# %% tags=["after"]
off, on = gradlab.compare("state_leaves")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: state_leaves -->
#
# **Explain.** The last step is recorded, and it uses every weight. So every weight gets a gradient: the share of the last step. (Following a
# gradient back through the steps is called **backpropagation through time**.) The shares of all earlier steps are missing. In the gradient of x
# only the last row is not zero. So a path that ends at a state does not show as `None` here. It gives **wrong numbers** that look like right ones:
# read the finite differences under the table above.

# %%
gradlab.drawing("unrolled")

# %% [markdown]
# **Exercise.** This code keeps its states in a NumPy array, `record`, for later. Repair it: the path must be whole, and `record` must still be
# filled. The check looks at both.
#
# Hint: Filling `record` does no harm. Which line brings a number from it back into the network?
# Hint: The state that the next step gets is made from a NumPy array.
# Hint: Delete the line that sets `h` to a constant.


# %% tags=["exercise"]
def mine(cell, x, record):  # record: zeros, one row for each step
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x": x}
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = c = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h = tf.constant(record[t - 1 : t]) if t > 0 else h
            _, [h, c] = cell(x[:, t], [h, c])
            record[t] = h[0]
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


from gradlab.lab.recorded import check_recorded

print(check_recorded(mine))


# %% tags=["solution"]
def mine(cell, x, record):  # record: zeros, one row for each step
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x": x}
    with tf.GradientTape() as tape:
        tape.watch(x)
        h = c = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            _, [h, c] = cell(x[:, t], [h, c])
            record[t] = h[0]
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


from gradlab.lab.recorded import check_recorded

print(check_recorded(mine))


# %% [markdown]
# ## 3. Carry the state from one tape to the next
#
# **Claim.** *Handing h and c on to the next tape propagates the state properly.*
#
# Long sequences are often divided into windows, with a tape for each window. x1 is the first window and x2 the second. The loss is that of the
# second window.
#
# <!-- question: two_tapes -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("two_tapes", bug=bug, predict=True)

# %% [markdown]
# **Look.** Which of the two windows still has a gradient?
#
# **Measure, after you have flipped.** Both positions side by side, and whether the values of the state arrived.

# %% tags=["after"]
off, on = gradlab.compare("two_tapes")
gradlab.folded(gradlab.side_by_side(off, on), f"the same loss with one tape and with two: {off.loss == on.loss}")

# %% [markdown]
# <!-- answers: two_tapes -->
#
# **Explain.** The values of the state reach the second window. The gradient stops there: for the second tape h and c are two constants. The weights
# get the share of the second window alone, which is *wrong* as the gradient of this loss. Training with it is called **truncated backpropagation
# through time**: it saves memory, and its gradient contains nothing about steps before the window.

# %%
gradlab.drawing("windows")

# %% [markdown]
# **Exercise.** The usual loop over windows. Repair it so that the loss of the second window reaches back to the first.
#
# Hint: How many tapes are there? How many windows?
# Hint: One tape has to see both windows.
# Hint: Open the tape before the loop, and run the loop inside it.


# %% tags=["exercise"]
def mine(lstm, x1, x2):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    h = c = tf.zeros((1, cell.units))
    for window in (x1, x2):
        with tf.GradientTape() as tape:
            tape.watch(window)
            output, h, c = lstm(window, initial_state=[h, c])
            loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("two_tapes", mine)


# %% tags=["solution"]
def mine(lstm, x1, x2):
    cell = lstm.cell
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    h = c = tf.zeros((1, cell.units))
    with tf.GradientTape() as tape:
        for window in (x1, x2):
            tape.watch(window)
            output, h, c = lstm(window, initial_state=[h, c])
            loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("two_tapes", mine)


# %% [markdown]
# ## 4. Write it yourself (extra)
#
# **Exercise.** Write truncated backpropagation through time: the loss of the last state, with a gradient that reaches back `window` steps and no
# further. `tf.stop_gradient` passes a value on and stops the gradient. The check tries windows of 1, 4 and all steps.
#
# Hint: The loop is that of section 2, without `.numpy()`.
# Hint: Before which step does the gradient have to stop? There are `steps - window` steps in front of the window.
# Hint: `if t == x.shape[1] - window:` then `h, c = tf.stop_gradient(h), tf.stop_gradient(c)`, before the cell is called.


# %% tags=["write"]
def truncated(cell, x, window):
    """The gradients of the cell's trainable variables, from the last `window` steps."""
    return None  # your lines


from gradlab.lab.truncated import check_truncated

things = gradlab.load("state_leaves").setup()
print(check_truncated(truncated, things["cell"], things["x"]))


# %% tags=["solution"]
def truncated(cell, x, window):
    """The gradients of the cell's trainable variables, from the last `window` steps."""
    with tf.GradientTape() as tape:
        h = c = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            if t == x.shape[1] - window:
                h, c = tf.stop_gradient(h), tf.stop_gradient(c)
            _, [h, c] = cell(x[:, t], [h, c])
        loss = tf.reduce_mean((h - 1) ** 2)
    return tape.gradient(loss, cell.trainable_variables)


from gradlab.lab.truncated import check_truncated

things = gradlab.load("state_leaves").setup()
print(check_truncated(truncated, things["cell"], things["x"]))

# %% [markdown]
# ## What you take home
#
# - The weights of an LSTM need no watching, and the state inside a layer's call is on the tape.
# - Watch a state if you want the gradient with respect to the state.
# - A state that leaves TensorFlow, or goes from one tape to the next, keeps its values, and the path ends there. The weights then get a *wrong*
#   gradient, and not `None`.
# - Truncated backpropagation through time is useful where you chose it. Where you did not, the gradient is wrong.
#
# Next: [the encoder and the decoder](06_encoder_decoder.ipynb)
