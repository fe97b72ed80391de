"""The private TensorFlow functions with which ops are recorded, all in this one module, behind a self-test.

Public API can neither tell which eager ops ran nor put existing tensors on a new tape. These private parts do:

- `pywrap_tfe.TFE_Py_FastPathExecute` and `eager.execute.execute`, through which every eager op and every call of a
  tf.function goes: both are replaced while something is being recorded;
- `eager.record.record_operation` (and its backprop-only form), by which custom gradients, calls of tf.functions and
  copies tell the tapes of their backward functions: the same;
- `TFE_Py_RecordGradient`, which puts an op that has run on the tapes of this thread;
- `TFE_Py_TapeSetIsEmpty`, `TFE_Py_TapeSetIsStopped`, and the two functions by which the read of a variable is told;
- `EagerTensor`, its number `_id`, and what a handle says of its content, `_handle_data`;
- the state of the global generator, which `tf.random.set_seed` sets and no public function reads;
- the number of the replica that a thread runs, the method behind a call of a tf.function, and what a dataset is made of.

`fault()` runs the self-test once, at the first recording and not at import, since it makes tensors. If it finds a fault
(a TensorFlow that is newer than this module), nothing is replaced: tapes are plain tapes, and reports give the status
of each gradient, from public API, and say that lines could not be recorded, and why. A name that is not there is such a
fault: each is looked up by `_private`, which remembers what it did not find. `tests/doctor/test_tf_internals.py` takes
each of them away. The other rooms that need private parts have a module like this one: `analysis/graph_functions.py`,
`lines/doctor_parts.py`, `site/kernels.py`.
"""

from __future__ import annotations

import importlib
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from operator import attrgetter
from types import MethodType, ModuleType
from typing import Any

import tensorflow as tf

name = "TensorFlow's op calls"

_absent: list[str] = []  # private names that this TensorFlow does not have


def _module(path: str) -> ModuleType:
    """A private module; an empty one where there is none, so that each name in it is missed by itself."""
    try:
        return importlib.import_module(f"tensorflow.python.{path}")
    except ImportError:
        return ModuleType(f"tensorflow.python.{path}")


def _private(owner: Any, attribute: str, instead: Any = None) -> Any:
    """A private name, or `instead`: then nothing is recorded, and each report says that this name is not there."""
    found = getattr(owner, attribute, None)
    if found is None:
        _absent.append(f"{owner.__name__}.{attribute}")
    return instead if found is None else found


pywrap_tfe, execute, tape_record = _module("pywrap_tfe"), _module("eager.execute"), _module("eager.record")
ops = _module("framework.ops")
_context: Callable[[], Any] = _private(_module("eager.context"), "context")
_op_definition: Callable[[str], Any] = _private(_module("framework.op_def_registry"), "get")
_uid: Callable[[], int] | None = _private(ops, "uid")
EagerTensor: Any = _private(ops, "EagerTensor", tf.Tensor)

# Kinds of entries in a record.
OP = 0  # (OP, type, arguments of the fast path, outputs, stack)
EXECUTED = 1  # (EXECUTED, type, (inputs, attributes), outputs, stack)
BACKWARD = 2  # (BACKWARD, type, inputs, outputs, stack, backward function)
STOPPED = (
    4  # added to OP or EXECUTED: it ran while recording was stopped on the thread (in a custom gradient's forward)
)


class _Local(threading.local):
    record: Any = None  # what this thread appends to
    asking = False  # a gradient call of this thread is going on
    skipping = False  # and no other tape may be asked about what it computes
    own = False  # what runs is gradlab's own: its tapes are nobody's


local = _Local()
tape_set_is_empty: Callable[[], bool] = _private(pywrap_tfe, "TFE_Py_TapeSetIsEmpty")
is_stopped: Callable[[], bool] = _private(pywrap_tfe, "TFE_Py_TapeSetIsStopped")
_stop: Callable[[], None] = _private(pywrap_tfe, "TFE_Py_TapeSetStopOnThread")
_restart: Callable[[], None] = _private(pywrap_tfe, "TFE_Py_TapeSetRestartOnThread")
_accessed: Callable[[Any], None] = _private(pywrap_tfe, "TFE_Py_TapeVariableAccessed")
_watcher_accessed: Callable[[Any], None] = _private(pywrap_tfe, "TFE_Py_VariableWatcherVariableAccessed")
_put_gradient: Callable[..., None] = _private(pywrap_tfe, "TFE_Py_RecordGradient")
_put_operation: Callable[..., None] = _private(pywrap_tfe, "TFE_Py_TapeSetRecordOperation")
_fast, _execute = _private(pywrap_tfe, "TFE_Py_FastPathExecute"), _private(execute, "execute")
_private(execute, "quick_execute")
_cancelable = _private(execute, "execute_with_cancellation")
_record, _record_backprop = (
    _private(tape_record, "record_operation"),
    _private(tape_record, "record_operation_backprop_only"),
)

_private(EagerTensor, "_id")
_private(EagerTensor, "_handle_data")
number_of: Callable[[Any], int] = attrgetter("_id") if hasattr(EagerTensor, "_id") else id  # of an eager tensor


def key(tensor: Any) -> int:
    """The unique number of an eager tensor, or of a variable's handle."""
    handle = getattr(tensor, "handle", None)
    return int(number_of(tensor if handle is None else handle))


def now() -> int:
    """A number larger than the key of every tensor made so far; 0 if it is not known."""
    return int(_uid()) if _uid is not None else 0


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(tensor.shape)


# TensorFlow's own is four times as fast as tensor.shape.
shape_of: Callable[[Any], tuple[int, ...]] = getattr(EagerTensor, "_shape_tuple", _shape)


def is_variable(handle: Any) -> bool:
    """Is this resource handle a variable's? (An iterator's or a table's says nothing of its content.)"""
    content = getattr(handle, "_handle_data", None)
    return handle.dtype == tf.resource and content is not None and bool(content.is_set)


def op_def(kind: str) -> Any:
    """The definition of an op type, None for anything else (a tf.function's own name)."""
    return _op_definition(kind)


# --- arguments as they are now ----------------------------------------------------------------------------------------

_PLAIN, _LIST, _ARRAY, _VARIABLE = 0, 1, 2, 3
_kinds: dict[type, int] = {EagerTensor: _PLAIN, list: _LIST, tuple: _LIST}


def _kind_of(thing: Any) -> int:
    kind = type(thing)
    found = _kinds.get(kind)
    if found is None:
        if kind.__module__ == "numpy" and hasattr(thing, "copy"):
            found = _ARRAY
        else:
            variable = isinstance(thing, tf.Variable) or hasattr(thing, "_should_act_as_resource_variable")
            found = _VARIABLE if variable else _PLAIN
        _kinds[kind] = found
    return found


def _kept(arguments: tuple[Any, ...], record: Any) -> tuple[Any, ...]:
    """The arguments with nothing in them that may change later: lists and arrays copied, variables read.

    TensorFlow reads a variable that is handed to an op inside the call, unseen (and a later read may give a later
    value). So it is read here, by the same op, before the call: the tapes hear of it as they would have.
    """
    kinds = _kinds
    for a in arguments:
        if kinds.get(type(a), -1):
            break
    else:
        return arguments
    return tuple([_copied(a, record) for a in arguments])


def _copied(thing: Any, record: Any) -> Any:
    kind = _kind_of(thing)
    if kind == _PLAIN:
        return thing
    if kind == _LIST:
        return [_copied(t, record) for t in thing]
    if kind == _ARRAY:
        return thing.copy()
    return _value(thing, record)


def _casts(variable: Any) -> bool:
    cast = getattr(variable, "_cast_dtype", None)
    return cast is not None and cast != variable.dtype


def _value(variable: Any, record: Any) -> Any:
    # A Keras variable, also one that legacy Keras casts to float16 when it is used: TensorFlow converts it, by ops of its own.
    if not isinstance(variable, tf.Variable) or _casts(variable):
        try:
            return tf.convert_to_tensor(variable)
        except Exception:  # the op that follows raises the same, as the learner's own exception
            return variable
    try:
        handle, dtype = variable.handle, variable.dtype
        dtype = tf.as_dtype(dtype)
    except (AttributeError, ValueError, RuntimeError, TypeError):
        return variable  # spread over devices, without one handle: converted when the record is read
    if not isinstance(handle, EagerTensor):
        return variable
    if variable.trainable:
        _accessed(variable)
        _watcher_accessed(variable)
    try:
        value = _fast(_context(), "ReadVariableOp", None, handle, "dtype", dtype)
    except Exception:  # the op that follows raises the same, as the learner's own exception
        return variable
    kind = OP | STOPPED if is_stopped() else OP
    record.append((kind, "ReadVariableOp", (handle, "dtype", dtype), value, record.here()))
    return value


def _outputs(out: Any) -> Any:
    """A copy of an op's outputs: the gradient recorder sets unused ones to None in the caller's list."""
    return [list(o) if type(o) is list else o for o in out] if type(out) is list else out


# --- what replaces the entry points -----------------------------------------------------------------------------------


def _recording() -> Any:
    """This thread's record, if it takes in the op that is about to run."""
    record = local.record
    if record is None:
        return None
    if record.closed:  # by another thread
        local.record = None
        return None
    if local.skipping and tape_set_is_empty():
        return None  # an op of a gradient call that no other tape has to do with
    return record


def _fast_path(ctx: Any, op: Any, name: Any, *arguments: Any) -> Any:
    record = local.record
    if record is None or record.closed or (local.skipping and tape_set_is_empty()):  # as in _recording
        return _fast(ctx, op, name, *arguments)
    kept = _kept(arguments, record)
    out = _fast(ctx, op, name, *kept)
    record.append((OP | STOPPED if is_stopped() else OP, op, kept, _outputs(out), record.here()))
    return out


def _run(op_name: Any, num_outputs: int, inputs: Any, attrs: Any, ctx: Any, name: Any = None) -> Any:
    record = _recording()
    if record is None:
        return _execute(op_name, num_outputs, inputs, attrs, ctx, name)
    kept = _kept(tuple(inputs), record)
    out = _execute(op_name, num_outputs, inputs, attrs, ctx, name)
    kind = EXECUTED | STOPPED if is_stopped() else EXECUTED
    record.append((kind, op_name, (kept, tuple(attrs or ())), _outputs(out), record.here()))
    return out


def _run_cancelable(
    op_name: Any, num_outputs: int, inputs: Any, attrs: Any, ctx: Any, cancellation_manager: Any, name: Any = None
) -> Any:
    record = _recording()
    kept = _kept(tuple(inputs), record) if record is not None else ()
    out = _cancelable(op_name, num_outputs, inputs, attrs, ctx, cancellation_manager, name)
    if record is not None:
        kind = EXECUTED | STOPPED if is_stopped() else EXECUTED
        record.append((kind, op_name, (kept, tuple(attrs or ())), _outputs(out), record.here()))
    return out


def _told(op_type: Any, outputs: Any, inputs: Any, backward: Any) -> None:
    record = _recording()
    if record is not None and not is_stopped():
        record.append((BACKWARD, op_type, list(inputs), list(outputs), record.here(), backward))


# The names of the parameters are TensorFlow's: its callers use them as keywords.
def _record_operation(
    op_type: Any, output_tensors: Any, input_tensors: Any, backward_function: Any, forward_function: Any = None
) -> Any:
    _told(op_type, output_tensors, input_tensors, backward_function)
    return _record(op_type, output_tensors, input_tensors, backward_function, forward_function)


def _record_backprop_only(op_type: Any, output_tensors: Any, input_tensors: Any, backward_function: Any) -> Any:
    _told(op_type, output_tensors, input_tensors, backward_function)
    return _record_backprop(op_type, output_tensors, input_tensors, backward_function)


_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (pywrap_tfe, "TFE_Py_FastPathExecute", _fast_path),
    (execute, "quick_execute", _run),
    (execute, "execute_with_cancellation", _run_cancelable),
    (tape_record, "record_operation", _record_operation),
    (tape_record, "record_operation_backprop_only", _record_backprop_only),
)
_before: list[tuple[Any, str, Any, Any]] = []  # owner, attribute, what was there, ours


def install() -> None:
    """Replace the entry points, for all threads; each acts only in a thread that has a record. Callers count."""
    global _fast, _execute, _cancelable, _record, _record_backprop
    for owner, attribute, ours in _REPLACED:
        _before.append((owner, attribute, getattr(owner, attribute), ours))
    # What is in place now may be another tool's: it stays in the chain.
    _fast, _execute, _cancelable, _record, _record_backprop = (before for _, _, before, _ in _before)
    if execute.execute is _execute:  # an op callback's own entry point calls quick_execute itself
        _before.append((execute, "execute", _execute, _REPLACED[1][2]))
    for owner, attribute, _, ours in _before:
        setattr(owner, attribute, ours)


def uninstall() -> None:
    """Put the entry points back, unless another tool has replaced them since."""
    while _before:
        owner, attribute, original, ours = _before.pop()
        if getattr(owner, attribute) is ours:
            setattr(owner, attribute, original)


def read(handle: Any) -> Any:
    """The value of a variable, by its handle. No record and no tape of this thread hears of it."""
    dtype = tf.as_dtype(handle._handle_data.shape_and_type[0].dtype)
    stopped = is_stopped() or tape_set_is_empty()
    if not stopped:
        _stop()
    try:
        return _fast(_context(), "ReadVariableOp", None, handle, "dtype", dtype)
    finally:
        if not stopped:
            _restart()


# --- putting ops on a tape --------------------------------------------------------------------------------------------


def put_op(kind: str, inputs: list[Any], attributes: tuple[Any, ...], outputs: list[Any]) -> None:
    """Put an op that has run on the open tapes of this thread, with its registered gradient."""
    # Both lists are copies: unused entries are set to None in them.
    _put_gradient(kind, list(inputs), attributes, list(outputs), "")


def put_backward(kind: str, inputs: list[Any], outputs: list[Any], backward: Any) -> None:
    """Put an operation with its own backward function on the open tapes of this thread."""
    _put_operation(kind, list(outputs), list(inputs), backward, None)


# --- the global generator ---------------------------------------------------------------------------------------------

_streams = itertools.count(1)
_APART = 0x6AD1AB00  # the first of the global seeds of our own runs: seeds that nobody sets by hand


@contextmanager
def generator_kept() -> Iterator[None]:
    """TensorFlow's global generator is afterwards as it was before.

    Eager draws meanwhile come from another stream. From the same one they would use the op seeds that the program's own
    next draws use, and an op keeps its state for each seed, so those would give other values then. An op with a seed of
    its own (`tf.random.normal(..., seed=1)`) keeps its state for both seeds, its own and the global one: so the global
    one is another number meanwhile.
    """
    if generator_fault():
        yield
        return
    found = _context()
    seed, generator = found._seed, getattr(found, "_rng", None)  # the second is made when a seed is set
    state = None if generator is None else generator.getstate()
    if generator is not None:
        stream = next(_streams)
        found._seed, found._rng = _APART + stream, random.Random(f"gradlab {stream} {seed}")
    try:
        yield
    finally:
        if generator is not None:
            generator.setstate(state)
        if generator is not None or hasattr(found, "_rng"):  # a run may set a seed
            found._seed, found._rng = seed, generator


def generator_fault() -> str:
    """Empty if the global generator can be kept with this TensorFlow, else which private name is not there."""
    if _context is None:
        return "tensorflow.python.eager.context.context"
    found = _context()
    if not hasattr(found, "_seed"):
        return "Context._seed"
    return "Context._rng" if found._seed is not None and not hasattr(found, "_rng") else ""


@contextmanager
def reading() -> Iterator[Callable[[], list[Any]]]:
    """A function that gives the trainable variables which this thread reads in the block, eagerly and where it traces.
    No op is added, and no tape: the reads are told as to a tape. Empty where this TensorFlow does not tell."""
    watcher = getattr(tape_record, "VariableWatcher", None)
    if watcher is None:
        yield list
        return
    with watcher() as found:
        yield lambda: list(found.watched_variables())


# --- replicas and tf.functions ----------------------------------------------------------------------------------------


def replica_number() -> int | None:
    """The number of the replica that this thread runs; None outside of a strategy, or if TensorFlow does not tell it."""
    # The public property makes an op, which would be one more in the learner's graph.
    number = getattr(tf.distribute.get_replica_context(), "_replica_id_in_sync_group", None)
    return number if isinstance(number, int) else None


def as_first_replica() -> AbstractContextManager[Any]:
    """Outside of a strategy's replicas: a variable that is spread over them is written in its first part alone.

    The metrics of legacy Keras, which its loss counts in, refuse to be written outside of a replica otherwise. Nothing
    changes where this TensorFlow does not have the name.
    """
    context = getattr(_module("distribute.distribute_lib"), "UpdateContext", None)
    return nullcontext() if context is None else context(0)


def made_of(dataset: Any) -> tuple[set[str], set[str]] | None:
    """The classes of a dataset and of those that it reads from, and the types of all ops that they run. None if this
    TensorFlow does not tell."""
    classes: set[str] = set()
    types: set[str] = set()
    todo = [dataset]
    while todo:
        one = todo.pop()
        inputs, functions = getattr(one, "_inputs", None), getattr(one, "_functions", None)
        if inputs is None or functions is None:
            return None
        classes.add(type(one).__name__)
        todo += inputs()
        for wrapper in functions():
            graph = getattr(getattr(wrapper, "function", None), "graph", None)
            if graph is None:
                return None
            definition = graph.as_graph_def()
            types |= {n.op for n in definition.node}
            types |= {n.op for f in definition.library.function for n in f.node_def}
    return classes, types


def captured_by(dataset: Any) -> set[int]:
    """The keys of what the functions of a dataset, and of those that it reads from, take from outside: the handles of
    variables, constants. Empty if this TensorFlow does not tell."""
    found: set[int] = set()
    todo = [dataset]
    while todo:
        one = todo.pop()
        inputs, functions = getattr(one, "_inputs", None), getattr(one, "_functions", None)
        if inputs is None or functions is None:
            return set()
        todo += inputs()
        for wrapper in functions():
            taken = getattr(getattr(wrapper, "function", None), "captured_inputs", ())
            found |= {key(t) for t in taken if isinstance(t, EagerTensor)}
    return found


def calls_through(function: Any, run: Callable[..., Any]) -> bool:
    """From here on each call of a tf.function is `run(function, plain, args, kwargs)`, with its own method as `plain`.
    False if its class has no such method: nothing is changed then."""
    plain = getattr(type(function), "_call", None)
    if plain is None:
        return False

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return run(self, MethodType(plain, self), args, kwargs)

    function._call = MethodType(call, function)
    return True


# --- the self-test ----------------------------------------------------------------------------------------------------

_lock = threading.RLock()
_fault: str | None = None


class _Test:
    """A record for the self-test."""

    closed = False

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.append = self.entries.append

    def here(self) -> None:
        return None


@contextmanager
def recording_to(record: Any) -> Iterator[None]:
    """This thread's ops go to `record` (None: nowhere) while the context lasts."""
    before, local.record = local.record, record
    try:
        yield
    finally:
        local.record = before


@contextmanager
def _recording_on_thread() -> Iterator[None]:
    """init_scope leaves a graph that is being traced, but stops recording on the thread: undone here."""
    stopped = is_stopped()
    if stopped:
        _restart()
    try:
        yield
    finally:
        if stopped:
            _stop()


def self_test() -> str:
    """Empty if the private functions behave as expected, else what is wrong."""
    test = _Test()
    mine = not _before
    own, local.own = local.own, True
    if mine:
        install()
    try:
        with tf.init_scope(), _recording_on_thread(), recording_to(test):
            weight = tf.Variable(3.0, trainable=False)
            one = tf.fill([2], 1.5)
            test.entries.clear()
            with tf.GradientTape() as tape:
                tape.watch(one)
                two = tf.square(one)
            tf.multiply(two, weight)
            with recording_to(None):
                slope = tape.gradient(two, one)
        squares = [e for e in test.entries if e[1] in ("Square", b"Square")]
        if not squares or squares[0][3] is not two or squares[0][2][0] is not one:
            return "the entry point of eager ops did not report tf.square"
        if not any(e[1] in ("ReadVariableOp", b"ReadVariableOp") for e in test.entries):
            return "a variable that an op read by itself was not seen"
        count = len(test.entries)
        with tf.init_scope(), _recording_on_thread(), recording_to(None):
            tf.square(two)
            if len(test.entries) != count:
                return "an op was recorded in a thread that records nothing"
            with tf.GradientTape(persistent=True) as again:
                again.watch([one, two])
                put_op("Square", [one], ("T", tf.float32.as_datatype_enum), [two])
            found = again.gradient(two, one)
            if found is None or not bool(tf.reduce_all(found == slope)):
                return "a tape rebuilt from a record gives another gradient"
        if not is_variable(weight.handle):
            return "a variable's handle says nothing of its content"
        with tf.init_scope(), recording_to(None):
            if float(read(weight.handle)) != 3.0:
                return "a variable was not read by its handle"
        if not key(one) < key(two) < now():
            return "eager tensors are not numbered in order"
        if op_def("Square") is None:
            return "the definitions of ops were not found"
    except Exception as error:  # private functions may fail in any way; the caller goes without them and says so
        return f"{type(error).__name__}: {error}"
    finally:
        local.own = own
        if mine:
            uninstall()
    return ""


def fault() -> str:
    """Empty if recording works with this TensorFlow, else why not. Tested once, at the first call."""
    global _fault
    with _lock:
        if _fault is None:
            _fault = absent() or self_test()
        return _fault


def absent() -> str:
    """Which private names are not there, as a sentence; empty if all are. Makes no tensor."""
    return f"it has no {', '.join(_absent)}" if _absent else ""
