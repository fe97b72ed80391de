# %% [markdown]
# # 3. Make weights where the layer can find them
#
# `layer.trainable_variables` is the list that `fit` and most training loops go through. A weight that is not in it is never
# trained by them, and there is no `None` to warn you: it is *missing*. Popular answers say that weights must be made in `build` and not
# in `__init__`. You will see what decides.
#
# Two lists matter here. **Tracked**: what the layer lists as its variables. **Watched**: what the tape saw being read
# (`tape.watched_variables()`). The panels show both.
#
# **Needs**: notebook [1](01_initial_state.ipynb), or a Keras layer that you wrote yourself. **Gives**: you can find weights that no list
# has. <!-- minutes -->
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
# ## 1. Make weights in `__init__` or in `build`
#
# **Claim.** *Weights made in __init__ instead of build are not tracked by the layer.*
#
# Both layers use `self.add_weight`. One calls it in `build`, which Keras runs at the first call with the shape of the input; the
# other in `__init__`.
#
# <!-- question: init_or_build -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("init_or_build", bug=bug, predict=True)

# %% [markdown]
# **Look.** Compare the two rows *watched by the tape* and *in the list of variables*.
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("init_or_build")
gradlab.side_by_side(off, on)

# %% [markdown]
# <!-- answers: init_or_build -->
#
# **Explain.** Between these two places it makes no difference: `add_weight` registers the weight with the layer in both. (`build` has one
# advantage: the shape of the input is known there.) There is a third place, and it is not so kind.

# %% [markdown]
# **Exercise.** Three layers make the same weight: in `__init__`, in `build`, and in `call` at the first call. How many variables does each
# of them list after a first call? Write 0, 1 or "raises" for each of them. (The two Keras versions differ in one of the three.)
#
# Hint: Try it: make one of each, call it, print `trainable_variables`.
# Hint: `__init__` and `build` run before the layer counts as built. `call` runs after.
# Hint: Keras 3 locks the layer once it is built, and raises an exception. Legacy Keras adds the weight.

# %% tags=["exercise"]
import tensorflow as tf


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
import tensorflow as tf


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
# Keras 3 counts a layer as built after its first call has begun, and then refuses a new weight: a `ValueError` says so. Legacy Keras
# registers the weight there too.

# %% [markdown]
# ## 2. Use a raw `tf.Variable` as a weight
#
# **Claim.** *A tf.Variable that a layer makes in __init__ instead of build is not tracked by the layer.*
#
# The switch changes the *kind* of variable: `self.add_weight` or `tf.Variable`. The knob `where` changes the *place*.
#
# <!-- question: raw_variable -->
#
# Lock your answer in under the code of the panel. Then flip the switch.

# %%
gradlab.Panel("raw_variable", bug=bug, predict=True)

# %% [markdown]
# **Look.** Try all four combinations of switch and knob. Which of the two decides? Then train both versions: the tape watches the raw
# variable, and yet ...
#
# **Measure, after you have flipped.** Both positions of the switch, side by side.

# %% tags=["after"]
off, on = gradlab.compare("raw_variable")
gradlab.side_by_side(off, on)

# %% [markdown]
# **Both Keras versions.** There are two of them. *Keras 3* is the one that TensorFlow installs. *Legacy Keras* (Keras 2) is a package of its
# own, `tf_keras`. The choice is made when TensorFlow loads, so this cell asks the other one in a second process (a few seconds).

# %%
gradlab.other_keras("raw_variable")

# %% [markdown]
# <!-- answers: raw_variable -->
#
# **Explain.** The kind decides, not the place, and it depends on the Keras version. Keras 3 keeps a list of its own kind of variable; to it a
# raw `tf.Variable` is just an attribute. Legacy Keras lists every `tf.Variable`. Where the list is empty, the optimizer has
# nothing to do: with `fit` the loss stays where it is, without an exception.

# %%
gradlab.drawing("watched_tracked")

# %% [markdown]
# **Exercise.** Mend this layer so that its weight is in the list under both Keras versions.
#
# Hint: Compare with the version of the switch off. How does it make its weight?
# Hint: The place is not what matters under this Keras. The kind of variable is.
# Hint: `self.add_weight(shape=(3, 2), initializer="ones", name="w")`.


# %% tags=["exercise"]
class Mine(tf.keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.ones((3, 2)), name="w")  # mend this

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
# ## 3. Ask before the first call
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
# **Exercise.** Mend the order of lines.
#
# Hint: When does an LSTM make its weights?
# Hint: Print `variables` before and after a first call.
# Hint: Call the layer once on some input, for example `fresh(tf.zeros((1, 4, 3)))`, and take the list after that.

# %% tags=["exercise"]
fresh = tf.keras.layers.LSTM(4)
variables = fresh.trainable_variables  # mend this


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
# ## 4. Make a layer inside `call` (extra)
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
# **Explain.** Tracking and watching are two things. The tape watched the hidden weights, and their gradients are right; the layer just does not
# list them. (They are also thrown away after every call, so training them would be pointless.)

# %% [markdown]
# **Exercise.** Mend the layer so that both weights are in its list.
#
# Hint: Where does the inner layer live between two calls?
# Hint: What is set as an attribute of the layer is in its list.
# Hint: Make the Dense layer in `__init__`, as `self.dense`, and call `self.dense(x)` in `call`.


# %% tags=["exercise"]
class Outer(tf.keras.layers.Layer):
    def call(self, x):
        return tf.keras.layers.Dense(4, kernel_initializer=tf.keras.initializers.GlorotUniform(seed=1))(x)  # mend this


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
# ## 5. Write it yourself (extra)
#
# **Exercise.** Write the check that finds such weights in any layer: `unlisted` calls the layer on `x` under a tape, and returns the
# shapes of all variables that the tape watched and that the layer does not list. Compare variables by identity (`id`), because `==`
# compares their numbers. Keras 3 lists its own variable, and the tape knows the TensorFlow variable inside it, `v.value`; the start has a
# line for that.
#
# Hint: `tape.watched_variables()` is the one list, `layer.trainable_variables` the other.
# Hint: Take the second list *after* the call.
# Hint: Keep those of the first list whose `id` is not among the ids of the second: `[tuple(v.shape) for v in watched if id(inside(v)) not
# in listed]`.


# %% tags=["write"]
def inside(variable):
    """The TensorFlow variable that a Keras variable holds, or the variable itself."""
    return getattr(variable, "value", variable) if not isinstance(variable, tf.Variable) else variable


def unlisted(layer, x):
    """The shapes of the variables that the tape watched and the layer does not list."""
    return None  # your lines


class Hidden(tf.keras.layers.Layer):
    def call(self, x):
        return tf.keras.layers.Dense(4)(x)


x = tf.ones((2, 3))
answers = [unlisted(tf.keras.layers.Dense(4), x), unlisted(tf.keras.layers.LSTM(4), tf.ones((2, 5, 3)))]
hidden = unlisted(Hidden(), x)
right = answers == [[], []] and hidden is not None and sorted(hidden) == [(3, 4), (4,)]
print("right" if right else "not yet: expected nothing for two layers of Keras, and two shapes for Hidden")


# %% tags=["solution"]
def inside(variable):
    """The TensorFlow variable that a Keras variable holds, or the variable itself."""
    return getattr(variable, "value", variable) if not isinstance(variable, tf.Variable) else variable


def unlisted(layer, x):
    """The shapes of the variables that the tape watched and the layer does not list."""
    with tf.GradientTape() as tape:
        layer(x)
    listed = {id(inside(v)) for v in layer.trainable_variables}
    return [tuple(v.shape) for v in tape.watched_variables() if id(inside(v)) not in listed]


class Hidden(tf.keras.layers.Layer):
    def call(self, x):
        return tf.keras.layers.Dense(4)(x)


x = tf.ones((2, 3))
answers = [unlisted(tf.keras.layers.Dense(4), x), unlisted(tf.keras.layers.LSTM(4), tf.ones((2, 5, 3)))]
hidden = unlisted(Hidden(), x)
right = answers == [[], []] and hidden is not None and sorted(hidden) == [(3, 4), (4,)]
print("right" if right else "not yet: expected nothing for two layers of Keras, and two shapes for Hidden")

# %% [markdown]
# ## What you take home
#
# - **Missing is not None.** A weight that is not in the list has no entry at all, and nothing warns you.
# - `add_weight` registers a weight in `__init__` and in `build`. In `call` it depends on the Keras version, and so does a raw `tf.Variable`.
# - Ask for the list after the first call.
# - When in doubt, compare `tape.watched_variables()` with `trainable_variables`.
#
# Next: [one Jacobian per time step](04_timestep_jacobian.ipynb)
