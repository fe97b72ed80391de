# %% [markdown]
# # 8. Control flow, and what the tape records
#
# Popular answers say that `tf.GradientTape` "replays" the program. If that were so, lists, `if` and loops would be dangerous: the second run could
# go another way than the first. Here you find out what a tape keeps, and you write a small one yourself.
#
# **Needs**: notebook [2](02_integer_cast.ipynb), above all what `None` means there. **Gives**: you can say what a tape keeps of a program with
# branches and loops, and what it can't learn from them. <!-- minutes -->
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
# ## 1. Count the runs of a function
#
# **Claim.** *The tape replays the program to find the gradient.*
#
# <!-- question: record_or_replay -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
import tensorflow as tf

runs = []


def square(v):
    runs.append("once more")
    return v * v


x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = square(x)
before = len(runs)
gradient = tape.gradient(y, x)
gradlab.folded(f"runs before the gradient: {before}, after it: {len(runs)}", f"the gradient: {gradient:g}")

# %% [markdown]
# <!-- answers: record_or_replay -->
#
# **Explain.** In eager mode each operation runs at once, and the tape records which operation made which tensor from which others. Asking for the gradient goes backwards
# through this record. Your Python code does not run again.

# %% [markdown]
# ## 2. Change a variable after its use
#
# **Claim.** *A variable that is changed inside the tape spoils the gradient of what was computed before.*
#
# <!-- question: assign_in_tape -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
w = tf.Variable(3.0)
with tf.GradientTape() as tape:
    loss = w * w
    w.assign(100.0)
gradlab.folded(f"the gradient: {tape.gradient(loss, w):g}")

# %% [markdown]
# <!-- answers: assign_in_tape -->
#
# **Explain.** The record holds the numbers that an operation was given. That is why a tape needs memory: it keeps values of the operations until it
# is asked or deleted.

# %% [markdown]
# ## 3. Learn the threshold of an if
#
# **Claim.** *The tape differentiates a whole `if`, so the threshold in its condition is learned like any other weight.*
#
# A number passes through unchanged when it is above a learned `threshold`, and is made small otherwise.
#
# <!-- question: branch_condition -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("branch_condition", bug=bug, predict=True)

# %% [markdown]
# **Look.** Watch `threshold`. Then train both versions: how far does each source move?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("branch_condition")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: branch_condition -->
#
# **Explain.** The record holds the operations of the branch that ran. `h > threshold` is True or False, and that can't change by a little: the
# threshold gets `None`. The values in the branch keep their gradients. Whatever you want to learn must enter by a *number* that changes
# gradually, such as a sigmoid (a smooth step from 0 to 1). The same holds for the number of steps of a loop: it is an integer.

# %% [markdown]
# **Exercise.** Repair the choice so that the threshold is learnable. Any smooth step will do. The check asks finite differences of your own loss: two more
# runs, with the source moved a little up and down.
#
# Hint: True and False can't change by a little. Which function of `h - threshold` can?
# Hint: A sigmoid goes from 0 to 1 in a smooth step. Multiply the two values by it and by 1 minus it.
# Hint: `0.1 * h + 0.9 * h * tf.sigmoid(10 * (h - threshold))`.


# %% tags=["exercise"]
import tensorflow as tf


def mine(weight, threshold, x):
    sources = {"weight": weight, "threshold": threshold}
    with tf.GradientTape() as tape:
        h = tf.constant(0.0)
        for value in tf.unstack(x):
            h = tf.tanh(weight * h + value)
            h = tf.where(h > threshold, h, 0.1 * h)
        loss = (h - 1) ** 2
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("branch_condition", mine)


# %% tags=["solution"]
def mine(weight, threshold, x):
    sources = {"weight": weight, "threshold": threshold}
    with tf.GradientTape() as tape:
        h = tf.constant(0.0)
        for value in tf.unstack(x):
            h = tf.tanh(weight * h + value)
            h = 0.1 * h + 0.9 * h * tf.sigmoid(10 * (h - threshold))
        loss = (h - 1) ** 2
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("branch_condition", mine)

# %% [markdown]
# ## 4. Write it yourself
#
# <!-- question: one_branch_in_the_record -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
v = tf.Variable(2.0)
with tf.GradientTape() as tape:
    y = v
    for _ in range(3):
        y = y * v if y < 5 else y + v
gradlab.folded(f"the value: {float(y):g}", f"the gradient: {float(tape.gradient(y, v)):g}")

# %% [markdown]
# **Exercise.** Write the backward pass of a tape. `Number` below records what each operation made: for each input the input itself, and the slope
# of the result with respect to it. Your function `slope(y, x)` goes through `record` from its end and returns d y / d x.
#
# Hint: Keep a dict from the `id` of a number to d y / d (that number). It begins with 1 for `y` itself.
# Hint: For each `(result, inputs)` of the reversed record: what arrives at the result, times the slope, is *added* to what has arrived at the input.
# Hint: `if id(result) in arrived:`, and in it, for `v, s in inputs`, `arrived[id(v)] = arrived.get(id(v), 0.0) + arrived[id(result)] * s`. At the end,
# `arrived.get(id(x))`.

# %% tags=["write"]
record = []


class Number:
    """A number whose sums and products are recorded."""

    def __init__(self, value, *inputs):
        self.value = value
        record.append((self, inputs))

    def __add__(self, other):
        return Number(self.value + other.value, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        return Number(self.value * other.value, (self, other.value), (other, self.value))


def slope(y, x):
    """d y / d x from the record; None where no path leads from x to y."""
    return 0.0  # your lines


def program(x):
    y = x
    for _ in range(3):
        y = y * x if y.value < 5 else y + x
    return y


x, z, alone = Number(2.0), Number(3.0), Number(1.0)
y = program(x)
q = z * z  # recorded, and not used for y
print("a loop and a branch:", "right" if slope(y, x) == 13.0 else "not yet")
print("used twice:", "right" if slope(x * x + x, x) == 5.0 else "not yet")
print("no path:", "right" if slope(y, alone) is None else "not yet")
print("used, but not for y:", "right" if slope(y, z) is None else f"not yet, None was expected and {slope(y, z)} found")

# %% tags=["solution"]
record = []


class Number:
    """A number whose sums and products are recorded."""

    def __init__(self, value, *inputs):
        self.value = value
        record.append((self, inputs))

    def __add__(self, other):
        return Number(self.value + other.value, (self, 1.0), (other, 1.0))

    def __mul__(self, other):
        return Number(self.value * other.value, (self, other.value), (other, self.value))


def slope(y, x):
    """d y / d x from the record; None where no path leads from x to y."""
    arrived = {id(y): 1.0}
    for result, inputs in reversed(record):
        if id(result) in arrived:
            for v, s in inputs:
                arrived[id(v)] = arrived.get(id(v), 0.0) + arrived[id(result)] * s
    return arrived.get(id(x))


def program(x):
    y = x
    for _ in range(3):
        y = y * x if y.value < 5 else y + x
    return y


x, z, alone = Number(2.0), Number(3.0), Number(1.0)
y = program(x)
q = z * z  # recorded, and not used for y
print("a loop and a branch:", "right" if slope(y, x) == 13.0 else "not yet")
print("used twice:", "right" if slope(x * x + x, x) == 5.0 else "not yet")
print("no path:", "right" if slope(y, alone) is None else "not yet")
print("used, but not for y:", "right" if slope(y, z) is None else f"not yet, None was expected and {slope(y, z)} found")

# %% [markdown]
# <!-- answers: one_branch_in_the_record -->
#
# **Explain.** Your function knows neither `for` nor `if`. It sees products and sums, in the order in which they were made. `None` is the answer where
# nothing has arrived.

# %% [markdown]
# ## 5. Compute the states before the tape (extra)
#
# **Claim.** *States computed before the tape opens can be differentiated inside it.*
#
# The same state, with the same numbers, computed before the tape opened or inside.
#
# <!-- question: states_before_tape -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("states_before_tape", bug=bug, predict=True)

# %% [markdown]
# **Look.** Does the loss show at which position the state was computed before the tape?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("states_before_tape")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: states_before_tape -->
#
# **Explain.** What was computed before the tape opened is a constant for it. `tape.watch(x)` has no effect on what was computed from `x` before.

# %% [markdown]
# **Exercise.** Repair the order.
#
# Hint: What does the tape know of the line above it?
# Hint: Two lines have to change places.
# Hint: Call `lstm(x)` after `tape.watch(x)`, inside the tape.


# %% tags=["exercise"]
def mine(lstm, x):
    _, _, c = lstm(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("states_before_tape", mine)


# %% tags=["solution"]
def mine(lstm, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, _, c = lstm(x)
        loss = tf.reduce_sum(c)
    sources = {"d c_T / d x": x}
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("states_before_tape", mine)

# %% [markdown]
# ## 6. Ask one tape twice (extra)
#
# **Claim.** *One tape gives the gradient of the hidden state and then that of the cell state.*
#
# Two questions, one tape: how do `h` and `c`, the two states of an LSTM, depend on `x`?
#
# <!-- question: tape_used_twice -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("tape_used_twice", bug=bug, predict=True)

# %% [markdown]
# **Look.** Read the exception.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("tape_used_twice")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: tape_used_twice -->
#
# **Explain.** A tape deletes its record when it has been asked once. `persistent=True` keeps the record.

# %% [markdown]
# **Exercise.** Answer both questions without a persistent tape.
#
# Hint: A tape that is not persistent can be asked once. You need two answers.
# Hint: Two tapes may be open at the same time.
# Hint: `with tf.GradientTape() as tape, tf.GradientTape() as other:`, watch `x` with both, and ask each once.


# %% tags=["exercise"]
def mine(lstm, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, h, c = lstm(x)
        hidden, carried = tf.reduce_sum(h), tf.reduce_sum(c)
    gradients = {"d h_T / d x": tape.gradient(hidden, x), "d c_T / d x": tape.gradient(carried, x)}
    return hidden + carried, dict.fromkeys(gradients, x), gradients


gradlab.check_repair("tape_used_twice", mine)


# %% tags=["solution"]
def mine(lstm, x):
    with tf.GradientTape() as tape, tf.GradientTape() as other:
        tape.watch(x)
        other.watch(x)
        _, h, c = lstm(x)
        hidden, carried = tf.reduce_sum(h), tf.reduce_sum(c)
    gradients = {"d h_T / d x": tape.gradient(hidden, x), "d c_T / d x": other.gradient(carried, x)}
    return hidden + carried, dict.fromkeys(gradients, x), gradients


gradlab.check_repair("tape_used_twice", mine)

# %% [markdown]
# ## What you take home
#
# - The tape records operations with their numbers, while they run. It replays nothing.
# - A branch or a loop is in the record as the operations that ran. The comparison that chose them gives no gradient.
# - What ran before the tape opened is not in the record. To ask a tape twice, make it with `persistent=True`.
#
# Next: [leave TensorFlow, and write a gradient of your own](09_own_gradients.ipynb)
