# %% [markdown]
# # 7. State that is written
#
# A **state** is a set of numbers that a program keeps and uses again: the hidden state of a recurrent cell, a running mean, a counter. In
# TensorFlow there are two ways to keep one. A Python **name** can be given to a new tensor. A `tf.Variable` can be **written** with `assign`. Both
# give the same numbers. For the tape they are different.
#
# **Needs**: notebook [2](02_integer_cast.ipynb), above all what `None` means there. **Gives**: you can keep a state in a variable without
# losing a gradient that you need. <!-- minutes -->
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
# ## 1. Keep the state in a variable
#
# **Claim.** *State that changes inside the tape breaks the gradient.*
#
# A small recurrent cell (SimpleRNN: each state is computed from the last one). With the switch on, the state is written into a `tf.Variable` with
# `assign` after each step and read back before the next one. That is how people carry a state from call to call.
#
# <!-- question: assigned_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("assigned_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Read the loss of the two curves: what does `assign` change in it?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("assigned_state")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: assigned_state -->
#
# **Explain.** A variable holds numbers. `assign` copies numbers into it, and has no derivative. Reading them back starts a new path at the
# variable. A Python name is different: `h` stands for the tensor itself, and the tensor is in the record with all that it was computed from.

# %% [markdown]
# **Exercise.** This version passes the state on through the variable. Repair it: the variable may still be written to, for the next call, as long as the
# loss does not depend on what is read back.
#
# Hint: Which line brings the state back, and where does its path begin?
# Hint: Keep the state in a Python name as well: `h`.
# Hint: Start with `h = tf.zeros_like(memory)`, give `[h]` to the cell, and compute the loss from `h`.


# %% tags=["exercise"]
import tensorflow as tf


def mine(cell, x, memory):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    memory.assign(tf.zeros_like(memory))
    with tf.GradientTape() as tape:
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [memory.read_value()])
            memory.assign(h)
        loss = tf.reduce_mean((memory - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("assigned_state", mine)


# %% tags=["solution"]
import tensorflow as tf


def mine(cell, x, memory):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    memory.assign(tf.zeros_like(memory))
    with tf.GradientTape() as tape:
        h = tf.zeros_like(memory)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("assigned_state", mine)

# %% [markdown]
# ## 2. Change a variable by a plain assignment
#
# **Claim.** *`w = w + 1` changes the variable w.*
#
# <!-- question: overwritten_variable -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
w = tf.Variable(2.0)
w = w + 1.0
with tf.GradientTape() as tape:
    loss = w * w
gradlab.folded(f"the gradient: {tape.gradient(loss, w)}", f"w is a tf.Variable: {isinstance(w, tf.Variable)}")

# %% [markdown]
# <!-- answers: overwritten_variable -->
#
# **Explain.** Python's `=` gives a name to an object. It writes nothing into a variable. After `w = w + 1.0` the name belongs to a tensor, and the
# variable that you made is still 2, without a name. The methods `assign`, `assign_add` and `assign_sub` write into a variable.
#
# **Exercise.** The same mistake in a training loop. The first step works, and the second one ends in an exception. Repair it: the loss has to fall
# to less than a tenth in 10 steps.
#
# Hint: What is `w` after the first step, a variable or a tensor?
# Hint: Which line gives the name `w` to another object?
# Hint: `w.assign_sub(0.1 * gradient)`.


# %% tags=["exercise"]
def train(steps):
    """The losses of a few steps of gradient descent."""
    w, losses = tf.Variable(5.0), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = (w - 1) ** 2
        gradient = tape.gradient(loss, w)
        w = w - 0.1 * gradient
        losses.append(float(loss))
    return losses


try:
    losses = train(10)
    print("right" if losses[-1] < 0.1 * losses[0] else "not yet: the loss does not fall")
except Exception as error:
    print(f"not yet: {type(error).__name__}, because the gradient was None")


# %% tags=["solution"]
def train(steps):
    """The losses of a few steps of gradient descent."""
    w, losses = tf.Variable(5.0), []
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = (w - 1) ** 2
        gradient = tape.gradient(loss, w)
        w.assign_sub(0.1 * gradient)
        losses.append(float(loss))
    return losses


try:
    losses = train(10)
    print("right" if losses[-1] < 0.1 * losses[0] else "not yet: the loss does not fall")
except Exception as error:
    print(f"not yet: {type(error).__name__}, because the gradient was None")

# %% [markdown]
# ## 3. Write it yourself
#
# **Claim.** *A layer that keeps a state between calls has broken gradients.*
#
# <!-- question: state_within_a_call -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
import numpy as np

cell, memory = tf.keras.layers.SimpleRNNCell(4), tf.Variable(tf.zeros((1, 4)))
x = tf.random.stateless_normal((1, 3, 2), seed=(0, 0))


def call(x):
    h = memory.read_value()
    for t in range(x.shape[1]):
        h, _ = cell(x[:, t], [h])
    memory.assign(h)
    return h


call(x)  # the first call: its last state is kept
with tf.GradientTape() as tape:
    tape.watch(x)
    loss = tf.reduce_sum(call(x) ** 2)
steps = np.abs(tape.gradient(loss, x)).sum(axis=(0, 2))
gradlab.folded(*(f"step {t}: {'zero' if size == 0 else 'not zero'}" for t, size in enumerate(steps)))

# %% [markdown]
# **Exercise.** Write such a layer, and see. `Carrying` begins each call where the last one ended. Within a call the gradient has to reach back to the
# first step. `reset()` sets the state back to zeros.
#
# Hint: `__init__` keeps the cell and makes `self.memory = tf.Variable(tf.zeros((batch, cell.units)), trainable=False)`.
# Hint: Read the memory once, at the beginning of a call. Write it once, at the end. Between the two use a Python name, as in section 1.
# Hint: `h = self.memory.read_value()`, the loop `h, _ = self.cell(x[:, t], [h])`, then `self.memory.assign(h)`, and return `h`.


# %% tags=["write"]
import numpy as np


class Carrying:
    """A recurrent layer that begins each call where the last one ended."""

    def __init__(self, cell, batch):
        pass  # your lines

    def __call__(self, x):
        """The last state, of shape (batch, units)."""

    def reset(self):
        """Begin with zeros again."""


cell, x = tf.keras.layers.SimpleRNNCell(4), tf.random.stateless_normal((2, 6, 3), seed=(0, 0))
cell.build((2, 3))


def loop():
    h = tf.zeros((2, 4))
    for t in range(6):
        h, _ = cell(x[:, t], [h])
    return h


def slope(last_state):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(last_state() ** 2)
    return tape.gradient(loss, cell.recurrent_kernel)


try:
    layer = Carrying(cell, 2)
    layer(x[:, :3])
    print("two calls and one loop:", "right" if np.allclose(layer(x[:, 3:]), loop(), atol=1e-5) else "not yet")
    layer.reset()
    print("the gradient:", "right" if np.allclose(slope(lambda: layer(x)), slope(loop), atol=1e-5) else "not yet")
except Exception as error:
    print(f"not yet: {type(error).__name__}: {error}")


# %% tags=["solution"]
class Carrying:
    """A recurrent layer that begins each call where the last one ended."""

    def __init__(self, cell, batch):
        self.cell = cell
        self.memory = tf.Variable(tf.zeros((batch, cell.units)), trainable=False)

    def __call__(self, x):
        """The last state, of shape (batch, units)."""
        h = self.memory.read_value()
        for t in range(x.shape[1]):
            h, _ = self.cell(x[:, t], [h])
        self.memory.assign(h)
        return h

    def reset(self):
        """Begin with zeros again."""
        self.memory.assign(tf.zeros_like(self.memory))


cell, x = tf.keras.layers.SimpleRNNCell(4), tf.random.stateless_normal((2, 6, 3), seed=(0, 0))
cell.build((2, 3))


def loop():
    h = tf.zeros((2, 4))
    for t in range(6):
        h, _ = cell(x[:, t], [h])
    return h


def slope(last_state):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(last_state() ** 2)
    return tape.gradient(loss, cell.recurrent_kernel)


try:
    layer = Carrying(cell, 2)
    layer(x[:, :3])
    print("two calls and one loop:", "right" if np.allclose(layer(x[:, 3:]), loop(), atol=1e-5) else "not yet")
    layer.reset()
    print("the gradient:", "right" if np.allclose(slope(lambda: layer(x)), slope(loop), atol=1e-5) else "not yet")
except Exception as error:
    print(f"not yet: {type(error).__name__}: {error}")

# %% [markdown]
# <!-- answers: state_within_a_call -->
#
# **Explain.** The state that is read at the beginning of a call is a constant of that call. No path leads from it to anything before. All steps of
# the call itself are recorded.

# %% [markdown]
# ## 4. Let the layer keep its state (extra)
#
# **Claim.** *A state that the layer keeps for itself between two calls is not captured by the tape.*
#
# Long sequences are often divided into windows, `x1` and `x2` here. A layer made with `stateful=True` begins each call where the last one ended.
# Both calls stand inside *one* tape.
#
# <!-- question: stateful_layer -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("stateful_layer", bug=bug, predict=True)

# %% [markdown]
# **Look.** Which window does the gradient reach? Note the loss at both positions.
#
# **Measure, after you have flipped.** Both positions side by side, and whether the values of the state arrived.

# %% tags=["after"]
off, on = gradlab.compare("stateful_layer")
same = abs(off.loss - on.loss) <= 1e-5 * abs(off.loss)
gradlab.folded(gradlab.side_by_side(off, on), f"the same loss at both positions: {same}")

# %% [markdown]
# <!-- answers: stateful_layer -->
#
# **Explain.** The layer keeps its state in variables, and writes them with `assign`. So the path ends there, although one tape is open all the
# time. Within a call the layer computes with tensors, and the path is whole. Between two *calls* it is not. Where you need a path between the
# calls, pass the state on yourself.

# %% [markdown]
# **Exercise.** Repair the code so that there is a path from the second call back to `x1`. (`keeper` is the stateful layer, `plain` the same cell in
# a layer that returns its states.)
#
# Hint: The stateful layer writes its state into variables. Which of the two layers returns it?
# Hint: Call `plain` on the first window as well.
# Hint: `_, h, c = plain(x1)`, and `initial_state=[h, c]` for the second call.


# %% tags=["exercise"]
def mine(cell, plain, keeper, x1, x2):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    for state in keeper.states:
        state.assign(tf.zeros_like(state))
    with tf.GradientTape() as tape:
        tape.watch([x1, x2])
        keeper(x1)
        output, _, _ = plain(x2, initial_state=list(keeper.states))
        loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("stateful_layer", mine)


# %% tags=["solution"]
def mine(cell, plain, keeper, x1, x2):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias, "x1": x1, "x2": x2}
    for state in keeper.states:
        state.assign(tf.zeros_like(state))
    with tf.GradientTape() as tape:
        tape.watch([x1, x2])
        _, h, c = plain(x1)
        output, _, _ = plain(x2, initial_state=[h, c])
        loss = tf.reduce_mean((output - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("stateful_layer", mine)

# %% [markdown]
# ## What you take home
#
# - `assign` copies numbers. What is read back afterwards has no path to what was written.
# - `=` gives a name to another object. It writes into no variable.
# - Read a kept state once, at the beginning, and write it once, at the end. Compute with names in between.
# - The path ends where a state is written and read back. Choose that place on purpose.
#
# Next: [control flow, and what the tape records](08_control_flow.ipynb)
