# %% [markdown]
# # 15. Race for a Jacobian
#
# Notebook 4 took Jacobians one state at a time. Here you get *all* of them: `d h_t / d x_s` for every pair of steps. You check them against the
# definition, see what float32 does to very small numbers, and measure the time of five ways to compute them.
#
# **Needs**: notebooks [4](04_timestep_jacobian.ipynb) and [12](12_vanishing_and_exploding.ipynb). **Gives**: you can choose a way to a
# Jacobian, and say what it costs. <!-- minutes -->
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
# ## 1. Ask for all Jacobians at once
#
# `gradlab.jacobian(layer, inputs)` takes a recurrent Keras layer: SimpleRNN, GRU, LSTM, or an RNN with a cell of your own.
# ([Limits](../docs/limits.md) lists what it refuses.) In the shapes below B stands for batch, T for time steps, H for units and I for inputs.

# %%
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
layer = tf.keras.layers.LSTM(6, return_sequences=True)
x = tf.random.normal((2, 12, 3))  # B, T, I
jac = gradlab.jacobian(layer, x)
print("full, d h_t / d x_s        (B, T, H, T, I):", jac.full.shape)
print("diagonal, d h_t / d x_t    (B, T, H, I):   ", jac.diagonal.shape)
print("last, d h_T / d x_s        (B, T, H, I):   ", jac.last.shape)
print("step, d state_t / d state_t-1 (B, T, S, S):", jac.step.shape, "with S = H for h and H for c")
print("norms, log10 |d h_t / d x_s|  (B, T, T):   ", jac.norms().shape)

# %% [markdown]
# **Check it.** Move one input a little up and a little down, and look at all states. That is the derivative by its definition, a *finite
# difference*. The cell computes it in double precision, so that the move can be very small.

# %%
exact_layer = tf.keras.layers.LSTM(6, return_sequences=True, dtype="float64")
x64 = tf.cast(x, tf.float64)
exact_layer(x64)
exact_layer.set_weights([np.float64(w) for w in layer.get_weights()])
full = np.asarray(gradlab.jacobian(exact_layer, x64).full)
worst = 0.0
for s in range(x.shape[1]):
    for i in range(x.shape[2]):
        step = np.zeros(x.shape)
        step[:, s, i] = 1e-6
        slope = np.asarray(exact_layer(x64 + step) - exact_layer(x64 - step)) / 2e-6  # (B, T, H)
        worst = max(worst, np.abs(slope - full[:, :, :, s, i]).max())
print("all", full.size, "entries agree with finite differences to 8 digits:", bool(worst < 1e-8))
print("an input never moves an earlier state:", not full[:, 3, :, 4:].any())

# %% [markdown]
# ## 2. See how far back a network looks
#
# The map of norms has a row for every state and a column for every input. `norms` gives powers of ten (their exponents), and computes them without
# ever storing the very small numbers themselves. That matters, because `float32` has a smallest number: TensorFlow replaces results below about
# 1.2e-38 by an exact zero. This is called **underflow**. So a gradient that is not zero in mathematics can be zero on the tape.

# %%
from matplotlib.figure import Figure

from gradlab.lab.heatmap import as_picture
from gradlab.lab.jacobian_race.plots import draw_norms

steps, gain = 200, 0.3
fading = tf.keras.layers.SimpleRNN(16, return_sequences=True, recurrent_initializer="orthogonal")
long = tf.random.normal((1, steps, 4))
fading(long)
fading.set_weights([w * (gain if k == 1 else 1.0) for k, w in enumerate(fading.get_weights())])
logs = np.asarray(gradlab.jacobian(fading, long).norms())[0]
figure = Figure(figsize=(5, 4.2), layout="constrained")
axes = figure.subplots()
figure.colorbar(draw_norms(axes, logs), ax=axes, label="log10")
as_picture(
    figure,
    f"Map of log10 norms, {steps} by {steps}: largest on the diagonal, falling evenly to the lower left corner; "
    "above the diagonal empty, because an input does not move an earlier state.",
)

# %%
below = np.tril(np.ones_like(logs, bool))
smallest = np.finfo(np.float32).tiny  # 1.2e-38
with np.errstate(under="ignore"):
    as_float32 = np.float32(10.0) ** np.float32(logs)
print("smallest norm below the diagonal is under 1e-38:", bool(logs[below].min() < -38))
print(
    "share of the norms that float32 can't hold is over a quarter:", bool((as_float32[below] < smallest).mean() > 0.25)
)
print("none of them is zero in the map of logarithms:", bool(np.isfinite(logs[below]).all()))

with tf.GradientTape() as tape:  # the same network, asked in the usual way
    tape.watch(long)
    total = tf.reduce_sum(fading(long)[:, -1])
rows = np.asarray(tape.gradient(total, long))[0]
zeros = ~rows.any(axis=1)
print("exact zeros that the tape returns:", "more than half" if zeros.mean() > 0.5 else "fewer", "of 200 rows")
print("all of them are the early ones:", bool(zeros[: zeros.sum()].all()))
print("and the map says that none of them is zero:", bool(np.isfinite(logs[-1][zeros]).all()))

# %% [markdown]
# ## 3. Measure five ways
#
# Four of the five ways are in one small file. Read them. The fifth is `gradlab.jacobian`.

# %%
import inspect

from gradlab.lab.jacobian_race import readable

for function in (
    readable.folk_loop,
    readable.jacobian_per_step,
    readable.jacobian_at_once,
    readable.jacobian_structured,
):
    print(inspect.getsource(function))

# %% [markdown]
# **Predict.** Which of the five does not compute the Jacobian? And of the right ones: how many times faster is the fastest than `batch_jacobian`
# for each step: about 2, 20, 200 or 2000 times? Then run the next cell (some seconds). The bars are medians on a logarithmic scale. They depend on
# your machine.

# %%
not_the_jacobian = "?"  # your answer: the name of one of the four functions, or "gradlab.jacobian"
times_faster = "?"  # your answer: 2, 20, 200 or 2000

# %% tags=["nbval-ignore-output"]
from gradlab.lab.jacobian_race import race
from gradlab.lab.jacobian_race.plots import draw_race

rnn = tf.keras.layers.SimpleRNN(8, return_sequences=True)
lanes = race(rnn, tf.random.normal((1, 10, 4)), repeats=5, budget=4.0)
figure = Figure(figsize=(9, 3), layout="constrained")
draw_race(figure.subplots(), lanes)
as_picture(figure, "Race: " + "; ".join(f"{lane.name}: {1000 * lane.median:.1f} ms" for lane in lanes))

# %%
wrong = [lane.name for lane in lanes if lane.error is None or lane.error > 1e-4]
print("not the Jacobian:", ", ".join(wrong))
medians = {lane.name: lane.median for lane in lanes if lane.name not in wrong}
ratio = medians["batch_jacobian per step"] / min(medians.values())
print("batch_jacobian for each step takes over ten times as long as the fastest right way:", bool(ratio > 10))


def said(answer, measured):
    return "no answer yet" if answer == "?" else "as you said" if answer == measured else "not as you said"


nearest = min((2, 20, 200, 2000), key=lambda n: abs(np.log10(ratio / n)))
print("which is not the Jacobian:", said(not_the_jacobian, wrong[0].partition(" (")[0].replace(" ", "_")))
print("how many times faster:", said(times_faster, nearest))

# %% [markdown]
# **Explain.** Most of the time of the slow ways is not mathematics. `batch_jacobian` *traces*: before it computes anything, it builds a graph for
# the rows of the Jacobian, at every call. The next cell calls it inside a `tf.function`, which traces at the first call and not again for the same
# shapes.

# %% tags=["nbval-ignore-output"]
from time import perf_counter


def milliseconds(call, repeats=5):
    """The median time of a call, the first one apart: there is the tracing."""
    times = []
    for _ in range(repeats + 1):
        start = perf_counter()
        call()
        times.append(1000 * (perf_counter() - start))
    return times[0], float(np.median(times[1:]))


sequence = tf.random.normal((1, 10, 4))
traced = tf.function(readable.jacobian_at_once)
for name, call in {
    "batch_jacobian at once, as it stands": lambda: readable.jacobian_at_once(rnn, sequence),
    "batch_jacobian at once, in a tf.function": lambda: traced(rnn, sequence),
    "gradlab.jacobian": lambda: gradlab.jacobian(rnn, sequence).full,
}.items():
    first, later = milliseconds(call)
    print(f"{name}: first call {first:.0f} ms, later calls {later:.2g} ms")

# %% [markdown]
# The difference that remains is smaller, and it comes from the mathematics. The fast ways use the structure of a recurrent network. One forward
# pass gives all states. Then the Jacobians of all *single* steps are taken at once: A_t = d state_t / d state_t-1 and B_t = d state_t / d x_t,
# which are small matrices with a formula. All other Jacobians are products of them, by the **chain rule**: d h_t / d x_s = A_t · ... · A_s+1 · B_s.
# No tracing is needed.
#
# ## 4. See what it costs
#
# The full tensor and the map have T × T blocks. The diagonal and the single steps have T blocks. The cell below measures the time for growing T,
# and fits the exponent: 2 means four times the time for twice the length, and 1 means twice the time. (The fixed cost of a call makes the exponent
# smaller. Arrays that no longer fit into the processor's cache make it larger.)
#
# The map holds one number for each block of the full tensor: log10 of the block's size. To compute it, the blocks are needed all the same, and each
# product is scaled again and again so that nothing underflows. So the map saves memory, and it can take more time than the full tensor.

# %% tags=["nbval-ignore-output"]
from gradlab.lab.jacobian_race import cost
from gradlab.lab.jacobian_race.plots import draw_cost

costs = cost(tf.keras.layers.SimpleRNN(32, return_sequences=True), steps=(75, 150, 300, 600), features=2, repeats=3)
figure = Figure(figsize=(7, 4), layout="constrained")
draw_cost(figure.subplots(), costs)
as_picture(figure, "Cost over T: " + "; ".join(f"{c.quantity}: T to the {c.exponent:.1f}" for c in costs))

# %% [markdown]
# **Exercise.** Compute `d h_2 / d x_0` of the fading network from single steps only: `.step` holds the A_t, `.diagonal` the B_t (for a SimpleRNN the
# state is h, so S = H). Which product is it?
#
# Hint: From the input at step 0 to the state at step 2 there are two more steps.
# Hint: `A[t]` leads from state t - 1 to state t.
# Hint: `A[2] @ A[1] @ B[0]`.

# %% tags=["exercise"]
short = gradlab.jacobian(fading, long[:, :3])
A, B = np.asarray(short.step)[0], np.asarray(short.diagonal)[0]
answer = A[1] @ B[0]  # your answer; this is d h_1 / d x_0
wanted = np.asarray(short.full)[0, 2, :, 0]
print(
    "right"
    if np.allclose(answer, wanted, atol=1e-6)
    else "not yet: hint, one more step lies between state 1 and state 2"
)

# %% tags=["solution"]
short = gradlab.jacobian(fading, long[:, :3])
A, B = np.asarray(short.step)[0], np.asarray(short.diagonal)[0]
answer = A[2] @ A[1] @ B[0]
wanted = np.asarray(short.full)[0, 2, :, 0]
print(
    "right"
    if np.allclose(answer, wanted, atol=1e-6)
    else "not yet: hint, one more step lies between state 1 and state 2"
)

# %% [markdown]
# ## 5. Write it yourself
#
# **Exercise.** Write the last row of the map from single steps: `to_the_last(A, B)` returns d h_T / d x_s for every s, an array of steps
# × units × inputs. One matrix product for each step is enough, if you go backwards and keep the product.
#
# Hint: For the last input it is `B[-1]`.
# Hint: Keep `product`, which is the identity at first. Before each step back, multiply it by A of the step that you leave: `product @
# A[t]`.
# Hint: Go through `reversed(range(T))`: put `product @ B[t]` into row t, then `product = product @ A[t]`.


# %% tags=["write"]
def to_the_last(A, B):
    """d h_T / d x_s for all s: A[t] leads from state t - 1 to state t, B[t] from input t to state t."""
    return None  # your lines


from gradlab.lab.difference import compared

whole_run = gradlab.jacobian(
    tf.keras.layers.SimpleRNN(8, return_sequences=True), tf.random.stateless_normal((1, 10, 4), seed=(0, 0))
)
mine = to_the_last(np.asarray(whole_run.step)[0], np.asarray(whole_run.diagonal)[0])
wanted = np.asarray(whole_run.full)[0, -1].transpose(1, 0, 2)
print(compared(mine, wanted))


# %% tags=["solution"]
def to_the_last(A, B):
    """d h_T / d x_s for all s: A[t] leads from state t - 1 to state t, B[t] from input t to state t."""
    product, rows = np.eye(A.shape[-1]), np.zeros_like(B)
    for t in reversed(range(len(B))):
        rows[t] = product @ B[t]
        product = product @ A[t]
    return rows


from gradlab.lab.difference import compared

whole_run = gradlab.jacobian(
    tf.keras.layers.SimpleRNN(8, return_sequences=True), tf.random.stateless_normal((1, 10, 4), seed=(0, 0))
)
mine = to_the_last(np.asarray(whole_run.step)[0], np.asarray(whole_run.diagonal)[0])
wanted = np.asarray(whole_run.full)[0, -1].transpose(1, 0, 2)
print(compared(mine, wanted))

# %% [markdown]
# ## What you take home
#
# - `gradlab.jacobian(layer, x)` gives the Jacobians of a recurrent layer. They are no approximation: they agree with finite differences up to
#   rounding.
# - A vanished gradient is a small number, until it is smaller than float32 can hold. Then the tape returns an exact zero.
# - Before you call a method slow, measure how much of its time is tracing.
# - The fast ways apply the chain rule to the Jacobians of single steps.
#
# Next: [padding as it is](16_padding.ipynb)
