"""Runs and judges the field cases in `field/`: whole small programs, each asked in every way that it names.

`python tests/doctor/fieldcases.py [NAME ...]` scores them; `--json FILE` keeps the scores; `--unmark` takes the marks
`NOT_YET` away from what is right by now; `--mark` writes them anew. The format is explained in `field/README.md`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import linecache
import os
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "field"
FILES = sorted(FOLDER.glob("*.py"))
HERE = ("tape", "both", "explain", "owner", "cells")  # ways that run in this process
# "ok" with a norm beyond these is not ok: float32 has 7 digits, so an update of 1e8 or of 1e-11 times a usual learning
# rate leaves no trace of a weight of order one, or none in it.
LARGE, SMALL = 1e8, 1e-11
# A gradient that is there and of no use has no cause with a label: the word is looked for in the report.
SIZES = {"exploding": "and it explodes", "vanishing": "and it has vanished"}


@dataclass
class Said:
    """What was said of one source."""

    name: str
    status: str
    cause: str | None
    file: str
    line: int | None
    words: str
    by_design: bool = False

    @classmethod
    def of(cls, row: dict[str, Any]) -> Said:
        place = row["where"][0] if row["where"] else {"file": "", "line": None}
        words = " ".join(str(row.get(k) or "") for k in ("evidence", "fix", "message", "said"))
        design = bool(row.get("by_design"))
        return cls(row["name"], str(row["status"]), row["cause"], place["file"], place["line"], words, design)


@dataclass
class Score:
    """How one case came out in one way: `faults` is empty if all is right."""

    status: bool = True
    cause: bool = True
    line: bool = True
    alarm: bool = False  # something was said of a healthy source
    harm: bool = False  # the program ran differently, or the doctor itself failed
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def load(path: Path) -> ModuleType:
    """The case as a module of its own, made anew."""
    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))
    name = f"field_case_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    case = importlib.util.module_from_spec(spec)
    sys.modules[name] = case
    spec.loader.exec_module(case)
    return case


def constant(path: Path, name: str) -> Any:
    """A constant of a case that is read without running it (a case may choose its Keras when it is loaded)."""
    import ast

    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return eval(compile(ast.Expression(node.value), str(path), "eval"))
    return None


def ways(path: Path) -> tuple[str, ...]:
    """The ways in that the case names, and `both` where it can run compiled and eagerly."""
    named = constant(path, "WAYS")
    if "tape" in named and constant(path, "COMPILED") and not constant(path, "ALONE"):
        named = (*named, "both")
    return named


def cut_file(case: ModuleType) -> str:
    return str(getattr(case, "CUT_FILE", case.__file__))


def cut_lines(case: ModuleType) -> set[int]:
    """The numbers of the lines that are marked in the case (in a notebook: counted in their cell)."""
    cells = [cell.lstrip("\n") for cell in getattr(case, "CELLS", ())]  # IPython counts from the first line of code
    texts = cells or [Path(cut_file(case)).read_text()]
    marks = ("# <-- cut", "# <-- also")
    return {n for t in texts for n, line in enumerate(t.split("\n"), 1) if any(m in line for m in marks)}


def kind(gradient: Any) -> str:
    """The status that a plain tape gives."""
    if gradient is None:
        return "none"
    import tensorflow as tf

    a = np.asarray(tf.cast(tf.convert_to_tensor(gradient), tf.float32))
    return "nan" if np.isnan(a).any() else "inf" if np.isinf(a).any() else "zero" if not a.any() else "ok"


def dense(gradient: Any) -> Any:
    """The values of a gradient (IndexedSlices too), for a comparison bit by bit."""
    import tensorflow as tf

    return 0.0 if gradient is None else np.asarray(tf.convert_to_tensor(gradient))


def quiet_run(case: ModuleType, Tape: Any) -> dict[str, Any]:
    with contextlib.redirect_stdout(io.StringIO()):
        return case.run(Tape=Tape)


_PLAIN: dict[tuple[str, bool], dict[str, Any]] = {}  # a run of a plain tape serves every way in of its case


def plain(case: ModuleType) -> dict[str, Any]:
    """What a plain tape gives for the case: source -> gradient, in the order asked."""
    key = (str(case.__file__), bool(getattr(case, "COMPILED", False)))
    if key not in _PLAIN:
        _PLAIN[key] = _plain(case)
    return _PLAIN[key]


def _plain(case: ModuleType) -> dict[str, Any]:
    import tensorflow as tf

    if hasattr(case, "run"):
        return quiet_run(case, tf.GradientTape)
    loss_fn, sources = case.problem()
    if not isinstance(sources, dict):
        sources = dict(zip(case.EXPECT, sources.trainable_variables, strict=True))
    with tf.GradientTape() as tape:
        loss = loss_fn()
    return dict(zip(sources, tape.gradient(loss, list(sources.values())), strict=True))


def untrue(case: ModuleType) -> list[str]:
    """Where a plain tape contradicts what the case expects."""
    found = plain(case)
    wrong = [f"{n}: {kind(found[n])}, not {want}" for n, want in case.EXPECT.items() if kind(found[n]) != want]
    for name, g in found.items():
        norm = float(np.linalg.norm(dense(g))) if case.CAUSE in ("exploding", "vanishing") else 1.0
        if (case.CAUSE == "exploding" and norm < LARGE) or (case.CAUSE == "vanishing" and norm > SMALL):
            wrong.append(f"{name}: norm {norm:.1e}")
    return wrong


def same_word(got: str, want: str) -> bool:
    """Whether two words stand for one status: `not finite` for nan and inf, `wrong` for partial."""
    other = {"not finite": ("nan", "inf"), "wrong": ("partial",)}
    return got == want or want in other.get(got, ())


def code_at(row: Said) -> str:
    """The text of the line that was named."""
    text = linecache.getline(row.file, row.line).strip() if row.line else ""
    return f"`{text}`" if text else "no line"


def judge(case: ModuleType, rows: list[Said], text: str) -> Score:
    """Compare what was said with what the case expects."""
    score, good, causes = Score(), cut_lines(case), case.CAUSE if isinstance(case.CAUSE, tuple) else (case.CAUSE,)
    want = list(case.EXPECT.values())
    if len(rows) == getattr(case, "LAST", len(want)):  # a tape's report is about its last call
        want = want[-len(rows) :]
    if case.EXPECT == {"any": "ok"}:
        want = ["ok"] * max(len(rows), 1)
    got = [r.status for r in rows]
    if len(got) != len(want) or not all(map(same_word, got, want)):
        score.status = False
        score.faults.append(f"statuses {got}, not {want}")
    broken = [r for r, w in zip(rows, want, strict=False) if w != "ok" or (case.CAUSE and set(want) == {"ok"})]
    if len(got) != len(want):
        broken = [r for r in rows if r.status != "ok" or r.cause] if case.CAUSE else []
    if case.CAUSE and not broken:
        score.cause = score.line = False
    for r in rows:
        if r not in broken:
            if r.status != "ok" or r.cause:
                score.alarm = True
                score.faults.append(f"a false alarm: {r.status}, {r.cause}, at {code_at(r)}")
            continue
        if r.cause not in causes and SIZES.get(case.CAUSE, "?") not in text:
            score.cause = False
            score.faults.append(f"cause {r.cause}, not {' or '.join(map(str, causes))}")
        mine = hasattr(case, "CELLS") or (os.path.exists(r.file) and os.path.samefile(r.file, cut_file(case)))
        if r.line not in good or not mine:
            score.line = False
            score.faults.append(f"said at {code_at(r)}")
        if getattr(case, "BY_DESIGN", False) and not r.by_design:
            score.faults.append("not said to be by design")
    said = " ".join([text, *(r.words for r in rows)]).lower()
    score.faults += [f"{w!r} is not said" for w in getattr(case, "SAYS", ()) if w.lower() not in said]
    score.faults += [f"{w!r} is said" for w in getattr(case, "NEVER", ()) if w.lower() in said]
    score.faults = list(dict.fromkeys(score.faults))
    return score


def rows_of(report: Any) -> list[Said]:
    return [Said.of(r.to_dict()) for r in report.rows] if report else []


def under_tape(case: ModuleType) -> tuple[list[Said], str, dict[str, Any]]:
    """Run the case with `gradlab.Tape`: what was said, the text of the reports, and the gradients."""
    import gradlab

    opened: list[tuple[int, Any]] = []
    base = gradlab.Tape

    class Kept(base):  # type: ignore[misc, valid-type]
        """The tape, remembered, for the programs that open several."""

        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            main = threading.current_thread() is threading.main_thread()
            opened.append((0 if main else threading.get_native_id(), self))

    found = quiet_run(case, Kept)
    report = gradlab.last_report()
    rows, text = rows_of(report), str(report or "")
    if len(rows) != len(case.EXPECT):
        several = []
        for _, tape in sorted(opened, key=lambda pair: pair[0]):  # thread by thread, as they were started
            with contextlib.suppress(RuntimeError):  # a tape that was asked nothing has no report
                several.append(tape.report())
        each = [r for one in several for r in rows_of(one)]
        if len(each) == len(case.EXPECT):
            rows, text = each, "\n".join(map(str, several))
        elif several and len(rows_of(several[-1])) == len(case.EXPECT):
            rows, text = rows_of(several[-1]), str(several[-1])
    return rows, text, found


_TRACED: dict[str, list[Said]] = {}  # what the way `tape` has found, for the comparison that comes after it


def tape(case: ModuleType) -> Score:
    expected = plain(case)
    try:
        rows, text, found = under_tape(case)
    except Exception as error:
        return failed(error)
    if getattr(case, "COMPILED", False):
        _TRACED[str(case.__file__)] = rows
    score = judge(case, rows, text)
    for name, g in expected.items():
        if kind(g) != kind(found[name]) or not np.array_equal(dense(g), dense(found[name]), equal_nan=True):
            score.harm = True
            score.faults.append(f"{name}: the tape changed the gradient")
    return score


def failed(error: BaseException) -> Score:
    place = traceback.extract_tb(error.__traceback__)[-1]
    note = f"{type(error).__name__}: {str(error)[:120]} ({Path(place.filename).name}:{place.lineno})"
    return Score(False, False, False, harm=True, faults=[note])


def both(case: ModuleType) -> Score:
    """What is said of the compiled program is what is said of the same program run eagerly."""
    said, statuses = {}, {}
    for compiled in (True, False):
        case.COMPILED = compiled
        statuses[compiled] = [kind(g) for g in plain(case).values()]
        try:
            rows = _TRACED.pop(str(case.__file__), None) if compiled else None
            rows = rows or under_tape(case)[0]
        except Exception as error:
            return failed(error)
        same = statuses[True] == statuses[compiled]
        said[compiled] = [(r.status if same else "", r.cause, r.line) for r in rows]
    case.COMPILED = True
    if statuses[True] != statuses[False]:  # the graph returns zero where eager gives None: cause and line are compared
        said[True] = [("", *rest) for _, *rest in said[True]]
    score = Score()
    if said[True] != said[False]:
        score.status = score.cause = score.line = False
        score.faults = [f"compiled {a}, eager {b}" for a, b in zip(said[True], said[False], strict=False) if a != b]
        score.faults = list(dict.fromkeys(score.faults)) or [f"{len(said[True])} and {len(said[False])} rows"]
    return score


def explain(case: ModuleType) -> Score:
    import gradlab

    loss_fn, sources = case.problem()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            report = gradlab.explain(loss_fn, sources)
    except Exception as error:
        return failed(error)
    return judge(case, rows_of(report), str(report))


owner = explain  # the same call, with a model in place of the sources


def cells(case: ModuleType) -> Score:
    """The case's cells, the last one under %%explain."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shown: list[Any] = []
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            shell.run_cell("%load_ext gradlab").raise_error()
            from gradlab.doctor.frontends import ipython

            for cell in case.CELLS[:-1]:
                shell.run_cell(cell, store_history=True).raise_error()
            ipython.explain_cell("", case.CELLS[-1], shell, shown.append)
        text = "\n".join(map(str, shown))  # as long as the shell knows its cells
    except Exception as error:
        return failed(error)
    finally:
        InteractiveShell.clear_instance()
    return judge(case, [r for report in shown for r in rows_of(report)], text)


def command(path: Path) -> Score:
    """`gradlab explain --json` in a process of its own, or in this one for a case that does nothing to its process."""
    case = load(path) if not constant(path, "ALONE") else stand_in(path)
    module = getattr(case, "MODULE", None)
    target = ["-m", module] if module else [str(path)]
    alone = bool(constant(path, "ALONE") or module or constant(path, "ENDS"))
    if alone:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from gradlab.cli import main; sys.exit(main())", "explain", "--json", *target],
            capture_output=True, text=True, env=environment, cwd=FOLDER, timeout=300,
        )  # fmt: skip
        out, errors = done.stdout, done.stderr
    else:
        from gradlab.cli import main

        with contextlib.redirect_stdout(io.StringIO()) as stdout, contextlib.redirect_stderr(io.StringIO()) as stderr:
            try:
                main(["explain", "--json", *target])
            except SystemExit:
                pass
            except Exception as error:
                return failed(error)
        out, errors = stdout.getvalue(), stderr.getvalue()
    reports = last_json(out)
    if reports is None:
        return Score(False, False, False, harm=True, faults=[(errors.strip().splitlines() or ["no report"])[-1][:200]])
    reports = reports if isinstance(reports, list) else reports.get("reports", [reports])
    score = judge(case, [Said.of(r) for report in reports for r in report["rows"]], json.dumps(reports))
    ends = constant(path, "ENDS")
    if ends and ends not in errors:
        score.harm = True
        score.faults.append(f"{ends!r} is not on the standard error")
    return score


def stand_in(path: Path) -> ModuleType:
    """The constants of a case that must not be loaded here."""
    case = ModuleType(path.stem)
    case.__file__ = str(path)
    for name in ("CAUSE", "EXPECT", "SAYS", "NEVER", "BY_DESIGN", "ENDS"):
        if (value := constant(path, name)) is not None or name == "CAUSE":
            setattr(case, name, value)
    return case


def last_json(text: str) -> Any:
    """The JSON that ends the output; the script may have printed before it."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        if line.startswith(("[", "{")):
            with contextlib.suppress(ValueError):
                return json.loads("\n".join(lines[start:]))
    return None


def verified(path: Path) -> list[str]:
    """Where a plain tape contradicts the case; a case that needs a process of its own is asked there."""
    if not constant(path, "ALONE"):
        return untrue(load(path))
    return in_its_process(path, "untrue")


def in_its_process(path: Path, what: str) -> Any:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, __file__, "--alone", what, str(path)],
        capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def score(path: Path, way: str) -> Score:
    """Run one case in one way and judge what is said."""
    began = time.perf_counter()
    if way == "command":
        result = command(path)
    elif constant(path, "ALONE"):
        result = Score(**in_its_process(path, way))
    else:
        result = {"tape": tape, "both": both, "explain": explain, "owner": owner, "cells": cells}[way](load(path))
    result.seconds = round(time.perf_counter() - began, 2)
    return result


def unmarked(text: str) -> str:
    """The text of a case without its marks."""
    kept, skipping = [], False
    for line in text.split("\n"):
        skipping = skipping or line.startswith("NOT_YET = {")
        if not skipping:
            kept.append(line)
        skipping = skipping and line.rstrip() != "}"
    return "\n".join(kept)


def mark(path: Path, wrong: dict[str, str]) -> None:
    """Write into the case what is not right yet, per way; strict, so that a mend has to take it away."""
    text = unmarked(path.read_text())
    if wrong:
        entries = "".join(f'    "{way}": "{note}",\n' for way, note in wrong.items())
        lines = text.split("\n")
        at = max(i for i, line in enumerate(lines) if line.startswith("EXPECT = "))
        at += next(n for n, line in enumerate(lines[at:], 1) if line.endswith("}"))
        text = "\n".join([*lines[:at], f"NOT_YET = {{\n{entries}}}", *lines[at:]])
    if text != path.read_text():
        path.write_text(text)


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--alone"]:
        _, what, name = arguments
        case = load(Path(name))
        out = untrue(case) if what == "untrue" else vars(tape(case))
        print(json.dumps(out))
        return
    options = {a for a in arguments if a in ("--mark", "--unmark")}
    keep = arguments[arguments.index("--json") + 1] if "--json" in arguments else None
    names = [a for a in arguments if not a.startswith("--") and a != keep]
    total: dict[str, dict[str, int]] = {}
    kept: dict[str, dict[str, Any]] = {}
    for path in FILES:
        if names and not any(n in path.stem for n in names):
            continue
        if contradictions := verified(path):
            print(f"{path.stem:48} NOT TRUE UNDER A PLAIN TAPE: {contradictions}", flush=True)
        wrong: dict[str, str] = {}
        for way in ways(path):
            try:
                result = score(path, way)
            except Exception as error:
                result = failed(error)
            sums = total.setdefault(
                way, dict.fromkeys(("cases", "right", "status", "cause", "line", "alarm", "harm"), 0)
            )
            sums["cases"] += 1
            sums["right"] += not result.faults
            for part in ("status", "cause", "line", "alarm", "harm"):
                sums[part] += bool(getattr(result, part))
            if result.faults:
                wrong[way] = "; ".join(result.faults).replace('"', "'").replace("\n", " ").replace("\\", "")[:140]
            kept.setdefault(path.stem, {})[way] = {k: v for k, v in vars(result).items()}
            letters = "".join(
                c if getattr(result, p) else "-" for c, p in zip("SCL", ("status", "cause", "line"), strict=True)
            )
            letters += ("A" if result.alarm else " ") + ("H" if result.harm else " ")
            print(
                f"{path.stem:48} {way:8} {letters} {result.seconds:5.1f} s  {'; '.join(result.faults)[:230]}",
                flush=True,
            )
        if "--mark" in options:
            mark(path, wrong)
        elif "--unmark" in options:
            before = constant(path, "NOT_YET") or {}
            mark(path, {way: note for way, note in before.items() if way in wrong})
    print(json.dumps(total))
    if keep:
        Path(keep).write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    main(sys.argv[1:])
