"""`Votes`: popular claims on one page. A vote on a claim runs it, and shows beside it what was measured."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Callable
from typing import Any

import ipywidgets

from gradlab.lab.folded import Folded, folded
from gradlab.lab.reading import Kind, Side
from gradlab.lab.scenario import Scenario, load
from gradlab.lab.side_by_side import side_by_side
from gradlab.lab.verdict import CONFIRMED, REFUTED, changed, in_words, judge
from gradlab.panel.progress import Progress
from gradlab.panel.strict import not_announced, strict
from gradlab.runtime import tf_loading
from gradlab.runtime.exceptions import sentence
from gradlab.runtime.tf_environment import chosen_keras

VOTES = {"It is so": True, "It is not so": False}
LARGE = "gradlab-votes-large"  # the class of a page for a projector; as much larger as a panel is
_STYLE = f"<style>.{LARGE} {{ zoom: 1.6 }} .{LARGE} pre {{ overflow-x: auto }}</style>"
RIGHT = {CONFIRMED: True, REFUTED: False}  # of a claim that is half true neither vote is right


class Votes(ipywidgets.VBox):
    """The claims of these scenarios, each with its code folded and two buttons: it is so, it is not so.

    A scenario with a `doubted` sentence, which is true, is asked about by that sentence. The button "Large" is for a projector.
    A vote measures both positions of the scenario's switch (`gradlab.compare`) and says what the claim predicts, what was
    found, and why. Nothing is told before the vote. `found` maps the scenarios that were voted on to (vote, verdict);
    `measured()` measures all of them. Raises LookupError for an unknown scenario and ValueError without any. What cannot
    be measured is said in the place of the result; with GRADLAB_STRICT=1 the exception is raised as well.

    >>> import gradlab
    >>> gradlab.Votes("python_list", "python_if")
    2 claims to vote on: python_list, python_if
    """

    def __init__(self, *names: str) -> None:
        if not names:
            raise ValueError("Votes needs the name of at least one scenario; `gradlab.names()` lists them.")
        tf_loading.wait()
        self.scenarios = {name: load(name) for name in names}
        self.found: dict[str, tuple[bool, str]] = {}
        self._buttons: dict[str, list[ipywidgets.Button]] = {}
        self._results: dict[str, ipywidgets.HTML] = {}
        rows = [self._row(number, name) for number, name in enumerate(names, 1)]
        self._score = ipywidgets.HTML()
        self._large = ipywidgets.ToggleButton(description="Large", tooltip="For a projector")
        self._large.observe(self._resize, "value")
        super().__init__([ipywidgets.HTML(_STYLE), self._large, *rows, self._score])
        self._count()

    def vote(self, name: str, so: bool) -> None:
        """What a click does: lock the vote in, measure, and show what was found. The first vote on a claim counts."""
        if name in self.found or not self._buttons[name]:
            return
        # The buttons stay enabled: a browser takes the focus away from a disabled one, and Tab would begin at the top again.
        self._say(name, "measuring …")
        try:
            off, on, verdict = self._measure(name)
        except Exception as error:  # the page says so, and can be asked again
            self._say(name, html.escape(_not_measured(error)))
            if strict():
                raise
            return
        self.found[name] = so, verdict
        for words, button in zip(VOTES, self._buttons[name], strict=True):
            voted = VOTES[words] == so
            button.icon = "check" if voted else ""
            button.tooltip = f"{words}: {'your vote' if voted else 'not your vote'}. The first vote on a claim counts."
        self._say(name, _result(self.scenarios[name], so, off, on, verdict))
        self._count()

    def measured(self) -> Folded:
        """Every claim with what was measured, folded: a page that is run at once tells nobody who has not voted yet."""
        from IPython.display import display

        bar, lines = Progress(len(self.scenarios), "measuring the claims"), []
        display(bar)
        for done, name in enumerate(self.scenarios, 1):
            try:
                off, on, verdict = self._measure(name)
                found = f"{verdict}. With the switch on: {_effect(on)}. {_losses(off, on)}"
            except Exception as error:  # the other claims can still be told
                if strict():
                    raise
                found = _not_measured(error)
            lines.append(f"{done}. {name}: {found}".strip())
            bar.show(done, name)
        return folded(*lines, title="All claims as they were measured (after you have voted)")

    def _measure(self, name: str) -> tuple[Side, Side, str]:
        from gradlab.lab.measure import compare

        scenario = self.scenarios[name]
        predicted, breaks, _ = scenario.expected(chosen_keras())
        off, on = compare(scenario)
        error = not_announced((off, on), breaks)
        if error is not None:
            raise error
        if scenario.doubted:  # it says of every source what becomes of it
            predicted = dict.fromkeys(on.kinds, Kind.OK) | dict(breaks)
        return off, on, judge(predicted, on)

    def _resize(self, change: dict[str, Any]) -> None:
        (self.add_class if change["new"] else self.remove_class)(LARGE)

    def _row(self, number: int, name: str) -> ipywidgets.VBox:
        scenario = self.scenarios[name]
        claim = ipywidgets.HTML(f"<b>{number}.</b> <i>{_with_code(asked(scenario))}</i>{_code(scenario)}")
        self._results[name] = ipywidgets.HTML()
        self._buttons[name] = []
        for words, so in VOTES.items():
            button = ipywidgets.Button(description=words, tooltip=f"{words}: {asked(scenario)}")
            button.on_click(self._click(name, so))
            self._buttons[name].append(button)
        return ipywidgets.VBox([claim, ipywidgets.HBox(self._buttons[name]), self._results[name]])

    def _click(self, name: str, so: bool) -> Callable[[Any], None]:
        return lambda _: self.vote(name, so)

    def _agrees(self, name: str) -> bool:
        so, verdict = self.found[name]
        return RIGHT.get(verdict) == so

    def _count(self) -> None:
        agreed = sum(map(self._agrees, self.found))
        words = f"{len(self.found)} of {len(self.scenarios)} voted on"
        if self.found:
            words += f"; the measurement agrees with {agreed} of your votes"
        others = [str(n) for n, name in enumerate(self.scenarios, 1) if name in self.found and not self._agrees(name)]
        if others:
            words += f", and not with those on {', '.join(others)}"
        self._score.value = f'<span role="status">{words}.</span>'

    def _say(self, name: str, words: str) -> None:
        self._results[name].value = f'<div role="status">{words}</div>'

    def __repr__(self) -> str:
        return f"{len(self.scenarios)} claims to vote on: {', '.join(self.scenarios)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Without a kernel: the claims and their code. A site puts the live panel of each in its place (`gradlab.site`)."""
        claims = "\n".join(
            f'<details data-claim="{name}"><summary>{html.escape(asked(scenario))}</summary>{_pre(scenario)}</details>'
            for name, scenario in self.scenarios.items()
        )
        return {**super()._repr_mimebundle_(**kwargs), "text/plain": repr(self), "text/html": claims}


def asked(scenario: Scenario) -> str:
    """The sentence that is voted on."""
    return scenario.doubted or scenario.claim


def _result(scenario: Scenario, so: bool, off: Side, on: Side, verdict: str) -> str:
    right = RIGHT.get(verdict)
    said = next(words for words, value in VOTES.items() if value == so)
    first = "Half of it is so." if right is None else "✓ So it is measured." if right == so else "✗ Not as measured."
    words = f"{first} You said: {said.lower()}. The claim is {verdict}. With the switch on: {_effect(on)}. {_losses(off, on)}"
    table = f"<details><summary>The numbers</summary><pre>{html.escape(repr(side_by_side(off, on)))}</pre></details>"
    popular = f"A popular answer says: “{scenario.claim}” " if scenario.doubted else ""
    return f"<b>{_with_code(words)}</b><br>{_with_code(popular + scenario.why)}{table}"


def _with_code(text: str) -> str:
    """As HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _not_measured(error: BaseException) -> str:
    return f"This could not be measured: {sentence(error)}"


def _effect(on: Side) -> str:
    return in_words(changed(on)) or "every gradient stays as it was"


def _losses(off: Side, on: Side) -> str:
    if off.loss is None or on.loss is None:
        return ""
    return f"Loss: off {off.loss:.2g}, on {on.loss:.2g}."


def _code(scenario: Scenario) -> str:
    return f"<details><summary>The code, and its switch</summary>{_pre(scenario)}</details>"


def _pre(scenario: Scenario) -> str:
    off, on = (html.escape(position) for position in scenario.switch)
    return f"<p>Off: {off}. On: {on}.</p><pre>{html.escape(inspect.getsource(scenario.run))}</pre>"
