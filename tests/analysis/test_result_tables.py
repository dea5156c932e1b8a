"""Tables fit a terminal and lose nothing; the same as data is JSON."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.table import Table

from analysis.architecture_table import describe_json, describe_table, part_labels
from analysis.front.queries import knee
from analysis.front.table import front_json, front_table
from nas.cli.output import Output
from nas.storage.candidates import Candidate, pareto_front
from search_space.architecture import Architecture, Task
from search_space.cost import network_costs, peak_memory_bytes
from search_space.zoo import ZOO, network
from tests.analysis.invented import TASK, candidate, search_of

Y = "val_accuracy"
IMAGENET = Task(dataset="imagenet", input_shape=(3, 224, 224), classes=1000)


def rendered(table: Table, width: int = 100) -> list[str]:
    printed = io.StringIO()
    Output(file=printed, width=width).show(table)
    return [line.rstrip() for line in printed.getvalue().splitlines()]


def front(x: str) -> tuple[list[Candidate], Candidate]:
    members = pareto_front(list(search_of(50)), [Y, x])
    best = knee(members, x, "val_accuracy")
    assert best is not None
    return members, best


@pytest.mark.parametrize("x", ["params", "macs", "activations", "latency_ms"])
@pytest.mark.parametrize("width", [80, 100, 200])
def test_front_table_fits_and_keeps_every_arch_id(x: str, width: int) -> None:
    members, best = front(x)
    lines = rendered(front_table(members, x=x, y=Y, knee=best), width)
    assert max(map(len, lines)) <= width
    for member in members:
        (row,) = (line for line in lines if member.arch_id in line)
        assert row.startswith("*") == (member is best)
        assert f" {100 * member.metrics[Y]:.2f} " in row
        assert member.as_found is not None
        assert f" {100 * member.as_found:.2f} " in row
        if member.standard_error is not None:
            assert f" {100 * member.standard_error:.2f} " in row
        assert (" found " in row) == (not member.is_fresh)
    assert ("activations" in lines[2]) == (x == "activations")


def test_front_table_keeps_the_whole_description() -> None:
    members, best = front("params")
    table = front_table(members, x="params", y=Y, knee=best)
    text = "".join(rendered(table)).replace(" ", "")
    wide = rendered(table, 250)
    for member in members:
        assert any(str(member.architecture) in line for line in wide)
        for part in str(member.architecture).split(" | "):
            assert part.replace(" ", "") in text


def test_front_table_at_100_columns_breaks_between_parts() -> None:
    members, best = front("params")
    lines = rendered(front_table(members, x="params", y=Y, knee=best))
    for member in members:
        for number, stage in enumerate(member.architecture.stages):
            assert any(stage.label in line for line in lines), f"stage {number} is broken"


def test_front_table_without_latency_knee_or_members() -> None:
    members = [candidate(0, 0.9, 123_456.0), candidate(1, 0.95, macs=5e6)]
    lines = rendered(front_table(members, x="params", y=Y, knee=None), 200)
    assert "latency" not in "".join(lines)
    assert "no knee: it takes 3 members" in "".join(lines)
    assert " 123k " in next(line for line in lines if members[0].arch_id in line)
    assert " - " in next(line for line in lines if members[1].arch_id in line)
    assert rendered(front_table([], x="params", y=Y, knee=None))


def test_front_table_says_what_its_values_rest_on() -> None:
    """Two are valued by fresh seeds, by which the dearer is no better; one has none."""
    members = [
        candidate(0, 0.8, 100.0, n=2, deviation=0.01),
        candidate(1, 0.7, 200.0, n=2, deviation=0.01),
        candidate(2, 0.9, 300.0),
    ]
    lines = rendered(front_table(members, x="params", y=Y, knee=None), 200)
    marks = {
        member.arch_id: line[0] for member in members for line in lines if member.arch_id in line
    }
    assert list(marks.values()) == [" ", "~", " "]
    text = " ".join(lines)
    assert "chosen by all evaluations" in text
    assert "mean of n with fresh seeds" in text
    assert "~ 1 of 3 members" in text
    alone = rendered(front_table(members[2:], x="params", y=Y, knee=None), 200)
    assert "No member was evaluated with fresh seeds" in " ".join(alone)
    data = front_json(members, x="params", y=Y, knee=None)
    assert [row["is_on_front_by_value"] for row in data["members"]] == [True, False, True]


def test_front_json_is_plain_data_that_reads_back() -> None:
    members, best = front("macs")
    data = front_json(members, x="macs", y=Y, knee=best)
    rows = data["members"]
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (data["x"], data["y"], data["knee"]) == ("macs", Y, best.arch_id)
    assert [row["arch_id"] for row in rows] == [member.arch_id for member in members]
    assert [row["arch_id"] for row in rows if row["is_knee"]] == [best.arch_id]
    for row, member in zip(rows, members, strict=True):
        assert Architecture.from_json(json.dumps(row["architecture"])) == member.architecture
        assert row["description"] == str(member.architecture)
        assert row["metrics"] == dict(member.metrics)
        assert row["val_accuracy"] == member.metrics[Y]
        assert row["val_accuracy_n"] == member.n
        assert row["val_accuracy_standard_error"] == member.standard_error
        assert row["val_accuracy_is_fresh"] == member.is_fresh
        assert row["val_accuracy_as_found"] == member.as_found
        assert row["val_accuracy_of_all"] == member.choice[Y]
        assert row["device_seconds"] == member.device_seconds
    without = front_json(members, x="macs", y=Y, knee=None)
    assert without["knee"] is None
    assert not any(row["is_knee"] for row in without["members"])


@pytest.mark.parametrize("name", ["resnet50", "aa_resnet152", "sasa_resnet26"])
def test_describe_table_has_every_part_and_the_totals(name: str) -> None:
    architecture = network(name)
    costs = network_costs(architecture, IMAGENET)
    lines = rendered(describe_table(architecture, IMAGENET, costs))
    assert max(map(len, lines)) <= 100
    assert architecture.arch_id in lines[0]
    for part in costs.parts:
        (row,) = (line for line in lines if line.startswith(f"{part.name} "))
        assert f" {part.counts.macs:,} " in row
        assert row.endswith(f" {100 * part.counts.macs / costs.macs:.1f}")
        assert "x".join(map(str, part.output_shape)) in row
    (total,) = (line.split() for line in lines if line.startswith("total"))
    assert total[1:] == [f"{costs.params:,}", f"{costs.macs:,}", f"{costs.activations:,}", "100.0"]


def test_describe_json() -> None:
    architecture = search_of(1)[0].architecture
    costs = network_costs(architecture, TASK)
    data = describe_json(architecture, TASK, costs)
    assert json.loads(json.dumps(data)) == data
    assert list(data) == [
        "arch_id",
        "description",
        "architecture",
        "family",
        "block",
        "expansion",
        "shortcut",
        "head",
        "task",
        "params",
        "macs",
        "flops_paper",
        "activations",
        "peak_memory_mb_per_image",
        "stages",
    ]
    settings = {key: data[key] for key in ("family", "block", "expansion", "shortcut", "head")}
    assert settings == {key: getattr(architecture, key) for key in settings}
    assert data["peak_memory_mb_per_image"] == peak_memory_bytes(architecture, TASK) / 1e6
    assert Task.from_json(json.dumps(data["task"])) == TASK
    assert data["arch_id"] == architecture.arch_id
    assert data["flops_paper"] == 2 * data["macs"]
    for cost in ("params", "macs", "activations"):
        assert sum(part[cost] for part in data["stages"]) == data[cost]
    assert list(data["stages"][0]) == [
        "name",
        "label",
        "output_shape",
        "params",
        "macs",
        "activations",
    ]
    assert data["stages"][-1]["output_shape"] == [10]


@pytest.mark.parametrize(
    ("name", "changes", "title"),
    [
        ("resnet50", {}, "resnet, bottleneck blocks"),
        ("resnet50", {"expansion": 2}, "resnet, bottleneck blocks, expansion 2"),
        ("resnet34", {"shortcut": "padding"}, "resnet, basic blocks, padding shortcuts"),
        ("wide_resnet28_10", {}, "wide_resnet, basic blocks"),
        (
            "wide_resnet28_10",
            {"shortcut": "projection"},
            "wide_resnet, basic blocks, projection shortcuts",
        ),
        ("mnasnet_100", {}, "mnasnet, inverted bottleneck blocks"),
    ],
)
def test_describe_title_names_what_is_not_usual(
    name: str, changes: dict[str, Any], title: str
) -> None:
    architecture = network(name).replace(**changes)
    table = describe_table(architecture, IMAGENET, network_costs(architecture, IMAGENET))
    assert str(table.title) == f"{architecture.arch_id}  {title}"


def test_part_labels_of_a_detector() -> None:
    named = ZOO["sasa_retinanet50"]
    architecture = named.at_width(1.0)
    parts = network_costs(architecture, named.task).parts
    assert [part.name for part in parts[-3:]] == ["pyramid", "class head", "box head"]
    heads = "heads attn(k=7,h=8) x4, 6 anchors"
    assert part_labels(architecture)[-3:] == ["P3-P7 attn(k=7,h=8) w256", heads, heads]
    assert len(part_labels(architecture)) == len(parts)


@pytest.mark.parametrize(
    ("name", "head", "labels"),
    [
        ("resnet50", None, []),
        ("resnet50", 24, ["conv1 w24"]),
        ("wide_resnet28_10", None, ["normalisation + ReLU"]),
        ("wide_resnet28_10", 24, ["normalisation + ReLU + conv1 w24"]),
        ("mnasnet_100", 1280, ["conv1 w1280"]),
    ],
)
def test_part_labels_of_the_end(name: str, head: int | None, labels: list[str]) -> None:
    architecture = network(name).replace(head=head)
    parts = part_labels(architecture)
    assert parts[len(architecture.stages) + 1 :] == [*labels, "mean + linear"]
    assert len(parts) == len(network_costs(architecture, IMAGENET).parts)
    data = describe_json(architecture, IMAGENET, network_costs(architecture, IMAGENET))
    assert data["head"] == head
