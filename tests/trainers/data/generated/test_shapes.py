"""Shapes: boxes are tight, classes are told by outlines alone, and nothing hidden is marked."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw
from pydantic import ValidationError
from sklearn.ensemble import RandomForestClassifier

from trainers import DataError
from trainers.boxes import OBJECT
from trainers.data.generated.shape_outlines import (
    CLASS_NAMES,
    CROSS_ARM,
    RING_INNER_RADIUS,
    STAR_INNER_RADIUS,
    Shape,
)
from trainers.data.generated.shapes import placed_shapes, shapes_image
from trainers.data.generated.shapes_settings import ShapesSettings

FINER = 8
"""Points a pixel along each side, of the independent drawing."""

PARAMETERS = {
    "as they are": {},
    "apart": {"least_visible": 1, "most_objects": 4, "largest_fraction": 0.3},
    "turned": {"rotation_degrees": 180, "fewest_objects": 6, "noise": 0},
    "small": {"pixels": 64, "smallest_fraction": 0.1, "largest_fraction": 0.15},
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(params=PARAMETERS, ids=list(PARAMETERS))
def settings(request: pytest.FixtureRequest) -> ShapesSettings:
    return ShapesSettings.model_validate(PARAMETERS[request.param])


def drawn_by_pillow(shape: Shape, pixels: int) -> npt.NDArray[np.bool_]:
    """Whether the shape covers each of the finer points of an image."""
    image = Image.new("1", (pixels * FINER, pixels * FINER))
    pen = ImageDraw.Draw(image)
    if shape.radius:
        centre = shape.corners[0]
        hole = RING_INNER_RADIUS * shape.radius if CLASS_NAMES[shape.kind] == "ring" else 0
        for radius, colour in ((shape.radius, 1), (hole, 0)):
            box = [centre.real - radius, centre.imag - radius]
            box += [centre.real + radius, centre.imag + radius]
            if radius:
                pen.ellipse([FINER * side for side in box], fill=colour)
    else:
        pen.polygon([(FINER * c.real, FINER * c.imag) for c in shape.corners.tolist()], fill=1)
    return np.asarray(image)


def test_boxes_are_tight_on_the_drawn_shapes(settings: ShapesSettings) -> None:
    for seed in range(6):
        for shape, _ in placed_shapes(settings, rng(seed)):
            rows, columns = np.nonzero(drawn_by_pillow(shape, settings.pixels))
            drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            np.testing.assert_allclose(np.divide(drawn, FINER), shape.box, atol=2 / FINER)


def test_the_pixels_are_those_of_the_shapes(settings: ShapesSettings) -> None:
    side = settings.pixels
    for seed in range(5):
        for shape, coverage in placed_shapes(settings, rng(seed)):
            fine = drawn_by_pillow(shape, side).reshape(side, FINER, side, FINER).mean(axis=(1, 3))
            drawn = np.zeros((side, side))
            drawn[coverage.rows, coverage.columns] = coverage.share
            assert np.abs(drawn - fine).mean() * side**2 < 0.1 * fine.sum() + 2
            assert drawn.sum() == pytest.approx(fine.sum(), rel=0.1, abs=3)


def test_of_every_object_enough_is_seen(settings: ShapesSettings) -> None:
    """The objects in front are drawn over those behind, and hide no more than they may."""
    for seed in range(6):
        placed = placed_shapes(settings, rng(seed))
        in_front = np.full((settings.pixels * FINER,) * 2, -1)
        areas = []
        for number, (shape, _) in enumerate(placed):
            is_covered = drawn_by_pillow(shape, settings.pixels)
            areas.append(is_covered.sum())
            in_front[is_covered] = number
        seen = np.bincount(in_front[in_front >= 0], minlength=len(placed))
        share = seen / np.array(areas)
        assert share.min() > settings.least_visible - 0.12  # pixels' edges count differently here


def test_objects_are_as_asked(settings: ShapesSettings) -> None:
    images = [shapes_image(settings, rng(seed)) for seed in range(60)]
    counts = [len(objects) for _, objects in images]
    least, most = settings.fewest_objects, settings.most_objects
    assert set(counts) == set(range(least, most + 1))
    objects = np.concatenate([own for _, own in images])
    left, top, right, bottom, kinds, marks = objects.T
    assert min(left.min(), top.min()) >= 0
    assert max(right.max(), bottom.max()) <= settings.pixels
    sides = np.maximum(right - left, bottom - top) / settings.pixels
    assert sides.min() >= settings.smallest_fraction - 1e-5
    assert sides.max() <= settings.largest_fraction + 1e-5
    assert set(kinds) == set(range(len(CLASS_NAMES)))
    assert set(marks) == {OBJECT}
    for image, _ in images:
        assert image.shape == (3, settings.pixels, settings.pixels)
        assert image.dtype == np.uint8


@pytest.mark.parametrize("kind", range(len(CLASS_NAMES)), ids=CLASS_NAMES)
def test_a_kind_is_its_outline(kind: int) -> None:
    """Its share of its box's area is that of the figure in the textbooks."""
    coverage = Shape.of(kind, 0, 100).moved(10 + 10j).coverage()
    circle, arm = math.pi / 4, CROSS_ARM
    star, star_width = 5 * math.sin(math.pi / 5) * STAR_INNER_RADIUS, 2 * math.sin(2 * math.pi / 5)
    expected = {
        "disc": circle,
        "ring": circle * (1 - RING_INNER_RADIUS**2),
        "square": 1,
        "triangle": math.sin(math.pi / 3) / 2,
        "star": star / star_width**2,
        "cross": 2 * arm - arm**2,
    }
    share = coverage.share.sum() / 100**2
    assert share == pytest.approx(expected[CLASS_NAMES[kind]], abs=0.01)


def test_a_class_told_from_colour_alone_scores_under_a_tenth() -> None:
    """Mean average precision of true boxes with the class that a forest tells from their colours.

    The colours are means and deviations of the pixels that show the object.
    """
    colours, kinds = coloured_objects(ShapesSettings(), images=200)
    train = len(kinds) * 4 // 5
    forest = RandomForestClassifier(60, random_state=0).fit(colours[:train], kinds[:train])
    scores, true = forest.predict_proba(colours[train:]), kinds[train:]
    told = scores.argmax(axis=1)
    assert (told == true).mean() < 0.25
    precisions = [
        average_precision(scores[told == kind, kind], true[told == kind] == kind, sum(true == kind))
        for kind in range(len(CLASS_NAMES))
    ]
    assert np.mean(precisions) < 0.1


def coloured_objects(
    settings: ShapesSettings, images: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    colours, kinds = [], []
    for seed in range(images):
        image, objects = shapes_image(settings, rng(seed))
        placed = placed_shapes(settings, rng(seed))  # the same ones, which are drawn first
        in_front = np.full(image.shape[1:], -1)
        for number, (_, coverage) in enumerate(placed):
            in_front[coverage.rows, coverage.columns][coverage.share > 0.9] = number
        for number, kind in enumerate(objects[:, 4]):
            shown = image[:, in_front == number] / 255
            colours.append(np.concatenate([shown.mean(axis=1), shown.std(axis=1)]))
            kinds.append(int(kind))
    return np.array(colours), np.array(kinds)


def average_precision(
    scores: npt.NDArray[np.float64], are_right: npt.NDArray[np.bool_], objects: int
) -> float:
    """The area under the steps of precision over recall, the highest precision from each on."""
    right = np.cumsum(are_right[np.argsort(-scores)])
    precision = right / np.arange(1, len(right) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(right, prepend=0) / objects * highest).sum())


def test_too_many_objects_find_no_room() -> None:
    settings = ShapesSettings(
        fewest_objects=64, most_objects=64, smallest_fraction=0.5, least_visible=1
    )
    with pytest.raises(DataError, match=r"64 objects found no room.*least_visible=1$"):
        placed_shapes(settings, rng())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fewest_objects": 9}, "at most most_objects, got fewest_objects=9, most_objects=8"),
        ({"smallest_fraction": 0.6}, "at most largest_fraction, got smallest_fraction=0.6, larg"),
        ({"pixels": 32}, "at least 6, else .* got smallest_fraction=0.1, pixels=32"),
    ],
)
def test_what_cannot_be_drawn_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ShapesSettings.model_validate(values)
