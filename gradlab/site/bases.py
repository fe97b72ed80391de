"""Panels whose numbers are the numbers of another panel too: they run the same model, from the same seed, on the right side of their switch.

A panel with a base holds only the other numbers; its page reads the data of the base as well. Measured: of 6.8 MB of numbers
1.7 MB. An entry that is no longer so costs bytes and nothing else; the weekly test of the whole site tells it.
"""

BASES = {
    "flat_function": "integer_cast",
    "half_the_state": "encoder_before_tape",
    "ignored_encoder": "encoder_before_tape",
    "initial_state": "state_outside_tape",
    "learned_state": "state_outside_tape",
    "numpy_roundtrip": "assigned_state",
    "one_state_for_two": "encoder_before_tape",
    "rounding": "integer_cast",
    "state_leaves": "state_inside_layer",
    "two_tapes": "stateful_layer",
    "unbuilt_layer": "state_inside_layer",
}
