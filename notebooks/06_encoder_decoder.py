# %% [markdown]
# # 6. Connect an encoder and a decoder
#
# An **encoder** reads a sequence and stores it in its last state; a **decoder** starts from that state and writes another sequence. Popular answers
# make claims about the gradients of such a model, and give code to copy. You test the claims and the code one by one. At the end you train three
# versions of a network that has to reverse sequences of digits.
#
# **Needs**: notebook [5](05_lstm_and_the_tape.ipynb). **Gives**: you can connect an encoder to a decoder, and see what a missing
# connection does to training. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # where each switch stands at first
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %%
gradlab.drawing("encoder_decoder")

# %% [markdown]
# ## 1. Start an LSTM decoder from one state (extra)
#
# **Claim.** *An LSTM decoder can start from the encoder's output: initial_state=[encoded].*
#
# <!-- question: one_state_for_two -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("one_state_for_two", bug=bug, predict=True)

# %% [markdown]
# **Look.** The red box says which exception was raised, and by which line of the code.
#
# **Measure, after you have flipped.** What is raised with the switch on, and by which line: while the model is built, or when it is called?

# %% tags=["after"]
from gradlab.runtime.exceptions import place, sentence

off, on = gradlab.compare("one_state_for_two")
gradlab.folded(sentence(on.error), f"raised by: {place(on.error)}")

# %% [markdown]
# <!-- answers: one_state_for_two -->
#
# **Explain.** An LSTM carries two states, so its initial state is a list of two, `[h, c]`. A list with one entry leaves c without a value. Legacy
# Keras compares the list with what the cell needs while the model is *built*, and says what it expected. Keras 3 builds the model and raises an
# `IndexError` when it is *called*. That error does not say which state is missing. (To see the error of legacy Keras, set `keras = 2` in the first
# code cell and restart.)

# %% [markdown]
# **Exercise.** Repair the model.
#
# Hint: How many states does an LSTM carry?
# Hint: The encoder returns three things: its output, h and c.
# Hint: `_, h, c = encoder(read)`, and `initial_state=[h, c]`.

# %% tags=["exercise"]
import tensorflow as tf


def mine(encoder, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    encoded = encoder(read)[0]
    decoded = decoder(written, initial_state=[encoded])
    model = tf.keras.Model([read, written], decoded)
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("one_state_for_two", mine)


# %% tags=["solution"]
import tensorflow as tf


def mine(encoder, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    _, h, c = encoder(read)
    decoded = decoder(written, initial_state=[h, c])
    model = tf.keras.Model([read, written], decoded)
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("one_state_for_two", mine)


# %% [markdown]
# ## 2. Hand over a bidirectional encoder (extra)
#
# **Claim.** *The output of a bidirectional encoder can be the decoder's initial state: initial_state=[encoded, encoded].*
#
# A **bidirectional** layer runs two LSTMs, one from each end of the sequence, and puts their outputs side by side. With the switch off,
# the states of both are joined and brought to the decoder's width by two dense layers, `fit_h` and `fit_c`.
#
# <!-- question: bidirectional_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("bidirectional_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Change the number of units, and read the error again: which two numbers do not agree?
#
# **Measure, after you have flipped.** What is raised, by which line, and the shapes of all that the encoder returns.

# %% tags=["after"]
off, on = gradlab.compare("bidirectional_state")
things = gradlab.load("bidirectional_state").setup()
names = ("encoded", "forward h", "forward c", "backward h", "backward c")
states = zip(names, things["encoder"](things["x"]), strict=True)
gradlab.folded(
    f"{type(on.error).__name__} raised by: {place(on.error)}",
    *(f"{name}: {tuple(state.shape)}" for name, state in states),
    f"the decoder's units: {things['decoder'].units}",
)

# %% [markdown]
# <!-- answers: bidirectional_state -->
#
# **Explain.** Side by side, the two directions are twice as wide as the decoder's states. Legacy Keras compares the widths while the model is
# built. Keras 3 raises in the first matrix product that does not fit. There are two repairs: bring the joined states to the decoder's width (as
# here), or give the decoder twice the units. Note also that `encoded` is the joined h. In a decoder with twice the units, `[encoded, encoded]`
# would run without an exception, with h in the place of c.

# %% [markdown]
# **Exercise.** Repair the model with the layers that are there: `join` puts tensors side by side, `fit_h` and `fit_c` change their width.
#
# Hint: Which two widths do not agree?
# Hint: `fit_h` and `fit_c` are dense layers with as many units as the decoder.
# Hint: `start = [fit_h(join([forward_h, backward_h])), fit_c(join([forward_c, backward_c]))]`.


# %% tags=["exercise"]
def mine(encoder, join, fit_h, fit_c, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    _, forward_h, forward_c, backward_h, backward_c = encoder(read)
    start = [join([forward_h, backward_h]), join([forward_c, backward_c])]
    model = tf.keras.Model([read, written], decoder(written, initial_state=start))
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    sources = {
        "encoder forward": encoder.forward_layer.cell.kernel,
        "encoder backward": encoder.backward_layer.cell.kernel,
    }
    sources |= {"fit_h": fit_h.kernel, "fit_c": fit_c.kernel, "decoder": decoder.cell.kernel}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("bidirectional_state", mine)


# %% tags=["solution"]
def mine(encoder, join, fit_h, fit_c, decoder, x, y):
    read, written = tf.keras.Input((None, 3)), tf.keras.Input((None, decoder.units))
    _, forward_h, forward_c, backward_h, backward_c = encoder(read)
    start = [fit_h(join([forward_h, backward_h])), fit_c(join([forward_c, backward_c]))]
    model = tf.keras.Model([read, written], decoder(written, initial_state=start))
    with tf.GradientTape() as tape:
        guess = model([x, y])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    sources = {
        "encoder forward": encoder.forward_layer.cell.kernel,
        "encoder backward": encoder.backward_layer.cell.kernel,
    }
    sources |= {"fit_h": fit_h.kernel, "fit_c": fit_c.kernel, "decoder": decoder.cell.kernel}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("bidirectional_state", mine)


# %% [markdown]
# ## 3. Leave the decoder without the encoder's state
#
# **Claim.** *The encoder's variables get no gradients.*
#
# The claim does not say when, so it is tested in two cases. The decoder is given the sequence y and should answer with y reversed. With the switch
# off it starts from the encoder's state, and with the switch on from zeros.
#
# <!-- question: ignored_encoder -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("ignored_encoder", bug=bug, predict=True)

# %% [markdown]
# **Look.** Train both versions and read how far each variable moved.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("ignored_encoder")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: ignored_encoder -->
#
# **Explain.** In these models the initial state is the only path from the encoder to the loss. The encoder still runs, and nothing fails. So the
# claim holds for a decoder that ignores the encoder's state, and not for one that uses the state (the switch off): **half true**. An encoder
# without gradients means that a *connection* is missing. It is not a limit of TensorFlow. The decoder's own gradients differ from those with the
# switch off, and they are right: it is another network now.

# %% [markdown]
# **Exercise.** Here the encoder's state is replaced by zeros before it is handed over. Repair the code.
#
# Hint: What does `start` still have of h?
# Hint: `tf.zeros_like(h)` has the shape of h, and no path to it.
# Hint: `start = [h, c]`.


# %% tags=["exercise"]
def mine(encoder, decoder, x, y):
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    with tf.GradientTape() as tape:
        _, h, c = encoder(x)
        start = [tf.zeros_like(h), tf.zeros_like(c)]
        guess = decoder(y, initial_state=start)
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("ignored_encoder", mine)


# %% tags=["solution"]
def mine(encoder, decoder, x, y):
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    with tf.GradientTape() as tape:
        _, h, c = encoder(x)
        start = [h, c]
        guess = decoder(y, initial_state=start)
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("ignored_encoder", mine)


# %% [markdown]
# ## 4. Run the encoder before the tape
#
# **Claim.** *An encoder that ran before the tape opened gets no gradients, though the decoder uses its state.*
#
# <!-- question: encoder_before_tape -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("encoder_before_tape", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the loss with that of section 3: which of the two mistakes shows in it?
#
# **Measure, after you have flipped.** Both positions side by side, and whether the loss shows the mistake.

# %% tags=["after"]
off, on = gradlab.compare("encoder_before_tape")
gradlab.folded(gradlab.side_by_side(off, on), f"the same loss at both positions: {off.loss == on.loss}")

# %% [markdown]
# <!-- answers: encoder_before_tape -->
#
# **Explain.** A tape records what happens while it is open. A state that was computed before it opened is two constants for it. The loss is the
# same, because the values are the same. How they were computed is not recorded, so no weight of the encoder gets a gradient.

# %% [markdown]
# **Exercise.** Repair the code by moving one line.
#
# Hint: Which line runs before the tape opens?
# Hint: It must be in the record.
# Hint: Move `_, h, c = encoder(x)` below the line that opens the tape.


# %% tags=["exercise"]
def mine(encoder, decoder, x, y):
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    _, h, c = encoder(x)
    with tf.GradientTape() as tape:
        guess = decoder(y, initial_state=[h, c])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("encoder_before_tape", mine)


# %% tags=["solution"]
def mine(encoder, decoder, x, y):
    names = ("kernel", "recurrent_kernel", "bias")
    sources = {f"encoder {name}": w for name, w in zip(names, encoder.weights, strict=True)}
    sources |= {f"decoder {name}": w for name, w in zip(names, decoder.weights, strict=True)}
    with tf.GradientTape() as tape:
        _, h, c = encoder(x)
        guess = decoder(y, initial_state=[h, c])
        loss = tf.reduce_mean((guess - tf.reverse(y, [1])) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("encoder_before_tape", mine)


# %% [markdown]
# ## 5. Train it: reverse five digits
#
# Does a missing gradient matter? The task: read five digits, write them backwards. There are 100 000 such sequences. 500 of them are **held out**:
# they are never trained on. The **sequence accuracy** is the share of these 500 that is answered without a single mistake.

# %%
import numpy as np

sequences = np.stack(np.meshgrid(*[range(10)] * 5, indexing="ij"), axis=-1).reshape(-1, 5).astype("int32")
np.random.default_rng(0).shuffle(sequences)
held_out, seen = sequences[:500], sequences[500:]
print("asked ", held_out[0])
print("answer", held_out[0][::-1])

# %% [markdown]
# While it is trained, the decoder is given the right digits so far and has to name the next one (this is called **teacher forcing**). When it is
# tested, it goes on from the digits that it chose itself. `how` is the switch. It has three positions: look for it in the code.

# %%
RIGHT, IGNORED, EARLY = "encoder inside the tape", "decoder ignores the encoder", "encoder before the tape"
START = 10  # the sign that begins an answer


def make(how):
    tf.keras.utils.set_random_seed(0)
    encoder = tf.keras.layers.LSTM(64, return_state=True)
    decoder = tf.keras.layers.LSTM(64, return_sequences=True)
    readout = tf.keras.layers.Dense(10)
    optimizer = tf.keras.optimizers.Adam(0.01)

    def encode(asked):
        _, h, c = encoder(tf.one_hot(asked, 10))
        return [h, c]

    def scores(state, said):
        start = None if how == IGNORED else state
        return readout(decoder(tf.one_hot(said, 11), initial_state=start))

    scores(encode(seen[:1]), seen[:1])  # the first call makes the weights
    variables = encoder.trainable_variables + decoder.trainable_variables + readout.trainable_variables
    optimizer.build(variables)

    @tf.function
    def train(asked):
        answer = tf.reverse(asked, [1])
        said = tf.pad(answer[:, :-1], [[0, 0], [1, 0]], constant_values=START)
        early = encode(asked)
        with tf.GradientTape() as tape:
            state = early if how == EARLY else encode(asked)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(answer, scores(state, said))
            loss = tf.reduce_mean(losses)
        pairs = zip(tape.gradient(loss, variables), variables, strict=True)
        optimizer.apply_gradients([(g, v) for g, v in pairs if g is not None])
        return loss

    @tf.function
    def accuracy(asked):
        state, said = encode(asked), tf.fill([tf.shape(asked)[0], 1], START)
        for _ in range(5):
            best = tf.argmax(scores(state, said)[:, -1], axis=-1, output_type=tf.int32)
            said = tf.concat([said, best[:, tf.newaxis]], axis=1)
        right = tf.reduce_all(said[:, 1:] == tf.reverse(asked, [1]), axis=1)
        return tf.reduce_mean(tf.cast(right, tf.float32))

    return train, accuracy


# %% [markdown]
# **Predict.** Each of the three is trained for 300 steps of 128 sequences. Which sequence accuracy will each of them reach? Write "almost all" (95
# % or more), "almost none" (below 1 %) or "between" behind each. Then run the cell. It takes some ten seconds for each.

# %%
from IPython.display import display

from gradlab.panel.progress import Progress

expected = {RIGHT: "?", IGNORED: "?", EARLY: "?"}  # your answers

STEPS = 300
curves = {}
for how in (RIGHT, IGNORED, EARLY):
    bar = Progress(STEPS, how)
    display(bar)
    with tf.device(device):
        train, accuracy = make(how)
        choose, curve = np.random.default_rng(1), []
        for step in range(STEPS + 1):
            if step % 20 == 0:
                curve.append(float(accuracy(held_out)))
                bar.show(step, f"{curve[-1]:.0%} of the held-out sequences without a mistake")
            train(seen[choose.integers(len(seen), size=128)])
    curves[how] = curve

for how, curve in curves.items():
    found = "almost all" if curve[-1] >= 0.95 else "almost none" if curve[-1] < 0.01 else "between"
    said = expected[how]
    print(f"{how}: {found};", "no answer yet" if said == "?" else "as you said" if said == found else "not as you said")

# %%
import io

from matplotlib.figure import Figure

from gradlab.lab.heatmap import Picture

figure = Figure(figsize=(7, 3), layout="constrained")
axes = figure.subplots()
for (how, curve), style in zip(curves.items(), ("-", ":", "--"), strict=True):
    axes.plot(range(0, STEPS + 1, 20), [100 * share for share in curve], style, color="black", label=how)
axes.set(xlabel="step", ylabel="sequence accuracy, %", ylim=(-3, 103))
axes.legend(loc="center right")
buffer = io.BytesIO()
figure.savefig(buffer, format="png", dpi=100)
Picture(buffer.getvalue(), "Accuracy on held-out sequences over 300 steps, one line for each of the three versions.")

# %% [markdown]
# **Explain.** The decoder without the encoder's state can only guess, and 1 of 100 000 guesses is right. The third version surprises most people.
# Its encoder is not trained. But a state that random weights compute still contains a part of the sequence, and the decoder learns to read it. So
# the loss falls and the accuracy rises, and neither of them shows the mistake. The gradients show it.

# %% [markdown]
# ## 6. Hand over half of the state (extra)
#
# What if only one of the two states is handed over? With the switch on, the decoder gets the encoder's h, and zeros in the place of c.
#
# <!-- question: half_the_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("half_the_state", bug=bug, predict=True)

# %% tags=["after"]
gradlab.side_by_side(*gradlab.compare("half_the_state"))

# %% [markdown]
# <!-- answers: half_the_state -->

# %% [markdown]
# ## 7. Write it yourself (extra)
#
# **Exercise.** Write the test that would have found both mistakes before the training. `silent_parts` takes the parts of a model by name, and a
# function that computes the loss. It returns the names of the silent parts. A part is silent if the gradient of each of its variables is None or
# zero.
#
# Hint: Ask one tape for the gradients of all variables of a part, or of all parts at once.
# Hint: A part is silent if each of its gradients is None or all zeros.
# Hint: `tape.gradient` takes a dict of lists as well: `{name: part.trainable_variables for name, part in parts.items()}`.


# %% tags=["write"]
def silent_parts(parts, loss_of):
    """The names of the parts that get nothing to learn from: {name: layer}, and a function without arguments."""
    return None  # your lines


things = gradlab.load("ignored_encoder").setup()
encoder, decoder, x, y = (things[name] for name in ("encoder", "decoder", "x", "y"))


def connected():
    _, h, c = encoder(x)
    return tf.reduce_mean((decoder(y, initial_state=[h, c]) - tf.reverse(y, [1])) ** 2)


def ignored():
    encoder(x)
    return tf.reduce_mean((decoder(y) - tf.reverse(y, [1])) ** 2)


def multiplied_by_zero():
    _, h, c = encoder(x)
    return tf.reduce_mean((decoder(y, initial_state=[0 * h, 0 * c]) - tf.reverse(y, [1])) ** 2)


parts = {"encoder": encoder, "decoder": decoder}
answers = [silent_parts(parts, loss) for loss in (connected, ignored, multiplied_by_zero)]
print("right" if answers == [[], ["encoder"], ["encoder"]] else f"not yet: {answers}")


# %% tags=["solution"]
def silent_parts(parts, loss_of):
    """The names of the parts that get nothing to learn from: {name: layer}, and a function without arguments."""
    with tf.GradientTape(persistent=True) as tape:
        loss = loss_of()
    silent = []
    for name, part in parts.items():
        gradients = tape.gradient(loss, part.trainable_variables)
        if not any(g is not None and tf.reduce_any(g != 0) for g in gradients):
            silent.append(name)
    return silent


things = gradlab.load("ignored_encoder").setup()
encoder, decoder, x, y = (things[name] for name in ("encoder", "decoder", "x", "y"))


def connected():
    _, h, c = encoder(x)
    return tf.reduce_mean((decoder(y, initial_state=[h, c]) - tf.reverse(y, [1])) ** 2)


def ignored():
    encoder(x)
    return tf.reduce_mean((decoder(y) - tf.reverse(y, [1])) ** 2)


def multiplied_by_zero():
    _, h, c = encoder(x)
    return tf.reduce_mean((decoder(y, initial_state=[0 * h, 0 * c]) - tf.reverse(y, [1])) ** 2)


parts = {"encoder": encoder, "decoder": decoder}
answers = [silent_parts(parts, loss) for loss in (connected, ignored, multiplied_by_zero)]
print("right" if answers == [[], ["encoder"], ["encoder"]] else f"not yet: {answers}")

# %% [markdown]
# ## What you take home
#
# - Every variable of an encoder-decoder has its gradient, by name. Look at them before you train.
# - An LSTM starts from `[h, c]`, two states as wide as the LSTM. Join the states of two directions, and bring them to that width.
# - An encoder without gradients has no path from the loss: its state is not handed over, or was computed before the tape opened.
# - A falling loss proves nothing about the gradients.
#
# Next: [state that is written](07_written_state.ipynb)
