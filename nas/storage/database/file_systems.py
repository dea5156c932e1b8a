"""The file system that a path is on: SQLite needs one of this machine's own.

Over a network its locks are not reliable, and its write-ahead file is shared memory, which two
machines do not share (https://www.sqlite.org/wal.html, https://www.sqlite.org/faq.html#q5).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

NETWORK_TYPES = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "coda", "davfs"),
        *("lustre", "gpfs", "beegfs", "fhgfs", "ceph", "glusterfs", "panfs", "pvfs2", "orangefs"),
        *("wekafs", "ocfs2", "gfs2", "moosefs", "mfs", "juicefs", "s3fs", "sshfs", "curlftpfs"),
        *("rclone", "gcsfuse", "goofys", "blobfuse", "blobfuse2", "mountpoint-s3", "hdfs"),
        "quobyte",
    )
)
"""The types of network file systems and of those that machines share, as ``/proc/mounts`` has them;
those of programs have ``fuse.`` before the name."""

FUSE = "fuse."


class Mount(Protocol):
    """A mounted file system, as :func:`psutil.disk_partitions` describes it."""

    @property
    def mountpoint(self) -> str:
        """The folder at which it is."""

    @property
    def fstype(self) -> str:
        """Its type."""


class FileSystem(NamedTuple):
    """A mounted file system."""

    type: str
    mount_point: Path

    @property
    def is_network(self) -> bool:
        """Whether it is one of a network, or one that machines share."""
        return self.type.lower().removeprefix(FUSE) in NETWORK_TYPES


def file_system_of(path: Path, mounts: Iterable[Mount] | None = None) -> FileSystem | None:
    """Return the file system that a path is on, or will be on once it is made.

    Args:
        path: any path; links in it are followed.
        mounts: all that are mounted, in the order in which they were; None asks the system.

    Returns:
        None where the system does not say.
    """
    import psutil  # noqa: PLC0415 - only what writes asks

    resolved = path.resolve()
    above: FileSystem | None = None
    for mount in psutil.disk_partitions(all=True) if mounts is None else mounts:
        point = Path(mount.mountpoint)
        # of two at one place, the later hides the earlier
        if resolved.is_relative_to(point) and (
            above is None or point.is_relative_to(above.mount_point)
        ):
            above = FileSystem(mount.fstype, point)
    return above


def network_place(path: Path, mounts: Iterable[Mount] | None = None) -> str:
    """Return a text such as ``/data, a network file system (nfs4)``; empty if it is on none."""
    system = file_system_of(path, mounts)
    if system is None or not system.is_network:
        return ""
    return f"{system.mount_point}, a network file system ({system.type})"
