# %% [markdown]
# # 10. Watch gradients vanish and explode
#
# How far back does a recurrent network look? A popular answer says that the gradient of the last state "reflects the entire
# sequence". You will draw what it reflects: a map with a row for every state and a column for every input. Then you will
# cut the first half of the sequence off, and see who notices.
#
# **You need**: notebook 4. **Time**: about 20 minutes. Run the cells from top to bottom with Shift+Enter; nothing you do here can
# break anything.

# %% tags=["parameters"]
bug = False  # where each switch stands at first
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. Draw who moves whom
#
# The **T × T map**: row t, column s holds the size of `d h_t / d x_s`, the Jacobian of state t with respect to input s. (Its size is the
# *Frobenius norm*: the root of the sum of all squared entries.) An input can't move an earlier state, so everything above
# the diagonal is exactly zero, and black. Follow one row from the diagonal to the left: that is how fast the past fades.
#
# Three kinds of cells stand side by side: **SimpleRNN** (one matrix and tanh), **GRU** and **LSTM** (with gates that can keep a state).
# Two knobs decide how the past fares:
#
# - `radius`, the **spectral radius** of the recurrent matrices: their largest |eigenvalue|, the factor by which repeated
#   multiplication grows or shrinks in the long run. Keras makes a SimpleRNN with exactly 1.
# - `forget_bias`, the bias of the LSTM's **forget gate**, which decides what share of the cell state is kept at each step:
#   sigmoid(1) = 0.73 (where Keras begins), sigmoid(4) = 0.98, sigmoid(-4) = 0.02.
#
# First predict, in words: which of the three will fade first when `radius` goes to 0.5? Which will not care about `forget_bias`?

# %%
from gradlab.panel.influence_panel import InfluencePanel

InfluencePanel(bug=bug)

# %% [markdown]
# **Toggle.** Flip between radius and forget bias 1, where Keras begins, and the knobs' values. Then find
#
# - a radius at which the SimpleRNN's first column grows downwards: its gradients **explode**;
# - a forget bias at which the LSTM's map is nearly one colour below the diagonal: it remembers everything;
# - a forget bias that makes the LSTM forget faster than the SimpleRNN.

# %% [markdown]
# **Measure.** One entry of each map, bottom left: how much the first input moves the last state, for three radii. `gradlab.jacobian` takes
# a layer of yours as well, and `norms` gives log10 of the sizes: -3 means a thousandth.

# %%
import numpy as np

from gradlab.lab.tunable_rnn import tuned_layer

x = 0.1 * np.random.default_rng(0).standard_normal((1, 20, 3))
for kind in ("SimpleRNN", "GRU", "LSTM"):
    maps = [gradlab.jacobian(tuned_layer(kind, 8, 3, radius, 1.0), x).norms()[0] for radius in (0.5, 1.0, 1.5)]
    print(f"{kind}: " + ", ".join(f"about 1e{round(powers[-1, 0]):+d}" for powers in maps))

# %% [markdown]
# **Explain.** From state s to state t the gradient passes t - s steps, and each multiplies it by the Jacobian of one step. A product of
# many matrices whose radius is below 1 **vanishes**, one above 1 can **explode**; tanh only makes them smaller. An LSTM adds
# a second road: along the cell state, each step multiplies by the forget gate alone, and a gate near 1 hands the gradient on
# almost unchanged. The recurrent matrices still matter to it, but less.
#
# Note what is *not* here: no `None`, and below the diagonal no zero. A vanished gradient is a number, only a very small one.

# %% [markdown]
# ## 2. Cut the far past off
#
# **Claim.** *The gradient of the last state reflects the influence of the entire sequence.*
#
# If that were so, the gradients of the weights would change when the path to the first half of the sequence is cut. The switch does that
# with `tf.stop_gradient`, which passes a value on and stops the gradient. The radius is 0.5 and the forget bias 2.
#
# **Predict.** What will each gradient be with the switch on? Put one of these words in the place of each question mark, and run
# the cell: `ok`, `wrong`, `zero`, `not finite`, `none`, `missing`, `raises`.

# %%
prediction = {"SimpleRNN kernel": "?", "LSTM kernel": "?"}
gradlab.check_prediction("far_past", prediction)

# %% [markdown]
# **Toggle.** Flip the switch; then drag `radius` up and `forget_bias` down. When does the SimpleRNN begin to notice, and when does the
# LSTM stop? (Wrong means here: by more than what a finite difference of this run can tell.)

# %%
gradlab.Panel("far_past", bug=bug)

# %% [markdown]
# **Measure.** Both positions side by side, and the share of each gradient that came from
# the first half of the sequence.

# %%
off, on = gradlab.compare("far_past")
print(gradlab.side_by_side(off, on))
for name in off.kinds:
    share = np.linalg.norm(on[name].values - off[name].values) / np.linalg.norm(off[name].values)
    print(
        f"{name}: share of the first half",
        "under 1 in 1000" if share < 1e-3 else "over 1 in 100" if share > 1e-2 else "small",
    )

# %% [markdown]
# **Explain.** The claim is about all networks, and it holds for some. In the SimpleRNN with small recurrent weights the first ten steps add
# nothing that can be measured; cutting them off is free. In the LSTM they matter. "The entire sequence" is a question that
# the map answers for *your* network.

# %% [markdown]
# **Exercise.** Build an LSTM that looks back: choose a radius and a forget bias such that the first of 20 inputs moves the last state at
# least half as much as the last input does. The check draws the map and compares two entries of its last row.

# %%
radius, forget_bias = 0.5, 1.0  # your answer
last_row = gradlab.jacobian(tuned_layer("LSTM", 8, 3, radius, forget_bias), x).norms()[0, -1]
ratio = 10 ** (last_row[0] - last_row[-1])
if ratio < 0.5:
    print("not yet: the past fades; hint: which gate keeps the cell state?")
elif ratio > 20:
    print("too much: the past explodes; hint: a smaller radius")
else:
    print("right: it looks back to the first input")

# %% [markdown]
# ## What you take home
#
# - The map |d h_t / d x_s| shows what a network can learn from: where it is dark, no training can reach.
# - Spectral radius below 1: vanishing. Above 1: exploding is possible. Gates give the gradient a road of its own.
# - Vanishing is not `None` and not zero; no check for `None` will find it.
#
# Next: [race for a Jacobian](11_jacobian_race.ipynb)
