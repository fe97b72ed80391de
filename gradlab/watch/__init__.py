"""`gradlab.Watch`: the gradients of the training step itself, live, during `model.fit`.

Read in this order: `callback` (what Keras calls), `guard` (how the step is made to record), `hooks` (where gradients
pass), `told` and `recorder` (what is written in the graph), `columns` and `record` (what was seen), `rules` (what is said of it),
`ask` (the doctor), `views` (where it is shown).
"""

from gradlab.watch.callback import Watch

__all__ = ["Watch"]
