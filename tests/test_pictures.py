from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import sampled

import gradlab
from gradlab.authoring.catalogue import with_table
from gradlab.lab.heatmap import describe, draw, picture
from gradlab.lab.reading import Kind, Reading, Side
from gradlab.lab.scale import Scale, fitted, scale_of
from gradlab.panel.scene import compared, pack


def reading(kind, values, shape=(2, 3), name="w"):
    return Reading(name, kind, None if values is None else np.asarray(values, float), shape)


OK = reading(Kind.OK, [[1e-3, 1, 0], [2, 3, 4]])
ABSENT = [reading(k, None) for k in (Kind.NONE, Kind.MISSING, Kind.RAISES)]


def test_a_fitted_scale_serves_all_positions_and_has_whole_decades():
    small = Side((reading(Kind.OK, [[1e-2, 1e-2, 1e-2]], (1, 3)),))
    assert fitted([Side((OK,)), small]) == fitted([small, Side((OK,))]) == Scale(-3.0, 1.0)
    assert fitted([Side((reading(Kind.OK, [[1.0]], (1, 1)),))]) == Scale(-2.0, 0.0)
    assert fitted([Side((reading(Kind.OK, [[1e-30, 1.0]], (1, 2)),))]) == Scale(-8.0, 0.0)
    assert fitted([Side(tuple(ABSENT))]) == Scale(-2.0, 0.0)


@pytest.mark.parametrize("name", sampled(gradlab.names(), 2))
def test_the_scale_of_a_scenario_holds_what_it_shows(name):
    scale = scale_of(gradlab.load(name))
    sizes = np.concatenate(
        [np.abs(r.values).ravel() for s in gradlab.compare(name) for r in s.readings if r.values is not None]
    )
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    inside = (np.log10(sizes) >= scale.low) & (np.log10(sizes) <= scale.high)
    assert inside.mean() > 0.9, "most values are off the scale: give the scenario a `scale` of its own"
    assert np.log10(sizes.max()) <= scale.high


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.0, 1.0), (1e2, 1e-2)])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(ValueError, match="integer_cast"):
        scale_of(replace(gradlab.load("integer_cast"), scale=scale))


def test_every_kind_is_drawn_in_its_own_hatch_and_an_absent_one_never_coloured():
    for kind in (Kind.NONE, Kind.MISSING, Kind.RAISES, Kind.WRONG):
        values = np.ones((2, 3)) if kind is Kind.WRONG else None
        axes = draw(["off"], [Side((reading(kind, values),))]).axes[0]
        assert [p.get_hatch() for p in axes.patches] == [kind.hatch]
        assert bool(axes.images) == (kind is Kind.WRONG)
    values = [[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]]
    zeros = draw(["off"], [Side((reading(Kind.OK, values),))]).axes[0].patches
    assert [p.get_facecolor()[:3] for p in zeros] == [(0, 0, 0)], "one patch for all zeros, however many"
    for (r, c), v in np.ndenumerate(values):
        assert zeros[0].get_path().contains_point((c + 0.5, r + 0.5)) == (v == 0)
    bad = draw(["off"], [Side((reading(Kind.NOT_FINITE, [[np.nan, 1.0]], (1, 2)),))]).axes[0].patches
    assert [p.get_hatch() for p in bad] == ["xx"]
    assert bad[0].get_path().contains_point((0.5, 0.5)) and not bad[0].get_path().contains_point((1.5, 0.5))


def test_many_zeros_are_one_patch():
    axes = draw(["off"], [Side((reading(Kind.ZERO, np.zeros((300, 300)), (300, 300)),))]).axes[0]
    assert len(axes.patches) == 1 and len(axes.patches[0].get_path().vertices) <= 5 * 300


HOSTILE = [
    "$\\partial L$ to $\\vec$",
    "<img src=x onerror=alert(1)>",
    '" onfocus="x',
    "a\x00b",
    "名前 🙂",
    "x" * 10_000,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_makes_the_picture_fail(name):
    side = Side((reading(Kind.OK, [[1.0]], (1, 1), name), reading(Kind.NONE, None, name=name + "2")))
    assert picture([name, name], [side, side]).png[:4] == b"\x89PNG"


def test_a_time_axis_is_not_taken_for_colours():
    axes = draw(["off"], [Side((reading(Kind.OK, np.ones((1, 5, 3)), (1, 5, 3)),))]).axes[0]
    assert axes.images[0].get_array().shape == (5, 3)


def test_the_picture_has_its_words():
    side = Side((OK, *ABSENT[:1]))
    shown = picture(["off"], [side])
    assert shown.png[:4] == b"\x89PNG"
    assert repr(shown) == describe(["off"], [side])
    assert "None: no path" in repr(shown)


def test_offsets_lead_to_the_numbers_after_the_stamp():
    scene, data = pack([Side((OK,)), Side((ABSENT[0],))], stamp=7)
    off, on = scene["tiles"][0]["entries"]
    flat = np.frombuffer(data, "<f4")
    assert flat[0] == scene["stamp"] == 7 and len(flat) == scene["length"] + 1
    assert flat[1:][off["offset"] :].tolist() == OK.values.astype("f4").ravel().tolist()
    assert (on["offset"], on["rows"], on["columns"]) == (-1, 2, 3)


def test_a_source_that_one_position_lacks_is_missing_there():
    scene, _ = pack([Side((OK,)), Side(())])
    assert scene["tiles"][0]["entries"][1]["kind"] == "missing"


def test_a_jacobian_is_a_block_for_each_time_step_at_both_positions():
    full = np.arange(1, 1 + 2 * 4 * 3, dtype=float).reshape(1, 3, 4, 2)  # batch, unit, time, input
    sides = [Side((reading(Kind.OK, full, full.shape),)), Side((reading(Kind.WRONG, full.sum(1), (1, 4, 2)),))]
    scene, data = pack(sides, {"w": ("batch", "unit", "time", "input")})
    off, on = scene["tiles"][0]["entries"]
    assert (off["blocks"], off["rows"], off["columns"], off["summed"]) == (4, 12, 2, False)
    assert (on["blocks"], on["rows"], on["columns"], on["summed"]) == (4, 4, 2, True)
    flat = np.frombuffer(data, "<f4")[1:]
    rows = flat[off["offset"] :][: 12 * 2].reshape(4, 3, 2)  # time, unit, input
    assert np.array_equal(rows, full[0].transpose(1, 0, 2))
    assert np.array_equal(flat[on["offset"] :].reshape(4, 2), rows.sum(1))


def test_a_wrong_gradient_is_held_against_the_right_one():
    right = reading(Kind.OK, [[3.0, 4.0]], (1, 2))
    assert compared(reading(Kind.WRONG, [[-3.0, -4.0]], (1, 2)), right).startswith(
        "1.00 times as large as the right one, cosine -1.00"
    )
    assert compared(reading(Kind.OK, [[3.0, 4.0]], (1, 2)), right) == ""
    assert "1×3" in compared(reading(Kind.WRONG, [[1.0, 1.0, 1.0]], (1, 3)), right)


def test_the_live_colours_are_those_of_the_printed_picture():
    import matplotlib

    from gradlab.panel.view import colour_bytes

    sizes, signs = np.frombuffer(colour_bytes(), np.uint8).reshape(2, 256, 3)
    assert np.abs(sizes / 255 - matplotlib.colormaps["viridis"](np.arange(256))[:, :3]).max() < 1 / 255
    assert np.abs(signs / 255 - matplotlib.colormaps["RdBu_r"](np.arange(256))[:, :3]).max() < 1 / 255


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
