"""Exercises whose answer is a value or a few lines of one's own: the cell says "right" to the answer, and not before."""

import contextlib
import io
import re
from pathlib import Path

import jupytext
import pytest
from kerases import only_there

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
GUARD = '    """Raise an exception if there is nothing to train."""\n'
COMPLETE = '    """Raise an exception unless every variable that the tape watched has a gradient."""\n'
MY_CLIP = """    total = tf.sqrt(tf.add_n([tf.reduce_sum(g**2) for g in gradients if g is not None]))
    factor = limit / tf.maximum(total, limit)
    return [None if g is None else g * factor for g in gradients]
"""
CAREFUL_OLD = "    return tf.clip_by_global_norm(gradients, 1.0)[0]  # your lines\n"
CAREFUL = """    good = tf.math.is_finite(tf.linalg.global_norm(gradients))
    safe = [tf.where(good, g, tf.zeros_like(g)) for g in gradients]
    return tf.clip_by_global_norm(safe, 1.0)[0]
"""
ARGUMENTS_OLD = '{"by value": "?", "by norm": "?", "by global norm": "?"}'
ARGUMENTS = '{"by value": "clipvalue", "by norm": "clipnorm", "by global norm": "global_clipnorm"}'
SMALLEST = """    for forget_bias in np.arange(0, 6.5, 0.5):
        row = np.asarray(gradlab.jacobian(make(forget_bias)[0], x).norms())[0, -1]
        if row[0] - row[-1] >= -1:
            return forget_bias
"""

# notebook, a text that only the exercise's cell has, the answer as replacements, what the cell then says
ANSWERS = [
    ("07_state_and_control_flow", "expected_runs", [("expected_runs = None", "expected_runs = 1")], "right"),
    ("07_state_and_control_flow", "slope_at_half", [("slope_at_half = None", "slope_at_half = 2.0")], "right"),
    ("07_state_and_control_flow", "steps_from", [('{0.1: "?", 0.5: "?"}', "{0.1: 8, 0.5: 3}")], "right"),
    ("07_state_and_control_flow", "by_difference", [("step = 1.5", "step = 0.01")], "they agree"),
    (
        "07_state_and_control_flow",
        "expected_exception",
        [('expected_exception = "?"', 'expected_exception = "InvalidArgumentError"')],
        "right",
    ),
    ("08_zero_and_nan", "alive", [("bias.shape, -6.0", "bias.shape, 0.0")], "alive"),
    ("08_zero_and_nan", "steps_needed", [("steps_needed = None", "steps_needed = 2")], "right"),
    (
        "09_the_list_too_short",
        "self.slope = tf.Variable(5.0)",
        [
            ("tf.Variable(5.0)", 'self.add_weight(shape=(), name="slope")'),
            ("tf.Variable(0.5)", 'self.add_weight(shape=(), name="offset")'),
        ],
        "mended",
    ),
    (
        "09_the_list_too_short",
        "def guard",
        [(GUARD, GUARD + "    if not model.trainable_variables:\n        raise ValueError('nothing to train')\n")],
        "right",
    ),
    (
        "09_the_list_too_short",
        "def complete",
        [
            (
                COMPLETE,
                COMPLETE + "    if None in gradients or len(variables) < len(tape.watched_variables()):\n"
                "        raise ValueError('a gradient is missing')\n",
            )
        ],
        "right",
    ),
]
ANSWERS += [
    (
        "17_broken_under_fit",
        "def my_root",
        [("tf.sqrt(tf.nn.relu(values))  # your change", "tf.sqrt(tf.nn.relu(values) + 1e-4)")],
        "right",
    ),
    ("10_vanishing_and_exploding", "held_at", [("held_at = (0.0, 0.0)", "held_at = (0.0, 3.0)")], "it explodes"),
    (
        "10_vanishing_and_exploding",
        "last_row",
        [("0.5, 1.0  # your answer", "0.5, 4.0  # your answer")],
        "to the first input",
    ),
    ("14_exploding_and_clipping", "def my_clip", [("    return gradients  # your lines\n", MY_CLIP)], "right"),
    ("14_exploding_and_clipping", "def careful_clip", [(CAREFUL_OLD, CAREFUL)], "the others train"),
    ("14_exploding_and_clipping", "argument = {", [(ARGUMENTS_OLD, ARGUMENTS)], "global norm: right"),
    ("15_from_map_to_training", "def smallest_forget_bias", [("    return None  # your lines\n", SMALLEST)], "right"),
]
# A text that only the exercise's cell has -> the scenario whose bug it mends, which not every Keras has
MENDS = {"self.slope = tf.Variable(5.0)": "guide_model"}


def cells(notebook):
    """The code cells, without those that set the notebook up or show a panel."""
    found = jupytext.read(NOTEBOOKS / f"{notebook}.py", fmt="py:percent").cells
    sources = [c.source for c in found if c.cell_type == "code" and not c.source.startswith("gradlab.Panel(")]
    return [s for s in sources if "gradlab.start(" not in s]


def said(notebook, marker, replacements=()):
    """What the one cell with the marker prints, after the definitions of the cells before it."""
    space, found = {}, None
    exec("import gradlab", space)
    for source in cells(notebook):
        mine = marker in source and found is None
        if not mine and not re.search(r"^(import |class |def |expected = )", source, re.M):
            continue
        for old, new in replacements if mine else ():
            assert source.count(old) == 1, f"{old!r} is not in the exercise once"
            source = source.replace(old, new)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(source, space)
        if mine:
            found = printed.getvalue()
            break
    assert found is not None, f"no cell of {notebook} has {marker!r}"
    return found.splitlines()


@pytest.mark.parametrize(("notebook", "marker", "replacements", "word"), ANSWERS, ids=lambda v: str(v)[:24])
def test_an_answer_is_asked_for_and_known_when_given(notebook, marker, replacements, word):
    done = marker in MENDS and only_there(MENDS[marker])
    assert ("not yet" not in "\n".join(said(notebook, marker))) == done
    lines = said(notebook, marker, replacements)
    assert "not yet" not in "\n".join(lines)
    assert lines[-1].endswith(word)
