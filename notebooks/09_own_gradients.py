# %% [markdown]
# # 7. Let state and control flow pass through the tape
#
# Popular answers blame `tf.GradientTape` itself: it "replays" the program, they say, and so it fails with lists, with `if`, with loops and
# with operations of your own. You will test each of these answers, and find the places where a path ends.
#
# **Needs**: notebook [2](02_integer_cast.ipynb), above all what `None` means there. **Gives**: you can say what a tape records of lists,
# variables, branches, loops and foreign code. <!-- minutes -->
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
# ## 1. Keep the states in a Python list (extra)
#
# **Claim.** *Appending to a Python list inside the tape gives a wrong gradient, because the tape can't replay the list.*
#
# A list is *mutable*: it changes while the program runs. Here it collects the hidden states of a small recurrent cell (SimpleRNN: each
# state is computed from the last one), which are added up at the end.
#
# <!-- question: python_list -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("python_list", bug=bug, predict=True)

# %% [markdown]
# **Look.** Train both versions and compare the two curves.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("python_list")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: python_list -->
#
# **Explain.** While your code runs, the tape records which operation made which tensor from which others. A list holds tensors and changes
# none of them. Asking for the gradient goes backwards through that record. Your Python code does not run again.

# %% [markdown]
# **Exercise.** If the tape replayed the program, this function would run twice: once for the loss, once for the gradient. Say how often it runs.
#
# Hint: If the tape replayed the program, the list would have two entries.
# Hint: Print `len(runs)` before and after the line with `tape.gradient`.
# Hint: Asking for a gradient goes through the record. It does not call your function.

# %% tags=["exercise"]
import tensorflow as tf

expected_runs = None  # your answer
runs = []


def square(v):
    runs.append("once more")
    return v * v


x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = square(x)
tape.gradient(y, x)
print(
    "right"
    if len(runs) == expected_runs
    else "not yet: hint, print len(runs) before and after the line with tape.gradient"
)

# %% tags=["solution"]
import tensorflow as tf

expected_runs = 1
runs = []


def square(v):
    runs.append("once more")
    return v * v


x = tf.Variable(3.0)
with tf.GradientTape() as tape:
    y = square(x)
tape.gradient(y, x)
print(
    "right"
    if len(runs) == expected_runs
    else "not yet: hint, print len(runs) before and after the line with tape.gradient"
)

# %% [markdown]
# ## 2. Keep the state in a variable
#
# **Claim.** *State that changes inside the tape breaks the gradient.*
#
# The same cell, and now the state is written into a `tf.Variable` with `assign` at every step and read back. That is how people carry a
# state from call to call.
#
# <!-- question: assigned_state -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("assigned_state", bug=bug, predict=True)

# %% [markdown]
# **Look.** Read the loss of the two curves: what does `assign` change in it?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("assigned_state")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: assigned_state -->
#
# **Explain.** A list holds the tensor itself; a variable holds numbers. `assign` copies numbers into memory, and has no derivative. Reading
# them back starts a new path at the variable. So the claim holds for this kind of state, and not for the list.

# %% [markdown]
# **Exercise.** This version hands the state on through the variable. Mend it: the variable may still be written to, for the next call, as long as the
# loss does not depend on what is read back.
#
# Hint: Which line brings the state back, and where does its path begin?
# Hint: Keep the state in a Python name as well: `h`.
# Hint: Start with `h = tf.zeros_like(memory)`, give `[h]` to the cell, and compute the loss from `h`.


# %% tags=["exercise"]
def mine(cell, x, memory):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    memory.assign(tf.zeros_like(memory))
    with tf.GradientTape() as tape:
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [memory.read_value()])
            memory.assign(h)
        loss = tf.reduce_mean((memory - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("assigned_state", mine)


# %% tags=["solution"]
def mine(cell, x, memory):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    memory.assign(tf.zeros_like(memory))
    with tf.GradientTape() as tape:
        h = tf.zeros_like(memory)
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = tf.reduce_mean((h - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("assigned_state", mine)

# %% [markdown]
# ## 3. Choose a branch with if (extra)
#
# **Claim.** *A Python `if` inside the tape gives a wrong gradient, because the other branch may be taken in the backward pass.*
#
# The function is `x * x + x` when x is above 1, and `x + 1 + x` otherwise.
#
# <!-- question: python_if -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("python_if", bug=bug, predict=True)

# %% [markdown]
# **Look.** Drag `start` below 1 and above. Compare with the slopes that you know: 2x + 1, and 2.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("python_if")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: python_if -->
#
# **Explain.** The tape holds the branch that ran, and only that one. Nothing is decided a second time.

# %% [markdown]
# **Exercise.** What is the gradient at x = 0.5, where the other branch runs? Say it before you run the cell.
#
# Hint: Which formula runs at 0.5?
# Hint: x + 1 + x is 2x + 1.
# Hint: Its slope is 2.

# %% tags=["exercise"]
slope_at_half = None  # your answer
measured = gradlab.compare("python_if", start=0.5)[1]["x"].values
answered = slope_at_half is not None and abs(slope_at_half - float(measured)) < 1e-6
print("right" if answered else "not yet: hint, at 0.5 the function is x + 1 + x")

# %% tags=["solution"]
slope_at_half = 2.0
measured = gradlab.compare("python_if", start=0.5)[1]["x"].values
answered = slope_at_half is not None and abs(slope_at_half - float(measured)) < 1e-6
print("right" if answered else "not yet: hint, at 0.5 the function is x + 1 + x")

# %% [markdown]
# ## 4. Learn the threshold of an if
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
# **Explain.** `h > threshold` is True or False, and that can't change by a little: the threshold gets `None`. The values in the branch keep their
# gradients. Whatever you want to learn must enter by a *number* that changes gradually, such as a sigmoid (a smooth step from 0 to 1).

# %% [markdown]
# **Exercise.** Mend the choice so that the threshold is learnable. Any smooth step will do; the check asks finite differences (the loss from two more
# runs, with the source moved a little up and down) of your own loss.
#
# Hint: True and False can't change by a little. Which function of `h - threshold` can?
# Hint: A sigmoid goes from 0 to 1 in a smooth step. Multiply the two values by it and by 1 minus it.
# Hint: `0.1 * h + 0.9 * h * tf.sigmoid(10 * (h - threshold))`.


# %% tags=["exercise"]
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
# ## 5. Let the data decide how long a loop runs (extra)
#
# **Claim.** *If a loop's length depends on the data, the backward pass may run another number of steps, and the gradient is wrong.*
#
# A state is multiplied by a matrix until one of its entries reaches 1.
#
# <!-- question: data_dependent_loop -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("data_dependent_loop", bug=bug, predict=True)

# %% [markdown]
# **Look.** Drag `start`: the smaller the start, the more steps it takes.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("data_dependent_loop")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: data_dependent_loop -->
#
# **Explain.** The gradient is that of the steps that ran. What it can't say is how the *number* of steps would change: that is an integer, like the
# casts of notebook 2.

# %% [markdown]
# **Exercise.** Count the steps at two starts. Fill in the numbers; the cell counts.
#
# Hint: Each step makes the state about 1.3 times as large. It stops at 1.
# Hint: How often must 0.5 be multiplied by 1.3 to reach 1?
# Hint: Call `count(0.1)` and `count(0.5)`.

# %% tags=["exercise"]
steps_from = {0.1: "?", 0.5: "?"}  # your answers


def count(start):
    things = gradlab.load("data_dependent_loop").setup(start=start)
    h, steps = things["first"], 0
    while tf.reduce_max(tf.abs(h)) < 1:
        h, steps = h @ things["weights"], steps + 1
    return steps


for start, said in steps_from.items():
    print(
        start, "right" if said == count(start) else "not yet: hint, each step makes the state about 1.3 times as large"
    )

# %% tags=["solution"]
steps_from = {0.1: 8, 0.5: 3}


def count(start):
    things = gradlab.load("data_dependent_loop").setup(start=start)
    h, steps = things["first"], 0
    while tf.reduce_max(tf.abs(h)) < 1:
        h, steps = h @ things["weights"], steps + 1
    return steps


for start, said in steps_from.items():
    print(
        start, "right" if said == count(start) else "not yet: hint, each step makes the state about 1.3 times as large"
    )

# %% [markdown]
# ## 6. Wrap an operation of your own (extra)
#
# **Claim.** *A custom operation in a `tf.function` (or behind a Python call) may give an inaccurate gradient.*
#
# `tf.function` makes a graph of a Python function: TensorFlow *traces* the function (runs it once to record its operations) and runs the
# graph from then on. It traces again for every new combination of shapes, dtypes and Python values. `tf.py_function` calls Python from
# within TensorFlow. Both get the same small function, `v / (1 + |v|)`.
#
# <!-- question: custom_op -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("custom_op", bug=bug, predict=True)

# %% [markdown]
# **Look.** Try both wrappers (the knob `through`).
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("custom_op")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: custom_op -->
#
# **Explain.** Inside both wrappers there are TensorFlow operations, and the tape differentiates these.

# %% [markdown]
# **Exercise.** Check one of them yourself, without the package: a *finite difference* is the slope that two more runs give. Make the two numbers agree by
# choosing a better `step`.
#
# Hint: A slope is about small steps.
# Hint: Two points that are 3 apart tell little of the slope between them.
# Hint: A thousandth is small enough, and float32 can still see it.

# %% tags=["exercise"]
squash = tf.function(lambda v: v / (1 + tf.abs(v)))
step = 1.5  # your choice
x = tf.Variable(0.7)
with tf.GradientTape() as tape:
    y = squash(x)
by_tape = float(tape.gradient(y, x))
by_difference = float(squash(x + step) - squash(x - step)) / (2 * step)
print(f"{by_tape:.2f} by the tape, {by_difference:.2f} by the difference")
print("they agree" if abs(by_tape - by_difference) < 0.01 else "not yet: hint, a slope is about small steps")

# %% tags=["solution"]
squash = tf.function(lambda v: v / (1 + tf.abs(v)))
step = 1e-3
x = tf.Variable(0.7)
with tf.GradientTape() as tape:
    y = squash(x)
by_tape = float(tape.gradient(y, x))
by_difference = float(squash(x + step) - squash(x - step)) / (2 * step)
print(f"{by_tape:.2f} by the tape, {by_difference:.2f} by the difference")
print("they agree" if abs(by_tape - by_difference) < 0.01 else "not yet: hint, a slope is about small steps")

# %% [markdown]
# ## 7. Call NumPy through tf.numpy_function (extra)
#
# **Claim.** *An operation that calls code outside TensorFlow breaks the gradient.*
#
# The same curve, tanh, once from TensorFlow and once from NumPy.
#
# <!-- question: numpy_function -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("numpy_function", bug=bug, predict=True)

# %% [markdown]
# **Look.** The loss is the same. What does the margin of the code show behind the line with NumPy?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("numpy_function")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: numpy_function -->
#
# **Explain.** `tf.numpy_function` hands an array out and takes an array back. There is no derivative for what happened outside.

# %% [markdown]
# **Exercise.** Mend this one, which rates the activity in NumPy.
#
# Hint: Which line hands the activity to NumPy?
# Hint: There is a function of TensorFlow for each part of it.
# Hint: `tf.reduce_mean((y - 1) ** 2)`.

# %% tags=["exercise"]
import numpy as np


def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        y = tf.tanh(x @ weights)
        loss = tf.numpy_function(lambda v: np.mean((v - 1) ** 2, dtype="float32"), [y], tf.float32)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_function", mine)

# %% tags=["solution"]
import numpy as np


def mine(weights, x):
    sources = {"weights": weights}
    with tf.GradientTape() as tape:
        y = tf.tanh(x @ weights)
        loss = tf.reduce_mean((y - 1) ** 2)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("numpy_function", mine)

# %% [markdown]
# ## 8. Leave TensorFlow inside tf.py_function
#
# **Claim.** *A value that leaves TensorFlow shows up as a gradient of None, so you can't miss it.*
#
# A weight called `scale` has to stay positive, so it goes through softplus, log(1 + e^v). Both versions use `tf.py_function`; with the switch on, the
# Python function computes with NumPy.
#
# <!-- question: py_function_numpy -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("py_function_numpy", bug=bug, predict=True)

# %% [markdown]
# **Look.** Look at `scale`. Is it hatched (None) or black (zero)? Then train: which weight stays where it is?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("py_function_numpy")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: py_function_numpy -->
#
# **Explain.** Inside the Python function the path is cut, but `tf.py_function` has to return a tensor, and it returns a zero. No `None` shows
# this cut. The note under the table does: the finite difference is not zero.

# %% [markdown]
# **Exercise.** Behind the same wrapper, a *matrix* of numbers fares differently. Which exception does the cell below end in? Write its name.
#
# Hint: What comes back from the Python function in the place of a gradient? How many numbers is it?
# Hint: It is a single zero, and the matrix product before it needs a matrix.
# Hint: Run the cell with `print(name)` at its end.

# %% tags=["exercise"]
expected_exception = "?"  # your answer
weights = tf.Variable(tf.ones((3, 2)))
try:
    with tf.GradientTape() as tape:
        y = tf.py_function(lambda v: np.tanh(v.numpy()), [tf.ones((1, 3)) @ weights], tf.float32)
        loss = tf.reduce_sum(y)
    tape.gradient(loss, weights)
    name = "none"
except Exception as error:
    name = type(error).__name__
print(
    "right"
    if name == expected_exception
    else "not yet: hint, the zero that comes back is a single number, and a matrix product follows it"
)

# %% tags=["solution"]
expected_exception = "InvalidArgumentError"
weights = tf.Variable(tf.ones((3, 2)))
try:
    with tf.GradientTape() as tape:
        y = tf.py_function(lambda v: np.tanh(v.numpy()), [tf.ones((1, 3)) @ weights], tf.float32)
        loss = tf.reduce_sum(y)
    tape.gradient(loss, weights)
    name = "none"
except Exception as error:
    name = type(error).__name__
print(
    "right"
    if name == expected_exception
    else "not yet: hint, the zero that comes back is a single number, and a matrix product follows it"
)

# %% [markdown]
# ## 9. Mend a cast with a gradient of your own (extra)
#
# **Claim.** *A custom gradient is a way out where TensorFlow's own is None, as for a cast to an integer.*
#
# In notebook 2 a cast to an integer cut every path. Here the cast is wrapped in `tf.custom_gradient`: a function that returns its result
# and, second, a function for the way back. This one hands the gradient on as if the cast were not there: the *straight-through estimator*.
#
# <!-- question: straight_through -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("straight_through", bug=bug, predict=True)

# %% [markdown]
# **Look.** Set the knob `backward` to what TensorFlow does by itself. Train with either.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("straight_through")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: straight_through -->
#
# **Explain.** The loss is computed from whole numbers and the gradients are those of the version without the cast. They are not the derivative
# of a staircase, which is zero: the finite differences in the notes say so. But they point the right way, and training works.

# %% [markdown]
# **Exercise.** The cast is back. Write the way back so that the weights get the gradients of the version without it.
#
# Hint: The second function is the way back. What does it do to the gradient that arrives?
# Hint: It multiplies by 0. As if the cast were not there, it would multiply by 1.
# Hint: `lambda upstream: upstream`.


# %% tags=["exercise"]
@tf.custom_gradient
def to_whole(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype), lambda upstream: 0 * upstream


def mine(cell, x, wanted, **_):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = -tf.reduce_mean(to_whole(10 * h) * wanted)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("straight_through", mine)


# %% tags=["solution"]
@tf.custom_gradient
def to_whole(v):
    return tf.cast(tf.cast(v, tf.int32), v.dtype), lambda upstream: upstream


def mine(cell, x, wanted, **_):
    sources = {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}
    with tf.GradientTape() as tape:
        h = tf.zeros((1, cell.units))
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
        loss = -tf.reduce_mean(to_whole(10 * h) * wanted)
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("straight_through", mine)

# %% [markdown]
# ## 10. Three other ways to a gradient (extra)
#
# Popular answers also send you to graph gradients, to other kinds of automatic differentiation and to gradients of gradients. Here they are,
# each against the tape or against a formula.
#
# **Graph gradients.** `tf.gradients` asks a graph instead of a tape. It works where a graph is being built, for example inside a `tf.function`;
# in eager mode, where operations run at once, it raises an exception.
#
# <!-- question: graph_gradients -->

# %%
gradlab.Panel("graph_gradients", bug=bug, predict=True)

# %% [markdown]
# <!-- answers: graph_gradients -->
#
# **Forward mode.** `ForwardAccumulator` carries the derivative along one direction *while* the loss is computed, so each entry of the source
# needs a run of its own. The tape goes backward, once for all entries.
#
# <!-- question: forward_mode -->

# %%
gradlab.Panel("forward_mode", bug=bug, predict=True)

# %% [markdown]
# <!-- answers: forward_mode -->
#
# **Gradients of gradients.** Asking a tape is itself a computation, which an outer tape can record.
#
# <!-- question: nested_tapes -->

# %%
gradlab.Panel("nested_tapes", bug=bug, predict=True)

# %% [markdown]
# <!-- answers: nested_tapes -->
#
# **Measure, after you have flipped.** A judge that has nothing to do with any of them: finite differences of the loss, along the gradient that each gives. (The
# straight-through estimator of section 9 is held against the loss *without* the cast, because that is the slope it stands for.)

# %% tags=["after"]
from gradlab.lab.measure import directional, take

ways = {"graph_gradients": "weights", "forward_mode": "bias", "nested_tapes": "weights", "straight_through": "kernel"}
for name, source in ways.items():
    scenario = gradlab.load(name)
    taken = take(scenario, True, scenario.setup())
    gradient = np.asarray(taken.gradients[source])
    length = np.linalg.norm(gradient)
    slope = directional(scenario, name != "straight_through", taken, source, gradient / length)
    print(f"{name}: {length:.2g} said, {slope:.2g} by finite difference")

# %% [markdown]
# **Exercise.** This penalty on steep functions has no gradient: the inner question is asked where the outer tape no longer listens. Mend it.
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
# ## 11. Write it yourself (extra)
#
# **Exercise.** Write an operation with a gradient of your own: `limited(v)` returns `v` as it is, and on the way back scales the gradient
# down so that its norm is at most 1. (This limits what one part of a network sends back, without touching the rest.) A function with
# `tf.custom_gradient` returns two things: its result, and a function of the gradient that arrives.
#
# Hint: The result is `tf.identity(v)`.
# Hint: The norm is `tf.norm(upstream)`. The factor is 1 where it is at most 1, and `1 / norm` elsewhere.
# Hint: `tf.minimum(1.0, 1.0 / norm)` divides by zero for a gradient of zeros: `tf.maximum(norm, 1.0)` below the line does not.


# %% tags=["write"]
@tf.custom_gradient
def limited(v):
    """v itself; the gradient that goes back through it has a norm of at most 1."""

    def back(upstream):
        return upstream  # your lines

    return tf.identity(v), back


def sent_back(weights):
    v = tf.Variable([0.5, -1.0])
    with tf.GradientTape() as tape:
        result = limited(v)
        loss = tf.reduce_sum(result * weights)
    return result.numpy().tolist(), tape.gradient(loss, v).numpy()


value, long = sent_back(tf.constant([30.0, 40.0]))
_, short = sent_back(tf.constant([0.3, 0.4]))
_, none = sent_back(tf.constant([0.0, 0.0]))
checks = {
    "the value is as it was": value == [0.5, -1.0],
    "a long gradient is shortened": np.allclose(long, [0.6, 0.8], atol=1e-6),
    "a short one is as it was": np.allclose(short, [0.3, 0.4], atol=1e-6),
    "zero stays zero": np.array_equal(none, [0.0, 0.0]),
}
bad = [name for name, good in checks.items() if not good]
print("right" if not bad else f"not yet: {', '.join(bad)}")


# %% tags=["solution"]
@tf.custom_gradient
def limited(v):
    """v itself; the gradient that goes back through it has a norm of at most 1."""

    def back(upstream):
        norm = tf.norm(upstream)
        return upstream / tf.maximum(norm, 1.0)

    return tf.identity(v), back


def sent_back(weights):
    v = tf.Variable([0.5, -1.0])
    with tf.GradientTape() as tape:
        result = limited(v)
        loss = tf.reduce_sum(result * weights)
    return result.numpy().tolist(), tape.gradient(loss, v).numpy()


value, long = sent_back(tf.constant([30.0, 40.0]))
_, short = sent_back(tf.constant([0.3, 0.4]))
_, none = sent_back(tf.constant([0.0, 0.0]))
checks = {
    "the value is as it was": value == [0.5, -1.0],
    "a long gradient is shortened": np.allclose(long, [0.6, 0.8], atol=1e-6),
    "a short one is as it was": np.allclose(short, [0.3, 0.4], atol=1e-6),
    "zero stays zero": np.array_equal(none, [0.0, 0.0]),
}
bad = [name for name, good in checks.items() if not good]
print("right" if not bad else f"not yet: {', '.join(bad)}")

# %% [markdown]
# ## What you take home
#
# - The tape records what ran and replays nothing. Lists, `if` and loops do not change a gradient.
# - A path ends where numbers are copied (`assign`), compared (`if h > threshold`) or passed to other code (NumPy).
# - Inside `tf.py_function` a cut shows as a **zero**, not as `None`.
# - A custom gradient can give a cut operation a gradient. Graph gradients and forward mode follow the same paths as the tape, and end at the same cuts.
#
# Next: [zero and NaN](10_zero_and_nan.ipynb)
