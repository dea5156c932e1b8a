"""A run's ledger on the driver's own disk, of which the run's folder gets a copy.

SQLite cannot be relied on over a network (:mod:`nas.storage.database.file_systems`). With the
setting ``ledger_folder``, the command that drives a run takes the ledger to a folder on its own
disk. A consistent copy, made by SQLite's backup, is renamed into the run's folder every minute and
at the end, and every command that only reads a run reads that copy.

Of a ledger on a disk and the copy in the run's folder, this one counts:

- A driver that ends, in whatever way but being killed, puts the whole ledger back and removes its
  own. From then on there is one ledger again, in the run's folder.
- After a killed driver, the run's record (:mod:`nas.storage.run.ledger_away`) names a file that is
  still on its disk. The next driver on that machine goes on with the file: it has all rows of the
  copy, which was made from it, and perhaps more.
- A driver elsewhere, or one whose file is gone, goes on from the copy, with a warning that says how
  old it is and where the rows after it are. From then on the record names the new file. The old one
  is left where it is, and no driver takes it up again.
"""

from __future__ import annotations

import logging
import platform
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nas.config.search_config import SearchConfig
from nas.config.storage_url import sqlite_file
from nas.errors import RunError
from nas.storage.archive import restore
from nas.storage.database.file_systems import network_place
from nas.storage.database.sqlite_files import remove_database
from nas.storage.database.sqlite_reading import open_for_reading
from nas.storage.run.folder import RunFolder
from nas.storage.run.ledger_away import LedgerAway, ledger_away, note_away, note_back
from nas.storage.whole_file import write_whole

log = logging.getLogger(__name__)

COPY_EVERY_SECONDS = 60.0


def check_file_systems(config: SearchConfig, run_path: Path) -> None:
    """Refuse an SQLite ledger that would be written on a network file system.

    Args:
        config: of the run.
        run_path: the run's folder, which need not exist.

    Raises:
        RunError: it would be; the message has the remedies.
    """
    if config.ledger_folder is not None:
        if place := network_place(Path(config.ledger_folder)):
            raise RunError(
                f"ledger_folder must be on this machine's own disk, got {config.ledger_folder}, "
                f"which is on {place}"
            )
        return
    file = run_path if config.storage is None else sqlite_file(config.storage)
    if file is None or not (place := network_place(file)):
        return
    raise RunError(
        f"the SQLite ledger of run {config.name!r} would be written on {place}, where SQLite's "
        "locks do not hold and rows can be lost: give a PostgreSQL server with "
        "storage=postgresql://user@host/database, or a folder on this machine's own disk with "
        "ledger_folder=FOLDER: the ledger is written there, and the run's folder gets a copy every "
        "minute and at the end"
    )


@contextmanager
def on_driver(config: SearchConfig, run: RunFolder) -> Iterator[None]:
    """Keep a run's ledger where it can be written to while the block runs.

    With ``ledger_folder`` it is taken there, and put back when the block ends. The caller holds the
    run.

    Raises:
        RunError: see :func:`check_file_systems`; the ledger is on another disk; or it cannot be
            taken or put back.
    """
    check_file_systems(config, run.path)
    if config.ledger_folder is None:
        check_is_back(run)
        yield
        return
    run.driver_ledger = _take(config, run)
    copies = _Copies(run, run.driver_ledger)
    try:
        copies.start()
        yield
    except BaseException:
        _put_back_after_an_error(run, copies)
        raise
    else:
        _put_back(run, copies)
    finally:
        run.driver_ledger = None


def check_is_back(run: RunFolder) -> None:
    """Refuse to write to the ledger in a run's folder while the last rows are elsewhere.

    Raises:
        RunError: they are.
    """
    if away := ledger_away(run):
        raise RunError(
            f"run {run.name!r} cannot be written to here: {away}. Go on with it on that machine, "
            f"by nas search CONFIG --resume with ledger_folder={away.file.parent}; elsewhere, with "
            "any ledger_folder, it goes on from the copy"
        )


def _take(config: SearchConfig, run: RunFolder) -> Path:
    """Take a run's ledger to this machine's disk; return the file, which a new run lacks."""
    assert config.ledger_folder is not None
    folder = Path(config.ledger_folder)
    away = ledger_away(run)
    if away is not None and away.file.is_file():  # its name has a random part: it is that one
        if away.file.parent.resolve() != folder.resolve():
            raise RunError(
                f"run {run.name!r}: {away}: give ledger_folder={away.file.parent} to go on with it"
            )
        log.warning("going on with the ledger %s, which a killed command left", away.file)
        return away.file
    if away is not None:
        log.warning(
            "the run goes on from the copy of its ledger in its folder: %s; what was written after "
            "the copy is trained again (it stays in that file, if it is still there)",
            away,
        )
    file = folder / f"{run.name}-{secrets.token_hex(4)}.db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if run.is_archive:
            restore(run, config.name)
        if run.ledger_file.is_file():
            _restore_copy(run.ledger_file, file)
    except (OSError, sqlite3.Error) as error:
        raise RunError(f"cannot take the ledger {run.ledger_file} to {folder}: {error}") from error
    copied = time.time() if run.ledger_file.is_file() else None
    note_away(run, LedgerAway(platform.node(), file, copied))
    return file


def _restore_copy(copy: Path, file: Path) -> None:
    """Make ``file`` of a ledger in a run's folder, and of the rows that were written ahead of it.

    A write-ahead file, which a command without ``ledger_folder`` left, is merged into the ledger:
    beside a newer copy it would be read as a part of that.
    """
    if copy.with_name(f"{copy.name}-wal").exists():
        with closing(sqlite3.connect(copy)) as ledger:
            ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(open_for_reading(copy)) as source, closing(sqlite3.connect(file)) as target:
        source.backup(target)


def _put_back(run: RunFolder, copies: _Copies) -> None:
    copies.stop()
    if not copies.copy():
        return
    try:
        note_back(run)
    except RunError as error:
        raise RunError(f"{error}; the ledger is whole in the run's folder") from error
    remove_database(copies.source)


def _put_back_after_an_error(run: RunFolder, copies: _Copies) -> None:
    """Put the ledger back; what fails is logged, so that the first error is the one raised."""
    try:
        _put_back(run, copies)
    except RunError as error:
        log.error("%s", error)


class _Copies:
    """Copies of a ledger into its run's folder, every minute in a thread of their own.

    Args:
        run: the run.
        source: the ledger, which need not exist yet.
    """

    def __init__(self, run: RunFolder, source: Path) -> None:
        self._run = run
        self.source = source
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run_on, name="ledger-copies", daemon=True)

    def start(self) -> None:
        """Begin to copy."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the copy that it makes."""
        self._stopped.set()
        self._thread.join()

    def copy(self) -> bool:
        """Copy the ledger as it is now; return False if the run could not begin and was removed.

        Raises:
            RunError: it cannot be read, the copy cannot be written, or another driver has taken
                the run over; the ledger stays where it is, whole.
        """
        if self._run.driver_ledger is None:
            return False
        try:
            self._copy()
        except OSError as error:  # of a share that is away
            raise RunError(
                f"the ledger cannot be copied to {self._run.path}: {error.strerror or error}; it "
                f"is whole in {self.source}"
            ) from error
        return True

    def _copy(self) -> None:
        if not self._run.path.is_dir():
            raise RunError(
                f"the folder {self._run.path} is gone; the run's ledger is whole in {self.source}"
            )
        away = ledger_away(self._run)
        if away is None or away.file != self.source:
            raise RunError(
                f"run {self._run.name!r} was taken over by another driver ({away or 'it is back'}):"
                f" the rows of this one are in {self.source}"
            )
        if not self.source.is_file():
            if away.copied is None:
                return  # it was never made
            raise RunError(f"the ledger {self.source} is gone; the run's folder has {away.copy}")
        copied = time.time()
        try:
            with (
                closing(open_for_reading(self.source)) as source,
                closing(sqlite3.connect(":memory:")) as copy,
            ):
                source.backup(copy)
                content = copy.serialize()
        except sqlite3.Error as error:
            raise RunError(f"the ledger {self.source} cannot be copied: {error}") from error
        try:
            write_whole(self._run.ledger_file, content)
            note_away(self._run, away._replace(copied=copied))
        except RunError as error:
            raise RunError(f"{error}; the ledger is whole in {self.source}") from error

    def _run_on(self) -> None:
        while not self._stopped.wait(COPY_EVERY_SECONDS):
            try:
                self.copy()
            except RunError as error:
                log.warning("no copy of the ledger was made: %s; it is tried again", error)
