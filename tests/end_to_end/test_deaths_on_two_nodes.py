"""An architecture that kills its workers fails only after it has killed some on two nodes."""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path

import pytest

from tests.end_to_end.ray_nodes import free_port, ray_node
from tests.end_to_end.test_interruptions import OWN_PRIMITIVE
from tests.end_to_end.tiny_search import SPACE, command_in, write_search

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def test_the_third_worker_is_on_another_node(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "own_primitive.py").write_text(OWN_PRIMITIVE)
    faulty = {"type": "own_primitive:Faulty", "fault": ["none", "dies"]}
    space = SPACE | {"stages": [SPACE["stages"][0] | {"primitive": [faulty], "width": 4}]}
    search_file = write_search(
        tmp_path / "tiny.yaml",
        space=space,
        sampler={"name": "random"},
        search={"n_trials": 4, "finalist_seeds": 1, "noise_candidates": 0},
    )
    own = environment | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    port = free_port()
    address = f"127.0.0.1:{port}"
    with (
        ray_node(f"ray start --head --port={port}", own),
        ray_node(f"ray start --address={address}", own),
    ):
        done = command_in(
            tmp_path,
            own | {"PYTHONPATH": str(tmp_path)},
            "search",
            search_file,
            f"ray.address={address}",
        )
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(tmp_path / "runs" / "tiny" / "ledger.db") as ledger:
        failed = ledger.execute("select trial_id from trials where state = 'FAIL'").fetchall()
        of_each = [[node for (node,) in ledger.execute(LOST_NODES, trial)] for trial in failed]
    nodes = [lost for lost in of_each if lost]  # the space has no fifth architecture to try
    assert len(nodes) == 2
    for first, second, *_, last in nodes:
        assert last not in {first} or second != first
        assert len({first, second, last}) == 2


LOST_NODES = """\
select json_extract(value, '$.node') from trial_user_attributes, json_each(value_json)
where trial_id = ? and trial_user_attributes.key = 'lost_workers'"""
