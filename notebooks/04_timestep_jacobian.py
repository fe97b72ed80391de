# %% [markdown]
# # 4. Take one Jacobian per time step
#
# How does the hidden state at step t depend on the input at step s? The answer is a **Jacobian**: an array with one entry for every pair of an
# output and an input. For example, y = (2 x, x²) has two outputs and one input. At x = 3 its Jacobian is an array of shape 2 × 1 with the entries 2
# and 6. For states of H units and inputs of I numbers, `d h_t / d x_s` has the shape H × I, for every t and s. Popular code on the web claims to
# compute it. You will see what that code computes.
#
# **Needs**: notebook [1](01_initial_state.ipynb), and to know what a partial derivative is. **Gives**: you can say what the gradient of a
# vector is, and take a Jacobian for each time step. <!-- minutes -->
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
# ## 1. Take the gradient of every state
#
# **Claim.** *Stacking tape.gradient(h_t, x)[:, t] over time gives d h_t / d x_t, of shape (batch, time, units, inputs).*
#
# The switch chooses between `tape.batch_jacobian` and `tape.gradient`. Each is taken of every state, and the results are stacked over time. The
# tape is **persistent**, which means that it may be asked more than once.
#
# <!-- question: timestep_jacobian -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("timestep_jacobian", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the shapes. Then set `units` to 1. What changes in the picture?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("timestep_jacobian")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Check it yourself.** Do not believe a number only because a tape gives it. Move one input a little up and a little down, and look at the state.
# That is the derivative by its definition, called a *finite difference*. The cell computes it in double precision, with NumPy alone.

# %% tags=["after"]
import numpy as np

things = gradlab.load("timestep_jacobian").setup()
kernel, recurrent, bias = (np.float64(w) for w in things["cell"].get_weights())
x = np.float64(things["x"][0])


def states(x):
    h, out = np.zeros(len(bias)), []
    for row in x:
        h = np.tanh(row @ kernel + h @ recurrent + bias)
        out.append(h)
    return np.array(out)


differences = np.zeros((len(x), len(bias), x.shape[1]))  # (time, units, inputs)
for t in range(len(x)):
    for i in range(x.shape[1]):
        up, down = x.copy(), x.copy()
        up[t, i] += 1e-6
        down[t, i] -= 1e-6
        differences[t, :, i] = (states(up)[t] - states(down)[t]) / 2e-6
jacobian, stacked = (side["d h_t / d x_t"].values[0] for side in (off, on))
gradlab.folded(
    f"the Jacobian agrees with finite differences: {bool(np.abs(jacobian - differences).max() < 1e-5)}",
    f"the stacked gradient is its sum over units: {bool(np.abs(stacked - differences.sum(1)).max() < 1e-5)}",
)

# %% [markdown]
# <!-- answers: timestep_jacobian -->
#
# **Explain.** A gradient is taken of *one* number. Of a vector, the tape takes the gradient of the sum of its entries. So all units are added up,
# and there is no axis for the units. With a single unit the sum is that unit, and the two results agree.

# %% [markdown]
# **Exercise.** Repair the version with `tape.gradient`, without `batch_jacobian`: take one gradient for each unit, and stack them on an axis for
# the units.
#
# Hint: `tape.gradient(h, x)` adds up the units. What would it give for one unit alone?
# Hint: `each_unit` is a list with one tensor for each unit. Take one gradient of each.
# Hint: `tf.stack([tape.gradient(u, x)[:, t] for u in each_unit], axis=1)`.

# %% tags=["exercise"]
import numpy as np
import tensorflow as tf


def mine(cell, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h, states = tf.zeros((1, cell.units)), []
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            states.append((h, [h[:, k] for k in range(cell.units)]))  # the state, and each of its units
    per_step = []
    for t, (h, each_unit) in enumerate(states):
        per_step.append(tape.gradient(h, x)[:, t])  # `each_unit` is a list
    name = "d h_t / d x_t"
    return tf.stack([h for h, _ in states], axis=1), {name: x}, {name: tf.stack(per_step, axis=1)}


gradlab.check_repair("timestep_jacobian", mine)

# %% tags=["solution"]
import tensorflow as tf


def mine(cell, x):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h, states = tf.zeros((1, cell.units)), []
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            states.append((h, [h[:, k] for k in range(cell.units)]))  # the state, and each of its units
    per_step = []
    for t, (h, each_unit) in enumerate(states):
        per_step.append(tf.stack([tape.gradient(u, x)[:, t] for u in each_unit], axis=1))
    name = "d h_t / d x_t"
    return tf.stack([h for h, _ in states], axis=1), {name: x}, {name: tf.stack(per_step, axis=1)}


gradlab.check_repair("timestep_jacobian", mine)

# %% [markdown]
# ## 2. Look for each step's share
#
# **Claim.** *The gradient of the last state reflects the whole sequence at once, not the contribution of each step.*
#
# Here the last state is differentiated with respect to the whole sequence: by the Jacobian, or with the switch on by one gradient. You look for two
# things in the result: the share of each *step*, and the share of each *unit*.
#
# <!-- question: summed_over_units -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("summed_over_units", bug=bug, predict=True)

# %% [markdown]
# **Look.** Rows are time steps. Which rows are the brightest, the early or the late ones?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("summed_over_units")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: summed_over_units -->
#
# **Explain.** The slices of the gradient over time *are* the shares of the single steps, added up over the units. The units can't be told apart any
# more, because they were added up. Here the shares of the early steps are smaller than those of the late ones. This is the vanishing gradient, and
# notebook [12](12_vanishing_and_exploding.ipynb) is about it.

# %% [markdown]
# **Exercise.** Which step has the largest share in the last state? Answer with its number, counted from 0.
#
# Hint: The rows of `share of each step` are the steps.
# Hint: The brightest row belongs to the input that moves the last state most.
# Hint: Print `share`, and read where the largest number stands.

# %% tags=["exercise"]
step = None  # your answer
shares = gradlab.compare("summed_over_units")[0]["share of each step"].values[0]
share = np.abs(shares).sum(axis=-1)
print("right" if step == int(share.argmax()) else "not yet: hint, find the brightest row of 'share of each step'")

# %% tags=["solution"]
step = 5
shares = gradlab.compare("summed_over_units")[0]["share of each step"].values[0]
share = np.abs(shares).sum(axis=-1)
print("right" if step == int(share.argmax()) else "not yet: hint, find the brightest row of 'share of each step'")

# %% [markdown]
# ## 3. Write it yourself (extra)
#
# **Exercise.** Write a Jacobian that needs no tape: `differences(f, x)` moves each entry of the vector `x` up and down by `step`, and
# returns an array of the shape outputs × inputs. The check compares it with `tape.jacobian`.
#
# Hint: One column for each entry of `x`.
# Hint: A column is `(f(up) - f(down)) / (2 * step)`, with `up` a copy of `x` in which one entry is larger.
# Hint: Collect the columns in a list, and `np.stack(columns, axis=1)`.


# %% tags=["write"]
def differences(f, x, step=1e-3):
    """d f(x) / d x by central differences; f takes and returns a vector of NumPy numbers."""
    return None  # your lines


from gradlab.lab.difference import compared

matrix = np.random.default_rng(0).normal(size=(3, 4))
point = tf.constant([0.1, -0.4, 0.7], tf.float64)
with tf.GradientTape() as tape:
    tape.watch(point)
    y = tf.tanh(tf.linalg.matvec(tf.transpose(tf.constant(matrix)), point))
wanted = tape.jacobian(y, point)
mine = differences(lambda v: np.tanh(v @ matrix), point.numpy())
print(compared(mine, wanted, atol=1e-5))


# %% tags=["solution"]
def differences(f, x, step=1e-3):
    """d f(x) / d x by central differences; f takes and returns a vector of NumPy numbers."""
    columns = []
    for i in range(len(x)):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        columns.append((f(up) - f(down)) / (2 * step))
    return np.stack(columns, axis=1)


from gradlab.lab.difference import compared

matrix = np.random.default_rng(0).normal(size=(3, 4))
point = tf.constant([0.1, -0.4, 0.7], tf.float64)
with tf.GradientTape() as tape:
    tape.watch(point)
    y = tf.tanh(tf.linalg.matvec(tf.transpose(tf.constant(matrix)), point))
wanted = tape.jacobian(y, point)
mine = differences(lambda v: np.tanh(v @ matrix), point.numpy())
print(compared(mine, wanted, atol=1e-5))

# %% [markdown]
# ## What you take home
#
# - `tape.gradient` of a vector is the gradient of its sum. For one row for each unit, ask for a Jacobian.
# - Slices of one gradient over time are the shares of the steps. The units are added up in them.
# - To ask one tape for several gradients, make it with `persistent=True`.
#
# Next: [the LSTM and the tape](05_lstm_and_the_tape.ipynb)
