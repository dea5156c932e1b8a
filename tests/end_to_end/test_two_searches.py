"""Two searches on one cluster, and nodes that differ: who waits for what, and where trials run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import ray
from ray.util import placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nas.config.sections import RaySettings, ResourceSettings
from nas.errors import ClusterError
from nas.evaluation.messages import REQUEST, TrialRequest
from nas.ray.cluster.connection import connected
from nas.ray.cluster.node_facts import facts_of
from nas.ray.cluster.nodes import check_data, check_device, nodes_near_data, usable_nodes
from nas.ray.meter import _meter_node, check_meter
from nas.ray.placement import NearNodes, Placement
from search_space.cost.latency import device_name
from search_space.cost.latency_record import LatencySettings
from tests.end_to_end.ray_nodes import free_port, ray_node
from tests.end_to_end.tiny_search import RECIPE, nas_command, query, read_json, write_search

pytestmark = pytest.mark.ray

DEVICE = "Drawn-H99"
"""A device that Ray is told one node has."""

PATIENCE_SECONDS = 600


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> Iterator[str]:
    """A head, and a node with a device of its own; each has one CPU."""
    port = free_port()
    own = f"127.0.0.1:{port}"
    resources = f"""--resources='{{"accelerator_type:{DEVICE}": 1}}'"""
    with (
        ray_node(f"RAY_AUTH_MODE=token ray start --head --port={port}", environment),
        ray_node(f"RAY_AUTH_MODE=token ray start --address={own} {resources}", environment),
    ):
        yield own


def search(tmp_path: Path, name: str, address: str, **changes: Any) -> list[str]:
    """The command of a search, whose configuration is written."""
    file = write_search(
        tmp_path / f"{name}.yaml",
        name=name,
        sampler={"name": "random"},
        search={"n_trials": 2, "finalist_seeds": 1, "noise_candidates": 0},
        **changes,
    )
    return nas_command("search", file, f"ray.address={address}", "--runs", tmp_path / "runs")


def until(holds: Callable[[], bool], command: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert command.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.3)


def hold(seconds: float) -> None:
    time.sleep(seconds)


def node_of(group: PlacementGroup) -> str:
    (node,) = placement_group_table(group)["bundles_to_node_id"].values()
    return str(node)


@pytest.mark.slow  # two searches, one after the other
def test_a_search_that_waits_says_for_what_and_for_whom(
    tmp_path: Path, address: str, environment: dict[str, str]
) -> None:
    holds = search(tmp_path, "holds", address, proxy=RECIPE | {"epochs": 100_000})
    waits = search(tmp_path, "waits", address)
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    runs = ("--runs", tmp_path / "runs", "--json")

    def is_in_line(line: str) -> bool:
        return line in second.read_text()

    with first.open("w") as log, second.open("w") as other:
        holding = subprocess.Popen(holds, env=environment, stdout=log, stderr=log)
        waiting = None
        try:
            until(lambda: "2 running" in first.read_text(), holding, first)
            waiting = subprocess.Popen(waits, env=environment, stdout=other, stderr=other)
            told = (
                "2 not started | waiting for CPUs: 2 trials need 1 each, and 0 of 2 are free; "
                "others are reserved by the search holds"
            )
            until(lambda: is_in_line(told), waiting, second)
            assert "running" not in second.read_text()
            status = read_json(query(tmp_path, "status", "waits", *runs))
            assert status["waiting"].startswith("CPUs: 2 trials need 1 each, and 0 of 2 are free")
            assert read_json(query(tmp_path, "status", "holds", *runs))["waiting"] == ""
            holding.terminate()
            assert holding.wait(timeout=PATIENCE_SECONDS) == 130
            assert waiting.wait(timeout=PATIENCE_SECONDS) == 0, second.read_text()
        finally:
            for command in (holding, waiting):
                if command is not None and command.poll() is None:
                    command.kill()
                    command.wait()
    assert read_json(query(tmp_path, "status", "waits", *runs))["trained"] == 2


@pytest.mark.slow  # a search
def test_trials_and_latencies_are_of_the_device_alone(
    tmp_path: Path, address: str, environment: dict[str, str]
) -> None:
    command = search(tmp_path, "there", address, resources={"device": DEVICE.lower()})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ledger = f"sqlite:///{tmp_path / 'runs' / 'there' / 'ledger.db'}"
    study = optuna.load_study(study_name="there", storage=ledger)
    workers = {trial.user_attrs["worker"] for trial in study.trials if trial.values}
    with connected(RaySettings(address=address)):
        (node,) = usable_nodes(DEVICE)
        assert workers == {f"node {node['NodeID'][:12]}"}
        assert _meter_node(LatencySettings(), DEVICE)["NodeID"] == node["NodeID"]
        with pytest.raises(ClusterError, match="no node has"):
            check_meter(LatencySettings(), "NVIDIA H200")
        assert nodes_near_data(ResourceSettings(device=DEVICE), None) == ()


def test_a_device_that_no_node_has_is_one_error_before_a_run_is_made(
    tmp_path: Path, address: str
) -> None:
    file = write_search(tmp_path / "tiny.yaml", resources={"device": "NVIDIA H200"})
    done = query(tmp_path, "search", file, f"ray.address={address}")
    assert done.returncode == 1
    said = "".join(done.stderr.split("\n"))
    assert said.startswith("error: no node has resources.device='NVIDIA H200'; the nodes have: ")
    assert device_name("cpu") in said
    assert DEVICE in said
    assert not (tmp_path / "runs").exists()


def test_the_nodes_that_have_the_data_come_first(tmp_path: Path, address: str) -> None:
    here = tmp_path / "images"
    here.mkdir()
    with connected(RaySettings(address=address)):
        nodes = usable_nodes(None)
        assert len(nodes) == 2
        assert len(usable_nodes(device_name("cpu"))) == 2
        own = ray.get_runtime_context().get_node_id()
        one = ResourceSettings()
        # images in memory: this process's node, if it has room
        assert nodes_near_data(one, None) == (own,)
        near = NearNodes((own,), one)
        request = TrialRequest("{}", 0, 0, None, False)
        reservation = Placement(one, "x", near=near).factory({REQUEST: request})
        first, second = reservation.to_placement_group(), reservation.to_placement_group()
        ray.get([first.ready(), second.ready()])
        assert (near.next(), node_of(first)) == (None, own)
        assert node_of(second) != own
        remove_placement_group(first)
        remove_placement_group(second)
        holder = ray.remote(num_cpus=1)(hold)
        strategy = NodeAffinitySchedulingStrategy(own, soft=False)
        busy = holder.options(scheduling_strategy=strategy).remote(60)
        while near.next() == own:
            time.sleep(0.1)
        assert nodes_near_data(one, None) == (own,)
        ray.cancel(busy, force=True)
        # images that workers read: wherever they are on a local disk
        assert {facts.data for facts in facts_of(nodes, str(here))} == {"here"}
        check_data(None, str(here))
        missing = str(tmp_path / "elsewhere")
        with pytest.raises(ClusterError, match=r"2 of 2 nodes have no data\.path="):
            check_data(None, missing)
        check_device(DEVICE)
