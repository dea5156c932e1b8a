"""Making a latency table on this machine, and its use in a search."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from nas.cli.commands.tools.latency_table import make_table_command, table_json
from nas.cli.output import Output
from nas.config.search_config import SearchConfig
from nas.errors import CommandError, RunError
from nas.storage.ledger import Ledger
from nas.workflows.latency_table import NETWORKS, TableProgress, make_table
from search_space.architecture import Task
from search_space.attention import preferred_on
from search_space.cost.latency import device_name
from search_space.cost.latency_record import DeviceBusy, LatencySettings
from search_space.cost.latency_table import Correction, LatencyTable, PartLatency
from search_space.networks.parts import part_name, parts_of_space
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.hand_driven import HandDriven, check_search, costs_from

QUICK = LatencySettings(warmup=1, repeats=3)
ConfigOf = Callable[..., SearchConfig]


def made(space: SearchSpace, task: Task, path: Path) -> LatencyTable:
    """Make a table; continue until all is undisturbed, since other tests may run meanwhile."""
    while True:
        with suppress(DeviceBusy):
            return make_table(space, task, QUICK, path, seed=0, on_progress=lambda progress: None)


def test_a_file_that_cannot_be_written_is_said_before_anything_is_measured(
    tiny_space: SearchSpace, task: Task, tmp_path: Path
) -> None:
    said: list[TableProgress] = []
    file = tmp_path / "gone" / "table.json"
    with pytest.raises(RunError, match=r"cannot write .*gone/table\.json: No such file"):
        make_table(tiny_space, task, QUICK, file, seed=0, on_progress=said.append)
    assert said == []


@pytest.mark.alone
@pytest.mark.slow  # it measures for a minute
def test_a_table_is_made_and_gone_on_with(
    tiny_space: SearchSpace, task: Task, tmp_path: Path
) -> None:
    file = tmp_path / "table.json"
    table = made(tiny_space, task, file)
    parts = parts_of_space(tiny_space, task)
    assert {entry.part for entry in table.parts} == set(map(part_name, parts))
    assert all(entry.latency_ms > 0 for entry in table.parts)
    assert len({network.arch_id for network in table.networks}) == NETWORKS
    assert table.correction is not None
    assert (table.device, table.torch_version) == (device_name("cpu"), torch.__version__)
    assert LatencyTable.from_json(file.read_text()) == table

    said: list[TableProgress] = []
    again = make_table(tiny_space, task, QUICK, file, seed=0, on_progress=said.append)
    assert again == table
    assert said == [TableProgress(len(parts), len(parts), NETWORKS, NETWORKS)]

    # of an interrupted one, what is there is kept
    half = table.replace(parts=table.parts[:5], networks=(), correction=None)
    file.write_text(half.model_dump_json())
    finished = made(tiny_space, task, file)
    assert finished.parts[:5] == table.parts[:5]
    assert len(finished.parts) == len(parts)
    with pytest.raises(ConfigError, match="another latency table") as caught:
        make_table(
            tiny_space, task, QUICK.replace(threads=2), file, seed=0, on_progress=said.append
        )
    assert "settings: the file's is" in str(caught.value)
    shown = table_json(table, table.correction, file)
    assert len(shown["networks"]) == NETWORKS
    json.dumps(shown)


def invented(space: SearchSpace, task: Task, **changes: Any) -> LatencyTable:
    """A finished table in which every part takes a millisecond."""
    parts = [
        PartLatency(part=part_name(part), latency_ms=1.0, spread_ms=0.0, backend="eager")
        for part in parts_of_space(space, task)
    ]
    fields: dict[str, Any] = {
        "space": space.name,
        "space_id": "0" * 8,
        "device": device_name("cpu"),
        "settings": LatencySettings(),
        "input_shape": task.input_shape,
        "classes": task.classes,
        "torch_version": torch.__version__,
        "attention": preferred_on("cpu"),
        "seed": 0,
        "parts": tuple(parts),
        "correction": Correction(constant_ms=0.0, factor=1.0, margin=0.25),
    }
    return LatencyTable(**fields | changes)


def test_a_search_rejects_what_is_predicted_over_the_limit(
    config_of: ConfigOf,
    in_memory: Callable[[SearchConfig], Ledger],
    propose_from: Callable[..., HandDriven],
    tiny_description: dict[str, Any],
    task: Task,
    tmp_path: Path,
) -> None:
    """Networks of the tiny space have 3 to 5 parts: 4 / 1.25 is within 3.5, and 5 / 1.25 is not."""
    file = tmp_path / "table.json"
    space = SearchSpace.from_mapping(tiny_description)
    file.write_text(invented(space, task).model_dump_json())
    for sampler in ("random", "tpe"):
        config = config_of(
            space=tiny_description,
            limits={"latency_ms": 3.5},
            latency={"table": str(file)},
            sampler={"name": sampler},
        )
        check_search(config, task)
        costs = costs_from(config, task)
        assert costs.names[-1] == "predicted_latency_ms"
        vectors = [space.encode(each) for each in space.architectures()]
        rows = [costs.of(each) for each in space.architectures()]
        assert costs.columns(vectors)[:, -1].tolist() == [r["predicted_latency_ms"] for r in rows]
        proposals = propose_from(config, in_memory(config))
        proposed = [proposals.propose().architecture for _ in range(8)]
        assert {len(each.stages[0].blocks) for each in proposed} == {1, 2}
        rejected = proposals.rejections.to_json()["predicted_latency_ms"]
        assert rejected["count"] > 0
        assert rejected["smallest"] == 5 / 1.25


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"settings": LatencySettings(threads=2)}, "threads: the table is for 2, latency.threads"),
        ({"device": "another"}, "device: the table is of 'another', this machine is"),
        ({"torch_version": "1.0"}, "torch: the table is for 1.0"),
        ({"input_shape": (1, 9, 9)}, r"images: the table is for \(1, 9, 9\)"),
        ({"parts": ()}, r"lacks 7 of the 7 parts of 'tiny'"),
        ({"correction": None}, "is not finished"),
        ({"attention": "reference"}, "attention: the table's ran by reference"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_table_that_is_not_for_this_search_is_refused(
    config_of: ConfigOf,
    tiny_description: dict[str, Any],
    tiny_space: SearchSpace,
    task: Task,
    tmp_path: Path,
    changes: dict[str, Any],
    problem: str,
) -> None:
    file = tmp_path / "table.json"
    file.write_text(invented(tiny_space, task, **changes).model_dump_json())
    config = config_of(
        space=tiny_description, limits={"latency_ms": 5}, latency={"table": str(file)}
    )
    with pytest.raises(ConfigError, match=problem) as caught:
        costs_from(config, task)
    assert str(caught.value).startswith(f"latency.table: {file}")


@pytest.mark.parametrize("text", [None, "", "{}", "[1]", '{"format": 2}'])
def test_a_file_that_is_no_table_is_named(
    config_of: ConfigOf, task: Task, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "table.json"
    if text is not None:
        file.write_text(text)
    config = config_of(limits={"latency_ms": 5}, latency={"table": str(file)})
    with pytest.raises(ConfigError, match=r"no such latency table|no latency table: "):
        costs_from(config, task)


def test_the_command_says_what_it_lacks(
    tmp_path: Path, tiny_description: dict[str, Any], config_of: ConfigOf
) -> None:
    space, search = tmp_path / "space.yaml", tmp_path / "search.yaml"
    space.write_text(yaml.safe_dump(tiny_description))
    search.write_text(yaml.safe_dump(config_of().model_dump(mode="json")))

    def run(source: Path, *overrides: str, image: str = "", classes: int | None = None) -> None:
        make_table_command(
            Output(as_json=True, file=io.StringIO()),
            source,
            overrides,
            tmp_path / "table.json",
            image=image,
            classes=classes,
            seed=0,
        )

    with pytest.raises(CommandError, match="says nothing of images: give --image"):
        run(space)
    with pytest.raises(CommandError, match="its data decide --image and --classes"):
        run(search, image="1x8x8", classes=10)
    with pytest.raises(ConfigError, match=r"latency\.thread: unknown key"):
        run(space, "latency.thread=2", image="1x8x8", classes=10)
    with pytest.raises(ConfigError, match=r"latency\.device: .* got 'mps'"):
        run(search, "latency.device=mps")
    assert not (tmp_path / "table.json").exists()
