"""The environment variables that a script sets before it imports TensorFlow, set before gradlab imports it.

TensorFlow reads some of them once, when it is imported: which Keras `tf.keras` is (`TF_USE_LEGACY_KERAS`), which kernels
compute (`TF_ENABLE_ONEDNN_OPTS`), what is logged. A command imports TensorFlow before the script runs, so that without
this the script would run with another Keras than it does alone.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

ENVIRON = ("os.environ", "environ")
# How the names of packages begin that read the environment when they are imported, or import one that does:
# tensorflow_probability, keras_hub, tf_keras, tf_agents.
READERS = ("tensorflow", "keras", "tf_")


def set_as_the_script_does(arguments: Sequence[str]) -> None:
    """Set what the script named in a command's arguments sets at its own top level, before its first import of TensorFlow
    or Keras. What can't be read (no such file, no Python) is left to the command, which says so."""
    script = _script(arguments)
    if script is None:
        return
    folders = (script.parent, Path())  # the second is what -m imports from
    for name, value, only_if_absent in _settings(_parsed(script), folders):
        if not (only_if_absent and name in os.environ):
            os.environ[name] = value


def _script(arguments: Sequence[str]) -> Path | None:
    """The file that the command will run: the first argument that is one, or the module that follows `-m`."""
    for n, given in enumerate(arguments):
        if given == "-m":
            parts = arguments[n + 1].split(".") if n + 1 < len(arguments) else []
            module = os.path.join(*parts) if all(parts) and parts else ""
            places = (f"{module}.py", os.path.join(module, "__main__.py")) if module else ()
            return next((Path(p) for p in places if os.path.isfile(p)), None)
        # The value of an option (`--html page.html`) may be a file that is there already.
        if not given.startswith("-") and os.path.isfile(given) and (n == 0 or arguments[n - 1] != "--html"):
            return Path(given)
    return None


def _settings(tree: ast.Module, folders: Sequence[Path]) -> Iterator[tuple[str, str, bool]]:
    """(name, value, only if absent) of each variable that a statement of the top level sets to a text, in order, up to the
    first import of TensorFlow or Keras: what is set behind that has no effect on them in a plain run either."""
    seen: set[Path] = set()
    for statement in tree.body:
        if _imports_a_reader(statement, folders, seen):
            return
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Subscript) and ast.unparse(target.value) in ENVIRON:
                    yield from _texts([(target.slice, statement.value)], False)
        elif isinstance(statement, ast.Expr) and isinstance(call := statement.value, ast.Call):
            on, _, method = ast.unparse(call.func).rpartition(".")
            if on not in ENVIRON:
                continue
            if method == "setdefault" and len(call.args) == 2:
                yield from _texts([(call.args[0], call.args[1])], True)
            elif method == "update":
                tables = [a for a in call.args if isinstance(a, ast.Dict)]
                yield from _texts([pair for t in tables for pair in zip(t.keys, t.values, strict=True)], False)
                yield from _texts([(ast.Constant(k.arg), k.value) for k in call.keywords], False)


def _imports_a_reader(tree: ast.AST, folders: Sequence[Path], seen: set[Path]) -> bool:
    """Does a statement, or one inside it, import TensorFlow or Keras, or a module in one of these folders that does?"""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or a.name for a in node.names]
        else:
            continue
        if any(name.startswith(READERS) for name in names):
            return True
        bases = [folder.joinpath(*name.split(".")) for name in names for folder in folders]
        for file in [f for base in bases for f in (Path(f"{base}.py"), base / "__init__.py")]:
            if file not in seen and file.is_file():
                seen.add(file)
                if _imports_a_reader(_parsed(file), folders, seen):
                    return True
    return False


def _parsed(file: Path) -> ast.Module:
    """A module's text; empty where Python could not read it either: its import says so when the script runs."""
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _texts(pairs: Sequence[tuple[ast.expr | None, ast.expr]], only_if_absent: bool) -> Iterator[tuple[str, str, bool]]:
    for key, value in pairs:
        if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
            if isinstance(key.value, str) and isinstance(value.value, str):
                yield key.value, value.value, only_if_absent
