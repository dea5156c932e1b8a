"""Pathfinder: its labels are right, and only its paths tell them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from trainers import DataConfig, DataError, ImageSplits, Split, load_splits
from trainers.data.generated import pathfinder_drawings
from trainers.data.generated.dashed_paths import random_paths
from trainers.data.generated.pathfinder import pathfinder_images, rendered
from trainers.data.generated.pathfinder_drawings import Drawings, draw, long_pairs
from trainers.data.generated.pathfinder_settings import PathfinderSettings

PARAMETERS = {
    "as they are": {},
    "curled": {"bend": 90, "distractors": 4, "distractor_dashes": 2},
    "long": {"pixels": 64, "dashes": 14, "distractors": 5, "distractor_dashes": 4},
    "wide": {"pixels": 80, "dash_length": 5, "gap": 2, "line_width": 2, "clearance": 8.5}
    | {"dot_radius": 2.5},
    "without distractors": {"dashes": 4, "bend": 60, "distractors": 0},
}
BOTH = np.arange(128) % 2 == 1


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def point_to_segment(point: complex, begin: complex, end: complex) -> float:
    line = end - begin
    share = ((point - begin) * line.conjugate()).real / abs(line) ** 2
    return abs(point - begin - min(max(share, 0.0), 1.0) * line)


def are_crossed(one: tuple[complex, complex], other: tuple[complex, complex]) -> bool:
    def side(line: tuple[complex, complex], point: complex) -> float:
        return ((line[1] - line[0]).conjugate() * (point - line[0])).imag

    return all(
        side(line, points[0]) * side(line, points[1]) < 0
        for line, points in ((one, other), (other, one))
    )


def segment_distance(one: tuple[complex, complex], other: tuple[complex, complex]) -> float:
    if are_crossed(one, other):
        return 0.0
    return min(
        *(point_to_segment(point, *other) for point in one),
        *(point_to_segment(point, *one) for point in other),
    )


def dashes_of(drawings: Drawings, image: int) -> list[tuple[complex, complex]]:
    """All dashes of an image in random order: nothing says of which path they are."""
    ends = [
        pair
        for paths in (drawings.long_paths, drawings.distractors)
        for pair in paths[image].reshape(-1, 2).tolist()
    ]
    return [tuple(ends[place]) for place in rng().permutation(len(ends))]


@pytest.fixture(scope="module", params=PARAMETERS, ids=list(PARAMETERS))
def settings(request: pytest.FixtureRequest) -> PathfinderSettings:
    return PathfinderSettings.model_validate(PARAMETERS[request.param])


@pytest.fixture(scope="module")
def drawings(settings: PathfinderSettings) -> Drawings:
    return draw(settings, rng(), BOTH)


def test_dots_are_joined_as_the_label_says(
    settings: PathfinderSettings, drawings: Drawings
) -> None:
    """Dashes a gap apart are of one path; all other dashes are a clearance apart."""
    for image in range(12):
        dashes = dashes_of(drawings, image)
        distances = np.zeros((len(dashes), len(dashes)))
        for one, other in itertools.combinations(range(len(dashes)), 2):
            distances[one, other] = segment_distance(dashes[one], dashes[other])
        upper = distances[np.triu_indices(len(dashes), 1)]
        is_gap = upper <= settings.gap + 1e-9
        assert (upper[~is_gap] >= settings.clearance - 1e-5).all()
        near = np.triu(distances <= settings.gap + 1e-9, 1)
        _, path = connected_components(coo_array(near), directed=False)
        sizes = 2 * [settings.dashes] + settings.distractors * [settings.distractor_dashes]
        assert sorted(np.bincount(path)) == sorted(sizes)
        dotted = [
            [place for place, ends in enumerate(dashes) if min(abs(dot - e) for e in ends) < 1e-9]
            for dot in drawings.dots[image]
        ]
        (first,), (second,) = dotted
        assert first != second
        assert (path[first] == path[second]) == BOTH[image]
        for place in (first, second):  # it lies at an end of its path
            assert (near[place].sum() + near[:, place].sum()) == 1


def test_no_path_runs_through_a_gap_of_another(
    settings: PathfinderSettings, drawings: Drawings
) -> None:
    for image in range(6):
        whole = [*drawings.long_paths[image], *drawings.distractors[image]]
        for one, other in itertools.combinations(whole, 2):
            nearest = min(
                segment_distance(a, b)
                for a in zip(one.tolist(), one[1:].tolist(), strict=False)
                for b in zip(other.tolist(), other[1:].tolist(), strict=False)
            )
            assert nearest >= settings.clearance - 1e-5


def test_all_that_is_drawn_is_in_the_image(
    settings: PathfinderSettings, drawings: Drawings
) -> None:
    for each in drawings:
        for side in (each.real, each.imag):
            assert side.min(initial=settings.pixels) >= settings.dot_radius
            assert side.max(initial=0) <= settings.pixels - settings.dot_radius


def test_lengths_and_turns_are_those_asked(
    settings: PathfinderSettings, drawings: Drawings
) -> None:
    for corners in (drawings.long_paths, drawings.distractors):
        dashes = corners[..., 1::2] - corners[..., ::2]
        np.testing.assert_allclose(np.abs(dashes), settings.dash_length)
        gaps = corners[..., 2::2] - corners[..., 1:-1:2]
        np.testing.assert_allclose(np.abs(gaps), settings.gap)
        turns = np.degrees(np.angle(dashes[..., 1:] / dashes[..., :-1]))
        assert np.abs(turns).max(initial=0) <= settings.bend + 1e-9


def test_dots_and_the_dashes_on_which_they_lie_are_those_of_the_other_class(
    settings: PathfinderSettings,
) -> None:
    """With the distance of the dots, whatever they and their dashes show is the same."""
    seen = []
    for is_joined in (True, False):
        paths, dots = long_pairs(settings, rng(), np.full(64, is_joined))
        ends = paths.reshape(64, -1, 2)
        ends = np.concatenate([ends, ends[..., ::-1]], axis=1)
        is_there = np.abs(ends[:, None, :, 0] - dots[:, :, None]) < 1e-9
        assert (is_there.sum(-1) == 1).all()
        headings = [ends[image, is_there[image].argmax(-1)] for image in range(64)]
        seen.append((dots, np.array(headings)))
    for joined, apart in zip(*seen, strict=True):
        np.testing.assert_allclose(joined, apart, atol=1e-9)


def paths_in(image: npt.NDArray[np.uint8], most: float) -> tuple[npt.NDArray[np.int64], int]:
    """Return the path of each bright pixel from pixels alone: bright spots that are near are one.

    Args:
        image: [H, W].
        most: distance of spots of one path, in pixels.
    """
    spots, count = ndimage.label(image > 100, structure=np.ones((3, 3)))
    places = [np.argwhere(spots == spot) for spot in range(1, count + 1)]
    near = np.array([[cdist(one, other).min() <= most for other in places] for one in places])
    paths, group = connected_components(near, directed=False)
    return np.where(spots, group[spots - 1], -1), paths


def dots_in(image: npt.NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield a pixel of each dot: wider than a line, it has squares of 3 x 3 bright pixels."""
    blobs, count = ndimage.label(ndimage.minimum_filter(image, 3) > 200)
    for row, column in ndimage.center_of_mass(blobs > 0, blobs, range(1, count + 1)):
        yield round(row), round(column)


def test_the_rendered_image_shows_the_label() -> None:
    settings = PathfinderSettings.model_validate(PARAMETERS["wide"])
    images = pathfinder_images(settings, rng(), BOTH[:60].astype(np.int64))
    for image, is_joined in zip(images, BOTH[:60], strict=True):
        path, paths = paths_in(image, most=4.0)
        assert paths == 2 + settings.distractors
        first, second = dots_in(image)
        assert (path[first] == path[second]) == is_joined


def test_strokes_are_drawn_where_they_lie() -> None:
    """Against the distance to every dash, pixel by pixel."""
    settings = PathfinderSettings()
    drawings = draw(settings, rng(), BOTH[:4])
    images = rendered(settings, drawings)
    half = settings.line_width / 2
    for image in range(4):
        strokes = [
            (begin + half * (end - begin) / abs(end - begin), end, half)
            for begin, end in dashes_of(drawings, image)
        ]
        strokes = [(b, e - half * (e - b) / abs(e - b), r) for b, e, r in strokes]
        strokes += [(dot, dot + 1e-9, settings.dot_radius) for dot in drawings.dots[image].tolist()]
        for row, column in np.ndindex(settings.pixels, settings.pixels):
            centre = complex(column + 0.5, row + 0.5)
            expected = max(r + 0.5 - point_to_segment(centre, b, e) for b, e, r in strokes)
            assert images[image, row, column] == pytest.approx(min(max(expected, 0), 1), abs=1e-4)


def test_noise_is_added_to_the_same_drawing() -> None:
    labels = np.arange(64) % 2
    plain, noisy = (
        pathfinder_images(PathfinderSettings(noise=noise), rng(), labels).astype(float)
        for noise in (0, 20)
    )
    middle = (plain > 100) & (plain < 155)  # where nothing is cut off
    assert (noisy - plain)[middle].std() == pytest.approx(20, rel=0.2)


def test_a_path_of_one_dash_has_no_turns() -> None:
    start, heading = np.zeros(3, complex), np.zeros(3)
    paths = random_paths(rng(), 1, PathfinderSettings(), start=start, heading=heading)
    np.testing.assert_allclose(paths.corners, [[0, 2.5]] * 3)


@pytest.mark.parametrize(
    ("parameters", "limits", "message"),
    [
        (
            {"dashes": 8},
            {"MOST_PROPOSALS": 1000},
            r"of 1,024 pairs of long paths have room, and 128 are needed: fewer dashes, more bend",
        ),
        (
            {"distractors": 3},
            {"MOST_ROUNDS": 2, "TRIES": 1},
            r"of 128 drawings found no room for distractors=3 in 2 x 1 tries: fewer or shorter",
        ),
    ],
)
def test_paths_that_hardly_ever_have_room_are_one_error(
    parameters: dict[str, int],
    limits: dict[str, int],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(pathfinder_drawings, name, value)
    settings = PathfinderSettings.model_validate(parameters)
    with pytest.raises(DataError, match=message) as raised:
        draw(settings, rng(), BOTH)
    assert "pixels=" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def splits() -> ImageSplits:
    parameters = {"bend": 60, "distractors": 1}
    return load_splits(
        DataConfig(
            name="pathfinder",
            parameters=parameters,
            train_images=4000,
            validation_images=0,
            test_images=2000,
        )
    )


def bound(test: Split) -> float:
    """Chance, and four standard deviations of the accuracy of guesses on so many images."""
    return 0.5 + 4 * 0.5 / len(test) ** 0.5


def test_classes_are_equally_frequent(splits: ImageSplits) -> None:
    assert splits.class_names == ("apart", "joined")
    assert splits.train.labels.bincount().tolist() == [2000, 2000]


def test_a_linear_model_of_pixels_guesses(
    splits: ImageSplits, linear_accuracy: Callable[..., float]
) -> None:
    def pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        return images.reshape(len(images), -1) / 255

    assert linear_accuracy(pixels, splits.train, splits.test, 1000) < bound(splits.test)


def test_a_linear_model_of_global_statistics_guesses(
    splits: ImageSplits,
    statistics: Callable[..., npt.NDArray[np.float64]],
    linear_accuracy: Callable[..., float],
) -> None:
    assert linear_accuracy(statistics, splits.train, splits.test) < bound(splits.test)


def test_convolutions_of_single_pixels_guess(
    splits: ImageSplits, pixelwise_accuracy: Callable[[Split, Split], float]
) -> None:
    assert pixelwise_accuracy(splits.train, splits.test) < bound(splits.test)
