"""Signals that stop a command: other handlers for them while a block runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Handler = Callable[[int, FrameType | None], object]


@contextmanager
def noted(note: Callable[[], object]) -> Iterator[None]:
    """Call ``note`` when a signal stops this process in the block, before its own handler.

    A signal without a handler of Python's raises KeyboardInterrupt; an ignored one stays ignored.
    In another thread than the main one, the block runs as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: handler
        for number in STOPPING
        if (handler := signal.getsignal(number)) != signal.SIG_IGN
    }
    for number, handler in before.items():
        signal.signal(number, _noting(note, handler if callable(handler) else _interrupt))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def ignored() -> Iterator[None]:
    """Ignore further signals while a command that one has stopped says how to go on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _noting(note: Callable[[], object], handler: Handler) -> Handler:
    def handle(number: int, frame: FrameType | None) -> None:
        note()
        handler(number, frame)

    return handle


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
