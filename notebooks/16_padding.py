# %% [markdown]
# # 16. Pad sequences, and find what padding changes
#
# Sentences have different lengths, and a batch is a rectangle. So short sequences are **padded**: filled up with a token that means "nothing here". A
# **mask** says which steps are real. Keras makes the mask in the `Embedding` layer (`mask_zero=True`, token 0 is padding) and passes it on from
# layer to layer. Here you test, in one small network, what padding does to the state, to the loss and to the gradients.
#
# **Needs**: notebook [10](10_zero_and_nan.ipynb), section 3. **Gives**: you can test whether padding changes the state, the loss or the
# gradient. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # has no effect here: each section has a switch of its own
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. Does padding change the last state?
#
# Two sentences of three words, one of them padded to eight steps. `mask_zero` is the switch.

# %%
import numpy as np
import tensorflow as tf

short = tf.constant([[5, 2, 7]])
padded = tf.constant([[5, 2, 7, 0, 0, 0, 0, 0]])


def make(mask_zero):
    tf.keras.utils.set_random_seed(0)
    table = tf.keras.layers.Embedding(10, 4, mask_zero=mask_zero)
    lstm = tf.keras.layers.LSTM(6)
    lstm(table(padded))  # the first call makes the weights
    return table, lstm


# %% [markdown]
# **Predict.** Is the last state of the padded sentence the same as that of the short one? And does row 0 of the table, the padding, get a
# gradient? Write True or False behind each.

# %%
expected = {  # your answers
    "same state, mask_zero=True": "?",
    "same state, mask_zero=False": "?",
    "row 0 gets a gradient, mask_zero=True": "?",
    "row 0 gets a gradient, mask_zero=False": "?",
}

for mask_zero in (True, False):
    table, lstm = make(mask_zero)
    same = np.allclose(lstm(table(short)), lstm(table(padded)), atol=1e-6)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((lstm(table(padded)) - 1) ** 2)
    rows = np.asarray(tf.convert_to_tensor(tape.gradient(loss, table.trainable_variables[0])))
    measured = {"same state": bool(same), "row 0 gets a gradient": bool(rows[0].any())}
    for what, found in measured.items():
        said = expected[f"{what}, mask_zero={mask_zero}"]
        print(
            f"{what}, mask_zero={mask_zero}: {found};",
            "no answer yet" if said == "?" else "as you said" if said == found else "not as you said",
        )

# %% [markdown]
# **Explain.** With a mask the LSTM keeps its old state at every padded step, so the last state is that of the last real word, and nothing goes back
# to the padding's row. Without a mask, padding is a word like the others: it changes the state, its row is trained, and the gradient of the real
# words passes five more steps.

# %% [markdown]
# ## 2. Average a loss over padding
#
# The network now says something at *every* step, and the loss is a mean over steps. A batch of two: one sentence has eight real words, the other three.
# Three ways to take the mean:
#
# - **all**: over all 16 steps, padding included;
# - **zeroed**: the loss of padded steps is set to zero, and the mean is still over all 16;
# - **real**: the sum over real steps, divided by their number, 11.

# %%
tokens = tf.constant([[5, 2, 7, 0, 0, 0, 0, 0], [1, 3, 2, 4, 6, 9, 8, 5]])
wanted = tf.constant(np.random.default_rng(0).standard_normal((2, 8)), tf.float32)
real = tf.cast(tokens != 0, tf.float32)


def losses_of(table, lstm, readout):
    answers = readout(lstm(table(tokens)))[..., 0]
    return (answers - wanted) ** 2  # (2, 8): one loss for each step


means = {
    "all": lambda losses: tf.reduce_mean(losses),
    "zeroed": lambda losses: tf.reduce_mean(losses * real),
    "real": lambda losses: tf.reduce_sum(losses * real) / tf.reduce_sum(real),
}


def gradient_of(mean):
    tf.keras.utils.set_random_seed(0)
    table = tf.keras.layers.Embedding(10, 4, mask_zero=True)
    lstm = tf.keras.layers.LSTM(6, return_sequences=True)
    readout = tf.keras.layers.Dense(1)
    losses_of(table, lstm, readout)
    with tf.GradientTape() as tape:
        loss = mean(losses_of(table, lstm, readout))
    weights = [lstm.trainable_variables[0], lstm.trainable_variables[1], readout.trainable_variables[0]]
    return float(loss), np.concatenate([np.ravel(g) for g in tape.gradient(loss, weights)])


# %% [markdown]
# **Predict.** Compared with the mean over real steps: which gradient has the *same direction* but is shorter, and which points *elsewhere*? Write "all" or
# "zeroed".

# %%
expected = {"same direction, shorter": "?", "elsewhere": "?"}  # your answers

right_loss, right = gradient_of(means["real"])
found = {}
for name, mean in means.items():
    loss, gradient = gradient_of(mean)
    cosine = gradient @ right / (np.linalg.norm(gradient) * np.linalg.norm(right))
    ratio = np.linalg.norm(gradient) / np.linalg.norm(right)
    print(f"{name}: loss {loss:.2f}, cosine with 'real' {cosine:.2f}, norm over that of 'real' {ratio:.2f}")
    if name != "real":
        found["same direction, shorter" if cosine > 0.9999 else "elsewhere"] = name
print("no answer yet" if "?" in expected.values() else "as you said" if expected == found else "not as you said")

# %% [markdown]
# **Explain.** Nothing is None, zero or NaN here, and yet two of the three are not the gradient of the mean over real words. *Zeroed* is exactly
# 11/16 of it: a smaller learning rate, which changes from batch to batch with the share of padding. *All* contains the errors at padded steps.
# There the state does not change, and the network is trained on answers at steps without a word.

# %% [markdown]
# ## 3. Put a layer of your own behind the Embedding
#
# Between `Embedding` and LSTM there is a layer that scales its input. Which of the three networks below still ignores the padding: without this
# layer, with `ScaleWithMask`, with `Scale`? Decide, then run the cell.

# %%


import warnings


class Scale(tf.keras.layers.Layer):
    def call(self, x):
        return 0.5 * x


class ScaleWithMask(Scale):
    def __init__(self):
        super().__init__()
        self.supports_masking = True


def padded_equals_short(scale):
    table, lstm = make(mask_zero=True)
    if scale is not None:
        return bool(np.allclose(lstm(scale(table(short))), lstm(scale(table(padded))), atol=1e-6))
    return bool(np.allclose(lstm(table(short)), lstm(table(padded)), atol=1e-6))


for name, scale in {"no layer": None, "ScaleWithMask": ScaleWithMask(), "Scale": Scale()}.items():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        print(f"{name} between: padding is ignored: {padded_equals_short(scale)}, warnings: {bool(said)}")

# %% [markdown]
# **Explain.** A layer that does not declare `supports_masking` drops the mask. There is no exception for it. Keras 3 says so in one warning, which
# is easy to miss among others. Legacy Keras says nothing. The LSTM gets no mask, and runs over the padding as in section 1 with `mask_zero=False`.

# %% [markdown]
# **Exercise.** Write a test for your own networks: a function that says whether padding changes the answer. It gets a function `network`, from tokens to a state,
# and a batch of tokens without padding. It pads the batch with 1, 5 and 20 zeros and compares. The check tries it on four networks.
#
# Hint: `tf.pad(tokens, [[0, 0], [0, 5]])` pads with zeros.
# Hint: Call the network on both, and compare with `np.allclose`.
# Hint: Return False as soon as one length makes a difference, and True behind the loop.


# %% tags=["write"]
def padding_is_ignored(network, tokens):
    """True if the network gives the same answer with 1, 5 and 20 steps of padding behind the tokens."""
    return None  # your lines


def network_with(scale, mask_zero=True):
    table, lstm = make(mask_zero)
    return lambda tokens: lstm(table(tokens) if scale is None else scale(table(tokens)))


networks = (network_with(None), network_with(Scale()), network_with(None, mask_zero=False))
networks += (
    lambda tokens: networks[0](tokens[:, -10:]),
)  # reads the last 10 steps: the words go with 20 steps of padding
warnings.simplefilter("ignore")  # you have seen it
answers = [padding_is_ignored(network, tf.constant([[3, 1], [2, 9]])) for network in networks]
print(
    "right"
    if answers == [True, False, False, False]
    else f"not yet: {answers}. One of the four ignores padding, and one differs at 20 steps alone"
)


# %% tags=["solution"]
def padding_is_ignored(network, tokens):
    """True if the network gives the same answer with 1, 5 and 20 steps of padding behind the tokens."""
    answer = network(tokens)
    for steps in (1, 5, 20):
        padded = tf.pad(tokens, [[0, 0], [0, steps]])
        if not np.allclose(answer, network(padded), atol=1e-6):
            return False
    return True


def network_with(scale, mask_zero=True):
    table, lstm = make(mask_zero)
    return lambda tokens: lstm(table(tokens) if scale is None else scale(table(tokens)))


networks = (network_with(None), network_with(Scale()), network_with(None, mask_zero=False))
networks += (
    lambda tokens: networks[0](tokens[:, -10:]),
)  # reads the last 10 steps: the words go with 20 steps of padding
warnings.simplefilter("ignore")  # you have seen it
answers = [padding_is_ignored(network, tf.constant([[3, 1], [2, 9]])) for network in networks]
print(
    "right"
    if answers == [True, False, False, False]
    else f"not yet: {answers}. One of the four ignores padding, and one differs at 20 steps alone"
)

# %% [markdown]
# **Exercise.** A batch may contain a sentence without any word. What is the gradient of the mean over *real* steps for a batch of padding alone? Write one of `ok`,
# `zero`, `not finite`, `none`, and then repair `careful_mean` so that such a batch gives a loss of zero and gradients of zero.
#
# Hint: What is divided by what, when nothing is real?
# Hint: 0 / 0 is nan. Only the number below the line has to change.
# Hint: `tf.maximum(tf.reduce_sum(real), 1.0)`.

# %% tags=["exercise"]
expected_kind = "?"  # your answer


def careful_mean(losses, real):
    return tf.reduce_sum(losses * real) / tf.reduce_sum(real)  # your change


def kind_of(mean):
    losses = tf.Variable(tf.ones((2, 8)))
    with tf.GradientTape() as tape:
        loss = mean(losses, tf.zeros((2, 8)))
    gradient = tape.gradient(loss, losses) if tf.is_tensor(loss) else None  # a plain number has no path
    if gradient is None:
        return "none"
    return "not finite" if not np.isfinite(gradient).all() else "ok" if np.any(gradient) else "zero"


plain = kind_of(lambda losses, real: tf.reduce_sum(losses * real) / tf.reduce_sum(real))
print("kind:", "no answer yet" if expected_kind == "?" else "right" if expected_kind == plain else "not as you said")
kept = float(careful_mean(tf.constant([2.0, 4.0, 9.0]), tf.constant([1.0, 1.0, 0.0])))
empty, kind = float(careful_mean(tf.ones((2, 8)), tf.zeros((2, 8)))), kind_of(careful_mean)
print(f"padding alone: loss {empty:.2g}, gradient {kind}; losses 2 and 4 and a padded step: {kept:.2g}")
done = kind == "zero" and empty == 0 and abs(kept - 3) < 1e-6
print("right" if done else "not yet: hint, 0, zero and 3 are wanted. What is divided by what?")

# %% tags=["solution"]
expected_kind = "not finite"


def careful_mean(losses, real):
    return tf.reduce_sum(losses * real) / tf.maximum(tf.reduce_sum(real), 1.0)


def kind_of(mean):
    losses = tf.Variable(tf.ones((2, 8)))
    with tf.GradientTape() as tape:
        loss = mean(losses, tf.zeros((2, 8)))
    gradient = tape.gradient(loss, losses) if tf.is_tensor(loss) else None  # a plain number has no path
    if gradient is None:
        return "none"
    return "not finite" if not np.isfinite(gradient).all() else "ok" if np.any(gradient) else "zero"


plain = kind_of(lambda losses, real: tf.reduce_sum(losses * real) / tf.reduce_sum(real))
print("kind:", "no answer yet" if expected_kind == "?" else "right" if expected_kind == plain else "not as you said")
kept = float(careful_mean(tf.constant([2.0, 4.0, 9.0]), tf.constant([1.0, 1.0, 0.0])))
empty, kind = float(careful_mean(tf.ones((2, 8)), tf.zeros((2, 8)))), kind_of(careful_mean)
print(f"padding alone: loss {empty:.2g}, gradient {kind}; losses 2 and 4 and a padded step: {kept:.2g}")
done = kind == "zero" and empty == 0 and abs(kept - 3) < 1e-6
print("right" if done else "not yet: hint, 0, zero and 3 are wanted. What is divided by what?")

# %% [markdown]
# ## What you take home
#
# - With a mask, the state stays as it is at padded steps, and the padding's row of the table gets zero.
# - Divide the loss by the number of *real* steps. Setting padded losses to zero makes the gradient shorter. Leaving them in changes its direction.
# - A layer of your own drops the mask unless it sets `supports_masking = True`, without an exception.
# - Test it: more padding must not change the answer.
#
# Next: [find what is broken while it trains](17_broken_under_fit.ipynb)
