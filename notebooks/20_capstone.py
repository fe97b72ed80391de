# %% [markdown]
# # 20. Find five bugs in one training script
#
# A small network forecasts how many bikes are rented tomorrow. Its training script runs without an error, and it does not learn. There are **five
# bugs** in it, of five different kinds. You find them with what you know from the other notebooks. A check says how many are left. It never says
# which.
#
# **Needs**: notebooks 1 to 10, or at least [2](02_integer_cast.ipynb), [3](03_list_of_variables.ipynb), [7](07_written_state.ipynb)
# and [10](10_zero_and_nan.ipynb). **Gives**: you can search a script for lost gradients in an order that works. <!-- minutes -->
#
# Run the cells from top to bottom with Shift+Enter. Nothing that you do here can break anything.
#
# There is no switch here, and the parameter `bug` has no effect.

# %% tags=["parameters"]
bug = False  # has no effect here
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## 1. The data
#
# The data are made up, so that we know what there is to learn. The rentals depend on the last seven days, on the weather, on the events in town,
# and on the day of the week. Four parts of the network read one of these each. The fifth part, `head`, makes a number of the state after the last
# seven days.

# %%
import numpy as np
import tensorflow as tf


def make_data(days=64):
    random = np.random.default_rng(0)
    data = {
        "past": random.normal(size=(days, 7, 3)),
        "weather": random.normal(size=(days, 4)),
        "events": random.normal(size=(days, 2)),
    }
    weekday = random.integers(0, 7, size=days)
    rentals = np.tanh(data["past"][:, :, 0].cumsum(axis=1)[:, -1] / 2) + data["weather"] @ [1, -1, 0.5, 0]
    rentals += np.maximum(data["events"] @ [1, 1], 0) + np.sin(weekday)
    data = {name: tf.constant(values, tf.float32) for name, values in data.items()}
    return {**data, "weekday": tf.constant(weekday, tf.int32), "rentals": tf.constant(rentals[:, None], tf.float32)}


data = make_data()
print({name: tuple(values.shape) for name, values in data.items()})

# %% [markdown]
# ## 2. The script
#
# Read it once from top to bottom before you change anything. `build` makes the five parts and the list of weights. `loss_of` is the network and its
# loss. `train_step` takes one step of plain gradient descent. (Keep plain gradient descent, and keep the five names in `net`: the check needs both.
# You may change the learning rate.)


# %% tags=["script", "3 bugs"]
def build():
    tf.keras.utils.set_random_seed(0)
    dense = tf.keras.layers.Dense
    net = {
        "cell": tf.keras.layers.SimpleRNNCell(6),  # reads the last seven days
        "stars": dense(1),  # rates the weather, in whole stars
        "boost": dense(1, activation="relu", bias_initializer=tf.keras.initializers.Constant(-6.0)),  # what is on
        "weekday": tf.Variable(tf.zeros((7, 1)), name="weekday"),  # a number for each day of the week
        "head": dense(1),  # makes a number of the cell's state
    }
    for name, inputs in {"cell": 3, "stars": 4, "boost": 2}.items():
        net[name].build((None, inputs))
    weights = [w for part in net.values() for w in getattr(part, "trainable_variables", [part])]
    return net, weights


def loss_of(net, data):
    h = tf.zeros((len(data["past"]), 6))
    for day in range(7):
        h = np.clip(h, -1, 1)  # keep the state in range
        h, _ = net["cell"](data["past"][:, day], [tf.convert_to_tensor(h)])
    stars = tf.round(net["stars"](data["weather"]))
    boost = net["boost"](data["events"])
    weekday = tf.gather(net["weekday"], data["weekday"])
    forecast = net["head"](h) + stars + boost + weekday
    misfit = tf.reduce_mean((forecast - data["rentals"]) ** 2)
    return misfit + 0.01 * tf.norm(net["weekday"])


def train_step(net, weights, data, rate=0.05):
    with tf.GradientTape() as tape:
        loss = loss_of(net, data)
    gradients = tape.gradient(loss, weights)
    for weight, gradient in zip(weights, gradients):
        if gradient is not None:
            weight.assign_sub(rate * tf.convert_to_tensor(gradient))  # a lookup's gradient comes as IndexedSlices
    return loss


# %% [markdown]
# ## 3. See that it does not learn
#
# **Predict.** With the script as it is: what does the loss do after the first step? Does it fall, stay where it is, or become NaN?

# %%
net, weights = build()
print("the first losses:", [f"{float(train_step(net, weights, data)):.2g}" for _ in range(3)])

# %% [markdown]
# ## 4. What kind is each gradient?
#
# A tool of plain TensorFlow, which you can use for your own code as well: it prints for every weight in the list whether its gradient is `None`,
# zero, NaN or a number, at the weights that `build` makes. Three of the five bugs show in what it prints.

# %%
from gradlab.lab.reading import classify, format_shape


def kinds(net, weights, data):
    with tf.GradientTape() as tape:
        loss = loss_of(net, data)
    for weight, gradient in zip(weights, tape.gradient(loss, weights)):
        array = None if gradient is None else tf.convert_to_tensor(gradient).numpy()
        print(f"{getattr(weight, 'path', weight.name):32} {format_shape(tuple(weight.shape)):8} {classify(array)}")


# try: kinds(*build(), data)

# %% [markdown]
# ## 5. How many are left?
#
# Repair the script in part 2, run its cell again, and then this one. The check builds your network, takes a step, and compares how every part moved
# with finite differences of your own loss. Where the loss jumps, a straight-through gradient counts as right. The check needs a few seconds.
# The core of this notebook is done when **two are left**.

# %%
from gradlab.lab.capstone import bugs_left

bugs_left(build, train_step, data)

# %% [markdown]
# If you are stuck:
#
# Hint: Run `kinds(*build(), data)`. It tells the None, the zero and the NaN apart, and names the weights.
# Hint: Mend the NaN first. What is the slope of a root at 0?
# Hint: For the None, look for what is constant between its steps. For the zero, look at where the ReLU starts.

# %% [markdown]
# ## 6. The two that are left (extra)
#
# The last two bugs do not show in `kinds`: every gradient in the list is a number now. Two more tools find them.
#
# 1. **Is the list complete?** The tape watches every trainable variable that is read. Count both.


# %%
def watched_and_listed(net, weights, data):
    with tf.GradientTape() as tape:
        loss_of(net, data)
    print(len(tape.watched_variables()), "watched,", len(weights), "in the list")


# try: watched_and_listed(*build(), data)

# %% [markdown]
# 2. **Is a gradient that looks fine the right one?** Move a weight a little along a direction, and see what the loss does (a central *finite
#    difference*). Compare with what the gradient says about that direction. Two numbers that agree up to a few per cent are right.


# %% tags=["2 bugs"]
def slope_twice(net, weight, data, step=1e-2):
    """d loss / d weight along a random direction: from the tape, and from two more runs."""
    value = tf.convert_to_tensor(weight).numpy()
    direction = np.random.default_rng(0).standard_normal(value.shape).astype("float32")
    with tf.GradientTape() as tape:
        loss = loss_of(net, data)
    gradient = tape.gradient(loss, weight)
    losses = []
    for sign in (1, -1):
        weight.assign(value + sign * step * direction)
        losses.append(float(loss_of(net, data)))
    weight.assign(value)
    said = float((tf.convert_to_tensor(gradient).numpy() * direction).sum())
    print(f"the tape says {said:.2g}, the finite difference {(losses[0] - losses[1]) / (2 * step):.2g}")


# try: net, weights = build(); slope_twice(net, weights[0], data)

# %% [markdown]
# Repair the script in part 2 once more, and run its cell and the check in part 5 again.
#
# When nothing is left, the loss should fall in this cell:

# %%
net, weights = build()
losses = [float(train_step(net, weights, data)) for _ in range(60)]
print(f"first {losses[0]:.2g}, after 60 steps {losses[-1]:.2g}")

# %% [markdown]
# If you are stuck:
#
# Hint: For the list, count: `watched_and_listed(*build(), data)`. A layer has no weights before it is built or called.
# Hint: The gradients that are left look right. `slope_twice` contradicts one of them. What happens to the state before it goes into that part?


# %% tags=["solution"]
def build():
    tf.keras.utils.set_random_seed(0)
    dense = tf.keras.layers.Dense
    net = {
        "cell": tf.keras.layers.SimpleRNNCell(6),
        "stars": dense(1),
        "boost": dense(1, activation="relu", bias_initializer=tf.keras.initializers.Constant(0.1)),  # zero: it was dead
        "weekday": tf.Variable(tf.zeros((7, 1)), name="weekday"),
        "head": dense(1),
    }
    for name, inputs in {"cell": 3, "stars": 4, "boost": 2, "head": 6}.items():  # missing: head was not built
        net[name].build((None, inputs))
    weights = [w for part in net.values() for w in getattr(part, "trainable_variables", [part])]
    return net, weights


def loss_of(net, data):
    h = tf.zeros((len(data["past"]), 6))
    for day in range(7):
        h = tf.clip_by_value(h, -1, 1)  # wrong: np.clip cut the state off from the days before
        h, _ = net["cell"](data["past"][:, day], [h])
    stars = net["stars"](data["weather"])
    stars = stars + tf.stop_gradient(tf.round(stars) - stars)  # None: tf.round ends the path
    boost = net["boost"](data["events"])
    weekday = tf.gather(net["weekday"], data["weekday"])
    forecast = net["head"](h) + stars + boost + weekday
    misfit = tf.reduce_mean((forecast - data["rentals"]) ** 2)
    return misfit + 0.01 * tf.reduce_sum(net["weekday"] ** 2)  # NaN: the root in tf.norm is infinitely steep at zero


print(bugs_left(build, train_step, data))
net, weights = build()
losses = [float(train_step(net, weights, data)) for _ in range(60)]
print("the loss falls to less than half:", losses[-1] < losses[0] / 2)

# %% [markdown]
# ## What you take home
#
# - Ask five questions about a script that does not learn. Is there an exception or a NaN? Is a gradient `None`? Is a gradient zero? Is the list of
#   weights complete? And when all of this looks right: does a finite difference agree?
# - The order matters. NaN comes first, because at the next step the gradients of all parts are NaN. The wrong gradient comes last, because only a
#   second measurement shows it.
# - The claims of this course, with what was measured, are in the [table of claims](../docs/claims.md).
