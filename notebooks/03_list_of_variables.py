# %% [markdown]
# # 3. Build, init and the list of variables
#
# `layer.trainable_variables` is the list that `fit` and most training loops go over. A weight that is not in it is *missing*: it is not trained,
# and there is no `None` to warn you. Popular answers say that weights must be made in `build` and not in `__init__`. You will see what decides, and
# what `fit` and the optimizer do when weights are missing.
#
# Two lists matter here. **Tracked**: what the layer or the model lists as its variables. **Watched**: what the tape saw being read
# (`tape.watched_variables()`). The panels show both.
#
# **Needs**: notebook [1](01_initial_state.ipynb), or a Keras layer that you wrote yourself. **Gives**: you can find weights that no list
# has, and make a training loop stop where weights are missing. <!-- minutes -->
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
# ## 1. Use a raw `tf.Variable` as a weight
#
# **Claim.** *A tf.Variable that a layer makes in `__init__` instead of build is not tracked by the layer.*
#
# The switch changes the *kind* of variable: `self.add_weight` or `tf.Variable`. The knob `where` changes the *place*.
#
# <!-- question: raw_variable -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("raw_variable", bug=bug, predict=True)

# %% [markdown]
# **Look.** Try all four combinations of switch and knob. Which of the two decides? The claim says that the place does, so it says of `build`
# that the variable is tracked: read the verdict at both places. Then train both versions, and look at how far the weight moves.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("raw_variable")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Both Keras versions.** *Keras 3* is the one that TensorFlow installs. *Legacy Keras* (Keras 2) is a package of its
# own, `tf_keras`. The choice is made when TensorFlow loads, so this cell asks the other one in a second process (a few seconds).

# %%
gradlab.other_keras("raw_variable")

# %% [markdown]
# <!-- answers: raw_variable -->
#
# **Explain.** The kind decides, not the place, and it depends on the Keras version. Keras 3 lists its own kind of variable. For Keras 3 a raw
# `tf.Variable` is an ordinary attribute. Legacy Keras lists every trainable `tf.Variable`. Where the list is empty, a loop that goes over the
# list changes nothing.

# %%
gradlab.drawing("watched_tracked")

# %% [markdown]
# **Exercise.** Repair this layer so that its weight is in the list under both Keras versions.
#
# Hint: Compare with the version of the switch off. How does it make its weight?
# Hint: The place is not what matters under this Keras. The kind of variable is.
# Hint: `self.add_weight(shape=(3, 2), initializer="ones", name="w")`.


# %% tags=["exercise"]
import tensorflow as tf


class Mine(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones((3, 2)), name="w")  # repair this

    def call(self, x):
        return tf.tanh(x @ self.w)


layer = Mine()
layer(tf.zeros((1, 3)))  # the first call builds it


def mine(tracked, raw, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    sources = dict(zip(("w",), layer.trainable_variables))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("raw_variable", mine, owner=layer, units=2)


# %% tags=["solution"]
import tensorflow as tf


class Mine(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(3, 2), initializer="ones", name="w")

    def call(self, x):
        return tf.tanh(x @ self.w)


layer = Mine()
layer(tf.zeros((1, 3)))  # the first call builds it


def mine(tracked, raw, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(x) - 1) ** 2)
    sources = dict(zip(("w",), layer.trainable_variables))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("raw_variable", mine, owner=layer, units=2)

# %% [markdown]
# ## 2. Fit a model that has nothing to train
#
# **Claim.** *If nothing can be trained, `fit` says so and stops.*
#
# <!-- question: nothing_to_train -->
#
# Decide for an answer. Then run the next cell. It makes the same straight line twice, once with weights of Keras and once with plain
# variables, fits each for three *epochs* (passes over the data), and says what happened.

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
    """What `fit` does with a model: an exception, how many warnings, whether the loss falls."""
    x = tf.random.stateless_normal((64, 1), seed=(0, 0))
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            losses = model.fit(x, 3 * x + 2, epochs=3, verbose=0).history["loss"]
        except Exception as error:
            return type(error).__name__
    fell = losses[-1] < 0.99 * losses[0]
    return f"no exception, {len(said)} warning(s), the loss {'falls' if fell else 'stays'}"


gradlab.folded(*(f"{make.__name__}: {fit(make())}" for make in (Listed, Plain)))

# %% [markdown]
# <!-- answers: nothing_to_train -->
#
# **Explain.** Under Keras 3 the list of `Plain` is empty. The epochs go by and the loss stays where it was. There is one warning, which is easy to
# miss among others. Under legacy Keras both variables are in the list, and `Plain` trains. A model that is frozen has an empty list under either
# Keras.

# %% [markdown]
# ## 3. Ask the optimizer
#
# **Claim.** *The optimizer complains when gradients are missing.*
#
# `optimizer.apply_gradients` takes pairs (gradient, variable). Three bad cases: an empty list of pairs, as section 2 makes it; pairs whose gradients
# are **all** None, as a cast makes them; and pairs of which **some** are None.
#
# <!-- question: some_gradients_none -->
#
# Decide for an answer. Then run the next cell. It tries each of the three cases with fresh variables. (The warning of legacy Keras goes to
# a log and not through Python's `warnings`. It is not counted here.)


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
found = {case: apply(pairs) for case, pairs in cases.items()}
moved = bool(tf.reduce_any(tf.convert_to_tensor(kernel) != before))
gradlab.folded(
    *(f"{case}: {happened}, {said} warning(s)" for case, (happened, said) in found.items()),
    f"the kernel with None has moved: {moved}",
)

# %% [markdown]
# <!-- answers: some_gradients_none -->
#
# **Explain.** When *all* gradients are None, the optimizer raises an exception. An empty list is treated differently by the two Keras versions:
# Keras 3 raises an exception, legacy Keras does not; run the notebook with `keras = 2` to see it. The dangerous case is the last one: training goes
# on with the other weights, and there is a warning and no exception.
#
# **Exercise.** Write a check for a training loop. It must raise an exception if a variable that the tape watched gets no gradient, because its
# gradient is None or because the variable is not in the list.
#
# Hint: There are two ways to lose a gradient: the variable is not in the list, or its gradient is None.
# Hint: Compare `len(tape.watched_variables())` with the number of variables.
# Hint: Raise an exception if the numbers differ, or if `any(g is None for g in gradients)`.


# %% tags=["write"]
def complete(tape, gradients, variables):
    """Raise an exception unless every variable that the tape watched has a gradient."""
    # your lines; tape.watched_variables() is what the tape saw


class Half(tf.keras.Model):
    """It lists one of its two variables. The other one is kept in a function."""

    def __init__(self):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer=tf.constant_initializer(5.0), name="slope")
        offset = tf.Variable(0.5)
        self.offset = lambda: offset

    def call(self, x):
        return self.slope * x + self.offset()


def raised(model, cut):
    """The exception of `complete`, in words, or "". `cut` puts a cast on the path."""
    x = tf.ones((4, 1))
    with tf.GradientTape() as tape:
        y = model(x)
        loss = tf.reduce_mean(tf.cast(tf.cast(y, tf.int32), tf.float32) if cut else y)
    variables = model.trainable_variables
    try:
        complete(tape, tape.gradient(loss, variables), variables)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


cases = {  # the model, whether there is a cast, whether `complete` has to raise
    "every gradient is there": (Listed(), False, False),
    "a cast, so each gradient is None": (Listed(), True, True),
    "a model of plain variables": (Plain(), False, not Plain().trainable_variables),
    "one of two variables is not in the list": (Half(), False, True),
}
for case, (model, cut, wanted) in cases.items():
    found = raised(model, cut)
    print(f"{case}: {'right' if bool(found) == wanted else 'not yet'}; {found or 'no exception'}")


# %% tags=["solution"]
def complete(tape, gradients, variables):
    """Raise an exception unless every variable that the tape watched has a gradient."""
    watched = tape.watched_variables()
    if len(watched) != len(variables):
        raise ValueError(f"{len(watched)} variables are watched, {len(variables)} are listed")
    lost = [v.name for v, g in zip(variables, gradients) if g is None]
    if lost:
        raise ValueError(f"no gradient for {lost}")


class Half(tf.keras.Model):
    """It lists one of its two variables. The other one is kept in a function."""

    def __init__(self):
        super().__init__()
        self.slope = self.add_weight(shape=(), initializer=tf.constant_initializer(5.0), name="slope")
        offset = tf.Variable(0.5)
        self.offset = lambda: offset

    def call(self, x):
        return self.slope * x + self.offset()


def raised(model, cut):
    """The exception of `complete`, in words, or "". `cut` puts a cast on the path."""
    x = tf.ones((4, 1))
    with tf.GradientTape() as tape:
        y = model(x)
        loss = tf.reduce_mean(tf.cast(tf.cast(y, tf.int32), tf.float32) if cut else y)
    variables = model.trainable_variables
    try:
        complete(tape, tape.gradient(loss, variables), variables)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


cases = {  # the model, whether there is a cast, whether `complete` has to raise
    "every gradient is there": (Listed(), False, False),
    "a cast, so each gradient is None": (Listed(), True, True),
    "a model of plain variables": (Plain(), False, not Plain().trainable_variables),
    "one of two variables is not in the list": (Half(), False, True),
}
for case, (model, cut, wanted) in cases.items():
    found = raised(model, cut)
    print(f"{case}: {'right' if bool(found) == wanted else 'not yet'}; {found or 'no exception'}")

# %% [markdown]
# ## 4. Ask before the first call (extra)
#
# **Claim.** *The weights of a layer that has not been built yet get None for a gradient.*
#
# An LSTM layer is asked for its variables twice: before it has seen any input, and after.
#
# <!-- question: unbuilt_layer -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("unbuilt_layer", bug=bug, predict=True)

# %% [markdown]
# **Look.** What is the difference between *None* and *not in the list*?
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("unbuilt_layer")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: unbuilt_layer -->
#
# **Explain.** A layer makes its weights at its first call. A list taken before is empty, and `tape.gradient(loss, [])` is an empty list: no
# `None` in it, and no warning.

# %% [markdown]
# **Exercise.** Repair the order of lines.
#
# Hint: When does an LSTM make its weights?
# Hint: Print `variables` before and after a first call.
# Hint: Call the layer once on some input, for example `fresh(tf.zeros((1, 4, 3)))`, and take the list after that.

# %% tags=["exercise"]
fresh = tf.keras.layers.LSTM(4)
variables = fresh.trainable_variables  # repair this


def mine(layer, early, late, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((fresh(x) - 1) ** 2)
    sources = dict(zip(("kernel", "recurrent_kernel", "bias"), variables))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("unbuilt_layer", mine, owner=fresh)

# %% tags=["solution"]
fresh = tf.keras.layers.LSTM(4)
fresh(tf.zeros((1, 4, 3)))
variables = fresh.trainable_variables


def mine(layer, early, late, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((fresh(x) - 1) ** 2)
    sources = dict(zip(("kernel", "recurrent_kernel", "bias"), variables))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("unbuilt_layer", mine, owner=fresh)

# %% [markdown]
# ## 5. Keep a layer in an object of your own (extra)
#
# **Claim.** *Variables that are hidden from the model are not seen by the tape, so they get None.*
#
# The first of two layers is kept in a small Python object, and the object is an attribute of the model.
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
# **Explain.** The tape watches every trainable variable that is read, wherever it is kept. The *model* looks for layers in its attributes and in a
# few kinds of containers. Note the danger: with the switch on the loss falls too, because the outer layer learns. The loss does not show that the
# inner layer is not trained. How far each weight moved shows it.

# %% [markdown]
# **Exercise.** Which containers does the model look into? Write `True` or `False` behind each, then run. (Three more are measured for
# you then.)
#
# Hint: Three of them are containers that Keras knows.
# Hint: Keras does not look into objects of your own classes, and not into functions.
# Hint: Run the cell. It prints what was measured for each name.

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
if "?" in opened.values():
    print("no answer yet")
else:
    for name, inside in measured.items():
        said = {None: "", inside: ", as you said"}.get(opened.get(name), ", not as you said")
        print(f"{name}: {'looked into' if inside else 'not looked into'}{said}")

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
if "?" in opened.values():
    print("no answer yet")
else:
    for name, inside in measured.items():
        said = {None: "", inside: ", as you said"}.get(opened.get(name), ", not as you said")
        print(f"{name}: {'looked into' if inside else 'not looked into'}{said}")

# %% [markdown]
# ## 6. Make a weight or a layer inside `call` (extra)
#
# **Claim.** *Variables that layer tracking does not know of get no gradient.*
#
# The outer layer makes its Dense layer in `__init__`, or anew at every call. The sources are listed twice: what the layer lists,
# and what the tape watched.
#
# <!-- question: layer_in_call -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("layer_in_call", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the first two pictures with the last two.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("layer_in_call")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: layer_in_call -->
#
# **Explain.** Tracking and watching are two things. The tape watched the inner weights, and their gradients are right. The layer does not list
# them. (They are also thrown away after every call, so training them would be pointless.)

# %% [markdown]
# **Exercise.** Repair the layer so that both weights are in its list.
#
# Hint: Where does the inner layer live between two calls?
# Hint: What is set as an attribute of the layer is in its list.
# Hint: Make the Dense layer in `__init__`, as `self.dense`, and call `self.dense(x)` in `call`.


# %% tags=["exercise"]
class Outer(tf.keras.layers.Layer):
    def call(self, x):
        return tf.keras.layers.Dense(4, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=1))(
            x
        )  # repair this


outer = Outer()


def mine(before, in_call, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((outer(x) - 1) ** 2)
    sources = dict(zip(("listed kernel", "listed bias"), outer.trainable_variables))
    sources |= dict(zip(("watched kernel", "watched bias"), tape.watched_variables()))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("layer_in_call", mine, owner=outer)


# %% tags=["solution"]
class Outer(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = tf.keras.layers.Dense(4, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=1))

    def call(self, x):
        return self.dense(x)


outer = Outer()


def mine(before, in_call, x):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((outer(x) - 1) ** 2)
    sources = dict(zip(("listed kernel", "listed bias"), outer.trainable_variables))
    sources |= dict(zip(("watched kernel", "watched bias"), tape.watched_variables()))
    return loss, sources, tape.gradient(loss, sources)


gradlab.check_repair("layer_in_call", mine, owner=outer)

# %% [markdown]
# **Exercise.** Three layers make the same weight: in `__init__`, in `build`, and in `call` at the first call. How many variables does each
# of them list after a first call? Write 0, 1 or "raises" for each of them. (The two Keras versions differ in one of the three.)
#
# Hint: Try it: make one of each, call it, print `trainable_variables`.
# Hint: `__init__` and `build` run before the layer counts as built. `call` runs after.
# Hint: Keras 3 locks the layer once it is built, and raises an exception. Legacy Keras adds the weight.


# %% tags=["exercise"]
class Early(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(3, 2), name="w")

    def call(self, x):
        return x @ self.w


class Built(tf.keras.layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3, 2), name="w")

    def call(self, x):
        return x @ self.w


class Late(tf.keras.layers.Layer):
    def call(self, x):
        if not hasattr(self, "w"):
            self.w = self.add_weight(shape=(3, 2), name="w")
        return x @ self.w


expected = {"Early": "?", "Built": "?", "Late": "?"}  # your answers
for kind in (Early, Built, Late):
    layer = kind()
    try:
        layer(tf.zeros((1, 3)))
        found = len(layer.trainable_variables)
    except ValueError:
        found = "raises"
    said = expected[kind.__name__]
    print(f"{kind.__name__}:", "no answer yet" if said == "?" else "right" if said == found else "not yet")


# %% tags=["solution"]
class Early(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = self.add_weight(shape=(3, 2), name="w")

    def call(self, x):
        return x @ self.w


class Built(tf.keras.layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(3, 2), name="w")

    def call(self, x):
        return x @ self.w


class Late(tf.keras.layers.Layer):
    def call(self, x):
        if not hasattr(self, "w"):
            self.w = self.add_weight(shape=(3, 2), name="w")
        return x @ self.w


expected = {"Early": 1, "Built": 1, "Late": "raises" if keras == 3 else 1}
for kind in (Early, Built, Late):
    layer = kind()
    try:
        layer(tf.zeros((1, 3)))
        found = len(layer.trainable_variables)
    except ValueError:
        found = "raises"
    said = expected[kind.__name__]
    print(f"{kind.__name__}:", "no answer yet" if said == "?" else "right" if said == found else "not yet")

# %% [markdown]
# Between `__init__` and `build` it makes no difference: `add_weight` puts the weight into the list in both. (`build` has one advantage: the shape
# of the input is known there.) In `call` it is different. Keras 3 counts a layer as built once its first call has begun, and then refuses a new
# weight: a `ValueError` says so. Legacy Keras puts the weight into the list there too.

# %% [markdown]
# ## What you take home
#
# - **Missing is not None.** A weight that is not in the list has no entry at all. Where only some weights are missing, nothing warns you.
# - *Watched* and *tracked* are two lists. Compare their lengths to see whether weights are missing.
# - Make weights with `add_weight`, in `__init__` or in `build`. Keep layers in attributes, lists, tuples or dicts. Ask for the list after the first
#   call.
# - `fit` goes on with nothing to train, and an optimizer goes on if some gradients are None. Make your own loop raise an exception.
#
# Next: [one Jacobian per time step](04_timestep_jacobian.ipynb)
