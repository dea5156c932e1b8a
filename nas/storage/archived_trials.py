"""The file of an archived run: a line with its studies, and a line for each trial."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from nas.errors import RunError
from nas.storage.evaluation import TrialRecord

ARCHIVE_FORMAT = 1

OF_NO_ARCHIVE = (IndexError, KeyError, TypeError, ValueError, AttributeError)
"""The errors of a line that is not one of an archive."""


class ArchiveContent(NamedTuple):
    """The content of an archive, as its JSON has it."""

    studies: dict[str, dict[str, Any]]  # by the suffix of their names
    trials: list[dict[str, Any]]  # line by line, from the second line on


def archive_content(file: Path) -> ArchiveContent:
    """Read an archive.

    Raises:
        RunError: the file cannot be read, or is no archive; the message has the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read {file}: {error}") from error
    counts: Counter[str] = Counter()
    trials: list[dict[str, Any]] = []
    number = 1
    try:
        head = json.loads(lines[0])
        if head["archive"] != ARCHIVE_FORMAT:
            raise ValueError(f"format {head['archive']!r}, this version reads {ARCHIVE_FORMAT}")
        studies = dict(head["studies"])
        for line in lines[1:]:
            number += 1
            data = json.loads(line)
            suffix = data["study"]
            if suffix not in studies:
                raise KeyError(suffix)
            if data["number"] != counts[suffix]:
                raise ValueError(f"trial {data['number']} where {counts[suffix]} is next")
            counts[suffix] += 1
            trials.append(data)
    except OF_NO_ARCHIVE as error:
        raise no_archive(file, number, error) from error
    return ArchiveContent(studies, trials)


def no_archive(file: Path, line: int, error: Exception) -> RunError:
    """Make the error of a line that is not one of an archive."""
    return RunError(f"{file}, line {line}: not of an archive: {error!r}")


class ArchivedTrials:
    """The studies of an archive; see :class:`nas.storage.ledger_reader.Studies`.

    Args:
        file: the archive.
        name: of its run.

    Raises:
        RunError: see :func:`archive_content`.
    """

    def __init__(self, file: Path, name: str) -> None:
        self.place = str(file)
        self._attributes: dict[str, dict[str, Any]] = {}
        self._records: dict[str, list[TrialRecord]] = {}
        content = archive_content(file)
        line = 1
        try:
            for suffix, study in content.studies.items():
                self._attributes[name + suffix] = dict(study["user_attributes"])
                self._records[name + suffix] = []
            for data in content.trials:
                line += 1
                self._records[name + data["study"]].append(_record(data))
        except OF_NO_ARCHIVE as error:
            raise no_archive(file, line, error) from error

    def attributes(self, study: str) -> dict[str, Any] | None:
        """Return the user attributes of a study."""
        return self._attributes.get(study)

    def records(self, study: str) -> list[TrialRecord] | None:
        """Return the trials of a study, by number."""
        return self._records.get(study)

    def close(self) -> None:
        """Do nothing: the file was closed."""


def _record(data: dict[str, Any]) -> TrialRecord:
    started, ended = (
        None if data[key] is None else datetime.fromisoformat(data[key])
        for key in ("started", "ended")
    )
    return TrialRecord(
        data["number"],
        data["state"],
        {name: json.dumps(value) for name, value in data["user_attributes"].items()},
        started,
        ended,
    )
