"""`gradlab.through_time`: what a loss says to every state of every recurrent layer inside a model, step by step.

Read in this order: `api` (the call), `layers` (what is looked at), `run` (one pass, its states collected, one gradient),
`chain` (the map of a layer's Jacobians, its steps, its memory), `gates` (weights split by gate), `result` (what the user
holds), `scenes` (the pictures as data), `figure`, `words`.
"""

from gradlab.bptt.api import through_time
from gradlab.bptt.result import LayerThroughTime, ThroughTime

__all__ = ["LayerThroughTime", "ThroughTime", "through_time"]
