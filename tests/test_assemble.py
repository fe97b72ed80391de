"""The panel's modules, joined into the one that a widget takes."""

import pytest

from gradlab.panel.assemble import FOLDER, module


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text)
    return folder


def test_what_is_imported_comes_first_and_once(tmp_path):
    folder = write(
        tmp_path,
        a='import { b } from "./b.js";\nimport { c } from "./c.js";\nexport function render() { return b() + c(); }\n',
        b='import { c } from "./c.js";\nconst SAME = 1;\nexport function b() { return SAME + c(); }\n',
        c="const SAME = 2;\nexport function c() { return SAME; }\n",
    )
    text = module("a", folder)
    assert [text.count(f"// {name}.js") for name in "abc"] == [1, 1, 1]
    assert text.index("// c.js") < text.index("// b.js") < text.index("// a.js")
    assert "import " not in text and text.count("export ") == 1
    assert text.endswith("export default { render: $a.render };\n")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": 'import { a } from "./a.js";\nexport function render() {}\n'}, "a -> a"),
        ({"a": 'import * as b from "./b.js";\nexport function render() {}\n', "b": ""}, r"import \* as b"),
        ({"a": 'import { x } from "./b.js";\nexport function render() {}\n', "b": ""}, "exports no such name"),
        ({"a": "function render() {}\n"}, "expected a function `render`"),
        ({"a": "export let render = 1;\n"}, "can't be joined|expected a function"),
    ],
)
def test_what_can_not_be_joined_is_refused(tmp_path, files, message):
    with pytest.raises(ValueError, match=message):
        module("a", write(tmp_path, **files))


def test_every_module_is_used_and_short():
    text = module()
    for path in FOLDER.glob("*.js"):
        assert f"// {path.name}\n" in text or path.name == "types.js", "nothing imports it"
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 250
