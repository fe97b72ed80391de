"""The lines of code that ran, with the tape's bracket and their visits."""

from __future__ import annotations

import linecache

from gradlab.lines import statements
from gradlab.lines.model import Line
from gradlab.lines.parts import MAX_TEXT, Visit
from gradlab.lines.recording import Recording
from gradlab.lines.values import Cell, Measured

Lines = dict[tuple[str, int], Line]


def _ran(recording: Recording, found: Measured) -> dict[str, dict[str, tuple[int, int]]]:
    """{file: {function: (first line, last line)}} of what ran in the window, with the functions around the question."""
    functions: dict[str, dict[str, tuple[int, int]]] = {}
    codes = {id(v.code): v.code for cell in found.cells for v in cell.chain()}
    for ask in recording.asks if found.ask is None else [found.ask]:
        codes.update({id(code): code for code, _, _ in ask.frames})
    for code in codes.values():
        known = statements.of_file(code.co_filename)
        at = known.function(code.co_name, code.co_firstlineno)
        if at is not None and at.name != "<module>":
            functions.setdefault(code.co_filename, {})[f"{at.name}:{at.first}"] = (at.first, at.last)
    return functions


def lines_of(recording: Recording, found: Measured) -> Lines:
    """A line for each line of the functions that ran, and for each statement outside of functions that ran."""
    lines: Lines = {}
    for file, functions in _ran(recording, found).items():
        for name, (first, last) in sorted(functions.items(), key=lambda item: item[1]):
            for number in range(first, last + 1):
                lines[file, number] = line_of(file, number, name.partition(":")[0])
    for file, counts in recording.tracker.ran.items():
        known = statements.of_file(file)
        inside = {(v.file, v.statement) for v in found.cells}
        for statement in counts:
            if (file, statement) in lines or (file, statement) not in inside:
                continue
            for number in range(statement, known.last.get(statement, statement) + 1):
                lines[file, number] = line_of(file, number, "<module>")
    places = _bodies(found) | (
        {(found.ask.file, found.ask.line)} if found.ask is not None and found.ask.file else set()
    )
    for file, at in places:  # the tape's block and the question, where they stand outside of functions
        known = statements.of_file(file)
        start = known.start(at)
        for number in range(start, known.last.get(start, start) + 1):
            if (file, number) not in lines:
                lines[file, number] = line_of(file, number, "<module>")
    for visit in found.cells:  # code without a source that can be read: its numbers only
        if (visit.file, visit.statement) not in lines:
            lines[visit.file, visit.statement] = line_of(visit.file, visit.statement, visit.code.co_name)
    return lines


def line_of(file: str, number: int, function: str) -> Line:
    """A line of a file, with nothing known of it but its text."""
    known = statements.of_file(file)
    text = linecache.getline(file, number).rstrip("\r\n")
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    start = known.start(number)
    return Line(
        file, number, known.last.get(start, number) if start == number else number, text, function, statement=start
    )


def main_file(found: Measured, lines: Lines) -> str:
    """The file that is shown first: that of the question, else that of the outermost code that ran."""
    if found.ask is not None and found.ask.file:
        return found.ask.file
    first = min(found.cells, key=lambda v: v.id, default=None)
    if first is not None:
        return first.chain()[-1].file
    return next(iter(lines), ("", 0))[0]


def fill(lines: Lines, found: Measured, recording: Recording) -> None:
    """Brackets and visits."""
    tape = found.tape
    number = tape.number if tape is not None else -1
    by_statement: dict[tuple[str, int], list[Cell]] = {}
    for cell in found.cells.values():
        by_statement.setdefault((cell.visit.file, cell.visit.statement), []).append(cell)
    recorded: dict[tuple[str, int], set[bool]] = {}
    for op in found.ops:
        for v in op.visit.chain() if op.visit is not None else ():
            recorded.setdefault((v.file, v.statement), set()).add(number in op.active)
    body = _bodies(found)
    for at, line in lines.items():
        file, _ = at
        start = file, line.statement
        if at in body:
            line.bracket = "in"
        elif start in recorded:
            line.bracket = "in" if recorded[start] == {True} and not _opens(found, start) else "part" if True in recorded[start] else "out"  # fmt: skip
        line.ran = recording.tracker.ran.get(file, {}).get(line.number, 0)
        cells = sorted(by_statement.get(at, []), key=lambda c: c.visit.id) if line.statement == line.number else []
        if any(c.kind for c in cells):
            offset = min(c.visit.n for c in cells)
            line.visits = [_visit(c, offset) for c in cells]
    _spread(lines, found, recorded)


def _opens(found: Measured, at: tuple[str, int]) -> bool:
    """Does a function that this line calls enter the tape? Then the line itself is not inside it."""
    tape = found.tape
    if tape is None:
        return False
    return any(v.file == at[0] and v.statement == at[1] and tape.number not in v.active for v in found.cells)


def _spread(lines: Lines, found: Measured, recorded: dict[tuple[str, int], set[bool]]) -> None:
    """Lines that ran no op stand inside the tape if all lines of their function that did are inside."""
    by_function: dict[tuple[str, str], set[bool]] = {}
    for at, flags in recorded.items():
        line = lines.get(at)
        if line is not None:
            by_function.setdefault((line.file, line.function), set()).update(
                {f and line.bracket != "part" for f in flags}
            )
    with_body = {(lines[at].file, lines[at].function) for at in _bodies(found) if at in lines}
    for line in lines.values():
        whole = by_function.get((line.file, line.function)) == {True}
        started = line.statement in statements.of_file(line.file).loops and not line.text.lstrip().startswith(
            ("def ", "@", "class ")
        )
        if (
            whole
            and started
            and (line.file, line.function) not in with_body
            and (line.file, line.statement) not in recorded
        ):
            line.bracket = "in"


def _bodies(found: Measured) -> set[tuple[str, int]]:
    """The lines of the `with` blocks of the tape, headers included, without those of stop_recording."""
    tape = found.tape
    lines: set[tuple[str, int]] = set()
    if tape is None:
        return lines
    for places, keep in ((tape.withs, True), (tape.holes, False)):
        for file, at in places:
            known = statements.of_file(file)
            header = known.start(at)
            if header in known.withs:
                first, last = known.withs[header]
                block = {(file, n) for n in range(header if keep else first, last + 1)}
                lines = lines | block if keep else lines - block
    return lines


def _visit(cell: Cell, offset: int) -> Visit:
    v = cell.visit
    parent = v.parent.id if v.parent is not None else None
    return Visit(
        v.id, v.n - offset, cell.kind, cell.norm, cell.shapes, cell.op, cell.host, parent, v.activation, v.loop
    )
