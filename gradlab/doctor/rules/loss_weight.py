"""The gradient is zero because `compile` was told to give the loss of an output the weight zero."""

from __future__ import annotations

import tensorflow as tf

from gradlab.doctor import op_types
from gradlab.doctor.rules import Case, Finding, Kind, rule
from gradlab.doctor.rules.case import place_of
from gradlab.doctor.rules.zero import MASKED, _becomes_zero, zero_cut
from gradlab.doctor.source_code import syntax
from gradlab.doctor.source_code.layer_lines import ASKS, RUNS_LAYERS, runs_layers
from gradlab.doctor.source_code.loss_weights import KEYWORD, output_of, weight_line, zero_weights

# Where Keras weighs the losses: its own training step, or these methods of a step of the user's.
WEIGHS = RUNS_LAYERS | ASKS | {"compute_loss", "_compute_loss", "compiled_loss"}


@rule(Kind.ZERO, rank=55, cause=MASKED)
def loss_weight_is_zero(case: Case) -> Finding | None:
    """Keras multiplies the loss of an output with its weight, and that is zero in `compile`: the one number that a loss,
    one number as well, is multiplied with in Keras' own code."""
    zero = case.once(zero_cut)
    if zero is None or zero.cut.key is None or zero.cut.op.type not in op_types.MASKING_PRODUCTS or not zero.constant:
        return None
    run, places = case.recorded, place_of(zero.cut.op)
    statement = syntax.statement_at(places[0].file, places[0].line) if places else None
    if statement is None or not runs_layers(statement, WEIGHS):
        return None
    if any(tf.convert_to_tensor(run.value(k)).shape.rank != 0 for k in zero.cut.op.ins):
        return None
    weights = zero_weights(run, case.seed)
    if weights is None:
        return None
    source = case.asked
    path = str(getattr(source.given, "path", None) or getattr(source.value, "name", ""))
    output = output_of(weights, path)
    found = _becomes_zero(case)
    files = [place.file for place in found.where]
    files += [place.file for place in (case.call.where if case.call is not None else ())]
    line = weight_line(dict.fromkeys(files), weights, output)
    if line is not None:
        found.where, found.final = [line, *found.where], True
    of = f"the loss of the output `{output}`" if output else "a loss"
    found.evidence += f"; `compile` was told by `{KEYWORD}` to multiply {of} with 0"
    found.fix = f"give it a weight above zero in `{KEYWORD}` of compile, or take that output out of the model"
    return found
