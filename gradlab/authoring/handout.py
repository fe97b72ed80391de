"""Questions on paper: what a teacher prints, and the key to it.

- `handout`: some questions as one Markdown page, with the code, the classes that it uses, and the answers by letter.
- `key`: the right answers to the same questions, and what is wrong with each other answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradlab.lab.markdown import as_markdown
from gradlab.lab.questions import Question, all_questions, load_question

SWITCH = "*With the switch on, `bug` is True; with the switch off, it is False.*"


def handout(names: Sequence[str] = ()) -> str:
    """The questions of these names, or all, as Markdown. Raises LookupError for a name that is none.

    >>> print(handout(["two_targets"]).splitlines()[2])
    ## 1. A list of losses
    """
    parts = ["# Questions on gradients\n"]
    for number, question in enumerate(_chosen(names), 1):
        answers = "\n".join(f"- [ ] **{letter}.** {as_markdown(answer.text)}" for letter, answer in question.lettered)
        before = f"It is given what this function makes:\n\n{_block(question.setup)}" if question.setup else ""
        switch = f"{SWITCH}\n\n" if question.scenario else ""
        parts.append(
            f"## {number}. {as_markdown(question.title)}\n\n{_block(question.code)}{before}{switch}{as_markdown(question.question)}\n\n{answers}\n"
        )
    return "\n".join(parts)


def key(names: Sequence[str] = ()) -> str:
    """The key to `handout(names)`, in the same order.

    >>> print(key(["two_targets"]).splitlines()[2])
    ## 1. A list of losses: B
    """
    parts = ["# Key\n"]
    for number, question in enumerate(_chosen(names), 1):
        reasons = "\n".join(f"- **{letter}.** {as_markdown(answer.why)}" for letter, answer in question.lettered)
        right = next(answer.text for answer in question.answers if answer.right)
        parts.append(
            f"## {number}. {as_markdown(question.title)}: {question.right}\n\n**{question.right}.** {as_markdown(right)}\n\n{reasons}\n"
        )
    return "\n".join(parts)


def _block(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```\n\n"


def _chosen(names: Sequence[str]) -> list[Question]:
    return [load_question(name) for name in names] if names else list(all_questions())
