# %% [markdown]
# # 11. Vote on popular claims
#
# Thirteen sentences about gradients, on one page. Some are popular answers, some say the opposite of one. For each of them there is a small program with a switch: with the switch on, the program
# does what the sentence speaks of. You vote, the program runs in both positions, and you see what was measured.
#
# **Needs**: notebook [1](01_initial_state.ipynb), above all the words *tape* and *source*. **Gives**: you can test a sentence about gradients by a
# measurement of your own. <!-- minutes -->
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
# ## 1. Vote
#
# Unfold the code of a claim, look for its switch, and decide: *It is so*, or *It is not so*. Your first vote counts. After it the page shows what
# was measured. The button *Large* is for a projector.

# %%
votes = gradlab.Votes(
    "python_list",
    "nested_tapes",
    "python_if",
    "init_or_build",
    "cell_state_attribute",
    "state_outside_tape",
    "forward_mode",
    "guide_model",
    "custom_op",
    "data_dependent_loop",
    "state_inside_layer",
    "graph_gradients",
    "encoder_decoder",
)
votes

# %% [markdown]
# To turn the knobs of one, open its panel: `gradlab.Panel("python_list")`. The names are in the cell above, in the order of the claims.
#
# **Measure, after you have voted.** All claims once more.

# %% tags=["after"]
votes.measured()

# %% [markdown]
# **Explain.** Many of these sentences name something that looks dangerous: a list that changes, an `if`, a loop without a fixed length, a state
# inside a layer. But the tape records operations on tensors, and in both positions these programs make the same tensors by the same operations. So
# a sentence that promises the same gradient is confirmed here, and a sentence that warns of a wrong gradient is refuted. Other sentences are not
# about gradients: they say what a layer keeps, and what a model lists.

# %% [markdown]
# ## 2. Write it yourself
#
# **Exercise.** Write the measurement. `effect(before, after)` gets two functions. Each runs a program and returns its gradients, `{name: tensor or
# None}`. For each name your function says what became of the gradient: "the same", "None", "zero" or "other numbers".
#
# Hint: Ask in this order: is it None, is it the same, is it zero.
# Hint: A gradient that was zero before and is zero afterwards is the same.
# Hint: `np.allclose(a, b)` compares two arrays, and `np.any(a)` is False for an array of zeros.

# %% tags=["write"]
import numpy as np
import tensorflow as tf


def effect(before, after):
    """{name: "the same", "None", "zero" or "other numbers"}: what `after` does to the gradients of `before`."""
    return {}  # your lines


a, b = tf.Variable([0.4, 1.7]), tf.Variable([1.0, -2.0])


def program(change):
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(change(a) * b)
        return tape.gradient(loss, {"a": a, "b": b})

    return gradients


plain = program(tf.identity)
cases = {
    "nothing": (lambda v: [v[0], v[1]], {"a": "the same", "b": "the same"}),
    "round": (tf.round, {"a": "None", "b": "other numbers"}),
    "stop_gradient": (tf.stop_gradient, {"a": "None", "b": "the same"}),
    "times zero": (lambda v: 0 * v, {"a": "zero", "b": "zero"}),
}
for name, (change, wanted) in cases.items():
    try:
        found = effect(plain, program(change))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    print(f"{name}:", "right" if found == wanted else f"not yet: expected {wanted}, found {found}")
both_zero = effect(program(lambda v: 0 * v), program(lambda v: 0 * v))
print("zero before and after:", "right" if both_zero == {"a": "the same", "b": "the same"} else "not yet")

# %% tags=["solution"]
import numpy as np
import tensorflow as tf


def effect(before, after):
    """{name: "the same", "None", "zero" or "other numbers"}: what `after` does to the gradients of `before`."""
    first, second = before(), after()
    found = {}
    for name, gradient in second.items():
        if gradient is None:
            found[name] = "None"
        elif first[name] is not None and np.allclose(gradient, first[name]):
            found[name] = "the same"
        else:
            found[name] = "other numbers" if np.any(gradient) else "zero"
    return found


a, b = tf.Variable([0.4, 1.7]), tf.Variable([1.0, -2.0])


def program(change):
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(change(a) * b)
        return tape.gradient(loss, {"a": a, "b": b})

    return gradients


plain = program(tf.identity)
cases = {
    "nothing": (lambda v: [v[0], v[1]], {"a": "the same", "b": "the same"}),
    "round": (tf.round, {"a": "None", "b": "other numbers"}),
    "stop_gradient": (tf.stop_gradient, {"a": "None", "b": "the same"}),
    "times zero": (lambda v: 0 * v, {"a": "zero", "b": "zero"}),
}
for name, (change, wanted) in cases.items():
    try:
        found = effect(plain, program(change))
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
    print(f"{name}:", "right" if found == wanted else f"not yet: expected {wanted}, found {found}")
both_zero = effect(program(lambda v: 0 * v), program(lambda v: 0 * v))
print("zero before and after:", "right" if both_zero == {"a": "the same", "b": "the same"} else "not yet")

# %% [markdown]
# Which claim do you believe? Put a `change` of your own into `cases`, with what you expect of it.

# %% [markdown]
# ## 3. Make a gradient None on purpose (extra)
#
# **Exercise.** In claim 6 a state is made outside the tape. Change that program so that at least one weight gets `None` from `tape.gradient`, while
# the loss stays the same number, and say why. The check does not accept an exception, and no `None` that you wrote yourself.
#
# Hint: `tape.gradient` answers None where the record has no path from the loss to the weight. What takes a value out of the record?
# Hint: A state may be made from a NumPy array. What if a state goes *into* one?
# Hint: Replace `h` in the loss by a constant with the same numbers: `tf.constant(h.numpy())`.


# %% tags=["exercise"]
def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.fill((1, cell.units), 0.5)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_break("state_outside_tape", mine)


# %% tags=["solution"]
def mine(cell, x):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.fill((1, cell.units), 0.5)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((tf.constant(h.numpy()) - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_break("state_outside_tape", mine)

# %% [markdown]
# ## 4. Repair a gradient of a gradient (extra)
#
# Claim 2 is about a tape inside a tape.
#
# **Exercise.** This penalty on steep functions has no gradient: the inner tape is asked where the outer tape no longer records. Repair it.
#
# Hint: Asking the inner tape is a computation. Which tape has to record it?
# Hint: Look at the indentation of the line that begins with `slope`.
# Hint: `slope` and `loss` belong inside `outer`, and outside of `inner`.


# %% tags=["exercise"]
def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(tf.tanh(x @ weights))
    slope = inner.gradient(y, x)
    loss = tf.reduce_mean(slope**2)
    return loss, sources, outer.gradient(loss, sources)


gradlab.check_repair("nested_tapes", mine)


# %% tags=["solution"]
def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(tf.tanh(x @ weights))
        slope = inner.gradient(y, x)
        loss = tf.reduce_mean(slope**2)
    return loss, sources, outer.gradient(loss, sources)


gradlab.check_repair("nested_tapes", mine)

# %% [markdown]
# ## 5. Get the cell state (extra)
#
# Claim 5 is about an attribute.
#
# **Exercise.** An LSTM has two states, `h` and `c`. Have the layer return them, and use `c`.
#
# Hint: A layer returns its states if it is told to.
# Hint: The argument is called `return_state`. What does an LSTM then return?
# Hint: `_, _, c = returning(x)`, with `return_state=True` where the layer is made.


# %% tags=["exercise"]
def mine(lstm, x):
    returning = tf.keras.layers.LSTM(lstm.units)
    returning(x)
    returning.set_weights(lstm.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(x)
        c = returning(x)
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("cell_state_attribute", mine)


# %% tags=["solution"]
def mine(lstm, x):
    returning = tf.keras.layers.LSTM(lstm.units, return_state=True)
    returning(x)
    returning.set_weights(lstm.get_weights())
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, _, c = returning(x)
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("cell_state_attribute", mine)

# %% [markdown]
# ## What you take home
#
# - A sentence about gradients can be tested in ten lines: two programs, one difference, and the gradients of both.
# - What matters is which operations ran on which tensors. How the code around them is written does not matter.
# - Measure before you believe. The [table of claims](../docs/claims.md) has each sentence with its numbers, under both versions of Keras.
#
# Next: [vanishing and exploding](12_vanishing_and_exploding.ipynb)
