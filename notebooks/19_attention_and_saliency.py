# %% [markdown]
# # 19. Ask which word decided
#
# A network reads a sentence and answers. Which word was it that decided? Three measures claim to tell: the **attention weights** of the network, the
# **saliency** of each word (the size of the gradient of the loss for that word), and **integrated gradients**. You will train two small networks on a task
# in which you know the word, and see which of the three points at it.
#
# **Needs**: notebooks [12](12_vanishing_and_exploding.ipynb) and [13](13_exploding_and_clipping.ipynb). **Gives**: you can measure which word a network
# used, and check the measure. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # has no effect here: what is compared are two networks
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. A task and two networks
#
# Each sentence stops before its verb, and the answer is the verb: *is* or *are*. The first noun decides, and only that one. Six more nouns
# stand between it and the end.

# %%
import numpy as np
import tensorflow as tf

from gradlab.lab.agreement import LENGTH, WORDS, other_number, rank_agreement, sentences, text

tokens, answers, places = sentences(100, seed=1)
for n in (int(answers.argmin()), int(answers.argmax())):
    print(*text(tokens[n]), "...", "are" if answers[n, 0] else "is")

# %% [markdown]
# Both networks read with an LSTM. The *plain* one answers from its last state. The one *with attention* compares its last state with all 24 states, turns
# the results into 24 weights with the sum 1 (a softmax), and answers from the weighted mean of the states. A word comes in as a **row** of a table.
# The models below take rows and not words, because you will ask for the gradient of a row.

# %%
UNITS, SIZE = 32, 16


def networks(attention):
    """A table with a row for each word, a model from rows to the answer, and one from rows to the attention weights."""
    tf.keras.utils.set_random_seed(0)
    table = tf.keras.layers.Embedding(len(WORDS), SIZE)
    table(tokens[:1])  # the first call makes its rows
    rows = tf.keras.Input((LENGTH, SIZE))
    states = tf.keras.layers.LSTM(UNITS, return_sequences=True)(rows)
    read = last = states[:, -1:]
    weights = None
    if attention:
        read, weights = tf.keras.layers.Attention()([last, states], return_attention_scores=True)
    answer = tf.keras.layers.Reshape((1,))(tf.keras.layers.Dense(1)(read))
    network = tf.keras.Model(rows, answer)
    network.compile(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True))
    return table, network, tf.keras.Model(rows, weights) if attention else None


def saliency(table, network, tokens, answers):
    """|d loss / d row| of each word: an array sentences × words."""
    rows = table(tokens)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(answers, network(rows)))
    return np.linalg.norm(tape.gradient(loss, rows), axis=-1)


plain, attending = networks(attention=False), networks(attention=True)

# %% [markdown]
# ## 2. Before training: where does the gradient reach?
#
# First a smaller case: one LSTM with random inputs, without and with attention.
#
# <!-- question: attention_path -->
#
# **Predict.** In the two networks of section 1, with new weights: how large is the saliency of the *first* word, compared with the last? Write "less than a
# tenth" or "more than a tenth" behind each.

# %%
from IPython.display import display

from gradlab.panel.measured import Measured

my_ratio = {"plain": "?", "with attention": "?"}  # your answers

for name, (table, network, _) in {"plain": plain, "with attention": attending}.items():
    found = saliency(table, network, tokens, answers)
    ratio = np.median(found[:, 0] / found[:, -1])
    band = "less than a tenth" if ratio < 0.1 else "more than a tenth"
    said = "no answer yet" if my_ratio[name] == "?" else "as you said" if my_ratio[name] == band else "not as you said"
    display(Measured(f"{name}: saliency of the first word / of the last", ratio, f"{band}; {said}"))

# %% [markdown]
# **Look at the states.** `gradlab.through_time` gives the gradient of the loss for each state of the LSTM, over every path to the loss.

# %%
for name, (table, network, _) in {"plain": plain, "with attention": attending}.items():
    layer = gradlab.through_time(network, table(tokens[:4]), answers[:4], maps=False)[0]
    sizes = np.linalg.norm(layer.gradients["h"], axis=-1).mean(axis=0)
    band = "less than a tenth" if sizes[0] < 0.1 * sizes[-1] else "more than a tenth"
    display(Measured(f"{name}: d loss / d h, first step / last step", sizes[0] / sizes[-1], band))

# %% [markdown]
# <!-- answers: attention_path -->
#
# **Explain.** In the plain network there is one path from the first word to the loss: through all states after it. Attention adds a second path:
# the answer is computed from each state directly. So the gradient of the first state need not pass the later steps.

# %% [markdown]
# Keep one more number for section 4: do the attention weights of the new network put the words in the same order as the saliency does? `rank_agreement` is
# Spearman's rank correlation: 1 for the same order, 0 for none in common, -1 for the opposite order.

# %%
table, network, looks = attending
middle_before = np.median(
    rank_agreement(np.array(looks(table(tokens)))[:, 0], saliency(table, network, tokens, answers))
)

# %% [markdown]
# ## 3. Train both
#
# Each network is trained with Adam on about 4000 sentences, until it gives the right verb for 97 of 100 new ones, three times in a row (at most 500 steps). The loss
# is the binary cross-entropy.

# %%
from gradlab.lab.train_on_sentences import MOST, train
from gradlab.panel.progress import Progress

for name, (table, network, _) in {"plain": plain, "with attention": attending}.items():
    bar = Progress(MOST, name)
    display(bar)
    with tf.device(device):
        train(table, network, tokens, answers, bar.show)
    bar.show(MOST, "done")
    right = np.mean((np.array(network(table(tokens))) > 0) == (answers > 0))
    display(Measured(f"{name}: share of right verbs", right, "above 0.95" if right > 0.95 else "not above 0.95"))

# %% [markdown]
# You know the grammar, so you know which word decides. Do the networks use it? Change the number of nouns, and see whether the answer changes: first
# the noun that decides alone, then the six others.

# %%
one = other_number(tokens, places)  # the noun that decides in the other number
others = np.where(one == tokens, other_number(tokens), tokens)  # the six other nouns


def answers_of(table, network, tokens):
    return np.array(network(table(tokens)))[:, 0] > 0


for name, (table, network, _) in {"plain": plain, "with attention": attending}.items():
    before = answers_of(table, network, tokens)
    for what, changed in {"the noun that decides": one, "the six others": others}.items():
        share = np.mean(answers_of(table, network, changed) != before)
        band = "more than 9 of 10" if share > 0.9 else "fewer than 1 of 10" if share < 0.1 else "some"
        display(Measured(f"{name}: share of answers that change with {what}", share, band))

# %% [markdown]
# This change of a word is the measure with which you compare the others.

# %% [markdown]
# ## 4. Attention weights are not gradients (extra)
#
# <!-- question: attention_weight -->
#
# **Predict.** The trained network with attention: in how many of the 100 sentences has the noun that decides the *largest attention weight*? In how many has it
# the *largest saliency*? Write "fewer than half" or "half or more".

# %%
my_count = {"attention weight": "?", "saliency": "?"}  # your answers

table, network, looks = attending
measures = {
    "attention weight": np.array(looks(table(tokens)))[:, 0],
    "saliency": saliency(table, network, tokens, answers),
}
for name, found in measures.items():
    share = np.mean(found.argmax(axis=1) == places)
    band = "fewer than half" if share < 0.5 else "half or more"
    said = "no answer yet" if my_count[name] == "?" else "as you said" if my_count[name] == band else "not as you said"
    display(Measured(f"share of sentences with the largest {name} at the noun that decides", share, f"{band}; {said}"))

after = np.median(rank_agreement(*measures.values()))
display(
    Measured("median rank agreement before training", middle_before, "below 0" if middle_before < 0 else "0 or more"),
    Measured("after training", after, "larger than before" if after > middle_before else "not larger than before"),
)

# %% [markdown]
# <!-- answers: attention_weight -->
#
# **Explain.** Weights and saliency need not put the words in the same order. With new weights the orders were closer to opposite, and after
# training they agree more. Neither of them has the noun that decides at the top here. They answer different questions. The weight says how much of
# a *state* goes into the mean. A state holds what the LSTM kept of all words before it, so a large weight at step 20 can come from what that state
# kept of the first noun. The saliency says how a very small change of a *row* changes the loss. This is what one network on one task shows. Other
# networks with attention can differ.

# %% [markdown]
# ## 5. A gradient near zero, and a word that decides
#
# <!-- question: saturated_answer -->
#
# How sure is the trained network, and how large is the gradient of its answer *p* (the probability of "are") for the noun that decides?

# %%
from gradlab.lab.attributions import attribute, bars, check_attributions

N = 6  # sentences to look at


@tf.function(input_signature=[tf.TensorSpec((None, LENGTH, SIZE))])
def probability(rows):
    return tf.sigmoid(network(rows))[:, 0]


@tf.function(input_signature=[tf.TensorSpec((None, LENGTH, SIZE))])
def slope(rows):
    """d probability / d rows."""
    with tf.GradientTape() as tape:
        tape.watch(rows)
        answer = probability(rows)
    return tape.gradient(answer, rows)


rows, baseline = table(tokens).numpy(), table(other_number(tokens)).numpy()
sure = np.abs(probability(tf.constant(rows)).numpy() - 0.5) + 0.5
size = np.linalg.norm(slope(tf.constant(rows)).numpy()[np.arange(100), places], axis=-1)
middle, slight = np.median(sure), np.median(size)
display(
    Measured("median of how sure an answer is", middle, "above 0.95" if middle > 0.95 else "not above 0.95"),
    Measured(
        "median size of the gradient of the deciding row", slight, "below 0.05" if slight < 0.05 else "0.05 or more"
    ),
)

# %% [markdown]
# <!-- answers: saturated_answer -->
#
# **Explain.** The answer is *saturated*: it lies so far on the flat part of the sigmoid that a small change of a row changes almost nothing.
# **Integrated gradients** (Sundararajan, Taly and Yan, 2017) do not take the gradient at the sentence alone. They take it at many points on the
# straight line from a **baseline** to the sentence, take the mean, and multiply it by the difference of the rows. Here the baseline is the same
# sentence with *each* noun in the other number.
#
# The result is one number a word, its **attribution**. The sum of all attributions is F(sentence) - F(baseline), F being the answer. This is called
# **completeness**, and it is a check that you can run.
#
# **Exercise.** Write integrated gradients. `gradient` takes points (number × words × size) and returns the gradient at each. `alphas` are positions on the
# line, from 0 (the baseline) to 1 (the sentence), in rising order. They need not be equally far apart.
#
# Hint: The points are `baseline + alphas[:, None, None] * (rows - baseline)`.
# Hint: Between two neighbours use the mean of their gradients, multiplied by the distance of their alphas (the trapezoid rule). `np.diff(alphas)` has the distances.
# Hint: Sum over the pieces, multiply by `rows - baseline`, and sum over the last axis.


# %% tags=["write"]
def integrated_gradients(gradient, rows, baseline, alphas):
    """The attribution of each word: an array of as many numbers as there are words."""
    return np.zeros(len(rows))  # your lines


print(check_attributions(integrated_gradients))


# %% tags=["solution"]
def integrated_gradients(gradient, rows, baseline, alphas):
    """The attribution of each word: an array of as many numbers as there are words."""
    points = baseline + alphas[:, None, None] * (rows - baseline)
    slopes = np.asarray(gradient(points))
    between = (slopes[1:] + slopes[:-1]) / 2
    mean = (np.diff(alphas)[:, None, None] * between).sum(axis=0)
    return (mean * (rows - baseline)).sum(axis=-1)


print(check_attributions(integrated_gradients))

# %% [markdown]
# ## 6. Check the completeness
#
# **Predict.** With 50 equal steps, which are usual: how many of 6 sentences get a sum that is right up to 0.02? Write "all" or "not all".

# %%
my_sums = "?"  # your answer


def missing(n, alphas):
    """How far the sum of the attributions of sentence n is from F(sentence) - F(baseline)."""
    ends = probability(tf.constant(np.stack([baseline[n], rows[n]]))).numpy()
    return abs(attribute(slope, rows[n], baseline[n], alphas).sum() - (ends[1] - ends[0]))


equal = np.linspace(0, 1, 51)
off = max(missing(n, equal) for n in range(N))
band = "all" if off < 0.02 else "not all"
said = "no answer yet" if my_sums == "?" else "as you said" if my_sums == band else "not as you said"
display(Measured("the sum that is furthest off is off by", off, f"{band} are right up to 0.02; {said}"))

# %% [markdown]
# **Explain.** Along the line from the baseline the answer does not change slowly. It stays near one value, and changes to the other within a very
# short piece of the line. Equal steps jump over that piece. The gradients at all 51 points are then near zero, and so is the sum. Without the check
# this would look like "no word matters".
#
# The repair: completeness holds for each piece of the line as well. `finer` halves each piece in which the trapezoid rule misses the change of the
# answer by more than 0.0005, until there is none.


# %%
def finer(n):
    """Positions on the line such that the check holds in each piece between two of them."""
    alphas, change = np.linspace(0, 1, 33), rows[n] - baseline[n]
    for _ in range(20):  # pieces of 1 / 2**25: float32 has no finer ones
        points = tf.constant(baseline[n] + alphas[:, None, None] * change, tf.float32)
        along = (slope(points).numpy() * change).sum(axis=(1, 2))
        summed = (along[1:] + along[:-1]) / 2 * np.diff(alphas)
        wrong = np.abs(summed - np.diff(probability(points).numpy())) > 0.0005
        if not wrong.any():
            break
        alphas = np.sort(np.concatenate([alphas, (alphas[1:] + alphas[:-1])[wrong] / 2]))
    return alphas


lines = [finer(n) for n in range(N)]
attributions = np.array([attribute(slope, rows[n], baseline[n], lines[n]) for n in range(N)])
off = max(missing(n, lines[n]) for n in range(N))
share = np.mean(np.abs(attributions).argmax(axis=1) == places[:N])
display(
    Measured("the sum that is furthest off is off by", off, "below 0.05" if off < 0.05 else "0.05 or more"),
    Measured(
        "share of sentences with the largest attribution at the noun that decides",
        share,
        "more than 4 of 6" if share > 4 / 6 else "4 of 6 or fewer",
    ),
)

# %%
shown = {
    "attention": measures["attention weight"][0],
    "saliency": measures["saliency"][0],
    "integrated": attributions[0],
}
bars(shown, text(tokens[0]), places[0])

# %% [markdown]
# The baseline is a choice, and the attributions answer a question about *both* sentences: which words make the answer differ from that of the baseline? Words
# that are the same in both get an attribution of zero, whatever the network does with them.
#
# ## 7. Five mistakes (extra)
#
# <!-- question: gradient_of_token_ids -->
#
# **Exercise.** What is the gradient in each line? Write one of `None`, `zero`, `IndexedSlices`, `ok`.
#
# 1. *token ids*: the gradient for the ids of the words.
# 2. *table*: the gradient for the table of rows.
# 3. *argmax*: the row that is chosen by the largest attention score.
# 4. *large scores*: the softmax of scores that are a thousand apart.
# 5. *no mask*: the row of a padded word, after a calculation with the rows (`rows * 1.0`) and before an LSTM.
#
# Hint: An id is an integer. Which of the five go through an integer?
# Hint: A batch uses some rows of the table only. TensorFlow returns these rows and their places.
# Hint: A mask belongs to the tensor that the layer `Embedding` made. Does the result of a multiplication have it?

# %% tags=["exercise"]
kinds = dict.fromkeys(["token ids", "table", "argmax", "large scores", "no mask"], "?")  # your answers


def kind_of(gradient):
    if gradient is None or isinstance(gradient, tf.IndexedSlices):
        return "None" if gradient is None else "IndexedSlices"
    return "ok" if np.asarray(gradient).any() else "zero"


def measured():
    padded = tf.Variable([[5.0, 2.0, 0.0]])  # ids as floats, so that a tape can watch them
    masked = tf.keras.layers.Embedding(10, 4, mask_zero=True)
    lstm, scores = tf.keras.layers.LSTM(3), tf.Variable([1.0, 3.0])
    lstm(masked(tf.zeros((1, 3), tf.int32)))
    with tf.GradientTape(persistent=True) as tape:
        rows = masked(tf.cast(padded, tf.int32))
        plain = rows * 1.0
        tape.watch(plain)
        out = tf.reduce_sum(lstm(plain))
        by_argmax = tf.reduce_sum(tf.gather(rows[0], tf.argmax(scores)))
        by_softmax = tf.reduce_sum(tf.nn.softmax(1000 * scores) * [1.0, 2.0])
    return {
        "token ids": kind_of(tape.gradient(out, padded)),
        "table": kind_of(tape.gradient(out, masked.trainable_variables[0])),
        "argmax": kind_of(tape.gradient(by_argmax, scores)),
        "large scores": kind_of(tape.gradient(by_softmax, scores)),
        "no mask": kind_of(tape.gradient(out, plain)[0, 2]),
    }


for name, found in measured().items():
    print(f"{name}:", "no answer yet" if kinds[name] == "?" else "right" if kinds[name] == found else "not as you said")

# %% tags=["solution"]
kinds = {
    "token ids": "None",
    "table": "IndexedSlices",
    "argmax": "None",
    "large scores": "zero",
    "no mask": "ok",
}
for name, found in measured().items():
    print(f"{name}:", "no answer yet" if kinds[name] == "?" else "right" if kinds[name] == found else "not as you said")

# %% [markdown]
# <!-- answers: gradient_of_token_ids -->
#
# **Explain.** Ask for the gradient of the *rows*, not of the ids. `tf.convert_to_tensor` makes an array of IndexedSlices. Choose by a softmax and not by argmax if
# the scores are to learn, and keep the scores small enough that the softmax is not saturated. Give the mask to the layer yourself, `lstm(rows, mask=real)`, when you have calculated with the rows:
# the fifth gradient should be zero.

# %% [markdown]
# ## What you take home
#
# - Attention adds a direct path from the loss to each state.
# - An attention weight, a saliency and an attribution answer three different questions. Say which question you ask.
# - A gradient near zero does not say that a word is of no use: the answer may be saturated.
# - Integrated gradients come with a check. If the sum is not F(sentence) - F(baseline), the attributions are wrong.
# - Change the word and look at the answer: this is the test for all of them.
#
# Next: [five bugs in one script](20_capstone.ipynb)
