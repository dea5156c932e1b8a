"""A search under a measured latency limit: metered in batches, with the device to itself."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.tiny_search import SPACE, query, read_json, write_search

pytestmark = pytest.mark.ray


@pytest.mark.slow
def test_latency_is_measured_before_training_and_the_slow_are_turned_away(tmp_path, nas):
    # Networks of 1 and of 12 blocks: a limit between them holds on any machine, busy or not.
    search_file = write_search(
        tmp_path / "tiny.yaml",
        space=SPACE | {"stages": [SPACE["stages"][0] | {"depth": [1, 12]}]},
        objectives=["val_accuracy", "latency_ms"],
        sampler={"name": "random"},
        search={"n_trials": 6, "finalist_seeds": 1},
        latency={"repeats": 10, "warmup": 2, "candidates_per_batch": 4},
    )
    done = nas("search", search_file)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    records = [json.loads(line) for line in (run / "latency.jsonl").read_text().splitlines()]
    assert len(records) == 6
    for record in records:
        latency = record["latency"]
        assert latency["latency_ms"] > 0
        assert latency["spread_ms"] >= 0
        assert (latency["repeats"], latency["batch_size"], latency["threads"]) == (10, 1, 1)
        assert latency["device"]
    measured = {record["arch_id"]: record["latency"]["latency_ms"] for record in records}
    front = read_json(query(tmp_path, "frontier", "tiny", "--x", "latency_ms", "--json"))["members"]
    assert front
    for member in front:  # each was measured again after the search
        metrics = member["metrics"]
        assert metrics["latency_ms_first"] == measured[member["arch_id"]]
        assert metrics["latency_ms"] == metrics["latency_ms_again"]  # the first one chose it

    limit = (min(measured.values()) * max(measured.values())) ** 0.5
    limited = nas("search", search_file, f"limits.latency_ms={limit}", "name=limited")
    assert limited.returncode == 0, limited.stderr
    status = read_json(query(tmp_path, "status", "limited", "--json"))
    assert status["trained"] == 6
    rejections = status["rejections"]["latency_ms"]
    assert rejections["count"] == status["trials"]["rejected"] > 0
    assert rejections["smallest"] > limit
    assert rejections["examples"]


@pytest.mark.slow
def test_a_latency_limit_that_nothing_meets_is_an_error(tmp_path, nas):
    search_file = write_search(
        tmp_path / "tiny.yaml",
        space=SPACE | {"stem": [SPACE["stem"][0] | {"width": list(range(4, 60, 2))}]},
        limits={"latency_ms": 1e-6},
        sampler={"name": "random"},
        latency={"repeats": 3, "warmup": 1, "candidates_per_batch": 64},
    )
    done = nas("search", search_file)
    assert done.returncode == 1
    assert "fits the limits (latency_ms <= 1e-06)" in done.stderr
    assert "were tried, the smallest latency_ms seen is" in done.stderr


def test_determinism_cannot_be_promised_with_latency(tmp_path, nas):
    search_file = write_search(tmp_path / "tiny.yaml", objectives=["val_accuracy", "latency_ms"])
    done = nas("search", search_file, "search.deterministic=true")
    assert done.returncode == 1
    assert "search.deterministic cannot hold with a measured latency" in done.stderr
