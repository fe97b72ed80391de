from pathlib import Path

import numpy as np
import pytest

import gradlab
from gradlab.authoring.catalogue import with_table
from gradlab.lab.heat_data import limits, pack
from gradlab.lab.heatmap import describe, draw, picture
from gradlab.lab.reading import Kind, Reading, Side


def reading(kind, values, shape=(2, 3), name="w"):
    return Reading(name, kind, None if values is None else np.asarray(values, float), shape)


OK = reading(Kind.OK, [[1e-3, 1, 0], [2, 3, 4]])
ABSENT = [reading(k, None) for k in (Kind.NONE, Kind.MISSING, Kind.RAISES)]


def test_one_scale_serves_all_positions():
    small = Side((reading(Kind.OK, [[1e-2, 1e-2, 1e-2]], (1, 3)),))
    assert limits([Side((OK,)), small]) == limits([small, Side((OK,))])
    assert limits([Side((OK,)), small])[1] == np.log10(4)


def test_the_scale_spans_two_decades_at_least_and_eight_at_most():
    assert limits([Side((reading(Kind.OK, [[1.0]], (1, 1)),))]) == (-2.0, 0.0)
    low, high = limits([Side((reading(Kind.OK, [[1e-30, 1.0]], (1, 2)),))])
    assert (low, high) == (-8.0, 0.0)
    assert limits([Side(tuple(ABSENT))]) == (-2.0, 0.0)


def test_every_kind_is_drawn_in_its_own_hatch_and_an_absent_one_never_coloured():
    for kind in (Kind.NONE, Kind.MISSING, Kind.RAISES, Kind.WRONG):
        values = np.ones((2, 3)) if kind is Kind.WRONG else None
        axes = draw(["off"], [Side((reading(kind, values),))]).axes[0]
        assert [p.get_hatch() for p in axes.patches] == [kind.hatch]
        assert bool(axes.images) == (kind is Kind.WRONG)
    zeros = draw(["off"], [Side((reading(Kind.ZERO, np.zeros((2, 3))),))]).axes[0]
    assert [p.get_facecolor()[:3] for p in zeros.patches] == [(0, 0, 0)] * 6
    bad = draw(["off"], [Side((reading(Kind.NOT_FINITE, [[np.nan, 1.0]], (1, 2)),))]).axes[0]
    assert [p.get_hatch() for p in bad.patches] == ["xx"]


def test_a_time_axis_is_not_taken_for_colours():
    axes = draw(["off"], [Side((reading(Kind.OK, np.ones((1, 5, 3)), (1, 5, 3)),))]).axes[0]
    assert axes.images[0].get_array().shape == (5, 3)


def test_the_picture_has_its_words():
    side = Side((OK, *ABSENT[:1]))
    shown = picture(["off"], [side])
    assert shown.png[:4] == b"\x89PNG"
    assert repr(shown) == describe(["off"], [side])
    assert "None: no path" in repr(shown)


def test_offsets_lead_to_the_numbers():
    scene, data = pack(["off", "on"], [Side((OK,)), Side((ABSENT[0],))])
    off, on = scene["tiles"][0]["entries"]
    assert np.frombuffer(data, "<f4")[off["offset"] :].tolist() == OK.values.astype("f4").ravel().tolist()
    assert (on["offset"], on["rows"], on["columns"]) == (-1, 2, 3)


def test_a_source_that_one_position_lacks_is_missing_there():
    scene, _ = pack(["off", "on"], [Side((OK,)), Side(())])
    assert scene["tiles"][0]["entries"][1]["kind"] == "missing"


def test_the_live_colours_are_those_of_the_printed_picture():
    import matplotlib

    from gradlab.panel.heat import colour_bytes

    rgb = np.frombuffer(colour_bytes(), np.uint8).reshape(256, 3)
    assert np.abs(rgb / 255 - matplotlib.colormaps["viridis"](np.arange(256))[:, :3]).max() < 1 / 255


ROOT = Path(__file__).parents[1]


def test_the_catalogue_lists_every_scenario_and_where_it_is_shown():
    table = gradlab.catalogue(ROOT / "notebooks")
    assert {row[0].strip("`") for row in table.rows} == set(gradlab.names())
    assert all(".ipynb" in row[3] for row in table.rows)


def test_the_page_of_scenarios_lists_every_scenario_as_it_is_now():
    text = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    table = gradlab.catalogue(ROOT / "notebooks", link="../notebooks/", effects=True).markdown
    assert with_table(text, table) == text, "run `make notebooks`"


def test_a_file_without_the_markers_is_refused():
    with pytest.raises(ValueError, match="not found"):
        with_table("# A page", "table")
