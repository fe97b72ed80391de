# %% [markdown]
# # 1. Start from a state, and ask who gets a gradient
#
# A recurrent network needs a state to start from. Popular answers say that this state is the reason for gradients that are `None`: it should be a
# variable, or it should be made inside the tape. You test each of these answers with one switch.
#
# Some words first. A **tape** (`tf.GradientTape`) records what TensorFlow computes while it is open. A **gradient** is
# d loss / d source, an array of the source's shape; the **sources** here are the weights of a SimpleRNN cell, which computes
# `h = tanh(x @ kernel + h_before @ recurrent_kernel + bias)` at every time step.
#
# **Needs**: a little Python, and to have seen a neural network once (the extra part: the derivative of a product of matrices). **Gives**: you can say for which sources a tape has a gradient, and tell zero
# from None. <!-- minutes -->
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
# ## 1. Start from zeros
#
# **Claim.** *An initial state that is not a variable, such as NumPy zeros, makes the gradients of the cell's weights None.*
#
# Both positions of the switch start from a NumPy array, so neither state is a variable. One array is full of halves, the other of
# zeros. The network takes one step.
#
# <!-- question: initial_state -->
#
# How to read the code: `cell(x_t, [h])` computes one step. It takes the input of the step and a list of the states before it, and returns the output
# and a list of the states after it. A SimpleRNN has one state, so the list has one entry. This state is also the output. That is why the code keeps
# the output in `h` and gives the second result the name `_`.
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("initial_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** In the heatmaps, bright is large, dark is small, **black is exactly
# zero**, hatched is `None`. Then drag `steps` from 1 to 2 with the switch on. Which picture changes its pattern?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side. The *norm* is the size of a gradient, *on / off* is the size with the
# switch on divided by the size with it off, and the *cosine* compares the two directions: 1 is the same direction.

# %% tags=["after"]
off, on = gradlab.compare("initial_state")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: initial_state -->
#
# **Explain.** Nothing is `None`. With zeros, one gradient is *exactly zero*, and that is right. In the first step the recurrent kernel multiplies
# the initial state. So its gradient is the outer product of that state and the gradient that arrives from the loss: a table in which every number of
# the one is multiplied by every number of the other. A state of zeros makes it zero.
# From the second step on the state is no longer zero. A finite difference agrees: move the weight a little, and the loss does not change.

# %% [markdown]
# **Exercise.** One step, and the state must stay a constant. Give the recurrent kernel a gradient that is not zero. Run the cell after each change:
# the check says what is still wrong, and gives the hint that belongs to it. More hints are folded here.
#
# Hint: In the first step, what is the recurrent kernel multiplied with?
# Hint: Its gradient is the outer product of the state before the step and the gradient that arrives. Which state makes that product zero?
# Hint: Any constant that is not zero will do, for example `np.ones`.

# %% tags=["exercise"]
import numpy as np
import tensorflow as tf


def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.constant(np.zeros((1, cell.units), "float32"))  # change this
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("initial_state", mine)

# %% tags=["solution"]
import numpy as np
import tensorflow as tf


def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.constant(np.ones((1, cell.units), "float32"))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("initial_state", mine)

# %% [markdown]
# ## 2. Compute the state before the tape opens
#
# **Claim.** *A state that is created outside the tape stops the gradient: nothing behind or after it gets one.*
#
# Now the state is computed: a Dense layer makes it from two numbers. It is called the *encoder*, as it makes the state that another layer starts from.
# The sources are the weights of both layers.
#
# <!-- question: computed_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("computed_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the first two pictures with the last three. Then train both versions for 30 steps: which weights
# move?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("computed_state")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: computed_state -->
#
# **Explain.** The claim is half true. What the encoder did before the tape opened is not recorded, and its weights get `None`. The cell runs
# inside the tape, and its weights get their gradients. So do not ask *where the state is made*. Ask *whether weights that you want to
# train made it*.

# %% [markdown]
# **Exercise.** Repair this one so that all five sources get their gradients.
#
# Hint: Which line makes the state, and is the tape open by then?
# Hint: The encoder's call has to be in the record. The order of two lines is wrong.
# Hint: Move the line `h = encoder(facts)` below the line that opens the tape.


# %% tags=["exercise"]
def mine(encoder, cell, facts, x):
    sources = {"encoder kernel": encoder.kernel, "encoder bias": encoder.bias}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    h = encoder(facts)  # repair this
    with tf.GradientTape() as tape:
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("computed_state", mine)


# %% tags=["solution"]
def mine(encoder, cell, facts, x):
    sources = {"encoder kernel": encoder.kernel, "encoder bias": encoder.bias}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = encoder(facts)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("computed_state", mine)

# %% [markdown]
# ## 3. Make the state a learned variable
#
# **Claim.** *The initial state has to be a variable; otherwise neither it nor the cell's weights get gradients.*
#
# A state can be learned like a weight. With the switch off it is a `tf.Variable`, with the switch on a constant tensor with the
# same numbers. This time the state itself is among the sources. (`tf.identity(h0)` is the value of `h0` as a tensor, whichever of the two it is.)
#
# <!-- question: learned_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("learned_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Look at `initial state`. Then look at the weights.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("learned_state")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: learned_state -->
#
# **Explain.** A tape **watches** trainable variables by itself. It watches a tensor only after `tape.watch(tensor)`. The constant state was not
# watched, so asking for its gradient gives `None`. The weights are variables and have their gradients either way.

# %% [markdown]
# **Exercise.** Keep the state a constant tensor, and get its gradient as well. One more line is enough.
#
# Hint: The constant takes part in the loss. What does the tape need in order to follow it?
# Hint: A tape watches a trainable variable by itself. It does not watch a tensor by itself.
# Hint: Write `tape.watch(h0)` as the first line inside the tape.


# %% tags=["exercise"]
def mine(cell, learned, fixed, x):
    h0 = fixed  # leave this
    sources = {"initial state": h0}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:  # repair below
        h = tf.identity(h0)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("learned_state", mine)


# %% tags=["solution"]
def mine(cell, learned, fixed, x):
    h0 = fixed
    sources = {"initial state": h0}
    sources |= {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        tape.watch(h0)
        h = tf.identity(h0)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("learned_state", mine)

# %% [markdown]
# ## 4. Write it yourself (extra)
#
# **Exercise.** One step of the network, without a tape. Write the gradient of the loss with respect to the recurrent kernel U by the
# chain rule, in NumPy. The formulas are `z = x W + h0 U + b`, `h = tanh(z)` and `loss = mean((h - 1)**2)`; the slope of tanh at z is `1 -
# h**2`. The check compares with the tape.
#
# Hint: Go from the loss backwards: first d loss / d h. The mean divides by the number of units.
# Hint: Then d loss / d z: multiply by the slope of tanh, entry by entry.
# Hint: Last, d loss / d U is the outer product of h0 and d loss / d z: `np.outer(h0, dz)`. Now you see why a state of zeros gives zeros.


# %% tags=["write"]
def by_hand(x, h0, W, U, b):
    """d loss / d U as an array of U's shape; x and h0 are vectors."""
    return None  # your lines


from gradlab.lab.difference import compared

step = tf.keras.layers.SimpleRNNCell(4, bias_initializer="ones")
inputs, start = tf.random.stateless_normal((1, 3), seed=(0, 1)), tf.random.stateless_normal((1, 4), seed=(0, 2))
step(inputs, [start])  # makes the weights
with tf.GradientTape() as tape:
    h, _ = step(inputs, [start])
    loss = tf.reduce_mean((h - 1) ** 2)
wanted = tape.gradient(loss, step.recurrent_kernel)
mine = by_hand(inputs.numpy()[0], start.numpy()[0], *step.get_weights())
print(compared(mine, wanted))


# %% tags=["solution"]
def by_hand(x, h0, W, U, b):
    """d loss / d U as an array of U's shape; x and h0 are vectors."""
    h = np.tanh(x @ W + h0 @ U + b)
    d_h = 2 * (h - 1) / h.size
    d_z = d_h * (1 - h**2)
    return np.outer(h0, d_z)


from gradlab.lab.difference import compared

step = tf.keras.layers.SimpleRNNCell(4, bias_initializer="ones")
inputs, start = tf.random.stateless_normal((1, 3), seed=(0, 1)), tf.random.stateless_normal((1, 4), seed=(0, 2))
step(inputs, [start])  # makes the weights
with tf.GradientTape() as tape:
    h, _ = step(inputs, [start])
    loss = tf.reduce_mean((h - 1) ** 2)
wanted = tape.gradient(loss, step.recurrent_kernel)
mine = by_hand(inputs.numpy()[0], start.numpy()[0], *step.get_weights())
print(compared(mine, wanted))

# %% [markdown]
# ## What you take home
#
# - **Zero is not None.** Zero is a number with a reason. `None` says that the tape knows no path from the loss to the source, or did not watch
#   the source.
# - A constant state does not turn the gradient of a weight into `None`. A state of zeros makes one of them zero in the first step.
# - What is computed *before* the tape opens is not recorded.
# - A tape watches trainable variables by itself. For a tensor, call `tape.watch`.
#
# TensorFlow's own list of such cases is in its guide,
# [Introduction to gradients and automatic differentiation](https://www.tensorflow.org/guide/autodiff#cases_where_gradient_returns_none).
#
# Next: [integers, indices and NumPy](02_integer_cast.ipynb)
