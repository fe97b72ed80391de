"""What is claimed, in our own words, and in which document. No measurement and no verdict stands here.

- `DOCUMENTS`: the answers on the web that the claims come from: their questions, and the day of each answer.
- `CLAIMS`: every claim by its id.
"""

from __future__ import annotations

from dataclasses import dataclass

DOCUMENTS = {
    "answer 1": "Why doesn't TensorFlow's GradientTape work with LSTM layers? (30 January 2025)",
    "answer 2": "Why are no gradients calculated for LSTM encoder-decoder variables in TensorFlow? (30 January 2025)",
    "answer 3": "Why does tf2.0's GradientTape return None for gradients in an RNN model? (23 December 2024)",
    "answer 4": "How can I compute RNN hidden state gradients with respect to the input in TensorFlow? (23 December 2024)",
    "answer 5": "What is the problem with TensorFlow's gradient tape? (30 January 2025)",
}


@dataclass(frozen=True)
class Claim:
    """One claim. `decided_by` names the scenarios that put the claim itself to the test; the others that carry its id
    show what happens nearby. Empty: all of them decide."""

    id: str
    theme: str
    text: str
    decided_by: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """Which of `DOCUMENTS`, or where else it was found."""
        if self.id.startswith("M"):
            return "issue threads and practice"
        return {"L": "answer 1", "E": "answer 2", "J": "answer 4", "T": "answer 5"}.get(self.id[0], "answer 3")


_LSTM, _SEQ = "LSTM and the tape", "Encoder and decoder"
_CUT, _STATE, _LIST = "Casts, indices and NumPy", "The initial state", "The list of variables"
_JACOBIAN, _TAPE = "Gradients of a state with respect to the input", "What the tape records"
_MORE = "Zero and NaN without a cut"

CLAIMS = {
    claim.id: claim
    for claim in (
        Claim("L1", _LSTM, "An LSTM's weights get None unless its hidden and cell states are watched."),
        Claim("L2", _LSTM, "The tape can't see the states inside a recurrent layer.", ("state_inside_layer",)),
        Claim("L3", _LSTM, "States that are carried from one tape to the next carry the gradient with them."),
        Claim("L4", _LSTM, "A state that a layer keeps for itself between two calls is not captured."),
        Claim("E1", _SEQ, "An encoder-decoder does not give its gradients as one tensor for each variable."),
        Claim("E2", _SEQ, "An LSTM decoder can start from the encoder's output alone."),
        Claim("E3", _SEQ, "A bidirectional encoder's states can go straight into the decoder."),
        Claim(
            "E4",
            _SEQ,
            "The variables of an encoder get no gradients, whether the decoder starts from the encoder's state or not.",
            ("half_the_state", "ignored_encoder"),
        ),
        Claim("E5", _SEQ, "An encoder that ran before the tape opened gets no gradients.", ("encoder_before_tape",)),
        Claim("C1", _CUT, "A cast to an integer type detaches what comes before it.", ("integer_cast",)),
        Claim("C2", _CUT, "Indexing with integer tensors detaches a tensor.", ("integer_index",)),
        Claim("C3", _CUT, "Conversion to NumPy detaches a tensor.", ("numpy_roundtrip",)),
        Claim(
            "S1", _STATE, "An initial state that is no variable makes the cell's gradients None.", ("initial_state",)
        ),
        Claim("S2", _STATE, "A state that is made outside the tape stops the gradient."),
        Claim(
            "V1",
            _LIST,
            "Variables made in __init__ instead of build are not tracked.",
            ("init_or_build", "raw_variable"),
        ),
        Claim("V2", _LIST, "Variables that the model does not track get no gradient."),
        Claim("J1", _JACOBIAN, "tape.gradient of each state gives the Jacobian with respect to its own input."),
        Claim("J2", _JACOBIAN, "The gradient shows the whole sequence's influence, not that of each step."),
        Claim("J3", _JACOBIAN, "lstm_layer.cell_state holds the cell state."),
        Claim("J4", _JACOBIAN, "States computed before the tape can be differentiated in it."),
        Claim("T1", _TAPE, "Appending to a Python list inside the tape gives a wrong gradient.", ("python_list",)),
        Claim(
            "T2",
            _TAPE,
            "A Python if or a loop that depends on data may take another way in the backward pass.",
            ("python_if", "data_dependent_loop"),
        ),
        Claim("T3", _TAPE, "A custom operation in a tf.function may have an inaccurate gradient.", ("custom_op",)),
        Claim("T4", _TAPE, "Graph gradients, custom gradients and other kinds of differentiation are ways out."),
        Claim("M1", _MORE, "Weights that have no part in the result get None."),
        Claim("M2", _MORE, "A tensor with the same numbers has the same gradient."),
        Claim("M3", _MORE, "A dead ReLU recovers, because its bias still gets a gradient."),
        Claim("M4", _MORE, "A pair of equal states adds nothing to the gradient of a distance."),
    )
}
