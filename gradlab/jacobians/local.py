"""What needs no products over time: the joint step of stacked recurrences, and how an output moves with its own input."""

from gradlab.jacobians.linear import Linear, Node, Pair
from gradlab.jacobians.ops import Array


def joint_step(nodes: list[Node]) -> Array | None:
    """d (all states after a step) / d (all states before it): (B, T, S, S), S over all recurrences; None when there is no such step.

    A recurrence that reads what another put out reads its state of the step before, so the joint matrix is block lower triangular.
    """
    if any(isinstance(node, Pair) for node in nodes) or any(node.reverse for node in nodes[1:]):  # type: ignore[union-attr]
        return None
    rows: list[list[Array]] = []
    seen: list[Array] = []  # d (output so far) / d (each state below)
    for node in nodes:
        assert isinstance(node, Linear)
        rows.append([node.B @ s for s in seen] + [node.A])
        seen = [node.D @ s for s in seen] + [node.C]
    if len(nodes) == 1:
        return rows[0][0]
    ops = nodes[0].ops  # type: ignore[union-attr]
    total = len(rows)
    filled = []
    for k, row in enumerate(rows):
        batch, steps, height, _ = (int(n) for n in row[0].shape)
        above = [ops.zeros([batch, steps, height, int(rows[j][-1].shape[3])], nodes[0].dtype) for j in range(k + 1, total)]  # type: ignore[union-attr]
        filled.append(ops.concat(row + above, 3))
    return ops.concat(filled, 2)


def feedthrough(nodes: list[Node], kind: str) -> Array | None:
    """d h_t / d x_t (B, T, H, I), when the input of a step reaches its own output by that step only; None otherwise."""
    if any(isinstance(node, Pair) or node.reverse for node in nodes) or kind != "inputs":
        return None
    total: Array | None = None
    for node in nodes:
        assert isinstance(node, Linear)
        direct = node.D
        if node.masked is not None:
            direct = node.ops.where(node.masked[:, :, None, None], direct * 0, direct)
        total = direct if total is None else direct @ total
    return total
