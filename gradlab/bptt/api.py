"""gradlab.through_time: the one entry to everything in this package."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.bptt import gates
from gradlab.bptt.asked import Loss, chosen
from gradlab.bptt.chain import Chain, chain, influence, memory
from gradlab.bptt.layers import kind_of, recurrent, state_names
from gradlab.bptt.result import LayerThroughTime, ThroughTime
from gradlab.bptt.run import Call, Watched, collect
from gradlab.bptt.target import has_own_step, target
from gradlab.doctor.frontends.given_batch import shapes_named
from gradlab.doctor.frontends.training_step import batch, in_a_replica
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import unwrap
from gradlab.runtime.generators import generators_kept
from gradlab.runtime.keras_backend import require_tensorflow


def through_time(
    model: Any, x: Any, y: Any = None, *, sample_weight: Any = None, training: bool = False, maps: bool = True
) -> ThroughTime:
    """The gradient of a loss for every state of every recurrent layer inside a model, step by step.

    Parameters
    ----------
    model
        A Keras model or layer (Keras 3 or legacy Keras) with SimpleRNN, GRU, LSTM or RNN(any cell) anywhere inside: in
        Bidirectional, stacked, in TimeDistributed or in nested models, with masks, stateful or not.
    x, y, sample_weight
        One batch as `fit` takes it, or a `tf.data.Dataset`, of which the first batch is used. With y the compiled loss
        is differentiated; without, the sum of the model's outputs. A model with a `train_step` of its own takes one step
        with y, and the loss is the one that it asks a tape for; with several, each layer has the loss that trains it.
    training
        False: dropout is off, as in `jacobian`. True: as in a training step; a layer whose own dropout is on then has no
        map. A `train_step` of one's own says itself how it calls the model.
    maps
        Whether the T by T maps are made. They cost T² products of a step; the rest costs one eager pass.

    Returns
    -------
    ThroughTime
        For each layer: d loss / d h_t and d loss / d c_t (B, T, U), in the loss' unit over the state's; the map of
        norms of `gradlab.jacobian`, log10; the largest singular value of each step; the effective memory in steps;
        weights and gradients by gate. It draws itself in a notebook; `.figure()`, `.to_dict()`, `.save_html(path)`.

    Raises
    ------
    TypeError, ValueError
        The model has no recurrent layer, is not compiled though y is there, or does what cannot be followed; the message
        names the layer and what was expected.
    NotImplementedError
        Keras runs on JAX or PyTorch.

    Notes
    -----
    Gradients are those of a plain tape for the very tensors that each step hands on: exact, over every way to the loss.
    The loss is that of the batch, so with a mean over B samples each sample's gradients carry 1/B. Cells are called in
    eager mode. Variables, states and random generators are put back.

    Examples
    --------
    >>> import gradlab, numpy as np, tensorflow as tf
    >>> model = tf.keras.Sequential([tf.keras.Input((20, 3)), tf.keras.layers.LSTM(4), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> found = gradlab.through_time(model, np.ones((2, 20, 3), "float32"), np.ones((2, 1), "float32"))
    >>> found[0].kind, found[0].gradients["c"].shape, found[0].map.shape
    ('LSTM', (2, 20, 4), (2, 20, 20))
    """
    if not hasattr(model, "_flatten_layers") or not hasattr(model, "call"):
        raise TypeError(f"model is a {type(model).__name__}; expected a Keras model or layer, Keras 3 or legacy Keras")
    require_tensorflow(model, "gradlab.through_time")
    given = batch(x, y, sample_weight)
    snapshot = Snapshot(lambda v: id(v.handle))
    try:
        with shapes_named(model, given[0]):
            return in_a_replica(lambda: _found(model, given, training, maps, snapshot))
    finally:
        snapshot.restore(list(snapshot.handles()))


def _found(model: Any, given: Any, training: bool, maps: bool, snapshot: Snapshot) -> ThroughTime:
    if not getattr(model, "built", True):
        model(given[0])  # layers of a model that was never called have no variables to watch yet
    layers = recurrent(model)
    own = has_own_step(model, given)
    training = training or own  # such a step says itself how it calls the model
    compute, words = target(model, given, training)
    with tf.GradientTape(persistent=own, watch_accessed_variables=True) as tape:
        for leaf in tf.nest.flatten(given[0], expand_composites=True):
            if leaf.dtype.is_floating:
                tape.watch(leaf)
        for variable in model.variables:
            if tf.as_dtype(variable.dtype).is_floating:
                tape.watch(unwrap(variable))  # also frozen ones: the states are to be on the tape
        with snapshot.with_new(), generators_kept():
            losses, watched = collect(model, layers, compute)
    if own:
        snapshot.restore(list(snapshot.handles()))  # the step has moved the weights; maps and gates are of those before
    weights = {item.path: gates.variables(item.layer.cell) for item in watched}
    by = {item.path: chosen(losses, [v for _, _, v in weights[item.path]]) for item in watched}
    of_states, of_weights = _gradients(tape, losses, watched, weights, by)
    trained = {id(unwrap(v)) for v in model.trainable_variables}  # legacy Keras keeps it in the layer alone
    out = []
    notes = []
    for item in watched:
        split = [
            gate
            for name, parts, v in weights[item.path]
            for gate in gates.split(name, parts, v, of_weights[item.path, id(v)], id(unwrap(v)) in trained)
        ]
        groups = item.groups()
        taken = {id(c): [[of_states[id(s)] for s in step] for step in c.steps] for c in item.calls}
        if not groups:
            notes.append(f"{item.path} was not called on this batch")
        elif len(losses) > 1:
            notes.append(f"{item.path}: the loss is that of call {by[item.path] + 1} of {len(losses)} of tape.gradient")
        for n, calls in enumerate(groups):
            name = item.path if len(groups) == 1 else f"{item.path} (call {n + 1} of {len(groups)})"
            out.append(_layer(name, item, calls, [taken[id(c)] for c in calls], split, training, maps))
    if not out:
        raise ValueError(f"no recurrent layer was called on this batch: {'; '.join(notes)}")
    first = next(by[item.path] for item in watched if item.calls)
    return ThroughTime(out, words, losses[first].number(), training, notes)


def _gradients(
    tape: Any, losses: list[Loss], watched: list[Watched], weights: dict[str, Any], by: dict[str, int]
) -> tuple[dict[int, Any], dict[tuple[str, int], Any]]:
    """(id of a state -> its gradient, (layer, id of a weight) -> its gradient), each of the loss that trains its layer."""
    of_states: dict[int, Any] = {}
    of_weights: dict[tuple[str, int], Any] = {}
    for n, loss in enumerate(losses):
        here = [item for item in watched if by[item.path] == n]
        states = [s for item in here for call in item.calls for step in call.steps for s in step]
        held = [(item.path, v) for item in here for _, _, v in weights[item.path]]
        if not held:
            continue
        made = tape.gradient(loss.target, [*states, *(unwrap(v) for _, v in held)], output_gradients=loss.seed)
        found = [None if g is None else tf.cast(tf.convert_to_tensor(g), _wide(g)).numpy() / loss.scale for g in made]
        of_states.update(zip(map(id, states), found[: len(states)], strict=True))
        of_weights.update({(p, id(v)): g for (p, v), g in zip(held, found[len(states) :], strict=True)})
    return of_states, of_weights


def _layer(
    name: str, item: Watched, calls: list[Call], gradients: list[Any], split: list[Any], training: bool, maps: bool
) -> LayerThroughTime:
    layer, back = item.layer, bool(item.layer.go_backwards)
    masks = [np.zeros(c.inputs.shape[:2], bool) if c.mask is None else ~np.asarray(c.mask, bool) for c in calls]
    order = _sample_by_sample(calls)
    masked = np.concatenate(masks)[order]
    signed: dict[str, np.ndarray] = {}
    none: dict[str, np.ndarray] = {}
    for k, state in enumerate(state_names(layer)):
        parts, absent = [], []
        for call, steps in zip(calls, gradients, strict=True):
            like = call.steps[0][k]
            blank = np.full(like.shape, np.nan)
            parts.append(np.stack([blank if g[k] is None else g[k] for g in steps], 1))
            absent.append([g[k] is None for g in steps])
        array = np.concatenate(parts)[order]
        array = array.reshape(*array.shape[:2], -1)
        gone = np.all(absent, 0)
        if back:
            array, gone = array[:, ::-1], gone[::-1]
        signed[state], none[state] = np.where(masked[:, :, None], np.nan, array), gone
    links = _chain(item, calls, order, masked, training) if maps else Chain(refused="it was not asked for (maps=False)")
    made = LayerThroughTime(
        name, kind_of(layer), back, signed, none, masked, split, links.map, links.singular, refused=links.refused
    )
    if links.map is not None:
        made.influence = influence(links.map, masked, back)
        made.memory = memory(made.influence)
    return made


def _sample_by_sample(calls: list[Call]) -> np.ndarray:
    """Where each sample goes, so that all positions of sample 0 come first, whichever way TimeDistributed calls."""
    each = int(calls[0].inputs.shape[0])
    return np.arange(len(calls) * each).reshape(len(calls), each).T.ravel()


def _chain(item: Watched, calls: list[Call], order: np.ndarray, masked: np.ndarray, training: bool) -> Chain:
    cells = [item.layer.cell, *getattr(item.layer.cell, "cells", [])]
    dropped = [c for c in cells if getattr(c, "dropout", 0) or getattr(c, "recurrent_dropout", 0)]
    if training and any(isinstance(getattr(c, n, 0), float) for c in dropped for n in ("dropout", "recurrent_dropout")):
        return Chain(refused=f"{item.path} has dropout on; with training=False there is a map")
    inputs = tf.gather(tf.concat([c.inputs for c in calls], 0), order)
    entering = [tf.gather(tf.concat(list(parts), 0), order) for parts in zip(*(c.entering for c in calls), strict=True)]
    mask = ~masked if masked.any() else None
    return chain(item.layer, inputs, entering, mask, masked)


def _wide(gradient: Any) -> Any:
    """float16 holds too few digits to be divided by a loss scale."""
    return tf.float64 if gradient.dtype == tf.float64 else tf.float32
