"""`gradlab.through_time`, against finite differences of NumPy, under both Kerases; what it refuses; how it is shown."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tt_cases
from samples import sampled

import gradlab

keras = tf.keras
L = keras.layers


@pytest.mark.parametrize("case", sampled(tt_cases.CASES, 2, ids=lambda c: c.__name__))
def test_numbers(case):
    case()


def small(**compiled):
    model = keras.Sequential(
        [keras.Input((6, 2)), L.LSTM(3, return_sequences=True, name="a"), L.GRU(4, name="b"), L.Dense(1)]
    )
    if compiled:
        model.compile("sgd", **compiled)
    return model


def test_what_cannot_be_done_is_refused_by_name():
    x, y = np.ones((2, 6, 2), "float32"), np.ones((2, 1), "float32")
    with pytest.raises(TypeError, match="model is a int"):
        gradlab.through_time(3, x)
    with pytest.raises(ValueError, match="has no recurrent layer"):
        gradlab.through_time(keras.Sequential([keras.Input((2,)), L.Dense(1)]), x[:, 0])
    with pytest.raises(ValueError, match="is not compiled, so y has no loss"):
        gradlab.through_time(small(), x, y)

    class Own(keras.Model):
        def train_step(self, data):
            return {"loss": self(data[0])}

    given = keras.Input((6, 2))
    own = Own(given, L.LSTM(1)(given))
    own.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"asked no tf\.GradientTape for a gradient"):
        gradlab.through_time(own, x, y)

    class Skips(L.LSTM):
        def call(self, sequences, **kwargs):
            h, _ = self.cell(sequences[:, 0], self.get_initial_state(batch_size=2))
            return h

    skips = Skips(2)
    skips.build((None, 6, 2))
    with pytest.raises(ValueError, match="called its cell 1 times for 6 steps"):
        gradlab.through_time(skips, tf.constant(x))

    class Mapped(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = L.LSTM(2, name="inside")

        def call(self, x):
            return tf.vectorized_map(lambda part: self.inside(part[None])[0], x)

    mapped = Mapped()
    mapped.inside.build((None, 6, 2))
    mapped.built = True
    with pytest.raises(ValueError, match="inside runs inside a graph that cannot be run eagerly"):
        gradlab.through_time(mapped, tf.constant(x))
    assert "call" not in vars(mapped.inside) and not tf.config.functions_run_eagerly()


def test_dropout_in_training_has_gradients_and_no_map():
    model = keras.Sequential([keras.Input((6, 2)), L.LSTM(3, dropout=0.5)])
    x = np.ones((2, 6, 2), "float32")
    off, on = gradlab.through_time(model, x), gradlab.through_time(model, x, training=True)
    assert off[0].map is not None and on[0].map is None and "dropout on" in on[0].refused
    assert not np.array_equal(off[0].gradients["h"], on[0].gradients["h"])


def test_a_look_changes_no_number_that_is_drawn_later():
    class Noisy(keras.Model):
        def __init__(self):
            super().__init__()
            self.inside = L.LSTM(2)

        def call(self, x):
            return self.inside(x + tf.random.normal(tf.shape(x)))

    x, model = tf.ones((2, 6, 2)), Noisy()
    model(x)

    def drawn(look):
        tf.random.set_seed(5)
        tf.random.normal(())
        look()
        return float(tf.random.normal(()))

    assert drawn(lambda: gradlab.through_time(model, x, maps=False)) == drawn(lambda: None)


def test_a_layer_that_is_called_twice_has_two_entries_and_a_dataset_brings_its_targets():
    given = keras.Input((5, 2))
    shared = L.GRU(2, name="shared")
    model = keras.Model(given, L.Dense(1)(L.concatenate([shared(given), shared(given * 2.0)])))
    model.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensor_slices((np.ones((4, 5, 2), "float32"), np.ones((4, 1), "float32"))).batch(2)
    found = gradlab.through_time(model, data)
    assert [layer.name for layer in found.layers] == ["shared (call 1 of 2)", "shared (call 2 of 2)"]
    assert found.of == "the compiled loss"
    assert found[0].samples == 2
    assert not np.array_equal(found[0].gradients["h"], found[1].gradients["h"])
    with pytest.raises(LookupError, match=r"no layer 'other'; there are 'shared \(call 1"):
        found["other"]
    with pytest.raises(LookupError, match="has no state 'c'"):
        found[0].size("c")


def test_pictures_say_the_same_as_the_numbers(monkeypatch):
    pytest.importorskip("anywidget")
    from gradlab.bptt.scenes import MASKED, scenes, words
    from gradlab.panel.through_time_view import pack, page

    model = small(loss="mse")
    found = gradlab.through_time(model, np.ones((3, 6, 2), "float32"), np.ones((3, 1), "float32"))
    fig = found.figure()
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    assert titles.count("|d h_t / d x_s|") == 2 and "|d loss / d c|" in titles and "gradients by gate" in titles
    found.figure("b", sample=2).savefig(io.BytesIO(), dpi=30)
    with pytest.raises(LookupError, match="expected 0 to 2"):
        found.figure(sample=3)
    made = scenes(found.layers, 2)
    first = made[0][0]
    np.testing.assert_allclose(10 ** first.values[0], found[0].size("h").T, rtol=1e-6)
    np.testing.assert_allclose(10 ** first.values[2], np.abs(found[0].gradients["h"][1]).T, rtol=1e-6)
    assert words(-np.inf) == "exactly 0" and words(np.nan) == "not finite" and words(MASKED) == "masked: no step"
    data = pack(found)
    length = int.from_bytes(data[:4], "little")
    numbers = np.frombuffer(data[4 + length + 768 :], "<f4")
    assert len(numbers) == sum(s.values.size for row in scenes(found.layers, 16) for s in row)
    monkeypatch.setattr("gradlab.panel.through_time_view.png", lambda found: b"png")
    bundle = found._repr_mimebundle_()[0]
    assert "image/png" in bundle and "effective memory" in bundle["text/plain"]
    text = page(found)
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text) and 'alt="Heatmaps through time of 2' in text


def test_the_page_runs(monkeypatch, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "through_time.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(block, "through_time.md", "exec"), names)
    assert names["found"]["gru"].memory > 0
    assert (tmp_path / "through_time.html").stat().st_size > 10_000
