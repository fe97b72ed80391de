"""The row "Cut at" of a panel's verdict: when the doctor is asked, what it said before, and how it reads.

- `CutRow`: asks for one panel, remembers by kinds.
- `after_this_cell`: have something done once the running cell has shown what it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from gradlab.lab.reading import Side
from gradlab.lab.scenario import Scenario
from gradlab.panel.words import broken, cut_words, looking_words, no_cut_words, zero_here, zero_words

if TYPE_CHECKING:
    from gradlab.lab.blamed_line import BlamedLine  # which imports TensorFlow; this module must not


class CutRow:
    """What the doctor says of one scenario on one device. It is asked once for each set of kinds."""

    def __init__(self, scenario: Scenario, device: str) -> None:
        self._scenario, self._device = scenario, device
        self._said: dict[tuple[Any, ...], dict[str, BlamedLine] | Exception] = {}
        self.awaited = False  # a look is due, so a row that is not known yet says so

    def look(self, side: Side, knobs: Mapping[str, Any], strict: bool) -> dict[str, BlamedLine]:
        """{source: `BlamedLine`} for a switched side measured at these knobs, from memory if its kinds were seen before.

        An error of the doctor is remembered for the row and gives {}; with `strict` it is raised.
        """
        if not broken(side):
            return {}
        key = tuple(side.kinds.items())
        if key not in self._said:
            try:
                self._said[key] = self._ask(side, knobs)
            except Exception as error:  # goes into the row, in words
                self._said[key] = error
        found = self._said[key]
        if isinstance(found, Exception):
            if strict:
                raise found
            return {}
        return found

    def told(self, side: Side) -> bool:
        """Whether a look at this side would say nothing new: there is nothing to look for, or its kinds were seen before."""
        return not self.awaited and (not broken(side) or tuple(side.kinds.items()) in self._said)

    def words(self, side: Side, missing: Mapping[str, str]) -> str:
        """The row for the kinds of this side, as far as it is known; "" for no row. `missing`: see `cut_words`."""
        if not broken(side):
            return ""
        found = self._said.get(tuple(side.kinds.items()))
        if found is None:
            return looking_words() if self.awaited else ""
        return no_cut_words(found) if isinstance(found, Exception) else cut_words(side, found, missing)

    def zero(self, side: Side) -> str:
        """The row "Zero at": where gradients are zero and right, as far as it is known; "" for no row."""
        return zero_words(side, self._known(side))

    def lines(self, side: Side) -> dict[int, str]:
        """{line number: cause in words} of the lines that are known to cut a source of this side."""
        return {cut.number: cut.words for cut in self._known(side).values() if not cut.right}

    def zeros(self, side: Side) -> dict[int, str]:
        """{line number: what is zero there and why} of the lines at which gradients are zero and right."""
        found = {name: line for name, line in self._known(side).items() if line.right}
        numbers = {line.number for line in found.values()}
        return {
            number: "; ".join(
                zero_here([name for name, line in found.items() if line == one], one)
                for one in dict.fromkeys(line for line in found.values() if line.number == number)
            )
            for number in numbers
        }

    def _known(self, side: Side) -> Mapping[str, BlamedLine]:
        found = self._said.get(tuple(side.kinds.items()))
        return {} if not broken(side) or found is None or isinstance(found, Exception) else found

    def _ask(self, side: Side, knobs: Mapping[str, Any]) -> dict[str, BlamedLine]:
        from gradlab.lab.blamed_line import find

        # In a thread of its own, because what the doctor records belongs to a thread: a tape of the learner's that is
        # open here, and `gradlab.last_report()`, stay as they are. Waited for, because the random seeds do not.
        with ThreadPoolExecutor(1, "gradlab-looks-for-the-cut") as pool:
            return pool.submit(find, self._scenario, side, self._device, dict(knobs)).result()


def after_this_cell(call: Callable[[], object]) -> bool:
    """Have it called once, when the running cell has shown what it shows. False where there are no cells.

    Then, and while no cell runs, because the doctor runs code that sets random seeds: beside a cell it would change
    that cell's numbers.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return False

    def once(*_: Any) -> None:
        shell.events.unregister("post_run_cell", once)
        call()

    shell.events.register("post_run_cell", once)
    return True
