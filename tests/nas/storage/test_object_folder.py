"""Full trainings' checkpoints and networks at a URL: a local folder, and S3 by moto's server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from nas.cli.main import main
from nas.config.search_config import SearchConfig
from nas.errors import RunError
from nas.storage.ledger import Ledger
from nas.storage.networks import object_folder
from nas.storage.networks.network_file import load_network
from nas.storage.networks.object_folder import ObjectFolder, read_object
from nas.storage.networks.retraining import Retraining
from nas.storage.run.folder import RunFolder
from search_space.architecture import Task
from search_space.space import SearchSpace
from search_space.yaml_validation import ConfigError
from tests.end_to_end.ray_nodes import free_port
from tests.nas.trained_in_full import trained_in_full
from tests.needed import lacking
from trainers import CheckpointError

ConfigOf = Callable[..., SearchConfig]

SECRET = "PelikanSecret/0123456789"

START_SECONDS = 60
REQUESTS_BEFORE_KEYS_ARE_CHECKED = 4


class Store(NamedTuple):
    """An S3 server that checks credentials, with the only valid ones."""

    endpoint: str
    key_id: str
    secret: str

    def url(self, bucket: str) -> str:
        return f"s3://{bucket}/some/networks?endpoint_override={self.endpoint}&region=us-east-1"


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    try:
        import boto3  # noqa: PLC0415
        import moto.server  # noqa: F401, PLC0415
    except ImportError:
        lacking("moto[server] is not installed")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(REQUESTS_BEFORE_KEYS_ARE_CHECKED)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        options: dict[str, Any] = {
            "endpoint_url": endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
        }
        _wait_for(port)
        iam = boto3.client("iam", **options)
        iam.create_user(UserName="nas")
        allowed = '{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}'
        document = f'{{"Version": "2012-10-17", "Statement": [{allowed}]}}'
        iam.put_user_policy(UserName="nas", PolicyName="s3", PolicyDocument=document)
        key = iam.create_access_key(UserName="nas")["AccessKey"]
        boto3.client("s3", **options).create_bucket(Bucket="trained")
        yield Store(endpoint, key["AccessKeyId"], key["SecretAccessKey"])
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int) -> None:
    import socket  # noqa: PLC0415

    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Store:
    """The server, with its credentials in the environment."""
    object_folder._opened.cache_clear()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret)
    return server


@pytest.fixture(params=["s3", "file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectFolder:
    if request.param == "file":
        return ObjectFolder((tmp_path / "there").as_uri()).folder("a b")
    store: Store = request.getfixturevalue("store")
    return ObjectFolder(store.url("trained")).folder("a b")


def test_a_file_is_there_until_it_is_removed(folder: ObjectFolder) -> None:
    folder.check()
    assert folder.read("x.pt") is None
    folder.write("x.pt", b"1")
    folder.write("x.pt", b"two")
    assert folder.read("x.pt") == read_object(folder.place("x.pt")) == b"two"
    assert ObjectFolder(folder.url).read("y.pt") is None
    folder.remove("x.pt")
    folder.remove("x.pt")
    assert folder.read("x.pt") is None
    with pytest.raises(CheckpointError, match="there is no file"):
        read_object(folder.place("x.pt"))


def test_a_training_is_kept_resumed_and_read_there(
    folder: ObjectFolder,
    config_of: ConfigOf,
    runs: Path,
    small_space: SearchSpace,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = config_of(networks_url=folder.url)
    run = RunFolder.create(runs, config)
    assert run.config() == config
    training = Retraining.of(small_space.numbered(3), 0, config, run)
    assert training.start() is None
    state = {"identity": {"seed": training.seed}, "epoch": 1, "weights": torch.ones(3)}
    training.save_state(state)
    again = Retraining.of(small_space.numbered(3), 0, config, run).start()
    assert again is not None
    assert again["epoch"] == 1
    assert torch.equal(again["weights"], torch.ones(3))
    training.set_state_aside()
    assert training.start() is None
    assert "begins anew" in caplog.text
    assert [file.name for file in training.folder.iterdir()] == ["recipe.yaml"]
    with pytest.raises(CheckpointError, match=r"there is no file .*model\.pt"):
        load_network(training.model_place)


def test_a_finished_network_is_classified_with_from_there(
    folder: ObjectFolder,
    config_of: ConfigOf,
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    small_space: SearchSpace,
    task: Task,
) -> None:
    config = config_of(networks_url=folder.url)
    run, ledger = start(config)
    training = Retraining.of(small_space.numbered(3), 0, config, run)
    training.start()
    training.save_state({"identity": {"seed": 1}, "epoch": 1})
    trained_in_full(training, config, ledger, task)
    network = load_network(training.model_place, require_complete=True)
    images = torch.zeros(2, *task.input_shape)
    assert len(network.predictions(images)) == 2
    assert training.start() is None  # its state is gone
    assert not training.model_file.exists()


BAD = {
    "bucket": ("nosuch", {}, "NoSuchBucket|NO_SUCH_BUCKET|bucket does not exist"),
    "key": ("trained", {"AWS_ACCESS_KEY_ID": "AKIAPELIKAN000000000"}, "ACCESS|Access|INVALID"),
    "secret": ("trained", {"AWS_SECRET_ACCESS_KEY": SECRET}, "SIGNATURE|ACCESS|signature"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_store_that_refuses_is_one_clear_error(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    bucket, changes, told = BAD[bad]
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RunError, match=told) as caught:
        ObjectFolder(store.url(bucket)).check()
    said = f"{caught.value} {caplog.text}"
    assert said.startswith(f"networks_url={store.url(bucket)} cannot be used: ")
    for secret in (store.secret, SECRET):
        assert secret not in said


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:Pelikan@bucket/x",
        "s3://Pelikan@bucket/x",
        "s3://bucket/x?secret_key=Pelikan",
        "s3://bucket/x?access_key=Pelikan",
        "abfs://box@account.dfs.core.windows.net/x?sas_token=Pelikan",
        "abfs://:Pelikan@account/x",
        "s3://[Pelikan/x",
        ["Pelikan"],
    ],
)
def test_no_credentials_stand_in_the_url_or_in_the_message(config_of: ConfigOf, url: Any) -> None:
    with pytest.raises(ConfigError, match="networks_url: must be the URL of a folder") as caught:
        config_of(networks_url=url)
    assert "Pelikan" not in str(caught.value)


@pytest.mark.parametrize("url", ["runs", "/data/x", "s3:bucket", "s3://", "s3://b/x#y", ""])
def test_what_is_no_url_of_a_folder(config_of: ConfigOf, url: str) -> None:
    with pytest.raises(ConfigError, match="networks_url: must be the URL of a folder"):
        config_of(networks_url=url)


def test_a_scheme_that_arrow_does_not_know_is_one_clear_error() -> None:
    with pytest.raises(RunError, match="networks_url=nosuch://x/y cannot be used"):
        ObjectFolder("nosuch://x/y").check()


def test_predict_reads_a_network_at_a_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "model.pt").write_bytes(b"no network")
    url = (tmp_path / "model.pt").as_uri()
    monkeypatch.setattr(sys, "argv", ["nas", "predict", url, str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = "".join(capsys.readouterr().err.split("\n"))
    assert said.startswith(f"error: the checkpoint {url} is truncated, damaged or another kind")
