"""What needs no products over time: the joint step of stacked recurrences, and an output and its own input."""

from gradlab.jacobians.backend import Array
from gradlab.jacobians.recurrence import Bidirectional, LinearRecurrence, Node


def joint_step(nodes: list[Node]) -> Array | None:
    """d (all states after a step) / d (all states before it): (B, T, S, S), S over all recurrences; None when there is
    no such step.

    A recurrence that reads what another put out reads its state of the step before, so the joint matrix is block lower
    triangular.
    """
    chain = [node for node in nodes if isinstance(node, LinearRecurrence)]
    if len(chain) < len(nodes) or any(node.reverse for node in chain[1:]):
        return None
    rows: list[list[Array]] = []
    seen: list[Array] = []  # d (output so far) / d (each state below)
    for node in chain:
        rows.append([*(node.B @ s for s in seen), node.A])
        seen = [*(node.D @ s for s in seen), node.C]
    if len(chain) == 1:
        return rows[0][0]
    ops, dtype = chain[0].ops, chain[0].dtype
    filled = []
    for k, row in enumerate(rows):
        shape = [chain[k].batch, chain[k].steps, chain[k].states]
        filled.append(ops.concat([*row, *(ops.zeros([*shape, above.states], dtype) for above in chain[k + 1 :])], 3))
    return ops.concat(filled, 2)


def feedthrough(nodes: list[Node], kind: str) -> Array | None:
    """d h_t / d x_t (B, T, H, I), when the input of a step reaches its own output by that step only; None otherwise."""
    if any(isinstance(node, Bidirectional) or node.reverse for node in nodes) or kind != "inputs":
        return None
    total: Array | None = None
    for node in nodes:
        assert isinstance(node, LinearRecurrence)
        direct = node.D
        if node.masked is not None:
            direct = node.ops.where(node.masked[:, :, None, None], direct * 0, direct)
        total = direct if total is None else direct @ total
    return total
