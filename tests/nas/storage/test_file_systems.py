"""The file system of a path, by mounts that are given and, where it is allowed, by a real one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.storage.database.file_systems import NETWORK_TYPES, file_system_of, network_place
from tests.needed import lacking


class Mounted(NamedTuple):
    mountpoint: str
    fstype: str


LOCAL = [Mounted("/", "ext4"), Mounted("/proc", "proc"), Mounted("/scratch", "xfs")]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "lustre", "gpfs", "fuse.sshfs", "NFS"])
def test_the_nearest_mount_above_a_path_counts(kind: str) -> None:
    mounts = [*LOCAL, Mounted("/data", kind), Mounted("/data/here", "ext4")]
    assert network_place(Path("/data/runs/a"), mounts) == (f"/data, a network file system ({kind})")
    assert network_place(Path("/data"), mounts)
    for local in ("/data/here/runs", "/database/runs", "/scratch/x", "/x"):
        assert not network_place(Path(local), mounts)


def test_the_later_of_two_mounts_at_one_place_hides_the_other() -> None:
    over = [*LOCAL, Mounted("/data", "ext4"), Mounted("/data", "nfs")]
    assert network_place(Path("/data/x"), over)
    assert not network_place(Path("/data/x"), [*over, Mounted("/data", "tmpfs")])


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "runs").symlink_to("shared")
    mounts = [*LOCAL, Mounted(str(tmp_path / "shared"), "nfs")]
    assert network_place(tmp_path / "runs" / "not" / "there", mounts)


NAMES = st.text("ab", min_size=1, max_size=2)
PATHS = st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(names))


@given(st.lists(st.builds(Mounted, PATHS, st.sampled_from(["ext4", "nfs4"]))), PATHS)
def test_it_is_that_of_the_longest_mount_point(mounts: list[Any], path: str) -> None:
    """By a second way to say it: the last of those with most parts, among those above the path."""
    above = [m for m in mounts if f"{path}/".startswith(f"{m.mountpoint.rstrip('/')}/")]
    system = file_system_of(Path(path), mounts)
    if not above:
        assert system is None
        return
    deepest = max(len(Path(m.mountpoint).parts) for m in above)
    last = [m for m in above if len(Path(m.mountpoint).parts) == deepest][-1]
    assert system is not None
    assert (str(system.mount_point), system.type) == (last.mountpoint, last.fstype)
    assert system.is_network == (last.fstype in NETWORK_TYPES)


def test_this_machine_says_of_what_type_a_folder_is(tmp_path: Path) -> None:
    system = file_system_of(tmp_path)
    assert system is not None
    shown = subprocess.run(
        ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode == 0:
        assert system.type in shown.stdout.split()


@pytest.fixture
def network_mount(tmp_path: Path) -> Iterator[Path]:
    """A folder that the system's kernel and tools take for one of sshfs, by FUSE."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this kernel has no FUSE, which makes a mount of a network's type")
    bindfs = shutil.which("bindfs")
    if bindfs is None:
        lacking("there is no bindfs, which makes a mount of a network's type")
    behind, folder = tmp_path / "behind", tmp_path / "mounted"
    behind.mkdir()
    folder.mkdir()
    command = [bindfs, "-o", "subtype=sshfs", str(behind), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lacking(f"this process may not mount: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_real_mount_is_recognised(network_mount: Path) -> None:
    assert network_place(network_mount / "runs" / "new") == (
        f"{network_mount}, a network file system (fuse.sshfs)"
    )
