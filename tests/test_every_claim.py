"""Each popular claim that gradlab speaks of is carried by at least one scenario."""

import gradlab

CLAIMS = [
    f"{group}{number}"
    for group, count in {"L": 4, "E": 5, "C": 3, "S": 2, "V": 2, "J": 4, "T": 4}.items()
    for number in range(1, count + 1)
]


def test_every_claim_has_its_scenario():
    carried = {claim for name in gradlab.names() for claim in gradlab.load(name).claims}
    assert [claim for claim in CLAIMS if claim not in carried] == []


def test_no_scenario_carries_an_unknown_claim():
    carried = {name: gradlab.load(name).claims for name in gradlab.names()}
    further = {claim for claims in carried.values() for claim in claims if claim.startswith("M")}  # facts, not answers
    assert {name: c for name, c in carried.items() if not c or set(c) - set(CLAIMS) - further} == {}
