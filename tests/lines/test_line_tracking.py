"""Which visits there are, by each rule; and that everything is put back, whatever happens inside."""

import json
import sys

import pytest
import tensorflow as tf

import gradlab
from gradlab.lines import hooks, recording
from gradlab.lines.line_events import LineEvents, Monitoring
from gradlab.lines.op_stacks import OpStacks
from gradlab.lines.recording import Recording
from gradlab.lines.trackers import tracker

W = tf.Variable([0.5, 0.25], name="w")


def _strip(found, text):
    return [v for line in found.lines if text in line.text for v in line.visits]


def _loops():
    h = tf.ones(2)
    for _ in range(3):
        h = W * h
        for _ in range(2):
            h = h + tf.reduce_sum([tf.sin(part) for part in tf.unstack(h)])
    return tf.reduce_sum(h)


RULES = [Monitoring, OpStacks] if sys.version_info >= (3, 12) else [LineEvents, OpStacks]


@pytest.mark.parametrize("rule", RULES)
def test_rules_agree(rule, monkeypatch) -> None:
    monkeypatch.setattr(recording, "tracker", lambda is_user, uid: rule(is_user, uid))
    found = gradlab.line_gradients(_loops, {"w": W}, cut=False)
    assert found.rule == rule.rule
    assert len(_strip(found, "h = W * h")) == 3
    assert len(_strip(found, "tf.sin(part)")) == 6
    if rule is not OpStacks:  # which sees no line that makes no op, and so no header of a loop
        turns = [v.loop for v in _strip(found, "tf.sin(part)")]
        assert turns == [(i, j) for i in range(3) for j in range(2)]
    assert bool(found.notes) == (rule is OpStacks)


def test_second_rule_where_the_hook_is_held() -> None:
    if sys.version_info >= (3, 12):
        monitoring = sys.monitoring
        taken = [t for t in (2, 3, 4) if monitoring.get_tool(t) is None]
        for t in taken:
            monitoring.use_tool_id(t, "held")
        try:
            assert isinstance(tracker(lambda file: True), OpStacks)
        finally:
            for t in taken:
                monitoring.free_tool_id(t)
        return

    def held(frame, event, arg):
        return None

    before = sys.gettrace()
    sys.settrace(held)
    try:
        found = gradlab.line_gradients(_loops, {"w": W}, cut=False)
        assert sys.gettrace() is held
    finally:
        sys.settrace(before)
    assert found.rule == "the stack at each op"
    assert any("debugger or coverage" in note for note in found.notes)


def _state():
    return sys.gettrace(), [tf.GradientTape.__dict__[n] for n in hooks._TAPE], type(tf.function(lambda: None)).__call__


@pytest.mark.parametrize("error", [ValueError("x" * 10_000 + "\x1b[2J"), KeyboardInterrupt(), SystemExit(3)])
def test_everything_is_put_back(error) -> None:
    before = _state()

    def loss():
        with tf.GradientTape():
            tf.square(W)
            raise error

    if isinstance(error, Exception):
        found = gradlab.line_gradients(loss, {"w": W})
        assert found.error is error and found.raised is not None
        band = [line for line in found.lines if line.raised]
        assert len(band) == 1 and band[0].text.strip() == "raise error"
        assert "\x1b" not in repr(found) and "\x1b" not in found.html()
    else:
        with pytest.raises(type(error)):
            gradlab.line_gradients(loss, {"w": W})
    assert _state() == before and not hooks.installed()
    assert gradlab.line_gradients(lambda: tf.reduce_sum(W * W), {"w": W}).sources[0].kind == "ok"


def test_variables_and_generators_are_put_back() -> None:
    import random

    import numpy as np

    count = tf.Variable(1.0)
    made = tf.random.Generator.from_seed(7)

    def loss():
        count.assign_add(1.0)
        random.random(), np.random.rand()
        return tf.reduce_sum(W * made.normal((2,)) * count) + tf.random.normal(())

    def drawn(look):
        tf.random.set_seed(5)
        tf.random.normal(())
        look()
        return float(tf.random.normal(()))

    assert drawn(lambda: gradlab.line_gradients(loss, {"w": W})) == drawn(lambda: None)
    before = float(count), made.state.numpy().tolist(), random.getstate(), np.random.get_state()[1].tolist()
    gradlab.line_gradients(loss, {"w": W})
    assert (float(count), made.state.numpy().tolist(), random.getstate(), np.random.get_state()[1].tolist()) == before


def test_inside_of_itself_is_refused() -> None:
    def loss():
        gradlab.line_gradients(lambda: tf.reduce_sum(W), {"w": W})

    found = gradlab.line_gradients(loss, {"w": W})
    assert "is being recorded" in str(found.error)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((3, {"w": W}), TypeError),
        ((lambda: W, {}), ValueError),
        ((lambda: W * 1.0, {"w": W}), ValueError),
        ((lambda: 3.0, {"w": W}), TypeError),
    ],
)
def test_unusable_arguments(arguments, error) -> None:
    with pytest.raises(error):
        gradlab.line_gradients(*arguments)
    with pytest.raises(LookupError, match="'v'"):
        gradlab.line_gradients(lambda: tf.reduce_sum(W), {"w": W}, source="v")


def test_hostile_names_and_lines(tmp_path) -> None:
    name = '<b onmouseover="x">$\\frac{1}$\x1b[31m\u202e</b>'
    code = (
        "import tensorflow as tf\ndef loss():\n    h = w * 2.0  # "
        + "<script>$" * 20_000
        + "\n    return tf.reduce_sum(h)\n"
    )
    file = tmp_path / "odd $name$ <i>.py"
    file.write_text(code, encoding="utf-8")
    names = {"w": W}
    exec(compile(code, str(file), "exec"), names)
    found = gradlab.line_gradients(names["loss"], {name: W}, source=name)
    page = found.html()
    for text in ("<script>", "<b onmouse", "<i>", "\x1b", "\u202e"):
        assert text not in page
    assert max(map(len, repr(found).splitlines())) < 400
    assert found.picture().png.startswith(b"\x89PNG")
    assert len(json.dumps(found.to_dict())) < 20_000


def test_two_files_methods_and_keras_layers(tmp_path) -> None:
    code = (
        "import tensorflow as tf\n\nclass Net(tf.keras.Model):\n    def __init__(self):\n        super().__init__()\n"
    )
    code += "        self.a, self.b = tf.keras.layers.LSTM(3), tf.keras.layers.Dense(1)\n\n    def call(self, x):\n"
    code += "        h = self.a(x)\n        return self.b(h)\n"
    file = tmp_path / "net.py"
    file.write_text(code, encoding="utf-8")
    names: dict = {}
    exec(compile(code, str(file), "exec"), names)
    net, x = names["Net"](), tf.ones((2, 5, 2))
    net(x)
    found = gradlab.line_gradients(lambda: tf.reduce_mean(net(x) ** 2), net)
    assert len(found.files) == 2
    lstm = found.line(9, str(file))
    assert [v.kind for v in lstm.visits] == ["ok"] and lstm.visits[0].shapes == [(2, 3)]  # the whole layer is one value
    assert len(lstm.reads) == 3 and lstm.function == "call"
    assert {s.kind for s in found.sources} == {"ok"}


def test_tf_function_is_run_eagerly_and_says_so() -> None:
    @tf.function
    def part(x):
        y = tf.sin(x)
        return y * 2.0

    found = gradlab.line_gradients(lambda: tf.reduce_sum(part(W)), {"w": W})
    assert [v.kind for v in _strip(found, "y = tf.sin(x)")] == ["ok"]
    assert any("eagerly" in note for note in found.notes)


def test_thousands_of_visits_are_told_as_spans() -> None:
    def loss():
        h = tf.constant(1.0)
        for t in range(1000):
            if t == 500:
                h = tf.stop_gradient(h)
            h = h + W[0] * 1e-3
        return h

    found = gradlab.line_gradients(loss, {"w": W}, cut=False)
    line = next(line for line in found.lines if "1e-3" in line.text)
    assert len(line.visits) == 1000
    cells = found.to_dict()["lines"][found.lines.index(line)]["visits"]
    assert len(cells) == 400 and cells[0]["kind"] == "none" and cells[-1]["kind"] == "ok"
    assert cells[-1]["to"] == 999
    strip = repr(found).splitlines()[next(i for i, x in enumerate(repr(found).splitlines()) if "1e-3" in x)][1:13]
    assert strip == "∅" * 6 + "▁" * 6  # the norms are all 1, the lowest step of the scale


def test_mirror_leaves_the_learners_tape_alone() -> None:
    """What the learner's tapes give is the same to the last bit, recorded or not."""

    def step():
        with tf.GradientTape(persistent=True) as tape:
            h = tf.ones(2)
            for _ in range(4):
                h = tf.tanh(h * W)
            with tape.stop_recording():
                free = tf.reduce_sum(h)
            loss = tf.reduce_sum(h) * free
        return [tape.gradient(loss, W), tape.jacobian(h, W), tape.watched_variables()[0].name]

    plain = step()
    seen = Recording().run(step)
    assert bytes(plain[0].numpy()) == bytes(seen[0].numpy()) and bytes(plain[1].numpy()) == bytes(seen[1].numpy())
    assert plain[2] == seen[2]
