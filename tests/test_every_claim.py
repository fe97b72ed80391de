"""Each popular claim that gradlab speaks of is carried by at least one scenario."""

import gradlab
from gradlab.claims.sources import CLAIMS


def test_every_claim_has_its_scenario():
    carried = {claim for name in gradlab.names() for claim in gradlab.load(name).claims}
    assert [claim for claim in CLAIMS if claim not in carried] == []


def test_no_scenario_carries_an_unknown_claim():
    carried = {name: gradlab.load(name).claims for name in gradlab.names()}
    assert {name: c for name, c in carried.items() if not c or set(c) - set(CLAIMS)} == {}
