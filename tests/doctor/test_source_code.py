"""What the text says, on short pieces of source."""

from __future__ import annotations

import ast
import importlib.util
import linecache
import textwrap

import pytest
import tensorflow as tf
from traces import Drawn

from gradlab.doctor.recording import frames
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.sources import Source, is_owner
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.source_code import host_calls, syntax, value_flow
from gradlab.doctor.source_code.scope import UserScope, way_to
from gradlab.doctor.source_code.symbolic_calls import put_in


def source(text: str) -> str:
    """A file name under which the text can be found."""
    text = textwrap.dedent(text).lstrip("\n")
    name = f"<ipython-input-text-{hash(text)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return name


def line_of(file: str, mark: str = "# here") -> int:
    return next(n for n, text in enumerate(linecache.getlines(file), 1) if mark in text)


# --- sources ----------------------------------------------------------------------------------------------------------


def test_what_owns_variables_is_told_without_running_its_properties():
    class Raises:
        @property
        def trainable_variables(self):
            raise RuntimeError("only after build()")

    class Holds:
        def __init__(self):
            self.trainable_variables = []

    module = tf.Module()
    module.table = {tf.Module(): True, tf.Module(): False}  # wrapped by TensorFlow; sorts its keys when it is asked
    assert is_owner(module) and is_owner(Raises()) and is_owner(Holds())
    assert not any(map(is_owner, (module.table, [module], (module,), Raises, tf.Variable(1.0), 3)))


# --- syntax -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [("a", "a"), ("a.b.c", "a.b.c"), ("a[0].b", "a[0].b"), ("a['k']", "a['k']"), ("a[i]", ""), ("f(x).y", "")],
)
def test_dotted_names(text, name):
    assert syntax.dotted(ast.parse(text, mode="eval").body) == name


def test_definitions_are_those_of_the_innermost_scope_above_the_line():
    file = source("""
        w = 0
        def loss():
            w = 1
            w = 2
            return w  # here
            w = 3
        w = 4
    """)
    values = [ast.unparse(d.value) for d in syntax.definitions(file, "w", line_of(file))]
    assert values == ["1", "2"]
    assert [ast.unparse(d.value) for d in syntax.definitions(file, "w", 1)] == ["0"]
    assert len(syntax.definitions(file, "w", line_of(file), before=False)) == 3


def test_tuples_are_taken_apart():
    statement = ast.parse("a, (b, c) = 1, f()").body[0]
    pairs = [(ast.unparse(t), ast.unparse(v)) for t, v in syntax.assigned(statement)]
    assert pairs == [("a", "1"), ("(b, c)", "f()")]
    statement = ast.parse("a, *rest = values").body[0]
    assert {ast.unparse(v) for _, v in syntax.assigned(statement)} == {"values"}
    statement = ast.parse("a += 1").body[0]
    assert [ast.unparse(v) for _, v in syntax.assigned(statement)] == ["a + 1"]


def test_the_smallest_statement_around_a_line():
    file = source("""
        if flag:
            y = f(
                x,  # here
            )
    """)
    assert isinstance(syntax.statement_at(file, line_of(file)), ast.Assign)
    assert isinstance(syntax.statement_at(file, 1), ast.If)
    assert syntax.statement_at("<no such file>", 1) is None


def test_magics_do_not_spoil_a_cell():
    file = source("%load_ext gradlab\n!pip list\nx = 1  # here\n")
    assert isinstance(syntax.statement_at(file, 3), ast.Assign)


def test_the_line_of_an_element_in_a_literal():
    file = source("""
        weights = {
            "w": tf.Variable(1.0),
            "b": tf.Variable(0.0),
        }
        print(weights)  # here
    """)
    (definition,) = syntax.definitions(file, "weights", line_of(file))
    assert definition.inside(["['b']"]).line == 3
    assert definition.inside(["['c']"]).line == 1


def test_how_a_source_is_spelled_and_where_it_was_made():
    file = source("""
        kernel = tf.Variable(2.0)
        layer.bias = tf.Variable(1.0)
        gradlab.explain(loss, {"k": kernel, "b": layer.bias})  # here
    """)
    scope = UserScope(None, [(file, line_of(file))], {})
    kernel, bias = (Source(n, None, tf.Variable(1.0)) for n in "kb")
    assert scope.aliases(kernel) == {"kernel"} and scope.aliases(bias) == {"layer.bias", "layer"}
    assert scope.definition(kernel) == Place(file, 1, "<module>")
    assert scope.definition(bias).line == 2


def test_the_way_to_a_variable_through_objects():
    class Holder:
        pass

    inner, outer, w = Holder(), Holder(), tf.Variable(1.0)
    outer.part, inner.weights_by_name = inner, {"w": w}
    assert [name for _, name in way_to(outer, w)] == ["part", "weights_by_name", "['w']"]
    assert way_to(outer, tf.Variable(1.0)) == []


# --- calls into Python and NumPy --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("y = np.tanh(h)", "tanh"),
        ("y = h.numpy()", "numpy"),
        ("y = float(h)", "float"),
        ("y = model.predict(x)", "predict"),
        ("y = tf.py_function(f, [h], tf.float32)", "py_function"),
        ("y = tf.tanh(h)", None),
        ("y = np", None),
    ],
)
def test_calls_that_leave_tensorflow(text, how):
    call = host_calls.host_call(ast.parse(text).body[0])
    assert (host_calls.how_of(call) if call is not None else None) == how


def test_only_calls_that_read_the_value_count():
    statement = ast.parse("y = np.zeros(3) + np.tanh(h)").body[0]
    assert host_calls.host_call(statement, {"h"}).args[0].id == "h"
    assert host_calls.host_call(statement, {"g"}) is None


def test_printing_is_no_way_out():
    assert host_calls.is_logging_call(ast.parse("print(float(h))").body[0])
    assert not host_calls.is_logging_call(ast.parse("y = float(h)").body[0])


def test_a_way_out_in_a_function_that_gets_the_value():
    file = source("""
        def score(guess):
            return float(guess)
        h = tf.exp(x)  # here
        y = score(h)
    """)
    spot = Place(file, line_of(file), "<module>")
    ways = [([p.line for p in way], how) for way, how, _ in host_calls.in_text([spot])]
    assert ([2, 4], "float") in ways


# --- from a line to an op ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a = b + c", {"a"}),
        ("a, b.c = f()", {"a", "b.c"}),
        ("a[i] = 3", {"a"}),
        ("xs.append(y)", {"xs"}),
        ("for i in xs: pass", {"i"}),
        ("if (n := len(xs)) > 3: pass", {"n"}),
    ],
)
def test_what_a_statement_writes(text, names):
    assert value_flow.writes(ast.parse(text).body[0]) == names


def test_reads_are_of_the_value_and_not_of_the_target():
    assert value_flow.reads(ast.parse("a[i] = b.c").body[0]) >= {"i", "b.c"}
    assert "a" not in value_flow.reads(ast.parse("a = b").body[0])


def reach(file: str, line: int) -> value_flow.Reach:
    """The reach of a run in which one op took in a number, at this line."""
    d = Drawn()
    op = d.op("Mul", "number x", "loss", line=line)
    op.stack = ((compile("0", file, "eval"), line),)
    return value_flow.Reach([op], [op])


def test_a_number_is_followed_to_the_op_that_takes_it():
    file = source("""
        n = float(h)  # out
        m = n * 2.0
        other = 3.0
        loss = x * m  # back
    """)
    back = line_of(file, "# back")
    hit = reach(file, back).follow([Place(file, line_of(file, "# out"))], -1)
    assert hit.type == "Mul"


def test_a_number_that_is_used_by_nothing_goes_nowhere():
    file = source("""
        n = float(h)  # out
        print(n)
        loss = x * 2.0  # back
    """)
    hit = reach(file, line_of(file, "# back")).follow([Place(file, line_of(file, "# out"))], -1)
    assert hit == value_flow.NOWHERE


def test_an_op_before_the_number_did_not_take_it():
    file = source("""
        n = float(h)  # out
        loss = x * n  # back
    """)
    assert reach(file, 2).follow([Place(file, 1)], 5) == value_flow.NOWHERE


def test_a_returned_number_is_followed_in_the_caller():
    file = source("""
        def scale(h):
            return float(h)  # out
        n = scale(h)  # call
        loss = x * n  # back
    """)
    spots = [Place(file, line_of(file, "# out"), "scale"), Place(file, line_of(file, "# call"))]
    assert reach(file, line_of(file, "# back")).follow(spots, -1).type == "Mul"


def test_a_number_that_chooses_a_branch():
    file = source("""
        flag = float(h) > 0  # out
        if flag:
            loss = x * 2.0  # back
    """)
    found = reach(file, line_of(file, "# back")).follow([Place(file, 1)], 5)
    assert found == value_flow.BRANCH


def test_packages_in_a_folder_of_their_own_are_no_learners_code(tmp_path, monkeypatch):
    """`pip install --target folder`: TensorFlow stands in none of Python's own folders, and the program beside it."""
    for name in ("tensorflow", "keras"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        (tmp_path / f"{name}-1.0.dist-info" / "RECORD").write_text(f"{name}/__init__.py,,\n../bin/{name},,\n")
    spec = importlib.util.spec_from_file_location("tensorflow", tmp_path / "tensorflow" / "__init__.py")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    monkeypatch.setattr(frames, "_ROOTS", frames._library_roots())
    assert not frames.is_user_file(str(tmp_path / "tensorflow" / "python" / "ops" / "gen_math_ops.py"))
    assert not frames.is_user_file(str(tmp_path / "keras" / "src" / "layer.py"))
    assert frames.is_user_file(str(tmp_path / "train.py"))


def test_a_notebook_cells_temporary_file_is_not_shown():
    assert frames.Place("/tmp/ipykernel_1/623068746.py", 7).shown_file == "notebook cell"
    assert frames.Place("train.py", 7).shown_file == "train.py"


# --- ops that are put into a model ------------------------------------------------------------------------------------


def made_by(text: str) -> str:
    """The line that put a Floor into a model that `model.fit` runs, by its text."""
    file = source(text)
    code = compile("".join(linecache.getlines(file)), file, "exec")
    ran = Op(0, "Floor", (0,), (1,), ((code, line_of(file)),), frozenset())
    place = put_in(ran, Place(file, line_of(file)), [ran])
    return place.code if place is not None else ""


def test_the_one_line_that_can_have_put_an_op_into_a_model_is_named():
    assert made_by("h = ops.floor(h)\nmodel.fit(x)  # here") == "h = ops.floor(h)"
    assert made_by("h = keras.ops.floor(h)\nmodel.fit(x)  # here") == "h = keras.ops.floor(h)"


def test_no_line_is_named_where_two_can_be_meant_or_the_line_itself_ran_the_op():
    assert made_by("h = ops.floor(h)\nh = ops.floor(2 * h)\nmodel.fit(x)  # here") == ""
    assert made_by("ops.floor(h)\ny = ops.floor(h)  # here") == ""
    assert made_by("h = np.floor(h)\nmodel.fit(x)  # here") == ""


def test_no_caller_takes_out_what_a_function_keeps_to_itself():
    """The caller's float() takes the result of `step`; `seen`, a local name that leads to no return, is not in it."""
    file = source("""
        def step(x):
            seen = tf.exp(x)  # here
            return tf.reduce_sum(x)
        y = float(step(x))
    """)
    calls = [Place(file, line_of(file), "step"), Place(file, 4, "<module>")]
    assert list(host_calls.in_text(calls)) == []
    kept = source("""
        def step(x):
            seen = tf.exp(x)  # here
            return tf.reduce_sum(seen)
        y = float(step(x))
    """)
    calls = [Place(kept, line_of(kept), "step"), Place(kept, 4, "<module>")]
    assert [(way[0].line, how, returned) for way, how, returned in host_calls.in_text(calls)] == [(4, "float", 1)]
