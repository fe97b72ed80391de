# %% [markdown]
# # 12. Watch gradients vanish and explode
#
# How far back does a recurrent network look? A popular answer says that the gradient of the last state "reflects the entire sequence". You will
# draw what it reflects: a map with a row for every state and a column for every input. Then you stop the gradient before the first half of the
# sequence, and see whether it changes.
#
# **Needs**: notebook [4](04_timestep_jacobian.ipynb), and to have met the eigenvalues of a matrix once. **Gives**: you can draw how far back a
# network looks, and say which weights decide it. <!-- minutes -->
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
# ## 1. Draw which input moves which state
#
# The **T × T map**: row t, column s holds the size of `d h_t / d x_s`, the Jacobian of state t with respect to input s. (Its size is the
# *Frobenius norm*: the root of the sum of all squared entries.) An input can't move an earlier state, so everything above
# the diagonal is exactly zero, and black. Follow one row from the diagonal to the left: you see how the influence changes with distance.
#
# Three kinds of layers stand side by side, with 32 units each: **SimpleRNN** (one matrix and tanh), **GRU** and **LSTM** (with gates, which are
# numbers between 0 and 1 that scale a state). The inputs are random numbers of size 1. One position of the switch uses the weights that **Keras
# makes** for a new layer. The other position changes these weights by two knobs:
#
# - `radius` is the **spectral radius**: the largest |eigenvalue| of a matrix. The knob scales *every* recurrent matrix of *all three* layers to
#   it, in GRU and LSTM the matrix of each gate. (Keras gives a SimpleRNN a radius of exactly 1, and the gates of GRU and LSTM about 0.5 to 0.7.)
# - `forget_bias` is the bias of the **forget gate**, which decides what share of the cell state is kept at each step: sigmoid(1) = 0.73 (what
#   Keras sets), sigmoid(4) = 0.98, sigmoid(-4) = 0.02. It belongs to the *LSTM alone*. The maps of the other two do not change.
#
# First predict: with the weights that Keras makes, in which of the three layers does the first input move the last state least?

# %%
least = "?"  # your answer: "SimpleRNN", "GRU" or "LSTM"

# %%
from gradlab.panel.influence_panel import InfluencePanel

InfluencePanel(bug=bug)

# %% [markdown]
# **Look.** Look at Keras' own weights first. Then switch to the knobs, and find
#
# - a radius at which the SimpleRNN's first column grows downwards: its gradients **explode**;
# - a forget bias at which the LSTM's map is nearly one colour below the diagonal: the first input moves the last state as much as the last one;
# - a forget bias at which the LSTM's map fades faster than the SimpleRNN's.

# %% [markdown]
# **Measure, after you have flipped.** One entry of each map, bottom left: how much the first of 50 inputs moves the last state. `gradlab.jacobian` takes a layer
# of yours as well, and `norms` gives log10 of the sizes: -3 means a thousandth. The same for inputs of a tenth of the size.

# %% tags=["after"]
import numpy as np
import tensorflow as tf

from gradlab.lab.tunable_rnn import Tunable, inputs_of_size_one, tuned_layer

x, lines, powers_of = inputs_of_size_one(50, 3), [], {}
for kind in ("SimpleRNN", "GRU", "LSTM"):
    maker = Tunable(kind, 32, 3)
    powers = [gradlab.jacobian(maker.own(), size * x).norms()[0, -1, 0] for size in (1.0, 0.1)]
    powers += [gradlab.jacobian(maker.tune(radius, 1.0), x).norms()[0, -1, 0] for radius in (0.5, 1.0, 2.0)]
    powers_of[kind] = powers[0]
    own, small, *tuned = (f"1e{round(power):+d}" for power in powers)
    lines.append(f"{kind}: Keras' own {own} (small inputs {small}); radius 0.5, 1, 2: {', '.join(tuned)}")
found = min(powers_of, key=powers_of.get)
said = "no answer yet" if least == "?" else "as you said" if least == found else f"you said {least}"
gradlab.folded(*lines, f"moved least with Keras' own weights: {found} ({said})")

# %% [markdown]
# **Explain.** From state s to state t the gradient passes t - s steps, and each multiplies it by the Jacobian of one step. For a SimpleRNN that
# is the recurrent matrix times the *slope of tanh* at each unit. The slope is 1 for a unit near 0 and almost 0 for a unit near 1 or -1
# (a *saturated* unit). Two numbers of the matrix are easy to confuse:
#
# - The **largest singular value** is the most that one product can stretch a vector. The slopes are at most 1. So if it is below 1, every
#   product shrinks, whatever the inputs are: the gradient **vanishes**.
# - The **spectral radius** is the factor in the long run if *the same* matrix is multiplied again and again. The slopes differ from step to step and
#   from unit to unit, so a radius below 1 promises nothing, and a radius above 1 makes an **explosion** possible, not certain. The exercise
#   below shows it.
#
# That is why the size of the inputs matters. Keras gives a SimpleRNN an orthogonal matrix: all singular values are 1. With inputs of a tenth of the
# size the mean slope is above 0.95, and the entry for the first input and the last state is still above 0.1. With inputs of size 1 the mean slope
# is below 0.85, and the product of 49 steps leaves about 1e-5.
#
# An LSTM adds a second path: along the cell state, each step multiplies by the forget gate, and a gate near 1 passes the gradient on almost
# unchanged. The recurrent matrices matter to it too, but less. With Keras' own weights this gate is near 0.73 at every step.
#
# A GRU has such a path as well. Its *update gate* says what share of the state is kept, and Keras starts it without a bias: near a half. So each step
# keeps about half of the state, and of the first of 50 inputs the GRU keeps least: about 1e-10, beside 1e-5 of the SimpleRNN and 1e-4 of the LSTM.
#
# Note that there is no `None` in the map. A vanished gradient is a very small number. (If it is smaller than float32 can hold, a tape returns an
# exact zero. [Notebook 15](15_jacobian_race.ipynb) shows that.)

# %%
gradlab.drawing("two_roads")

# %% [markdown]
# **Exercise.** Here is a recurrent matrix of two units with a spectral radius of 0.63. Hold the two units at pre-activations of your choice
# (what goes into tanh), for 60 steps, such that the gradient *explodes*. Try saturating one unit, the other, both.
#
# Hint: With both units at 0 the slopes are 1, and the matrix is multiplied by itself again and again.
# Hint: A saturated unit has a slope near 0. That removes its row from the product.
# Hint: Try 0 for the first unit and 3 for the second.

# %% tags=["exercise"]
import numpy as np
import tensorflow as tf

U = np.array([[1.2, 1.0], [-1.0, -0.5]], "float32")
held_at = (0.0, 0.0)  # your answer: one number for each unit

print(
    f"spectral radius {np.abs(np.linalg.eigvals(U)).max():.2f}, largest singular value {np.linalg.svd(U)[1].max():.2f}"
)


def influence(held_at, steps=60):
    """log10 of |d h_T / d x_1| of a SimpleRNN whose inputs hold its units at these pre-activations."""
    layer = tf.keras.layers.SimpleRNN(2, return_sequences=True)
    inputs, h = np.zeros((1, steps, 2), "float32"), np.zeros(2)
    layer(inputs)
    layer.set_weights([np.eye(2, dtype="float32"), U, np.zeros(2, "float32")])
    for t in range(steps):
        inputs[0, t] = held_at - h @ U
        h = np.tanh(held_at)
    return float(gradlab.jacobian(layer, inputs).norms()[0, -1, 0])


power = influence(np.array(held_at, "float64"))
slopes = 1 - np.tanh(np.array(held_at, "float64")) ** 2
if slopes.min() > 0.5:
    hint = "both slopes are near 1, so the radius decides: saturate a unit"
elif slopes.max() < 0.5:
    hint = "both slopes are small: hold one unit nearer to 0"
else:
    hint = "the number on the diagonal of the unit that is not saturated is the factor of a step: is it above 1?"
told = "right, it explodes" if power > 1 else f"not yet: it vanishes. Hint: {hint}"
size = f"about 1e{round(power):+d}" if np.isfinite(power) else "exactly 0" if power < 0 else "not a number"
print(f"|d h_60 / d x_1| is {size}: {told}")

# %% tags=["solution"]
U = np.array([[1.2, 1.0], [-1.0, -0.5]], "float32")
held_at = (0.0, 3.0)

print(
    f"spectral radius {np.abs(np.linalg.eigvals(U)).max():.2f}, largest singular value {np.linalg.svd(U)[1].max():.2f}"
)


def influence(held_at, steps=60):
    """log10 of |d h_T / d x_1| of a SimpleRNN whose inputs hold its units at these pre-activations."""
    layer = tf.keras.layers.SimpleRNN(2, return_sequences=True)
    inputs, h = np.zeros((1, steps, 2), "float32"), np.zeros(2)
    layer(inputs)
    layer.set_weights([np.eye(2, dtype="float32"), U, np.zeros(2, "float32")])
    for t in range(steps):
        inputs[0, t] = held_at - h @ U
        h = np.tanh(held_at)
    return float(gradlab.jacobian(layer, inputs).norms()[0, -1, 0])


power = influence(np.array(held_at, "float64"))
slopes = 1 - np.tanh(np.array(held_at, "float64")) ** 2
if slopes.min() > 0.5:
    hint = "both slopes are near 1, so the radius decides: saturate a unit"
elif slopes.max() < 0.5:
    hint = "both slopes are small: hold one unit nearer to 0"
else:
    hint = "the number on the diagonal of the unit that is not saturated is the factor of a step: is it above 1?"
told = "right, it explodes" if power > 1 else f"not yet: it vanishes. Hint: {hint}"
size = f"about 1e{round(power):+d}" if np.isfinite(power) else "exactly 0" if power < 0 else "not a number"
print(f"|d h_60 / d x_1| is {size}: {told}")

# %% [markdown]
# ## 2. Stop the gradient halfway
#
# **Claim.** *The gradient of the last state reflects the influence of the entire sequence.*
#
# If that were so, the gradients of the weights would change when the path to the first half of the sequence ends halfway. The switch does that with
# `tf.stop_gradient`, which passes a value on and stops the gradient. The radius is 0.5 and the forget bias 2.
#
# <!-- question: far_past -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("far_past", bug=bug, predict=True)

# %% [markdown]
# **Look.** Drag `radius` up and `forget_bias` down. From which radius on is the SimpleRNN's gradient wrong, and up to
# which forget bias is the LSTM's right? (*Wrong* means: a finite difference of this run contradicts it.)
#
# **Measure, after you have flipped.** Both positions side by side, and the share of each gradient that came from
# the first half of the sequence.

# %% tags=["after"]
off, on = gradlab.compare("far_past")
lines = [gradlab.side_by_side(off, on)]
for name in off.kinds:
    share = np.linalg.norm(on[name].values - off[name].values) / np.linalg.norm(off[name].values)
    words = "under 1 in 1000" if share < 1e-3 else "over 1 in 100" if share > 1e-2 else "small"
    lines.append(f"{name}: share of the first half {words}")
gradlab.folded(*lines)

# %% [markdown]
# <!-- answers: far_past -->
#
# **Explain.** The claim is about all networks, and it holds for some. In the SimpleRNN with small recurrent weights the first ten steps add nothing
# that a finite difference can find. In the LSTM they do. How much of the sequence the gradient reflects depends on the weights and the inputs. The
# map shows it for *your* network.

# %% [markdown]
# ## 3. Make an LSTM look back (extra)
#
# **Exercise.** Make an LSTM that looks back: choose a radius and a forget bias such that the first of 20 inputs moves the last state at least half
# as much as the last input does. The check draws the map and compares two entries of its last row.
#
# Hint: Which gate keeps the cell state?
# Hint: sigmoid(1) is 0.73, and 0.73 multiplied 19 times by itself is little.
# Hint: A radius of 0.5 and a forget bias of 4.

# %% tags=["exercise"]
from gradlab.lab.tunable_rnn import inputs_of_size_one, tuned_layer

x = inputs_of_size_one(50, 3)
radius, forget_bias = 0.5, 1.0  # your answer
last_row = gradlab.jacobian(tuned_layer("LSTM", 8, 3, radius, forget_bias), x[:, :20]).norms()[0, -1]
ratio = 10 ** (last_row[0] - last_row[-1])
if ratio < 0.5:
    print("not yet: the first input has too little influence; hint: which gate keeps the cell state?")
elif ratio > 20:
    print("too much: the influence explodes; hint: a smaller radius")
elif forget_bias <= 1:
    print("not yet: this radius makes the gradient nearly explode; hint: leave the radius, and change the gate")
else:
    print("right: it looks back to the first input")

# %% tags=["solution"]
radius, forget_bias = 0.5, 4.0
last_row = gradlab.jacobian(tuned_layer("LSTM", 8, 3, radius, forget_bias), x[:, :20]).norms()[0, -1]
ratio = 10 ** (last_row[0] - last_row[-1])
if ratio < 0.5:
    print("not yet: the first input has too little influence; hint: which gate keeps the cell state?")
elif ratio > 20:
    print("too much: the influence explodes; hint: a smaller radius")
elif forget_bias <= 1:
    print("not yet: this radius makes the gradient nearly explode; hint: leave the radius, and change the gate")
else:
    print("right: it looks back to the first input")

# %% [markdown]
# ## 4. Write it yourself (extra)
#
# **Exercise.** Write the map of a SimpleRNN yourself. One step of the way from state t - 1 to state t multiplies by `diag(1 - h_t**2) @
# U.T`; the way from the input s to the state s multiplies by `diag(1 - h_s**2) @ W.T`. Return d h_T / d x_1, an array of units × inputs,
# as a product. The check compares with `gradlab.jacobian`.
#
# Hint: First run the network and keep all states: `h = np.tanh(x[t] @ W + h @ U + b)`.
# Hint: Begin with the input: `product = np.diag(1 - states[0]**2) @ W.T`.
# Hint: Then for each later state: `product = np.diag(1 - h**2) @ U.T @ product`.


# %% tags=["write"]
from gradlab.lab.tunable_rnn import inputs_of_size_one


def first_to_last(x, W, U, b):
    """d h_T / d x_1 of a SimpleRNN that starts from zeros; x has the shape steps × inputs."""
    return None  # your lines


from gradlab.lab.difference import compared

layer = tf.keras.layers.SimpleRNN(5, return_sequences=True)
sequence = inputs_of_size_one(12, 3)
wanted = np.asarray(gradlab.jacobian(layer, sequence).full)[0, -1, :, 0]
mine = first_to_last(np.float64(sequence)[0], *(np.float64(w) for w in layer.get_weights()))
print(compared(mine, wanted))


# %% tags=["solution"]
def first_to_last(x, W, U, b):
    """d h_T / d x_1 of a SimpleRNN that starts from zeros; x has the shape steps × inputs."""
    h, states = np.zeros(len(b)), []
    for row in x:
        h = np.tanh(row @ W + h @ U + b)
        states.append(h)
    product = np.diag(1 - states[0] ** 2) @ W.T
    for h in states[1:]:
        product = np.diag(1 - h**2) @ U.T @ product
    return product


from gradlab.lab.difference import compared

layer = tf.keras.layers.SimpleRNN(5, return_sequences=True)
sequence = inputs_of_size_one(12, 3)
wanted = np.asarray(gradlab.jacobian(layer, sequence).full)[0, -1, :, 0]
mine = first_to_last(np.float64(sequence)[0], *(np.float64(w) for w in layer.get_weights()))
print(compared(mine, wanted))

# %% [markdown]
# ## What you take home
#
# - The map of |d h_t / d x_s| shows how much each input moves each state, for these weights and these inputs.
# - Largest singular value below 1: the gradient of a SimpleRNN vanishes. Spectral radius below 1: that alone promises nothing.
# - The slope of tanh is part of every step. Large inputs saturate units, and then the gradient is smaller than the matrix alone would make it.
# - A forget gate near 1 passes the gradient on almost unchanged.
# - A vanished gradient is a small number and not `None`, so no check for `None` finds it.
#
# Does it matter for training? [Notebook 14](14_from_map_to_training.ipynb) trains three of these networks.
# Next: [clip a gradient that explodes](13_exploding_and_clipping.ipynb)
