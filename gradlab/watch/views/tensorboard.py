"""Histograms and norms for TensorBoard, under the names that Keras gave gradients while it had `write_grads`.

`dense/kernel_0_grad` is the histogram of the gradient of `dense/kernel` as the step computed it, at every measured step;
`dense/kernel_0_grad/norm` its norm and `.../update_to_weight` how far the step moved the weight. Written as raw summaries, as
`tf.summary.histogram` and `tf.summary.scalar` need TensorBoard itself to be installed.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.watch.columns import Column
from gradlab.watch.histograms import buckets
from gradlab.watch.record import Record
from gradlab.watch.views import View

TENSOR = 2  # DATA_CLASS_TENSOR of TensorBoard's SummaryMetadata


def tag(name: str) -> str:
    """Keras named a variable `dense/kernel:0` and wrote `:` as `_`."""
    return f"{name}_0_grad"


class TensorBoardView(View):
    """Writes event files into a folder."""

    def __init__(self, log_dir: Any) -> None:
        self.log_dir = str(log_dir)
        self.writer: Any = None

    def take(self, record: Record, column: Column) -> None:
        proto = tf.compat.v1.Summary
        values = []
        for i, name in enumerate(record.names):
            if column.kind(i) in ("ok", "zero"):
                values.append(proto.Value(tag=f"{tag(name)}/norm", simple_value=float(column.norm[i])))
                if column.ratio[i] == column.ratio[i]:
                    ratio = float(column.ratio[i])
                    values.append(proto.Value(tag=f"{tag(name)}/update_to_weight", simple_value=ratio))
            found = buckets(column.histograms[i]) if i in column.histograms else None
            if found is not None:
                metadata = tf.compat.v1.SummaryMetadata(data_class=TENSOR)
                metadata.plugin_data.plugin_name = "histograms"
                values.append(proto.Value(tag=tag(name), metadata=metadata, tensor=tf.make_tensor_proto(found)))
        if self.writer is None:
            self.writer = tf.summary.create_file_writer(self.log_dir)
        with self.writer.as_default():
            tf.summary.experimental.write_raw_pb(proto(value=values).SerializeToString(), step=column.step)

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        if epoch_ended and self.writer is not None:
            self.writer.flush()

    def end(self, record: Record) -> None:
        if self.writer is not None:
            self.writer.flush()
