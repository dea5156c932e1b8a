"""Traces as pictures and tables, and the papers' rows beside them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from analysis.paper_tables.catalogue import CATALOGUE
from analysis.paper_tables.printed_tables import printed_table
from analysis.trace.page import plot_trace_html
from analysis.trace.picture import plot_trace_png
from analysis.trace.points import PublishedPoint, TracePoint, TraceResult, trainings_text
from analysis.trace.published import check_published, published_points, source_of
from analysis.trace.tables import trace_csv, trace_markdown

POINTS = (
    TracePoint("plain", "b", "2", "two", {"params": 2e6, "macs": 3e8}, (0.7, 0.72)),
    TracePoint("plain", "a", "1", "one | a bar", {"params": 1e6, "macs": 1e8}, (0.6,)),
    TracePoint("other", "c", "3", "three", {"params": 3e6, "macs": 2e8}, (0.8, 0.8, 0.8)),
)
RESULT = TraceResult(
    "small networks",
    "test_accuracy",
    "test accuracy (top-1)",
    ("params", "macs"),
    "",
    ("plain", "other"),
    POINTS,
    (PublishedPoint("plain", "A row", {"params": 1.1e6}, 0.65),),
    "AACN Table 3",
    ("a note",),
)


def test_a_point_is_a_mean_with_its_standard_error() -> None:
    two, one, three = POINTS
    assert two.mean == pytest.approx(0.71)
    assert two.standard_error == pytest.approx(0.01)
    assert one.standard_error is None
    assert three.standard_error == pytest.approx(0)
    assert trainings_text(POINTS) == "n = 1 to 3"
    assert trainings_text(POINTS[:1]) == "n = 2"


def test_a_familys_points_are_in_the_order_of_the_axis() -> None:
    assert [point.network for point in RESULT.of_family("plain", "params")] == ["a", "b"]
    assert [point.row for point in RESULT.published_of("plain", "params")] == ["A row"]
    assert RESULT.published_of("plain", "macs") == []  # the table does not print it


@pytest.mark.parametrize("axes", [("params",), ("params", "macs"), ("own",)])
def test_the_picture_is_drawn_for_every_choice_of_axes(
    axes: tuple[str, ...], tmp_path: Path
) -> None:
    points = tuple(replace(point, costs={**point.costs, "own": 0.25}) for point in POINTS)
    published = tuple(replace(row, costs={**row.costs, "own": 0.5}) for row in RESULT.published)
    result = replace(RESULT, axes=axes, own_axis="kappa", points=points, published=published)
    plot_trace_png(tmp_path / "trace.png", result)
    with Image.open(tmp_path / "trace.png") as picture:
        assert picture.width > 1000
    plot_trace_html(tmp_path / "trace.html", result)
    page = (tmp_path / "trace.html").read_text()
    assert "one | a bar" in page
    assert "AACN Table 3" in page


def test_a_trace_is_read_from_its_file() -> None:
    written = json.loads(json.dumps(RESULT.to_json()))
    again = TraceResult.from_json(written)
    assert again.to_json() == RESULT.to_json()
    assert again.curve("plain", "macs") == again.of_family("plain", "macs")


def test_tables_have_every_point_and_escape_bars() -> None:
    rows = list(csv.DictReader(io.StringIO(trace_csv(RESULT))))
    assert [row["network"] for row in rows] == ["b", "a", "c", "A row"]
    assert [row["n"] for row in rows] == ["2", "1", "3", "0"]
    assert rows[3]["source"] == "AACN Table 3"
    named = (replace(POINTS[0], network="x|y"), *POINTS[1:])
    lines = trace_markdown(replace(RESULT, points=named)).splitlines()
    table = [line for line in lines if line.startswith("| plain") or line.startswith("| other")]
    assert len(table) == 4
    assert "x\\|y" in table[0]


@pytest.mark.parametrize("table", CATALOGUE)
def test_only_what_a_paper_prints_is_published(table: str) -> None:
    rows = printed_table(table).rows
    networks = [row.network for row in rows if row.network]
    points = published_points(table, {"all": networks}, {})
    printed = {row.name for row in rows if not row.is_secondary}
    assert {point.row for point in points} <= printed
    if table == "aacn3":
        (first, *_) = points
        assert (first.row, first.accuracy) == ("ResNet-34", 0.736)
        assert first.costs == {"params": 21.8e6, "macs": 3.7e9}
        assert source_of(table) == "AACN Table 3"


def test_accuracies_of_held_out_images_stand_in_pictures_of_their_own() -> None:
    check_published("sasa1", "test_accuracy", "imagenet")
    check_published("sasa5", "val_accuracy", "image_folder")
    with pytest.raises(ValueError, match="sasa5 prints accuracies of images held out"):
        check_published("sasa5", "test_accuracy", "imagenet")
    with pytest.raises(ValueError, match="aacn5 prints no top-1 accuracy"):
        check_published("aacn5", "test_accuracy", "coco")
    with pytest.raises(ValueError, match="aacn1 is of cifar100"):
        check_published("aacn1", "test_accuracy", "imagenet")
