"""Loads and judges the declarative cases in `cases/`: the format is explained in `cases/README.md`."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

import gradlab
from gradlab import Kind
from gradlab.doctor import Diagnosis

FOLDER = Path(__file__).parent / "cases"
FILES = sorted(FOLDER.glob("[0-9][0-9][0-9]_*.py"))
META = ("CAUSE =", "EXPECT =", "ROWS =", "CUT", "FORM =", "RAISES =", "WATCH =")


def load(path: Path) -> ModuleType:
    name = f"doctor_case_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    case = importlib.util.module_from_spec(spec)
    sys.modules[name] = case
    spec.loader.exec_module(case)
    return case


def cut_lines(case: ModuleType) -> set[int]:
    wanted = [s for s in (case.CUT, *getattr(case, "CUT_ALSO", ())) if s]
    lines = Path(str(case.__file__)).read_text().split("\n")
    return {i + 1 for i, text in enumerate(lines) for s in wanted if i and s in text and not text.startswith(META)}


def kind(gradient: Any) -> str:
    if gradient is None:
        return "none"
    a = np.asarray(tf.convert_to_tensor(gradient))
    return "not finite" if not np.isfinite(a).all() else "zero" if not a.any() else "ok"


def line_of(row: Diagnosis, case: ModuleType) -> int | None:
    place = row.where[0] if row.where else None
    return place.line if place and os.path.samefile(place.file, str(case.__file__)) else None


def judge(path: Path) -> dict[str, tuple[Any, ...]]:
    """What the doctor says where it should say something else: source -> (expected, found); empty if all is right.

    Every row is held against its expectation: its status, and, where that is not ok, the cause and the line.
    """
    wrong, _ = examine(path)
    return wrong


def examine(path: Path) -> tuple[dict[str, tuple[Any, ...]], list[Diagnosis]]:
    """What `judge` gives, and the rows of the report that were judged."""
    case = load(path)
    form, good = getattr(case, "FORM", "loss"), cut_lines(case)
    wrong: dict[str, tuple[Any, ...]] = {}

    def check(name: str, row: Diagnosis, status: str) -> None:
        line = line_of(row, case)
        found = (row.status.value, row.cause, row.status is Kind.OK or line in good)
        want = (status, None if status == "ok" else case.CAUSE, True)
        if found != want:
            wrong[name] = (want, (*found, line, sorted(good)))

    if form == "loss":
        loss_fn, sources = case.run()
        report = gradlab.explain(loss_fn, sources, watch=getattr(case, "WATCH", ()))
        for name, status in case.EXPECT.items():
            check(name, report.row(name), status)
        return wrong, report.rows
    if form == "tape":
        try:
            found = {n: kind(g) for n, g in case.run(Tape=gradlab.Tape).items()}
            if found != case.EXPECT or getattr(case, "RAISES", None):
                wrong["tape"] = (case.EXPECT, found)
        except Exception as error:  # compared with what the case says a tf.GradientTape raises
            if type(error).__name__ != getattr(case, "RAISES", None):
                raise
        report = gradlab.last_report()
    else:
        loss_fn, get_vars, owner = case.run()
        report = gradlab.explain(loss_fn, get_vars(), owner=owner)
    rows = report.rows if report else []
    expected = getattr(case, "ROWS", list(case.EXPECT.values()) or ["raises"])
    if [r.status.value for r in rows] != expected:
        wrong["rows"] = (expected, [r.status.value for r in rows])
    for n, (row, status) in enumerate(zip(rows, expected, strict=False)):
        check(f"{n}: {row.name}", row, status)
    return wrong, rows
