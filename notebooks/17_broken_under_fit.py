# %% [markdown]
# # 17. Find what is broken while it trains
#
# In `model.fit` no tape is in sight, and most broken models train on without an exception: the loss stays, or becomes NaN after a while. Here seven small
# models are trained. One is healthy, and each of the others is broken in its own way. `gradlab.Watch` sees the gradients of the training step itself
# and says what is wrong.
#
# **Needs**: notebooks [10](10_zero_and_nan.ipynb) and [3](03_list_of_variables.ipynb). **Gives**: you can find what is broken while a model
# trains under `fit`. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.

# %% tags=["parameters"]
bug = False  # has no effect here: every model but one is broken
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. A callback is all it needs
#
# `view=None` keeps this page quiet. Leave it out in your own notebook: then the picture moves while `fit` runs.

# %%
import warnings

import numpy as np
import tensorflow as tf

warnings.simplefilter("ignore")  # Keras warns of missing gradients; here the report does it
layers = tf.keras.layers
x = np.random.default_rng(0).standard_normal((128, 8)).astype("float32")
y = np.tanh(x[:, :1] - x[:, 1:2])


def network(*middle, optimizer=None):
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.Input((8,)), *middle, layers.Dense(1, name="last")], name="model")
    model.compile(optimizer or tf.keras.optimizers.SGD(0.05), "mse")
    return model


def train(model, epochs=3, targets=y):
    watch = gradlab.Watch(view=None)
    model.fit(x, targets, epochs=epochs, batch_size=16, shuffle=False, verbose=0, callbacks=[watch])
    return watch


healthy = train(network(layers.Dense(8, "tanh", name="first")))
healthy.picture()

# %% [markdown]
# Rows are variables, columns are steps. The colour is log10 of the gradient's norm, and the curve above is the loss. A healthy training raises no alarm.

# %% [markdown]
# ## 2. Six broken ones
#
# Each of these is a mistake that people make. Read them before you run them.


# %%
class Detached(tf.keras.Model):
    """A stop_gradient was left in from an experiment."""

    def __init__(self):
        super().__init__(name="model")
        self.first, self.last = layers.Dense(8, "tanh", name="first"), layers.Dense(1, name="last")

    def call(self, inputs):
        hidden = tf.stop_gradient(self.first(inputs))
        return self.last(hidden)


class LeftOut(tf.keras.Model):
    """A step of one's own hands half of the variables to the optimizer."""

    def __init__(self):
        super().__init__(name="model")
        self.first, self.last = layers.Dense(8, "tanh", name="first"), layers.Dense(1, name="last")

    def call(self, inputs):
        return self.last(self.first(inputs))

    def train_step(self, data):
        inputs, targets = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(inputs) - targets) ** 2)
        mine = self.last.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, mine), mine))
        return {"loss": loss}


def built(model):
    tf.keras.utils.set_random_seed(0)
    model.compile(tf.keras.optimizers.SGD(0.05), "mse")
    model(x[:1])
    return model


def root(values):
    return tf.sqrt(tf.nn.relu(values))


low = tf.keras.initializers.Constant(-100.0)
models = {
    "detached": built(Detached()),
    "left out": built(LeftOut()),
    "dead": network(layers.Dense(8, "relu", bias_initializer=low, name="first")),
    "root": network(layers.Dense(8, name="first"), layers.Lambda(root, name="root")),
    "fast": network(layers.Dense(8, name="first"), optimizer=tf.keras.optimizers.SGD(3.0)),
    "slow": network(layers.Dense(8, "tanh", name="first"), optimizer=tf.keras.optimizers.SGD(1e-9)),
}

# %% [markdown]
# **Predict.** Which alarm does each model raise first? The names are `none` (a gradient is None), `unseen` (a variable reaches no optimizer), `zero`, `nan`,
# `exploding` and `update` (a step moves a weight too far, or not far enough).

# %%
expected = dict.fromkeys(models, "?")  # your answers, for example {"detached": "none", ...}

watches = {name: train(model, epochs=8) for name, model in models.items()}
for name, watch in watches.items():
    first = watch.record.alarms[0].rule if watch.record.alarms else "no alarm"
    said = expected[name]
    print(
        f"{name:<9} {first};",
        "no answer yet" if said == "?" else "as you said" if said == first else "not as you said",
    )

# %% [markdown]
# **Explain.** Now ask for the line. For `none`, `unseen`, `zero` and `nan` the alarm carries the doctor's report on that very batch, and for `nan` with the
# weights from before the step.

# %%
for name in ("detached", "left out", "dead", "root"):
    alarm = watches[name].record.alarms[0]
    rows = getattr(alarm.report, "rows", [])
    code = [row.where[0].code.strip() for row in rows if row.where and row.where[0].code]
    print(f"{name}: step {alarm.step}, {alarm.variables[0]}")
    print("   ", code[0] if code else "no line: a list is too short", f"({rows[0].cause})" if rows else "")

# %% [markdown]
# In `detached` the line is the `stop_gradient`. `left out` has gradients, but its step never passes them on. In `dead` the bias keeps every unit of the ReLU
# below zero. In `root` a unit of exactly zero meets the square root, whose slope is infinite there: infinity times zero is NaN.
#
# `fast` and `slow` have sound gradients. What is wrong shows in the second view, the size of an update relative to its weight.

# %%
watches["slow"].picture("ratio")

# %% [markdown]
# ## 3. Repair one
#
# **Exercise.** Repair `root` so that no alarm is raised. The output has to stay a root: for 4.0 it is 2.0, up to a hundredth.
#
# Hint: Where is a square root infinitely steep?
# Hint: A small number under the root moves its argument away from there.
# Hint: `tf.sqrt(tf.nn.relu(values) + 1e-4)`.


# %% tags=["write"]
def my_root(values):
    return tf.sqrt(tf.nn.relu(values))  # your change


repaired = train(network(layers.Dense(8, name="first"), layers.Lambda(my_root, name="root")))
same = abs(float(my_root(tf.constant(4.0))) - 2) < 0.01
print("right" if same and not repaired.record.alarms else "not yet: hint, keep a little away from zero under the root")


# %% tags=["solution"]
def my_root(values):
    return tf.sqrt(tf.nn.relu(values) + 1e-4)


repaired = train(network(layers.Dense(8, name="first"), layers.Lambda(my_root, name="root")))
same = abs(float(my_root(tf.constant(4.0))) - 2) < 0.01
print("right" if same and not repaired.record.alarms else "not yet: hint, keep a little away from zero under the root")

# %% [markdown]
# ## 4. The same in a loop of your own (extra)
#
# Without `fit` there is no callback. There you hand each step over: `watch.step(gradients, variables, loss)`, after `tape.gradient` and before
# `apply_gradients`.
#
# **Exercise.** Write the loop. One epoch over `x` and `y` in batches of 16, in their order: 8 steps of SGD with a learning rate of 0.05, and a loss that is
# the mean square of the difference. The check trains the same network by `fit` and compares the losses and the norms of each step.
#
# Hint: One step is a tape, `gradients = tape.gradient(loss, model.trainable_variables)`, `watch.step(...)`, and `apply_gradients`.
# Hint: A batch is `x[start : start + 16]`, with `start` from `range(0, len(x), 16)`.
# Hint: The optimizer is made once, before the loop. `model.optimizer` is one with the right rate.


# %% tags=["write"]
def my_loop(model, watch):
    pass  # about ten lines


def compared(loop):
    mine, own = network(layers.Dense(8, "tanh", name="first")), gradlab.Watch(view=None)
    loop(mine, own)
    wanted, found = train(network(layers.Dense(8, "tanh", name="first")), epochs=1).record, own.record
    if found.steps != wanted.steps:
        return f"not yet: hint, {wanted.steps} steps were expected, the watch was given {found.steps}"
    if not np.allclose(found.losses, wanted.losses, rtol=1e-3):
        return "not yet: hint, the losses differ from those of fit"
    if not np.allclose(np.sort(found.matrix("norm"), 0), np.sort(wanted.matrix("norm"), 0), rtol=1e-3):
        return "not yet: hint, the norms of the gradients differ from those of fit"
    return "right"


print(compared(my_loop))


# %% tags=["solution"]
def my_loop(model, watch):
    for start in range(0, len(x), 16):
        inputs, targets = x[start : start + 16], y[start : start + 16]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(inputs, training=True) - targets) ** 2)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        watch.step(gradients, variables, loss)
        model.optimizer.apply_gradients(zip(gradients, variables))


print(compared(my_loop))

# %% [markdown]
# ## What you take home
#
# - `model.fit(..., callbacks=[gradlab.Watch()])` watches the step's own gradients; the weights end in the same bits as without it.
# - None, not passed on, zero and NaN are four alarms, and each names a variable, a step and mostly a line.
# - With sound gradients, look at the update relative to the weight.
# - `stop_on=("nan",)` ends a training at its first NaN, with the report.
#
# Next: [ask the gradient doctor](18_gradient_doctor.ipynb)
