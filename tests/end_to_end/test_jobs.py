"""Jobs on a real head with a token: submitted, followed, interrupted, stopped, submitted again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.end_to_end.ray_nodes import free_port, ray_node
from tests.end_to_end.tiny_search import (
    README,
    RECIPE,
    blocks,
    command_in,
    nas_command,
    query,
    read_json,
    write_search,
)
from tests.needed import lacking
from tests.postgresql_server import PASSWORD, running_server

pytestmark = pytest.mark.ray

VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS")
TOKEN = "5ecre7" * 10

Nas = Callable[..., subprocess.CompletedProcess[str]]


class JobsHead(NamedTuple):
    """A head that takes jobs, and a user who has its token."""

    address: str
    gcs: str
    home: Path
    environment: dict[str, str]
    runs: Path  # on a disk that the head has


@pytest.fixture(scope="module")
def head(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Iterator[JobsHead]:
    try:
        import aiohttp  # noqa: F401, PLC0415
    except ImportError:
        lacking("the extra 'cluster' is not installed")
    home = tmp_path_factory.mktemp("home")
    own = {name: value for name, value in environment.items() if name not in VARIABLES}
    own |= {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}
    own.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # what was compiled is kept
    token = home / ".ray" / "auth_token"
    token.parent.mkdir()
    token.touch(mode=0o600)
    token.write_text(TOKEN)
    # the job's password is in the head's environment alone
    of_head = own | {"PGPASSWORD": PASSWORD}
    port, dashboard = free_port(), free_port()
    with ray_node(
        f"RAY_AUTH_MODE=token ray start --head --port={port} --dashboard-port={dashboard}", of_head
    ):
        yield JobsHead(
            f"http://127.0.0.1:{dashboard}",
            f"127.0.0.1:{port}",
            home,
            own,
            tmp_path_factory.mktemp("shared") / "runs",
        )


@pytest.fixture
def user(head: JobsHead, tmp_path: Path) -> Nas:
    """Runs ``nas ARGUMENTS`` as the user with the token, from a folder that is not the head's."""
    environment = head.environment | {"RAY_API_SERVER_ADDRESS": head.address}
    return lambda *arguments: command_in(tmp_path, environment, *arguments)


@pytest.fixture
def tester(head: JobsHead, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is that user; ``query`` runs commands in it. Returns their home folder."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(head.home))
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", head.address)
    return head.home


def error_of(folder: Path, *arguments: object) -> str:
    """The one message that a command ends in, run by this process."""
    done = query(folder, *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("error:") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def submission(head: JobsHead, folder: Path, *overrides: str) -> tuple[object, ...]:
    """The arguments that submit the tiny search."""
    search = write_search(folder / "tiny.yaml")
    return ("submit", "search", search, *overrides, "--runs", head.runs)


def test_a_search_is_submitted_and_stands_in_the_folder_that_is_shared(head, user, tmp_path):
    """The short form of the next test."""
    smaller = ("search.n_trials=2", "search.finalist_seeds=1", "search.noise_candidates=0")
    done = user(*submission(head, tmp_path, "name=short", *smaller))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "submitted job short-1; Ctrl-C leaves it running. Follow it with: nas job" in done.stdout
    assert "Pareto front" in done.stdout
    assert "job short-1 is over" in done.stdout
    shown = query(tmp_path, "status", "short", "--runs", head.runs, "--json", "--trust")
    assert read_json(shown)["trained"] == 2


@pytest.mark.slow
def test_interrupted_followed_stopped_and_submitted_again_it_resumes(head, user, tester, tmp_path):
    longer = write_search(
        tmp_path / "tiny.yaml",
        name="longer",
        proxy=RECIPE | {"epochs": 100},
        sampler={"name": "random"},
        search={"n_trials": 8, "finalist_seeds": 1, "noise_candidates": 0},
    )
    submit = ("submit", "search", longer, "--runs", head.runs)
    environment = head.environment | {"RAY_API_SERVER_ADDRESS": head.address}
    first = subprocess.Popen(
        nas_command(*submit),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert first.stdout is not None
    for line in first.stdout:
        if "trials 1/" in line or "trials 2/" in line:
            first.send_signal(signal.SIGINT)
            break
    rest = first.stdout.read()
    assert first.wait() == 130, rest
    assert "job longer-1 goes on; follow it with: nas job logs longer-1 --follow" in rest

    # it runs, so that it is not submitted twice
    assert "job longer-1 (search) writes the run 'longer' already" in error_of(tmp_path, *submit)
    assert read_json(query(tmp_path, "job", "status", "longer-1", "--json"))["status"] == "running"

    follower = subprocess.Popen(
        nas_command("job", "logs", "longer-1", "--follow"),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    stopped = query(tmp_path, "job", "stop", "longer-1")
    assert stopped.stdout == "job longer-1 is stopped\n", stopped.stderr
    followed, _ = follower.communicate()
    assert follower.returncode == 1
    assert "trials are trained" in followed
    assert "the `nas submit search` that submitted job longer-1, given again" in followed
    assert followed.endswith("job longer-1 is stopped\n")

    again = user(*submit)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "submitted job longer-2; it goes on with the run" in again.stdout
    assert "resuming longer" in again.stdout
    shown = query(tmp_path, "status", "longer", "--runs", head.runs, "--json", "--trust")
    assert read_json(shown)["trained"] == 8

    jobs = {job["id"]: job for job in read_json(query(tmp_path, "job", "list", "--json"))}
    assert (jobs["longer-1"]["status"], jobs["longer-2"]["status"]) == ("stopped", "succeeded")
    assert "longer-2" in query(tmp_path, "job", "list").stdout
    assert TOKEN not in json.dumps(jobs) + followed + again.stdout


@pytest.mark.slow
def test_full_trainings_and_a_trace_are_jobs_too(head, user, tmp_path):
    smaller = ("search.n_trials=3", "search.finalist_seeds=1", "search.noise_candidates=0")
    searched = user(*submission(head, tmp_path, "name=traced-one", *smaller))
    assert searched.returncode == 0, searched.stdout + searched.stderr
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(RECIPE | {"epochs": 3}))
    retrained = user(
        *("submit", "retrain", "traced-one", "recipe=mine.yaml", "recipe.batch_size=25"),
        *("--pick", "best", "--runs", head.runs),
    )
    assert retrained.returncode == 0, retrained.stdout + retrained.stderr
    assert "submitted job traced-one-2" in retrained.stdout
    assert list(head.runs.glob("traced-one/retrain/*/model.pt"))
    trace = {
        "name": "traced",
        "title": "tiny",
        "search_file": "tiny.yaml",
        "families": [{"name": "resnet20", "networks": ["resnet20@0.1"], "recipe": "mine.yaml"}],
    }
    (tmp_path / "trace.yaml").write_text(yaml.safe_dump(trace))
    traced = user("submit", "trace", "trace.yaml", "--runs", head.runs)
    assert traced.returncode == 0, traced.stdout + traced.stderr
    assert (head.runs / "traced" / "trace.png").is_file()


@pytest.mark.slow
def test_a_password_reaches_a_job_by_the_heads_environment_alone(
    head, user, tester, tmp_path, monkeypatch
):
    """Neither the job's details, nor its log, nor what is sent, has any part of it."""
    sent = tmp_path / "sent"
    with running_server() as server:
        url = server.url
        done = user(
            *submission(head, tmp_path, "name=on-server", "search.n_trials=2", f"storage={url}"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # and from outside, by the URL of the storage alone
        bare = url.partition("://")[0] + "://nas@" + url.rpartition("@")[2]
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        shown = read_json(query(tmp_path, "status", "on-server", "--storage", bare, "--json"))
        assert (shown["state"], shown["trained"]) == ("finished", 2)
        front = query(tmp_path, "frontier", "on-server", "--storage", bare, "--json")
        assert read_json(front)["members"]
    details = query(tmp_path, "job", "status", "on-server-1", "--json").stdout
    log = query(tmp_path, "job", "logs", "on-server-1").stdout
    staged = staged_files(tmp_path, sent, f"storage={url}")
    written = "".join(
        file.read_text(errors="replace") for file in head.runs.glob("on-server/*") if file.is_file()
    )
    raw = raw_details(head, "on-server-1")
    for text in (done.stdout + done.stderr, details, log, staged, written, raw):
        assert text
        for secret in (PASSWORD, url, url.partition("@")[0], "s3cret"):
            assert secret not in text


def staged_files(folder: Path, target: Path, *overrides: str) -> str:
    """The content of all files that a submission of the tiny search sends."""
    from nas.workflows.staging.staged_job import stage_search  # noqa: PLC0415

    target.mkdir()
    stage_search(write_search(folder / "tiny.yaml"), overrides, target)
    return "".join(file.read_text() for file in target.rglob("*") if file.is_file())


def raw_details(head: JobsHead, job: str) -> str:
    """All that Ray's API returns about a job."""
    import requests  # noqa: PLC0415

    answer = requests.get(
        f"{head.address}/api/jobs/{job}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
    )
    assert answer.status_code == 200
    return answer.text


@pytest.mark.slow
def test_a_type_of_the_users_own_is_sent_along(head, user, tmp_path):
    section = README.partition("### A primitive of your own\n")[2].partition("\n## ")[0]
    (module,), (config,) = blocks("python", section), blocks("yaml", section)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "separable.py").write_text(module)
    (folder / "own.yaml").write_text(config)
    smaller = ("search.n_trials=3", "search.finalist_seeds=1", "search.noise_candidates=0")
    submit = ("submit", "search", "project/own.yaml", *smaller, "proxy.epochs=1")
    done = user(*submit, "--runs", head.runs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Pareto front" in done.stdout


def test_bad_input_is_one_error_before_anything_is_sent(head, tester, tmp_path, monkeypatch):
    arguments = submission(head, tmp_path)
    relative = ("submit", "search", tmp_path / "tiny.yaml", "--runs", "runs")
    assert "--runs must be an absolute path that the cluster has" in error_of(tmp_path, *relative)
    folder = tmp_path / "flowers"
    folder.mkdir()
    message = error_of(tmp_path, *arguments, "data={name: image_folder, path: flowers}")
    assert "data.path must be an absolute path that the cluster has" in message
    assert "got 'flowers'" in message
    message = error_of(tmp_path, *arguments, "storage=sqlite:///all.db")
    assert "storage: its file must be an absolute path" in message
    nowhere = f"http://127.0.0.1:{free_port()}"
    message = error_of(tmp_path, *arguments, "--address", nowhere)
    assert f"no Ray head answers at --address={nowhere}: Connection refused" in message
    message = error_of(tmp_path, *arguments, "--address", head.gcs)
    assert "--address must be that of the head's dashboard, such as http://head:8265" in message
    assert "no job 'none-1' at" in error_of(tmp_path, "job", "status", "none-1")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
    message = error_of(tmp_path, *arguments)
    assert "refuses the token in the environment variable RAY_AUTH_TOKEN" in message
    assert "0123456789" not in message
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "demands a token, and there is none here" in error_of(tmp_path, "job", "list")


@pytest.mark.slow
def test_what_the_cluster_lacks_is_one_error_before_anything_is_scheduled(head, tester, tmp_path):
    data = "data={name: image_folder, path: /nowhere/flowers, image_size: [8, 8]}"
    message = error_of(
        tmp_path, *submission(head, tmp_path, data, "resources.gpus_per_trial=3", "name=lacks")
    )
    assert "data.path=/nowhere/flowers is missing on node" in message
    assert "a trial needs 1 CPUs and 3 GPUs (resources)" in message
    message = error_of(tmp_path, "submit", "retrain", "never", "--runs", head.runs)
    assert f"there is no run 'never' in --runs={head.runs} on the head" in message
    search = write_search(tmp_path / "tiny.yaml")  # a file, in which no folder can be made
    message = error_of(tmp_path, "submit", "search", search, "--runs", search / "runs")
    assert f"no runs can be written to --runs={search / 'runs'} on the head" in message
    assert not any(
        job["run"] == "lacks" for job in read_json(query(tmp_path, "job", "list", "--json"))
    )


@pytest.mark.slow
def test_a_device_that_no_node_has(head, tester, tmp_path):
    message = error_of(tmp_path, *submission(head, tmp_path, "resources.device=NVIDIA H200"))
    assert "no node has resources.device='NVIDIA H200'; they have " in message


@pytest.mark.slow
def test_other_versions_are_told(head, tester, tmp_path, monkeypatch):
    from nas.ray.jobs import check  # noqa: PLC0415

    real = check.package_version
    monkeypatch.setattr(
        check, "package_version", lambda name: "9.9" if name == "torch" else real(name)
    )
    message = error_of(tmp_path, *submission(head, tmp_path))
    assert "and this machine 9.9: they must be equal" in message
    assert message.count("has torch ") == 2  # the node and the head, and nothing else differs


@pytest.mark.slow  # a head of its own
def test_a_head_without_authentication_is_used_only_when_asked(
    environment, tmp_path, tester, monkeypatch
):
    port = free_port()
    own = environment | {"HOME": str(tmp_path)}
    command = f"RAY_AUTH_MODE=disabled ray start --head --port=0 --dashboard-port={port}"
    address = f"http://127.0.0.1:{port}"
    with ray_node(command, own):
        message = error_of(tmp_path, "job", "list", "--address", address)
        assert "runs without authentication, so that whoever reaches it may run code" in message
        listed = query(tmp_path, "job", "list", "--address", address, "--allow-open")
        assert "no jobs were submitted" in listed.stdout


def test_something_else_at_the_address(tester, tmp_path):
    from http.server import HTTPServer, SimpleHTTPRequestHandler  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{other.server_port}"
        message = error_of(tmp_path, "job", "list", "--address", address)
        other.shutdown()
    assert "something listens there, but it does not answer as Ray's dashboard does" in message
    with socket.create_server(("127.0.0.1", 0)) as closed:
        closed_port = closed.getsockname()[1]
    assert str(closed_port) in error_of(
        tmp_path, "job", "list", "--address", f"http://127.0.0.1:{closed_port}"
    )
    assert os.environ["RAY_API_SERVER_ADDRESS"]  # the option wins over the variable
