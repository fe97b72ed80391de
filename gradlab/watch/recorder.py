"""What one training step writes about its own gradients, inside its own graph.

A `Recorder` belongs to one model. While a step is traced it gets every optimizer call (see `hooks`) and adds ops that
write norms into small ring variables; Python reads those every few steps. Layout of the memory:

- one `Replica` for each replica of the strategy: how many steps it took, the first bad one, and its sites;
- one `Site` for each place in the step that writes: which variables it writes of, and a ring `[rows, 2 + variables]`.
  Column 0 is the number of the step (so a row that a step did not write is told from one that it did), column 1 the
  loss scale (0 where there is none), the others are norms, or `NONE`.

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
from gradlab.watch import histograms, norms, variables
from gradlab.watch.capture import Capture
from gradlab.watch.clipping import clipped
from gradlab.watch.hooks import listening

STAMPS = 1 << 20  # step numbers are kept as float32, modulo this: float32 holds whole numbers up to 2^24
HEAD = 2  # columns before the norms: the step's number and the loss scale


@dataclass
class Site:
    """One place in the step that writes a row for each step."""

    kind: str  # "computed", "applied", "update", "histogram" or "loss"
    members: tuple[int, ...]  # indices into Recorder.names
    ring: Any
    sparse: tuple[int, ...] = ()  # members whose gradient is tf.IndexedSlices

    def __post_init__(self) -> None:
        self.index = np.array(self.members, np.intp)


@dataclass
class Replica:
    """The memory of one replica."""

    count: Any
    bad: Any
    capture: Capture
    sites: dict[Any, Site] = field(default_factory=dict)
    order: int = 0  # sites met so far in the trace at hand
    lost: bool = False  # whether this trace has met the loss
    measure: Any = None  # whether the step at hand is one to be measured
    row: Any = None  # the number of the step at hand, from 1
    stamp: Any = None  # the same as it stands in a ring
    place: Any = None  # and where
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
        self.apart: list[
            Any
        ] = []  # trainable variables that the first step read and that belong to nothing of the model
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

        `jit`: "no"; "inside", the step is to be compiled by XLA here, with the snapshot outside of it, as XLA would
        copy that at every step; "around", the caller is compiled by XLA as a whole, and there is no snapshot.
        """
        here = self.replica()
        self.xla = jit != "no"
        inner = self._inner(original, here)
        if jit == "around":
            here.capture.exact = False
            return inner(data)
        here.capture.begin(self.model, data)
        if jit == "inside":
            inner = tf.function(inner, jit_compile=True, reduce_retracing=True, autograph=False)
        outputs = inner(data)
        here.capture.end(here.count, here.bad)
        return outputs

    def _inner(self, original: Callable[[Any], Any], here: Replica) -> Callable[[Any], Any]:
        def inner(data: Any) -> Any:
            self.traces += 1
            self.find()
            here.order, here.lost = 0, False
            here.thread = threading.get_ident()
            count = here.count.assign_add(1, read_value=True)
            here.measure = True if self.every == 1 else tf.equal((count - 1) % self.every, 0)
            here.row = count
            here.stamp = tf.cast((count - 1) % STAMPS + 1, tf.float32)
            here.place = tf.reshape((count - 1) % self.rows, [1, 1])
            held = {} if self.xla else here.capture.values()  # XLA reads at no cost, and each input costs it some
            before = []
            for v in self._floats():
                key = variables.key(v)
                before.append((self.index[key], v, held[key] if key in held else variables.raw(v).read_value()))
            with listening(self), reading() as read:
                outputs = original(data)
                seen = read() if self.traces == 1 else []
            self._look_apart(seen)
            self._end(here, before if self.ratios else [], outputs)
            return outputs

        return inner

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

    def _floats(self) -> list[Any]:
        return [v for v in self.watched if _readable(v)] if self.ratios else []

    def _end(self, here: Replica, before: list[Any], outputs: Any) -> None:
        """After the step: how far each weight moved, and the loss."""
        if not here.lost:
            loss = _logged(outputs)
            if loss is not None:
                self.loss_word = "as logged: the mean over the epoch so far"
                self._write(here, "loss", (), [loss], None)
        if not before:
            return
        members = tuple(i for i, _, _ in before)

        def values() -> Any:
            moved = [variables.raw(v).read_value() - old for _, v, old in before]
            return norms.norms([*moved, *(old for _, _, old in before)], self.xla)

        self._write_if(here, self._wanted(here), "update", members, values, 2 * len(members))

    def _wanted(self, here: Replica) -> Any:
        """A step is measured in full at every n-th, and whenever it is the first bad one."""
        return True if here.measure is True else tf.logical_or(here.measure, tf.equal(here.bad, here.count))

    # --- what the hooks tell ------------------------------------------------------------------------------------------

    def computed(self, optimizer: Any, gradients: list[Any], held: list[Any]) -> None:
        """Gradients reach an optimizer."""
        here = self.replica()
        if threading.get_ident() == here.thread:  # another model in another thread is not ours to add
            self._add([v for v in held if hasattr(variables.raw(v), "handle") and variables.is_float(v)])
        pairs = [(self.index[k], g) for k, g in _keyed(held, gradients) if k in self.index]
        if not pairs:
            return
        members = tuple(i for i, _ in pairs)
        live = [g for _, g in pairs if g is not None]
        scale, overflow = _scales(optimizer)

        def values() -> Any:
            sizes = norms.norms(live, self.xla)
            sizes = sizes if scale is None else sizes / scale
            after = clipped(optimizer, sizes, live, self.xla)
            return tf.concat([norms.spread(part, [g for _, g in pairs]) for part in (sizes, after)], 0)

        sparse = tuple(i for i, g in pairs if isinstance(g, tf.IndexedSlices))
        wanted: Any = True
        if here.measure is not True and live:
            wanted = tf.logical_or(here.measure, tf.logical_not(tf.math.is_finite(norms.quick_total(live))))

        def note_bad(row: Any) -> None:
            bad = tf.reduce_any(tf.logical_not(tf.math.is_finite(row[: len(members)])))
            if overflow is not None:  # above 1 the optimizer skips the step and halves the scale: that is normal
                bad = tf.logical_and(bad, overflow <= 1.0)
            was = here.bad.read_value()
            here.bad.assign(tf.where(tf.logical_and(bad, was < 0), here.row, was))

        self._write_if(here, wanted, "computed", members, values, 2 * len(members), overflow, note_bad, sparse)
        if self.histograms and live:
            there = tuple(i for i, g in pairs if g is not None)
            rows = lambda: tf.concat([histograms.histogram(g, scale) for g in live], 0)  # noqa: E731
            self._write_if(here, self._wanted(here), "histogram", there, rows, histograms.WIDTH * len(there))

    def applied(self, optimizer: Any, gradients: list[Any], held: list[Any]) -> None:
        """Gradients leave the sum over replicas. With one replica what was computed says it all (`clipped`).

        There a norm of what is applied is not taken: that further use keeps TensorFlow's graph optimizer from
        joining the product with the clipping factor and that with the learning rate, and the last bit may change.
        """
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return
        here = self.replica()
        pairs = [(self.index[k], g) for k, g in _keyed(held, gradients) if k in self.index and g is not None]
        if pairs:
            members = tuple(i for i, _ in pairs)
            sizes = lambda: norms.norms([g for _, g in pairs], self.xla)  # noqa: E731
            self._write_if(here, self._wanted(here), "applied", members, sizes, len(pairs))

    def lost(self, loss: Any) -> None:
        """The loss of a step, of all replicas together: each has its share."""
        if tf.is_tensor(loss) and loss.shape.rank == 0:
            here = self.replica()
            self.loss_word, here.lost = "of the step", True
            self._write(here, "loss", (), [tf.cast(loss, tf.float32)], None)

    # --- writing and reading ------------------------------------------------------------------------------------------

    def _site(self, here: Replica, kind: str, members: tuple[int, ...], width: int, sparse: tuple[int, ...]) -> Site:
        key = (here.order, kind, members)
        here.order += 1
        if key not in here.sites:
            shape = [self.rows, HEAD + width]
            ring = outside(lambda: tf.Variable(tf.zeros(shape), trainable=False))
            here.sites[key] = Site(kind, members, ring, sparse)
        return here.sites[key]

    def _write(self, here: Replica, kind: str, members: tuple[int, ...], values: list[Any], scale: Any) -> None:
        self._write_if(here, True, kind, members, lambda: tf.stack(values), len(values), scale)

    def _write_if(
        self,
        here: Replica,
        wanted: Any,
        kind: str,
        members: tuple[int, ...],
        values: Callable[[], Any],
        width: int,
        scale: Any = None,
        also: Callable[[Any], None] | None = None,
        sparse: tuple[int, ...] = (),
    ) -> None:
        site = self._site(here, kind, members, width, sparse)

        def write() -> Any:
            head = [here.stamp, tf.constant(0.0) if scale is None else scale]
            row = tf.concat([tf.stack(head), values()], 0)
            site.ring.scatter_nd_update(here.place, [row])
            if also is not None:
                also(row[HEAD:])
            return tf.constant(0)

        if wanted is True:
            write()
        else:
            tf.cond(wanted, write, lambda: tf.constant(0))

    def steps(self) -> int:
        """How many steps replica 0 has taken."""
        return int(self.replicas[0].count.numpy()) if 0 in self.replicas else 0

    def read(self, after: int) -> list[dict[str, Any]]:
        """The steps after that number, as far as the rings still hold them, oldest first. See `columns.column`."""
        last = self.steps()
        rows = [(n, r, site, site.ring.numpy()) for n, r in self.replicas.items() for site in list(r.sites.values())]
        out = []
        for step in range(max(after, last - self.rows) + 1, last + 1):
            found: dict[str, Any] = {"step": step, "rows": []}
            for number, _, site, ring in rows:
                row = ring[(step - 1) % self.rows]
                if row[0] == (step - 1) % STAMPS + 1:
                    found["rows"].append((number, site, float(row[1]), np.asarray(row[HEAD:])))
            out.append(found)
        return out

    def first_bad(self) -> int | None:
        """The first step with a gradient that is not finite (overflow of a loss scale above 1 left out)."""
        found = [int(r.bad.numpy()) for r in self.replicas.values()]
        return min((n for n in found if n >= 0), default=None)


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
