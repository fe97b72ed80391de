# %% [markdown]
# # Start here: why is my gradient None?
#
# Click into the first cell and press Shift+Enter to run it and go to the next, again and again. Nothing that you do here can break anything.
# *Kernel > Restart Kernel* begins anew.

# %% tags=["parameters"]
bug = False  # has no effect on this page
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## Eight lines
#
# A small network rates films. An **LSTM** reads each film as a sequence of six steps with three numbers each, and a dense layer makes a rating of
# its last state. The **tape** records the computation. Then it is asked for the **gradient**: for each weight, how the loss changes when the weight
# does.
#
# ```python
# lstm, readout = tf.keras.layers.LSTM(4), tf.keras.layers.Dense(1)
# h, c = tf.zeros((2, 4)), tf.zeros((2, 4))
# with tf.GradientTape() as tape:
#     state = lstm(films, initial_state=[h, c])
#     guess = tf.round(5 * readout(state))
#     loss = tf.reduce_mean((guess - stars) ** 2)
# gradients = tape.gradient(loss, lstm.trainable_variables)
# print(gradients)  # [None, None, None]
# ```

# %%
from gradlab.scenarios import _eight_lines

print(_eight_lines.as_it_stands())

# %% [markdown]
# All three are `None`, so none of the LSTM's weights can be trained. There was no exception. Here are three answers that people get on the web.
# Run the next cell, then **click the one that you believe**. It is run at once.

# %%
from gradlab.panel.try_answers import TryAnswers

TryAnswers(_eight_lines.ANSWERS)

# %% [markdown]
# Below your answer you see its code. Each line that made a value has a cell in the margin, one for each time the line ran: the gradient of the loss for
# that value. A *visit* of a line is one time that it ran, and the *target* is what the tape was asked about, here the loss. Hatched, or ∅,
# is a `None`: the tape knows no path from the loss back to this value. Read from the last line up: **which line still has a
# gradient, while the line above it has none?** There the path ends. Then try the other two answers.
#
# <details><summary>At which line, after you have tried all three</summary>
#
# None of the three answers mends it. The path ends at the line with `tf.round`: what it makes has a gradient, and what goes into it has none. Without `tf.round`, every weight has a
# gradient. Notebook [2](02_integer_cast.ipynb) says why, and how to keep the whole number.
#
# </details>
#
# ## A mistake that shows no None
#
# A `None` can be seen. The next mistake can't. Here is a network that learns to write five digits backwards: one part, the *encoder*, reads the
# digits, and a second part, the *decoder*, starts from the encoder's state and writes. In one more version the decoder starts from zeros (dotted), and in
# one the encoder runs before the tape opens (dashed). The picture shows how many sequences each of the three answers without a mistake, while it is
# trained.

# %%
from gradlab.lab.reversing import curves

curves()

# %% [markdown]
# The dotted version learns nothing, as its decoder is never told the digits. The dashed version ends at 58 %. **About half of its weights were never trained, and there was no exception and no warning**: the loss falls, and
# the curve rises. In notebook [6](06_encoder_decoder.ipynb) you train all three versions yourself. These curves were measured with its code.
#
# ## Three ways to go on
#
# - **I have a None now.** Put your own loss into the next cell, and the weights that you ask about. The *gradient doctor* names the line that is
#   the cause. Notebook [18](18_gradient_doctor.ipynb) says more, and can be read first.
# - **I want to learn it.** Begin with notebook [1](01_initial_state.ipynb). In each section you read some code, choose an answer, and flip a
#   switch. Then you see the gradients that TensorFlow computes, with the bug and without it.
# - **I teach it.** [Teach with gradlab](../docs/teaching.md) has plans for 45, 90 and 180 minutes, and questions to print. The same notebooks with
#   all solutions are in the folder [solutions](solutions).

# %%
import tensorflow as tf

weight = tf.Variable([0.5, -1.0])


def my_loss():
    return tf.reduce_mean(weight**2)  # your loss


gradlab.explain(my_loss, {"weight": weight})  # your weights, by name

# %% [markdown]
# ## The map of the course
#
# An arrow leads from a notebook to those that need it. Each notebook has a core. The sections marked *extra* can be left out; their minutes stand
# second.

# %%
course = gradlab.course()
course.map

# %%
course

# %% [markdown]
# ## All switches
#
# A scenario is a claim found on the web, and a small program with one switch to test it. `gradlab.Panel("name")` opens a scenario by its name.

# %%
gradlab.catalogue()
