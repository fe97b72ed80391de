"""The pages of the site that are not notebooks or docs: Markdown, made from what there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from gradlab.lab.markdown import as_markdown
from gradlab.lab.questions import Question
from gradlab.site.compute import INFLUENCE
from gradlab.site.lessons import DONE, place
from gradlab.site.plan import Plan

PACKAGE = Path(__file__).parents[1]


def html(text: str) -> str:
    """HTML in a page of Markdown, as it stands."""
    return f"```{{raw}} html\n{text}\n```\n"


def toctree(entries: Iterable[str], caption: str = "", depth: int = 1, hidden: bool = False) -> str:
    """The list of pages that belong to this one, in the order of "previous" and "next"."""
    options = [f":maxdepth: {depth}", *([f":caption: {caption}"] if caption else []), *([":hidden:"] if hidden else [])]
    return "\n".join(["```{toctree}", *options, "", *entries, "```", ""])


HOME = "integer_cast"  # the panel of the first page, which asks about a cast to an integer
DOCTOR = "18_gradient_doctor"  # the lesson for those who have a None
RETURNED = {"Report", "LineGradients", "ThroughTime", "Reading", "Side"}  # nobody makes these by hand
TEACH = "docs/teaching.md"  # has a place of its own in the menu


def home(first: str, words: str, found: Mapping[str, Any], notebooks: Sequence[str]) -> str:
    """A panel, one question, and the ways from here."""
    start = f"notebooks/{notebooks[0]}.ipynb"
    ways = [
        (start, "Begin with the first lesson", "what a gradient can be, and a switch that breaks one"),
        ("notebooks/index.md", "All lessons", "one bug behind each switch, with a claim, a prediction and an exercise"),
        ("none.md", "I have a None", "three programs, and what the doctor says of them; then your own"),
        ("docs/decision_tree.md", "The decision tree", "from what you see to its cause, one question at a time"),
        ("questions.md", "Questions", "a self-test: code, one question, and what is wrong with each wrong answer"),
        ("docs/claims.md", "The table of claims", "what popular answers say, and what was measured"),
        ("scenarios/index.md", "All scenarios", "every panel on a page of its own, to link to"),
        (TEACH, "I teach", "plans for a class, links to a position, a projector, your own page, paper"),
    ]
    listed = [
        f"- [{title}]({path}): {what}" for path, title, what in ways if path in found or path in ("notebooks/index.md",)
    ]
    tree = [("notebooks/index", "Lessons"), ("none", "I have a None"), ("questions", "Questions"), ("scenarios/index", "Scenarios"), (TEACH.removesuffix(".md"), "I teach"), ("reference/index", "Reference"), ("docs/index", "Docs")]  # fmt: skip
    made = {p.rpartition(".")[0] for p in found} | {"notebooks/index", "docs/index"}
    entries = [f"{title} <{path}>" for path, title in tree if path in made]
    return "\n".join(
        [
            "# Break a gradient, and see what happens",
            "",
            "Which weights of this network still get a gradient when a value on the way to the loss is cast to an integer and back? "
            "Say what you expect, then flip the switch.",
            "",
            html(_early(first) + place(first, words)),
            "Nothing runs on a server, and nothing has to be installed: every position of every panel on this site was computed by "
            "TensorFlow when the site was made.",
            "",
            "## Where to go",
            "",
            *listed,
            "",
            toctree(entries, hidden=True),
        ]
    )


def lessons(notebooks: Sequence[str]) -> str:
    """The list of lessons."""
    return "\n".join(
        ["# Lessons", "", "The lessons build on each other; begin with the first.", "", toctree(notebooks)]
    )


def docs(found: Mapping[str, Any]) -> str:
    """The list of the pages on the tools and on the project."""
    names = [p for p in found if p.startswith("docs/") and p.endswith(".md") and p not in ("docs/index.md", TEACH)]
    tools = [p.removeprefix("docs/").removesuffix(".md") for p in names]
    rest = ["/" + p.removesuffix(".md") for p in ("examples/README.md", "benchmarks/jacobian.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md") if p in found]  # fmt: skip
    return "\n".join(["# Docs", "", toctree(tools, "The lab and its tools"), toctree(rest, "The project")])


def scenarios(names: Sequence[str]) -> str:
    """The list of scenarios."""
    text = (
        "Each scenario is one claim and one switch to test it with. The outcomes are not told here: flip the switches."
    )
    return "\n".join(["# Scenarios", "", text, "", toctree(names)])


def scenario(plan: Plan, words: str, notebook: str) -> str:
    """One panel on a page of its own, with its knobs in words."""
    title, claim = map(as_markdown, _literals(plan.name))
    knobs = [
        f"- `{knob['name']}`: {_span(axis['values'])}"
        + (f" ({len(axis['values'])} of {axis['of']} values on this page)" if len(axis["values"]) < axis["of"] else "")
        for knob, axis in zip(plan.knobs, plan.grid, strict=True)
    ]
    return "\n".join(
        [
            f"# {title}",
            "",
            *([f"**Claim.** *{claim}*", ""] if claim else []),
            html(_early(plan.name, "../") + place(plan.name, words, "../")),
            *(["**Knobs**", "", *knobs, ""] if knobs else []),
            *([f"The lesson about it: [](../notebooks/{notebook}.ipynb).", ""] if notebook else []),
            DONE,
        ]
    )


def _early(name: str, up: str = "") -> str:
    """Has a browser fetch the data of a panel, which is sure to be shown, while it still reads the page."""
    return f'<link rel="preload" as="script" href="{up}_static/panels/{name}.js">'


def _span(values: Sequence[Any]) -> str:
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return f"{values[0]:g} to {values[-1]:g}"
    return ", ".join(map(str, values))


def _literals(name: str) -> tuple[str, str]:
    """(title, claim) of a scenario, read from its file: importing it would load TensorFlow."""
    if name == INFLUENCE:
        return "How much does input s move state t?", ""
    tree = ast.parse((PACKAGE / "scenarios" / f"{name}.py").read_text(encoding="utf-8"))
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Scenario")
    given = {k.arg: k.value for call in calls for k in call.keywords}
    return tuple(ast.literal_eval(given[key]) if key in given else name for key in ("title", "claim"))  # type: ignore[return-value]


def none(reports: Mapping[str, tuple[str, str]], notebooks: Iterable[str] = ()) -> str:
    """For those who come with a None: examples of the doctor, and how to ask it about one's own program."""
    lesson = f" in [the lesson on the doctor](notebooks/{DOCTOR}.ipynb) and" if DOCTOR in notebooks else ""
    parts = [
        "# I have a None",
        "",
        "`tape.gradient` returns `None` for a variable when TensorFlow knows of no path from it to the loss. The doctor finds the line "
        "where the path ends. Below are three programs and what it says of each.",
        "",
        "## Your own program",
        "",
        "```bash\ngradlab explain your_script.py\n```",
        "",
        "The script runs unchanged. In a notebook: `%load_ext gradlab`, and `%%explain` as the first line of a cell. In code: "
        "`gradlab.explain(loss_fn, model)`. The page [Install](docs/install.md) says how to get the command. "
        + f"More{lesson} in the [limits](docs/limits.md).",
        "",
    ]
    for name, (program, report) in reports.items():
        title = name.replace("_", " ")
        parts += [f"## {title[0].upper()}{title[1:]}", "", f"```python\n{program.strip()}\n```", "", "The doctor says:", "", f"```text\n{report.strip()}\n```", ""]  # fmt: skip
    return "\n".join(parts)


def questions(found: Sequence[Question], names: set[str]) -> str:
    """The self-test. Each answer unfolds what is right or wrong about it; no script is needed."""
    parts = [
        "# Questions",
        "",
        "Read the code, choose an answer, and open it. Each wrong answer is something that people believe.",
        "",
    ]
    for question in found:
        parts += [
            f"## {as_markdown(question.title)}",
            "",
            f"```python\n{question.code}\n```",
            "",
            as_markdown(question.question),
            "",
        ]
        for letter, answer in question.lettered:
            said = "Right." if answer.right else "Not so."
            parts += [
                f'<details class="gradlab-answer"><summary>{letter}. {_inline(answer.text)}</summary>',
                "",
                f"**{said}** {as_markdown(answer.why)}",
                "",
                "</details>",
                "",
            ]
        if question.scenario in names:
            parts += [f"See it happen: [the panel](scenarios/{question.scenario}.md).", ""]
    return "\n".join([*parts, DONE])


def _inline(text: str) -> str:
    """A line of text with code in backticks as HTML."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split()), quote=False))


def reference(helps: Mapping[str, str]) -> dict[str, str]:
    """{path: page}: the public names from their docstrings, and the command line."""
    import gradlab

    names = sorted({*gradlab._WHERE, "Kind", "Reading", "Side", "Scenario", "names", "load"} - {"load_ipython_extension", "unload_ipython_extension"})  # fmt: skip # noqa: SLF001 (our own list of public names)
    groups = {
        "lab": ["start", "Panel", "names", "load", "compare", "picture", "side_by_side", "folded", "Votes", "catalogue", "other_keras", "Scenario", "Reading", "Side", "Kind"],
        "exercises": ["check_prediction", "check_repair", "check_break"],
        "doctor": ["explain", "Tape", "last_report", "Report", "assert_gradients"],
        "gradients": ["line_gradients", "LineGradients", "jacobian", "through_time", "ThroughTime", "Watch"],
    }  # fmt: skip
    titles = {"lab": "The lab", "exercises": "Exercises", "doctor": "The doctor", "gradients": "Line gradients, Jacobians, through time, Watch", "more": "More"}  # fmt: skip
    groups["more"] = [name for name in names if not any(name in group for group in groups.values())]
    made = {}
    for key, members in groups.items():
        if members:
            made[f"reference/{key}.md"] = "\n".join([f"# {titles[key]}", "", *(_api(name) for name in members)])
    made["reference/command_line.md"] = command_line(helps)
    made["reference/index.md"] = "\n".join(
        ["# Reference", "", toctree([*(p.removeprefix("reference/").removesuffix(".md") for p in made)])]
    )
    return made


def _api(name: str) -> str:
    kind = "class" if name[0].isupper() else "function"
    options = "\n   :members:" if kind == "class" else ""
    made = "()" if name in RETURNED else ""
    return f"```{{eval-rst}}\n.. auto{kind}:: gradlab.{name}{made}{options}\n```\n"


def command_line(helps: Mapping[str, str]) -> str:
    """What each command says of itself with --help."""
    parts = ["# The command line", ""]
    for name, text in helps.items():
        parts += [f"## gradlab {name}", "", "```text", text.strip(), "```", ""]
    return "\n".join(parts)
