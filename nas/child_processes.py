"""Child processes that use one thread each, and end with their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def inherited_by_children() -> Iterator[None]:
    """Let child processes start with one thread and Ctrl-C blocked: the parent ends them."""
    threads = os.environ.get("OMP_NUM_THREADS")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)  # a pending Ctrl-C is delivered now


def end_with_parent() -> None:
    """End this process with its parent, which cannot do so itself when it is killed."""
    threading.Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
