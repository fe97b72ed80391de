"""What is asked of `through_time` under both Kerases: functions that raise where a number is wrong."""

import json

import in_numpy as by_hand
import numpy as np
import tensorflow as tf

import gradlab

keras = tf.keras
L = keras.layers
F64 = {"dtype": "float64"}


def weights_of(cell):
    return [np.asarray(w, float) for w in (cell.kernel, cell.recurrent_kernel, cell.bias)]


def near(found, wanted, rtol=1e-6):
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-10)


def masked_bidirectional_gru():
    """Embedding with a mask, Bidirectional(LSTM), GRU, Dense, mean squared error: every state against NumPy."""
    keras.utils.set_random_seed(3)
    given = keras.Input((5,), dtype="int32")
    read = L.Embedding(7, 2, mask_zero=True, **F64)(given)
    both = L.Bidirectional(L.LSTM(2, return_sequences=True, **F64), **F64)(read)
    last = L.GRU(3, **F64)(both)
    model = keras.Model(given, L.Dense(1, **F64)(last))
    model.compile("sgd", "mse")
    x = np.array([[1, 2, 3, 4, 5], [6, 2, 1, 0, 0]])
    y = np.array([[0.3], [-0.7]])
    found = gradlab.through_time(model, x, y)

    embedding, wrapper, gru, dense = model.layers[1:]
    sides = [weights_of(wrapper.forward_layer.cell), weights_of(wrapper.backward_layer.cell)]
    top = weights_of(gru.cell)
    out_kernel, out_bias = (np.asarray(w, float) for w in dense.weights)
    mask = x != 0
    vectors = np.asarray(embedding.embeddings, float)[x]

    def loss(forward=None, backward=None, upper=None, moved=None):
        a = by_hand.run(by_hand.lstm, vectors, sides[0], mask, False, forward)[0]
        b = by_hand.run(by_hand.lstm, vectors, sides[1], mask, True, backward)[0]
        weights = top if moved is None else moved
        end = by_hand.run(by_hand.gru, np.concatenate([a, b], -1), weights, mask, False, upper)[1]
        return np.mean((end @ out_kernel + out_bias - y) ** 2)

    near(found.value, loss())
    layers = {"forward": found.layers[0], "backward": found.layers[1], "upper": found.layers[2]}
    assert [layer.kind for layer in found.layers] == ["LSTM", "LSTM", "GRU"]
    assert [layer.backwards for layer in found.layers] == [False, True, False]
    for where, layer in layers.items():
        np.testing.assert_array_equal(layer.masked, ~mask)
        for k, (state, gradient) in enumerate(layer.gradients.items()):
            for b, t, u in np.ndindex(gradient.shape):
                if not mask[b, t]:
                    assert np.isnan(gradient[b, t, u])
                    continue
                wanted = by_hand.slope(lambda by, at=(t, k, b, u), w=where: loss(**{w: (*at, by)}))
                near(gradient[b, t, u], wanted)
            assert not layer.none[state].any()

    sequences = np.concatenate(
        [by_hand.run(by_hand.lstm, vectors, w, mask, back)[0] for w, back in zip(sides, (False, True), strict=True)], -1
    )
    _map_and_steps(layers["upper"], by_hand.gru, sequences, top, mask)

    # gates: the gradient of each part of a weight, against moving that entry
    gates = {(g.weight, g.gate): g for g in layers["upper"].gates}
    assert [g for w, g in gates if w == "kernel"] == ["update", "reset", "candidate"]
    for n, gate in enumerate(("update", "reset", "candidate")):
        for k, weight in enumerate(("kernel", "recurrent_kernel", "bias")):

            def moved(by, k=k, n=n):
                copies = [w.copy() for w in top]
                copies[k][1, 3 * n + 2] += by
                return loss(moved=copies)

            near(gates[weight, gate].gradient[1, 2], by_hand.slope(moved))
            near(gates[weight, gate].values[1, 2], top[k][1, 3 * n + 2])
    lstm = [g.gate for g in layers["forward"].gates if g.weight == "bias"]
    assert lstm == ["input", "forget", "candidate", "output"]
    forget = next(g for g in layers["forward"].gates if (g.weight, g.gate) == ("bias", "forget"))
    assert (forget.values == 1).all()  # Keras starts the bias of the forget gate, and of no other, from one
    json.dumps(found.to_dict(), allow_nan=False)


def _map_and_steps(layer, cell, inputs, weights, mask):
    """The map of norms and the largest singular values against finite differences of the NumPy layer."""
    batch, steps, width = inputs.shape
    units = weights[1].shape[0]
    jac = np.zeros((batch, steps, units, steps, width))
    for s, i in np.ndindex(steps, width):

        def moved(by, s=s, i=i):
            changed = inputs.copy()
            changed[:, s, i] += by
            return by_hand.run(cell, changed, weights, mask)[0]

        jac[:, :, :, s, i] = by_hand.slope(moved)
    norms = np.sqrt((jac**2).sum((2, 4)))
    for b, t, s in np.ndindex(batch, steps, steps):
        if mask[b, t] and mask[b, s]:
            if s > t:
                assert layer.map[b, t, s] == -np.inf
            else:
                near(10 ** layer.map[b, t, s], norms[b, t, s])
    outputs = by_hand.run(cell, inputs, weights, mask)[0]
    for b, t in np.ndindex(batch, steps):
        if mask[b, t] and t:
            before = outputs[b, t - 1]

            columns = []
            for u in range(units):

                def entering(by, u=u, b=b, t=t, before=before):
                    moved = before.copy()
                    moved[u] += by
                    return cell(inputs[b, t], (moved,), *weights)[0]

                columns.append(by_hand.slope(entering))
            near(layer.singular[b, t], np.linalg.svd(np.array(columns).T, compute_uv=False)[0])


def time_distributed():
    """An LSTM in a nested model in TimeDistributed, a GRU above, the sum of the outputs."""
    keras.utils.set_random_seed(4)
    given = keras.Input((2, 4, 3))
    inner = keras.Sequential([keras.Input((4, 3)), L.LSTM(2, name="inside", **F64)], name="nested")
    model = keras.Model(given, L.GRU(2, name="above", **F64)(L.TimeDistributed(inner, name="each", **F64)(given)))
    x = np.random.RandomState(0).randn(3, 2, 4, 3)
    found = gradlab.through_time(model, tf.constant(x), maps=False)
    layer, above = found.layers
    assert layer.name.endswith("each/nested/inside") and above.name.endswith("above")
    assert layer.gradients["c"].shape == (6, 4, 2)  # sample 0 at both positions, sample 1, sample 2
    own, top = weights_of(inner.layers[-1].cell), weights_of(model.layers[-1].cell)

    def loss(poke=None, position=0):
        ends = [by_hand.run(by_hand.lstm, x[:, p], own, poke=poke if p == position else None)[1] for p in range(2)]
        return by_hand.run(by_hand.gru, np.stack(ends, 1), top)[1].sum()

    near(found.value, loss(), 1e-5)
    wanted = np.zeros((3, 2, 4, 2))
    for b, p, t, u in np.ndindex(wanted.shape):
        wanted[b, p, t, u] = by_hand.slope(lambda by, b=b, p=p, t=t, u=u: loss((t, 1, b, u, by), p))
    near(layer.gradients["c"], wanted.reshape(6, 4, 2), 1e-4)  # Keras casts x to float32 first


class Leaky(L.Layer):
    """A cell of one's own: its output is not its state, and two steps before the end the way back is cut if asked."""

    def __init__(self, cut=False):
        super().__init__(dtype="float64")
        self.state_size = self.output_size = 2
        self.cut = cut

    def build(self, shape):
        self.mix = self.add_weight(shape=(2, 2), name="mix", initializer="glorot_uniform", dtype="float64")
        self.built = True

    def call(self, inputs, states):
        before = states[0] if isinstance(states, (list, tuple)) else states
        before = tf.stop_gradient(before) if self.cut else before
        after = 0.7 * before + tf.tanh(tf.matmul(inputs, self.mix))
        return tf.tanh(after) * 3.0, [after]

    def compute_output_shape(self, shape):
        return (shape[0], 2)


def own_cell():
    """The gradient for a state counts the way through the output of its own step, and a cut is None, not zero."""
    keras.utils.set_random_seed(5)
    x = np.random.RandomState(1).randn(2, 4, 2)
    cell = Leaky()
    layer = L.RNN(cell, return_sequences=True, dtype="float64")
    found = gradlab.through_time(layer, tf.constant(x))
    got = found[0]
    assert got.kind == "Leaky" and [g.gate for g in got.gates] == ["all"] and got.gates[0].weight == "mix"
    mix = np.asarray(cell.mix, float)

    def total(poke=None):
        state, out = np.zeros((2, 2)), 0.0
        for t in range(4):
            state = 0.7 * state + np.tanh(x[:, t] @ mix)
            if poke is not None and poke[0] == t:
                state = state.copy()
                state[poke[1], poke[2]] += poke[3]
            out += (np.tanh(state) * 3).sum()
        return out

    for b, t, u in np.ndindex(2, 4, 2):
        near(got.gradients["h"][b, t, u], by_hand.slope(lambda by, t=t, b=b, u=u: total((t, b, u, by))))
    assert got.map is not None
    cut = gradlab.through_time(L.RNN(Leaky(cut=True), dtype="float64"), tf.constant(x), maps=False)[0]
    assert cut.none["h"].tolist() == [True, True, True, False]
    assert np.isnan(cut.gradients["h"][:, :3]).all() and "None at 3 steps" in repr(cut) + "\n".join(_lines(cut))
    assert cut.to_dict()["gradients"]["h"][0][0] is None


def _lines(layer):
    from gradlab.bptt.words import layer_lines

    return layer_lines(layer)


def known_memory():
    """A linear unit that halves its state each step: a tenth is left after log 10 / log 2 steps."""
    layer = L.SimpleRNN(1, activation="linear", return_sequences=True)
    layer.build((None, 12, 1))
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), 0.5), np.zeros(1)])
    got = gradlab.through_time(layer, tf.ones((2, 12, 1)))[0]
    near(got.memory, np.log(10) / np.log(2), 1e-5)
    near(got.influence, np.log10(0.5) * np.arange(12), 1e-5)
    near(got.singular, 0.5, 1e-6)
    assert "effective memory 3.3 steps" in got.sentence
    near(got.gradients["h"][0, :, 0], np.cumsum(0.5 ** np.arange(12.0))[::-1], 1e-6)
    short = gradlab.through_time(layer, tf.ones((1, 3, 1)))[0]
    assert short.memory is None and "longer than 2 steps" in short.sentence
    layer.set_weights([np.zeros((1, 1)), np.full((1, 1), 0.5), np.zeros(1)])
    assert "has no influence" in gradlab.through_time(layer, tf.ones((1, 3, 1)))[0].sentence
    layer.set_weights([np.ones((1, 1)), np.full((1, 1), np.nan), np.zeros(1)])
    assert "is not finite" in gradlab.through_time(layer, tf.ones((1, 3, 1)))[0].sentence


def stacked_stateful_and_frozen():
    """Stacked cells have states by number; a stateful layer keeps its state; a frozen layer has gradients all the same."""
    layer = L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_sequences=True)
    got = gradlab.through_time(layer, tf.random.normal((2, 4, 2)))[0]
    assert list(got.gradients) == ["h of cell 0", "c of cell 0", "h of cell 1"]
    assert {g.weight for g in got.gates} > {"cell 0: kernel", "cell 1: bias"}
    given = keras.Input(batch_shape=(2, 3, 2))
    held = L.LSTM(2, stateful=True, name="held")
    model = keras.Model(given, held(given))
    held.trainable = False
    model(tf.ones((2, 3, 2)))
    before = [np.asarray(s) for s in held.states]
    assert np.abs(before[0]).max() > 0
    rng = np.random.get_state()[1].copy()
    attributes = {id(x): set(vars(x)) for x in (held, held.cell, model)}
    got = gradlab.through_time(model, tf.ones((2, 3, 2)))[0]
    for old, new in zip(before, held.states, strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))
    np.testing.assert_array_equal(rng, np.random.get_state()[1])
    assert all("call" not in vars(x) and set(vars(x)) >= attributes[id(x)] for x in (held, held.cell, model))
    assert not tf.config.functions_run_eagerly()
    assert not got.gates[0].trainable and np.abs(got.gates[0].gradient).max() > 0
    assert got.map is not None


def loss_scale():
    """Under float16 with a loss scale the gradients are those of the loss, and the map is refused by name."""
    keras.utils.set_random_seed(6)
    policy = keras.mixed_precision.Policy("mixed_float16") if hasattr(keras, "mixed_precision") else "mixed_float16"
    given = keras.Input((4, 2))
    half = keras.Model(given, L.Dense(1, dtype="float32")(L.GRU(3, dtype=policy)(given)))
    optimizer = keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD())
    half.compile(optimizer, "mse")
    full = keras.Model(given, L.Dense(1)(L.GRU(3)(given)))
    full.compile("sgd", "mse")
    full.set_weights(half.get_weights())
    r = np.random.RandomState(2)
    x, y = r.randn(2, 4, 2).astype("float32"), r.randn(2, 1).astype("float32")
    a, b = gradlab.through_time(half, x, y)[0], gradlab.through_time(full, x, y)[0]
    np.testing.assert_allclose(a.gradients["h"], b.gradients["h"], rtol=0.02, atol=1e-3)
    assert a.map is None and "float16" in a.refused and "float16" in a.sentence
    assert "float16" in repr(gradlab.through_time(half, x, y))


class Sevenfold(keras.Model):
    """A train_step of one's own: another loss than the compiled one, the loss scale where there is one, and an update."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = 7.0 * tf.reduce_mean((self(x, training=True) - tf.cast(y, self.outputs[0].dtype)) ** 2)
            scaling = getattr(self.optimizer, "scale_loss", None) or getattr(self.optimizer, "get_scaled_loss", None)
            scaled = loss if scaling is None else scaling(loss)
        gradients = tape.gradient(scaled, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def a_train_step_of_its_own():
    """Its own loss, against finite differences of NumPy; map and gates are of the weights from before the step."""
    keras.utils.set_random_seed(7)
    given = keras.Input((4, 2), dtype="float64")
    model = Sevenfold(given, L.Dense(1, **F64)(L.LSTM(2, **F64)(given)))
    r = np.random.RandomState(3)
    x, y = r.randn(2, 4, 2), r.randn(2, 1)
    for optimizer in (keras.optimizers.SGD(0.5), keras.mixed_precision.LossScaleOptimizer(keras.optimizers.SGD(0.5))):
        model.compile(optimizer, "mae")
        before = model.get_weights()
        data = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
        found = gradlab.through_time(model, data)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        own, out = weights_of(model.layers[1].cell), [np.asarray(w) for w in model.layers[2].weights]

        def loss(poke=None, own=own, out=out):
            return 7 * np.mean((by_hand.run(by_hand.lstm, x, own, poke=poke)[1] @ out[0] + out[1] - y) ** 2)

        near(found.value, loss(), 1e-5)  # Keras may cast y to float32
        for k, state in enumerate("hc"):
            for b, t, u in np.ndindex(2, 4, 2):
                wanted = by_hand.slope(lambda by, at=(k, b, u), t=t: loss((t, *at, by)))
                near(found[0].gradients[state][b, t, u], wanted, 1e-4)
        near(found[0].map, gradlab.through_time(model, tf.constant(x))[0].map)
        np.testing.assert_array_equal(found[0].gates[0].values, own[0][:, :2])
        assert found.of == "the loss that its train_step differentiates" and found.training
        assert tf.GradientTape.gradient.__module__.startswith("tensorflow") and "scale_loss" not in vars(optimizer)


class TwoLosses(keras.Model):
    """Two parts, each trained by a loss of its own, as in a GAN."""

    def __init__(self):
        super().__init__()
        self.first, self.second = L.GRU(2, name="first"), L.SimpleRNN(2, name="second")

    def call(self, x):
        return self.first(x) + self.second(x)

    def train_step(self, data):
        x, y = data
        for part, times in ((self.first, 1.0), (self.second, -3.0)):
            with tf.GradientTape() as tape:
                loss = times * tf.reduce_sum(self(x) * y)
            gradients = tape.gradient(loss, part.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, part.trainable_variables, strict=True))
        return {"loss": loss}


def two_losses_in_one_step():
    """Each layer has the loss that trains it: the last state's gradient is y, times 1 and times -3."""
    keras.utils.set_random_seed(8)
    model = TwoLosses()
    model.compile(keras.optimizers.SGD(0.0))
    x, y = tf.random.normal((3, 4, 2)), tf.random.normal((3, 2))
    model(x)
    if hasattr(model.optimizer, "build"):
        model.optimizer.build(model.trainable_variables)
    found = gradlab.through_time(model, x, y)
    for layer in found.layers:  # called once for each loss; in the call of another's loss there is no path
        n = 1 if "first" in layer.name else 2
        here = f"call {n} of 2" in layer.name
        last = layer.gradients["h"][:, -1]
        if here:
            near(last, np.asarray(y) * (1.0 if n == 1 else -3.0), 1e-5)
        else:
            assert layer.none["h"].all()
    assert [note.rpartition("call ")[2] for note in found.notes] == [
        "1 of 2 of tape.gradient",
        "2 of 2 of tape.gradient",
    ]


CASES = [
    masked_bidirectional_gru,
    time_distributed,
    own_cell,
    known_memory,
    stacked_stateful_and_frozen,
    loss_scale,
    a_train_step_of_its_own,
    two_losses_in_one_step,
]


SAMPLE = [masked_bidirectional_gru, own_cell, a_train_step_of_its_own]


def check_all(cases=CASES):
    for case in cases:
        case()
    return [case.__name__ for case in cases]
