"""From a line of the file that AutoGraph generated back to the learner's own line.

Newer TensorFlow converts the function given to tf.map_fn even in eager mode, and what runs then is a generated file.
AutoGraph keeps a map of its lines on the converted function (`ag_source_map`, no promise of TensorFlow): where it is
missing, the line that called map_fn stands for what ran inside.
"""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any

GENERATED, CONVERTER = "generated", "converter"


def kind(code: CodeType) -> str:
    """GENERATED for a generated function, CONVERTER for the AutoGraph frame that runs one, "" for anything else."""
    if "__autograph_generated_file" in code.co_filename:
        return GENERATED
    return CONVERTER if code.co_name == "converted_call" and "autograph" in code.co_filename else ""


def original(converter: FrameType, generated: list[FrameType]) -> tuple[CodeType, int] | None:
    """The learner's code and line that the innermost of these generated frames runs; None if nothing tells."""
    names = converter.f_locals
    lines: Any = getattr(names.get("converted_f"), "ag_source_map", None)
    function: Any = names.get("f")
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None:  # an object that is called: what runs is its class's __call__
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004 (the function is wanted)
    if not isinstance(lines, dict) or not isinstance(code, CodeType):
        return None
    try:
        known = {place.lineno: origin.loc.lineno for place, origin in lines.items()}
    except AttributeError:
        return None
    for frame in generated:
        above = [n for n in known if n <= frame.f_lineno]
        if above:
            return code, int(known[max(above)])
    return None
