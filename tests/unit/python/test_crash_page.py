"""The page on crashes: labels of its figure that can be read, tables whole, bad inputs refused in a sentence."""

from __future__ import annotations

from itertools import combinations

import pytest

from benchmarks import crash, crash_page, figures
from tests.architecture.sources import ROOT


def boxes(axis, labels):
    renderer = axis.figure.canvas.get_renderer()
    found = [label.get_window_extent(renderer) for label in labels]
    return [(b.x0, b.y0, b.x1, b.y1) for b in found]


def assert_readable(axis, labels, points):
    placed = boxes(axis, labels)
    for one, other in combinations(placed, 2):
        assert not figures.overlap(one, other)
    for _, x, y, _ in points:
        px, py = axis.transData.transform((x, y))
        assert not any(figures.overlap(box, (px - 4, py - 4, px + 4, py + 4)) for box in placed)
    frame = axis.get_window_extent()
    assert all(frame.x0 <= b[0] and b[2] <= frame.x1 and frame.y0 <= b[1] and b[3] <= frame.y1 for b in placed)


def test_spread_labels__crowded_points__none_over_another():
    drawn, axes = figures.grid(1, 1)
    axis = axes[0][0]
    axis.set_xlim(0, 30)
    axis.set_yscale("log")
    axis.set_ylim(1e-4, 1e3)
    points = [(f"a long name {i}", 8 + 0.4 * (i % 4), 1e-3 * (1 + i // 4), i % 3 == 0) for i in range(12)]
    drawn.tight_layout()
    assert_readable(axis, figures.spread_labels(axis, points), points)


def test_figure__of_the_last_run__labels_do_not_overlap():
    found = crash_page.results()
    drawn, panels = crash_page.draw(found)
    assert len(panels) == len(crash_page.LATENCIES)
    for axis, labels in zip(drawn.axes, panels, strict=True):
        assert len(labels) == len(crash_page.known_rules(found)) >= 9
        points = [("", *offset, False) for drawn_ in axis.collections for offset in drawn_.get_offsets()]
        assert_readable(axis, labels, points)
        # a line to a far name crosses no other name
        for line in (one for one in axis.lines if one.get_linestyle() == "-"):
            (x0, y0), (x1, y1) = axis.transData.transform(line.get_xydata())
            steps = [(x0 + (x1 - x0) * i / 50, y0 + (y1 - y0) * i / 50) for i in range(50)]
            assert not any(b[0] < x < b[2] and b[1] < y < b[3] for b in boxes(axis, labels) for x, y in steps)


def test_page__of_the_last_run__is_the_one_in_docs():
    found = crash_page.results()
    assert crash_page.page(found) == (ROOT / "docs" / "crashes.md").read_text()
    assert {asset for asset, _ in crash_page.windows(found)} == {"eth", "btc"}
    assert all(crash_page.idle_share(found, rule) is not None for rule in crash_page.known_rules(found))


@pytest.mark.parametrize("text", ["", "[]", '{"runs"', "{}"])
def test_crash__numbers_that_are_none__a_sentence_and_nothing_written(tmp_path, monkeypatch, text):
    file = tmp_path / "numbers.json"
    file.write_text(text)
    kept = (ROOT / "docs" / "crashes.md").read_bytes()
    monkeypatch.setattr("sys.argv", ["crash", "--from", str(file), "--docs"])
    with pytest.raises(SystemExit, match="holds no numbers of an earlier run"):
        crash.main()
    assert (ROOT / "docs" / "crashes.md").read_bytes() == kept


@pytest.mark.parametrize("option", ["--vaults", "--odd", "--weeks", "--deviation"])
def test_crash__nothing_to_play__a_sentence(monkeypatch, option):
    monkeypatch.setattr("sys.argv", ["crash", option, "0"])
    with pytest.raises(SystemExit, match="must be at least 1"):
        crash.main()


def test_crash__unknown_rule__usage_error(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["crash", "--rules", "SPAN"])
    with pytest.raises(SystemExit):
        crash.main()
    assert "invalid choice: 'SPAN'" in capsys.readouterr().err
