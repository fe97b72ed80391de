"""Norms for TensorBoard, under the names that Keras gave gradients while it had `write_grads`: `dense/kernel_0_grad`.

A histogram of those names needs the whole gradient, which is not kept: what is written is the norm, a scalar, at every
measured step. Written as raw summaries, as `tf.summary.scalar` needs TensorBoard itself to be installed.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from gradlab.watch.columns import Column
from gradlab.watch.record import Record
from gradlab.watch.views import View


class TensorBoardView(View):
    """Writes event files into a folder."""

    def __init__(self, log_dir: Any) -> None:
        self.log_dir = str(log_dir)
        self.writer: Any = None

    def take(self, record: Record, column: Column) -> None:
        if self.writer is None:
            self.writer = tf.summary.create_file_writer(self.log_dir)
        values = []
        for i, name in enumerate(record.names):
            if column.kind(i) in ("ok", "zero"):
                values.append((f"{name}_0_grad/norm", float(column.norm[i])))
                if column.ratio[i] == column.ratio[i]:
                    values.append((f"{name}_0_grad/update_to_weight", float(column.ratio[i])))
        summary = tf.compat.v1.Summary(
            value=[tf.compat.v1.Summary.Value(tag=tag, simple_value=value) for tag, value in values]
        )
        with self.writer.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=column.step)

    def show(self, record: Record, epoch_ended: bool = False) -> None:
        if epoch_ended and self.writer is not None:
            self.writer.flush()

    def end(self, record: Record) -> None:
        if self.writer is not None:
            self.writer.flush()
