"""Every op type that the doctor knows is one that TensorFlow has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import tensorflow as tf

import gradlab.doctor
from gradlab.doctor import op_types

SETS = {name: found for name, found in vars(op_types).items() if isinstance(found, frozenset)}
FILES = sorted(Path(gradlab.doctor.__file__).parent.rglob("*.py"))
# Ops that the eager runtime and graphs have and that nobody can call: they are not in tf.raw_ops.
NOT_CALLABLE = {"PartitionedCall", "StatefulPartitionedCall"} - set(dir(tf.raw_ops))


@pytest.mark.parametrize("name", SETS)
def test_every_name_is_an_op(name):
    assert SETS[name] and not SETS[name] - set(dir(tf.raw_ops)) - NOT_CALLABLE


def test_the_tests_by_name_hold_for_the_ops_they_are_about():
    assert op_types.is_write("AssignAddVariableOp") and op_types.is_write("QueueEnqueueV2")
    assert not op_types.is_write("ReadVariableOp") and not op_types.is_write("QueueDequeueV2")
    assert op_types.is_call("__inference_step_12") and not op_types.is_call("MatMul")
    assert op_types.is_pipeline("IteratorGetNext") and op_types.is_pipeline("LookupTableFindV2")
    assert not op_types.is_pipeline("TensorListStack")  # a TensorArray has gradients
    assert op_types.takes_data("IteratorGetNextSync") and not op_types.takes_data("IteratorV2")
    assert op_types.is_repeatable("ResourceApplyAdam") and op_types.is_repeatable("AssignSubVariableOp")
    assert not op_types.is_repeatable("RandomStandardNormal") and not op_types.is_repeatable("PrintV2")
    assert op_types.is_draw("TruncatedNormal") and not op_types.is_draw("Mul")


def literals(path):
    """The texts in a file that are names of ops, with their lines, outside of docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Set | ast.Tuple | ast.List) and len(node.elts) > 1:
            texts = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            if len(texts) > 1 and all(re.fullmatch(r"[A-Z]\w+", t) and t in dir(tf.raw_ops) for t in texts):
                yield node.lineno, texts


# A Run still finds reads by two op types of its own.
STILL = {"recorded_run.py"}


@pytest.mark.parametrize("path", [p for p in FILES if p.name not in STILL], ids=lambda p: p.name)
def test_no_other_file_has_a_set_of_op_types(path):
    assert path.name == "op_types.py" or not list(literals(path))
