"""The last row of a Jacobian, by carrying cotangents backward: cost T, where the whole tensor costs T²."""

from gradlab.jacobians.backend import Array, Ops
from gradlab.jacobians.recurrence import Bidirectional, LinearRecurrence, Node, recurrences

Entering = dict[
    int, Array
]  # id of a recurrence -> (B, T + 1, R, S): d outputs / d its state entering each step, and its first state


def last_rows(nodes: list[Node], returns_sequences: bool) -> tuple[Array, Entering]:
    """d (last output) / d input (B, T, H, I) in the input's order, and the same for every recurrence's states in
    processing order.

    The last output is output T; of a Bidirectional layer that does not return sequences it is what that layer returns:
    the last outputs of both directions, the backward one having read everything.
    """
    top = nodes[-1]
    ops, steps = recurrences(nodes)[0].ops, recurrences(nodes)[0].steps
    entering: Entering = {}
    height = _height(top)
    eye = ops.stack([ops.eye(height, recurrences(nodes)[0].dtype)] * recurrences(nodes)[0].batch, 0)
    cotangents: list[Array | None] = [None] * (steps - 1) + [eye]
    result = _pull(nodes, cotangents, entering, both_ends=not returns_sequences)
    return ops.stack([_or_zero(r, eye, _inputs(nodes[0]), ops) for r in result], 1), entering


def _height(node: Node) -> int:
    if isinstance(node, LinearRecurrence):
        return node.outputs
    sides = _height(node.forward[-1]), _height(node.backward[-1])
    return sum(sides) if node.merge == "concat" else sides[0]


def _inputs(node: Node) -> int:
    return node.inputs if isinstance(node, LinearRecurrence) else _inputs(node.forward[0])


def _or_zero(row: Array | None, like: Array, inputs: int, ops: Ops) -> Array:
    if row is not None:
        return row
    return ops.zeros([int(like.shape[0]), int(like.shape[1]), inputs], str(getattr(like.dtype, "name", like.dtype)))


def _pull(
    nodes: list[Node], cotangents: list[Array | None], entering: Entering, both_ends: bool = False
) -> list[Array | None]:
    """Cotangents (B, R, H) of each output step to cotangents (B, R, I) of each input step, through the nodes from the
    top down.
    """
    for node in reversed(nodes):
        if isinstance(node, Bidirectional):
            cotangents = _pull_pair(node, cotangents, entering, both_ends)
        else:
            cotangents = _pull_one(node, cotangents, entering)
        both_ends = False
    return cotangents


def _pull_one(node: LinearRecurrence, cotangents: list[Array | None], entering: Entering) -> list[Array | None]:
    ops = node.ops
    some = next(c for c in cotangents if c is not None)
    rows = int(some.shape[1])
    state = ops.zeros([node.batch, rows, node.states], node.dtype)
    waiting: Array | None = None  # what a skipped step passes on to the output it repeats
    inputs: list[Array | None] = [None] * node.steps
    states = [state] * (node.steps + 1)
    for t in range(node.steps - 1, -1, -1):
        here = cotangents[t]
        if waiting is not None:
            here = waiting if here is None else here + waiting
        waiting = None
        if node.masked is not None and here is not None:
            skip = node.masked[:, t, None, None]
            waiting = None if node.zero_masked else ops.where(skip, here, here * 0)
            here = ops.where(skip, here * 0, here)
        through = None
        if here is not None and node.out is not None:
            state = _into(state, here, node)
        elif here is not None:
            through = here
        inputs[t] = state @ node.B[:, t]
        state = node.retreat(t, state)
        if through is not None:
            inputs[t] = inputs[t] + through @ node.D[:, t]
            state = state + through @ node.C[:, t]
        states[t] = state
    entering[id(node)] = ops.stack(states[:-1], 1)
    return inputs[::-1] if node.reverse else inputs


def _into(state: Array, cotangent: Array, node: LinearRecurrence) -> Array:
    """The state's cotangent with that of the output, rows `out` of the state, added."""
    assert node.out is not None
    a, b = node.out.start, node.out.stop
    return node.ops.concat([state[..., :a], state[..., a:b] + cotangent, state[..., b:]], 2)


def _pull_pair(
    node: Bidirectional, cotangents: list[Array | None], entering: Entering, both_ends: bool
) -> list[Array | None]:
    h = _height(node.forward[-1])

    def split(c: Array | None, t: int) -> tuple[Array | None, Array | None]:
        if c is None or node.merge == "concat":
            return (None, None) if c is None else (c[..., :h], c[..., h:])
        if node.merge == "mul":
            back = -t - 1 if both_ends else t
            return c * node.backward_out[:, back, None, :], c * node.forward_out[:, t, None, :]
        return (c / 2, c / 2) if node.merge == "ave" else (c, c)

    parts = [split(c, t) for t, c in enumerate(cotangents)]
    forward = [f for f, _ in parts]
    backward = [b for _, b in parts]
    if not both_ends:
        backward = backward[::-1]
    sides = _pull(node.forward, forward, entering), _pull(node.backward, backward, entering)
    total: list[Array | None] = []
    for f, b in zip(*sides, strict=True):
        total.append(f if b is None else b if f is None else f + b)
    return total
