"""A learner's version of a scenario's code, run and compared with the scenario at both positions of its switch.

- `Attempt.of`: runs it; the other methods say what is still wrong (`gradlab.lab.flaws`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.lab.flaws import (
    FILLED_IN,
    FORM,
    HAS_TO_STAY,
    NOT_CALLED,
    NOT_LISTED,
    OTHER_LENGTH,
    OTHER_LOSS,
    OTHER_ORDER,
    OTHER_SOURCE,
    OWN,
    RAISED,
    RAISED_ELSEWHERE,
    RIGHT_HERE,
    TOO_MANY_AXES,
    WITH_NONE,
    WITH_NUMPY,
    WITHOUT_INPUTS,
    Flaw,
    is_own,
)
from gradlab.lab.measure import Taken, keras_version, measure, readings_of, take, to_array, value_of
from gradlab.lab.reading import Kind, Reading, Side
from gradlab.lab.scenario import Scenario
from gradlab.lab.used import JACOBIAN, VARIABLE, Used, watching
from gradlab.runtime.exceptions import sentence

PROBES = 4  # other weights and inputs at which losses are compared; one may agree by chance, four do not
MOVE = 0.1  # standard deviation of what is added to every weight there: as large as the weights of a small cell
STRETCH = 0.3  # of what inputs are multiplied by, around 1; zeros (padding, masks) stay zeros
AT_THE_ENDS = (
    0.1  # of the distance between the losses at both ends; any smooth step is within 0.001, exchanged choices are at 1
)
POINTS_WITH = 0.9  # cosine of a straight-through gradient with that of the smooth loss: rounding moves it by less
AS_FAR = 1.6  # times the distance of the loss that jumps: rounding down in place of towards zero lies at 1.45
AS_LONG = (
    10  # factor between the gradients' length and that of the smooth loss: a smoothed staircase has 2, a huber loss 5
)
THE_SAME_LENGTH = 1.01  # the same where the gradient of the smooth loss itself is asked for
NEARER = 0.85  # of the distance between the smooth loss and the one that jumps; a smoothed staircase has about 0.6


@dataclass
class Attempt:
    """`problems` is not empty if there is nothing to compare: an exception, or not the form that was asked for."""

    scenario: Scenario
    run: Scenario  # the same, with the learner's function in the place of `run`
    off: Side
    things: dict[str, Any] = field(default_factory=dict)
    taken: Taken | None = None
    readings: tuple[Reading, ...] = ()
    used: Used = field(default_factory=Used)
    problems: list[Flaw] = field(default_factory=list)

    @classmethod
    def of(cls, scenario: Scenario, mine: Callable[..., Any], knobs: Mapping[str, Any]) -> Attempt:
        """Run `mine` on what `setup` makes. Whatever it raises becomes a problem."""
        off = measure(scenario, False, None, knobs)
        made = cls(scenario, replace(scenario, run=lambda bug, **things: mine(**things), by_hand=None), off)
        made.things = scenario.setup(**knobs)
        try:
            with watching() as made.used:
                result = mine(**made.things)
        except Exception as error:  # what a learner writes may raise anything; it is told, here and below
            kind = OWN if made._raises_itself(type(error)) else _raised(error)
            made.problems = [Flaw(kind, f"your code raised {sentence(error)}")]
            return made
        made.problems = [Flaw(FORM, words) for words in _not_the_form(result)]
        if not made.problems and not np.isfinite(np.asarray(result[0], "float64")).all():
            words = f"the loss is {_number(np.asarray(result[0]))}; expected a finite number"
            made.problems = [Flaw(Kind.NOT_FINITE.value, words)]
        if made.problems:
            return made
        try:
            made.taken = Taken(result[0], result[1], result[2], None, made.things)
            made.readings = tuple(readings_of(made.run, True, made.taken, off))
        except Exception as error:
            made.problems = [Flaw(RAISED, f"your code raised {sentence(error)} when it ran a second time")]
            return made
        made.readings = tuple(made._stand_in(reading) for reading in made.readings)
        return made

    def bad_gradients(self) -> list[Flaw]:
        return [Flaw(self._kind_of(r), r.words()) for r in self.readings if r.kind is not Kind.OK]

    def _kind_of(self, reading: Reading) -> str:
        if self._filled_in(reading.name):
            return FILLED_IN
        kind = reading.kind.value
        right = self.off[reading.name].values if reading.name in self.off.kinds else None
        if reading.values is not None and right is not None and reading.values.shape != right.shape:
            if reading.values.size == right.size:
                return OTHER_ORDER
            if reading.values.ndim > right.ndim:
                return TOO_MANY_AXES
        return OWN if is_own(self.scenario, kind, keras_version()) else kind

    def _filled_in(self, name: str) -> bool:
        """Whether this gradient is an array that no tape returned, though a tape was asked, outside of a graph and for gradients."""
        assert self.taken is not None
        if self.scenario.by_hand is not None:  # there several answers of a tape make one array
            return False
        gradient = self.taken.gradients.get(name)
        given = [answer for _, answer in self.used.answers if answer is not None]
        if gradient is None or not self.used.answers or JACOBIAN in self.used.names:
            return False
        if any(tf.is_symbolic_tensor(tf.convert_to_tensor(answer)) for answer in given):
            return False  # a tape inside a tf.function: its answers come out as other tensors
        return not any(gradient is answer for answer in given)

    def _raises_itself(self, kind: type[BaseException]) -> bool:
        """Whether the scenario raises an exception of this type with the switch on: then it is the exercise's own bug."""
        try:
            self.scenario.run(True, **self.things)
        except Exception as error:
            return type(error) is kind
        return False

    def bad_sources(self, owner: Any) -> list[Flaw]:
        """Sources that are not the scenario's own (or, with an owner, not among its variables)."""
        assert self.taken is not None
        listed = None if owner is None else list(owner.trainable_variables)
        positions = (True,) if self.scenario.repair.sources == "on" else (False, True)
        own = [t for t in (self._scenario_run(bug, self.things) for bug in positions) if t is not None]
        left = []
        for name, source in self.taken.sources.items():
            if listed is not None:
                if not any(_same_variable(source, v) for v in listed):
                    words = f"{name}: this is not in the list of your layer's trainable variables"
                    left.append(
                        Flaw(OWN if is_own(self.scenario, Kind.MISSING.value, keras_version()) else NOT_LISTED, words)
                    )
                continue
            meant = [t.sources[name] for t in own if name in t.sources]
            moved = [m for m in meant if hasattr(m, "assign") or any(m is thing for thing in self.things.values())]
            if moved and not any(source is m for m in moved):
                words = f"{name}: this is another {type(source).__name__} than the one that the exercise asks about"
                left.append(Flaw(OTHER_SOURCE, words))
        return left

    def bad_means(self) -> list[Flaw]:
        """What the exercise rules out and was used."""
        return [
            Flaw(name, reason)
            for name, reason in self.scenario.repair.forbidden.items()
            if name in self.used.names or (name == VARIABLE and self._foreign_variables())
        ]

    def _foreign_variables(self) -> bool:
        """Whether a trainable variable was read that is not the scenario's: it may have been made before."""
        own = _variables(self.things)
        return any(not any(_same_variable(v, o) for o in own) for v in self.used.watched)

    def bad_loss(self, owner: Any) -> list[Flaw]:
        """The loss, here and at other weights and inputs, against what the exercise asks for."""
        assert self.taken is not None
        rule = "free" if owner is not None else self.scenario.repair.loss
        if rule == "free":
            return self._not_computed(owner) or ([] if owner is not None else self._at_the_ends())
        mine, off, on = [], [], []
        for number in range(PROBES + 1):
            with _elsewhere(self.things, number) as things:
                try:
                    mine.append(np.asarray(take(self.run, True, things).loss, "float64"))
                except Exception as error:
                    words = f"with other weights and inputs your code raised {sentence(error)}"
                    return [Flaw(RAISED_ELSEWHERE, words)]
                off.append(_loss(self._scenario_run(False, things), mine[-1]))
                on.append(_loss(self._scenario_run(True, things), off[-1]))
        if any(m.shape != o.shape for m, o in zip(mine, off, strict=True)):
            return [Flaw(OTHER_LOSS, f"the loss has the shape {mine[0].shape}; expected {off[0].shape}")]
        return self._compared(rule, mine, off, on)

    def _compared(self, rule: str, mine: list[Any], off: list[Any], on: list[Any]) -> list[Flaw]:
        repair = self.scenario.repair

        def same(a: Any, b: Any) -> bool:
            return bool(np.allclose(a, b, rtol=repair.rtol, atol=1e-6, equal_nan=True))

        def far(a: list[Any], b: list[Any]) -> float:
            return float(np.mean([np.abs(x - y).mean() for x, y in zip(a, b, strict=True)]))

        if rule in ("same", "kept"):
            wanted = on if rule == "kept" else off
            also = on if rule == "same" and same(on[0], off[0]) else wanted  # two ways to write one loss
            agree = [same(m, w) or same(m, v) for m, w, v in zip(mine, wanted, also, strict=True)]
            if all(agree):
                return self._other_length(THE_SAME_LENGTH) if rule == "kept" else []
            if not agree[0]:
                said = (
                    "the loss of the switch on, which has to stay" if rule == "kept" else "the loss with the switch off"
                )
                found, expected = _apart(mine[0], wanted[0])
                words = f"the loss is another one: {found}, expected {expected}, {said}"
                smooth = rule == "kept" and same(mine[0], off[0])
                return [Flaw(HAS_TO_STAY, words)] if smooth else [*self._uncalled(None), Flaw(OTHER_LOSS, words)]
            words = "the loss is right for these numbers, but not for other weights or inputs: it is computed in another way"
            return [Flaw(RIGHT_HERE, words)]
        unused = self._not_computed(None)
        if unused:
            return unused
        if rule == "near":
            if far(mine, on) <= NEARER * far(off, on):
                return self._other_length(AS_LONG)
            words = (
                f"the loss is too far from the one that jumps ({_number(mine[0])}, there {_number(on[0])}): "
                "it has to prefer whole numbers still"
            )
            return [Flaw(HAS_TO_STAY, words)]
        # "like". A twentieth of the loss is allowed where both positions are nearly the same.
        allowed = max(AS_FAR * far(on, off), 0.05 * float(np.mean([np.abs(o).mean() for o in off])))
        if far(mine, off) > allowed:
            found, expected = _apart(mine[0], off[0])
            return [Flaw(OTHER_LOSS, f"the loss is another one: {found}, with the switch off {expected}")]
        cosine = _cosine(*self._all_gradients())
        if cosine is not None and cosine <= 0:
            words = (
                f"the gradients point away from those of the switch off (cosine {cosine:.2f}): the loss is another one"
            )
            return [Flaw(OTHER_LOSS, words)]
        return self._other_length(AS_LONG)

    def _other_length(self, most: float) -> list[Flaw]:
        """All gradients together, more than a factor longer or shorter than those with the switch off: the loss may be near
        the right one, and nearly all of it still without a gradient."""
        a, b = (float(np.linalg.norm(part)) for part in self._all_gradients())
        if not a or not b or 1 / most <= a / b <= most:
            return []
        return [Flaw(OTHER_LENGTH, f"the gradients are {a / b:.2g} times as long as those with the switch off")]

    def _at_the_ends(self) -> list[Flaw]:
        """The loss with a source far away at both ends, against that of the switch on, which chooses by an `if`.

        At several inputs: at a single one the loss may be nearly the same at both ends.
        """
        for name, values in self.scenario.repair.ends.items():
            source = self.things[name]
            before, mine, hard = value_of(source), [], []
            try:
                for value in values:
                    source.assign(np.full_like(before, value))
                    for number in range(PROBES + 1):
                        with _elsewhere(self.things, number, weights=False) as things:
                            mine.append(float(take(self.run, True, things).loss))
                            hard.append(float(take(self.scenario, True, things).loss))
            except Exception as error:
                return [Flaw(RAISED_ELSEWHERE, f"with {name} = {value:g} your code raised {sentence(error)}")]
            finally:
                source.assign(before)
            found, wanted = (np.reshape(losses, (len(values), -1)) for losses in (mine, hard))
            allowed = AT_THE_ENDS * float(np.ptp(wanted, axis=0).mean())
            for value, a, b in zip(values, found, wanted, strict=True):
                if not np.abs(a - b).mean() <= allowed:
                    words = f"with {name} = {value:g} the loss is {_number(a[0])}; expected {_number(b[0])}, that of the `if`"
                    return [Flaw(OTHER_LOSS, words)]
        return []

    def _not_computed(self, owner: Any) -> list[Flaw]:
        """For a loss that may differ: it must be computed by the layers, from the inputs."""
        assert self.taken is not None
        left = self._uncalled(owner)
        if left:
            return left
        losses, gradients = [], []
        for number in (0, 1, 2):
            with _elsewhere(self.things, number, weights=False) as things:
                taken = take(self.run, True, things)
                losses.append(np.asarray(taken.loss, "float64"))
                gradients.append([_array(g) for g in taken.gradients.values()])
        if any(np.allclose(loss, losses[0], rtol=1e-5) for loss in losses[1:]):
            words = "the loss stays the same whatever the inputs are: it must be computed from them"
            return [Flaw(WITHOUT_INPUTS, words)]
        for name, first, other in zip(self.taken.gradients, gradients[0], gradients[1], strict=True):
            if np.allclose(first, other, rtol=1e-5, atol=1e-7 * np.abs(first).max(initial=0.0)):
                return [Flaw(WITHOUT_INPUTS, f"{name}: this gradient stays the same whatever the inputs are")]
        return []

    def _uncalled(self, owner: Any) -> list[Flaw]:
        """The layers that the scenario calls and the answer does not."""
        layers = [t for t in self.things.values() if isinstance(t, tf.keras.layers.Layer)] if owner is None else [owner]
        with watching() as meant:
            self._scenario_run(False, self.things)
        if owner is None:
            layers = [layer for layer in layers if meant.called(layer)]
        return [
            Flaw(
                NOT_CALLED,
                f"your loss never calls the layer `{getattr(layer, 'name', layer)}`; it must be computed from its result",
            )
            for layer in layers
            if not self.used.called(layer)
        ]

    def _all_gradients(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of the answer and those with the switch off, each as one vector; empty where one of them lacks."""
        pairs = [(r.values, self.off[r.name].values) for r in self.readings]
        both = [(m.ravel(), o.ravel()) for m, o in pairs if m is not None and o is not None]
        a, b = (np.concatenate([np.zeros(0), *(pair[k] for pair in both)]) for k in (0, 1))
        return a, b

    def _stand_in(self, reading: Reading) -> Reading:
        """A gradient that is not the derivative of a loss that jumps, but points with that of the smooth one."""
        if reading.kind is not Kind.WRONG or reading.values is None or self.scenario.repair.loss not in _MAY_JUMP:
            return reading
        right = self.off[reading.name].values
        cosine = None if right is None or right.shape != reading.values.shape else _cosine(reading.values, right)
        if cosine is None or cosine < POINTS_WITH:
            return reading
        note = f"stands in for the gradient of the smooth loss, cosine {cosine:.2f}"
        return replace(reading, kind=Kind.OK, note=note)

    def _scenario_run(self, bug: bool, things: dict[str, Any]) -> Taken | None:
        try:
            return take(self.scenario, bug, things)
        except Exception:  # a switch whose position raises has no loss and no sources
            return None


def _raised(error: Exception) -> str:
    """The kind of an exception of the learner's code: what Python says of a None or of a NumPy number helps nobody."""
    words = str(error)
    if isinstance(error, TypeError | AttributeError | ValueError) and "None" in words:
        return WITH_NONE
    return WITH_NUMPY if isinstance(error, AttributeError) and "'_id'" in words else RAISED


_MAY_JUMP = ("kept", "near", "like")


@contextlib.contextmanager
def _elsewhere(things: dict[str, Any], number: int, weights: bool = True) -> Iterator[dict[str, Any]]:
    """The things with other weights and inputs; number 0: as they are. Weights are put back at the end."""
    if number == 0:
        yield things
        return
    random = np.random.default_rng(number)
    before = [(v, value_of(v)) for v in _variables(things)] if weights else []
    moved = {}
    for key, thing in things.items():
        if tf.is_tensor(thing) and thing.dtype.is_floating and not hasattr(thing, "assign") and not _is_mask(thing):
            factor = 1 + STRETCH * random.standard_normal(thing.shape)
            moved[key] = tf.constant((thing.numpy() * factor).astype(thing.dtype.as_numpy_dtype))
    try:
        for variable, value in before:
            variable.assign(value + (MOVE * random.standard_normal(value.shape)).astype(value.dtype))
        yield {**things, **moved}
    finally:
        for variable, value in before:
            variable.assign(value)


def _is_mask(tensor: Any) -> bool:
    """Zeros and ones say which entries are real: with other numbers, two right ways to write a masked loss would differ."""
    return bool(np.isin(tensor.numpy(), (0, 1)).all())


def _same_variable(a: Any, b: Any) -> bool:
    """Whether a is b, or the TensorFlow variable inside the Keras variable b, which is what a tape knows."""
    return a is b or a is getattr(b, "value", None)


def _variables(things: Mapping[str, Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for thing in things.values():
        if hasattr(thing, "trainable_variables"):
            found |= {id(v): v for v in thing.trainable_variables}
        elif hasattr(thing, "assign") and getattr(thing, "trainable", False):
            found[id(thing)] = thing
    return list(found.values())


def _not_the_form(result: Any) -> list[str]:
    wanted = "expected `return loss, sources, gradients`"
    if not isinstance(result, tuple) or len(result) not in (3, 4):
        return [f"your code returned {_what(result)}; {wanted}"]
    loss, sources, gradients = result[:3]
    for name, thing in (("sources", sources), ("gradients", gradients)):
        if not isinstance(thing, Mapping):
            return [f"`{name}` is {_what(thing)}; expected a dict, name -> array"]
    if set(sources) != set(gradients):
        return [f"the gradients are named {sorted(map(str, gradients))} and the sources {sorted(map(str, sources))}"]
    if loss is None:
        return [f"the loss is None; {wanted}"]
    try:
        np.asarray(loss, "float64")
    except (TypeError, ValueError):
        return [f"the loss is {_what(loss)}; expected a number that TensorFlow computed"]
    for name, gradient in gradients.items():
        try:
            array = None if gradient is None else to_array(gradient)
        except (TypeError, ValueError):
            return [f"the gradient of {name} is {_what(gradient)}; expected an array or None"]
        if array is not None and array.dtype.kind not in "fc":
            return [f"the gradient of {name} is {_what(gradient)}; expected an array of floats or None"]
    return []


def _array(gradient: Any) -> np.ndarray:
    found = to_array(gradient)
    return np.zeros(0) if found is None else found


def _loss(taken: Taken | None, otherwise: Any) -> Any:
    return np.asarray(taken.loss, "float64") if taken is not None else np.full_like(otherwise, np.nan)


def _cosine(a: np.ndarray, b: np.ndarray) -> float | None:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.vdot(a, b)) / size if size else None


def _what(thing: Any) -> str:
    return "None" if thing is None else f"a {type(thing).__name__}"


def _apart(found: Any, expected: Any) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart; float32 has seven."""
    for digits in (3, 5, 7):
        words = _number(found, digits), _number(expected, digits)
        if words[0] != words[1]:
            break
    return words


def _number(value: Any, digits: int = 3) -> str:
    return f"{float(value):.{digits}g}" if np.ndim(value) == 0 else f"an array of shape {np.shape(value)}"
