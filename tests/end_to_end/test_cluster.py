"""A Ray cluster of two nodes needs its address in the config, and the cluster's token."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
import pytest
import ray
from ray._raylet import GcsClient

from nas.config.sections import RaySettings
from nas.ray.cluster.authentication import ensure_token, has_token, ray_environment
from nas.ray.cluster.connection import connected
from tests.end_to_end.ray_nodes import free_port, ray_node
from tests.end_to_end.tiny_search import (
    README,
    RECIPE,
    blocks,
    command_in,
    query,
    read_json,
    write_search,
)

pytestmark = pytest.mark.ray

COMMANDS = next(block for block in blocks("sh", README) if "ray start" in block).splitlines()
MAKE_TOKEN, START_HEAD, START_NODE, SEARCH = (line.split("   #")[0] for line in COMMANDS)
VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS")


class Nodes(NamedTuple):
    """A head and a second node, with a home folder of their own."""

    address: str
    home: Path
    environment: dict[str, str]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Iterator[Nodes]:
    home = tmp_path_factory.mktemp("home")
    own = {name: value for name, value in environment.items() if name not in VARIABLES}
    own |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    # what is compiled is the machine's, not the user's
    own.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    subprocess.run(MAKE_TOKEN, shell=True, env=own, check=True)
    assert mode_of(home / ".ray" / "auth_token") == 0o600
    port = str(free_port())
    address = f"127.0.0.1:{port}"
    with (
        ray_node(START_HEAD.replace("6379", port), own),
        ray_node(START_NODE.replace("HEAD:6379", address), own),
    ):
        yield Nodes(address, home, own)


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user who never ran Ray; this process is theirs."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def mode_of(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def error_of_search(folder: Path, address: str) -> str:
    """The one message that ``nas search`` ends in, run by this process."""
    done = query(folder, "search", write_search(folder / "tiny.yaml"), f"ray.address={address}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("error:") == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (folder / "runs").exists()
    return done.stderr


def test_a_search_runs_on_every_node_and_the_driver_alone_writes(tmp_path, cluster):
    search_file = write_search(
        tmp_path / "tiny.yaml",
        # long enough that the other node's worker comes up before one has trained them all
        proxy=RECIPE | {"epochs": 100},
        # the states of paused trials travel
        scheduler={"name": "asha", "type": "rung_by_rung", "min_epochs": 50},
        sampler={"name": "random"},
        search={"n_trials": 6, "finalist_seeds": 1, "noise_candidates": 0},
    )
    # The nodes' processes create files that others may read, the driver none: a file that a
    # worker wrote into the run's folder would show.
    address = SEARCH.split()[-1].replace("HEAD:6379", cluster.address)
    done = command_in(tmp_path, cluster.environment, "search", search_file, address, umask=0o077)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "tiny"
    study = optuna.load_study(study_name="tiny", storage=f"sqlite:///{run / 'ledger.db'}")
    workers = {trial.user_attrs["worker"] for trial in study.trials}
    assert len(workers) == 2
    retrained = command_in(
        tmp_path, cluster.environment, "retrain", "tiny", "--pick", "best", umask=0o077
    )
    assert retrained.returncode == 0, retrained.stderr
    written = [path for path in run.rglob("*") if path.is_file()]
    assert len(written) > 8
    readable = [path for path in written if path.stat().st_mode & 0o077]
    assert readable == []
    assert read_json(query(tmp_path, "status", "tiny", "--json"))["trained"] == 6


def test_the_token_of_this_machine_is_sent(cluster, nobody, monkeypatch):
    monkeypatch.setenv("HOME", str(cluster.home))
    for address in (cluster.address, cluster.address.replace("127.0.0.1", "localhost")):
        with connected(RaySettings(address=address)):
            assert len(ray.nodes()) == 2
            assert ray.get(ray.remote(os.getenv).remote("RAY_AUTH_MODE")) == "token"
        assert "RAY_AUTH_MODE" not in os.environ  # as it was


def test_without_a_token_the_message_says_where_to_copy_it(cluster, nobody):
    message = error_of_search(nobody, cluster.address)
    assert "authentication failed" in message
    assert "demands a token, and there is none here" in message
    assert str(nobody / ".ray" / "auth_token") in message


@pytest.mark.parametrize("place", ["variable", "path", "file"])
def test_a_wrong_token_is_told_by_its_place(cluster, nobody, monkeypatch, place):
    wrong = "0123456789abcdef" * 4
    file = nobody / ".ray" / "auth_token"
    told = str(file)
    if place == "variable":
        monkeypatch.setenv("RAY_AUTH_TOKEN", wrong)
        told = "the environment variable RAY_AUTH_TOKEN"
    else:
        file = nobody / "elsewhere" if place == "path" else file
        file.parent.mkdir(exist_ok=True)
        file.write_text(wrong)
    if place == "path":
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
        told = str(file)
    message = error_of_search(nobody, cluster.address)
    assert f"authentication failed: the cluster at ray.address='{cluster.address}'" in message
    assert f"refuses the token in {told}" in message
    assert wrong not in message


def test_a_setting_that_forbids_what_the_cluster_demands(cluster, nobody, monkeypatch):
    monkeypatch.setenv("HOME", str(cluster.home))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    message = error_of_search(nobody, cluster.address)
    assert "demands a token, but RAY_AUTH_MODE=disabled is set here: unset it" in message


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"ray_version": "2.59.0"}, "runs Ray 2.59.0 on Python "),
        ({"python_version": "3.9.1"}, f"runs Ray {ray.__version__} on Python 3.9.1"),
    ],
)
def test_a_cluster_of_another_version(cluster, nobody, monkeypatch, other, told):
    monkeypatch.setenv("HOME", str(cluster.home))
    key, space = b"CLUSTER_METADATA", b"cluster"
    assert has_token()  # the process forgets that of an earlier test
    with ray_environment({"RAY_AUTH_MODE": "token"}):
        head = GcsClient(address=cluster.address)
        kept = head.internal_kv_get(key, space)
        changed = json.dumps(json.loads(kept) | other).encode()
        head.internal_kv_put(key, changed, overwrite=True, namespace=space)
        try:
            message = error_of_search(nobody, cluster.address)
        finally:
            head.internal_kv_put(key, kept, overwrite=True, namespace=space)
    assert told in message
    assert f"and this command Ray {ray.__version__}" in message
    assert "they must be equal, on every node" in message


@pytest.mark.slow  # a cluster of its own
def test_a_cluster_without_authentication_is_used_as_it_is(nobody, environment, monkeypatch):
    ensure_token()  # which is not asked for, and not sent
    port = free_port()
    address = f"127.0.0.1:{port}"
    own = environment | {"HOME": str(nobody)}
    with ray_node(f"RAY_AUTH_MODE=disabled ray start --head --port={port}", own):
        with connected(RaySettings(address=address)):
            assert ray.get(ray.remote(os.getenv).remote("RAY_AUTH_MODE")) == "disabled"
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        message = error_of_search(nobody, address)
    assert "runs without authentication, but RAY_AUTH_MODE=token is set here" in message


def test_a_local_ray_demands_a_token_that_others_cannot_read(nobody):
    with connected(RaySettings()):
        assert ray.get(ray.remote(os.getenv).remote("RAY_AUTH_MODE")) == "token"
    assert mode_of(nobody / ".ray" / "auth_token") == 0o600
    assert "RAY_AUTH_MODE" not in os.environ


def test_nothing_at_the_address(nobody):
    address = f"127.0.0.1:{free_port()}"
    message = error_of_search(nobody, address)
    assert f"no Ray cluster answers at ray.address='{address}': Connection refused" in message


@pytest.mark.slow  # waits for an answer for 5 s
def test_something_else_at_the_address(nobody):
    with socket.create_server(("", 0)) as other:
        message = error_of_search(nobody, f"127.0.0.1:{other.getsockname()[1]}")
    assert "something listens there, but it does not answer as Ray" in message


def test_no_address_at_all(nobody):
    assert "ray.address must be auto or host:port, got 'cluster'" in error_of_search(
        nobody, "cluster"
    )


def test_a_trial_larger_than_any_node_is_one_clear_error(tmp_path, nas):
    done = nas("search", write_search(tmp_path / "tiny.yaml"), "resources.gpus_per_trial=3")
    assert done.returncode == 1
    assert "a trial needs 1 CPUs and 3 GPUs (resources)" in done.stderr
