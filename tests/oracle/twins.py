"""The recurrent scenarios with the switch off once more, in JAX and float64: the same numbers, other code.

Each twin gets `w`, the sources by name, and `t`, everything else that `setup` made (a layer is the list of its
weights), and returns the loss. It says what the network computes, in a few lines, without looking at TensorFlow.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp

TWINS = {}


def twin(function):
    """Keep a twin under its scenario's name."""
    TWINS[function.__name__] = function
    return function


def weights(w, part=""):
    """The three weights of a cell among the sources, whose names may begin with the part they belong to."""
    return tuple(w[f"{part} {name}".strip()] for name in ("kernel", "recurrent_kernel", "bias"))


def simple_rnn(cell, x, h=None):
    """All states (B, T, H) of h' = tanh(x W + h U + b), from h or from zeros."""
    kernel, recurrent, bias = cell
    h = jnp.zeros((x.shape[0], recurrent.shape[0])) if h is None else h
    states = []
    for t in range(x.shape[1]):
        h = jnp.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        states.append(h)
    return jnp.stack(states, 1)


def lstm(cell, x, h=None, c=None):
    """All hidden states (B, T, H) and the last h and c of an LSTM whose gates stand in the order i, f, g, o."""
    kernel, recurrent, bias = cell
    zeros = jnp.zeros((x.shape[0], recurrent.shape[0]))
    h, c = (zeros if h is None else h), (zeros if c is None else c)
    states = []
    for t in range(x.shape[1]):
        i, f, g, o = jnp.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        states.append(h)
    return SimpleNamespace(all=jnp.stack(states, 1), h=h, c=c)


def gru(cell, x, h=None):
    """All states (B, T, H) of a GRU in the order z, r, candidate, its reset gate applied after the product."""
    kernel, recurrent, bias = cell
    h = jnp.zeros((x.shape[0], recurrent.shape[0])) if h is None else h
    states = []
    for t in range(x.shape[1]):
        z, r, g = jnp.split(x[:, t] @ kernel + bias[0], 3, axis=-1)
        hz, hr, hg = jnp.split(h @ recurrent + bias[1], 3, axis=-1)
        z, r = jax.nn.sigmoid(z + hz), jax.nn.sigmoid(r + hr)
        h = z * h + (1 - z) * jnp.tanh(g + r * hg)
        states.append(h)
    return jnp.stack(states, 1)


def distance(value, target):
    """The mean square of the difference."""
    return jnp.mean(jnp.square(value - target))


# Steps over one cell


@twin
def integer_cast(w, t):
    return distance(10 * simple_rnn(weights(w), t.x)[:, -1], 5)


TWINS["rounding"] = TWINS["flat_function"] = integer_cast


@twin
def numpy_roundtrip(w, t):
    return distance(simple_rnn(weights(w), t.x)[:, -1], 1)


TWINS["assigned_state"] = numpy_roundtrip


@twin
def integer_index(w, t):
    return distance(simple_rnn(weights(w), w["table"][t.ids][None])[:, -1], 1)


@twin
def python_list(w, t):
    return distance(simple_rnn(weights(w), t.x).sum(1), 1)


@twin
def straight_through(w, t):
    return -jnp.mean(10 * simple_rnn(weights(w), t.x)[:, -1] * t.wanted)


@twin
def initial_state(w, t):
    return distance(simple_rnn(weights(w), t.x, jnp.full((1, w["bias"].size), 0.5))[:, -1], 1)


TWINS["state_outside_tape"] = initial_state


@twin
def learned_state(w, t):
    return distance(simple_rnn(weights(w), t.x, w["initial state"])[:, -1], 1)


@twin
def computed_state(w, t):
    start = t.facts @ w["encoder kernel"] + w["encoder bias"]
    return distance(simple_rnn(weights(w), t.x, start)[:, -1], 1)


@twin
def norm_at_zero(w, t):
    cell = w["kernel"], t.cell[1], w["bias"]
    gap = simple_rnn(cell, t.first[:, None])[:, -1] - simple_rnn(cell, t.second[:, None])[:, -1]
    return distance(jnp.sqrt(jnp.square(gap).sum(-1) + 1e-6), 1)


@twin
def slice_after_loss(w, t):
    return distance(w["last state"], 1)


# Jacobians: the loss is a state or all of them


@twin
def timestep_jacobian(w, t):
    return simple_rnn(t.cell, w["d h_t / d x_t"])


@twin
def summed_over_units(w, t):
    return simple_rnn(t.cell, w["share of each step"])[:, -1]


# LSTM layers


@twin
def unbuilt_layer(w, t):
    return distance(lstm(weights(w), t.x).h, 1)


TWINS["all_masked"] = unbuilt_layer


@twin
def state_inside_layer(w, t):
    return distance(lstm(weights(w), w["x"]).h, 1)


TWINS["state_leaves"] = state_inside_layer


@twin
def watched_state(w, t):
    return jnp.mean(jnp.square(lstm(weights(w), t.x, w["h"], w["c"]).all))


@twin
def two_tapes(w, t):
    first = lstm(weights(w), w["x1"])
    return distance(lstm(weights(w), w["x2"], first.h, first.c).h, 1)


TWINS["stateful_layer"] = two_tapes


@twin
def states_before_tape(w, t):
    return lstm(t.lstm, w["d c_T / d x"]).c.sum()


TWINS["cell_state_attribute"] = states_before_tape


@twin
def tape_used_twice(w, t):
    """Two questions to one tape: each source has a target of its own, so that this loss has both gradients."""
    return lstm(t.lstm, w["d h_T / d x"]).h.sum() + lstm(t.lstm, w["d c_T / d x"]).c.sum()


# Encoder and decoder


@twin
def encoder_decoder(w, t):
    start = lstm(weights(w, "encoder"), t.x)
    decoded = lstm(weights(w, "decoder"), t.y, start.h, start.c).all
    return distance(decoded @ w["readout kernel"] + w["readout bias"], t.y)


@twin
def ignored_encoder(w, t):
    start = lstm(weights(w, "encoder"), t.x)
    return distance(lstm(weights(w, "decoder"), t.y, start.h, start.c).all, t.y[:, ::-1])


TWINS["encoder_before_tape"] = TWINS["one_state_for_two"] = ignored_encoder


@twin
def bidirectional_state(w, t):
    (_, u1, b1, _, u2, b2), (_, h_bias), (_, c_bias), (_, ud, bd) = t.encoder, t.fit_h, t.fit_c, t.decoder
    there = lstm((w["encoder forward"], u1, b1), t.x)
    back = lstm((w["encoder backward"], u2, b2), t.x[:, ::-1])
    h = jnp.concatenate([there.h, back.h], -1) @ w["fit_h"] + h_bias
    c = jnp.concatenate([there.c, back.c], -1) @ w["fit_c"] + c_bias
    return distance(lstm((w["decoder"], ud, bd), t.y, h, c).all, t.y[:, ::-1])


# Vanishing


@twin
def far_past(w, t):
    plain = simple_rnn((w["SimpleRNN kernel"], *t.rnn[1:]), t.x)[:, -1]
    gated = lstm((w["LSTM kernel"], *t.lstm[1:]), t.x).h
    return distance(plain, 1) + distance(gated, 1)
