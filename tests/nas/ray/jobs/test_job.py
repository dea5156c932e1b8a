"""Ids, logs and reports of jobs, as values."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.config.sections import ResourceSettings
from nas.errors import ClusterError
from nas.ray.jobs.check import CHECK, COMPARED, Wanted, _forget_earlier, _problems
from nas.ray.jobs.check_script import unwritable
from nas.ray.jobs.following import _Shown, follow
from nas.ray.jobs.greeting import check_address
from nas.ray.jobs.head import Head
from nas.ray.jobs.job import Job, next_id
from nas.storage.run.environment import package_version
from tests.faults.mounts import NoMounts, full, read_only, small_disk
from tests.needed import lacking

NO_SPACE = os.strerror(errno.ENOSPC)


@given(
    st.sets(st.integers(1, 10**6)), st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,9}", fullmatch=True)
)
def test_an_attempt_has_a_number_that_none_had(attempts: set[int], name: str) -> None:
    others = [f"{name}-x", f"{name}x-99", f"x{name}-99", name]
    made = next_id(name, [*others, *(f"{name}-{number}" for number in attempts)])
    number = int(made.removeprefix(f"{name}-"))
    assert number == max(attempts, default=0) + 1


@given(st.text(max_size=60), st.lists(st.integers(1, 20)), st.lists(st.integers(0, 60), max_size=4))
def test_a_log_is_shown_once_through_broken_connections(
    log: str, pieces: Sequence[int], breaks: Sequence[int]
) -> None:
    shown: list[str] = []
    reader = _Shown(shown.append)
    for seen in (*breaks, len(log)):  # each connection begins anew, and breaks somewhere
        position, sizes = 0, iter([*pieces, *[7] * 60])
        while position < min(seen, len(log)):
            position = reader.take(log[position : min(seen, position + next(sizes))], position)
    assert "".join(shown) == log


@pytest.mark.parametrize(
    "address",
    [
        *("head:8265", "ray://head:10001", "http://", "http://head:0", "http://head:99999"),
        *("auto", "http://head:8265/jobs", "http://head:8265?x=1", "ftp://head"),
        *("http://[head:8265", "http://[::1", "http://head:port"),
    ],
)
def test_an_address_is_that_of_a_dashboard(address: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(f"got {address!r}")):
        check_address(address)


def test_an_address_has_no_password() -> None:
    with pytest.raises(ClusterError) as raised:
        check_address("http://me:s3cret@head:8265")
    assert "s3cret" not in str(raised.value)
    assert check_address("https://head.example.com/") == "https://head.example.com"


@pytest.mark.many_cases
def test_a_full_disk_takes_no_runs(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    try:
        with small_disk(disk, 8):
            assert unwritable(disk / "runs") == ""
            with full(disk):
                assert unwritable(disk / "runs") == f"{disk} cannot be written: {NO_SPACE}"
            with read_only(disk):
                assert unwritable(disk / "runs").startswith(f"{disk} cannot be written: Read-only")
    except NoMounts as error:
        lacking(f"no file system can be mounted: {error}")


class LogsOnly:
    """A head whose connection for a log ends early, as that of an agent which is replaced does."""

    address = "http://head:8265"

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.connections = 0

    def job(self, job_id: str) -> Job:
        status = "succeeded" if self.connections == len(self.pieces) else "running"
        return Job(job_id, status, "", None, None, None, None, None)

    async def following_log(self, job_id: str) -> AsyncIterator[str]:
        self.connections += 1
        yield "".join(self.pieces[: self.connections])


def test_a_log_that_ends_before_its_job_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nas.ray.jobs.following.RECONNECT_EVERY_SECONDS", 0.0)
    # those of aiohttp, which only the extra `cluster` installs
    monkeypatch.setattr("nas.ray.jobs.following._breaks", lambda: (RuntimeError,))
    shown: list[str] = []
    head: Any = LogsOnly("one\n", "two\n", "three\n")
    assert follow(head, "digits-1", shown.append).has_succeeded
    assert shown == ["one\n", "two\n", "three\n"]


def test_a_check_that_another_one_has_removed_is_no_error() -> None:
    long_ago = datetime.fromtimestamp(0, tz=UTC)

    class Forgetful:
        def jobs(self) -> list[Job]:
            return [Job("check-1", "succeeded", "", None, None, CHECK, long_ago, long_ago)]

        def forget(self, job_id: str) -> None:
            raise ClusterError(f"no job {job_id!r}")

    head: Any = Forgetful()
    _forget_earlier(head)


def report(**changes: object) -> dict[str, object]:
    """A check's report on a cluster of one node that has all."""
    import platform  # noqa: PLC0415

    versions = {name: package_version(name) for name in COMPARED}
    versions["python"] = platform.python_version()
    node = {"node": "10.0.0.2", "versions": versions, "missing": [], "modules": []}
    node |= {"cpus": 4.0, "gpus": 0.0}
    head = {"versions": versions, "missing": [], "modules": []}
    content = {"head": head, "nodes": [node], "runs": "", "run_exists": False}
    for key, value in changes.items():
        if key in content:
            content[key] = value
        else:
            content["nodes"] = [node | {key: value}]
    return content


WANTED = Wanted("r", "/runs", {}, {"data.path": "/data"}, ["mine"], ResourceSettings())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": ["data.path"]}, ["data.path=/data is missing on node 10.0.0.2"]),
        ({"modules": ["mine"]}, ["the module 'mine' is not installed on node 10.0.0.2"]),
        (
            {"runs": "/ is no place"},
            ["no runs can be written to --runs=/runs on the head: / is no"],
        ),
        ({"cpus": 0.0}, ["a trial needs 1 CPUs and 0 GPUs"]),
        ({"error": "no answer"}, ["node 10.0.0.2 cannot be checked: no answer"]),
        ({}, []),
    ],
)
def test_all_that_a_cluster_lacks_is_told(changes: dict[str, object], said: list[str]) -> None:
    problems = list(_problems(report(**changes), WANTED))
    assert len(problems) == len(said)
    for problem, expected in zip(problems, said, strict=True):
        assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("package", "version", "is_other"),
    [
        ("torch", "1.0.0", True),
        ("torch", "+cu126", False),
        ("ray", "2.0.0", True),
        ("python", "3.8.1", True),
        ("convattn", "9", True),
        ("convattn", None, True),
    ],
)
def test_versions_must_be_equal_but_for_torchs_build(
    package: str, version: str | None, is_other: bool
) -> None:
    own = str(package_version("torch")).partition("+")[0]
    theirs = f"{own}{version}" if version and version.startswith("+") else version
    versions = report()["head"]["versions"] | {package: theirs}  # type: ignore[index]
    problems = [*_problems(report(versions=versions), WANTED)]
    assert len(problems) == is_other
    assert not problems or package in problems[0]


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)  # as if it were not installed
    with pytest.raises(ClusterError, match=r"needs the extra 'cluster': pip install 'convattn\[cl"):
        Head("http://127.0.0.1:8265")
