"""From a recording and a question to `LineGradients`: lines with bracket, visits, read sources, ways, arrows and marks."""

from __future__ import annotations

import linecache
from typing import Any

import tensorflow as tf

from gradlab.lines import statements
from gradlab.lines.doctor_parts import FLOATS, Eager, is_user_file, key, unwrap
from gradlab.lines.model import MAX_TEXT, Arrow, Line, LineGradients, Question, SourceKind, Visit
from gradlab.lines.naming import named
from gradlab.lines.recording import Ask, Recording
from gradlab.lines.values import Cell, Measured, measure, norm
from gradlab.lines.variable_lists import Missing, candidates, missing
from gradlab.lines.visits import Visit as Ran

STRIPS = 8  # further questions to the same tape that get a strip of their own: each costs a gradient call
ARROWS = 200  # arrows that are kept: more cannot be drawn


def build(recording: Recording, *, ask: int = -1, names: dict[str, Any] | None = None, error: BaseException | None = None) -> LineGradients:  # fmt: skip
    """The line gradients of one of the recorded questions (the last by default); of the whole run if there is none.

    `names` gives the sources the caller's names. `error` is the exception that ended the run.
    """
    question = recording.asks[ask] if recording.asks else None
    own = _own_sources(question, names)
    pairs = own if question is None or question.own else dict(named(question, names))
    lists = candidates(recording, question, pairs)
    found = measure(recording, question, [*own.values(), *(c.variable for c in lists)])
    sources, values = _sources(found, names, pairs)
    lacking = missing(lists, found.given[len(own) :], question, pairs) if question is not None else []
    # A source that was asked for though the list lacks it is said to be missing from the list.
    sources = [s for s in sources if s.name not in {m.name for m in lacking}]
    sources += [SourceKind(m.name, "missing", None, m.shape) for m in lacking]
    values = {**values, **{m.name: m.variable for m in lacking}}
    lines = _lines(recording, found)
    _fill(lines, found, recording)
    _tag(lines, found, sources, values, lacking)
    chosen = question if question is not None else None
    asks = [_question(recording, q) for q in recording.asks] or []
    at = recording.asks.index(chosen) if chosen is not None else 0
    if asks:
        asks[at].measure = found.measure
    result = LineGradients(
        file=_main_file(recording, found, lines),
        lines=[lines[k] for k in sorted(lines)],
        sources=sources,
        asks=asks,
        ask=at,
        tapes=sum(1 for t in recording.tapes if not any(a.own and a.tape is t for a in recording.asks)),
        tape=0 if chosen is None or chosen.own else chosen.tape.number + 1,
        rule=recording.tracker.rule,
        arrows=_arrows(found),
    )
    result.lines.sort(key=lambda x: (x.file != result.file, x.file, x.number))
    _strips(recording, result, chosen, lines)
    for line in result.lines:
        if chosen is not None and not chosen.own:
            line.asks = (
                line.file == chosen.file and line.number <= chosen.line <= line.last and line.statement == line.number
            )
    raised = error if error is not None else (chosen.error if chosen is not None else None)
    if raised is not None:
        _raise(result, raised)
    if chosen is not None and chosen.in_function:
        result.mode = "the tf.function that asks the tape ran eagerly in place of its graph"
    result.notes = _notes(recording, found, raised is not None)
    return result


# --- sources ----------------------------------------------------------------------------------------------------------


def _own_sources(ask: Ask | None, names: dict[str, Any] | None) -> dict[str, Any]:
    """The sources that nobody has asked the learner's tape for: ours are asked with the values, in one call."""
    return {n: unwrap(v) for n, v in (names or {}).items()} if ask is not None and ask.own else {}


def _sources(
    found: Measured, names: dict[str, Any] | None, pairs: dict[str, Any]
) -> tuple[list[SourceKind], dict[str, Any]]:
    """The sources of the question with their kinds, and the tensors or variables behind them."""
    ask = found.ask
    if ask is None:
        values = {n: unwrap(v) for n, v in (names or {}).items()}
        return [SourceKind(n, "ran", None, _shape(v)) for n, v in values.items()], values
    results: list[Any] = found.given[: len(pairs)] if ask.own else _leaves(ask.result)
    if len(results) != len(pairs):
        results = [None] * len(pairs)
    raised = ask.error is not None or (ask.own and found.fault != "")
    kinds = [_kind(name, value, g, raised) for (name, value), g in zip(pairs.items(), results, strict=True)]
    return kinds, dict(pairs)


def _leaves(result: Any) -> list[Any]:
    if isinstance(result, dict):
        return [x for k in result for x in _leaves(result[k])]
    if isinstance(result, (list, tuple)) and not isinstance(result, tf.IndexedSlices):
        return [x for v in result for x in _leaves(v)]
    return [result]


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in value.shape)
    except (AttributeError, TypeError, ValueError):
        return ()


def _kind(name: str, value: Any, gradient: Any, raised: bool) -> SourceKind:
    if raised:
        return SourceKind(name, "raises", None, _shape(value))
    if gradient is None:
        return SourceKind(name, "none", None, _shape(value))
    size = norm(gradient)
    kind = "nan" if size != size else "inf" if size == float("inf") else "zero" if size == 0 else "ok"
    return SourceKind(name, kind, size, _shape(value))


# --- lines ------------------------------------------------------------------------------------------------------------

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


def _lines(recording: Recording, found: Measured) -> Lines:
    """A line for each line of the functions that ran, and for each statement outside of functions that ran."""
    lines: Lines = {}
    for file, functions in _ran(recording, found).items():
        for name, (first, last) in sorted(functions.items(), key=lambda item: item[1]):
            for number in range(first, last + 1):
                lines[file, number] = _line(file, number, name.partition(":")[0])
    for file, counts in recording.tracker.ran.items():
        known = statements.of_file(file)
        inside = {(v.file, v.statement) for v in found.cells}
        for statement in counts:
            if (file, statement) in lines or (file, statement) not in inside:
                continue
            for number in range(statement, known.last.get(statement, statement) + 1):
                lines[file, number] = _line(file, number, "<module>")
    for visit in found.cells:  # code without a source that can be read: its numbers only
        if (visit.file, visit.statement) not in lines:
            lines[visit.file, visit.statement] = _line(visit.file, visit.statement, visit.code.co_name)
    return lines


def _line(file: str, number: int, function: str) -> Line:
    known = statements.of_file(file)
    text = linecache.getline(file, number).rstrip("\r\n")
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    start = known.start(number)
    return Line(
        file, number, known.last.get(start, number) if start == number else number, text, function, statement=start
    )


def _main_file(recording: Recording, found: Measured, lines: Lines) -> str:
    if found.ask is not None and found.ask.file:
        return found.ask.file
    first = min(found.cells, key=lambda v: v.id, default=None)
    if first is not None:
        return first.chain()[-1].file
    return next(iter(lines), ("", 0))[0]


def _fill(lines: Lines, found: Measured, recording: Recording) -> None:
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
                {f and not (line.bracket == "part") for f in flags}
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


# --- tags -------------------------------------------------------------------------------------------------------------


def _tag(
    lines: Lines, found: Measured, sources: list[SourceKind], values: dict[str, Any], lacking: list[Missing]
) -> None:
    """Which line reads which source, and through which lines the way of each source goes."""
    keys: dict[int, list[int]] = {}
    for i, source in enumerate(sources):
        value = unwrap(values.get(source.name))
        if isinstance(value, (Eager, tf.Variable)):
            keys.setdefault(key(value), []).append(i)
    bits: dict[int, int] = {k: sum(1 << i for i in which) for k, which in keys.items()}
    own = dict(bits)
    reading: dict[tuple[str, int], int] = {}
    for op in found.ops:
        mask = 0
        for k in op.ins:
            handle = found.reads.get(k, k)
            mask |= bits.get(handle, 0)
            direct = own.get(handle, 0)
            if direct and not op.type.startswith("Assign") and op.visit is not None:
                at = op.visit.file, op.visit.statement
                reading[at] = reading.get(at, 0) | direct
        if op.type.startswith("Assign") and op.ins:
            bits[op.ins[0]] = own.get(op.ins[0], 0) | mask
        for k in op.outs:
            if mask:
                bits[k] = mask
    needed = _needed(found)
    for at, mask in reading.items():
        if at in lines:
            lines[at].reads = [(s.name, s.kind) for i, s in enumerate(sources) if mask >> i & 1]
    reached = 0
    for k in needed:
        reached |= bits.get(k, 0)
    for cell in found.cells.values():
        line = lines.get((cell.visit.file, cell.visit.statement))
        if line is None:
            continue
        mask = 0
        for k in cell.keys:
            # Where the path leaves TensorFlow nothing leads on to the target: then every line behind the source counts.
            mask |= bits.get(k, 0) if k in needed else bits.get(k, 0) & ~reached
        line.way = [s.name for i, s in enumerate(sources) if mask >> i & 1 or s.name in line.way]
    for m in lacking:
        for at in m.lines:
            if at in lines and m.name not in lines[at].missing:
                lines[at].missing.append(m.name)


def _needed(found: Measured) -> set[int]:
    """The values that the target was computed from."""
    needed = {key(t) for t in found.targets}
    for op in reversed(found.ops):
        if any(k in needed for k in op.outs):
            needed.update(op.ins)
        elif op.type.startswith("Assign") and op.ins and op.ins[0] in needed:
            needed.update(op.ins)
    return needed


def _arrows(found: Measured) -> list[Arrow]:
    """Values that were made outside the tape, or by Python, and are used inside it on another line."""
    tape = found.tape
    if tape is None:
        return []
    arrows: dict[tuple[Any, ...], Arrow] = {}
    tensors = found.stretch.tensors
    for op in found.ops:
        if tape.number not in op.active or op.visit is None or len(arrows) >= ARROWS:
            continue
        for k in op.ins:
            visit, inside = found.made.get(k), found.inside.get(k)
            if visit is None or inside is True or tensors[k].dtype not in FLOATS:
                continue
            target = _user(op.visit, visit)
            if (visit.file, visit.statement) == (target.file, target.statement):
                continue
            at = (visit.file, visit.statement, target.file, target.statement, visit.n)
            arrows.setdefault(at, Arrow(visit.file, visit.statement, visit.id, target.file, target.statement, target.id, "host" if inside is None else "outside", _shape(tensors[k])))  # fmt: skip
    return list(arrows.values())


def _user(visit: Ran, maker: Ran) -> Ran:
    """The visit that uses a value, in the function that made it if that is around."""
    return next((v for v in visit.chain() if v.activation == maker.activation), visit)


# --- questions, exceptions, notes -------------------------------------------------------------------------------------


def _question(recording: Recording, ask: Ask) -> Question:
    target = next((t for t in tf.nest.flatten(ask.target, expand_composites=True) if isinstance(unwrap(t), (Eager, tf.Variable))), None)  # fmt: skip
    return Question(ask.what, ask.file, ask.line, _shape(target), "gradient", 0 if ask.own else ask.tape.number + 1)


def _strips(recording: Recording, result: LineGradients, chosen: Ask | None, lines: Lines) -> None:
    """One strip more for each other question to the same tape: the same visits, another target."""
    if chosen is None:
        return
    others = [
        (i, a) for i, a in enumerate(recording.asks) if a is not chosen and a.tape is chosen.tape and a.error is None
    ]
    for i, ask in others[-STRIPS:]:
        found = measure(recording, ask)
        result.asks[i].measure = found.measure
        cells = {cell.visit.id: cell for cell in found.cells.values()}
        for line in result.lines:
            if line.visits:
                here = [cells.get(v.id) for v in line.visits]
                line.strips[i] = [(c.kind, c.norm) if c is not None else ("", None) for c in here]


def _raise(result: LineGradients, error: BaseException) -> None:
    places: list[tuple[str, int]] = []
    tb = error.__traceback__
    while tb is not None:
        if is_user_file(tb.tb_frame.f_code.co_filename):
            places.append((tb.tb_frame.f_code.co_filename, tb.tb_lineno))
        tb = tb.tb_next
    text = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {text[0] if text else ''}".rstrip(": ")[:MAX_TEXT]
    result.error = error
    shown = {(line.file, line.number): line for line in result.lines}
    for file, number in reversed(places):
        if result.raised is None:
            result.raised = file, number, words
        start = statements.of_file(file).start(number)
        if (file, start) in shown:
            result.raised = file, start, words
            shown[file, start].raised = words
            break


def _notes(recording: Recording, found: Measured, raised: bool) -> list[str]:
    notes = []
    if found.ask is None:
        if recording.forward_mode:
            notes.append(
                "forward mode (tf.autodiff.ForwardAccumulator): it gives the derivative of every value with respect to the "
                "source, not of the loss with respect to the values, so the lines have no strip"
            )
        elif raised:
            notes.append("the run ended before a tape was asked for a gradient")
        elif recording.graphs:
            notes.append(
                "the gradients were asked for in a graph (tf.gradients): there is no tape, so the lines have no strip"
            )
        else:
            notes.append("no tf.GradientTape was asked for a gradient, so the lines have no strip")
    if found.fault:
        notes.append(f"the norms cannot be told: the tape refused to differentiate again ({found.fault})")
    if found.measure == "sum" and found.ask is not None:
        notes.append(
            "the target is no scalar: the norms are those of the gradient of its sum, as tape.gradient gives it"
        )
    if found.measure == "jacobian":
        notes.append("the norms are those of the Jacobian of the whole target (Frobenius)")
    if recording.graphs and found.ask is not None:
        notes.append("a tf.function ran as a graph: its call is one value, the lines inside it are not seen")
    if recording.functions and not (found.ask is not None and found.ask.in_function):
        notes.append("tf.functions ran eagerly, so that their lines can be seen")
    if recording.tracker.rule != "line events":
        notes.append(
            "a debugger or coverage holds Python's trace hook, so visits are told from the stack at each op: "
            "lines that make no op have none"
        )
    if found.stretch.truncated:
        notes.append(f"only the first {len(found.stretch.ops)} ops were recorded: take fewer steps to see the rest")
    return notes
