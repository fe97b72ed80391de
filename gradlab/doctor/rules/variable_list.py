"""The list of variables is empty or too short: which variables it lacks, and why."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gradlab.doctor.analysis.dataflow import backward
from gradlab.doctor.certainty import Proof
from gradlab.doctor.recording.alive import instances, kinds_of
from gradlab.doctor.recording.frames import Place, places
from gradlab.doctor.recording.recorded_run import Run
from gradlab.doctor.recording.snapshot import Snapshot
from gradlab.doctor.recording.sources import Source, unwrap
from gradlab.doctor.recording.tape_calls import Call
from gradlab.doctor.recording.trace import Op
from gradlab.doctor.rules import Case, Cause, Finding, Kind, rule
from gradlab.doctor.rules.not_watched import NON_TRAINABLE
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.owners import (
    LISTS,
    calls_beside,
    in_another_model,
    in_class,
    keras_kinds,
    layers_in,
    named_owners,
    own_variables,
    owner_of,
    plain_variables,
    variables_in,
    without_weights,
)
from gradlab.doctor.source_code.scope import UserScope, class_file, way_to

EMPTY = Cause(
    "empty-vars",
    what="the list of variables is empty or too short",
    fix="keep the variable where a layer or model looks for its own: make it with add_weight, or keep the layer that has it "
    "as an attribute; if you made the list yourself, add the variable to it",
)
OWN_KIND = (
    "make it in __init__ or build with self.add_weight(shape=..., initializer=...), or as keras.Variable(...); a tf.Variable "
    "has to be named in the list by hand"
)
BUILD_FIRST = "call the layer once (or build(input_shape)) before the list is made, or make the list after the call"
ASK_LATER = "call the layer or model once on a batch, or build it (build(input_shape)), before you ask; it is built now, so ask again"
MAX_NAMES = 5  # of missing variables in one sentence


@dataclass
class OwnerState:
    """What the owner looked like before the run."""

    built: bool = True
    count: int = 0
    unbuilt: list[Any] = field(default_factory=list)  # the owner's layers (or itself) that had no weights yet


@dataclass
class VariableList:
    """A list of variables, where it came from, and what the run says of it."""

    owner: Any  # the layer, model or module; None if it is not known
    before: OwnerState
    scope: UserScope
    run: Run
    snapshot: Snapshot | None  # the variables from before the run
    sources: list[Source]
    watched: list[tuple[Any, Any]]  # variables that the tape watched, with their gradients
    meant: bool = False  # the list is known to be meant to have these (`unlisted`)

    @cached_property
    def lacking(self) -> list[Any]:
        """Variables with a gradient that are not in the list."""
        have = {self.run.key(s.value) for s in self.sources}
        lacking = [v for v, gradient in self.watched if gradient is not None and self.run.key(v) not in have]
        return [v for v in lacking if self.meant or not of_another(self, v)]

    @property
    def kind(self) -> str:
        return type(self.owner).__name__


def cases(listing: VariableList, name: str = "trainable_variables", call: Call | None = None) -> list[Case]:
    """One case for each variable that the list lacks, or one for an empty list."""
    if not listing.sources:
        first = listing.lacking[0] if listing.lacking else None
        return [Case(name, Kind.EMPTY, listing.scope, run=listing.run, listing=listing, variable=first, call=call)]
    # What is frozen is not trained, and in no list of what is: nothing is missing.
    lacking = [v for v in listing.lacking if not _frozen_layers(listing, v)]
    return [
        Case(name, Kind.MISSING, listing.scope, run=listing.run, listing=listing, variable=v, call=call)
        for name, v in zip(_names(lacking, listing.sources), lacking, strict=True)
    ]


def of_call(call: Call, run: Run, scope: UserScope, watched: list[tuple[Any, Any]]) -> list[Case]:
    """The case of a recorded call without any source. `watched`: variables that were read, with their gradients."""
    listing = VariableList(owner_of(call, scope), OwnerState(built=False), scope, run, None, [], watched)
    return cases(listing, "sources", call)


def watched_by(run: Run) -> list[tuple[Any, Any]]:
    """The variables that a recorded run read, with their gradients."""
    variables = run.variables()
    slopes = run.trace.tape.gradient(run.targets, variables) if variables else []
    return list(zip(variables, slopes, strict=True))


def _name(variable: Any, default: str = "?") -> str:
    return str(getattr(variable, "name", default)).removesuffix(":0")


def _names(variables: list[Any], sources: list[Source]) -> list[str]:
    """A name for each: the path that its Keras has for it, each once and none that a source has."""
    base = getattr(sys.modules.get("keras"), "Variable", None)
    paths: dict[int, Any] = {}
    if isinstance(base, type) and base.__module__.startswith("keras.src") and variables:
        paths = {id(unwrap(k)): k for k in instances(kinds_of(base))}
    taken = {s.name for s in sources}
    found = []
    for v in variables:
        path = str(getattr(paths.get(id(v)), "path", "") or _name(v, "variable"))
        name, n = path, 2
        while name in taken:
            name, n = f"{path}#{n}", n + 1
        taken.add(name)
        found.append(name)
    return found


def _finding(case: Case, where: list[Place], sentence: str, *proofs: Proof, **more: Any) -> Finding:
    listing = case.listing
    assert listing is not None
    if case.status is Kind.EMPTY and listing.lacking:
        names = ", ".join(_name(v) for v in listing.lacking[:MAX_NAMES])
        count = len(listing.lacking)
        sentence = f"the tape saw {count} variable{'s' * (count > 1)} with a gradient ({names}); {sentence}"
    return Finding(where, sentence, proofs, **more)


# --- one variable that the list lacks ---------------------------------------------------------------------------------


@dataclass
class Missing:
    """What is known of a variable that the list lacks."""

    using: list[Place]  # the line that uses it
    maker: Op | None  # the op of the run that made it
    tracked: bool  # the owner has it now
    early: Place | None  # the line that took the list too early


def missing(case: Case) -> Missing | None:
    """What is known of the variable of a case; None if there is none, or no owner to ask."""
    listing, variable = case.listing, case.variable
    if listing is None or variable is None or listing.owner is None:
        return None
    run, key = listing.run, listing.run.key(variable)
    use = next((op for op in run.trace.ops if key in op.ins and op.type != "VarHandleOp" and op.stack), None)
    maker = run.trace.producer.get(key)
    if maker is None and listing.snapshot is not None and listing.snapshot.variable(key) is None:
        maker = _made_alike(listing, variable)
    tracked = any(v is variable for v in own_variables(listing.owner))
    early = _list_line(listing) if tracked and not listing.before.built else None
    return Missing(places(use.stack) if use is not None else [], maker, tracked, early)


@rule(Kind.EMPTY, rank=10, cause=NON_TRAINABLE)
def frozen(case: Case) -> Finding | None:
    """The owner, or the layer that holds the variable, has trainable = False, and then lists it no more."""
    listing = case.listing
    if listing is None or listing.owner is None or (case.variable is None and listing.lacking):
        return None
    line = _frozen(listing, case.variable)
    if line is None:
        return None
    found = case.once(missing)
    where = [*([line] if line.file else []), *(found.using if found is not None else [])]
    if case.variable is None:
        return _finding(case, where, f"{listing.kind} is frozen (trainable = False)", Proof.OBJECT)
    return _finding(case, where, "the layer that holds it was frozen (trainable = False)", Proof.OBJECT)


@rule(Kind.MISSING, Kind.EMPTY, rank=20, cause=EMPTY)
def built_in_the_first_call(case: Case) -> Finding | None:
    """The owner has the variable now, and the run shows the op that made it: the list was made before."""
    found = case.once(missing)
    if found is None or found.maker is None or not found.tracked:
        return None
    spots = places(found.maker.stack)
    at = f", {spots[0]}" if spots else ""
    sentence = f"it did not exist when the list was made: the layer builds its variables in its first call{at}"
    where = [*([found.early] if found.early is not None else []), *spots]
    return _finding(case, where, sentence, Proof.FLOW, Proof.OBJECT, fix=BUILD_FIRST)


@rule(Kind.MISSING, Kind.EMPTY, rank=22, cause=EMPTY)
def built_while_explained(case: Case) -> Finding | None:
    """The owner has the variable now and had not before the run: it was asked about before it was built."""
    found, listing = case.once(missing), case.listing
    if found is None or listing is None or listing.snapshot is None or not found.tracked:
        return None
    if listing.snapshot.variable(listing.run.key(case.variable)) is not None:
        return None
    late = [f"{type(x).__name__} {getattr(x, 'name', '')!r}" for x in listing.before.unbuilt if own_variables(x)]
    late = late or [f"{listing.kind} {getattr(listing.owner, 'name', '')!r}"]
    more = f" and {len(late) - MAX_NAMES} more" if len(late) > MAX_NAMES else ""
    sentence = (
        f"it did not exist yet when you asked: {', '.join(late[:MAX_NAMES])}{more} had no weights before the first call, "
        "which builds them"
    )
    where = [*([found.early] if found.early is not None else []), *found.using]
    return _finding(case, where, sentence, Proof.OBJECT, fix=ASK_LATER)


@rule(Kind.MISSING, Kind.EMPTY, rank=25, cause=EMPTY)
def made_in_each_call(case: Case) -> Finding | None:
    """An op of the run made the variable, and the owner does not have it: it is a new one at every call."""
    found = case.once(missing)
    if found is None or found.maker is None:
        return None
    sentence = "it is made anew in the call and belongs to no layer that is tracked"
    fix = "make the variable once, in __init__ or build, and use it in the call"
    return _finding(case, places(found.maker.stack), sentence, Proof.FLOW, Proof.OBJECT, fix=fix)


@rule(Kind.MISSING, Kind.EMPTY, rank=28, cause=EMPTY)
def a_plain_variable_in_keras_3(case: Case) -> Finding | None:
    """A layer of Keras 3 has the variable as an attribute and does not list it: it is a `tf.Variable`, and Keras 3 lists
    the variables of its own kind only."""
    listing = case.listing
    if listing is None or listing.owner is None or type(listing.owner) not in keras_kinds():
        return None
    for layer in layers_in(listing.owner):
        held = [v for v in plain_variables(layer) if v.trainable and (case.variable is None or v is case.variable)]
        mine, file = {id(v) for v in held}, class_file(layer)
        names = [n for n, v in vars(layer).items() if any(id(w) in mine for w in variables_in(v))]
        written = {n: syntax.attribute_definitions(file, n) for n in names} if file else {}
        written = {
            n: [d for d in lines if in_class(file or "", d, type(layer).__name__)] or lines
            for n, lines in written.items()
        }
        lines = [d for n in written for d in written[n]]
        if not lines:
            continue
        found = case.once(missing)
        sentence = (
            f"`self.{next(n for n in written if written[n])}` of {type(layer).__name__} is a tf.Variable: Keras 3 lists only the variables that add_weight "
            "or keras.Variable makes"
        )
        where = [*dict.fromkeys(d.place for d in lines), *(found.using if found is not None else [])]
        return _finding(case, where, sentence, Proof.OBJECT, fix=OWN_KIND)
    return None


@rule(Kind.EMPTY, rank=29, cause=EMPTY)
def left_out_by_a_condition(case: Case) -> Finding | None:
    """The owner has the variables, and the line that makes the list takes only those that pass a test, which none does."""
    found, call, listing = case.once(missing), case.call, case.listing
    if found is None or not found.tracked or call is None or listing is None:
        return None
    for file, line in listing.scope.spots[:1]:
        statement = syntax.statement_at(file, line)
        if statement is None:
            continue
        parts: list[tuple[ast.AST, Place]] = [(statement, Place(file, line))]
        for name in sorted(syntax.names(statement)):
            parts += [(d.value, d.place) for d in listing.scope.definitions(name)[-1:] if d.statement is not statement]
        for node, place in parts:
            tests = [t for n in ast.walk(node) if isinstance(n, ast.comprehension) for t in n.ifs]
            if tests and any(isinstance(n, ast.Attribute) and n.attr in LISTS for n in ast.walk(node)):
                sentence = (
                    f"the list takes only those for which `{ast.unparse(tests[0])}` is true, and it is true for none"
                )
                return _finding(
                    case, [place, *found.using], sentence, Proof.OBJECT, Proof.TEXT, fix=_fix_of(tests[0], case)
                )
    return None


def _fix_of(test: ast.expr, case: Case) -> str:
    """How to choose variables by the layer that has them. Keras 3 gives a variable the last part of its path as name."""
    fix = "take the list of the layer itself, layer.trainable_variables, or correct the condition"
    owner = case.listing.owner if case.listing is not None else None
    kept = next((v for v in getattr(owner, "trainable_variables", ()) if unwrap(v) is case.variable), None)
    name, path = str(getattr(kept, "name", "")), str(getattr(kept, "path", ""))
    if path in ("", name) or not any(isinstance(n, ast.Attribute) and n.attr == "name" for n in ast.walk(test)):
        return fix
    return f"the name of a variable is like `{name}`, its path like `{path}`: {fix}"


@rule(Kind.MISSING, Kind.EMPTY, rank=30, cause=EMPTY)
def held_out_of_sight(case: Case) -> Finding | None:
    """A chain of attributes leads from the owner to the variable, through something that it does not search."""
    found, listing = case.once(missing), case.listing
    if found is None or listing is None:
        return None
    for thing, attribute in reversed(way_to(listing.owner, case.variable)):
        file = class_file(thing)
        lines = syntax.attribute_definitions(file, attribute) if file else []
        if not file or not lines:
            continue
        own = [d for d in lines if in_class(file, d, type(thing).__name__)] or lines
        where = [own[0].place, *found.using]
        if found.tracked:
            taken = list(_taken_anywhere(listing))
            where = [*(taken if len(taken) == 1 else []), *where]
            return _finding(case, where, "the list was made without it", Proof.OBJECT)
        sentence = f"`{own[0].name}` holds it where {listing.kind} does not look"
        return _finding(case, where, sentence, Proof.OBJECT)
    return None


@rule(Kind.MISSING, Kind.EMPTY, rank=40, cause=EMPTY)
def not_held(case: Case) -> Finding | None:
    """The loss uses the variable, and no chain of attributes leads from the owner to it."""
    found, listing = case.once(missing), case.listing
    if found is None or listing is None:
        return None
    variable, scope = case.variable, listing.scope
    made = scope.definition(Source(str(getattr(variable, "name", "")), variable, variable))
    names = [n for n, v in scope.values.items() if v is listing.owner]
    at_owner = any(made == d.place for n in names for d in scope.definitions(n))
    first = [made] if made is not None else []
    # Where nothing but the owner itself leads to it, a function that the owner runs holds it: a Lambda layer's, say.
    where = [*found.using, *first] if found.using and (made is None or at_owner) else [*first, *found.using]
    if found.tracked:
        where = [*([found.early] if found.early is not None else []), *where]
        sentence = f"{listing.kind} has it now, and the list was made without it"
        return _finding(case, where, sentence, Proof.OBJECT, fix=BUILD_FIRST)
    sentence = f"the loss uses it, and no attribute of {listing.kind} leads to it"
    return _finding(case, where, sentence, Proof.OBJECT)


# --- an empty list without a variable to name -------------------------------------------------------------------------


@rule(Kind.EMPTY, rank=60, cause=EMPTY)
def asked_for_nothing(case: Case) -> Finding | None:
    """A tape was asked for an empty list, and nothing says where it came from."""
    call, listing = case.call, case.listing
    if call is None or listing is None or listing.owner is not None:
        return None
    names = ", ".join(_name(v) for v in listing.lacking)
    on = f"the loss depends on {names}" if names else "the loss depends on no variable that a tape watches"
    fix = "put the variables that the loss depends on into the list"
    return Finding(call.where, f"tape.{call.what} was asked for nothing; {on}", (Proof.TAPE,), fix=fix)


@rule(Kind.EMPTY, rank=90, cause=EMPTY)
def nothing_to_list(case: Case) -> Finding | None:
    """The owner has no variables, and the loss depends on none."""
    listing = case.listing
    if listing is None:
        return None
    needed = backward(listing.run.trace, listing.run.target_keys, listing.run.reads)
    last = [op for op in listing.run.trace.ops if op.index in needed and op.stack]
    where = places(last[-1].stack) if last else []
    return Finding(where, "the loss depends on no variable that a tape watches", (Proof.FLOW,))


# --- reading the owner and the text -------------------------------------------------------------------------------------


def state(owner: Any) -> OwnerState:
    """Remember whether the owner was built and how many variables it had."""
    if owner is None:
        return OwnerState()
    return OwnerState(bool(getattr(owner, "built", True)), len(own_variables(owner)), without_weights(owner))


def of_member(name: str, before: OwnerState, known: VariableList) -> list[Case]:
    """The cases of a layer, model or module that stands in a list of sources: what it holds now and the list lacks.

    `known` is the listing of the whole run, with the member as its owner.
    """
    mine = {id(v) for v in own_variables(known.owner)}
    listing = replace(known, before=before, watched=[(v, g) for v, g in known.watched if id(v) in mine])
    return cases(listing, name) if listing.lacking else []


def of_another(listing: VariableList, variable: Any) -> bool:
    """Does the variable belong to another model or layer that the loss calls beside the owner (a GAN's discriminator)?

    It does if something else that has it is called by name in every line that uses it, and no call of the owner stands
    around that line: what the owner itself calls belongs in its list.
    """
    scope, owner, key = listing.scope, listing.owner, listing.run.key(variable)
    if owner is None or any(v is variable for v in own_variables(owner)):
        return False
    others = {n for n, v in named_owners(scope) if v is not owner and any(w is variable for w in own_variables(v))}
    if not others and in_another_model(owner, variable):
        return True
    ours = {n for n, v in named_owners(scope) if v is owner}
    uses = [op for op in listing.run.trace.ops if key in op.ins and op.type != "VarHandleOp" and op.stack]
    return bool(others and uses) and all(calls_beside(op, others, ours) for op in uses)


def _frozen_layers(listing: VariableList, variable: Any) -> list[Any]:
    """The frozen ones of the owner and its layers; if a variable is given, those that hold it."""
    owner = listing.owner
    frozen = [m for m in layers_in(owner) if getattr(m, "trainable", True) is False]
    if variable is not None:
        frozen = [m for m in frozen if any(unwrap(v) is variable for v in getattr(m, "weights", ()))]
    return frozen


def _frozen(listing: VariableList, variable: Any) -> Place | None:
    """The line `x.trainable = False` if the variable belongs to something that was frozen."""
    if not _frozen_layers(listing, variable):
        return None
    for file, _ in listing.scope.spots:
        tree = syntax.module(file)
        for s in syntax.statements(tree) if tree else ():
            if isinstance(s, ast.Assign) and any(
                isinstance(t, ast.Attribute) and t.attr == "trainable" for t in s.targets
            ):
                if isinstance(s.value, ast.Constant) and s.value.value is False:
                    return Place(file, s.lineno)
            for call in syntax.calls(s) if isinstance(s, (ast.Expr, ast.Assign)) else ():
                if any(
                    k.arg == "trainable" and isinstance(k.value, ast.Constant) and k.value.value is False
                    for k in call.keywords
                ):
                    return Place(file, call.lineno)
    return Place("", 0)


TAKES = frozenset({"gradient", "jacobian", "apply_gradients", "apply", "minimize"})


def _list_line(listing: VariableList) -> Place | None:
    """The line that took the list of an owner which had no variables yet, or the one that made the owner."""
    names = {n for n, v in listing.scope.values.items() if v is listing.owner}
    for file, line in listing.scope.spots:
        tree = syntax.module(file)
        for scope in syntax.scopes(tree, line) if tree is not None else ():
            for s in syntax.statements(scope):
                if isinstance(s, (ast.Assign, ast.AnnAssign)) and s.value is not None:
                    taken = [n for n in ast.walk(s.value) if isinstance(n, ast.Attribute) and n.attr in LISTS]
                    if any(syntax.dotted(n.value) in names for n in taken):
                        return Place(file, s.lineno, getattr(scope, "name", "<module>"))
    anywhere = list(_taken_anywhere(listing))
    if len(anywhere) == 1:
        return anywhere[0]
    made = [d for n in sorted(names) for d in listing.scope.definitions(n)]
    return made[-1].place if made else None


def _taken_anywhere(listing: VariableList) -> Iterator[Place]:
    """Lines of the user's files that keep such a list."""
    for file in dict.fromkeys(file for file, _ in listing.scope.spots):
        tree = syntax.module(file)
        for s in syntax.statements(tree) if tree is not None else ():
            if isinstance(s, (ast.Assign, ast.AnnAssign, ast.Return)) and s.value is not None:
                # What a lambda says runs elsewhere, and what a tape or an optimizer is handed is not kept.
                apart = [f for f in ast.walk(s.value) if isinstance(f, ast.Lambda) or _hands_on(f)]
                inside = {id(n) for f in apart for n in ast.walk(f)}
                if any(
                    isinstance(n, ast.Attribute) and n.attr in LISTS and id(n) not in inside for n in ast.walk(s.value)
                ):
                    yield Place(file, s.lineno)


def _hands_on(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES


def _made_alike(listing: VariableList, variable: Any) -> Op | None:
    """The op of the recorded run that made the variable of which this one, of the plain run, is the twin."""
    for op in listing.run.trace.ops:
        if op.type == "AssignVariableOp" and op.ins[0] in listing.run.trace.producer:
            value = listing.run.value(op.ins[1])
            if value is not None and value.dtype == variable.dtype and value.shape == variable.shape:
                return listing.run.trace.producer[op.ins[0]]
    return None
