"""The exercises of the notebooks on LSTMs and encoder-decoders can be solved, and are not solved as they stand."""

from pathlib import Path

import jupytext
import pytest

import gradlab

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SOLUTIONS = {
    ("05_lstm_and_the_tape", "watched_state"): [("tape.watch(c)", "tape.watch([h, c])")],
    ("05_lstm_and_the_tape", "state_leaves"): [("            h = tf.constant(record[t : t + 1])  # mend this\n", "")],
    ("05_lstm_and_the_tape", "two_tapes"): [
        ("    for window in (x1, x2):  # mend this\n        with tf.GradientTape() as tape:\n",
         "    with tf.GradientTape() as tape:\n        for window in (x1, x2):\n"),
    ],
    ("05_lstm_and_the_tape", "stateful_layer"): [
        ("        keeper(x1)\n", "        _, h, c = plain(x1)\n"),
        ("list(keeper.states)", "[h, c]"),
    ],
    ("06_encoder_decoder", "one_state_for_two"): [
        ("encoded = encoder(read)[0]", "_, h, c = encoder(read)"),
        ("[encoded]", "[h, c]"),
    ],
    ("06_encoder_decoder", "bidirectional_state"): [
        ("[join([forward_h, backward_h]), join([forward_c, backward_c])]",
         "[fit_h(join([forward_h, backward_h])), fit_c(join([forward_c, backward_c]))]"),
    ],
    ("06_encoder_decoder", "ignored_encoder"): [("[tf.zeros_like(h), tf.zeros_like(c)]", "[h, c]")],
    ("06_encoder_decoder", "encoder_before_tape"): [
        ("    _, h, c = encoder(x)  # mend this\n", ""),
        ("        guess", "        _, h, c = encoder(x)\n        guess"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("place", "changes"), SOLUTIONS.items(), ids=lambda p: p[1] if isinstance(p, tuple) else "")
def test_the_exercise_is_open_and_can_be_solved(place, changes):
    notebook, name = place
    cells = [c.source for c in jupytext.read(NOTEBOOKS / f"{notebook}.py", fmt="py:percent").cells]
    (code,) = [s for s in cells if f'check_repair("{name}", mine)' in s]
    assert not check(code, name).passed
    for old, new in changes:
        assert old in code
        code = code.replace(old, new)
    result = check(code, name)
    assert result.passed, result


def check(code, name):
    import numpy as np
    import tensorflow as tf

    names = {"tf": tf, "np": np, "gradlab": gradlab}
    exec(code, names)
    return gradlab.check_repair(name, names["mine"])
