"""A search that ends by its budget: what is told, and the command that goes on."""

from __future__ import annotations

import shlex

import pytest

from tests.end_to_end.tiny_search import query, read_json, write_search

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_a_search_that_ends_by_its_budget_goes_on_with_the_command_that_it_prints(tmp_path, nas):
    search_file = write_search(tmp_path / "tiny.yaml")
    done = nas("search", search_file, "search.max_device_hours=0.000001")
    assert done.returncode == 0, done.stderr
    status = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert status["state"] == "finished"
    assert 1 <= status["trained"] < 6
    assert status["repeats"] == 0
    ended = status["ended"]
    assert (ended["by"], ended["trials_left"]) == (
        "search.max_device_hours",
        6 - status["trained"],
    )
    assert status["spent"]["device_hours"] > 0.000001
    *_, why, go_on = done.stdout.splitlines()
    assert ended["why"] in why
    command = shlex.split(go_on.partition("for example: ")[2])[1:]
    assert "search.max_device_hours=2e-06" in command
    further = [word.replace("=2e-06", "=1") for word in command]
    done = nas(*further)
    assert done.returncode == 0, done.stderr
    assert "ended with fewer" not in done.stdout
    again = read_json(query(tmp_path, "status", "tiny", "--json"))
    assert (again["trained"], again["ended"]) == (6, None)
    assert again["repeats"] >= 1
    for name in ("hours", "device_hours"):
        assert again["spent"][name] > status["spent"][name]
