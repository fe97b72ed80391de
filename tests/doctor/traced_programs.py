"""Programs that run eagerly and as a traced graph, with what the doctor has to say of each: see test_traced_programs.py.

`run(Tape, function)` returns {source: gradient}. `function` is what compiles: `tf.function`, or `eager`, which gives its
argument back; under `fit` it sets `run_eagerly`. The expectations were written before the code that meets them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf


@dataclass(frozen=True)
class Program:
    """One program; `rows` maps a source to its status in eager mode, `graph` to what differs in a graph."""

    name: str
    run: Callable[..., dict[str, Any]]
    rows: dict[str, str]
    cause: str
    line: str
    graph: dict[str, str] = field(default_factory=dict)
    raises: str = ""


PROGRAMS: dict[str, Program] = {}
SEED = 11


def eager(f: Any = None, **options: Any) -> Any:
    """In place of tf.function: nothing is compiled."""
    return (lambda g: g) if f is None else f


def jit(function: Any) -> Any:
    return function if function is eager else functools.partial(tf.function, jit_compile=True)


def program(
    rows: dict[str, str], cause: str = "", line: str = "", graph: dict[str, str] | None = None, raises: str = ""
) -> Callable[[Any], Any]:
    def note(run: Any) -> Any:
        PROGRAMS[run.__name__] = Program(run.__name__, run, rows, cause, line, graph or {}, raises)
        return run

    return note


def variable(name: str, *shape: int, scale: float = 0.5) -> tf.Variable:
    return tf.Variable(scale * tf.random.stateless_normal(shape, (SEED, len(name))), name=name)


def numbers(*shape: int) -> tf.Tensor:
    return tf.random.stateless_normal(shape, (SEED, 77))


def built(layer: Any, *shape: int) -> Any:
    layer.build(shape)
    return layer


# --- recurrent layers before, at and after the cut --------------------------------------------------------------------


@program({"kernel": "none", "recurrent": "none", "later": "ok"}, "no-gradient-op", "level = tf.round(9.0 * codes)")
def codes_rounded_between_lstm_and_gru(Tape, function):
    first = built(keras.layers.LSTM(3, return_sequences=True), 2, 4, 2)
    second = built(keras.layers.GRU(2), 2, 4, 3)
    kernel, recurrent, later = *first.trainable_variables[:2], second.trainable_variables[0]

    @function
    def step(x):
        with Tape() as tape:
            codes = first(x)
            level = tf.round(9.0 * codes)
            loss = tf.reduce_sum(second(level) ** 2)
        return tape.gradient(loss, {"kernel": kernel, "recurrent": recurrent, "later": later})

    return step(numbers(2, 4, 2))


@program({"kernel": "none", "table": "ok"}, "argmax", "tokens = tf.argmax(first(x), -1)")
def argmax_of_a_gru_looked_up(Tape, function):
    first = built(keras.layers.GRU(3, return_sequences=True), 2, 4, 2)
    second = built(keras.layers.LSTM(2), 2, 4, 5)
    kernel, table = first.trainable_variables[0], variable("table", 3, 5)

    @function
    def loss_of(x):
        tokens = tf.argmax(first(x), -1)
        return tf.reduce_sum(second(tf.gather(table, tokens)))

    with Tape() as tape:
        loss = loss_of(numbers(2, 4, 2))
    return tape.gradient(loss, {"kernel": kernel, "table": table})


class Steps(keras.layers.Layer):
    """A cell whose new state is cut."""

    def __init__(self, cut, **options):
        super().__init__(**options)
        self.cut, self.state_size = cut, 3

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 3), name="w", initializer="glorot_uniform")
        self.u = self.add_weight(shape=(3, 3), name="u", initializer="orthogonal")

    def call(self, x, states):
        z = tf.tanh(x @ self.w + states[0] @ self.u)
        if self.cut:
            z = tf.stop_gradient(z)
        return z, [z]


@program({"w": "none", "u": "none"}, "stop-gradient", "z = tf.stop_gradient(z)", {"w": "zero", "u": "zero"})
def a_cell_that_stops_its_state(Tape, function):
    layer = built(keras.layers.RNN(Steps(True)), 2, 4, 2)

    @function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, {"w": layer.cell.w, "u": layer.cell.u})

    return step(numbers(2, 4, 2))


@program({"w": "ok", "u": "ok"})
def a_cell_that_does_not(Tape, function):
    layer = built(keras.layers.RNN(Steps(False)), 2, 4, 2)

    @function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum(layer(x) ** 2)
        return tape.gradient(loss, {"w": layer.cell.w, "u": layer.cell.u})

    return step(numbers(2, 4, 2))


@program({"scale": "none"}, "integer-cast", "level = tf.cast(scale * x, tf.int32)")
def cast_before_a_simple_rnn_under_fit(Tape, function):
    scale, seen = variable("scale", 2, scale=3.0), {}

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = keras.layers.SimpleRNN(3), keras.layers.Dense(1)

        def call(self, x):
            level = tf.cast(scale * x, tf.int32)
            return self.head(self.rnn(tf.cast(level, tf.float32)))

        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            seen.update(tape.gradient(loss, {"scale": scale}))
            return {"loss": loss}

    net = Net()
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


@program({"kernel": "none", "head": "none"}, "comparison", "guess = tf.cast(self(x) > 0.5, tf.float32)")
def a_threshold_behind_an_lstm_under_fit(Tape, function):
    seen = {}

    class Net(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                guess = tf.cast(self(x) > 0.5, tf.float32)
                loss = tf.reduce_mean((guess - y) ** 2)
            weights = self.trainable_variables
            seen.update(tape.gradient(loss, {"kernel": weights[0], "head": weights[-2]}))
            return {"loss": loss}

    inputs = keras.Input((5, 2))
    net = Net(inputs, keras.layers.Dense(1)(keras.layers.LSTM(3)(inputs)))
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


@program({"kernel": "none", "head": "ok"}, "stop-gradient", "hidden = tf.stop_gradient(both(x))")
def stop_gradient_behind_a_bidirectional_layer(Tape, function):
    both = built(keras.layers.Bidirectional(keras.layers.LSTM(2)), 2, 4, 3)
    head = built(keras.layers.Dense(1), 2, 4)

    @function
    def step(x):
        with Tape() as tape:
            hidden = tf.stop_gradient(both(x))
            loss = tf.reduce_sum(head(hidden) ** 2)
        return tape.gradient(loss, {"kernel": both.trainable_variables[0], "head": head.kernel})

    return step(numbers(2, 4, 3))


@program({"kernel": "none"}, "random-sampling", "token = tf.random.categorical(head(gru(x)), 1, seed=3)")
def a_sampled_token(Tape, function):
    gru, head = built(keras.layers.GRU(3), 2, 4, 2), built(keras.layers.Dense(5), 2, 3)
    table = variable("table", 5, 2)

    @function
    def step(x):
        with Tape() as tape:
            token = tf.random.categorical(head(gru(x)), 1, seed=3)
            loss = tf.reduce_sum(tf.gather(table, token))
        return tape.gradient(loss, {"kernel": gru.trainable_variables[0]})

    return step(numbers(2, 4, 2))


@program({"kernel": "none", "later": "ok"}, "state-assign", "memory.assign(first(x))")
def a_state_assigned_between_two_layers(Tape, function):
    first, second = built(keras.layers.LSTM(3), 2, 4, 2), built(keras.layers.Dense(1), 2, 3)
    memory = tf.Variable(tf.zeros((2, 3)), trainable=False, name="memory")

    @function
    def step(x):
        with Tape() as tape:
            memory.assign(first(x))
            loss = tf.reduce_sum(second(memory * 2.0) ** 2)
        return tape.gradient(loss, {"kernel": first.trainable_variables[0], "later": second.kernel})

    return step(numbers(2, 4, 2))


@program({"kernel": "ok", "recurrent": "ok", "head": "ok"})
def an_lstm_under_fit(Tape, function):
    seen = {}

    class Net(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            weights = self.trainable_variables
            seen.update(tape.gradient(loss, {"kernel": weights[0], "recurrent": weights[1], "head": weights[-2]}))
            return {"loss": loss}

    inputs = keras.Input((5, 2))
    net = Net(inputs, keras.layers.Dense(1)(keras.layers.LSTM(3)(inputs)))
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


# --- loops, lists, branches -------------------------------------------------------------------------------------------


@program({"W": "none"}, "no-gradient-op", "return i + 1, tf.round(tf.tanh(h @ W) * 3.0)", {"W": "zero"})
def a_while_loop_that_rounds(Tape, function):
    W = variable("W", 3, 3)

    def body(i, h):
        return i + 1, tf.round(tf.tanh(h @ W) * 3.0)

    @function
    def step(h):
        with Tape() as tape:
            _, h = tf.while_loop(lambda i, h: i < 4, body, (tf.constant(0), h))
            loss = tf.reduce_sum(h * h)
        return tape.gradient(loss, {"W": W})

    return step(numbers(2, 3))


@program({"W": "none"}, "stop-gradient", "h = tf.stop_gradient(z)", {"W": "zero"})
def a_loop_that_stops(Tape, function):
    W = variable("W", 3, 3)

    @function
    def loss_of(x):
        h = tf.zeros((2, 3))
        for t in tf.range(4):
            z = tf.tanh(h @ W + x[t])
            h = tf.stop_gradient(z)
        return tf.reduce_sum(h**2)

    with Tape() as tape:
        loss = loss_of(numbers(4, 2, 3))
    return tape.gradient(loss, {"W": W})


@program({"W": "none"}, "argmax", "h = tf.one_hot(tf.argmax(z, -1), 3)", {"W": "zero"})
def a_loop_that_takes_the_largest(Tape, function):
    W = variable("W", 3, 3)

    @function
    def loss_of(x):
        h = tf.zeros((2, 3))
        for t in tf.range(4):
            z = tf.tanh(h @ W + x[t])
            h = tf.one_hot(tf.argmax(z, -1), 3)
        return tf.reduce_sum(h**2)

    with Tape() as tape:
        loss = loss_of(numbers(4, 2, 3))
    return tape.gradient(loss, {"W": W})


@program({"W": "none"}, "integer-cast", "return tf.cast(tf.cast(z, tf.int32), tf.float32)", {"W": "zero"})
def a_scan_that_casts(Tape, function):
    W = variable("W", 3, 3)

    def turn(h, x):
        z = 3.0 * tf.tanh(h @ W + x)
        return tf.cast(tf.cast(z, tf.int32), tf.float32)

    @function
    def step(x):
        with Tape() as tape:
            states = tf.scan(turn, x, initializer=tf.zeros((2, 3)))
            loss = tf.reduce_sum(states**2)
        return tape.gradient(loss, {"W": W})

    return step(numbers(4, 2, 3))


@program({"W": "none"}, "no-gradient-op", "array = array.write(t, tf.floor(z))", {"W": "zero"})
def a_tensor_array_of_floors(Tape, function):
    W = variable("W", 3, 3)

    @function
    def step(x):
        with Tape() as tape:
            array = tf.TensorArray(tf.float32, 4)
            for t in tf.range(4):
                z = tf.matmul(x[t], W)
                array = array.write(t, tf.floor(z))
            loss = tf.reduce_sum(array.stack() ** 2)
        return tape.gradient(loss, {"W": W})

    return step(numbers(4, 2, 3))


@program({"W": "ok"})
def a_tensor_array_that_carries(Tape, function):
    W = variable("W", 3, 3)

    @function
    def loss_of(x):
        array = tf.TensorArray(tf.float32, 4)
        for t in tf.range(4):
            array = array.write(t, tf.tanh(tf.matmul(x[t], W)))
        return tf.reduce_sum(array.stack() ** 2)

    with Tape() as tape:
        loss = loss_of(numbers(4, 2, 3))
    return tape.gradient(loss, {"W": W})


@program({"w": "none", "v": "ok"}, "no-gradient-op", "return tf.math.ceil(x * w)", {"w": "zero"})
def map_fn_with_a_ceiling(Tape, function):
    w, v = variable("w", 3), variable("v", 3)

    def each(x):
        return tf.math.ceil(x * w)

    @function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum(tf.map_fn(each, x) * v)
        return tape.gradient(loss, {"w": w, "v": v})

    return step(numbers(4, 3))


@program({"steps": "none", "W": "ok"}, "loop-condition", "while i < steps:", {"steps": "zero"})
def a_source_that_only_counts_the_turns(Tape, function):
    W, steps = variable("W", 3, 3), tf.Variable(3.0, name="steps")

    @function
    def loss_of(h):
        i = tf.constant(0.0)
        while i < steps:
            h = tf.tanh(h @ W)
            i += 1.0
        return tf.reduce_sum(h)

    with Tape() as tape:
        loss = loss_of(numbers(2, 3))
    return tape.gradient(loss, {"steps": steps, "W": W})


@program({"W": "none"}, "no-gradient-op", "y = tf.round(z * 4.0)", {"W": "zero"})
def the_branch_that_was_taken_rounds(Tape, function):
    W = variable("W", 3, 3)

    @function
    def step(x):
        with Tape() as tape:
            z = tf.tanh(x @ W)
            if tf.reduce_sum(x * x) > 0.0:
                y = tf.round(z * 4.0)
            else:
                y = z
            loss = tf.reduce_sum(y * y)
        return tape.gradient(loss, {"W": W})

    return step(numbers(2, 3))


@program({"W": "none"}, "no-gradient-op", "y = tf.round(z * 4.0)")
def both_branches_cut(Tape, function):
    W = variable("W", 3, 3)

    @function
    def step(x):
        with Tape() as tape:
            z = tf.tanh(x @ W)
            if tf.reduce_sum(x * x) > 0.0:
                y = tf.round(z * 4.0)
            else:
                y = tf.stop_gradient(z)
            loss = tf.reduce_sum(y * y)
        return tape.gradient(loss, {"W": W})

    return step(numbers(2, 3))


@program({"V": "none", "W": "ok"}, "unconnected", "count += tf.reduce_sum(h @ V)", {"V": "zero"})
def a_loop_variable_that_the_loss_does_not_use(Tape, function):
    W, V = variable("W", 3, 3), variable("V", 3, 3)

    @function
    def step(x):
        with Tape() as tape:
            h, count = tf.zeros((2, 3)), tf.constant(0.0)
            for t in tf.range(4):
                h = tf.tanh(h @ W + x[t])
                count += tf.reduce_sum(h @ V)
            loss = tf.reduce_sum(h**2)
        return tape.gradient(loss, {"V": V, "W": W})

    return step(numbers(4, 2, 3))


# --- functions in functions, jit_compile, mixed precision -------------------------------------------------------------


@program({"W": "none"}, "stop-gradient", "return tf.stop_gradient(x @ W)")
def stopped_two_functions_down(Tape, function):
    W = variable("W", 3, 3)

    @function
    def inner(x):
        return tf.stop_gradient(x @ W)

    @function
    def middle(x):
        return inner(tf.sin(x)) + 1.0

    @function
    def loss_of(x):
        return tf.reduce_sum(middle(x) ** 2)

    with Tape() as tape:
        loss = loss_of(numbers(2, 3))
    return tape.gradient(loss, {"W": W})


@program({"W": "none", "V": "ok"}, "integer-cast", "level = tf.cast(x @ W, tf.int32)")
def a_cast_under_xla(Tape, function):
    W, V = variable("W", 3, 3, scale=3.0), variable("V", 3, 2)

    @jit(function)
    def loss_of(x):
        level = tf.cast(x @ W, tf.int32)
        return tf.reduce_sum(tf.cast(level, tf.float32) @ V)

    with Tape() as tape:
        loss = loss_of(numbers(2, 3))
    return tape.gradient(loss, {"W": W, "V": V})


@program({"kernel": "none"}, "no-gradient-op", "level = tf.round(9.0 * codes)")
def rounded_codes_under_xla(Tape, function):
    first, second = keras.layers.SimpleRNN(3, return_sequences=True), keras.layers.SimpleRNN(2)
    built(first, 2, 4, 2), built(second, 2, 4, 3)

    @jit(function)
    def step(x):
        with Tape() as tape:
            codes = first(x)
            level = tf.round(9.0 * codes)
            loss = tf.reduce_sum(second(level) ** 2)
        return tape.gradient(loss, {"kernel": first.trainable_variables[0]})

    return step(numbers(2, 4, 2))


@program({"kernel": "none", "later": "ok"}, "argmax", "tokens = tf.argmax(first(x), -1)")
def mixed_precision_with_a_token(Tape, function):
    first = built(keras.layers.LSTM(3, return_sequences=True, dtype="mixed_float16"), 2, 4, 2)
    second = built(keras.layers.GRU(2, dtype="mixed_float16"), 2, 4, 3)

    @function
    def step(x):
        with Tape() as tape:
            tokens = tf.argmax(first(x), -1)
            hidden = second(tf.one_hot(tokens, 3, dtype=tf.float16))
            loss = tf.reduce_sum(tf.cast(hidden, tf.float32) ** 2)
        return tape.gradient(loss, {"kernel": first.trainable_variables[0], "later": second.trainable_variables[0]})

    return step(numbers(2, 4, 2))


@program({"kernel": "ok", "head": "ok"})
def mixed_precision_under_fit(Tape, function):
    seen = {}

    class Net(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((tf.cast(self(x), tf.float32) - y) ** 2)
            weights = self.trainable_variables
            seen.update(tape.gradient(loss, {"kernel": weights[0], "head": weights[-2]}))
            return {"loss": loss}

    inputs = keras.Input((5, 2))
    hidden = keras.layers.GRU(3, dtype="mixed_bfloat16")(inputs)
    net = Net(inputs, keras.layers.Dense(1, dtype="mixed_bfloat16")(hidden))
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


@program({"w": "none", "v": "ok"}, "custom-gradient", "loss = tf.reduce_sum(product(w * x, v))")
def a_custom_gradient_that_forgets(Tape, function):
    w, v = variable("w", 3), variable("v", 3)

    @tf.custom_gradient
    def product(x, y):
        def backward(upstream):
            return None, upstream * x

        return x * y, backward

    @function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum(product(w * x, v))
        return tape.gradient(loss, {"w": w, "v": v})

    return step(numbers(3))


@program({"w": "none"}, "py-function", "y = tf.numpy_function(np_exp, [w * x], tf.float32)")
def a_numpy_function(Tape, function):
    w = variable("w", 3)

    def np_exp(a):
        return 2.0 * a

    @function
    def step(x):
        with Tape() as tape:
            y = tf.numpy_function(np_exp, [w * x], tf.float32)
            loss = tf.reduce_sum(y * x)
        return tape.gradient(loss, {"w": w})

    return step(numbers(3))


@program({"place": "none", "table": "ok"}, "integer-cast", "row = tf.gather(table, tf.cast(place * x, tf.int32))")
def a_lookup_by_a_learned_place(Tape, function):
    place, table = tf.Variable(1.5, name="place"), variable("table", 6, 2)

    @function
    def loss_of(x):
        row = tf.gather(table, tf.cast(place * x, tf.int32))
        return tf.reduce_sum(row**2)

    with Tape() as tape:
        loss = loss_of(tf.constant([0.0, 1.0, 2.0]))
    return tape.gradient(loss, {"place": place, "table": table})


@program({"kernel": "none"}, "after-tape", "loss = tf.reduce_mean(hidden**2)")
def a_loss_behind_the_tape(Tape, function):
    lstm = built(keras.layers.LSTM(3), 2, 4, 2)

    @function
    def step(x):
        with Tape() as tape:
            hidden = lstm(x)
        loss = tf.reduce_mean(hidden**2)
        return tape.gradient(loss, {"kernel": lstm.trainable_variables[0]})

    return step(numbers(2, 4, 2))


# --- computed before the tape -----------------------------------------------------------------------------------------


class Noisy(keras.layers.Layer):
    """What build() computes from a weight never gets a gradient."""

    def build(self, shape):
        self.mu = self.add_weight(shape=(shape[-1], 1), name="mu")
        self.rho = self.add_weight(shape=(shape[-1], 1), name="rho")
        self.sigma = tf.nn.softplus(self.rho)

    def call(self, x):
        return x @ (self.mu + self.sigma * 0.3)


@program({"rho": "none", "mu": "ok"}, "before-tape", "self.sigma = tf.nn.softplus(self.rho)")
def computed_in_build_under_fit(Tape, function):
    seen = {}

    class Net(keras.Model):
        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            seen.update(tape.gradient(loss, {v.name: v for v in self.trainable_variables if v.name in ("rho", "mu")}))
            return {"loss": loss}

    inputs = keras.Input((5, 2))
    net = Net(inputs, Noisy()(keras.layers.LSTM(4)(inputs)))
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


class Block:
    def __init__(self):
        self.inner = built(Noisy(), 2, 3)


class Outer:
    def __init__(self):
        self.blocks = [Block()]
        self.rnn = built(keras.layers.GRU(3), 2, 4, 2)

    def loss(self, x):
        return tf.reduce_sum(self.blocks[0].inner(self.rnn(x)) ** 2)


@program({"rho": "none", "mu": "ok"}, "before-tape", "self.sigma = tf.nn.softplus(self.rho)")
def computed_in_a_nested_object(Tape, function):
    outer = Outer()
    inner = outer.blocks[0].inner

    @function
    def step(x):
        with Tape() as tape:
            loss = outer.loss(x)
        return tape.gradient(loss, {"rho": inner.rho, "mu": inner.mu})

    return step(numbers(2, 4, 2))


@program({"logits": "none"}, "before-tape", "weights = tf.nn.softmax(logits)")
def computed_in_the_closure(Tape, function):
    logits, gru = variable("logits", 2), built(keras.layers.GRU(3), 2, 4, 2)
    weights = tf.nn.softmax(logits)

    @function
    def step(x):
        with Tape() as tape:
            loss = tf.reduce_sum(gru(x * weights) ** 2)
        return tape.gradient(loss, {"logits": logits})

    return step(numbers(2, 4, 2))


ANGLE = tf.Variable([0.3, -0.4], name="ANGLE")
TURN = tf.stack([tf.cos(ANGLE), tf.sin(ANGLE)])


@program({"ANGLE": "none"}, "before-tape", "TURN = tf.stack([tf.cos(ANGLE), tf.sin(ANGLE)])")
def computed_as_a_global(Tape, function):
    @function
    def loss_of(x):
        return tf.reduce_sum(tf.tanh(x @ TURN))

    with Tape() as tape:
        loss = loss_of(numbers(3, 2))
    return tape.gradient(loss, {"ANGLE": ANGLE})


class Filter:
    """Computes its gain once."""

    def __init__(self, Tape, function):
        self.log_gain = variable("log_gain", 3)
        self.rnn = built(keras.layers.SimpleRNN(3), 2, 4, 2)
        self.gain = tf.exp(self.log_gain)
        self.Tape, self.step = Tape, function(self._step)

    def _step(self, x):
        with self.Tape() as tape:
            loss = tf.reduce_sum(self.rnn(x) * self.gain)
        return tape.gradient(loss, {"log_gain": self.log_gain})


@program({"log_gain": "none"}, "before-tape", "self.gain = tf.exp(self.log_gain)")
def computed_in_the_constructor(Tape, function):
    return Filter(Tape, function).step(numbers(2, 4, 2))


class Memory:
    """Keeps what its first call made."""

    def __init__(self, function):
        self.encoder = built(keras.layers.LSTM(3), 2, 4, 2)
        self.encode = function(self.encoder.__call__)
        self.context = None

    def loss(self, x):
        if self.context is None:
            self.context = self.encode(x)
        return tf.reduce_sum(self.context**2)


@program({"kernel": "none"}, "before-tape", "self.context = self.encode(x)")
def computed_by_an_earlier_call(Tape, function):
    memory = Memory(function)
    memory.loss(numbers(2, 4, 2))
    with Tape() as tape:
        loss = memory.loss(numbers(2, 4, 2))
    return tape.gradient(loss, {"kernel": memory.encoder.trainable_variables[0]})


@program({"kernel": "none", "head": "ok"}, "before-tape", "context = encoder(x)")
def computed_by_the_caller(Tape, function):
    encoder, head = built(keras.layers.LSTM(3), 2, 4, 2), built(keras.layers.Dense(1), 2, 3)
    kernel = encoder.trainable_variables[0]

    @function
    def step(context):
        with Tape() as tape:
            loss = tf.reduce_sum(head(context) ** 2)
        return tape.gradient(loss, {"kernel": kernel, "head": head.kernel})

    x = numbers(2, 4, 2)
    context = encoder(x)
    return step(context)


class Adversaries:
    """The generator runs before the tapes."""

    def __init__(self, Tape):
        self.Tape, self.maker = Tape, built(keras.layers.LSTM(3, return_sequences=True), 2, 4, 2)
        self.judge, self.verdict = built(keras.layers.GRU(3), 2, 4, 3), built(keras.layers.Dense(1), 2, 3)

    def score(self, sequence):
        return self.verdict(self.judge(sequence))

    def step(self, real, noise):
        fake = self.maker(noise)
        with self.Tape() as maker_tape, self.Tape() as judge_tape:
            judge_loss = tf.reduce_mean(self.score(real)) - tf.reduce_mean(self.score(fake))
            maker_loss = tf.reduce_mean(self.score(fake) ** 2)
        judge_tape.gradient(judge_loss, self.judge.trainable_variables)
        return maker_tape.gradient(
            maker_loss, dict(zip(("kernel", "recurrent"), self.maker.trainable_variables[:2], strict=True))
        )


@program({"kernel": "none", "recurrent": "none"}, "before-tape", "fake = self.maker(noise)")
def generated_before_two_tapes(Tape, function):
    return function(Adversaries(Tape).step)(numbers(2, 4, 3), numbers(2, 4, 2))


@program({"W": "none"}, "before-tape", "fake = tf.tanh(x @ W)")
def another_weight_is_updated_between_the_making_and_the_tape(Tape, function):
    """A GAN's step: the update of the judge is on a way too, through the contents of V."""
    W, V = variable("W", 2, 2), variable("V", 2, 1)

    @function
    def step(x):
        fake = tf.tanh(x @ W)
        with Tape() as tape:
            judged = tf.reduce_mean((fake @ V) ** 2)
        V.assign_sub(0.1 * tape.gradient(judged, V))
        with Tape() as tape:
            loss = tf.reduce_mean(fake @ V)
        return tape.gradient(loss, {"W": W})

    return step(numbers(4, 2))


@program({"W": "none"}, "before-tape", "hidden = tf.tanh(x @ W)")
def made_before_the_tape_in_one_function(Tape, function):
    W, rnn = variable("W", 2, 2), built(keras.layers.SimpleRNN(3), 2, 4, 2)

    @function
    def step(x):
        hidden = tf.tanh(x @ W)
        with Tape() as tape:
            loss = tf.reduce_sum(rnn(hidden) ** 2)
        return tape.gradient(loss, {"W": W})

    return step(numbers(2, 4, 2))


# --- values: zero, NaN ------------------------------------------------------------------------------------------------


@program({"kernel": "zero"}, "zero-saturated", "hidden = tf.nn.relu(gru(x) - 5.0)")
def a_dead_relu_behind_a_gru(Tape, function):
    gru = built(keras.layers.GRU(3), 2, 4, 2)

    @function
    def step(x):
        with Tape() as tape:
            hidden = tf.nn.relu(gru(x) - 5.0)
            loss = tf.reduce_sum(hidden)
        return tape.gradient(loss, {"kernel": gru.trainable_variables[0]})

    return step(numbers(2, 4, 2))


@program({"W": "not finite"}, "nan-sqrt-norm", "h = tf.sqrt(tf.nn.relu(h @ W))")
def a_root_of_zero_in_a_loop(Tape, function):
    W = tf.Variable(-tf.eye(3), name="W")

    @function
    def loss_of(h):
        for _ in tf.range(3):
            h = tf.sqrt(tf.nn.relu(h @ W))
        return tf.reduce_sum(h)

    with Tape() as tape:
        loss = loss_of(tf.ones((2, 3)))
    return tape.gradient(loss, {"W": W})


@program({"W": "zero"}, "zero-saturated", "signs = tf.sign(hidden)")
def signs_under_fit(Tape, function):
    W, seen = variable("W", 2, 2), {}

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.rnn = keras.layers.SimpleRNN(3)

        def call(self, x):
            hidden = x @ W
            signs = tf.sign(hidden)
            return self.rnn(signs)

        def train_step(self, data):
            x, y = data
            with Tape() as tape:
                loss = tf.reduce_mean((self(x) - y) ** 2)
            seen.update(tape.gradient(loss, {"W": W}))
            return {"loss": loss}

    net = Net()
    net.compile("sgd", run_eagerly=function is eager)
    net.fit(numbers(4, 5, 2), numbers(4, 1), batch_size=2, verbose=0)
    return seen


@program({"kernel": "raises"}, "no-gradient-op", "kept = tf.unique(tf.reshape(gru(x), [-1])).y", raises="LookupError")
def an_op_that_refuses_behind_a_gru(Tape, function):
    gru = built(keras.layers.GRU(3), 2, 4, 2)

    @function
    def step(x):
        with Tape() as tape:
            kept = tf.unique(tf.reshape(gru(x), [-1])).y
            loss = tf.reduce_sum(kept)
        return tape.gradient(loss, {"kernel": gru.trainable_variables[0]})

    return step(numbers(2, 4, 2))


# --- written later ----------------------------------------------------------------------------------------------------


@program(
    {"kernel": "none", "W": "none"}, "argmax", "h = tf.one_hot(tf.argmax(z, -1), 3)", {"kernel": "zero", "W": "zero"}
)
def an_encoder_in_front_of_a_loop_that_cuts(Tape, function):
    encoder, W = built(keras.layers.LSTM(3), 2, 4, 2), variable("W", 3, 3)

    @function
    def step(x):
        with Tape() as tape:
            h = encoder(x)
            for _ in tf.range(4):
                z = tf.tanh(h @ W)
                h = tf.one_hot(tf.argmax(z, -1), 3)
            loss = tf.reduce_sum(h**2)
        return tape.gradient(loss, {"kernel": encoder.trainable_variables[0], "W": W})

    return step(numbers(2, 4, 2))
