"""The most probable classes of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import torch
from rich import box
from rich.table import Table

from nas.cli.commands.train.predicting.predictor import PredictOptions, Row
from nas.cli.output import Output
from nas.errors import CommandError
from nas.storage.networks.saved_network import SavedNetwork


class ClassPredictor:
    """The :class:`nas.cli.commands.train.predicting.predictor.Predictor` of classifiers.

    Args:
        network: a classifier.
        top: classes for each image.
    """

    batch: ClassVar[int] = 64
    done: ClassVar[str] = "classified"

    def __init__(self, network: SavedNetwork, top: int) -> None:
        self._network = network
        self._top = top

    @classmethod
    def of(cls, network: SavedNetwork, options: PredictOptions) -> Self:
        """See the protocol."""
        options.check_only(network, "top")
        top, classes = 1 if options.top is None else options.top, len(network.class_names)
        if not 1 <= top <= classes:
            raise CommandError(f"--top must be 1 to {classes}, the number of classes, got {top}")
        return cls(network, top)

    def prepared(self, picture: str) -> torch.Tensor:
        """Return the network's input."""
        return self._network.preprocess(picture)

    def rows(self, pictures: Sequence[torch.Tensor]) -> list[Row]:
        """See the protocol."""
        predicted = self._network.predictions(torch.cat(list(pictures)), self._top)
        return [{"predictions": [p._asdict() for p in each]} for each in predicted]

    def unread(self) -> Row:
        """See the protocol."""
        return {"predictions": None}

    def table(self, rows: Sequence[Row]) -> Table:
        """Return a table with one row for each image, its classes below one another."""
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("image", overflow="fold")
        table.add_column("class", overflow="fold")
        table.add_column("probability", justify="right", no_wrap=True)
        for row in rows:
            predictions = row["predictions"]
            table.add_row(
                row["image"],
                "\n".join(p["class_name"] for p in predictions),
                "\n".join(f"{p['probability']:.1%}" for p in predictions),
            )
        return table

    def finish(self, output: Output) -> None:
        """Write nothing."""
