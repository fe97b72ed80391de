"""`Watch`: a Keras callback that shows the gradients of the training step itself."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from gradlab.runtime.arguments import names
from gradlab.runtime.keras_backend import require_tensorflow
from gradlab.watch import rules
from gradlab.watch.alarm import Alarm
from gradlab.watch.columns import Block, Column
from gradlab.watch.guard import Guard
from gradlab.watch.loop import Loop
from gradlab.watch.record import Record
from gradlab.watch.recorder import Recorder
from gradlab.watch.views import View, choose

READ_SECONDS = 0.25  # Python reads the rings at most this late: a picture is sent at most four times a second
ROWS = 16  # steps that a ring holds: one reading (about 20 us a ring) for 16 short steps keeps its cost under 1 %
TOLD = ("nan", "none", "unseen", "zero", "dead", "exploding", "update", "imbalance")
ASKED = ("nan", "none", "unseen", "zero")  # alarms that the doctor is asked about: those that a line can be blamed for
LATE = ("update", "imbalance")  # rules that ask for the size of an update, which a loop of one's own knows a step later

_watched: weakref.WeakKeyDictionary[Any, Watch] = weakref.WeakKeyDictionary()


class Watch(tf.keras.callbacks.Callback):
    """Watch the gradients of `model.fit` while it trains.

    `model.fit(x, y, callbacks=[gradlab.Watch()])` shows, for each trainable variable and step, the norm of the gradient
    that the training step itself computed, says what is wrong with it, and for a gradient that is None, zero or not
    finite asks the doctor for the line. Training is not changed: weights end in the same bits.

    Parameters
    ----------
    every
        Measure each n-th step. A step whose gradient is not finite is found, and measured, whatever `every` says.
    keep
        Columns that are kept at most, 16 or more; a longer training is thinned to every second step, fourth, and so on.
    stop_on
        A list of names of alarms that end training (`model.stop_training`), at most 16 steps or a quarter of a second after the
        step: "nan", "none", "unseen", "zero", "dead", "exploding", "update", "imbalance".
    log_dir
        A folder for TensorBoard: norms and histograms, by `tf.summary`.
    view
        "auto" (a widget in a notebook, else "terminal"), "widget", "terminal", "lines" or None.
    ask
        Whether the doctor is asked. It runs one training step on a copied batch, and puts everything back.

    Attributes
    ----------
    record
        What was seen: see `Record`.

    Raises
    ------
    TypeError, ValueError
        An argument is not one of those above; or the model has a `Watch` already, at the start of training.
    NotImplementedError
        Keras runs on JAX or PyTorch, where a training step has no TensorFlow gradients to watch.

    Examples
    --------
    >>> import gradlab, numpy as np, tensorflow as tf
    >>> model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> watch = gradlab.Watch(view=None)
    >>> _ = model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0, callbacks=[watch])
    >>> watch.record.steps, watch.record.alarms
    (1, [])

    Notes
    -----
    `train_step` is wrapped and the train function made anew, once a training. While it is traced the optimizers'
    classes are hooked; a traced step needs no hooks, so none stays. With several replicas the norm is that of the
    gradient that is applied: the sum over replicas.
    """

    async_safe = True  # no on_train_batch_end here, and what is here runs in the thread of fit
    _supports_tf_logs = True  # legacy Keras: no NumPy logs needed

    def __init__(
        self,
        every: int = 1,
        *,
        keep: int = 1000,
        stop_on: Sequence[str] = (),
        log_dir: Any = None,
        view: str | None = "auto",
        ask: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"every is {every!r}; expected a whole number of steps, 1 or more")
        stop_on = names(stop_on, "stop_on")
        unknown = [name for name in stop_on if name not in TOLD]
        if unknown:
            raise ValueError(f"stop_on has {unknown[0]!r}; expected names of alarms: {', '.join(TOLD)}")
        self.every, self.stop_on, self.ask, self.log_dir = every, stop_on, ask, log_dir
        self.record = Record(keep)
        self.params: Any = None
        self._model: Any = None
        self._rules = rules.all_rules()
        self._guard: Guard | None = None
        self._loop: Loop | None = None
        self._taken = self._before = 0
        self._unread = 0  # steps, at most, since the rings were read
        self._at_once = 1  # steps in one call of the train function
        self._last_read = 0.0
        self._traces = -1  # of the recorder, when `_listed` was asked for
        self._busy = False
        self._listed: set[int] = set()
        self._asked: set[str] = set()
        self._views: list[View] = choose(view, log_dir)

    # --- what Keras calls ---------------------------------------------------------------------------------------------

    def set_model(self, model: Any) -> None:
        """Keras says which model is to be trained."""
        self._model = model

    @property
    def model(self) -> Any:
        """The model that is watched."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._model = model

    def _implements_train_batch_hooks(self) -> bool:
        return True

    def _implements_test_batch_hooks(self) -> bool:
        return False

    _implements_predict_batch_hooks = _implements_test_batch_hooks

    def on_train_begin(self, logs: Any = None) -> None:
        """Make the train function that records."""
        require_tensorflow(self.model, "gradlab.Watch")
        other = _watched.get(self.model)
        if other is not None and other is not self and other.params is self.params:
            raise ValueError(
                "this fit has two Watch callbacks on one model; expected one. One shows all variables: leave out the other"
            )
        _watched[self.model] = self
        if self._guard is None or self._guard.model is not self.model or not self._guard.fits():
            self._before, self._taken, self._unread = self.record.steps, 0, 0
            self._traces = -1
            self._at_once = _steps_in_one_call(self.model)
            earlier = self._guard.recorder if self._guard is not None and self._guard.model is self.model else None
            self.recorder = Recorder(
                self.model, self.every, max(ROWS, self._at_once), histograms=self.log_dir is not None, earlier=earlier
            )
            self._guard = Guard(self.model, self.recorder, self._arrived)
        for view in self._views:
            view.begin(self.record)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The next call of the train function is the one that records."""
        if self._guard is not None:
            self._guard.arm()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show what was not yet shown."""
        self._read()
        for view in self._views:
            view.show(self.record, epoch_ended=True)

    def on_train_end(self, logs: Any = None) -> None:
        """The last columns, the last alarms, the last picture."""
        self._read()
        if self.record.steps:
            self._sound([a for r in self._rules for a in r.end(self.record.steps, self.record.names, self._listed)])
        elif self._guard is not None:
            self.record.alarms.append(_nothing_seen())
        for view in self._views:
            view.end(self.record)
        _watched.pop(self.model, None)

    # --- your own loop ------------------------------------------------------------------------------------------------

    @tf.autograph.experimental.do_not_convert  # it runs while a function is traced, and is Python alone
    def step(
        self, gradients: Any, variables: Any, loss: Any = None, *, loss_fn: Callable[[], Any] | None = None
    ) -> None:
        """One step of your own training loop: call it between `tape.gradient` and `apply_gradients`.

        Parameters
        ----------
        gradients
            What `tape.gradient` returned: a list of tensors, `tf.IndexedSlices` and None.
        variables
            The variables, in the same order.
        loss
            The loss, a scalar.
        loss_fn
            A function without arguments that computes the loss of this batch; at the first bad step the doctor runs it.
            In eager mode only.

        Raises
        ------
        ValueError
            The two lists differ in length.

        Notes
        -----
        The size of an update is measured at the next call, or by `close()`, from a copy of the weights that is kept
        meanwhile. Works in eager mode and inside a `tf.function`. XLA cannot call back to Python: from a function with
        `jit_compile=True` return the gradients and call this outside.
        """
        if self._loop is None:
            self._loop = Loop(self.every, self._take, self._late, histograms=self.log_dir is not None)
            for view in self._views:
                view.begin(self.record)
        self._loop.step(gradients, variables, loss, loss_fn)

    def close(self) -> None:
        """End of your own loop: the last alarms and the last picture. `fit` does this by itself."""
        if self._loop is not None:
            self._loop.close()
        self._sound([a for r in self._rules for a in r.end(self.record.steps, self.record.names, self._listed)])
        for view in self._views:
            view.end(self.record)

    def _take(self, seen: Column, names: list[str], loss_fn: Callable[[], Any] | None) -> None:
        self.record.names = names
        self._listed = set(range(len(names)))
        self._add(Block.of(seen), loss_fn)
        self._show()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _arrived(self) -> None:
        """After each call of the train function."""
        self._unread += self._at_once  # counted here: asking the graph's own counter costs more than all else here
        late = time.monotonic() - self._last_read >= READ_SECONDS
        if late or self._unread + self._at_once > self.recorder.rows:
            self._read()
            self._show()

    def _read(self) -> None:
        if self._guard is None or self._busy:
            return
        self.record.names, self.record.loss_word = self.recorder.names, self.recorder.loss_word
        if self._traces != self.recorder.traces:  # what is trained is settled when a step is traced
            self._traces, self._listed = self.recorder.traces, self.recorder.listed()
        self._unread = 0
        self._taken, read = self.recorder.read(self._taken)
        if len(read.steps):
            read.steps = read.steps + self._before
            self._add(read)
        self.record.steps = self._before + self._taken
        self._last_read = time.monotonic()
        if self.ask and self.recorder.apart:
            self._ask_apart()

    def _ask_apart(self) -> None:
        """The step reads variables that are none of the model's: the doctor says whether its list should have had them."""
        from gradlab.watch import ask

        self.recorder.apart, self._busy = [], True
        try:
            alarm = ask.unlisted(self.model, self.recorder)
        except Exception as error:  # as in `_doctor`
            ask.failed(error)
            alarm = None
        finally:
            self._busy = False
        self._sound([alarm] if alarm is not None else [])

    def _add(self, read: Block, loss_fn: Callable[[], Any] | None = None) -> None:
        names = self.record.names
        found: list[Alarm] = []
        for rule in self._rules:
            if not rule.quiet(read, names):
                found += [a for seen in read.columns for a in rule.see(seen, names, self._listed)]
        for n, step in enumerate(read.steps):
            alarms = [a for a in found if a.seen == step] if found else []
            if not (alarms or self._views or self.record.due):
                self.record.skip(int(step))
                continue
            seen = read.columns[n]
            self.record.add(seen, pinned=bool(alarms))
            self._sound(alarms, loss_fn)
            for view in self._views:
                view.take(self.record, seen)
            seen.histograms = {}

    def _late(self, moved: list[Column]) -> None:
        """These columns have got the sizes of their updates, a step later than the rest."""
        for seen in moved:
            for rule in self._rules:
                if rule.name in LATE:
                    self._sound(rule.see(seen, self.record.names, self._listed))

    def _sound(self, found: list[Alarm], loss_fn: Callable[[], Any] | None = None) -> None:
        for alarm in found:
            if self.ask and alarm.report is None and alarm.rule in ASKED and alarm.rule not in self._asked:
                self._asked.add(alarm.rule)
                self._busy = True
                try:
                    alarm.report = self._doctor(alarm, loss_fn)
                finally:
                    self._busy = False
            self.record.alarms.append(alarm)
            for view in self._views:
                view.alarm(alarm)
            if alarm.rule in self.stop_on and self.model is not None:
                self.model.stop_training = True

    def _doctor(self, alarm: Alarm, loss_fn: Callable[[], Any] | None) -> Any:
        from gradlab.watch import ask

        try:
            if self._guard is None:
                return ask.loop(loss_fn, self._loop.watched if self._loop else [], self.record.names)
            return ask.step(self.model, self.recorder, alarm)
        except Exception as error:  # a fault of the doctor's must not end the training that it looks at
            return ask.failed(error)

    def _show(self) -> None:
        for view in self._views:
            view.show(self.record)

    # --- looking back -------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """All that was seen as plain data, ready for JSON; see `Record.to_dict`."""
        return self.record.to_dict()

    def to_pandas(self) -> Any:
        """The same as a pandas DataFrame; ModuleNotFoundError where pandas is not installed."""
        return self.record.to_pandas()

    def figure(self, what: str = "norm") -> Any:
        """A matplotlib Figure: loss above, variables by steps below. `what`: "norm", "applied" or "ratio"."""
        from gradlab.watch.figure import figure

        return figure(self.record, what)

    def picture(self, what: str = "norm") -> Any:
        """The figure as a picture with alternative text, as the last value of a notebook's cell."""
        from gradlab.lab.heatmap import as_picture
        from gradlab.watch.figure import WHAT

        # no measured number in these words: a notebook's text is compared, and the last digits differ between runs
        told = ", ".join(dict.fromkeys(a.rule for a in self.record.alarms)) or "none"
        size = f"{len(self.record.names)} variables by {self.record.steps} steps"
        return as_picture(self.figure(what), f"Heatmap of {size}, {WHAT[what]}; alarms: {told}")

    def save_html(self, path: Any) -> None:
        """Write the picture, the alarms and a table to one HTML file that needs no network."""
        from pathlib import Path

        from gradlab.watch.page import page

        Path(path).write_text(page(self.record), encoding="utf-8")

    def __repr__(self) -> str:
        count = len(self.record.alarms)
        told = f"{count} alarm{'s' * (count > 1)}" if count else "no alarm"
        lines = [f"gradlab.Watch: {self.record.steps} steps, {len(self.record.names)} variables, {told}"]
        for alarm in self.record.alarms:
            lines += ["  " + line for line in alarm.lines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from gradlab.watch.page import body

        return body(self.record)


def _nothing_seen() -> Alarm:
    words = (
        "no optimizer was called in the training step, so there was nothing to watch: "
        "in your own loop call watch.step(gradients, variables, loss)"
    )
    return Alarm("unseen", 1, 1, (), words, "not one call of an optimizer's apply_gradients or apply")


def _steps_in_one_call(model: Any) -> int:
    steps: Any = getattr(model, "steps_per_execution", None)  # a number in Keras 3, a variable or None in legacy Keras
    if steps is None:
        steps = getattr(model, "_steps_per_execution", None) or 1
    return int(steps.numpy() if hasattr(steps, "numpy") else steps)
