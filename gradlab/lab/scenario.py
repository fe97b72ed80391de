"""A `Scenario` is one bug behind one switch; scenarios are found by looking into the folder `gradlab/scenarios`.

- `Scenario`: the literal at the end of each scenario file.
- `Repair`: what the answer to its exercise may change.
- `names`, `titles`, `load`: what there is, and one of them. Loading one imports TensorFlow; listing them does not.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradlab.lab.reading import Kind

MARK = "# <-- the switch"
Kinds = Mapping[str, Kind]


@dataclass(frozen=True)
class Repair:
    """What an answer to a scenario's exercise must keep. Read by `gradlab.check_repair`.

    `loss` says which loss the answer must have, at the given numbers and at others:

    - "same": that of the switch off (to within `rtol`).
    - "kept": that of the switch on. The cut stays in the forward computation; only the way back is mended.
    - "near": nearer to that of the switch on than the loss with the switch off is.
    - "like": no further from that of the switch off than the one with the switch on is.
    - "free": any that is computed by the scenario's layers from its inputs.

    `ends` maps a source to values so far away that a gradual choice is the hard one: there the answer must have the loss of
    the switch on, whatever `loss` allows elsewhere.

    `forbidden` maps what the exercise rules out to the sentence that says so; the names are those of
    `gradlab.lab.used.NAMES`. `sources` is "on" where the sources must be those of the switch on.
    """

    loss: str = "same"
    rtol: float = 1e-3  # two ways to write one loss in float32 differ by far less, two different losses by far more
    forbidden: Mapping[str, str] = field(default_factory=dict)
    sources: str = "either"
    ends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One bug, one switch.

    `setup(**knobs)` makes the network and its data and returns them as a dict; `run(bug, **things)` is the code that a
    learner reads: it opens the tape and returns `loss, sources, gradients` (two dicts with the same names), or the same
    with `tape.watched_variables()` as a fourth. The two are apart because training and finite differences run the same
    program again from other values. Everything else is words and expectations; `breaks`, `predicts` and `verdict` are
    either for every Keras or a dict {3: ..., 2: ...}. `by_hand` is needed where no finite difference of the returned loss
    can judge the gradients: the result is an array, or each gradient belongs to another part of it. It is given `gradlab.lab.by_hand.differences`.

    >>> scenario = load("integer_cast")
    >>> scenario.name, scenario.claims, scenario.verdict
    ('integer_cast', ('C1',), 'confirmed')
    """

    title: str
    claims: tuple[str, ...]  # ids in the catalogue of popular claims, "C1"
    claim: str  # what the popular answer says, in our own words
    switch: tuple[str, str]  # what the two positions do: off, on
    setup: Callable[..., dict[str, Any]]
    run: Callable[..., tuple[Any, ...]]
    predicts: Kinds | Mapping[int, Kinds]  # what the claim says the switch does, at the knobs' default positions
    breaks: Kinds | Mapping[int, Kinds]  # what it really does; empty: nothing
    verdict: str | Mapping[int, str]  # confirmed, refuted, half true
    why: str
    hint: str  # for the exercise: where to look, not what to write
    # A sentence about the switch that is true and that people doubt: where one votes, it is asked in place of the claim.
    doubted: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)  # by kind of flaw, in place of those of `gradlab.lab.flaws`
    knobs: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # (low, high) of a slider, or the choices
    # {knob: {position: kinds}}: what the claim says there, where it is something else than `predicts`
    predicts_at: Mapping[str, Mapping[Any, Kinds]] = field(default_factory=dict)
    rate: float = 0.1  # learning rate of the panel's training button
    training_steps: int = 30  # of that button: as many as it takes until the difference shows
    scale: tuple[float, float] = (1e-4, 1e2)  # smallest and largest |gradient| with a colour, over positions and knobs
    axes: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # of a source's gradient, where they say something
    repair: Repair = field(default_factory=Repair)  # what an answer to its exercise must keep
    by_hand: Callable[..., Mapping[str, Any]] | None = None  # (differences, **things) -> the gradients, without a tape

    @property
    def name(self) -> str:
        """The file's name, which is also what `load` and `Panel` take."""
        return self.run.__module__.rpartition(".")[2]

    @property
    def source(self) -> str:
        """The code that runs, `setup` and `run`, exactly as it stands in the file."""
        return inspect.getsource(self.setup) + "\n\n" + inspect.getsource(self.run)

    @property
    def defaults(self) -> dict[str, Any]:
        """The knobs at their default positions, read from the signature of `setup`."""
        parameters = inspect.signature(self.setup).parameters
        return {name: parameters[name].default for name in self.knobs}

    def expected(self, keras: int) -> tuple[Kinds, Kinds, str]:
        """(predicts, breaks, verdict) for Keras 2 or 3."""
        return _for(self.predicts, keras), _for(self.breaks, keras), _for(self.verdict, keras)

    def predicted(self, keras: int, knobs: Mapping[str, Any]) -> Kinds:
        """What the claim predicts for Keras 2 or 3 with the knobs at these positions.

        >>> from gradlab.lab.scenario import load
        >>> {where: str(load("raw_variable").predicted(3, {"where": where})["w"]) for where in ("__init__", "build")}
        {'__init__': 'missing', 'build': 'ok'}
        """
        special = (at[knobs[knob]] for knob, at in self.predicts_at.items() if knobs.get(knob) in at)
        return next(special, _for(self.predicts, keras))


def _for(value: Any, keras: int) -> Any:
    return value[keras] if isinstance(value, Mapping) and set(value) == {2, 3} else value


def names() -> list[str]:
    """The names of all scenarios, sorted, without importing any.

    >>> "integer_cast" in names()
    True
    """
    folder = Path(__file__).parents[1] / "scenarios"
    return sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if not m.name.startswith("_"))


def titles() -> dict[str, str]:
    """{name: title} of all scenarios, sorted, read from their files without importing any.

    >>> titles()["raw_variable"]
    "Use a raw tf.Variable as a layer's weight"
    """
    folder = Path(__file__).parents[1] / "scenarios"
    return {name: _title((folder / f"{name}.py").read_text(encoding="utf-8")) for name in names()}


def _title(text: str) -> str:
    """The title that stands in `Scenario(title="...")`; ValueError where there is none in plain words."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Scenario":
            return str(next(ast.literal_eval(word.value) for word in node.keywords if word.arg == "title"))
    raise ValueError('there is no `Scenario(title="...")` in it')


def load(name: str) -> Scenario:
    """The scenario of that name. Raises LookupError for an unknown one, naming the nearest and all there are."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise LookupError(f"There is no scenario `{name}`.{hint} There are: {', '.join(known)}.")
    module = importlib.import_module(f"gradlab.scenarios.{name}")
    if not isinstance(getattr(module, "scenario", None), Scenario):
        raise TypeError(f"`gradlab/scenarios/{name}.py` must end in `scenario = Scenario(...)`; it has no such name.")
    return module.scenario
