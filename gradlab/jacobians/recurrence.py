"""A recurrence linearised along its own trajectory: what one step does to a small change of its state and input.

Shapes: B batch, T steps, S state size (all states of the cell side by side), I inputs, H outputs. Steps are in
processing order, so a layer with `go_backwards` has its last input first.
"""

from dataclasses import dataclass

from gradlab.jacobians.backend import Array, Ops


@dataclass
class LinearRecurrence:
    """d state_t = A_t d state_{t-1} + B_t d x_t, and the output is rows `out` of the state, or C_t d state_{t-1} + D_t
    d x_t.

    A (B, T, S, S), B (B, T, S, I), C (B, T, H, S), D (B, T, H, I). reverse: it reads its sequence from the end;
    backwards: its layer does (stacked cells above the first read what is reversed already). masked (B, T) is true where
    the step was skipped: there A is the identity and B is zero, and the output repeats the one before (zero before the
    first), or is zero with `zero_masked`.
    """

    ops: Ops
    dtype: str
    transition: Array | None
    drive: Array
    outputs: int
    out: slice | None
    out_state: Array | None = None
    out_input: Array | None = None
    reverse: bool = False
    backwards: bool = False
    masked: Array | None = None
    zero_masked: bool = False

    @property
    def A(self) -> Array:
        return self.transition

    @property
    def B(self) -> Array:
        return self.drive

    @property
    def C(self) -> Array:
        return self.A[:, :, self.out] if self.out is not None else self.out_state

    @property
    def D(self) -> Array:
        return self.drive[:, :, self.out] if self.out is not None else self.out_input

    @property
    def batch(self) -> int:
        return int(self.drive.shape[0])

    @property
    def steps(self) -> int:
        return int(self.drive.shape[1])

    @property
    def states(self) -> int:
        return int(self.drive.shape[2])

    @property
    def inputs(self) -> int:
        return int(self.drive.shape[3])

    def advance(self, t: int, changes: Array) -> Array:
        """A_t times changes (B, S, K)."""
        return self.A[:, t] @ changes

    def retreat(self, t: int, cotangents: Array) -> Array:
        """cotangents (B, R, S) times A_t."""
        return cotangents @ self.A[:, t]


@dataclass
class LstmLinear(LinearRecurrence):
    """The same for an LSTM, state [h, c]: half of A is diagonal, so it is kept as its dense half and two diagonals.

    c_t = forget_t * c_{t-1} + lower_t h_{t-1} and h_t = carry_t * c_t + upper_t h_{t-1} (for small changes), with
    halves = [upper; lower] (B, T, 2H, H) and forget, carry (B, T, H). Half the multiplications of a dense product.
    """

    halves: Array = None
    forget: Array = None
    carry: Array = None

    @property
    def A(self) -> Array:
        if self.transition is None:
            n, eye = self.outputs_of_cell, self.ops.eye(self.outputs_of_cell, self.dtype)
            upper, lower = self.halves[:, :, :n], self.halves[:, :, n:]
            top = [upper + self.carry[..., None] * lower, (self.carry * self.forget)[..., None] * eye]
            bottom = [lower, self.forget[..., None] * eye]
            self.transition = self.ops.concat([self.ops.concat(top, 3), self.ops.concat(bottom, 3)], 2)
        return self.transition

    @property
    def outputs_of_cell(self) -> int:
        return int(self.forget.shape[2])

    def advance(self, t: int, changes: Array) -> Array:
        n = self.outputs_of_cell
        dense = self.halves[:, t] @ changes[:, :n]
        c = self.forget[:, t, :, None] * changes[:, n:] + dense[:, n:]
        return self.ops.concat([self.carry[:, t, :, None] * c + dense[:, :n], c], 1)


@dataclass
class Bidirectional:
    """The two directions of a Bidirectional layer; the backward output is reversed in time and merged with the forward
    one.
    """

    forward: "list[LinearRecurrence | Bidirectional]"
    backward: "list[LinearRecurrence | Bidirectional]"
    merge: str
    forward_out: Array
    backward_out: Array


Node = LinearRecurrence | Bidirectional


def recurrences(nodes: list[Node]) -> list[LinearRecurrence]:
    """The recurrences inside, in the order of Keras's list of states."""
    found: list[LinearRecurrence] = []
    for node in nodes:
        found += (
            [node] if isinstance(node, LinearRecurrence) else recurrences(node.forward) + recurrences(node.backward)
        )
    return found
