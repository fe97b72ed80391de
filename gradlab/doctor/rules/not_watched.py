"""No tape watches the source: a plain tensor, a variable that is not trainable, or no float at all."""

from __future__ import annotations

import ast

from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.frames import Place
from gradlab.doctor.recording.sources import FLOATS, Source
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.tape_state import nearest_to_the_tape, tape_record
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.scope import UserScope

INTEGER_SOURCE = Cause(
    "integer-source",
    what="the source itself is an integer",
    fix="make the source a float (tf.Variable(4.0)), or differentiate with respect to what is looked up with it, e.g. "
    "the embedding's output",
)
NON_TRAINABLE = Cause(
    "non-trainable",
    what="the variable is not trainable, so no tape watches it",
    fix="create it with trainable=True, or tape.watch it, if it should have a gradient",
)
NOT_WATCHED = Cause(
    "not-watched",
    what="no tape watches this tensor",
    fix="call tape.watch(x) before x is used (explain: watch=('x',)), or make it a tf.Variable",
)
REBOUND = Cause(
    "variable-rebound",
    what="the name of the variable was given to a plain tensor, which no tape watches",
    fix="update in place: v.assign_sub(lr * g); the name now refers to a plain tensor",
)


@rule(Kind.NONE, rank=20, cause=INTEGER_SOURCE)
def integer_source(case: Case) -> Finding | None:
    """TensorFlow has gradients for floating point only. (A counter or the state of a generator is not trained: see below.)"""
    if case.asked.dtype in FLOATS or (case.asked.is_variable and not case.asked.trainable):
        return None
    made = case.scope.definition(case.asked) if case.asked.is_variable else None
    where = [*([made] if made else []), *place_of(case.first_use)]
    evidence = f"its dtype is {case.asked.dtype.name}: a gradient exists only for floating point"
    name = case.name if case.name.isidentifier() else "x"
    of_tensor = (
        f"make it a float before the tape watches it, {name} = tf.cast({name}, tf.float32), and compute with that"
    )
    return Finding(where, evidence, (Proof.OBJECT,), fix="" if case.asked.is_variable else of_tensor)


@rule(Kind.NONE, rank=25, cause=NON_TRAINABLE)
def not_trainable(case: Case) -> Finding | None:
    """A tape watches trainable variables by itself and no others, and this one it was not told to watch."""
    source = case.asked
    if not source.is_variable or source.trainable or case.watched:
        return None
    if case.call is not None and not case.call.tape.watches_variables:
        return None
    made = case.scope.definition(source)
    use = place_of(case.first_use)
    frozen_here = made is not None and "trainable" in made.code + _helpers(made)
    first, last = ([made] if made and frozen_here else []), ([made] if made and not frozen_here else [])
    evidence = "it was created with trainable=False, so a tape does not watch it by itself"
    found = Finding([*first, *use, *last], evidence, (Proof.OBJECT,))
    if _asks_all(case):
        found.fix = "ask for trainable_variables: variables (and weights) has statistics, counters and seeds as well"
    name = str(getattr(source.value, "name", "")) + str(getattr(source.given, "path", ""))
    if "moving_" in name and not _asks_all(case):  # Keras' name for the statistics of its normalisation layers
        found.by_design = True
        found.message = "no gradient by design here: a statistic that the layer updates itself"
        found.fix = "nothing to do: leave it out of the list"
    return found


def _asks_all(case: Case) -> bool:
    """Does the line of the call ask for `model.variables`, or `model.weights`?"""
    place = next(iter(case.call.where), None) if case.call is not None else None
    statement = syntax.statement_at(place.file, place.line) if place is not None else None
    return any(
        isinstance(n, ast.Attribute) and n.attr in ("variables", "weights")
        for n in (ast.walk(statement) if statement else ())
    )


def _unwatched(case: Case) -> bool:
    """Would the source have a gradient if a tape had watched it?"""
    missed = case.once(tape_record)
    connected = case.alive or (missed is not None and missed.connected)
    return connected and not (case.call is not None and case.watched)


def _where(case: Case, where: list[Place]) -> list[Place]:
    return nearest_to_the_tape(case.call, where) if case.call is not None else where


@rule(Kind.NONE, rank=40, cause=REBOUND)
def rebound(case: Case) -> Finding | None:
    """The source is a tensor, its name once belonged to a variable, and a line gave it the result of arithmetic."""
    line = rebinding(case.asked, case.scope) if _unwatched(case) else None
    if line is None:
        return None
    first = case.first_use
    evidence = f"`{line.code}` rebinds the name to a tensor, which no tape watches"
    proofs = (Proof.TEXT, Proof.OBJECT)
    return Finding([line, *place_of(first)], evidence, proofs, first.type if first else "", first)


@rule(Kind.NONE, rank=42, cause=NOT_WATCHED)
def not_watched(case: Case) -> Finding | None:
    """Under a tape that watches everything the gradient is there; the user's tape did not watch the source."""
    if not _unwatched(case):
        return None
    first, norm = case.first_use, case.recorded.norm(case.seed)
    evidence = (
        f"watched, its gradient would be there (norm {norm:.3g})"
        if norm is not None
        else "a tape does not watch plain tensors"
    )
    return Finding(_where(case, place_of(first)), evidence, (Proof.GRADIENT,), first.type if first else "", first)


def _helpers(made: Place) -> str:
    """The text of the user's functions that a line calls."""
    statement, tree = syntax.statement_at(made.file, made.line), syntax.module(made.file)
    called = {syntax.dotted(c.func).rpartition(".")[2] for c in syntax.calls(statement)} if statement else set()
    return " ".join(
        ast.unparse(n)
        for n in ast.walk(tree or ast.Module([], []))
        if isinstance(n, ast.FunctionDef) and n.name in called
    )


def _given(update: syntax.Definition) -> bool:
    """Does arithmetic change what a function was given: `w = [v - lr * g for v, g in zip(w, gs)]` for a parameter w?"""
    tree = syntax.module(update.file)
    scope = syntax.scopes(tree, update.statement.lineno)[0] if tree is not None else None
    if not isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    given = {a.arg for a in (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)}
    return update.name in given and any(
        isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Sub, ast.Add)) for n in ast.walk(update.value)
    )


def rebinding(source: Source, scope: UserScope) -> Place | None:
    """The line that made a tensor of a variable's name: `w = w - lr * g` after `w = tf.Variable(...)`."""
    if source.is_variable:
        return None
    for name in sorted(scope.aliases(source)):
        last = name.rpartition(".")[2]
        found = scope.definitions(name, before=False)  # in a loop the update may stand below
        whole = scope.definitions(name.partition("[")[0], before=False) if "[" in name else []
        made = [
            d
            for d in [*found, *whole]
            if any(
                "Variable" in syntax.dotted(c.func) or "add_weight" in syntax.dotted(c.func)
                for c in syntax.calls(d.value)
            )
        ]
        updates = [
            d
            for d in [*found, *whole]
            if any(n == name or n == name.partition("[")[0] or n.endswith("." + last) for n in syntax.names(d.value))
            and d not in made
        ]
        if updates and (made or _given(updates[-1])):
            return updates[-1].place
        if made and "[" in name:
            update = scope.item_update(name.partition("[")[0])
            if update is not None:
                return update
    return None
