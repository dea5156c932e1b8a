"""The list of the papers' networks: all of them, with exact costs."""

from __future__ import annotations

import io
import json
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from analysis.zoo_table import TABLE_COLUMNS, zoo_entries, zoo_json, zoo_table
from nas.cli.application import app
from nas.cli.commands.networks.zoo import show_zoo
from nas.cli.output import Output
from nas.errors import CommandError
from search_space.architecture import Task
from search_space.cost import network_costs
from search_space.zoo import ZOO

ENTRIES = zoo_entries(ZOO)


def test_every_network_is_there_once_beside_its_like() -> None:
    assert sorted(entry.name for entry in ENTRIES) == sorted(ZOO)
    groups = [entry.group for entry in ENTRIES]
    changes = sum(before != after for before, after in pairwise(groups))
    assert changes == len(set(groups)) - 1 == 6


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("resnet38", "ResNet"),
        ("cbam_resnet50", "ResNet with channel or spatial attention"),
        ("bam_resnet50", "ResNet with channel or spatial attention"),
        ("aa_resnet50_sine", "ResNet with augmented convolution"),
        ("sasa_resnet50_groups_4", "ResNet with stand-alone attention"),
        ("se_wide_resnet28_10", "Wide ResNet"),
        ("aa_mnasnet_140", "MnasNet"),
        ("retinanet_sasa_resnet50", "RetinaNet"),
    ],
)
def test_the_group_of_a_network(name: str, group: str) -> None:
    (entry,) = (entry for entry in ENTRIES if entry.name == name)
    assert entry.group == group


def test_table_fits_and_has_every_cost() -> None:
    printed = io.StringIO()
    Output(file=printed, width=TABLE_COLUMNS).show(zoo_table(ENTRIES))
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    assert max(map(len, lines)) <= TABLE_COLUMNS
    assert "…" not in "".join(lines)
    assert "ResNet  imagenet, 3x224x224, 1000 classes" in lines
    assert "Wide ResNet  cifar100, 3x32x32, 100 classes" in lines
    assert "resnet50@0.5" in lines[-1]
    for entry in ENTRIES:
        (line,) = (line for line in lines if line.startswith(f"{entry.name} "))
        costs = entry.costs
        gflops = f"{2 * costs.macs / 1e9:.3f}"
        figures = [f"{costs.params:,}", f"{costs.macs:,}", gflops, f"{costs.activations:,}"]
        assert line.split(maxsplit=5)[1:] == [*figures, entry.source]


def test_json_is_exact() -> None:
    rows = json.loads(json.dumps(zoo_json(ENTRIES)))
    for row in rows:
        named = ZOO[row["name"]]
        architecture = named.at_width(1.0)
        costs = network_costs(architecture, named.task)
        assert Task.from_json(json.dumps(row.pop("task"))) == named.task
        assert row == {
            "name": row["name"],
            "arch_id": architecture.arch_id,
            "group": row["group"],
            "source": named.source,
            "params": costs.params,
            "macs": costs.macs,
            "flops_paper": 2 * costs.macs,
            "activations": costs.activations,
        }
        assert all(isinstance(row[cost], int) for cost in ("params", "macs", "activations"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CBAM", ["cbam_resnet50"]),
        ("wide", [name for name in ZOO if "wide" in name]),
        ("sasa table 7", ["sasa_resnet50_stem_pointwise", "sasa_resnet50_stem_convolution"]),
        ("", [entry.name for entry in ENTRIES]),
    ],
)
def test_command_filters(text: str, names: list[str]) -> None:
    result = CliRunner().invoke(app, ["zoo", "--filter", text, "--json"])
    assert result.exit_code == 0, result.output
    assert [row["name"] for row in json.loads(result.stdout)] == names


def test_command_prints_a_table_whatever_the_width() -> None:
    result = CliRunner().invoke(app, ["zoo"], env={"COLUMNS": "60"})
    assert result.exit_code == 0, result.output
    assert "…" not in result.stdout
    assert all(f"\n{name} " in result.stdout for name in ZOO)


def test_a_filter_that_nothing_meets_is_an_error() -> None:
    with pytest.raises(CommandError, match="'vgg' in its name, group or source"):
        show_zoo(Output(), containing="vgg")
