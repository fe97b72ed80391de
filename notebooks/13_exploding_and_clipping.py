# %% [markdown]
# # 13. Clip a gradient that explodes
#
# A training loss jumps up by a factor of a thousand or more, and then every number is `nan`. The usual advice is to **clip** the
# gradient, which means to make it smaller when it is too large. There are three ways to do it, and they do different things to the
# *direction* of the gradient. You will watch an explosion, compare the three ways, and write one of them yourself.
#
# **Needs**: notebook [12](12_vanishing_and_exploding.ipynb), above all the word *spectral radius*. **Gives**: you can say what each way
# to clip does to the direction, and write one. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # has no effect here: the switch of this notebook is `clip`
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. Watch it explode
#
# The network reads 40 random numbers and has to answer with their mean. Its units are *ReLUs*, which have no upper end, and its recurrent matrix
# starts as 1.05 times the identity matrix, so its spectral radius is 1.05. It is trained by plain gradient descent. Here is all of the code. `clip`
# is the switch: a function that takes the list of gradients and returns another list.

# %%
import numpy as np
import tensorflow as tf

STEPS, UNITS = 40, 16


def make():
    tf.keras.utils.set_random_seed(0)
    rnn = tf.keras.layers.SimpleRNN(UNITS, activation="relu")
    readout = tf.keras.layers.Dense(1)
    rnn.build((None, STEPS, 1))
    readout.build((None, UNITS))
    rnn.cell.recurrent_kernel.assign(1.05 * np.eye(UNITS))
    return rnn, readout, rnn.trainable_variables + readout.trainable_variables


def batch(number):
    x = tf.random.stateless_normal((32, STEPS, 1), seed=(0, number))
    return x, tf.reduce_mean(x, axis=1)


def gradients_of(rnn, readout, weights, x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((readout(rnn(x)) - y) ** 2)
    return loss, tape.gradient(loss, weights)


def train(clip, steps, rate, batch=batch):
    """The loss and the global norm of the gradient before each step."""
    rnn, readout, weights = make()
    losses, norms = [], []

    @tf.function
    def step(x, y):
        loss, gradients = gradients_of(rnn, readout, weights, x, y)
        for weight, gradient in zip(weights, clip(gradients)):
            weight.assign_sub(rate * gradient)
        return loss, tf.linalg.global_norm(gradients)

    for number in range(steps):
        loss, norm = step(*batch(number))
        losses.append(float(loss))
        norms.append(float(norm))
    return np.array(losses), np.array(norms)


# %% [markdown]
# **Predict.** The learning rate is only 0.0003. What does the loss do in the first ten steps: fall, jump and come back, or end in `nan`? Write
# "falls", "jumps" or "nan", then run the cell. (The *global norm* is the length of all gradients together, as one long vector.)

# %%
expected = "?"  # your answer

losses, norms = train(lambda gradients: gradients, steps=10, rate=0.0003)
for number, (loss, norm) in enumerate(zip(losses, norms)):
    size = f"about 1e{round(np.log10(loss)):+d}" if np.isfinite(loss) else str(loss)
    print(f"step {number}: loss {size}, global norm", "finite" if np.isfinite(norm) else norm)
found = "nan" if np.isnan(losses).any() else "jumps" if losses.max() > 10 * losses[0] else "falls"
print("no answer yet" if expected == "?" else "as you said" if expected == found else f"it {found}, read on")

# %% [markdown]
# **Explain.** Three things happen, one after the other.
#
# 1. **The spike.** Each of the 40 steps stretches the state on the way to the loss, and the gradient on the way back. What all of them contribute is
#    added. So the norm is in the thousands; with 1.0 in place of 1.05 it is about 200. The step is the learning rate times the gradient. It carries the
#    weights far away from where the gradient was taken, and the loss is much larger there.
# 2. **Inf.** With larger weights the states of the next run grow more at every step. float32 holds numbers up to about 3.4e38. What is
#    larger becomes `inf`.
# 3. **NaN.** `inf - inf` and `0 * inf` have no value, so they give `nan`. A sum with one `nan` in it is `nan`. From then on each weight is `nan`, and
#    no later step can bring it back.

# %% [markdown]
# ## 2. Three ways to clip, and what they do to the direction
#
# - **By value** (`tf.clip_by_value`): each *entry* is limited to a range, here -1 to 1.
# - **By norm** (`tf.clip_by_norm`): each *tensor* is scaled down until its norm is at most 1.
# - **By global norm** (`tf.clip_by_global_norm`): *all* tensors are scaled by the same factor, until their global norm is at most 1.
#
# **Predict.** Which of them keep the direction of the whole gradient, that is, the cosine between before and after is 1? Which of them keep at
# least the direction of every single tensor? Write True or False.

# %%
whole = {"by value": "?", "by norm": "?", "by global norm": "?"}  # your answers
each = {"by value": "?", "by norm": "?", "by global norm": "?"}

ways = {
    "by value": lambda gradients: [tf.clip_by_value(g, -1.0, 1.0) for g in gradients],
    "by norm": lambda gradients: [tf.clip_by_norm(g, 1.0) for g in gradients],
    "by global norm": lambda gradients: tf.clip_by_global_norm(gradients, 1.0)[0],
}


def flat(gradients):
    return np.concatenate([np.ravel(g) for g in gradients])


def cosine(a, b):
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def said(answer, measured):
    return "no answer yet" if answer == "?" else "as you said" if answer == measured else "not as you said"


rnn, readout, weights = make()
_, gradients = gradients_of(rnn, readout, weights, *batch(0))
print("norms of the tensors:", ", ".join(f"{np.linalg.norm(g):.2g}" for g in gradients))
for name, clip in ways.items():
    clipped = clip(gradients)
    together = cosine(flat(gradients), flat(clipped))
    single = min(cosine(np.ravel(a), np.ravel(b)) for a, b in zip(gradients, clipped))
    print(
        f"{name}: global norm {np.linalg.norm(flat(clipped)):.2g}, cosine of the whole {together:.2f}, smallest of a tensor {single:.2f}"
    )
    print(f"   whole: {said(whole[name], together > 0.9999)}; each tensor: {said(each[name], single > 0.9999)}")

# %% [markdown]
# **Explain.** Scaling keeps a direction. Limiting single entries does not.
#
# - By value, large entries become smaller and small ones stay as they are, so the direction changes. Each entry can still be as large as the
#   limit: with many entries the step can still be long.
# - By norm, each tensor keeps its direction, and the *balance* between the tensors changes: those that were longer than the limit become equal in
#   length. So the whole gradient has another direction.
# - By global norm there is one factor for all. The direction stays, and the step has a known largest length: learning rate × limit.

# %% [markdown]
# **Exercise.** Write clipping by global norm from its definition, without `tf.clip_by_global_norm`. Note two cases: a gradient that is short enough
# must stay as it is, and one gradient in the list may be `None`.
#
# Hint: The global norm is the root of the sum of the squares of *all* entries.
# Hint: The factor is `limit / norm` where the norm is larger than the limit, and 1 elsewhere.
# Hint: `tf.minimum(1.0, limit / norm)`, and leave each None as it is.


# %% tags=["write"]
def my_clip(gradients, limit):
    """The gradients, all scaled by one factor, such that their global norm is at most `limit`. None stays None."""
    return gradients  # your lines


long, short = [tf.constant([3.0, 4.0]), None, tf.constant([[12.0]])], [tf.constant([0.3]), None]


def agrees(limit, gradients):
    try:
        wanted = tf.clip_by_global_norm(gradients, limit)[0]
        mine = my_clip(gradients, limit)
        same = [(a is None and b is None) or np.allclose(a, b, atol=1e-6) for a, b in zip(mine, wanted)]
        return len(mine) == len(wanted) and all(same)
    except Exception as error:
        print(f"your code raised {type(error).__name__}: {error}")
        return False


answers = {"a long one": agrees(1.0, long), "limit 5": agrees(5.0, long), "a short one": agrees(1.0, short)}
print("right" if all(answers.values()) else f"not yet: {', '.join(name for name, good in answers.items() if not good)}")


# %% tags=["solution"]
def my_clip(gradients, limit):
    """The gradients, all scaled by one factor, such that their global norm is at most `limit`. None stays None."""
    norm = tf.sqrt(tf.add_n([tf.reduce_sum(g**2) for g in gradients if g is not None]))
    factor = tf.minimum(1.0, limit / norm)
    return [None if g is None else factor * g for g in gradients]


long, short = [tf.constant([3.0, 4.0]), None, tf.constant([[12.0]])], [tf.constant([0.3]), None]


def agrees(limit, gradients):
    try:
        wanted = tf.clip_by_global_norm(gradients, limit)[0]
        mine = my_clip(gradients, limit)
        same = [(a is None and b is None) or np.allclose(a, b, atol=1e-6) for a, b in zip(mine, wanted)]
        return len(mine) == len(wanted) and all(same)
    except Exception as error:
        print(f"your code raised {type(error).__name__}: {error}")
        return False


answers = {"a long one": agrees(1.0, long), "limit 5": agrees(5.0, long), "a short one": agrees(1.0, short)}
print("right" if all(answers.values()) else f"not yet: {', '.join(name for name, good in answers.items() if not good)}")

# %% [markdown]
# **Exercise.** Keras' optimizers have three arguments for it: `clipvalue`, `clipnorm` and `global_clipnorm`. Which one is which? Write the name of the
# argument behind each way. The cell takes one step with a learning rate of 1 and compares.
#
# Hint: The name says it: a value, a norm, the global norm.
# Hint: `clipnorm` looks at one variable at a time.
# Hint: Run the cell with a guess, and change what is not right.

# %% tags=["exercise"]
argument = {"by value": "?", "by norm": "?", "by global norm": "?"}  # your answers


def step_of(**settings):
    """How far one step of SGD moves the weights, with the sign changed: the gradient that the optimizer used."""
    rnn, readout, weights = make()
    _, gradients = gradients_of(rnn, readout, weights, *batch(0))
    before = [np.array(tf.convert_to_tensor(w)) for w in weights]
    tf.keras.optimizers.SGD(1.0, **settings).apply_gradients(zip(gradients, weights))
    return flat([b - np.array(tf.convert_to_tensor(w)) for b, w in zip(before, weights)])


used = {name: step_of(**{name: 1.0}) for name in ("clipvalue", "clipnorm", "global_clipnorm")}
for name, clip in ways.items():
    right = [a for a, moved in used.items() if np.allclose(moved, flat(clip(gradients)), rtol=1e-3, atol=1e-5)]
    print(f"{name}:", "right" if [argument[name]] == right else "not yet")

# %% tags=["solution"]
argument = {"by value": "clipvalue", "by norm": "clipnorm", "by global norm": "global_clipnorm"}


def step_of(**settings):
    """How far one step of SGD moves the weights, with the sign changed: the gradient that the optimizer used."""
    rnn, readout, weights = make()
    _, gradients = gradients_of(rnn, readout, weights, *batch(0))
    before = [np.array(tf.convert_to_tensor(w)) for w in weights]
    tf.keras.optimizers.SGD(1.0, **settings).apply_gradients(zip(gradients, weights))
    return flat([b - np.array(tf.convert_to_tensor(w)) for b, w in zip(before, weights)])


used = {name: step_of(**{name: 1.0}) for name in ("clipvalue", "clipnorm", "global_clipnorm")}
for name, clip in ways.items():
    right = [a for a, moved in used.items() if np.allclose(moved, flat(clip(gradients)), rtol=1e-3, atol=1e-5)]
    print(f"{name}:", "right" if [argument[name]] == right else "not yet")

# %% [markdown]
# ## 3. Train with each of them
#
# The same network, the same data, a learning rate of 0.01 and 200 steps, four times: without clipping, and with each of the three ways. Which of
# the four trainings will end in `nan`? Decide, then run the cell (some seconds).

# %%
from IPython.display import display

from gradlab.panel.progress import Progress

runs = {"no clipping": lambda gradients: gradients, **ways}
curves, bar = {}, Progress(len(runs), "training")
display(bar)
for done, (name, clip) in enumerate(runs.items(), 1):
    with tf.device(device):
        curves[name] = train(clip, steps=200, rate=0.01)
    bar.show(done, name)

for name, (losses, _) in curves.items():
    end = losses[-20:].mean()
    print(
        f"{name}:",
        "ends in nan"
        if np.isnan(end)
        else "the loss has fallen to less than a tenth"
        if end < losses[0] / 10
        else "the loss is still high",
    )

# %%
from io import BytesIO

from matplotlib.figure import Figure

from gradlab.lab.heatmap import Picture

figure = Figure(figsize=(7, 3.2), layout="constrained")
axes = figure.subplots()
for (name, (losses, _)), style in zip(curves.items(), ("-", ":", "--", "-."), strict=True):
    axes.plot(np.where(np.isfinite(losses), losses, np.nan), style, color="black", label=name)
axes.set(xlabel="step", ylabel="loss", yscale="log", ylim=(1e-3, 1e6))
axes.legend(loc="upper right")
buffer = BytesIO()
figure.savefig(buffer, format="png", dpi=100)
Picture(
    buffer.getvalue(),
    "The loss over 200 steps: without clipping the line ends after the first step; with each way to clip it falls.",
)

# %% [markdown]
# **Explain.** Here the training succeeds with each of the three ways, because each of them limits the step. Which way is better depends on the
# network. The global norm is a good first choice, because it keeps the direction.
#
# ## 4. What clipping can't do (extra)
#
# Clipping scales a gradient. If one entry is already `inf` or `nan`, there is no factor that makes it a number again: the global norm is `inf` or `nan`, and
# `tf.clip_by_global_norm` then returns `nan` for every entry.
#
# Clipping also comes late: it changes a gradient that is already large. A `tf.keras.layers.LayerNormalization` works in the forward pass. It gives
# each row the mean 0 and the variance 1. So rows that are 100 times as large give the same result, and the gradient that goes back through the
# layer to them is about a hundredth as large.

# %%
poisoned = [tf.constant([1.0, float("inf")]), tf.constant([1.0])]
print("global norm:", float(tf.linalg.global_norm(poisoned)))
print("every entry is nan after clipping:", bool(np.isnan(flat(tf.clip_by_global_norm(poisoned, 1.0)[0])).all()))

# %% [markdown]
# **Exercise.** One batch in ten has a broken measurement in it, an `inf`. Write a `clip` that limits the global norm to 1 *and* leaves the weights as they are
# when the gradient is not finite. (It runs inside a `tf.function`, so decide with `tf.where` or `tf.cond`. A Python `if` on a tensor works only where
# AutoGraph converts it: that is the part of `tf.function` that makes operations of Python's `if` and loops. Think of `tf.where` in notebook [10](10_zero_and_nan.ipynb): a factor of 0 is not enough, because 0 × nan is nan.)
#
# Hint: First decide whether all gradients are finite: `tf.math.is_finite` of the global norm.
# Hint: 0 × nan is nan, so the bad numbers have to be replaced, not multiplied.
# Hint: `tf.where(good, clipped, 0.0)` for each gradient.


# %% tags=["write"]
def careful_clip(gradients):
    return tf.clip_by_global_norm(gradients, 1.0)[0]  # your lines


def broken_batch(number):
    x, y = batch(number)
    return (x / 0.0 if number % 10 == 3 else x), y


inf, nan = float("inf"), float("nan")
cases = {  # a list of gradients, and what has to come out
    "a long one": ([[3.0, 4.0], [12.0]], [[3 / 13, 4 / 13], [12 / 13]]),
    "a short one": ([[0.3], [0.4]], [[0.3], [0.4]]),
    "with an inf": ([[1.0, inf], [1.0]], [[0.0, 0.0], [0.0]]),
    "with a nan": ([[1.0], [nan, 1.0]], [[0.0], [0.0, 0.0]]),
}
for case, (given, wanted) in cases.items():
    try:
        found = [np.asarray(g).tolist() for g in careful_clip([tf.constant(g) for g in given])]
        same = len(found) == len(wanted) and all(np.allclose(a, b, atol=1e-6) for a, b in zip(found, wanted))
        print(f"{case}:", "right" if same else f"not yet, {wanted} was expected and {found} found")
    except Exception as error:
        print(f"{case}: your code raised {type(error).__name__}: {error}")

losses, _ = train(careful_clip, steps=100, rate=0.01, batch=broken_batch)
good = [loss for number, loss in enumerate(losses) if number % 10 != 3]
if not np.isfinite(good).all():
    print("not yet: after the first broken batch the weights are not finite")
elif good[-1] > losses[0] / 2:
    print("not yet: the weights stay finite, but the loss does not fall")
else:
    print("right: the broken batches are skipped, and the others train")


# %% tags=["solution"]
def careful_clip(gradients):
    clipped, norm = tf.clip_by_global_norm(gradients, 1.0)
    good = tf.math.is_finite(norm)
    return [tf.where(good, g, tf.zeros_like(g)) for g in clipped]


def broken_batch(number):
    x, y = batch(number)
    return (x / 0.0 if number % 10 == 3 else x), y


inf, nan = float("inf"), float("nan")
cases = {  # a list of gradients, and what has to come out
    "a long one": ([[3.0, 4.0], [12.0]], [[3 / 13, 4 / 13], [12 / 13]]),
    "a short one": ([[0.3], [0.4]], [[0.3], [0.4]]),
    "with an inf": ([[1.0, inf], [1.0]], [[0.0, 0.0], [0.0]]),
    "with a nan": ([[1.0], [nan, 1.0]], [[0.0], [0.0, 0.0]]),
}
for case, (given, wanted) in cases.items():
    try:
        found = [np.asarray(g).tolist() for g in careful_clip([tf.constant(g) for g in given])]
        same = len(found) == len(wanted) and all(np.allclose(a, b, atol=1e-6) for a, b in zip(found, wanted))
        print(f"{case}:", "right" if same else f"not yet, {wanted} was expected and {found} found")
    except Exception as error:
        print(f"{case}: your code raised {type(error).__name__}: {error}")

losses, _ = train(careful_clip, steps=100, rate=0.01, batch=broken_batch)
good = [loss for number, loss in enumerate(losses) if number % 10 != 3]
if not np.isfinite(good).all():
    print("not yet: after the first broken batch the weights are not finite")
elif good[-1] > losses[0] / 2:
    print("not yet: the weights stay finite, but the loss does not fall")
else:
    print("right: the broken batches are skipped, and the others train")

# %% [markdown]
# ## What you take home
#
# - An explosion goes from a large gradient to a spike of the loss, then to `inf`, then to `nan`. Print the global norm of the gradient to see it early.
# - By global norm, clipping keeps the direction of the whole gradient. By norm, it keeps that of each tensor. By value, it keeps neither.
# - In Keras these are `global_clipnorm`, `clipnorm` and `clipvalue`.
# - Clipping does not repair a gradient that is not finite. Skip the step, and find out why.
#
# Next: [from map to training](14_from_map_to_training.ipynb)
