"""What one training step writes about its own gradients, inside its own graph.

A `Recorder` belongs to one model. While a step is traced it gets every optimizer call (see `hooks`) and adds ops that
write norms into small ring variables; Python reads those every few steps. Layout of the memory:

- one `Replica` for each replica of the strategy: how many steps it took, the first bad one, and its rings;
- one `Ring` for each place in the step that writes: `[rows, 1 + numbers]`. Column 0 is the number of the step (so a row
  that a step did not write is told from one that it did), the others are those of its parts, one after another.

With one replica all that a step tells is written at its end, as one row: few ops. What XLA compiles returns that row. What
is told where its tensors cannot reach the end (a function or a loop inside `train_step`, several replicas) is written
there, into a ring of its own.

Outside of XLA the norms are taken in float32. Where one is not finite or may be wrong (`norms.doubtful`), and at the first step, the rest
is done: all again in float64, the note of a bad step, the copy of the batch and the weights. With `every` above 1 other
steps have one number instead, a sum of squares of all gradients, and the same is done where that is not finite.

No variable of the model, the optimizer or a metric is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from gradlab.doctor.recording.tf_internals import reading
from gradlab.runtime.outside import outside
from gradlab.watch import columns, norms, variables
from gradlab.watch.capture import Capture
from gradlab.watch.hooks import listening
from gradlab.watch.rarely import rarely
from gradlab.watch.told import Applied, Computed, Histograms, Loss, Told, Updated, bad, rows

STAMPS = 1 << 20  # step numbers are kept as float32, modulo this: float32 holds whole numbers up to 2^24


@dataclass
class Ring:
    """The last rows that one place in the step wrote."""

    memory: Any
    parts: list[columns.Part]


@dataclass
class Replica:
    """The memory of one replica."""

    count: Any
    bad: Any
    capture: Capture
    rings: dict[Any, Ring] = field(default_factory=dict)
    order: int = 0  # places met so far in the trace at hand that write a row of their own
    lost: bool = False  # whether this trace has met the loss
    told: list[Told] = field(default_factory=list)  # by this trace, to be written at the end of the step
    late: bool = False  # whether what is told may be written at the end of the step
    graph: Any = None  # the graph in which it is told then
    thread: int = 0


class Recorder:
    """Adds the recording to a model's training step. `every`: measure each n-th step; look for a bad one at each."""

    def __init__(
        self,
        model: Any,
        every: int = 1,
        rows: int = 16,
        ratios: bool = True,
        histograms: bool = False,
        earlier: Recorder | None = None,
    ) -> None:
        self.histograms = histograms
        self.model, self.every, self.rows, self.ratios = model, every, rows, ratios
        self.names: list[str] = []
        self.watched: list[Any] = []
        self.index: dict[Any, int] = {}
        if earlier is not None:  # of a training before: a variable keeps its place in the record
            self.names, self.watched, self.index = list(earlier.names), list(earlier.watched), dict(earlier.index)
        self.replicas: dict[int, Replica] = {}
        self.traces = 0
        self.apart: list[Any] = []  # trainable variables that the first step read, of nothing in the model
        self.loss_word = ""  # where the loss was taken from
        self._lock = threading.RLock()  # replicas are traced in threads of their own
        self.xla = False

    # --- what is watched ----------------------------------------------------------------------------------------------

    def listed(self) -> set[int]:
        """Indices of the variables that are in model.trainable_variables."""
        self.find()
        return {self.index[variables.key(v)] for v in self.model.trainable_variables if variables.is_float(v)}

    def find(self) -> None:
        """Take in the trainable variables that are new since the last look (a model may be built in its first step)."""
        self._add([v for v in self.model.trainable_variables if variables.is_float(v)])

    def _add(self, found: list[Any]) -> None:
        with self._lock:
            new = [v for v in found if variables.key(v) not in self.index]
            for variable, name in zip(new, variables.names(new, self.names), strict=True):
                self.index[variables.key(variable)] = len(self.names)
                self.names.append(name)
                self.watched.append(variable)

    def replica(self) -> Replica:
        """The memory of the replica that is being traced, made at its first trace."""
        context = tf.distribute.get_replica_context()
        number = 0
        if context is not None:
            group = context.replica_id_in_sync_group
            number = group if isinstance(group, int) else int(tf.get_static_value(group) or 0)
        with self._lock:
            if number not in self.replicas:
                count, bad = outside(lambda: [tf.Variable(n, dtype=tf.int64, trainable=False) for n in (0, -1)])
                self.replicas[number] = Replica(count, bad, Capture())
            return self.replicas[number]

    # --- one step -----------------------------------------------------------------------------------------------------

    def step(self, original: Callable[[Any], Any], data: Any, jit: str = "no") -> Any:
        """`original(data)`, recorded.

        `jit`: "no"; "inside", the step is to be compiled by XLA here, with the recording outside of it; "around", the
        caller is compiled by XLA as a whole, and there is no copy of batch and weights.
        """
        here = self.replica()
        self.xla = jit != "no"
        self.find()
        here.capture.exact = jit != "around"
        if here.capture.exact:
            here.capture.begin(self.model, data)
        here.count.assign_add(1)
        here.late = here.capture.exact and tf.distribute.get_strategy().num_replicas_in_sync == 1
        held = here.capture.values() if jit == "no" else {}  # XLA reads at no cost, and each input costs it some

        def inner(data: Any) -> tuple[Any, Any]:
            self.traces += 1
            here.order, here.lost, here.told = 0, False, []
            here.thread, here.graph = threading.get_ident(), _graph()
            before = [(variables.key(v), v) for v in self.watched if self.ratios and _readable(v)]
            olds = [held[k] if k in held else variables.raw(v).read_value() for k, v in before]
            with listening(self), reading() as read:
                outputs = original(data)
                seen = read() if self.traces == 1 else []
            self._look_apart(seen)
            if not here.lost:
                loss = _logged(outputs)
                if loss is not None:
                    self.loss_word = "as logged: the mean over the epoch so far"
                    self._tell(here, Loss(loss))
            if before:
                members = tuple(self.index[k] for k, _ in before)
                self._tell(here, Updated(members, olds, [variables.raw(v) for _, v in before]))
            return outputs, self._numbers(here) if jit == "inside" else None

        run = tf.function(inner, jit_compile=True, reduce_retracing=True, autograph=False) if jit == "inside" else inner
        outputs, numbers = run(data)
        if numbers is not None:
            self._end_of_compiled(here, *numbers)
        elif here.late:
            self._end(here)
        elif here.capture.exact:
            here.capture.end(here.count, here.bad)
        here.told = []  # these hold gradients in eager mode, else the graph
        return outputs

    def _look_apart(self, read: list[Any]) -> None:
        """Which of the variables that the step read are none of the model's, its optimizer's or its metrics'."""
        if not read:
            return
        model = self.model
        slots = getattr(model.optimizer, "variables", None) or ()
        own = [*model.variables, *(slots() if callable(slots) else slots)]
        own += [v for metric in model.metrics for v in metric.variables]
        known = {variables.key(v) for v in own}
        self.apart = [v for v in read if variables.is_float(v) and variables.key(v) not in known]

    def _end(self, here: Replica) -> None:
        """After the step: write what it told, and copy batch and weights if it was the first, or the first bad one."""
        row, place, measured = self._now(here)
        live = [g for told in here.told if isinstance(told, Computed) for g in told.live]
        ring = self._ring(here, "end", here.told)

        def write(size: Callable[[list[Any]], Any]) -> list[Any]:
            found = rows(here.told, size)
            ring.memory.scatter_nd_update(place, [tf.concat([row, *found], 0)])
            return found

        def closely() -> None:
            self._note(here, bad(here.told, write(norms.exact if measured is True else norms.norms)))
            here.capture.end(here.count, here.bad)

        wanted = self._first(here)
        if measured is True:
            sizes: list[Any] = []

            def quick(tensors: list[Any]) -> Any:
                sizes.append(norms.quick(tensors))
                return sizes[0]

            write(quick)
            wanted = tf.logical_or(wanted, norms.doubtful(sizes[0]))
        else:
            wanted = tf.logical_or(wanted, measured)
            if live:
                fine = tf.math.is_finite(norms.quick_total(live))
                wanted = tf.logical_or(wanted, tf.logical_not(fine))
        rarely(wanted, closely)

    def _numbers(self, here: Replica) -> tuple[Any, Any]:
        """(all that the step told, whether a gradient is bad), made within what XLA compiles.

        A gradient that is returned from there, or that a branch needs, is put into memory, which XLA does not do by
        itself with all of them: then it computes the update in another way, and the last bit of a weight may change.
        What is added to its loops, as a sum is, leaves the rest as it was. So numbers are returned, at every step.
        """
        found = rows(here.told, lambda tensors: norms.norms(tensors, True))
        return tf.concat(found, 0) if found else tf.zeros([0]), bad(here.told, found)

    def _end_of_compiled(self, here: Replica, numbers: Any, is_bad: Any) -> None:
        """The same as `_end` for these numbers."""
        row, place, measured = self._now(here)
        ring = self._ring(here, "end", here.told)
        ring.memory.scatter_nd_update(place, [tf.concat([_stamp(row, measured, is_bad), numbers], 0)])

        def closely() -> None:
            self._note(here, is_bad)
            here.capture.end(here.count, here.bad)

        rarely(tf.logical_or(self._first(here), is_bad), closely)

    def _first(self, here: Replica) -> Any:
        """Whether this is the first step, or another place in it that has a ring of its own met a bad gradient."""
        first = tf.equal(here.count.read_value(), 1)
        return tf.logical_or(first, tf.equal(here.bad, here.count)) if here.order else first

    def _now(self, here: Replica) -> tuple[Any, Any, Any]:
        """(the number of the step at hand as it stands in a ring, its place there, whether to measure it)."""
        count = here.count.read_value() - 1
        measured = True if self.every == 1 else tf.equal(count % self.every, 0)
        return tf.reshape(tf.cast(count % STAMPS + 1, tf.float32), [1]), tf.reshape(count % self.rows, [1, 1]), measured

    def _note(self, here: Replica, bad: Any) -> None:
        was = here.bad.read_value()
        here.bad.assign(tf.where(tf.logical_and(bad, was < 0), here.count.read_value(), was))

    # --- what the hooks tell ------------------------------------------------------------------------------------------

    def computed(self, optimizer: Any, gradients: list[Any], held: list[Any]) -> None:
        """Gradients reach an optimizer."""
        here = self.replica()
        if threading.get_ident() == here.thread:  # another model in another thread is not ours to add
            self._add([v for v in held if hasattr(variables.raw(v), "handle") and variables.is_float(v)])
        pairs = [(self.index[k], g) for k, g in _keyed(held, gradients) if k in self.index]
        if not pairs:
            return
        scale, overflow = _scales(optimizer)
        self._tell(here, Computed(tuple(i for i, _ in pairs), [g for _, g in pairs], optimizer, scale, overflow))
        live = [(i, g) for i, g in pairs if g is not None]
        if self.histograms and live:
            self._tell(here, Histograms(tuple(i for i, _ in live), [g for _, g in live], scale))

    def applied(self, optimizer: Any, gradients: list[Any], held: list[Any]) -> None:
        """Gradients leave the sum over replicas. With one replica what was computed says it all (`clipped`).

        There a norm of what is applied is not taken: that further use keeps TensorFlow's graph optimizer from
        joining the product with the clipping factor and that with the learning rate, and the last bit may change.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return
        pairs = [(self.index[k], g) for k, g in _keyed(held, gradients) if k in self.index and g is not None]
        if pairs:
            self._tell(self.replica(), Applied(tuple(i for i, _ in pairs), [g for _, g in pairs]))

    def lost(self, loss: Any) -> None:
        """The loss of a step, of all replicas together: each has its share."""
        if tf.is_tensor(loss) and loss.shape.rank == 0:
            here = self.replica()
            self.loss_word, here.lost = "of the step", True
            self._tell(here, Loss(tf.cast(loss, tf.float32)))

    # --- writing and reading ------------------------------------------------------------------------------------------

    def _tell(self, here: Replica, told: Told) -> None:
        """Keep it for the end of the step; where its tensors do not reach that far, write it now."""
        if here.late and here.graph is _graph():
            here.told.append(told)
            return
        ring = self._ring(here, here.order, [told])
        here.order += 1
        row, place, wanted = self._now(here)
        if wanted is not True:
            wanted = tf.logical_or(wanted, tf.equal(here.bad, here.count))
            if isinstance(told, Computed) and told.live and not self.xla:
                fine = tf.math.is_finite(norms.quick_total(told.live))
                wanted = tf.logical_or(wanted, tf.logical_not(fine))

        def write() -> None:
            found = rows([told], lambda tensors: norms.norms(tensors, self.xla))
            is_bad = bad([told], found)
            stamp = _stamp(row, wanted, is_bad) if self.xla else row
            ring.memory.scatter_nd_update(place, [tf.concat([stamp, *found], 0)])
            if isinstance(told, Computed):
                self._note(here, is_bad)

        rarely(True if self.xla else wanted, write)  # XLA: no branch, as `_numbers` says

    def _ring(self, here: Replica, where: Any, told: list[Told]) -> Ring:
        """Its memory: the same for each trace that tells the same in the same place."""
        parts = [one.part() for one in told]
        key = (where, *((part.kind, part.members, part.width) for part in parts))
        if key not in here.rings:
            width = 1
            for part in parts:
                part.start, width = width, width + part.width
            shape = [self.rows, width]
            memory = outside(lambda: tf.Variable(tf.zeros(shape), trainable=False))
            here.rings[key] = Ring(memory, parts)
        return here.rings[key]

    def steps(self) -> int:
        """How many steps replica 0 has taken."""
        return int(self.replicas[0].count.numpy()) if 0 in self.replicas else 0

    def read(self, after: int) -> tuple[int, columns.Block]:
        """(steps taken, the measured ones after that number, as far as the rings still hold them)."""
        last = self.steps()
        steps = np.arange(max(after, last - self.rows) + 1, last + 1)
        stamps, places = (steps - 1) % STAMPS + 1, (steps - 1) % self.rows
        found: list[columns.Rows] = []
        measured = np.zeros(len(steps), bool)
        for number, replica in self.replicas.items():
            for ring in list(replica.rings.values()):
                memory = ring.memory.numpy()[places]
                at = np.flatnonzero(memory[:, 0] == stamps)
                for part in ring.parts if len(at) else ():
                    found.append(columns.Rows(number, part, at, memory[at, part.start : part.start + part.width]))
                    if part.kind == "computed":
                        measured[at] = True
        if not measured.all():  # rows of unmeasured steps are left out
            place = np.cumsum(measured) - 1
            for part_rows in found:
                kept = measured[part_rows.at]
                part_rows.at, part_rows.numbers = place[part_rows.at[kept]], part_rows.numbers[kept]
        return last, columns.block(steps[measured], found, len(self.names))

    def first_bad(self) -> int | None:
        """The first step with a gradient that is not finite (overflow of a loss scale above 1 left out)."""
        found = [int(r.bad.numpy()) for r in self.replicas.values()]
        return min((n for n in found if n >= 0), default=None)


def _stamp(row: Any, measured: Any, is_bad: Any) -> Any:
    """What marks the row of a step as written: its number, or 0 where it was not to be measured."""
    return row if measured is True else tf.where(tf.logical_or(measured, is_bad), row, 0.0)


def _graph() -> Any:
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _keyed(held: list[Any], gradients: list[Any]) -> list[tuple[Any, Any]]:
    return [(variables.key(v), g) for v, g in zip(held, gradients, strict=False)]


def _readable(variable: Any) -> bool:
    """Not a variable that is still a promise of a traced function."""
    return hasattr(variables.raw(variable), "read_value")


def _scales(optimizer: Any) -> tuple[Any, Any]:
    """(what these gradients are multiplied by, the loss scale whose overflow is normal); None where there is none.

    Keras 3 divides inside `apply`. Legacy Keras has divided already when the gradients arrive here.
    """
    if hasattr(optimizer, "dynamic_growth_steps") and hasattr(optimizer, "inner_optimizer"):
        if hasattr(optimizer, "loss_scale"):
            return None, tf.cast(optimizer.loss_scale, tf.float32) if optimizer.dynamic else None
        # Not yet built, its scale_loss has used the first scale for this trace.
        value = variables.raw(getattr(optimizer, "dynamic_scale", optimizer.initial_scale))
        scale = tf.cast(tf.convert_to_tensor(value), tf.float32)
        return scale, scale
    factor = getattr(optimizer, "loss_scale_factor", None)
    return (None if factor is None else tf.constant(float(factor))), None


def _logged(outputs: Any) -> Any:
    """The loss in what the step returns: under that name, or the first scalar; None without any."""
    if not isinstance(outputs, dict):
        return tf.cast(outputs, tf.float32) if tf.is_tensor(outputs) and outputs.shape.rank == 0 else None
    scalars = {k: v for k, v in outputs.items() if tf.is_tensor(v) and v.shape.rank == 0 and v.dtype.is_floating}
    found = scalars.get("loss", next(iter(scalars.values()), None))
    return None if found is None else tf.cast(found, tf.float32)
