# %% [markdown]
# # 18. Ask the gradient doctor about your own code
#
# You have a loss, some weights, and a gradient that is `None`, zero, or another number than you expect. `gradlab.explain` runs your computation as
# it is, and says for each source what TensorFlow returns. If something is wrong, it says **which line of your code** is the cause, why, and what to
# do. It also says how sure it is of the cause: *certain*, *likely* or *possible*.
#
# This page can be read first. It needs four words. The **tape** (`tf.GradientTape`) records a computation. The **gradient** says how the loss changes
# when a weight does. A **source** is what a gradient is asked for, most often a weight. **None** says that the tape found no path from the
# loss to the source.
#
# **Needs**: nothing but a Keras model that you have seen, and a gradient that you do not trust. **Gives**: you can find the line of your own code
# at which a path ends. <!-- minutes -->
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
# ## 1. A loss computed with NumPy
#
# A network that makes forecasts is trained with a loss of your own. At one line of it the path from the loss to the weights ends. **Predict**:
# which line?

# %%
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(0)
net = tf.keras.Sequential([tf.keras.layers.LSTM(4), tf.keras.layers.Dense(1)])
x, target = tf.random.normal((6, 5, 2)), np.ones((6, 1), "float32")
net(x)


def forecast_loss():
    guess = net(x)
    error = guess.numpy() - target
    return tf.reduce_mean(tf.constant(error) ** 2)


cell = net.layers[0].cell
report = gradlab.explain(forecast_loss, {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel})
for row in report.rows:
    print(f"{row.name}: {row.status}, because of {row.cause}, at: {row.where[0].code.strip()}")

# %% [markdown]
# The whole report shows the line in its place, the evidence with numbers, one thing to do, and the code with the size of the gradient at each line.

# %% tags=["nbval-ignore-output"]
report

# %% [markdown]
# **Exercise.** Repair the loss, and ask again.
#
# Hint: The report names the line.
# Hint: `.numpy()` leaves TensorFlow, and `tf.constant` does not lead back.
# Hint: `tf.reduce_mean((guess - target) ** 2)`.


# %% tags=["exercise"]
def repaired_loss():
    guess = net(x)
    error = guess.numpy() - target
    return tf.reduce_mean(tf.constant(error) ** 2)


again = gradlab.explain(repaired_loss, {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel})
if again.problems:
    print(f"not yet: {len(again.problems)} of {len(again.rows)} sources to go")
elif not np.allclose(repaired_loss(), forecast_loss(), rtol=1e-4):
    print("not yet: each source has a gradient, but the loss is another number than before")
else:
    print("healthy, and the loss is the same number as before")


# %% tags=["solution"]
def repaired_loss():
    guess = net(x)
    return tf.reduce_mean((guess - target) ** 2)


again = gradlab.explain(repaired_loss, {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel})
if again.problems:
    print(f"not yet: {len(again.problems)} of {len(again.rows)} sources to go")
elif not np.allclose(repaired_loss(), forecast_loss(), rtol=1e-4):
    print("not yet: each source has a gradient, but the loss is another number than before")
else:
    print("healthy, and the loss is the same number as before")

# %% [markdown]
# ## 2. A state kept in a variable
#
# A program keeps a state between calls. This time nothing leaves TensorFlow. **Predict**: which of the two weights has a gradient, `drive` or
# `read`?

# %%
state, drive, read = tf.Variable([0.5, 0.5]), tf.Variable([1.0, -1.0]), tf.Variable([0.3, 0.7])


def running_loss():
    state.assign(tf.tanh(state + drive))
    return tf.reduce_sum(read * state)


report = gradlab.explain(running_loss, {"drive": drive, "read": read})
for row in report.rows:
    print(
        f"{row.name}: {row.status}"
        + (f", because of {row.cause}, at: {row.where[0].code.strip()}" if row.cause else "")
    )
print("the state is as it was before:", state.numpy().tolist() == [0.5, 0.5])

# %% [markdown]
# Both answers are what TensorFlow returns: an array for `read`, and None for `drive`. The value was written into a variable with `assign`, which
# copies numbers. What is read back has no path to `drive`. The last line of the output shows another point: `gradlab.explain` leaves variables and
# random generators as they were.
#
# ## 3. Weights that are not in the list
#
# `owner` is the layer or model that the list came from. With it the doctor can say what the list does not have. What it says here depends on the
# Keras version: Keras 3 does not list a plain `tf.Variable` of a layer, and legacy Keras does. The status `empty` is that of the list: it has no
# entry.


# %%
class Recurrence(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones((2, 2)))

    def call(self, x):
        h = tf.zeros_like(x[:, 0])
        for t in range(x.shape[1]):
            h = tf.tanh(x[:, t] + h @ self.w)
        return h


layer = Recurrence()
layer(x)
report = gradlab.explain(lambda: tf.reduce_mean(layer(x) ** 2), layer.trainable_variables, owner=layer)
for row in report.problems:
    print(f"{row.status}, because of {row.cause}, at: {row.where[0].code.strip()}")
print("nothing to report under this Keras" if not report.problems else "that is what to repair")

# %% [markdown]
# ## 4. Ask about a whole cell
#
# After `%load_ext gradlab` you can write `%%explain` as the first line of a cell that uses `tf.GradientTape`. The report then stands below the
# cell. The code of the cell stays as it is.

# %%
# %load_ext gradlab

# %% tags=["nbval-ignore-output"]
# %%explain
level = tf.Variable([0.2, 0.9])
with tf.GradientTape() as tape:
    steps = tf.round(10 * level)
    cost = tf.reduce_sum((steps - 5) ** 2)
tape.gradient(cost, level)

# %% [markdown]
# There are three more ways to ask. Write `gradlab.Tape` in the place of `tf.GradientTape`, then `tape.report()`. Call `gradlab.last_report()` for
# the report on the last gradient that a `gradlab.Tape` or `%%explain` was asked for, also after an exception. In a terminal, run `gradlab explain
# script.py`, without changing the script.
#
# ## 5. One training step of a model
#
# With a model that you train by `fit` you need no loss function. Give the model and some data.

# %%
net.compile("sgd", "mse")
report = gradlab.explain(net, x, target)
for row in report.rows:
    print(f"{row.name}: {row.status}")

# %% [markdown]
# This is the step that `fit` takes, with the compiled loss. `gradlab.assert_gradients(net, x, target)` does the same in a test: it raises an
# exception where a gradient is None, zero or not finite. Notebook [17](17_broken_under_fit.ipynb) watches a whole training.
#
# ## 6. Your own
#
# **Exercise.** Put a loss of your own here, and the weights that you do not trust. Call a new model once before you ask: it has no weights before
# its first call. If the report calls a cause *likely* or *possible*, look at the line and decide yourself.


# %% tags=["exercise"]
def my_loss():
    return tf.reduce_mean(net(x) ** 2)  # yours


my_weights = net  # a dict, a list, a layer or a model
report = gradlab.explain(my_loss, my_weights)
print(f"{len(report.problems)} of {len(report.rows)} to look at")

# %% [markdown]
# ## 7. Write it yourself
#
# **Exercise.** Write a very small doctor: `status_of` says for each variable whether its gradient is "none", "zero", "not finite" or "ok". It can't
# name a line, and it can't see that a number is wrong. But it is about ten lines long, and you can call it in a test. The check compares with
# `gradlab.explain`.
#
# Hint: One tape, one call of `tape.gradient` with the dict of variables.
# Hint: Ask in this order: is it None, is it not finite, is it all zeros.
# Hint: `tf.reduce_all(tf.math.is_finite(g))` and `tf.reduce_any(g != 0)`.


# %% tags=["write"]
def status_of(loss_of, variables):
    """{name: "none", "zero", "not finite" or "ok"} for a dict of variables."""
    return {name: "?" for name in variables}  # your lines


a, b, c, d = (tf.Variable([0.5, 2.0]) for _ in range(4))


def every_kind():
    return tf.reduce_sum(tf.round(a) + tf.nn.relu(-b) + tf.sqrt(c - c) + d**2)


asked = {"a": a, "b": b, "c": c, "d": d}
wanted = {row.name: str(row.status) for row in gradlab.explain(every_kind, asked).rows}
found = status_of(every_kind, asked)
print("right" if found == wanted else f"not yet: yours is {found}, and the doctor says {wanted}")


# %% tags=["solution"]
def status_of(loss_of, variables):
    """{name: "none", "zero", "not finite" or "ok"} for a dict of variables."""
    with tf.GradientTape() as tape:
        loss = loss_of()
    found = {}
    for name, g in tape.gradient(loss, variables).items():
        if g is None:
            found[name] = "none"
        elif not tf.reduce_all(tf.math.is_finite(g)):
            found[name] = "not finite"
        else:
            found[name] = "ok" if tf.reduce_any(g != 0) else "zero"
    return found


a, b, c, d = (tf.Variable([0.5, 2.0]) for _ in range(4))


def every_kind():
    return tf.reduce_sum(tf.round(a) + tf.nn.relu(-b) + tf.sqrt(c - c) + d**2)


asked = {"a": a, "b": b, "c": c, "d": d}
wanted = {row.name: str(row.status) for row in gradlab.explain(every_kind, asked).rows}
found = status_of(every_kind, asked)
print("right" if found == wanted else f"not yet: yours is {found}, and the doctor says {wanted}")

# %% [markdown]
# ## What you take home
#
# - `gradlab.explain(loss, weights)` says what TensorFlow returns, and which of your lines made it so.
# - The status is always what a plain tape gives. The explanation does not change it.
# - Where there is no gradient by design, as behind `tf.stop_gradient`, the report says so and does not call it a bug.
#
# Next: [ask which word decided](19_attention_and_saliency.ipynb)
