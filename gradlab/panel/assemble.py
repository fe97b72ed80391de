"""The panel's ES modules as the one module that a widget takes. No build step: the files are joined when this is imported.

- `module`: the text of all modules that the entry needs, each once, a module after those it imports.
- `alone`: the text of a module in one file, with what every widget needs before it.
- `style`: the style sheet.

Each file becomes a function of its own that returns its exports, so that two files may use the same names inside.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).with_name("js")
_IMPORT = re.compile(r'^import \{ ([\w$, ]+) \} from "\./([\w-]+)\.js";$', re.M)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) +([\w$]+))", re.M)


@lru_cache(maxsize=8)
def module(entry: str = "panel", folder: Path = FOLDER) -> str:
    """The entry and what it imports as one ES module with `export default { render }`.

    Raises ValueError, naming the file, for a circle of imports, for a name that the imported file does not export, and
    for a form of import or export that is not understood here.
    """
    exports: dict[str, list[str]] = {}
    parts: list[str] = []
    _join(entry, folder, exports, parts, ())
    if "render" not in exports[entry]:
        raise ValueError(f"{entry}.js exports {exports[entry]}; expected a function `render`.")
    return "\n".join(parts) + f"\nexport default {{ render: ${_word(entry)}.render }};\n"


def alone(path: Path) -> str:
    """The text of an ES module in one file that imports nothing, with `$saved.keepInSaves` at hand (js/saved.js)."""
    parts: list[str] = []
    _join("saved", FOLDER, {}, parts, ())
    return "\n".join([*parts, path.read_text(encoding="utf-8")])


@lru_cache(maxsize=1)
def style() -> str:
    """The text of the panel's style sheet."""
    return (FOLDER / "panel.css").read_text(encoding="utf-8")


def _join(name: str, folder: Path, exports: dict[str, list[str]], parts: list[str], above: tuple[str, ...]) -> None:
    if name in above:
        raise ValueError(f"{' -> '.join([*above, name])}: the modules import each other in a circle.")
    if name in exports:
        return
    text = (folder / f"{name}.js").read_text(encoding="utf-8")
    for wanted, needed in _IMPORT.findall(text):
        _join(needed, folder, exports, parts, (*above, name))
        absent = [w for w in wanted.split(", ") if w not in exports[needed]]
        if absent:
            raise ValueError(f"{name}.js imports {', '.join(absent)} from {needed}.js, which exports no such name.")
    exports[name] = [found[1] for found in _EXPORT.findall(text)]
    text = _IMPORT.sub(lambda m: f"const {{ {m[1]} }} = ${_word(m[2])};", text)
    text = _EXPORT.sub(r"\1", text).replace("\nexport {};\n", "\n")
    left = re.search(r"^(?:import|export)\b.*", text, re.M)
    if left:
        raise ValueError(
            f'{name}.js: `{left[0]}` can\'t be joined; write `import {{ a, b }} from "./file.js";` on one line, '
            "and `export` before a function, class or const."
        )
    parts.append(
        f"const ${_word(name)} = (() => {{ // {name}.js\n{text}\nreturn {{ {', '.join(exports[name])} }};\n}})();"
    )


def _word(name: str) -> str:
    return name.replace("-", "_")
