"""The objects in pictures: boxes with a class and a probability, also drawn over the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich import box
from rich.table import Table

from analysis.boxed_pictures import BoxedPicture, draw_boxed_pictures
from nas.cli.commands.object_boxes import detected_boxes
from nas.cli.commands.picture_files import check_ending
from nas.cli.commands.train.predicting.predictor import PredictOptions, Row, option
from nas.cli.output import Output
from nas.errors import CommandError
from nas.storage.networks.detected_objects import SHOWN_FROM, DetectedObject
from nas.storage.networks.saved_network import SavedNetwork
from trainers.data.pictures.pixels import channels_first, grey_or_rgb, open_picture

MOST_DRAWN = 40
"""Pictures that are drawn, the first ones."""

DRAWN_PIXELS = 800
"""The longer side of a drawn picture; larger ones are made smaller."""


class SeenPicture(NamedTuple):
    """A picture that was read."""

    name: str
    x: torch.Tensor  # [C, H, W], the network's input
    hw: tuple[int, int]  # of the picture, upright; pixels
    drawn: npt.NDArray[np.uint8] | None  # [1 or 3, H, W], the picture or a smaller one


class ObjectPredictor:
    """The :class:`nas.cli.commands.train.predicting.predictor.Predictor` of detectors.

    Args:
        network: a detector.
        score_threshold: the least probability of an object.
        detections_per_image: the most objects of a picture; None for those of the recipe.
        sheet: a PNG to draw boxes in, or None.
    """

    batch: ClassVar[int] = 8
    done: ClassVar[str] = "searched for objects"

    def __init__(
        self,
        network: SavedNetwork,
        score_threshold: float,
        detections_per_image: int | None,
        sheet: Path | None,
    ) -> None:
        self._network = network
        self._score_threshold = score_threshold
        self._detections_per_image = detections_per_image
        self._sheet = sheet
        self._drawn: list[BoxedPicture] = []
        self._seen = 0

    @classmethod
    def of(cls, network: SavedNetwork, options: PredictOptions) -> Self:
        """See the protocol."""
        options.check_only(network, "score_threshold", "detections_per_image", "picture")
        check_ending("--picture", options.picture, ".png")
        _, threshold, most, sheet = options
        threshold = SHOWN_FROM if threshold is None else threshold
        if not 0 <= threshold < 1:
            raise CommandError(
                f"{option('score_threshold')} must be 0 or more and below 1, got {threshold:g}"
            )
        if most is not None and most < 1:
            raise CommandError(f"{option('detections_per_image')} must be 1 or more, got {most}")
        return cls(network, threshold, most, sheet)

    def prepared(self, picture: str) -> SeenPicture:
        """See the protocol."""
        opened = open_picture(picture)
        preprocessing = self._network.preprocessing
        x = preprocessing.normalised(preprocessing.pixels(opened, place=picture))
        drawn = None
        if self._sheet is not None and self._seen < MOST_DRAWN:
            drawn = _shrunk(opened)
        self._seen += 1
        return SeenPicture(picture, x, (opened.height, opened.width), drawn)

    def rows(self, pictures: Sequence[SeenPicture]) -> list[Row]:
        """See the protocol."""
        objects = self._network.detections(
            torch.stack([picture.x for picture in pictures]),
            [picture.hw for picture in pictures],
            score_threshold=self._score_threshold,
            detections_per_image=self._detections_per_image,
        )
        for picture, each in zip(pictures, objects, strict=True):
            self._keep(picture, each)
        return [
            {"size": list(picture.hw), "predictions": [p._asdict() for p in each]}
            for picture, each in zip(pictures, objects, strict=True)
        ]

    def unread(self) -> Row:
        """See the protocol."""
        return {"size": None, "predictions": None}

    def table(self, rows: Sequence[Row]) -> Table:
        """Return a table with one row for each picture, its objects below one another."""
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("image", overflow="fold")
        table.add_column("class", overflow="fold")
        for heading in ("probability", "left", "top", "right", "bottom"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            predictions = row["predictions"]
            edges = zip(*(p["box"] for p in predictions), strict=True)
            table.add_row(
                row["image"],
                "\n".join(p["class_name"] for p in predictions) or "nothing",
                "\n".join(f"{p['probability']:.1%}" for p in predictions),
                *("\n".join(f"{edge:.1f}" for edge in each) for each in edges),
            )
        table.caption = (
            f"from a probability of {self._score_threshold:g} on; edges in pixels of the picture"
        )
        return table

    def finish(self, output: Output) -> None:
        """Draw the boxes over the pictures."""
        if self._sheet is None:
            return
        if not self._drawn:
            raise CommandError(f"{option('picture')}: no picture can be read, and none is drawn")
        some = "" if len(self._drawn) == self._seen else f"the first {len(self._drawn)} pictures; "
        caption = f"{some}objects from a probability of {self._score_threshold:g} on"
        try:
            draw_boxed_pictures(
                self._drawn, self._sheet, title=f"objects by {self._network.path}", caption=caption
            )
        except OSError as error:
            raise CommandError(f"cannot draw {self._sheet}: {error.strerror}") from error
        output.say(f"boxes are drawn in {self._sheet}")

    def _keep(self, picture: SeenPicture, objects: Sequence[DetectedObject]) -> None:
        if picture.drawn is None:
            return
        scale = max(picture.drawn.shape[1:]) / max(picture.hw)
        boxes = detected_boxes(objects, self._network.class_names, scale)
        self._drawn.append(BoxedPicture(Path(picture.name).name, picture.drawn, boxes))


def _shrunk(picture: Image.Image) -> npt.NDArray[np.uint8]:
    """Return the pixels of a picture without a problem, not more than are drawn."""
    shown = grey_or_rgb(picture).copy()
    shown.thumbnail((DRAWN_PIXELS, DRAWN_PIXELS))
    return channels_first(shown)
