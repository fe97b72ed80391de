# %% [markdown]
# # Start here: break a gradient on purpose
#
# Why is my gradient `None`, zero or wrong? The web has many answers, and many of them are wrong as well. In this lab you
# do not have to believe any: you flip a switch, the bug, and see what it does to the gradients of real TensorFlow code.
#
# **How to use a notebook**: click into the first cell and press Shift+Enter to run it and go to the next, again and again.
# Or choose *Run > Run All Cells* from the menu. Nothing here can break anything; *Kernel > Restart Kernel* begins anew.

# %% tags=["parameters"]
bug = False  # where the switch stands at first
device = "/CPU:0"  # or "/GPU:0"
keras = 3  # or 2 for legacy Keras

# %% [markdown]
# TensorFlow takes some seconds to load. It does so in the background from here on; the line below this cell says when it is ready.

# %%
import gradlab

gradlab.start(keras=keras, device=device)

# %% [markdown]
# ## A first switch
#
# A small recurrent network reads six inputs, and a loss compares its last state with a target. A **gradient** tells for each
# weight how the loss changes when the weight does; each heatmap below is one gradient. Flip the switch and look.

# %%
gradlab.Panel("integer_cast", bug=bug)

# %% [markdown]
# ## Seven things a gradient can be
#
# They are told apart by a mark, a word and a pattern, so that you need not rely on colours.
#
# | mark | word | what it means |
# |---|---|---|
# | ✓ | ok | there is a gradient, and a finite difference of the same loss agrees with it |
# | ≠ | wrong | there is a gradient, but finite differences of the same loss contradict it |
# | 0 | zero | an array of exact zeros; this can be right |
# | ∞ | not finite | at least one entry is NaN or infinite |
# | ∅ | none | TensorFlow returned `None`: it knows of no path from the loss to the source |
# | ? | missing | the weight is not in the list that was asked about |
# | ! | raises | there is an exception instead of a gradient |
#
# A **finite difference** is the derivative by its definition: move the weight a little, see how much the loss moves.
#
# ## What there is
#
# Each scenario is one claim found on the web and one switch to test it with. The notebooks are numbered; begin with
# [number 1](01_initial_state.ipynb).

# %%
gradlab.catalogue()
