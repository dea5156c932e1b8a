"""Image sets read by Hugging Face ``datasets``: from the hub, a folder of images, Parquet, disk.

Everything chosen for a split is held in memory as uint8; images that no split chose are not
decoded. Parts named "train", "validation" and "test" are the data set's own (folders called
``val`` or ``valid`` count as validation); other parts are ignored. With ``test_part: validation``
the validation part is called test here, and the source's own test part is ignored too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trainers.data.config import DataConfig
from trainers.data.dataset import ImageSplits, Split
from trainers.data.pixels import decode_images, to_colour
from trainers.data.resizing import Resizing
from trainers.data.split import Choice, Part, choose_splits
from trainers.errors import DataError

HUB_IDS = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
CLASSES = {"cifar10": 10, "cifar100": 100}
# CIFAR-100 has a second label column, of 20 coarse classes
LABEL_COLUMNS = {"cifar100": "fine_label"}
ARCHIVES = ("zip", "gzip", "bz2", "xz", "zstd", "lz4")
"""Protocols of paths into an archive, such as ``zip://a.png::/folder/images.zip``."""
PARTS: tuple[Part, ...] = ("train", "validation", "test")


def load_hugging_face(config: DataConfig, resizing: Resizing | None) -> ImageSplits:
    """Read, split and decode the data set that ``config`` names.

    Args:
        config: the data set.
        resizing: of its pictures; None where all of them have one size.

    Raises:
        DataError: the path or hub id cannot be read; there is no train part, no image column or
            no label column, or several that fit; a label has no class; the number of classes is
            not the data set's; an image is damaged or of another size.
    """
    parts = _open(config)
    features = parts["train"].features
    image_column = _image_column(features, config)
    label_column = _label_column(features, config)
    labels = {part: _labels(table, label_column, config, part) for part, table in parts.items()}
    class_names = _class_names(features[label_column], labels, config)
    choices = choose_splits(
        labels,
        name=config.name,
        split_seed=config.split_seed,
        train_images=config.train_images,
        validation_images=config.validation_images,
        test_images=config.test_images,
    )

    def pixels(choice: Choice) -> npt.NDArray[np.uint8]:
        place = f"data set {config.name!r}, {choice.part} part"
        rows = _image_rows(parts[choice.part], image_column, choice)
        return decode_images(rows, len(choice.indices), resizing, place)

    images = {part: pixels(choice) for part, choice in choices.items()}
    if any(array.shape[1] == 3 for array in images.values()):
        images = {part: to_colour(array) for part, array in images.items()}
    images = {  # a split of no images has seen no image size
        part: array if len(array) else array.reshape(0, *images["train"].shape[1:])
        for part, array in images.items()
    }
    splits = {
        part: Split(
            torch.from_numpy(images[part]),
            torch.from_numpy(labels[choice.part][choice.indices]),
        )
        for part, choice in choices.items()
    }
    return ImageSplits.of(
        config.name,
        train=splits["train"],
        validation=splits["validation"],
        test=splits["test"],
        class_names=class_names,
        size=config.image_size,
    )


def _open(config: DataConfig) -> dict[Part, Any]:
    """Return the tables of the parts that the data set has, "train" among them."""
    import datasets  # noqa: PLC0415 (slow to import)

    path = config.path or HUB_IDS[config.name]
    local = Path(path).expanduser()
    must_be_local = config.name in ("image_folder", "parquet") or local.is_absolute()
    if must_be_local and not local.exists():
        raise DataError(f"data set {config.name!r}: the path {path!r} does not exist")
    try:
        if config.name == "image_folder":
            opened = datasets.load_dataset("imagefolder", data_dir=str(local))
        elif config.name == "parquet" and local.is_file():
            opened = datasets.load_dataset("parquet", data_files={"train": str(local)})
        elif config.name == "parquet":
            opened = datasets.load_dataset("parquet", data_dir=str(local))
        elif any((local / file).exists() for file in ("dataset_dict.json", "state.json")):
            opened = datasets.load_from_disk(str(local))
        else:
            opened = datasets.load_dataset(str(local) if local.exists() else path)
    except (
        OSError,
        ValueError,
        RuntimeError,
        ImportError,  # of a package that the files' format needs
        datasets.exceptions.DatasetsError,
    ) as error:
        raise DataError(f"data set {config.name!r}: cannot read {path!r}: {error}") from error
    tables = opened if isinstance(opened, datasets.DatasetDict) else {"train": opened}
    if "train" not in tables:
        raise DataError(
            f"data set {config.name!r}: {path!r} has no train part, only {sorted(tables)}"
        )
    if config.test_part == "validation":
        if "validation" not in tables:
            raise DataError(
                f"data set {config.name!r}: test_part=validation, and {path!r} has no validation "
                f"part, only {sorted(tables)}"
            )
        return {"train": tables["train"], "test": tables["validation"]}
    return {part: tables[part] for part in PARTS if part in tables}


def _image_column(features: Any, config: DataConfig) -> str:
    import datasets  # noqa: PLC0415

    def holds_images(feature: object) -> bool:
        # Parquet written by other tools has no image type: the bytes of a file, or a struct
        # of them and a path
        return (
            isinstance(feature, datasets.Image)
            or (isinstance(feature, dict) and "bytes" in feature)
            or (isinstance(feature, datasets.Value) and feature.dtype.endswith("binary"))
        )

    fitting = [column for column, feature in features.items() if holds_images(feature)]
    return _one_column("image", config.image_column, fitting, features, config)


def _label_column(features: Any, config: DataConfig) -> str:
    import datasets  # noqa: PLC0415

    named = [column for column, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    whole = [
        column
        for column, kind in features.items()
        if isinstance(kind, datasets.Value) and kind.dtype.startswith(("int", "uint"))
    ]
    asked = config.label_column
    if asked is None and LABEL_COLUMNS.get(config.name) in features:
        asked = LABEL_COLUMNS[config.name]
    if asked is not None:
        return _one_column("label", asked, named + whole, features, config)
    return _one_column("label", None, named or whole, features, config)


def _one_column(
    what: str, asked: str | None, fitting: list[str], features: Any, config: DataConfig
) -> str:
    """Return the column asked for, or the only one whose type fits."""
    if asked in fitting:
        return str(asked)
    if asked is None and len(fitting) == 1:
        return fitting[0]
    if asked is not None:
        problem = f"{what}_column={asked!r} is no {what} column"
    elif fitting:
        problem = f"several {what} columns, set {what}_column to one"
    else:
        problem = f"no {what} column"
    kinds = ", ".join(f"{column}: {type(kind).__name__}" for column, kind in features.items())
    raise DataError(
        f"data set {config.name!r}: {problem}; columns whose type fits: {fitting}; all: {kinds}"
    )


def _labels(table: Any, column: str, config: DataConfig, part: Part) -> npt.NDArray[np.int64]:
    """Return the labels of one part, without decoding its images."""
    if column not in table.features:
        raise DataError(f"data set {config.name!r}, {part} part: no label column {column!r}")
    values = table.select_columns([column])[:][column]
    missing = sum(value is None or value < 0 for value in values)
    if missing:
        raise DataError(
            f"data set {config.name!r}, {part} part: {missing} of {len(values)} images have no "
            f"label (none, or negative); a set saved without this part can be used"
        )
    return np.asarray(values, dtype=np.int64)


def _class_names(
    feature: Any, labels: dict[Part, npt.NDArray[np.int64]], config: DataConfig
) -> tuple[str, ...]:
    """Return the label column's names; for plain integers, their decimal digits."""
    names = getattr(feature, "names", None)
    if names is None:
        present = np.unique(labels["train"])
        names = [str(label) for label in range(len(present))]
        if not np.array_equal(present, np.arange(len(present))):
            absent = sorted(set(range(int(present.max()))) - set(present.tolist()))
            raise DataError(
                f"data set {config.name!r}: integer labels must be 0..classes-1 with an image "
                f"each; the highest is {present.max()}, without train images: {absent[:10]}"
            )
    expected = CLASSES.get(config.name, len(names))
    if len(names) != expected:
        raise DataError(
            f"data set {config.name!r} has {expected} classes, the data read have {len(names)}"
        )
    return tuple(names)


def _image_rows(table: Any, column: str, choice: Choice) -> Any:
    """The chosen images of one part, decoded one by one while iterating."""
    import datasets  # noqa: PLC0415

    if column not in table.features:
        raise DataError(f"the {choice.part} part has no image column {column!r}")
    chosen = table.select_columns([column]).select(choice.indices)
    feature = chosen.features[column]
    image = datasets.Image(mode=feature.mode if isinstance(feature, datasets.Image) else None)
    stored = chosen.cast_column(column, datasets.Image(decode=False))
    return (_decoded(image, row[column]) for row in stored)


def _decoded(image: Any, stored: Any) -> Any:
    """Open a picture from its bytes or file; ``datasets`` would also fetch the path of a server."""
    if stored is not None and stored["bytes"] is None:
        for link in str(stored["path"]).split("::"):  # a file in an archive has its path after ::
            protocol, is_url, _ = link.partition("://")
            if is_url and protocol not in ARCHIVES:
                raise ValueError(f"{stored['path']!r} is not a file on this machine")
    return None if stored is None else image.decode_example(stored)
