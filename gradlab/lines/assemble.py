"""From a recording and a question to `LineGradients`: lines with bracket, visits, read sources, ways, arrows and marks."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.lines import statements
from gradlab.lines.code_lines import fill, line_of, lines_of, main_file
from gradlab.lines.doctor_parts import Eager, is_user_file, shape_of, unwrap
from gradlab.lines.model import LineGradients
from gradlab.lines.naming import named
from gradlab.lines.parts import Question, SourceKind
from gradlab.lines.recorded import Ask
from gradlab.lines.recording import Recording
from gradlab.lines.slopes import norm
from gradlab.lines.values import Measured, measure
from gradlab.lines.variable_lists import candidates, missing
from gradlab.lines.ways import arrows, tag
from gradlab.runtime.exceptions import sentence

STRIPS = 8  # further questions to the same tape that get a strip of their own: each costs a gradient call


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
    lines = lines_of(recording, found)
    fill(lines, found, recording)
    tag(lines, found, sources, values, lacking)
    asks = [_question(q) for q in recording.asks]
    at = recording.asks.index(question) if question is not None else 0
    if asks:
        asks[at].measure = found.measure
    result = LineGradients(
        file=main_file(found, lines),
        lines=[lines[k] for k in sorted(lines)],
        sources=sources,
        asks=asks,
        ask=at,
        tapes=sum(1 for t in recording.tapes if not any(a.own and a.tape is t for a in recording.asks)),
        tape=0 if question is None or question.own else question.tape.number + 1,
        rule=recording.tracker.rule,
        arrows=arrows(found),
    )
    result.lines.sort(key=lambda x: (x.file != result.file, x.file, x.number))
    _strips(recording, result, question)
    for line in result.lines:
        if question is not None and not question.own:
            here = line.file == question.file and line.number <= question.line <= line.last
            line.asks = here and line.statement == line.number
    raised = error if error is not None else (question.error if question is not None else None)
    if raised is not None:
        _raise(result, raised)
    if question is not None and question.in_function:
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
        return [SourceKind(n, "ran", None, shape_of(v)) for n, v in values.items()], values
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


def _kind(name: str, value: Any, gradient: Any, raised: bool) -> SourceKind:
    if raised:
        return SourceKind(name, "raises", None, shape_of(value))
    if gradient is None:
        return SourceKind(name, "none", None, shape_of(value))
    size = norm(gradient)
    kind = "nan" if size != size else "inf" if size == float("inf") else "zero" if size == 0 else "ok"
    return SourceKind(name, kind, size, shape_of(value))


# --- questions, exceptions, notes -------------------------------------------------------------------------------------


def _question(ask: Ask) -> Question:
    target = next((t for t in tf.nest.flatten(ask.target, expand_composites=True) if isinstance(unwrap(t), (Eager, tf.Variable))), None)  # fmt: skip
    return Question(ask.what, ask.file, ask.line, shape_of(target), "gradient", 0 if ask.own else ask.tape.number + 1)


def _strips(recording: Recording, result: LineGradients, chosen: Ask | None) -> None:
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
    words = sentence(error).rstrip(": ")
    result.error = error
    shown = {(line.file, line.number): line for line in result.lines}
    spots = [(file, statements.of_file(file).start(number)) for file, number in reversed(places)]
    at = next((spot for spot in spots if spot in shown), spots[0] if spots else None)
    if at is None:
        return
    if at not in shown:
        shown[at] = line_of(*at, "<module>")
        result.lines.append(shown[at])
        result.lines.sort(key=lambda x: (x.file != result.file, x.file, x.number))
    result.raised = *at, words
    shown[at].raised = words


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
