"""A Ray cluster of two nodes needs its address in the config, and nothing else."""

from __future__ import annotations

import optuna
import pytest
from ray.cluster_utils import Cluster
from tiny_search import RECIPE, command_in, query, read_json, write_search

pytestmark = pytest.mark.ray


@pytest.fixture
def cluster():
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    nodes.add_node(num_cpus=1, num_gpus=0)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()


def test_a_search_runs_on_every_node_and_the_driver_alone_writes(tmp_path, environment, cluster):
    search_file = write_search(
        tmp_path / "tiny.yaml",
        proxy=RECIPE | {"epochs": 6},
        # the states of paused trials travel
        scheduler={"name": "asha", "type": "rung_by_rung", "min_epochs": 3},
        ray={"address": cluster.address},
        sampler={"name": "random"},
    )
    # The nodes' processes create files that others may read, the driver none: a file that a
    # worker wrote into the run's folder would show.
    done = command_in(tmp_path, environment, "search", search_file, umask=0o077)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{run / 'ledger.db'}")
    workers = {trial.user_attrs["worker"] for trial in study.trials}
    nodes = {f"node {node.node_id[:12]}" for node in cluster.list_all_nodes()}
    assert workers == nodes
    assert len(nodes) == 2
    retrained = command_in(tmp_path, environment, "retrain", "tiny", "--pick", "best", umask=0o077)
    assert retrained.returncode == 0, retrained.stderr
    written = [path for path in run.rglob("*") if path.is_file()]
    assert len(written) > 8
    readable = [path for path in written if path.stat().st_mode & 0o077]
    assert readable == []
    assert read_json(query(tmp_path, "status", "tiny", "--json"))["trained"] == 6


def test_no_cluster_at_the_address_is_one_clear_error(tmp_path, nas):
    done = nas("search", write_search(tmp_path / "tiny.yaml"), "ray.address=127.0.0.1:1")
    assert done.returncode == 1
    assert "no Ray cluster answers at ray.address='127.0.0.1:1'" in done.stderr


def test_a_trial_larger_than_any_node_is_one_clear_error(tmp_path, nas):
    done = nas("search", write_search(tmp_path / "tiny.yaml"), "resources.gpus_per_trial=3")
    assert done.returncode == 1
    assert "a trial needs 1 CPUs and 3 GPUs (resources)" in done.stderr
