"""What an op is in the user's own line: `tf.round(h)` for Round, `a @ b` for MatMul."""

from __future__ import annotations

import ast
import re

from gradlab.doctor.recording.frames import Place
from gradlab.doctor.source_code import syntax

MAX_TEXT = 60  # characters of an expression that are quoted in a sentence

_OPERATORS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Add: ("addv2", "add"),
    ast.Sub: ("sub",),
    ast.Mult: ("mul",),
    ast.Div: ("realdiv",),
    ast.FloorDiv: ("floordiv",),
    ast.Mod: ("floormod",),
    ast.Pow: ("pow", "square"),
    ast.MatMult: ("matmul", "batchmatmulv2"),
    ast.USub: ("neg",),
    ast.Gt: ("greater",),
    ast.GtE: ("greaterequal",),
    ast.Lt: ("less",),
    ast.LtE: ("lessequal",),
    ast.Eq: ("equal",),
    ast.NotEq: ("notequal",),
}
# Ops whose name is not that of the function that makes them. (Others differ only in capitals, dots and a version.)
_FUNCTIONS = {
    "concatv2": ("concat", "concatenate"),
    "selectv2": ("where",),
    "topkv2": ("top_k",),
    "gatherv2": ("gather", "take"),
    "resourcegather": ("gather", "embedding_lookup"),
    "pack": ("stack",),
    "unpack": ("unstack",),
    "mean": ("reduce_mean", "mean"),
    "sum": ("reduce_sum", "sum"),
    "max": ("reduce_max", "max"),
    "min": ("reduce_min", "min"),
    "prod": ("reduce_prod", "prod"),
    "assignvariableop": ("assign",),
    "assignaddvariableop": ("assign_add",),
    "assignsubvariableop": ("assign_sub",),
    "eagerpyfunc": ("py_function",),
    "pyfunc": ("numpy_function", "py_func"),
}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def makes(node: ast.AST, kind: str) -> bool:
    """Can this expression be what ran an op of this type?"""
    if isinstance(node, ast.BinOp):
        return kind in _OPERATORS.get(type(node.op), ())
    if isinstance(node, ast.UnaryOp):
        return kind in _OPERATORS.get(type(node.op), ())
    if isinstance(node, ast.Compare):
        return any(kind in _OPERATORS.get(type(op), ()) for op in node.ops)
    if isinstance(node, ast.Call):
        name = syntax.dotted(node.func).rpartition(".")[2]
        return bool(name) and _plain(name) in {
            kind,
            re.sub(r"v\d$", "", kind),
            *map(_plain, _FUNCTIONS.get(kind, ())),
        }
    return False


def in_line(kind: str, place: Place | None, node: ast.AST | None = None) -> str:
    """The expression of the line that ran an op of this type; empty if the line has none.

    `node` is the expression that was being evaluated, if it is known: it is the answer, or some code that it calls ran
    the op. Otherwise the text is searched, and more than one candidate is no answer.
    """
    if node is not None:
        return _short(ast.unparse(node)) if makes(node, kind.lower()) else ""
    statement = syntax.statement_at(place.file, place.line) if place is not None else None
    if statement is None or place is None:
        return ""
    nodes = [
        node
        for head in syntax.headers(statement)
        for node in ast.walk(head)
        if makes(node, kind.lower()) and node.lineno <= place.line <= (node.end_lineno or node.lineno)  # type: ignore[attr-defined]
    ]
    texts = {ast.unparse(node) for node in nodes}
    return _short(texts.pop()) if len(texts) == 1 else ""


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else ""


def named(kind: str, place: Place | None, node: ast.AST | None = None) -> str:
    """The op's type, with what it is in the user's line where that can be told: "Round, `tf.round(h)`,"."""
    text = in_line(kind, place, node)
    return f"`{text}` ({kind})" if text else kind
