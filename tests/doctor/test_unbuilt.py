"""Asked about before it has weights: a model, its layers in a list, and a loss that takes arguments."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf

import gradlab

X = tf.ones((2, 3, 2))


def test_an_unbuilt_model_is_told_to_be_built_first():
    model = keras.Sequential([keras.layers.LSTM(4), keras.layers.Dense(1)])

    def loss():
        return tf.reduce_mean(model(X) ** 2)

    (row,) = gradlab.explain(loss, model, level="quick").rows
    assert str(row.status) == "empty"
    assert "did not exist yet when you asked: LSTM" in row.evidence and "Dense" in row.evidence
    assert "call the layer or model once" in row.fix and "add_weight" not in row.fix
    again = gradlab.explain(loss, model, level="quick")  # as the fix says
    assert [str(r.status) for r in again.rows] == ["ok"] * 5


def test_a_model_with_one_unbuilt_layer():
    inner, outer = keras.layers.Dense(3), keras.layers.Dense(1, name="late")
    inner.build((None, 2))
    model = keras.Sequential([inner, outer])
    rows = gradlab.explain(lambda: tf.reduce_mean(model(X) ** 2), model, level="quick").rows
    assert all("did not exist yet" in r.evidence and "'late'" in r.evidence for r in rows if str(r.status) == "missing")
    assert any(str(r.status) in ("missing", "empty") for r in rows)


def test_unbuilt_layers_in_a_list_are_no_all_clear():
    lstm, dense, state = keras.layers.LSTM(4), keras.layers.Dense(1), tf.Variable(tf.zeros((2, 4)))
    unused = keras.layers.Dense(1, name="never_called")

    def loss():
        return tf.reduce_mean(dense(lstm(X, initial_state=[state, state])) ** 2)

    report = gradlab.explain(loss, [lstm, dense, state, unused], level="quick")
    late = [r for r in report.rows if str(r.status) == "missing"]
    assert len(late) == 5 and len(report.rows) == 6
    assert all(lstm.name in r.evidence and dense.name in r.evidence for r in late)
    assert any("never_called had no weights yet" in n for n in report.notes)
    assert not gradlab.explain(loss, [lstm, dense, state], level="quick").problems


def test_only_unbuilt_layers_in_a_list():
    dense = keras.layers.Dense(1)
    report = gradlab.explain(lambda: tf.reduce_mean(dense(X)), [dense], level="quick")
    assert [str(r.status) for r in report.rows] == ["empty"]
    idle = gradlab.explain(lambda: tf.reduce_mean(dense(X)), [keras.layers.Dense(1, name="idle")], level="quick")
    assert "no gradient to look at" in repr(idle) and "idle had no weights yet" in repr(idle)


def test_a_list_made_too_early_of_a_model_that_is_built_now():
    model = keras.Sequential([keras.layers.Dense(1)])
    early = list(model.trainable_variables)
    model(X)
    report = gradlab.explain(lambda: tf.reduce_mean(model(X)), early, owner=model, level="quick")
    (row,) = report.rows
    assert "the list was made without it" in row.evidence and "make the list after the call" in row.fix
    assert "no line gradients" not in repr(report)


def test_a_loss_that_takes_arguments():
    w = tf.Variable(1.0)

    def loss(a, b, c=1):
        return w * a * b * c

    with pytest.raises(TypeError, match=r"loss needs the arguments a, b.*explain\(lambda: loss\(a, b\), sources\)"):
        gradlab.explain(loss, {"w": w})
    with pytest.raises(TypeError, match=r"lambda: loss_fn\(x, y\)"):
        gradlab.explain(w * 1.0, {"w": w})
    assert str(gradlab.explain(lambda *a, b=2.0: w * b, {"w": w}, level="quick").row("w").status) == "ok"
