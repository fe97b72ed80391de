"""One layer's gradient is a thousand times another's, for long: the small one does not learn beside the large one.

Layers are compared by their weights that multiply. Biases are left out: the bias of an attention's key has no influence
on a softmax, so its gradient is rounding noise by design. A factor of 1,000 lies beyond what depth alone does in networks
that train (a factor of ten to a hundred).

The updates must differ too, relative to their weights: Adam and its kin even gradients out, and under them the query and
key of an attention train well from gradients that are small as long as the embeddings are. A step without measured
updates says nothing.
"""

from __future__ import annotations

import math

import numpy as np

from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column
from gradlab.watch.variables_text import Kernels

FACTOR = 1000.0
PASSED_ON = (
    100.0  # times in the update relative to the weight; a tenth of FACTOR, for weights differ in size by about ten
)
STEPS = 20  # measured steps in a row
AFTER = 3  # first steps that do not count: a last layer may start from zeros


class Rule:
    """Told once."""

    name = "imbalance"

    def __init__(self) -> None:
        self.steps = 0
        self.run = 0
        self.first = 0
        self.said = False
        self.kernels = Kernels()

    def see(self, column: Column, names: list[str], listed: set[int]) -> list[Alarm]:
        if self.said or column.overflow:
            return []
        compared = column.kinds["ok"] & self.kernels.of(names)[: len(column.norm)]
        compared[list(column.sparse)] = False
        sizes = np.flatnonzero(compared)
        if len(sizes) < 2:
            return []
        small = int(sizes[column.norm[sizes].argmin()])
        large = int(sizes[column.norm[sizes].argmax()])
        factor = float(column.norm[large]) / float(column.norm[small])
        ratios = column.ratio
        if math.isnan(ratios[small]) or math.isnan(ratios[large]):
            return []
        self.steps += 1
        if self.steps <= AFTER:
            return []
        if not math.isfinite(factor) or factor < FACTOR or ratios[large] < PASSED_ON * ratios[small]:
            self.run = 0
            return []
        self.first = self.first if self.run else column.step
        self.run += 1
        if self.run < STEPS:
            return []
        self.said = True
        words = f"the gradient of {names[large]} is {factor:.0e} times that of {names[small]}"
        reason = f"more than {FACTOR:.0f} times in {STEPS} measured steps in a row, and the optimizer passes it on"
        return [Alarm("imbalance", self.first, column.step, (names[small], names[large]), words, reason)]

    def quiet(self, block: Block, names: list[str]) -> bool:
        if self.said:
            return True
        compared = block.ok & self.kernels.of(names)[: block.norm.shape[1]]
        compared[:, list(block.sparse)] = False
        if block.overflow.any() or (compared.sum(1) < 2).any():
            return False
        row = np.arange(len(block.steps))
        small = np.where(compared, block.norm, np.inf).argmin(1)
        large = np.where(compared, block.norm, -np.inf).argmax(1)
        little, much = block.ratio[row, small], block.ratio[row, large]
        near = (block.norm[row, large].astype(float) / block.norm[row, small] < FACTOR) | (much < PASSED_ON * little)
        if not near.all() or np.isnan(little + much).any():
            return False
        self.steps += len(row)
        self.run = 0
        return True

    def end(self, step: int, names: list[str], listed: set[int]) -> list[Alarm]:
        return []
