"""What `check_repair` says to answers that people give: honest ones pass, lazy ones do not, half-right ones hear what is left.

Each answer is a whole `mine`, written as a learner would; `lazy` ones make the check happy without mending anything.
"""

import numpy as np
import pytest
import tensorflow as tf
from kerases import HERE, only_there
from samples import sampled

import gradlab
from gradlab.lab.flaws import (
    FILLED_IN,
    FORM,
    HAS_TO_STAY,
    HINTS,
    NOT_CALLED,
    OTHER_LENGTH,
    OTHER_LOSS,
    OTHER_ORDER,
    OTHER_SOURCE,
    OWN,
    TOO_MANY_AXES,
    WITH_NONE,
    WITH_NUMPY,
    WITHOUT_INPUTS,
)
from gradlab.lab.flaws import RIGHT_HERE as RIGHT_HERE_ALONE


def weights_of(cell):
    return {"kernel": cell.kernel, "recurrent_kernel": cell.recurrent_kernel, "bias": cell.bias}


def last_state(cell, x, h=None):
    h = tf.zeros((1, cell.units)) if h is None else h
    for t in range(x.shape[1]):
        h, _ = cell(x[:, t], [h])
    return h


def graded(sources, loss_of, watch=()):
    with tf.GradientTape() as tape:
        for tensor in watch:
            tape.watch(tensor)
        loss = loss_of()
    return loss, sources, tape.gradient(loss, sources)


def ones_for_gradients(run):
    def mine(**things):
        loss, sources, gradients = run(False, **things)
        return loss, sources, {name: tf.ones_like(sources[name]) for name in gradients}

    return mine


def unrelated(sources_of):
    """The classic: a quadratic in the weights, and the network is never called."""

    def mine(**things):
        sources = sources_of(things)
        return graded(sources, lambda: tf.add_n([tf.reduce_sum((w - 1.0) ** 2) for w in sources.values()]))

    return mine


def cell_weights(things):
    return weights_of(things["cell"])


def straight(v, jump):
    return v + tf.stop_gradient(jump(v) - v)


def to_whole(v):
    return tf.cast(tf.cast(v, tf.int32), tf.float32)


def leaky_clip(v):
    clipped = tf.clip_by_value(v, -8.0, 8.0)
    return clipped + 0.1 * (v - clipped)


def with_stateless_call(things):
    """Keras 3's functional call of a cell; legacy Keras has none, and there the cell is stepped as usual."""
    cell, x = things["cell"], things["x"]
    if not hasattr(cell, "stateless_call"):
        return last_state(cell, x, tf.fill((1, cell.units), 0.5))
    h = tf.fill((1, cell.units), 0.5)
    for t in range(x.shape[1]):
        (h, _), _ = cell.stateless_call(cell.trainable_variables, cell.non_trainable_variables, x[:, t], [h])
    return h


def by_matrix_products(things):
    cell, h = things["cell"], tf.fill((1, things["cell"].units), 0.5)
    for t in range(things["x"].shape[1]):
        pre = tf.matmul(things["x"][:, t], cell.kernel) + tf.matmul(h, cell.recurrent_kernel)
        h = tf.tanh(pre + cell.bias)
    return h


def of_cell(loss_of, extra=lambda things: {}, watch=lambda things: ()):
    return lambda **t: graded(weights_of(t["cell"]) | extra(t), lambda: loss_of(t), watch(t))


def distance(things, length):
    cell, start = things["cell"], tf.zeros((3, things["cell"].units))
    gap = cell(things["first"], [start])[0] - cell(things["second"], [start])[0]
    return tf.reduce_mean((length(gap) - 1) ** 2)


def safe_length(gap):
    square = tf.reduce_sum(gap**2, axis=-1)
    return tf.where(square > 0, tf.sqrt(tf.where(square > 0, square, 1.0)), 0.0)


def of_distance(length):
    return lambda **t: graded({"kernel": t["cell"].kernel, "bias": t["cell"].bias}, lambda: distance(t, length))


def logs(terms):
    def mine(weights, x, real):
        def loss():
            p = tf.sigmoid(x @ weights) * real
            return -tf.reduce_mean(terms(p))

        return graded({"weights": weights}, loss)

    return mine


def log_sigmoid(weights, x, real):
    return graded({"weights": weights}, lambda: -tf.reduce_mean(tf.math.log_sigmoid(x @ weights) * real))


def changed(line):
    """The scenario's loop with another line in the place of the choice."""

    def mine(weight, threshold, x):
        def loss():
            h = tf.constant(0.0)
            for value in tf.unstack(x):
                h = line(tf.tanh(weight * h + value), threshold)
            return (h - 1) ** 2

        return graded({"weight": weight, "threshold": threshold}, loss)

    return mine


def faded(step):
    def mine(weight, threshold, x):
        def loss():
            h = tf.constant(0.0)
            for value in tf.unstack(x):
                h = tf.tanh(weight * h + value)
                gate = step(h - threshold)
                h = gate * h + (1 - gate) * 0.1 * h
            return (h - 1) ** 2

        return graded({"weight": weight, "threshold": threshold}, loss)

    return mine


def level_loss(level):
    return of_cell(lambda t: tf.reduce_mean((level(10 * last_state(t["cell"], t["x"])) - 5) ** 2))


@tf.custom_gradient
def pretend(v):
    return to_whole(v), lambda upstream: upstream


@tf.custom_gradient
def pretend_and_clip(v):
    return to_whole(v), lambda upstream: tf.clip_by_value(upstream, -100.0, 100.0)


@tf.custom_gradient
def ten_times(v):
    return to_whole(v), lambda upstream: 10 * upstream


def wanted_loss(level):
    return lambda cell, x, wanted, **_: graded(
        weights_of(cell), lambda: -tf.reduce_mean(level(10 * last_state(cell, x)) * wanted)
    )


HONEST = {
    "initial_state: ones": ("initial_state", of_cell(lambda t: tf.reduce_mean((last_state(t["cell"], t["x"], tf.ones((1, 4))) - 1) ** 2))),
    "initial_state: random": (
        "initial_state",
        of_cell(
            lambda t: tf.reduce_mean(
                (last_state(t["cell"], t["x"], tf.random.stateless_normal((1, 4), (1, 2))) - 1) ** 2
            )
        ),
    ),
    "state before tape: stateless_call": ("state_outside_tape", of_cell(lambda t: tf.reduce_mean((with_stateless_call(t) - 1) ** 2))),
    "state before tape: written out": ("state_outside_tape", of_cell(lambda t: tf.reduce_mean((by_matrix_products(t) - 1) ** 2))),
    "cast: removed": ("integer_cast", level_loss(lambda v: v)),
    "cast: straight-through": ("integer_cast", level_loss(lambda v: straight(v, to_whole))),
    "cast: custom gradient": ("integer_cast", level_loss(pretend)),
    "cast: straight-through, rounded down": ("integer_cast", level_loss(lambda v: straight(v, tf.floor))),
    "round: straight-through": ("rounding", level_loss(lambda v: straight(v, tf.round))),
    "round: a smooth staircase": ("rounding", level_loss(lambda v: v - tf.sin(2 * np.pi * v) / (2 * np.pi))),
    "own gradient": ("straight_through", wanted_loss(pretend)),
    "own gradient: clipped": ("straight_through", wanted_loss(pretend_and_clip)),
    "own gradient: stop_gradient": ("straight_through", wanted_loss(lambda v: straight(v, to_whole))),
    "clip: removed": ("flat_function", level_loss(lambda v: v)),
    "clip: a wider range": ("flat_function", level_loss(lambda v: tf.clip_by_value(v, -8.0, 8.0))),
    "clip: leaky": ("flat_function", level_loss(leaky_clip)),
    "if: sigmoid": ("branch_condition", faded(lambda v: tf.sigmoid(10 * v))),
    "if: a flatter sigmoid": ("branch_condition", faded(lambda v: tf.sigmoid(4 * v))),
    "if: a very flat sigmoid": ("branch_condition", faded(lambda v: tf.sigmoid(2 * v))),
    "if: a smoothed line": ("branch_condition", faded(lambda v: 0.5 + 0.5 * tf.tanh(3 * v))),
    "norm: epsilon": ("norm_at_zero", of_distance(lambda g: tf.sqrt(tf.reduce_sum(g**2, axis=-1) + 1e-12))),
    "norm: where twice": ("norm_at_zero", of_distance(safe_length)),
    "norm: maximum": ("norm_at_zero", of_distance(lambda g: tf.sqrt(tf.maximum(tf.reduce_sum(g**2, axis=-1), 1e-9)))),
    "where: safe argument": ("where_over_log", logs(lambda p: tf.where(p > 0, tf.math.log(tf.where(p > 0, p, 1.0)), 0.0))),
    "where: log_sigmoid": ("where_over_log", log_sigmoid),
    "where: no nan": ("where_over_log", logs(lambda p: tf.math.log(tf.where(p > 0, p, tf.ones_like(p))))),
}  # fmt: skip

LAZY = {
    # the review's own
    "initial_state: quadratic": ("initial_state", unrelated(cell_weights), "never calls"),
    "cast: quadratic": ("integer_cast", unrelated(cell_weights), "never calls"),
    "round: quadratic": ("rounding", unrelated(cell_weights), "never calls"),
    "assign: quadratic": ("assigned_state", unrelated(cell_weights), "another one"),
    "clip: quadratic": ("flat_function", unrelated(cell_weights), "never calls"),
    "own gradient: quadratic": ("straight_through", unrelated(cell_weights), "another one"),
    "if: quadratic": ("branch_condition", unrelated(lambda t: {k: t[k] for k in ("weight", "threshold")}), ""),
    "if: no choice": ("branch_condition", changed(lambda h, threshold: h - 0.1 * threshold), "that of the `if`"),
    "if: the choices exchanged": ("branch_condition", faded(lambda v: tf.sigmoid(-10 * v)), "that of the `if`"),
    "norm: quadratic": ("norm_at_zero", unrelated(lambda t: {"kernel": t["cell"].kernel, "bias": t["cell"].bias}), "another one"),
    "nested: quadratic": ("nested_tapes", unrelated(lambda t: {"weights": t["weights"]}), "another one"),
    "initial_state: a variable": (
        "initial_state",
        of_cell(lambda t: tf.reduce_mean((last_state(t["cell"], t["x"], tf.Variable(tf.ones((1, 4)))) - 1) ** 2)),
        "must be a constant",
    ),
    "learned_state: the variable": (
        "learned_state",
        lambda cell, learned, fixed, x: graded(
            {"initial state": learned} | weights_of(cell),
            lambda: tf.reduce_mean((last_state(cell, x, tf.identity(learned)) - 1) ** 2),
        ),
        "initial state: this is another",
    ),
    "own gradient: cast deleted": ("straight_through", wanted_loss(lambda v: v), "has to stay"),
    "round: jump deleted": ("rounding", level_loss(lambda v: v), "prefer whole numbers"),
    "cast: a small term": ("integer_cast", level_loss(lambda v: to_whole(v) + 1e-4 * v), "0.00011 times as long"),
    "round: a small term": ("rounding", level_loss(lambda v: tf.round(v) + 1e-4 * v), "times as long"),
    "own gradient: ten times": ("straight_through", wanted_loss(ten_times), "10 times as long"),
    # ten more
    "made-up ones": ("integer_cast", ones_for_gradients(gradlab.load("integer_cast").run), "wrong"),
    "the sign flipped": (
        "integer_cast",
        lambda **t: (lambda loss, s, g: (loss, s, {k: -v for k, v in g.items()}))(*gradlab.load("integer_cast").run(False, **t)),
        "wrong",
    ),
    "gradients of another tape's loss": (
        "numpy_roundtrip",
        lambda cell, x: (lambda loss, s, g: (loss * 2, s, g))(*gradlab.load("numpy_roundtrip").run(False, cell, x)),
        "",
    ),
    "inputs only added": (
        "initial_state",
        of_cell(
            lambda t: tf.reduce_sum((last_state(t["cell"], t["x"]) * 0 + t["cell"].bias - 1) ** 2)
            + tf.reduce_sum(t["cell"].kernel ** 2)
            + tf.reduce_sum(t["cell"].recurrent_kernel ** 2)
            + tf.reduce_sum(t["x"])
        ),
        "whatever the inputs are",
    ),
    "only the last step": (
        "assigned_state",
        of_cell(lambda t: tf.reduce_mean((last_state(t["cell"], t["x"][:, -1:]) - 1) ** 2)),
        "recurrent_kernel",
    ),
    "fewer examples": (
        "norm_at_zero",
        lambda cell, first, second: graded(
            {"kernel": cell.kernel, "bias": cell.bias},
            lambda: tf.reduce_mean(
                (tf.norm(cell(first[1:], [tf.zeros((2, 4))])[0] - cell(second[1:], [tf.zeros((2, 4))])[0], axis=-1) - 1) ** 2
            ),
        ),
        "another one",
    ),
    "zeros for None": (
        "numpy_roundtrip",
        lambda cell, x: (lambda loss, s, g: (loss, s, {k: tf.zeros_like(s[k]) for k in g}))(
            *gradlab.load("numpy_roundtrip").run(True, cell, x)
        ),
        "zero",
    ),
    "NaN replaced by zero afterwards": (
        "where_over_log",
        lambda weights, x, real: (lambda loss, s, g: (loss, s, {k: tf.zeros_like(v) for k, v in g.items()}))(
            *gradlab.load("where_over_log").run(True, weights, x, real)
        ),
        "zero",
    ),
    "the log left out": ("where_over_log", logs(lambda p: p), "another one"),
    "the encoder's own loss": (
        "ignored_encoder",
        lambda encoder, decoder, x, y: graded(
            gradlab.load("ignored_encoder").run(True, encoder, decoder, x, y)[1],
            lambda: tf.reduce_mean((decoder(y) - tf.reverse(y, [1])) ** 2) + tf.reduce_mean(encoder(x)[1] ** 2),
        ),
        "another one",
    ),
    "a persistent tape": (
        "tape_used_twice",
        lambda lstm, x: gradlab.load("tape_used_twice").run(False, lstm, x),
        "not persistent",
    ),
    "batch_jacobian": (
        "timestep_jacobian",
        lambda cell, x: gradlab.load("timestep_jacobian").run(False, cell, x),
        "asks for gradients",
    ),
    "a loss that is right here alone": (
        "numpy_roundtrip",
        lambda cell, x: graded(
            weights_of(cell),
            lambda: tf.add_n([tf.reduce_sum(w * tf.stop_gradient(g)) for w, g in zip(
                weights_of(cell).values(), RIGHT_HERE["gradients"].values(), strict=True)]) + RIGHT_HERE["rest"],
        ),
        "in another way",
    ),
}  # fmt: skip

# The linear function that has the right loss and the right gradients at the given numbers, and nowhere else
RIGHT_HERE: dict = {}


@pytest.fixture(scope="module", autouse=True)
def right_here():
    scenario = gradlab.load("numpy_roundtrip")
    loss, sources, gradients = scenario.run(False, **scenario.setup())[:3]
    RIGHT_HERE["gradients"] = gradients
    RIGHT_HERE["rest"] = loss - tf.add_n([tf.reduce_sum(sources[n] * g) for n, g in gradients.items()])


HALF = {
    "half the windows": (
        "state_leaves",
        lambda cell, x: graded(
            weights_of(cell) | {"x": x},
            lambda: tf.reduce_mean((lstm_steps(cell, x, cut_at=3) - 1) ** 2),
            [x],
        ),
        "wrong",
    ),
    "one source not watched": (
        "watched_state",
        lambda lstm, x, h, c: graded(
            weights_of(lstm.cell) | {"h": h, "c": c},
            lambda: tf.reduce_mean(lstm(x, initial_state=[h, c]) ** 2),
            [c],
        ),
        "h 1×4: ∅",
    ),
    "where, and the log is still taken of zero": (
        "where_over_log",
        logs(lambda p: tf.where(p > 0, tf.math.log(p), 0.0)),
        "NaN",
    ),
    "the cast stays and the way back is zero": ("straight_through", wanted_loss(lambda v: to_whole(v) + 0 * v), "zero"),
    # the exercise's own bug is gone, and another one is there
    "None in the place of zero": ("flat_function", level_loss(tf.round), "None"),
    "zero in the place of a wrong number": (
        "state_leaves",
        lambda cell, x: graded(
            weights_of(cell) | {"x": x}, lambda: tf.reduce_mean((0 * lstm_steps(cell, x, cut_at=0) - 1) ** 2), [x]
        ),
        "zero",
    ),
    "a number that is not finite": ("integer_cast", level_loss(lambda v: v + tf.sqrt(v - v)), "NaN"),
    "a stop in the middle": ("numpy_roundtrip", of_cell(lambda t: stopped_halfway(t["cell"], t["x"])), "wrong"),
    "one weight left out": (
        "integer_cast",
        lambda cell, x: graded(
            {"kernel": cell.kernel, "bias": cell.bias}, lambda: tf.reduce_mean(last_state(cell, x) ** 2)
        ),
        "not in the list",
    ),
}


def stopped_halfway(cell, x):
    h = tf.stop_gradient(last_state(cell, x[:, :-1]))
    return tf.reduce_mean((cell(x[:, -1], [h])[0] - 1) ** 2)


def lstm_steps(cell, x, cut_at):
    h = c = tf.zeros((1, cell.units))
    for t in range(x.shape[1]):
        _, [h, c] = cell(x[:, t], [h, c])
        if t < cut_at:
            h = tf.stop_gradient(h)
    return h


# Which hint comes first, by `gradlab.lab.flaws`: half-right answers still have the exercise's own bug
FIRST_HINT = {
    "initial_state: quadratic": NOT_CALLED,
    "cast: quadratic": NOT_CALLED,
    "round: quadratic": NOT_CALLED,
    "assign: quadratic": NOT_CALLED,
    "clip: quadratic": NOT_CALLED,
    "own gradient: quadratic": NOT_CALLED,
    "if: quadratic": WITHOUT_INPUTS,
    "if: no choice": OTHER_LOSS,
    "if: the choices exchanged": OTHER_LOSS,
    "norm: quadratic": NOT_CALLED,
    "nested: quadratic": OTHER_LOSS,
    "initial_state: a variable": "a new variable",
    "learned_state: the variable": OTHER_SOURCE,
    "own gradient: cast deleted": HAS_TO_STAY,
    "round: jump deleted": HAS_TO_STAY,
    "cast: a small term": OTHER_LENGTH,
    "round: a small term": OTHER_LENGTH,
    "own gradient: ten times": OTHER_LENGTH,
    "made-up ones": FILLED_IN,
    "the sign flipped": FILLED_IN,
    "gradients of another tape's loss": OTHER_LOSS,
    "inputs only added": WITHOUT_INPUTS,
    "only the last step": "zero",
    "fewer examples": OTHER_LOSS,
    "zeros for None": FILLED_IN,
    "NaN replaced by zero afterwards": FILLED_IN,
    "the log left out": OTHER_LOSS,
    "the encoder's own loss": OTHER_LOSS,
    "a persistent tape": "a persistent tape",
    "batch_jacobian": "a Jacobian of the tape",
    "a loss that is right here alone": RIGHT_HERE_ALONE,
    "half the windows": OWN,
    "one source not watched": OWN,
    "where, and the log is still taken of zero": OWN,
    "the cast stays and the way back is zero": OWN,
    "None in the place of zero": "none",
    "zero in the place of a wrong number": "zero",
    "a number that is not finite": "not finite",
    "a stop in the middle": "wrong",
    "one weight left out": "missing",
}


def hint_of(checked):
    return checked.lines[-1].removeprefix("Hint: ")


def the_hint(answer, scenario):
    name = gradlab.load(scenario)
    kind = FIRST_HINT[answer]
    return name.hint if kind == OWN else name.hints.get(kind, HINTS[kind]).replace("{name}", scenario)


@pytest.mark.parametrize("answer", sampled(HONEST, 2))
def test_an_honest_repair_passes(answer):
    scenario, mine = HONEST[answer]
    checked = gradlab.check_repair(scenario, mine)
    assert checked.passed, repr(checked)


@pytest.mark.parametrize("answer", sampled(LAZY, 2))
def test_a_lazy_answer_is_refused_and_told_why(answer):
    scenario, mine, words = LAZY[answer]
    checked = gradlab.check_repair(scenario, mine)
    assert not checked.passed
    assert words in repr(checked), repr(checked)
    assert hint_of(checked) == the_hint(answer, scenario)


@pytest.mark.parametrize("answer", HALF)
def test_a_half_right_answer_hears_what_is_left(answer):
    scenario, mine, words = HALF[answer]
    checked = gradlab.check_repair(scenario, mine)
    assert not checked.passed
    assert words in repr(checked), repr(checked)
    assert hint_of(checked) == the_hint(answer, scenario)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "returned None"),
        ((None, {"kernel": None}, {"kernel": None}), "the loss is None"),
        (("0.5", {}, {}), ""),
        ((tf.constant(1.0), None, {}), "`sources` is None"),
        ((tf.constant(1.0), {}, [1, 2]), "`gradients` is a list"),
        ((tf.constant(1.0), {"kernel": 1}, {"bias": 2}), "named"),
        ((tf.constant(1.0), {"kernel": tf.constant(1.0)}, {"kernel": "a lot"}), "expected an array"),
        ((tf.constant(np.nan), {}, {}), "finite"),
        ((tf.constant([1.0, 2.0]), {}, {}), ""),
        (tf.constant(1.0), "returned"),
        (object(), "returned a object"),
    ],
    ids=range(11),
)
def test_a_bad_return_value_is_answered_and_never_raises(result, words):
    checked = gradlab.check_repair("integer_cast", lambda **things: result)
    assert not checked.passed
    assert words in repr(checked), repr(checked)
    kind = {"finite": "not finite", "": "missing"}.get(words, FORM)
    assert hint_of(checked) == HINTS[kind]


def test_an_exception_and_a_missing_source_are_answered():
    def fails(**things):
        raise ZeroDivisionError("oops")

    raised = gradlab.check_repair("integer_cast", fails)
    assert "ZeroDivisionError: oops" in repr(raised) and 'gradlab.load("integer_cast").setup()' in hint_of(raised)
    own = gradlab.check_repair("tape_used_twice", lambda **t: gradlab.load("tape_used_twice").run(True, **t))
    assert "RuntimeError" in repr(own) and hint_of(own) == gradlab.load("tape_used_twice").hint

    def shorter(**things):
        loss, sources, gradients = gradlab.load("integer_cast").run(False, **things)
        return loss, {"kernel": sources["kernel"]}, {"kernel": gradients["kernel"]}

    checked = gradlab.check_repair("integer_cast", shorter)
    assert not checked.passed and "not in the list" in repr(checked)
    assert not gradlab.check_repair("no_such", fails).passed
    assert not gradlab.check_repair("integer_cast", fails, stpes=3).passed


def test_a_break_is_a_none_of_the_tape_with_the_same_loss():
    def early(cell, x):
        with tf.GradientTape() as tape:
            h = last_state(cell, x[:, :-1], tf.fill((1, 4), 0.5)).numpy()
            h, _ = cell(x[:, -1], [tf.constant(h)])
            loss = tf.reduce_mean((tf.constant(h.numpy()) - 1) ** 2)
        return loss, weights_of(cell), tape.gradient(loss, weights_of(cell))

    assert gradlab.check_break("state_outside_tape", early).passed
    whole = gradlab.load("state_outside_tape").run
    untouched = gradlab.check_break("state_outside_tape", lambda **t: whole(False, **t))
    assert not untouched.passed and "no gradient is None" in repr(untouched)
    named = gradlab.check_break("state_outside_tape", lambda **t: undefined)  # noqa: F821
    assert not named.passed and "NameError" in repr(named)

    def by_hand(**things):
        loss, sources, gradients = whole(False, **things)
        return loss, sources, dict.fromkeys(gradients)

    assert "not a tape's answer" in repr(gradlab.check_break("state_outside_tape", by_hand))

    def other_loss(cell, x):
        return graded(weights_of(cell), lambda: tf.reduce_sum(cell.bias**2))

    assert "another one" in repr(gradlab.check_break("state_outside_tape", other_loss))


@pytest.mark.skipif(only_there("raw_variable"), reason=f"Keras {HERE} lists a raw tf.Variable: nothing to repair")
def test_a_weight_that_is_asked_for_by_name_is_not_in_the_list():
    class Raw(tf.keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.w = tf.Variable(tf.ones((3, 2)), name="w")

        def call(self, x):
            return tf.tanh(x @ self.w)

    layer = Raw()
    layer(tf.zeros((1, 3)))

    def mine(tracked, raw, x):
        return graded({"w": layer.w}, lambda: tf.reduce_mean((layer(x) - 1) ** 2))

    checked = gradlab.check_repair("raw_variable", mine, owner=layer, units=2)
    assert not checked.passed and "not in the list" in repr(checked)


def test_what_was_wrapped_while_a_check_ran_is_put_back():
    before = (tf.keras.layers.Layer.__call__, tf.GradientTape.__init__, tf.GradientTape.gradient)
    gradlab.check_repair("integer_cast", HONEST["cast: removed"][1])
    assert (tf.keras.layers.Layer.__call__, tf.GradientTape.__init__, tf.GradientTape.gradient) == before


def jacobian_of_units(cell, x, shaped):
    """d h_t / d x_t by one gradient for each unit; `shaped(per_step)` puts the steps together."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        h, states = tf.zeros((1, cell.units)), []
        for t in range(x.shape[1]):
            h, _ = cell(x[:, t], [h])
            states.append((h, [h[:, k] for k in range(cell.units)]))
    per_step = [tf.stack([tape.gradient(u, x)[:, t] for u in units], axis=1) for t, (_, units) in enumerate(states)]
    name = "d h_t / d x_t"
    return tf.stack([h for h, _ in states], axis=1), {name: x}, {name: shaped(per_step)}


@pytest.mark.parametrize(
    ("shaped", "kind"),
    [
        (lambda steps: tf.stack(steps, axis=2), OTHER_ORDER),
        (lambda steps: tf.transpose(tf.stack(steps, axis=1), (0, 1, 3, 2)), OTHER_ORDER),
        (lambda steps: tf.stack([tf.stack(steps, axis=1)] * 2, axis=-1), TOO_MANY_AXES),
    ],
    ids=["units before time", "inputs before units", "an axis too many"],
)
def test_an_array_of_another_shape_hears_about_its_axes(shaped, kind):
    checked = gradlab.check_repair("timestep_jacobian", lambda cell, x: jacobian_of_units(cell, x, shaped))
    assert not checked.passed and hint_of(checked) == HINTS[kind], repr(checked)


def test_a_gradient_of_what_was_computed_outside_the_tape_hears_of_the_tape():
    def mine(cell, x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            h, _ = cell(x[:, 0], [tf.zeros((1, cell.units))])
        return h, {"d h_t / d x_t": x}, {"d h_t / d x_t": tape.gradient(h[:, 0], x)[:, 0]}

    checked = gradlab.check_repair("timestep_jacobian", mine)
    assert not checked.passed and hint_of(checked) == HINTS[WITH_NONE], repr(checked)


def test_a_loss_in_numpy_hears_of_numpy():
    def mine(cell, x):
        sources = weights_of(cell)
        with tf.GradientTape() as tape:
            h, _ = cell(x[:, 0], [tf.zeros((1, cell.units))])
            loss = np.mean((h - 1) ** 2)
        return loss, sources, tape.gradient(loss, sources)

    checked = gradlab.check_repair("integer_cast", mine)
    assert not checked.passed and hint_of(checked) == HINTS[WITH_NUMPY], repr(checked)
