# %% [markdown]
# # 9. Find what is missing from the list
#
# A weight can have a perfect gradient and still not move, because the training loop does not ask for it. `model.trainable_variables` is the
# list that `fit`, and most training loops, go through; what is not in it is *missing*. Notebook [3](03_build_vs_init.ipynb) was about a single
# **layer** and its list. This one is about whole **models**, about `fit`, and about what the optimizer says.
#
# **Needs**: notebook [3](03_build_vs_init.ipynb), above all *tracked* (listed by the layer or model) and *watched* (seen by the tape).
# **Gives**: you can make a training loop stop where weights are missing. <!-- minutes -->
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
# ## 1. Put plain variables on a Keras model
#
# **Claim.** *Variables that are set on a tf.keras.Model are its trainable variables.*
#
# A straight line, slope × x + offset. TensorFlow's own guide to
# [basic training loops](https://www.tensorflow.org/guide/basic_training_loops) builds such a model with plain `tf.Variable`s on a
# `tf.keras.Model`; the code here is ours, the way to make the weights is the same. With the switch off they come from `add_weight`.
#
# <!-- question: guide_model -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("guide_model", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the last two rows: what did the tape watch, and what is in the list? Train both versions.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("guide_model")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: guide_model -->
#
# **Explain.** Keras 3 lists the variables that Keras made, and those of layers. A plain `tf.Variable` is TensorFlow's, so it is left out; the tape watches
# it all the same. Legacy Keras (set `keras = 2` in the first cell and restart) lists both kinds. What your Keras does stands in the panel.

# %% [markdown]
# **Exercise.** Mend the model so that slope and offset are in its list, under either Keras.
#
# Hint: The version with the switch off shows the way.
# Hint: Keras lists the variables that Keras made.
# Hint: `self.slope = self.add_weight(shape=(), name="slope")`, and the same for the offset.

# %% tags=["exercise"]
import tensorflow as tf


class Line(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.slope = tf.Variable(5.0)
        self.offset = tf.Variable(0.5)

    def call(self, x):
        return self.slope * x + self.offset


model = Line()
model(tf.zeros((1, 1)))
print(
    "mended" if len(model.trainable_variables) == 2 else "not yet: hint, the version with the switch off shows the way"
)

# %% tags=["solution"]
import tensorflow as tf


class Line(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer=tf.constant_initializer(5.0), name="slope")
        self.offset = self.add_weight(shape=(), initializer=tf.constant_initializer(0.5), name="offset")

    def call(self, x):
        return self.slope * x + self.offset


model = Line()
model(tf.zeros((1, 1)))
print(
    "mended" if len(model.trainable_variables) == 2 else "not yet: hint, the version with the switch off shows the way"
)

# %% [markdown]
# ## 2. Fit a model that has nothing to train (extra)
#
# **Claim.** *If nothing can be trained, `fit` says so and stops.*
#
# **Predict.** The model with plain variables goes into `fit` for three *epochs* (passes over the data). Which of these happens: an exception, a
# warning, or neither? And does the loss fall?

# %%
expected = {"exception": "?", "warnings": "?", "the loss falls": "?"}  # your answers: True or False, and a number

# %% [markdown]
# **Measure, after you have flipped.** Both models, the same data, three epochs. (If you mended `Line` above, it is the plain one no longer: so it is written out again.)

# %% tags=["after"]
import warnings


class Plain(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.slope, self.offset = tf.Variable(5.0), tf.Variable(0.5)

    def call(self, x):
        return self.slope * x + self.offset


class Listed(Plain):
    def __init__(self):
        tf.keras.Model.__init__(self)
        self.slope = self.add_weight(shape=(), initializer=tf.constant_initializer(5.0), name="slope")
        self.offset = self.add_weight(shape=(), initializer=tf.constant_initializer(0.5), name="offset")


def fit(model):
    """What `fit` does with a model: an exception, the warnings, the losses."""
    x = tf.random.stateless_normal((64, 1), seed=(0, 0))
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            losses = model.fit(x, 3 * x + 2, epochs=3, verbose=0).history["loss"]
        except Exception as error:
            return {"exception": True, "warnings": len(said), "the loss falls": False, "text": str(error)}
    fell = losses[-1] < 0.99 * losses[0]
    return {"exception": False, "warnings": len(said), "the loss falls": fell, "text": [str(w.message) for w in said]}


for make in (Listed, Plain):
    found = fit(make())
    print(make.__name__, found)
print("as you said" if all(found[key] == expected[key] for key in expected) else "not as you said")

# %% [markdown]
# **Explain.** Read what was printed for `Plain`. Under Keras 3 the whole message is one warning, easily lost among others: the epochs go by,
# the numbers are printed, and the loss stays where it was. Under legacy Keras both variables are in the list, and `Plain` trains.
#
# **Exercise.** Write the line that you would put after every `compile` of your own: something that stops when the list is empty. The check
# tries it on both models, and on a frozen one, whose list is empty under either Keras.
#
# Hint: An empty list is false.
# Hint: `if not model.trainable_variables:`
# Hint: `raise ValueError("there is nothing to train")`.


# %% tags=["exercise"]
def guard(model):
    """Raise an exception if there is nothing to train."""
    # your line


class Frozen(Listed):
    def __init__(self):
        super().__init__()
        self.trainable = False


def stops(model):
    model(tf.zeros((1, 1)))
    try:
        guard(model)
    except Exception:
        return True
    return False


answers = [stops(make()) for make in (Listed, Plain, Frozen)]
right = [False, not Plain().trainable_variables, True]
print("right" if answers == right else "not yet: hint, an empty list is false")


# %% tags=["solution"]
def guard(model):
    """Raise an exception if there is nothing to train."""
    if not model.trainable_variables:
        raise ValueError("there is nothing to train")


class Frozen(Listed):
    def __init__(self):
        super().__init__()
        self.trainable = False


def stops(model):
    model(tf.zeros((1, 1)))
    try:
        guard(model)
    except Exception:
        return True
    return False


answers = [stops(make()) for make in (Listed, Plain, Frozen)]
right = [False, not Plain().trainable_variables, True]
print("right" if answers == right else "not yet: hint, an empty list is false")

# %% [markdown]
# ## 3. Keep a layer in an object of your own (extra)
#
# **Claim.** *Variables that are hidden from the model are not seen by the tape, so they get None.*
#
# The first of two layers is put into a small Python object, as one does to keep things tidy, and the object on the model.
#
# <!-- question: hidden_layer -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("hidden_layer", bug=bug, predict=True)

# %% [markdown]
# **Look.** Which list is longer, the watched or the tracked one? Train both: does the loss fall with the switch on?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("hidden_layer")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: hidden_layer -->
#
# **Explain.** The tape watches every trainable variable that is read, wherever it is kept. The *model* looks for layers in its attributes and in a few kinds of
# containers. Note the danger: with the switch on the loss falls too, because the outer layer learns. No curve tells you that the inner one
# stands still; how far each weight moved does.

# %% [markdown]
# **Exercise.** Which containers does the model look into? Write `True` or `False` behind each, then run. (The last three are measured for you.)
#
# Hint: Three of them are containers that Keras knows.
# Hint: Keras does not look into objects of your own classes, and not into functions.
# Hint: Run the cell: what was measured stands behind each name.

# %% tags=["exercise"]
import functools
import types

opened = dict.fromkeys(("list", "dict", "tuple", "namespace", "function"), "?")  # your answers
keep = {
    "list": lambda layer: [layer],
    "dict": lambda layer: {"a": layer},
    "tuple": lambda layer: (layer,),
    "namespace": lambda layer: types.SimpleNamespace(layer=layer),
    "function": lambda layer: lambda x: layer(x),
    "set": lambda layer: {layer},
    "partial": lambda layer: functools.partial(layer),
    "dict of lists": lambda layer: {"a": [layer]},
}


class Holder(tf.keras.Model):
    def __init__(self, kept_in):
        super().__init__()
        layer = tf.keras.layers.Dense(2)
        layer.build((None, 3))
        self.kept = keep[kept_in](layer)


measured = {name: len(Holder(name).trainable_variables) == 2 for name in keep}
for name in keep:
    said = "" if name not in opened else (", as you said" if opened[name] == measured[name] else ", not as you said")
    print(f"{name}: {'looked into' if measured[name] else 'not looked into'}{said}")

# %% tags=["solution"]
import functools
import types

opened = {"list": True, "dict": True, "tuple": True, "namespace": False, "function": False}
keep = {
    "list": lambda layer: [layer],
    "dict": lambda layer: {"a": layer},
    "tuple": lambda layer: (layer,),
    "namespace": lambda layer: types.SimpleNamespace(layer=layer),
    "function": lambda layer: lambda x: layer(x),
    "set": lambda layer: {layer},
    "partial": lambda layer: functools.partial(layer),
    "dict of lists": lambda layer: {"a": [layer]},
}


class Holder(tf.keras.Model):
    def __init__(self, kept_in):
        super().__init__()
        layer = tf.keras.layers.Dense(2)
        layer.build((None, 3))
        self.kept = keep[kept_in](layer)


measured = {name: len(Holder(name).trainable_variables) == 2 for name in keep}
for name in keep:
    said = "" if name not in opened else (", as you said" if opened[name] == measured[name] else ", not as you said")
    print(f"{name}: {'looked into' if measured[name] else 'not looked into'}{said}")

# %% [markdown]
# ## 4. Ask the optimizer
#
# **Claim.** *The optimizer complains when gradients are missing.*
#
# `optimizer.apply_gradients` takes pairs (gradient, variable). Three bad cases: an empty list of pairs, as section 1 makes it; pairs whose gradients
# are **all** None, as notebook 2 makes them; and pairs of which **some** are None.
#
# **Predict.** Which of them raises an exception?

# %%
expected = {"empty": "?", "all None": "?", "some None": "?"}  # your answers

# %% [markdown]
# **Measure, after you have flipped.** Each case with fresh variables. The warning of legacy Keras goes to a log and not through Python's `warnings`, so it is not counted here.


# %% tags=["after"]
def fresh():
    layer = tf.keras.layers.Dense(2)
    layer.build((None, 3))
    return layer.trainable_variables


def apply(pairs):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            tf.keras.optimizers.SGD(0.1).apply_gradients(pairs)
        except Exception as error:
            return type(error).__name__, len(said)
    return "no exception", len(said)


kernel, bias = fresh()
before = tf.convert_to_tensor(kernel).numpy()
cases = {
    "empty": [],
    "all None": [(None, v) for v in fresh()],
    "some None": [(None, kernel), (tf.ones((2,)), bias)],
}
for case, pairs in cases.items():
    happened, said = apply(pairs)
    right = (happened != "no exception") == expected[case]
    print(f"{case}: {happened}, {said} warning(s); {'as you said' if right else 'not as you said'}")
print("the kernel with None has moved:", bool(tf.reduce_any(tf.convert_to_tensor(kernel) != before)))

# %% [markdown]
# **Explain.** When *all* gradients are None, the optimizer raises an exception. An empty list is treated differently by the two Keras versions:
# Keras 3 raises an exception, legacy Keras does not; run the notebook with `keras = 2` to see it. The dangerous case is the last one:
# training goes on with half of the weights, and a warning is all that is said.
#
# **Exercise.** Write an update that can't go wrong quietly: it must raise for every variable that the tape watched and that gets no gradient, whether
# because it is None or because it is not in the list.
#
# Hint: There are two ways to lose a gradient: the variable is not in the list, or its gradient is None.
# Hint: Compare `len(tape.watched_variables())` with the number of variables.
# Hint: Raise an exception if the numbers differ, or if `any(g is None for g in gradients)`.


# %% tags=["write"]
def complete(tape, gradients, variables):
    """Raise an exception unless every variable that the tape watched has a gradient."""
    # your lines; tape.watched_variables() is what the tape saw


def tries(model, cut):
    """Does `complete` raise? `cut` puts a cast on the path."""
    x = tf.ones((4, 1))
    with tf.GradientTape() as tape:
        y = model(x)
        loss = tf.reduce_mean(tf.cast(tf.cast(y, tf.int32), tf.float32) if cut else y)
    variables = model.trainable_variables
    try:
        complete(tape, tape.gradient(loss, variables), variables)
    except Exception:
        return True
    return False


answers = [tries(Listed(), False), tries(Listed(), True), tries(Plain(), False)]
right = [False, True, not Plain().trainable_variables]
print(
    "right"
    if answers == right
    else "not yet: hint, compare two numbers of variables, and look for None among the gradients"
)


# %% tags=["solution"]
def complete(tape, gradients, variables):
    """Raise an exception unless every variable that the tape watched has a gradient."""
    watched = tape.watched_variables()
    if len(watched) != len(variables):
        raise ValueError(f"{len(watched)} variables are watched, {len(variables)} are listed")
    lost = [v.name for v, g in zip(variables, gradients) if g is None]
    if lost:
        raise ValueError(f"no gradient for {lost}")


def tries(model, cut):
    """Does `complete` raise? `cut` puts a cast on the path."""
    x = tf.ones((4, 1))
    with tf.GradientTape() as tape:
        y = model(x)
        loss = tf.reduce_mean(tf.cast(tf.cast(y, tf.int32), tf.float32) if cut else y)
    variables = model.trainable_variables
    try:
        complete(tape, tape.gradient(loss, variables), variables)
    except Exception:
        return True
    return False


answers = [tries(Listed(), False), tries(Listed(), True), tries(Plain(), False)]
right = [False, True, not Plain().trainable_variables]
print(
    "right"
    if answers == right
    else "not yet: hint, compare two numbers of variables, and look for None among the gradients"
)

# %% [markdown]
# ## What you take home
#
# - *Watched* and *tracked* are two lists. Compare their lengths, and you know at once whether weights are missing.
# - Make weights with `add_weight`, keep layers in attributes, lists, tuples or dicts.
# - `fit` goes on with nothing to train, and an optimizer goes on with half of it. Make your own loop stop.
#
# Next: [vanishing and exploding](10_vanishing_and_exploding.ipynb)
