"""Pictures are valid and not empty, a page needs no network, and errors name the file."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analysis.composition import (
    AUGMENTED_BOTTLENECK,
    LABELS,
    attention_share,
    kinds_among,
    kinds_by_stage,
    share_title,
)
from analysis.curves_plot import plot_curves_png
from analysis.front.drawn import drawn
from analysis.front.page import plot_front_html
from analysis.front.picture import plot_front_png
from analysis.front.queries import knee
from analysis.front.section import Front
from analysis.plot_style import (
    MARKINGS,
    PALETTE,
    kind_colours,
    log_limits,
    log_ticks,
    marking_of,
)
from nas.quantities import format_quantity
from nas.storage.candidates import Candidate, pareto_front
from search_space.zoo import network
from tests.analysis.invented import TASK, candidate, invented, search_of
from tests.analysis.page_content import content_of

pytestmark = pytest.mark.many_cases

Y = "val_accuracy"
Plot = Callable[..., None]


def front_page(
    path: Path,
    candidates: list[Candidate],
    members: list[Candidate],
    *,
    x: str,
    y: str,
    knee: Candidate | None,
    title: str,
) -> None:
    plot_front_html(path, Front(candidates, members, x, y, knee, TASK), title=title)


PLOTS: list[Plot] = [plot_front_png, front_page]

CURVE: list[dict[str, Any]] = [
    {"epoch": 1, "val_accuracy": None, "train_accuracy": 0.3},
    {"epoch": 2, "val_accuracy": 0.6, "train_accuracy": 0.5},
    {"epoch": 3, "val_accuracy": 0.7, "train_accuracy": 0.65},
]


def draw(
    plot: Plot, path: Path, candidates: list[Candidate], x: str = "params", title: str = "a run"
) -> list[Candidate]:
    """Draw ``found`` and return its front."""
    members = pareto_front(candidates, [Y, x])
    plot(path, candidates, members, x=x, y=Y, knee=knee(members, x, Y), title=title)
    return members


def check_png(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.width >= 1000
        assert image.height >= 600
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    assert colours is not None
    assert len(colours) > 20
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize("x", ["params", "macs", "activations", "latency_ms"])
def test_front_png(tmp_path: Path, x: str) -> None:
    draw(plot_front_png, tmp_path / "front.png", list(search_of(50)), x)
    check_png(tmp_path / "front.png")
    assert [path.name for path in tmp_path.iterdir()] == ["front.png"]  # nothing temporary


@pytest.mark.parametrize("plot", PLOTS)
def test_the_mix_of_every_member_is_shown(tmp_path: Path, plot: Plot) -> None:
    """A bar a stage for each member, in the colours of its blocks' kinds, and a mark by share."""
    candidates = list(search_of(50))
    members = draw(plot, tmp_path / "front", candidates)
    kinds = kind_colours(kinds_among(members))
    colours = {*kinds.values()}
    colours |= {marking_of(member.architecture).colour for member in members}
    if plot is plot_front_png:
        with Image.open(tmp_path / "front") as image:
            drawn_in = {rgb for _, rgb in image.convert("RGB").getcolors(1 << 20) or []}
        assert {tuple(bytes.fromhex(colour[1:])) for colour in colours} <= drawn_in
        return
    page = (tmp_path / "front").read_text()
    assert all(colour in page for colour in colours)
    blocks = sum(len(member.architecture.primitive_types()) for member in members)
    assert page.count('<i style="background:') == blocks + len(kinds)


def test_front_html_is_self_contained(tmp_path: Path) -> None:
    candidates = list(search_of(50))
    draw(front_page, tmp_path / "front.html", candidates, title="<b>5 & 6</b>")
    page = (tmp_path / "front.html").read_text()
    assert {c.arch_id for c in candidates} == content_of(page)["cards"].keys()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)\s*=\s*"(?!data:)', page)
    assert "default-src 'none'" in page
    assert len(page) < 2_200_000
    assert "<title>&lt;b&gt;5 &amp; 6&lt;/b&gt;</title>" in page


def test_hover_shows_the_architecture_and_its_metrics(tmp_path: Path) -> None:
    metrics = {"macs": 1_234_567.0, "latency_ms": 1.25}
    candidates = [
        candidate(0, 0.91, 4321.0, n=4, deviation=0.01, **metrics),
        candidate(1, 0.8, 99.0),
    ]
    draw(front_page, tmp_path / "front.html", candidates)
    page = (tmp_path / "front.html").read_text()
    cards = content_of(page)["cards"]
    first, second = (cards[each.arch_id] for each in candidates)
    assert first["parts"] == str(candidates[0].architecture).split(" | ")
    assert {fact["label"]: fact["text"] for fact in first["facts"]} == {
        "validation": "91.00% ± 0.50 (n=4)",
        "as found": "91.00%",
        "parameters": "4.32k",
        "MACs": "1.23M",
        "latency": "1.25 ms",
    }
    assert second["facts"][0]["text"] == "80.00% as found"
    assert first["drawing"].startswith("<svg")


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize(
    "candidates",
    [
        [candidate(0, 0.5, 1000.0)],
        [candidate(0, 0.5, 1000.0), candidate(1, 0.5, 1000.0)],
        [candidate(0, 0.5, 1000.0), candidate(1, 0.6, 1001.0), candidate(2, 0.6001, 1001.5)],
        [candidate(0, 0.0, 1.0), candidate(1, 1.0, 1e12, n=3, deviation=0.1)],
        [candidate(0, 0.5, 1000.0), candidate(1, 0.6), candidate(2, macs=3.0)],
    ],
    ids=["one", "equal", "close", "far", "unmeasured"],
)
def test_fronts_of_any_extent(tmp_path: Path, plot: Plot, candidates: list[Candidate]) -> None:
    draw(plot, tmp_path / "front", candidates)
    assert (tmp_path / "front").stat().st_size > 10_000


@pytest.mark.parametrize("plot", PLOTS)
def test_nothing_to_draw(tmp_path: Path, plot: Plot) -> None:
    arguments: dict[str, Any] = {"y": Y, "knee": None, "title": ""}
    with pytest.raises(ValueError, match="no candidate has both macs and val_accuracy"):
        plot(tmp_path / "f", [candidate(0, 0.5, 10.0)], [], x="macs", **arguments)
    with pytest.raises(ValueError, match="unknown cost 'mac'; did you mean 'macs'"):
        plot(tmp_path / "f", [], [], x="mac", **arguments)
    assert not list(tmp_path.iterdir())


def test_what_lies_far_below_does_not_take_the_picture(tmp_path: Path) -> None:
    candidates = list(search_of(50))
    members = pareto_front(candidates, [Y, "params"])
    assert drawn(candidates, members, "params", Y).below == []
    others = [c for c in candidates if c not in members]
    failed = [replace(c, metrics={**c.metrics, Y: 0.1 + i / 100}) for i, c in enumerate(others[:2])]
    candidates = [*members, *others[2:], *failed]
    picture = drawn(candidates, members, "params", Y)
    assert {c.arch_id for c in picture.below} == {c.arch_id for c in failed}
    assert picture.note_on_below == "2 candidates far below, down to 10.0%"
    assert picture.limits_y(margin=0)[0] > 0.5
    for plot, name in zip(PLOTS, ("front.png", "front.html"), strict=True):
        draw(plot, tmp_path / name, candidates)
    assert picture.note_on_below in (tmp_path / "front.html").read_text()
    check_png(tmp_path / "front.png")


def test_the_front_is_drawn_however_low() -> None:
    candidates = [candidate(i, 0.9 + i / 1000, 1000.0 + i) for i in range(8)]
    low = candidate(9, 0.1, 10.0)
    assert drawn([*candidates, low], [low, *candidates], "params", Y).below == []


def test_a_single_accuracy_is_in_the_middle_of_its_axis() -> None:
    low, high = drawn([candidate(0, 0.5, 10.0)], [], "params", Y).limits_y(margin=0.1)
    assert (low, high) == (pytest.approx(0.49), pytest.approx(0.51))
    member = candidate(0, 0.5, 10.0, n=4, deviation=0.4)
    low, high = drawn([member], [member], "params", Y).limits_y(margin=0.1)
    assert (low, high) == (pytest.approx(0.26), pytest.approx(0.74))


def test_curves_png(tmp_path: Path) -> None:
    path = tmp_path / "curves.png"
    plot_curves_png(path, {"one (seed 0)": CURVE, "two (seed 1)": CURVE[:1], "none": []})
    check_png(path)
    plot_curves_png(path, {str(i): CURVE for i in range(12)})  # more than there are colours
    check_png(path)
    plot_curves_png(path, {})
    check_png(path)


WRITERS: list[Callable[[Path], Any]] = [
    lambda path: draw(plot_front_png, path, list(search_of(5))),
    lambda path: draw(front_page, path, list(search_of(5))),
    lambda path: plot_curves_png(path, {"one": CURVE}),
]


@pytest.mark.parametrize("write", WRITERS)
def test_a_missing_folder_or_a_folder_in_the_way_is_named(
    tmp_path: Path, write: Callable[[Path], Any]
) -> None:
    missing = tmp_path / "nowhere" / "front"
    with pytest.raises(FileNotFoundError) as caught:
        write(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(IsADirectoryError) as in_the_way:
        write(tmp_path)
    assert in_the_way.value.filename == str(tmp_path)


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_one_error_and_leaves_the_old_file(
    tmp_path: Path, write: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "front"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(path)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (7.2e3, 66e3, "10k 20k 30k 50k"),
        (3.8e3, 1.6e6, "5k 10k 20k 50k 100k 200k 500k 1M"),
        (500, 2e9, "1k 10k 100k 1M 10M 100M 1G"),
        (0.18, 0.97, "0.2 0.3 0.5 0.7"),
        (16.7e3, 25.1e3, "18k 20k 22k 24k"),
    ],
)
def test_log_ticks_are_round(low: float, high: float, labels: str) -> None:
    assert " ".join(format_quantity(tick) for tick in log_ticks(low, high)) == labels


def test_log_axes_of_any_extent_have_distinct_labels() -> None:
    for power in range(-3, 12):
        for ratio in (1, 1.001, 1.3, 2, 7, 30, 1e3, 1e6, 1e11):
            low, high = log_limits([10.0**power, ratio * 10.0**power])
            assert low < 10.0**power <= ratio * 10.0**power < high
            ticks = log_ticks(low, high)
            assert 2 <= len(ticks) <= 8, (power, ratio)
            assert all(low <= tick <= high for tick in ticks)
            assert len({format_quantity(tick) for tick in ticks}) == len(ticks)


def test_what_is_drawn_follows_the_share_of_attention_not_the_most_frequent_type() -> None:
    """The most frequent type may be convolution in a network with as much attention."""
    half = network("aa_resnet50")  # the first stage is plain
    assert {kind for stage in kinds_by_stage(half) for kind in stage} == {"conv", "augmented_conv"}
    assert 0 < attention_share(half) < 1
    shares = {network(name).arch_id: attention_share(network(name)) for name in NAMES}
    assert list(shares.values()) == [0.0, 1.0]
    labels = [marking_of(network(name)).label for name in (*NAMES, "aa_resnet50")]
    assert labels == ["none", "all", "more than half"]


NAMES = ("resnet50", "sasa_resnet50")


def test_an_augmented_bottleneck_counts_as_attention() -> None:
    kinds = {kind for stage in kinds_by_stage(network("aa_mnasnet_100")) for kind in stage}
    assert AUGMENTED_BOTTLENECK in kinds
    assert attention_share(network("mnasnet_100")) == 0 < attention_share(network("aa_mnasnet_100"))


def test_a_kind_keeps_its_colour_whatever_else_is_drawn() -> None:
    everything = kind_colours([*LABELS, "mine:Own"])
    for kind, colour in everything.items():
        assert kind == "mine:Own" or kind_colours([kind]) == {kind: colour}
    assert len({everything[kind] for kind in LABELS}) == len(LABELS)
    assert len({marking.colour for marking in MARKINGS}) == len(MARKINGS)
    assert len({marking.marker for marking in MARKINGS}) == len(MARKINGS)
    assert len(set(PALETTE)) == len(PALETTE)
    assert share_title(search_of(3)) == "blocks with attention"


def test_a_page_is_made_for_a_phone(tmp_path: Path) -> None:
    draw(front_page, tmp_path / "front.html", list(search_of(50)))
    page = (tmp_path / "front.html").read_text()
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page


def test_nothing_is_drawn_above_all_right() -> None:
    """No blank band over 100 %: only so much that a mark there is whole."""
    candidates = [candidate(0, 0.3, 10.0), candidate(1, 1.0, 20.0, n=2, deviation=0.2)]
    low, high = drawn(candidates, candidates, "params", Y).limits_y(margin=0.06)
    assert low < 0.3
    assert 1 < high < 1.03


def test_stairs_leave_out_what_fresh_values_dominate_and_keep_its_mark(tmp_path: Path) -> None:
    members = [
        invented(c.architecture, c.metrics, n=2, deviation=0.01, as_found=0.95)
        for c in (candidate(0, 0.8, 10.0), candidate(1, 0.7, 20.0), candidate(2, 0.9, 30.0))
    ]
    picture = drawn(members, members, "params", Y)
    assert [m.arch_id for m in picture.staircase] == [members[0].arch_id, members[2].arch_id]
    assert picture.front == members
    assert [accuracy for _, accuracy in picture.as_found] == [0.95] * 3
    for plot, name in zip(PLOTS, ("front.png", "front.html"), strict=True):
        plot(tmp_path / name, members, members, x="params", y=Y, knee=None, title="a run")
    page = (tmp_path / "front.html").read_text()
    assert "a member as found by the search" in page
    facts = content_of(page)["cards"][members[0].arch_id]["facts"]
    assert ("as found", "95.00%") in [(fact["label"], fact["text"]) for fact in facts]
