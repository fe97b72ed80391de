"""`Panel`: one scenario, live. The switch flips in the browser; knobs and training ask Python."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import traitlets

from gradlab.lab.heatmap import describe
from gradlab.lab.questions import has_question, load_question
from gradlab.lab.reading import Side, kinds_as_data
from gradlab.lab.scale import scale_of
from gradlab.lab.scenario import Scenario, load
from gradlab.panel.blamed_line_row import CutRow, after_this_cell
from gradlab.panel.margin import Margins
from gradlab.panel.scene import compared
from gradlab.panel.static_picture import static_picture
from gradlab.panel.strict import not_announced, strict
from gradlab.panel.trained import trained
from gradlab.panel.view import View, choice_knob, range_knob
from gradlab.panel.words import code_lines, evidence, fault, groups, setup_code
from gradlab.runtime import tf_loading
from gradlab.runtime.tf_environment import chosen_keras

if TYPE_CHECKING:
    from gradlab.lab.blamed_line import BlamedLine


class Panel(View):
    """A scenario's code with gradients in its margin, its switch and knobs, heatmaps, words and a training button.

    `scenario` is a name (`gradlab.names()` lists them) or a `Scenario` of your own; `bug` is where the switch stands at
    first; `knobs` are where its knobs do. With `predict` the switch opens once a prediction is locked in: a letter where
    the scenario has a question (`gradlab.lab.questions`), else a kind for each group of sources that comes out alike;
    `predict="kinds"` asks for the kinds in any case. Raises LookupError for an unknown scenario or knob. An exception in the scenario is shown in the panel; with
    GRADLAB_STRICT=1 in the environment, as in tests, it is raised as well.

    Both positions are measured at once (`sides`, and `print(panel.words())`), but the page tells of a position only
    once it has been on the screen.

    The line that cuts the gradient is looked for by the doctor once the cell that made the panel is done and its
    heatmaps are on the page, and again after a knob has changed the kinds of the switched side; with GRADLAB_STRICT=1
    only when `find_cut` is called, so that a compared page does not depend on it.

    >>> import gradlab
    >>> panel = gradlab.Panel("integer_cast")
    >>> panel.sides[1]["kernel"].kind.word
    'None: no path to the loss'
    >>> panel.close()
    """

    def __init__(
        self,
        scenario: str | Scenario,
        bug: bool = False,
        device: str | None = None,
        predict: bool | str = False,
        **knobs: Any,
    ) -> None:
        _announce_loading()
        tf_loading.wait()
        self.scenario = load(scenario) if isinstance(scenario, str) else scenario
        self.device = device or tf_loading.device()
        self.sides: tuple[Side, Side] | None = None
        self._cut = CutRow(self.scenario, self.device)
        self._margins = Margins(self.scenario, self.device)
        self._lock = threading.Lock()  # a callback may run beside a cell, in a thread of the kernel
        start = {**self.scenario.defaults, **self._known(knobs)}
        page = {
            "name": self.scenario.name,
            "title": self.scenario.title,
            "claim": self.scenario.claim,
            "positions": list(self.scenario.switch),
            "start": int(bug),
            "predict": bool(predict),
            "question": None if predict == "kinds" else _question(self.scenario.name),  # a page may ask it later
            "layout": "code",
            "kinds": kinds_as_data(),
            "knobs": [_knob(name, span, start[name]) for name, span in self.scenario.knobs.items()],
            "code": code_lines(self.scenario),
            "setup": setup_code(self.scenario),
            "links": [],
            "why": self.scenario.why,
            "train": f"{self.scenario.training_steps} steps of gradient descent at both positions",
            "steps": self.scenario.training_steps,
        }
        super().__init__(page, start, int(bug))
        self._cut.awaited = not strict() and after_this_cell(self.find_cut)
        self._measure()
        code = self.page["code"]
        if code:  # a lambda or a layer that `setup` or the module makes: its line belongs to what is seen
            elsewhere = self._margins.elsewhere({line["number"] for line in code})
            self.page = {**self.page, "code": sorted([*elsewhere, *code], key=lambda line: line["number"])}
        self.observe(self._on_knobs, "knobs")
        self.complete()

    @property
    def bug(self) -> bool:
        """Where the switch stands."""
        return bool(self.position)

    def flip(self, bug: bool) -> None:
        """Set the switch from Python."""
        self.position = int(bug)

    def turn(self, **knobs: Any) -> None:
        """Set knobs from Python. Raises LookupError for a knob that the scenario does not have."""
        self.knobs = {**self.knobs, **self._known(knobs)}

    def words(self) -> str:
        """Both positions in words, one line a source, as `gradlab.picture` words them."""
        return describe(self.scenario.switch, self.sides) if self.sides is not None else "nothing was measured"

    def train(self) -> None:
        """What the training button does."""
        from gradlab.lab.training import train

        if self.sides is None or _untrainable(self.sides):
            return
        with self._lock:
            failed = None
            steps = self.scenario.training_steps
            self.progress = [0, 2 * steps]
            try:
                histories = [
                    train(self.scenario, bug, steps, self.device, self.knobs, self._step) for bug in (False, True)
                ]
                self.trained = trained(histories)
            except Exception as error:
                self.trained, failed = {"error": fault("Training stopped", error)}, error
            finally:
                self.progress = [2 * steps, 2 * steps]
        if failed is not None and strict():
            raise failed

    def find_cut(self) -> dict[str, BlamedLine]:
        """Ask the doctor which lines cut the gradients of the switched side, and show them beside the code.

        Returns {source: `gradlab.lab.blamed_line.BlamedLine`}, from the last look if the kinds are the same. An error of the
        doctor is shown in words, and the result is empty; with GRADLAB_STRICT=1 it is raised as well.
        """
        with self._lock:
            if self.sides is None:
                return {}
            told = self._cut.told(self.sides[1])
            try:
                return self._cut.look(self.sides[1], self.knobs, strict())
            finally:
                self._cut.awaited = False
                if not told:  # else what is shown tells it already
                    self._show()

    def close(self) -> None:
        """Close the panel; nothing of it stays alive."""
        self.unobserve_all()
        super().close()

    def _known(self, knobs: Mapping[str, Any]) -> dict[str, Any]:
        for name in knobs:
            if name not in self.scenario.knobs:
                raise LookupError(
                    f"`{self.scenario.name}` has no knob `{name}`. It has: {', '.join(self.scenario.knobs) or 'none'}."
                )
        return dict(knobs)

    def _on_knobs(self, _: Any) -> None:
        wanted = self.clean(self.knobs)
        if wanted != self.knobs:
            self.knobs = wanted  # comes back here, measured once
            return
        asked = self.asked
        self.working = True
        try:
            self.trained, self.progress = {}, [0, 0]
            self._measure()
            if not strict() and not self._cut.awaited:
                self.find_cut()  # from memory unless the kinds are new; the heatmaps are on their way already
        finally:
            self.working, self.answered = False, max(asked, self.answered)

    def _measure(self) -> None:
        from gradlab.lab.measure import both, keras_version

        unexpected: BaseException | None = None
        with self._lock:
            try:
                shown = self._margins.knobs is not None
                self._margins.record(self.knobs)
                sides = both(self.scenario, self.device, self.knobs, self._margins.take)
                breaks = self.scenario.expected(keras_version())[1]
                self.sides = sides
                if shown and not strict():  # else nobody looks meanwhile
                    self._show()  # the heatmaps at once; the margin, pale until then, follows
                self._margins.look(strict())
                self._show()
                unexpected = not_announced(sides, breaks)
            except Exception as error:
                self.scene = {
                    **self.scene,
                    "untrainable": "the measurement failed",
                    "failed": fault("gradlab could not measure this", error),
                }
                unexpected = error
        if unexpected is not None and strict():
            raise unexpected

    def _show(self) -> None:
        """Everything known of the present sides, onto the page."""
        from gradlab.lab.measure import keras_version

        if self.sides is None:
            return
        off, on = self.sides
        missing = {r.name: compared(r, off[r.name]) for r in on.readings if r.name in off.kinds}
        cut, zero = self._cut.words(on, missing), self._cut.zero(on)
        verdict, rows = evidence(self.scenario, self.sides, keras_version(), cut, zero, self.knobs)
        sides = []
        for bug, (side, position) in enumerate(zip(self.sides, self.scenario.switch, strict=True)):
            raised = side.error and fault(f"With the switch at “{position}”, the code raised", side.error)
            found = (self._cut.lines(side), self._cut.zeros(side)) if bug else ({}, {})
            margin = self._margins.of(bool(bug), *found)
            sides.append({"groups": groups(side), "error": raised, "margin": margin})
        scale, axes = scale_of(self.scenario), self.scenario.axes
        more: dict[str, Any] = {
            "sides": sides,
            "verdict": verdict,
            "evidence": rows,
            "cut": cut,
            "zero": zero,
            "failed": None,
            "note": self._margins.failed,
        }
        more["stale"] = self._margins.knobs != self.knobs
        self.show(self.sides, scale, axes, untrainable=_untrainable(self.sides), **more)

    def _step(self) -> None:
        self.progress = [self.progress[0] + 1, self.progress[1]]

    @traitlets.validate("knobs")
    def _whole(self, proposal: Any) -> dict[str, Any]:
        return self.clean(proposal["value"])

    def __repr__(self) -> str:
        """Short and the same at every run; the default would list every trait."""
        return f"Panel({self.scenario.name}, bug={self.bug})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if self.sides is None:
            return self._bundle(None, repr(self))
        positions, sides = self.scenario.switch, self.sides
        shown = (self.page["start"],) if self.page["predict"] else (0, 1)
        picture = static_picture(self.page, [positions[i] for i in shown], [sides[i] for i in shown],
                                 [self._margins.of(bool(i), {}) for i in shown], scale_of(self.scenario))  # fmt: skip
        return self._bundle(picture.png, f"{self!r}\n{picture.alt}")


def _question(scenario: str) -> dict[str, Any] | None:
    """The scenario's question as the page needs it, or None where it has none: a scenario of the learner's own."""
    if not has_question(scenario):
        return None
    question = load_question(scenario)
    answers = [{"letter": k, "text": a.text, "why": a.why, "right": a.right} for k, a in question.lettered]
    asks = re.split(r"(?<=[.?!:])\s+", question.question.strip())[
        -1
    ]  # the sentence that asks; those before it set the scene
    return {"words": question.question, "asks": asks, "answers": answers}


def _knob(name: str, span: tuple[Any, ...], start: Any) -> dict[str, Any]:
    numbers = len(span) == 2 and all(isinstance(end, int | float) and not isinstance(end, bool) for end in span)
    if numbers and not (all(type(end) is int for end in span) and type(start) is not int):
        return range_knob(name, span[0], span[1], start)
    return choice_knob(name, span, start)


def _untrainable(sides: tuple[Side, Side]) -> str:
    """Why there is nothing to train, or "": there must be a scalar loss and something to move, at both positions."""
    if any(s.error is not None for s in sides):
        return "Nothing to train: one position raises an exception."
    if any(s.loss is None for s in sides):
        return "Nothing to train: this scenario has no scalar loss."
    return ""


def _announce_loading() -> None:
    """Without a first cell that starts loading, say that the next seconds are TensorFlow's."""
    if not tf_loading.begun():
        from IPython.display import display

        from gradlab.panel.status import start

        display(start(chosen_keras()))
