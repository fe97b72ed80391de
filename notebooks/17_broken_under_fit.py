# %% [markdown]
# # 17. Find what is broken while it trains
#
# With `model.fit` you do not see a tape. Many broken models train on without an exception: the loss stays where it is, or becomes NaN after some
# steps. Here seven small models are trained. One is healthy, and each of the others is broken in its own way. `gradlab.Watch` reads the gradients
# of the training step itself, and says what is wrong.
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
# `view=None` shows nothing while `fit` runs. Leave it out in your own notebook: then you see the picture grow.

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
    # XLA is a compiler that makes one program of many operations. On a GPU Keras uses it, and its ReLU hides the NaN of this page.
    model.compile(optimizer or tf.keras.optimizers.SGD(0.05), "mse", jit_compile=False)
    return model


def train(model, epochs=3, targets=y):
    watch = gradlab.Watch(view=None)
    model.fit(x, targets, epochs=epochs, batch_size=16, shuffle=False, verbose=0, callbacks=[watch])
    return watch


healthy = train(network(layers.Dense(8, "tanh", name="first")))
healthy.picture()

# %% [markdown]
# Rows are variables, columns are steps. The colour is log10 of the gradient's norm, and the curve above is the loss. This training is healthy, and
# there is no alarm.

# %% [markdown]
# ## 2. Six broken ones
#
# Each of these is a mistake that people make. Read the code before you run it.


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
# **Predict.** Which alarm comes first for each model? The names are `none` (a gradient is None), `unseen` (the variable is not among those that an optimizer updates), `zero`,
# `nan`, `exploding` (gradients that become much larger than before) and `update` (a step moves a weight too far, or not far enough).

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
# **Explain.** Now ask for the line. With an alarm `none`, `zero` or `nan` comes a report of the gradient doctor on the batch of that step. For
# `nan` it uses the weights from before the step. With `unseen` comes a sentence: which variables, and which call gives the others to the optimizer.

# %%
for name in ("detached", "left out", "dead", "root"):
    alarm = watches[name].record.alarms[0]
    rows = getattr(alarm.report, "rows", [])
    code = [row.where[0].code.strip() for row in rows if row.where and row.where[0].code]
    print(f"{name}: step {alarm.step}, {alarm.variables[0]}")
    print("   ", f"{code[0]} ({rows[0].cause})" if code else str(alarm.report).splitlines()[0])

# %% [markdown]
# In `detached` the line is that of `stop_gradient`. In `left out` the step asks the tape for the gradients of the last layer alone, so no optimizer
# gets the variables of the first. In `dead` the bias keeps every unit of the ReLU below zero. (The ReLU is inside a Keras layer, so the report can
# only name the line of yours that ran it.) In `root` the ReLU gives exact zeros, and the slope of the square root is infinite at zero: infinity
# times zero is NaN.
#
# In `fast` and `slow` the first alarm is not about a gradient. What is wrong shows in the second view: the size of an update relative to its
# weight. (`exploding` compares a gradient with earlier ones of the same training. In `fast` the updates are too large before that.)

# %%
watches["slow"].picture("ratio")

# %% [markdown]
# ## 3. Repair one
#
# **Exercise.** Repair `root` so that there is no alarm. The layer has to stay as it is: for 1, 4 and 9 it gives 1, 2 and 3, and for a negative number 0,
# up to two hundredths.
#
# Hint: Where is a square root infinitely steep?
# Hint: A small number under the root moves its argument away from there.
# Hint: `tf.sqrt(tf.nn.relu(values) + 1e-4)`.


# %% tags=["write"]
def my_root(values):
    return tf.sqrt(tf.nn.relu(values))  # your change


repaired = train(network(layers.Dense(8, name="first"), layers.Lambda(my_root, name="root")))
found = np.asarray(my_root(tf.constant([1.0, 4.0, 9.0, -4.0]))).tolist()
if not np.allclose(found, [1.0, 2.0, 3.0, 0.0], atol=0.02):
    print(f"not yet: for 1, 4, 9 and -4 it gives {found}, expected 1, 2, 3 and 0")
else:
    print("not yet: hint, keep a little away from zero under the root" if repaired.record.alarms else "right")


# %% tags=["solution"]
def my_root(values):
    return tf.sqrt(tf.nn.relu(values) + 1e-4)


repaired = train(network(layers.Dense(8, name="first"), layers.Lambda(my_root, name="root")))
found = np.asarray(my_root(tf.constant([1.0, 4.0, 9.0, -4.0]))).tolist()
if not np.allclose(found, [1.0, 2.0, 3.0, 0.0], atol=0.02):
    print(f"not yet: for 1, 4, 9 and -4 it gives {found}, expected 1, 2, 3 and 0")
else:
    print("not yet: hint, keep a little away from zero under the root" if repaired.record.alarms else "right")

# %% [markdown]
# ## 4. Watch a loop of your own (extra)
#
# Without `fit` there is no callback. There you call `watch.step(gradients, variables, loss)` in each step, after `tape.gradient` and before
# `apply_gradients`.
#
# **Exercise.** Write the loop. It makes one epoch over `x` and `y` in batches of 16, in their order: 8 steps of SGD with a learning rate of 0.05.
# The loss is the mean of the squared differences. The check trains the same network by `fit` and compares the losses and the norms of each step.
#
# Hint: One step is a tape, `gradients = tape.gradient(loss, model.trainable_variables)`, `watch.step(...)`, and `apply_gradients`.
# Hint: A batch is `x[start : start + 16]`, with `start` from `range(0, len(x), 16)`.
# Hint: `model.optimizer` is an optimizer with the right rate.


# %% tags=["write"]
def my_loop(model, watch):
    pass  # about ten lines


def compared(loop):
    mine, own = network(layers.Dense(8, "tanh", name="first")), gradlab.Watch(view=None)
    start, there, step = mine.get_weights(), [], own.step

    def noted(*given, **named):
        there.append(mine.get_weights())
        return step(*given, **named)

    own.step = noted
    loop(mine, own)
    if there and not all(np.array_equal(a, b) for a, b in zip(start, there[0])):
        return (
            "not yet: hint, at the first `watch.step` the weights had been changed: it comes before `apply_gradients`"
        )
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
# ## 5. Run Python code in a compiled step (extra)
#
# **Claim.** *`fit` runs the Python code of `train_step` for every batch.*
#
# `fit` compiles the training step with `tf.function`. Here is a smaller function that is compiled in the same way.
#
# <!-- question: python_in_a_compiled_step -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
runs = []


@tf.function
def step(values, factor):
    runs.append("once more")
    return values * factor


for factor in (1.0, 2.0, 3.0, 2.0):
    step(tf.ones(2), factor)
with_numbers = len(runs)
for factor in (4.0, 5.0, 6.0):
    step(tf.ones(2), tf.constant(factor))
gradlab.folded(
    f"four calls with Python numbers: Python ran {with_numbers} times",
    f"three more calls with tensors: Python ran {len(runs) - with_numbers} more time",
)

# %% [markdown]
# <!-- answers: python_in_a_compiled_step -->
#
# **Explain.** `tf.function` runs the Python code when it **traces**, which means that it builds a graph. After that TensorFlow runs the graph. It traces
# again for a new shape, a new dtype or a new Python value. So a counter, a `print` or an `append` in a compiled step runs while the step is
# traced, and not for each batch. Give numbers that change as tensors, and keep a count in a `tf.Variable`.
#
# **Exercise.** This model counts its steps with a Python number, and gets the count wrong. Repair it.
#
# Hint: How often does Python run the body of `train_step`?
# Hint: A `tf.Variable` is changed by an operation, and the graph contains that operation.
# Hint: `self.steps = tf.Variable(0, trainable=False)`, and `self.steps.assign_add(1)` in `train_step`.


# %% tags=["exercise"]
class Counting(tf.keras.Model):
    def __init__(self):
        super().__init__(name="model")
        self.last = layers.Dense(1, name="last")
        self.steps = 0

    def call(self, inputs):
        return self.last(inputs)

    def train_step(self, data):
        self.steps += 1
        return super().train_step(data)


try:
    counting = built(Counting())
    counting.fit(x, y, epochs=2, batch_size=16, verbose=0)
    count = int(counting.steps)
    print(
        "right"
        if count == 16
        else f"not yet, 16 steps and a count of {count}: hint, Python runs the body while it traces"
    )
except Exception as error:  # one out of a compiled step tells its cause in its last line
    print(f"not yet, your code raised {type(error).__name__}:", (str(error).strip().splitlines() or [""])[-1].strip())


# %% tags=["solution"]
class Counting(tf.keras.Model):
    def __init__(self):
        super().__init__(name="model")
        self.last = layers.Dense(1, name="last")
        self.steps = tf.Variable(0, trainable=False)

    def call(self, inputs):
        return self.last(inputs)

    def train_step(self, data):
        self.steps.assign_add(1)
        return super().train_step(data)


try:
    counting = built(Counting())
    counting.fit(x, y, epochs=2, batch_size=16, verbose=0)
    count = int(counting.steps)
    print(
        "right"
        if count == 16
        else f"not yet, 16 steps and a count of {count}: hint, Python runs the body while it traces"
    )
except Exception as error:  # one out of a compiled step tells its cause in its last line
    print(f"not yet, your code raised {type(error).__name__}:", (str(error).strip().splitlines() or [""])[-1].strip())

# %% [markdown]
# ## 6. Train in half precision (extra)
#
# **Claim.** *With float32 variables, a float16 layer changes only the last digits of a gradient.*
#
# In **mixed precision** a layer keeps its weights in float32 and computes in float16, which is faster on many GPUs.
#
# <!-- question: loss_scaling -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
w = tf.Variable(1.0)


def gradient(scale):
    with tf.GradientTape() as tape:
        half = tf.cast(w, tf.float16)
        loss = scale * tf.cast(half * 1e-4 * 1e-5, tf.float32)
    return float(tape.gradient(loss, w)) / scale


gradlab.folded(*(f"loss times {scale:g}: the gradient is {gradient(scale):.1e}" for scale in (1.0, 2.0**15)))

# %% [markdown]
# <!-- answers: loss_scaling -->
#
# **Explain.** The smallest positive number in float16 is about 6e-8. A gradient that becomes smaller than half of that in the backward pass is
# zero. A **loss scale** multiplies the loss by a large number, and divides the gradients by it at the end, in float32. A *policy* tells Keras' layers in which
# type to compute and in which to keep their weights: in `mixed_float16` these are float16 and float32. A `LossScaleOptimizer` is an optimizer
# that holds another one and a loss scale. With the policy `mixed_float16`, `compile` puts a `LossScaleOptimizer` around your optimizer, which does both. In a loop of your own you call its methods
# yourself. The type bfloat16 has nearly the range of float32, so it needs no loss scale.
#
# ## 7. Freeze a variable (extra)
#
# <!-- question: frozen_variable -->
#
# Decide for an answer. Then run the next cell.

# %% tags=["after"]
w = tf.Variable(2.0, trainable=False)
with tf.GradientTape() as tape:
    loss = w * w
gradlab.folded(f"the gradient: {tape.gradient(loss, w)}")

# %% [markdown]
# <!-- answers: frozen_variable -->
#
# **Explain.** A tape watches trainable variables by itself, and this one is not trainable. `layer.trainable = False` does another thing: it takes the layer's
# weights out of the list, and the tape still watches them. In a model, set `trainable` before `compile`.

# %% [markdown]
# ## What you take home
#
# - `model.fit(..., callbacks=[gradlab.Watch()])` watches the gradients that the training step computes. The weights are the same in every bit as
#   without it.
# - A gradient that is None, that no optimizer gets, that is zero or that is NaN: these are four different alarms. Each names a variable and a step,
#   and where it can a line.
# - Where the gradients are right and a model still does not learn, look at the update relative to the weight.
# - `stop_on=("nan",)` ends a training soon after its first NaN, with the report.
#
# Next: [ask the gradient doctor](18_gradient_doctor.ipynb)
