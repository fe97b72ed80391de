"""A private name of TensorFlow that is not there: the program runs as without gradlab, and each report says why."""

import ast
import importlib.util
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

import gradlab
from gradlab.doctor.frontends import recorded
from gradlab.doctor.recording import backends, compiled_steps, replicas, tf_internals
from gradlab.doctor.recording.recorded_run import norm_of
from gradlab.doctor.report.status import status_of
from gradlab.lab.reading import Kind

FILE = Path(tf_internals.__file__)
TREE = ast.parse(FILE.read_text(encoding="utf-8"))
OF_TENSOR = ("_id", "_handle_data")
OWNERS = {"pywrap_tfe", "execute", "tape_record", "ops"}


def looked_up():
    """(owner, name) of each private name, from the text of the module."""
    for call in ast.walk(TREE):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "_private":
            yield ast.unparse(call.args[0]), call.args[1].value


NAMES = sorted(looked_up())


def a_copy():
    """The module once more, as it is made now."""
    spec = importlib.util.spec_from_file_location("a_copy_of_tf_internals", FILE)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_each_private_name_is_looked_up_where_its_absence_is_noticed():
    used = {
        (ast.unparse(n.value), n.attr)
        for n in ast.walk(TREE)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in OWNERS
    }
    assert used <= set(NAMES)
    assert len(NAMES) >= 20
    assert "tensorflow.python" not in {n.module for n in ast.walk(TREE) if isinstance(n, ast.ImportFrom)}


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_name_that_is_not_there_is_a_fault_and_no_exception(owner, name, monkeypatch):
    if owner == "EagerTensor":
        there = {n: property(lambda self: 0) for n in OF_TENSOR if n != name}
        monkeypatch.setattr(tf_internals.ops, "EagerTensor", type("EagerTensor", (), there))
    else:
        monkeypatch.delattr(eval(owner, {**vars(tf_internals), "_module": tf_internals._module}), name)
    made = a_copy()
    assert name in made.fault() and made.fault().startswith("it has no ")
    assert made.local.record is None and not made._before, "nothing may have been replaced"


def test_a_module_that_is_not_there_is_a_fault_for_each_of_its_names():
    made = a_copy()
    nowhere = made._module("a.module.that.is.not.there")
    assert made.fault() == ""
    made._private(nowhere, "something")
    assert made.absent() == "it has no tensorflow.python.a.module.that.is.not.there.something"


WITHOUT = """
import importlib, os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
taken = []
for module, name in {names!r}:
    owner = importlib.import_module(module)
    taken.append((owner, name, getattr(owner, name)))
    delattr(owner, name)
import gradlab.doctor.recording.tf_internals
for owner, name, value in taken:
    setattr(owner, name, value)
import gradlab

w, v = tf.Variable([0.3, 0.8]), tf.Variable([1.0, 2.0])

def loss():
    return tf.reduce_sum(tf.round(w) * v + tf.random.normal([2]))

def trained(kind):
    tf.random.set_seed(3)
    out = []
    for step in range(3):
        with kind() as tape:
            value = loss()
        out.append([None if g is None else g.numpy().tolist() for g in tape.gradient(value, [w, v])] + [float(value)])
    return out, tape

@tf.function
def step(kind):
    with kind() as tape:
        value = tf.reduce_sum(v * v)
    return tape.gradient(value, v)

plain, _ = trained(tf.GradientTape)
ours, tape = trained(gradlab.Tape)
assert plain == ours, (plain, ours)
for report in (tape.report(), gradlab.explain(loss, {{"w": w, "v": v}})):
    print([r.status.value for r in report.rows], [n for n in report.notes if "cannot be recorded" in n and "TFE_Py_FastPathExecute" in n] != [])
assert step(tf.GradientTape).numpy().tolist() == step(gradlab.Tape).numpy().tolist()
"""


@pytest.mark.weekly  # two starts of TensorFlow; above, each name is taken away by itself
def test_a_program_runs_without_all_of_them_and_its_reports_say_so():
    modules = {"pywrap_tfe": "pywrap_tfe", "execute": "eager.execute", "tape_record": "eager.record"}
    names = [(f"tensorflow.python.{modules[owner]}", name) for owner, name in NAMES if owner in modules]
    assert len(names) >= 12
    done = subprocess.run([sys.executable, "-c", WITHOUT.format(names=names)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == ["['none', 'ok'] True"] * 2


def test_without_the_state_of_the_global_generator_a_report_says_that_it_moved(monkeypatch):
    real = tf_internals._context
    monkeypatch.setattr(tf_internals, "_context", lambda: SimpleNamespace(_seed=3))
    with tf_internals.generator_kept():
        pass
    (note,) = backends.generator_note()
    assert "no Context._rng" in note
    monkeypatch.setattr(tf_internals, "_context", real)
    assert backends.generator_note() == []
    monkeypatch.setattr(tf_internals, "generator_fault", lambda: "Context._rng")
    w = tf.Variable(2.0)
    assert note in gradlab.explain(lambda: w * w, {"w": w}).notes


def test_a_function_whose_calls_cannot_be_followed_is_reported_without_them(monkeypatch):
    assert tf_internals.calls_through(SimpleNamespace(), print) is False
    monkeypatch.setattr(tf_internals, "calls_through", lambda function, run: False)
    w = tf.Variable([0.0, 4.0])

    @tf.function
    def step():
        with gradlab.Tape() as tape:
            loss = tf.reduce_sum(tf.sqrt(w))
        return tape.gradient(loss, w)

    assert not np.isfinite(step().numpy()).all()
    report = gradlab.last_report()
    assert report.rows[0].status is Kind.NOT_FINITE
    assert any("makes the calls of its functions in another way" in note for note in report.notes), report.notes


def test_a_replica_that_has_no_number_is_none(monkeypatch):
    monkeypatch.setattr(tf.distribute, "has_strategy", lambda: True)
    monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: SimpleNamespace())
    assert replicas.replica() is None and replicas.components([tf.constant(1.0)]) == {}


def test_followed_calls_are_those_of_the_function():
    assert compiled_steps._call.__module__ != tf_internals.__name__
    seen = []

    def run(function, plain, args, kwargs):
        seen.append((args, kwargs))
        return plain(*args, **kwargs)

    double = tf.function(lambda x, more=0.0: 2.0 * x + more)
    assert tf_internals.calls_through(double, run)
    assert float(double(3.0, more=1.0)) == 7.0 and seen == [((3.0,), {"more": 1.0})]


# --- sparse gradients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [tf.float32, tf.float16])
def test_the_norm_of_repeated_rows_is_that_of_the_dense_gradient(dtype):
    table = tf.Variable(tf.reshape(tf.range(12, dtype=tf.float32), (4, 3)))
    scale = tf.constant([[1.0], [2.0], [-3.0], [0.5]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(scale * tf.gather(table, [2, 0, 2, 0]) ** 2)
    sparse = tape.gradient(loss, table)
    sparse = tf.IndexedSlices(tf.cast(sparse.values, dtype), sparse.indices, sparse.dense_shape)
    dense = np.asarray(tf.cast(tf.convert_to_tensor(sparse), tf.float64))
    assert norm_of(sparse) == pytest.approx(np.linalg.norm(dense), rel=1e-3 if dtype == tf.float16 else 1e-6)
    assert norm_of(sparse) != pytest.approx(np.linalg.norm(sparse.values.numpy().astype(float)), rel=0.01)


def test_rows_that_cancel_are_zero():
    table = tf.Variable(tf.ones((4, 3)))
    with gradlab.Tape() as tape:
        loss = tf.reduce_sum(tf.constant([[1.0], [-1.0]]) * tf.gather(table, [2, 2]))
    gradient = tape.gradient(loss, table)
    assert not np.asarray(tf.convert_to_tensor(gradient)).any()
    assert status_of(gradient) is Kind.ZERO
    assert tape.report().rows[0].status is Kind.ZERO


# --- garbage collection ------------------------------------------------------------------------------------------------


def test_a_report_leaves_the_young_generations_to_the_collector():
    import gc

    before = gc.get_threshold()
    entered, leave = threading.Event(), threading.Event()

    def other():
        with recorded._few_collections():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with recorded._few_collections():
        assert gc.isenabled() and gc.get_threshold() == (*before[:2], recorded.RARE)
        thread.start()
        assert entered.wait(30)
    assert gc.get_threshold()[2] == recorded.RARE, "the other thread's report goes on"
    leave.set()
    thread.join()
    assert gc.get_threshold() == before
    with recorded._few_collections():
        gc.set_threshold(701, 11, 12)
    try:
        assert gc.get_threshold() == (701, 11, 12), "what the program sets meanwhile stays"
    finally:
        gc.set_threshold(*before)


def test_both_rooms_parse_while_no_other_thread_does(monkeypatch, tmp_path):
    from gradlab.doctor.source_code import nodes, syntax
    from gradlab.lines import statements

    held = []
    real = ast.parse
    monkeypatch.setattr(ast, "parse", lambda *a, **k: held.append(syntax.parsing._is_owned()) or real(*a, **k))
    file = tmp_path / "program.py"
    file.write_text("def f():\n    import sys; return sys._getframe().f_lasti\n", encoding="utf-8")
    names = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    statements.of_file(str(file))
    syntax.module(str(file))
    nodes.node_of((names["f"].__code__, names["f"](), (), ()))
    assert held == [True] * 3
