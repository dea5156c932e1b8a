"""The time of a search's workers, kept in the ledger while the search runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from nas.errors import RunError
from nas.evaluation.time_parts import TimePart
from nas.latency.measurements import Meter
from nas.search.time_account.places import Places, PlacesTime
from nas.search.waiting import Waiting
from nas.storage.sessions import WRITE_EVERY_SECONDS, Session, attribute_name, sessions_in
from search_space.architecture import Architecture
from search_space.cost.latency_record import DeviceBusy, Latency

log = logging.getLogger(__name__)


class SessionRecords(Protocol):
    """A study's attributes. :class:`nas.search.trials.Trials` has them."""

    def attributes(self) -> dict[str, object]:
        """Return those of the search's study."""

    def write_attribute(self, name: str, value: object) -> None:
        """Write one, in a transaction of its own."""

    def wait_no_more(self) -> None:
        """Wait for no server from now on."""


class SearchTime:
    """The places of a search's workers, and the sessions in the ledger.

    Args:
        records: where sessions are written.
        waiting: what the driver waits for.
        remaining_seconds: returns the time to the search's end, None if it is not known.
        growth_an_hour: returns what the next hour is expected to add, None if it is not known.
    """

    def __init__(
        self,
        records: SessionRecords,
        waiting: Waiting,
        remaining_seconds: Callable[[], float | None],
        growth_an_hour: Callable[[], float | None],
    ) -> None:
        self._records = records
        self._waiting = waiting
        self._remaining_seconds = remaining_seconds
        self._growth_an_hour = growth_an_hour
        self.places = Places(waiting.idle)
        self._name = ""
        self._began = datetime.now(UTC)
        self._next_write = 0.0

    @contextmanager
    def session(self, workers: int) -> Iterator[None]:
        """Account for the places of so many workers while the block runs.

        If the block raises, what can be written is written without waiting for the storage.

        Raises:
            RunError: the ledger cannot be written.
        """
        self._name = attribute_name(len(sessions_in(self._records.attributes())))
        self._began = datetime.now(UTC)
        self.places.open(workers)
        self._write(self.places.reading(), ended=False)
        try:
            yield
        except BaseException:
            self._records.wait_no_more()
            try:
                self._write(self.places.close(), ended=True)
            except RunError as error:
                log.warning("where the time of the workers went is not written: %s", error)
            raise
        self._write(self.places.close(), ended=True)

    def idle(self, reason: TimePart) -> None:
        """Say why a place is empty from now on, outside of waits."""
        self._waiting.idle.usually(reason)

    def timed(self, meter: Meter, note: Callable[[float], None] | None = None) -> Meter:
        """Return a meter that accounts for its time; all places are kept free for it.

        Args:
            meter: measures latencies.
            note: called with the seconds of all places after each measurement that does not raise;
                None for a measurement that is of no trial.
        """

        def measure(architectures: Sequence[Architecture]) -> Sequence[Latency | str | DeviceBusy]:
            before = self._waiting.idle.reading()
            with self._waiting.idle.during("latency"):
                measured = meter(architectures)
            seconds = self._waiting.idle.since(before).get("latency", 0.0)
            if note is not None:
                note(seconds * max(1, self.places.number))
            return measured

        return measure

    def note(self) -> None:
        """Write the session, if it was last written long enough ago.

        Raises:
            RunError: the ledger cannot be written.
        """
        if self.places.number and time.monotonic() >= self._next_write:
            self._write(self.places.reading(), ended=False)

    def _write(self, reading: PlacesTime, *, ended: bool) -> None:
        session = Session(
            began=self._began,
            updated=datetime.now(UTC),
            wall_seconds=reading.wall_seconds,
            workers=reading.places,
            seconds=dict(reading.seconds),
            trainings=reading.ended,
            running=reading.running,
            running_seconds=max(0.0, reading.running_seconds),
            remaining_seconds=None if ended else self._remaining_seconds(),
            expected_growth_an_hour=self._growth_an_hour(),
            waiting=self._waiting.reason,
            ended=ended,
        )
        self._records.write_attribute(self._name, session.to_json())
        self._next_write = time.monotonic() + WRITE_EVERY_SECONDS
