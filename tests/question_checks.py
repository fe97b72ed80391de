"""Whether an answer of a question holds in a run."""

from kerases import HERE

from gradlab.lab.reading import Kind


def holds(answer, space):
    said = answer.means
    if isinstance(said, dict) and set(said) == {2, 3}:
        said = said[HERE]
    if said is None:
        return bool(eval(answer.measured, space))
    kinds = {name: kind.value for name, kind in space["on"].kinds.items()}
    if isinstance(said, str):
        said = dict.fromkeys(kinds, said)
    assert set(said) <= set(kinds) and set(said.values()) <= {k.value for k in Kind}, (said, kinds)
    agrees = all(kinds[name] == word for name, word in said.items())
    return agrees and (not answer.measured or bool(eval(answer.measured, space)))
