"""A network's predictions for pictures: what each task tells of them, as plain data and a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypeVar

from rich.table import Table

from nas.cli.output import Output
from nas.errors import CommandError
from nas.storage.networks.saved_network import SavedNetwork

Row = dict[str, Any]
"""A picture's predictions, as JSON has them."""

Prepared = TypeVar("Prepared")


class PredictOptions(NamedTuple):
    """The options of ``nas predict`` that only one task has, as typed; None where they are not."""

    top: int | None
    score_threshold: float | None
    detections_per_image: int | None
    picture: Path | None

    def check_only(self, network: SavedNetwork, *own: str) -> None:
        """Refuse those that are another task's.

        Raises:
            CommandError: one is given that is not among ``own``.
        """
        kind = {"classification": "classifier", "detection": "detector"}[network.learned_task]
        for name, value in self._asdict().items():
            if value is not None and name not in own:
                named = ", ".join(map(option, own))
                raise CommandError(
                    f"{network.path} is a {kind}, which takes {named} and not {option(name)}"
                )


class Predictor(Protocol[Prepared]):
    """A network at work.

    Attributes:
        batch: images in memory at once, unless the user says how many.
        done: what was done with an image, for the progress.
    """

    batch: ClassVar[int]
    done: ClassVar[str]

    @classmethod
    def of(cls, network: SavedNetwork, options: PredictOptions) -> Self:
        """Check the options.

        Raises:
            CommandError: one cannot be.
        """

    def prepared(self, picture: str) -> Prepared:
        """Read a picture.

        Raises:
            DataError: it cannot be read.
        """

    def rows(self, pictures: Sequence[Prepared]) -> list[Row]:
        """Return what is told of each picture of a batch, which has one or more."""

    def unread(self) -> Row:
        """Return what is told of a picture that cannot be read: the keys without values."""

    def table(self, rows: Sequence[Row]) -> Table:
        """Return a table of pictures, each with its name as ``image``."""

    def finish(self, output: Output) -> None:
        """Write what is written when all pictures are seen, and say so.

        Raises:
            CommandError: it cannot be written.
        """


def option(name: str) -> str:
    """Return an option as it is typed."""
    return f"--{name.replace('_', '-')}"
