"""Reservations of trials, and the nodes that they may run on, apart from a cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.config.search_config import SearchConfig
from nas.config.sections import ResourceSettings
from nas.evaluation.messages import REQUEST, TrialRequest
from nas.ray.cluster.node_facts import NodeFacts
from nas.ray.placement import CONTEXT_MB, NearNodes, Placement, gpu_share, peak_memory_of
from nas.workflows.checks import proxy_assignment
from search_space.architecture import Task
from search_space.space import SearchSpace

ConfigOf = Callable[..., SearchConfig]

ANYWHERE = NearNodes((), ResourceSettings())

FRACTIONS = st.sampled_from([0.05, 0.1, 0.125, 0.25, 1 / 3, 0.5])


@given(FRACTIONS, st.floats(1e3, 2e5), st.lists(st.floats(0, 3e5), min_size=1, max_size=40))
def test_trials_on_one_gpu_fit_into_its_memory_by_their_estimates(
    per_trial: float, memory_mb: float, peaks: list[float]
) -> None:
    """Ray puts trials on a GPU as long as their shares come to 1 at most."""
    shared, used_mb = 0.0, 0.0
    for peak_mb in peaks:
        share = gpu_share(peak_mb, memory_mb, per_trial)
        assert per_trial <= share <= 1
        assert share == 1 or round(share / per_trial, 6).is_integer()
        if shared + share <= 1 + 1e-9 and peak_mb + CONTEXT_MB <= memory_mb:
            shared += share
            used_mb += peak_mb + CONTEXT_MB
    assert used_mb <= memory_mb * 1.001


@given(FRACTIONS, st.floats(1e3, 2e5), st.floats(0, 3e5))
def test_a_trial_gets_no_more_than_it_needs(
    per_trial: float, memory_mb: float, peak_mb: float
) -> None:
    share = gpu_share(peak_mb, memory_mb, per_trial)
    if share > per_trial:
        assert (share - per_trial) * memory_mb < 1.2 * peak_mb + CONTEXT_MB + 1


def request(**changes: Any) -> dict[str, TrialRequest]:
    return {REQUEST: TrialRequest("{}", 0, 0, None, False)._replace(**changes)}


@pytest.mark.parametrize(("peak_mb", "gpus"), [(10.0, 0.25), (30e3, 0.5), (90e3, 1.0), (9e9, 1.0)])
def test_a_trial_of_much_memory_reserves_more_of_a_gpu(peak_mb: float, gpus: float) -> None:
    placement = Placement(
        ResourceSettings(gpus_per_trial=0.25),
        "nas search x 1",
        ANYWHERE,
        gpu_memory_mb=100e3,
        peak_memory_mb=lambda text: peak_mb,
    )
    assert placement.factory(request()).bundles == [{"CPU": 1.0, "GPU": gpus}]


def test_without_a_gpus_memory_it_reserves_what_the_settings_say() -> None:
    placement = Placement(
        ResourceSettings(gpus_per_trial=0.25), "x", ANYWHERE, peak_memory_mb=lambda text: 9e9
    )
    assert placement.factory(request()).bundles == [{"CPU": 1.0, "GPU": 0.25}]


def test_the_nodes_of_a_request_are_those_of_its_reservation() -> None:
    placement = Placement(ResourceSettings(), "x", ANYWHERE)
    free, kept, avoiding = (
        placement.factory(request(**changes))
        for changes in ({}, {"nodes": ("a", "b")}, {"avoided_nodes": ("a", "b")})
    )
    assert "bundle_label_selector" not in free._kwargs
    assert kept._kwargs["bundle_label_selector"] == [{"ray.io/node-id": "in(a,b)"}]
    assert avoiding._kwargs["bundle_label_selector"] == [{"ray.io/node-id": "!in(a,b)"}]
    assert kept == placement.factory(request(nodes=("a", "b"), number=3))  # the worker stays


def test_the_estimate_is_that_of_the_proxys_batch_and_fidelity(
    config_of: ConfigOf, task: Task, small_space: SearchSpace
) -> None:
    text = small_space.numbered(5).canonical_json()
    large, small, reduced = (
        peak_memory_of(proxy_assignment(config, task))(text)
        for config in (
            config_of(proxy={"epochs": 2, "batch_size": 512, "learning_rate": 0.1}),
            config_of(proxy={"epochs": 2, "batch_size": 16, "learning_rate": 0.1}),
            config_of(fidelity={"width": 0.5}),
        )
    )
    assert large > small > reduced > 0
    assert peak_memory_of(proxy_assignment(config_of(), task))("{}") == 0


NODE = NodeFacts("AMD EPYC 7B13", ("NVIDIA H200", "NVIDIA H200"), 150e3, "here")


@pytest.mark.parametrize("device", ["NVIDIA H200", "nvidia h200", "H200", "AMD EPYC 7B13"])
def test_a_node_has_its_devices_by_either_name(device: str) -> None:
    assert NODE.has(device, ["H200"])
    assert not NODE.has(device + "x", ["H200"])


def test_a_node_with_gpus_of_two_kinds_is_of_neither() -> None:
    mixed = NODE._replace(gpus=("NVIDIA H200", "NVIDIA L4"))
    assert not mixed.has("NVIDIA H200", [])
    assert not mixed.has("NVIDIA L4", [])
