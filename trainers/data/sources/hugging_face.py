"""Image sets in tables, read by Hugging Face ``datasets``: from the hub, Parquet, disk.

Parts are called as in folders of images: ``train``, ``val``, ``valid``, ``validation``, ``dev``,
``test``, in any case; others are left out, and named. Parquet files in a folder are parts by their
whole names, such as ``train.parquet`` or ``train-00000-of-00002.parquet``.
"""

from __future__ import annotations

import glob
import io
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainers.data.checks.usable_picture import UnusablePicture, usable_header
from trainers.data.config import DataConfig
from trainers.data.pictures.pixels import PictureFile
from trainers.data.sources.annotated_objects import objects_of
from trainers.data.sources.labelled_set import LabelledPart, LabelledSet
from trainers.data.sources.part_files import files_of_parts
from trainers.data.sources.part_names import PART_NAMES, Part, part_called
from trainers.data.sources.table_labels import read_labels
from trainers.data.sources.table_objects import holds_objects, read_objects, stated_hw
from trainers.errors import DataError

HUB_IDS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "imagenet": "ILSVRC/imagenet-1k",
}
HAVE_TERMS = ("imagenet",)
"""Sets whose terms must be accepted on the hub before it gives them."""

CLASSES = {"cifar10": 10, "cifar100": 100}
# CIFAR-100 has a second label column, of 20 coarse classes
LABEL_COLUMNS = {"cifar100": "fine_label"}
ARCHIVES = ("zip", "gzip", "bz2", "xz", "zstd", "lz4")
"""Protocols of paths into an archive, such as ``zip://a.png::/folder/images.zip``."""

ROWS_AT_ONCE = 1024
"""Rows of which names and sizes are held at a time."""


def read_tables(config: DataConfig) -> LabelledSet:
    """Find the parts, classes and images that ``config`` names; no image is decoded.

    Raises:
        DataError: the path or hub id cannot be read; there is no train part, no image column or no
            label column, or several that fit; labels are of a type that is not read; the number of
            classes is not the data set's.
    """
    tables, left_out = _open(config)
    features = tables["train"].features
    image_column = _image_column(features, config)
    label_column = _label_column(features, config)
    place = f"data set {config.name!r}"
    for part, table in tables.items():
        for what, column in (("image", image_column), ("label", label_column)):
            if column not in table.features:
                raise DataError(f"{place}, {part} part: no {what} column {column!r}")
    if holds_objects(features[label_column]):
        return _with_objects(tables, image_column, label_column, config, left_out)
    columns = {part: table.select_columns([label_column]) for part, table in tables.items()}
    labels, class_names, problems = read_labels(columns, label_column, place)
    expected = CLASSES.get(config.name, len(class_names))
    if not problems and len(class_names) != expected:
        raise DataError(f"{place} has {expected} classes, the data read have {len(class_names)}")
    parts = {
        part: LabelledPart(labels[part], TablePictures(table, image_column, part))
        for part, table in tables.items()
    }
    return LabelledSet(parts, class_names, tuple(left_out), tuple(problems))


def _with_objects(
    tables: Mapping[Part, Any],
    image_column: str,
    object_column: str,
    config: DataConfig,
    left_out: Sequence[str],
) -> LabelledSet:
    """Return a set whose labels are objects; headers are read where no columns give sizes."""
    annotations, class_names, problems = read_objects(
        tables, object_column, config.box_format, f"data set {config.name!r}"
    )
    said = list(left_out)
    parts: dict[Part, LabelledPart] = {}
    for part, table in tables.items():
        pictures = TablePictures(table, image_column, part)
        hw = stated_hw(table)
        if hw is None:
            hw = sizes_by_headers(pictures, len(table))
        labels, wrong = objects_of(annotations[part], hw, pictures.name)
        parts[part] = LabelledPart(labels, pictures, hw)
        if config.skip_damaged:
            said += [f"{part} part: {line}; they are left out" for line in wrong]
        else:
            problems += [f"{part} part: {line} (box_format={config.box_format})" for line in wrong]
    return LabelledSet(parts, class_names, tuple(said), tuple(problems))


def how_to_get(config: DataConfig) -> str:
    """Return the command that gets a set of the hub by its name here."""
    hub_id = HUB_IDS[config.name]
    terms = f" after accepting its terms at https://huggingface.co/datasets/{hub_id}"
    return (
        f"get it once by `hf download {hub_id} --repo-type dataset --local-dir FOLDER`"
        f"{terms if config.name in HAVE_TERMS else ''}, and set data.path to that folder"
    )


class TablePictures:
    """The pictures in a column of a table.

    Args:
        table: of ``datasets``.
        column: of images, or of their bytes.
        part: of the set, for the pictures' names.
    """

    def __init__(self, table: Any, column: str, part: Part) -> None:
        import datasets  # noqa: PLC0415

        only = table.select_columns([column])
        feature = only.features[column]
        self._mode = feature.mode if isinstance(feature, datasets.Image) else None
        self._stored = only.cast_column(column, datasets.Image(decode=False))
        self._column = column
        self._part = part

    def name(self, index: int) -> str:
        """Return the picture's row, and its file if the table names one."""
        stored = self._stored[index][self._column]
        file = stored and stored["path"]
        return f"{self._part} row {index}" + (f" ({Path(file).name})" if file else "")

    def file(self, index: int) -> PictureFile | None:
        """See :meth:`trainers.data.sources.labelled_set.Pictures.file`."""
        stored = self._stored[index][self._column]
        if stored is None:
            return None
        if stored["bytes"] is not None:
            return io.BytesIO(stored["bytes"])
        return _file_at(str(stored["path"]))

    @property
    def mode(self) -> str | None:
        """The mode that the column declares."""
        return self._mode

    def stored_names(self) -> Iterator[str]:
        """Yield the names of the files that the rows name, empty where they name none."""
        for rows in self._batches():
            for path in _field(rows, "path").to_pylist():
                yield os.path.basename(path or "")

    def sizes_bytes(self) -> npt.NDArray[np.int64]:
        """See :meth:`trainers.data.sources.labelled_set.Pictures.sizes_bytes`."""
        import pyarrow.compute as pc  # noqa: PLC0415 (slow to import)

        sizes = [np.empty(0, np.int64)]
        for rows in self._batches():
            lengths = pc.binary_length(_field(rows, "bytes")).fill_null(-1)
            own = lengths.to_numpy(zero_copy_only=False).astype(np.int64)
            for row in np.flatnonzero(own < 0).tolist():
                path = _field(rows, "path")[row].as_py()
                if path is not None and os.path.isfile(path):
                    own[row] = os.path.getsize(path)
            sizes.append(own)
        return np.concatenate(sizes)

    def _batches(self) -> Iterator[Any]:
        """Yield the column as Arrow's structs of bytes and path, some rows at a time."""
        for table in self._stored.with_format("arrow").iter(ROWS_AT_ONCE):
            yield from table.column(self._column).chunks


def sizes_by_headers(pictures: TablePictures, count: int) -> npt.NDArray[np.int64]:
    """Return the upright height and width of pictures, int64 [N, 2]; zeros where one is damaged."""
    whole = LabelledPart(np.zeros(count, np.int64), pictures)
    hw = np.zeros((count, 2), np.int64)
    for index in range(count):
        try:
            hw[index] = usable_header(whole, index).hw
        except UnusablePicture:
            continue  # said with all that is wrong with pictures
    return hw


def _open(config: DataConfig) -> tuple[dict[Part, Any], list[str]]:
    """Return the tables of the parts that the set has, "train" among them, and what is left out."""
    import datasets  # noqa: PLC0415 (slow to import)

    path = config.path or HUB_IDS[config.name]
    local = Path(path).expanduser()
    is_saved = any((local / file).exists() for file in ("dataset_dict.json", "state.json"))
    # a folder's own description, which load_dataset obeys, could name files on servers
    is_parquet = config.name == "parquet" or (config.name == "imagenet" and local.exists())
    must_be_local = config.name == "parquet" or local.is_absolute()
    if must_be_local and not local.exists():
        raise DataError(f"data set {config.name!r}: the path {path!r} does not exist")
    try:
        if is_saved and config.name != "parquet":
            opened = datasets.load_from_disk(str(local))
        elif is_parquet:
            # one by one: together, all parts would get the class names of one of them
            opened = datasets.DatasetDict()
            for part, each in files_of_parts(local, ".parquet").items():
                files = {part: [glob.escape(str(file)) for file in each]}
                opened[part] = datasets.load_dataset("parquet", data_files=files)[part]
        else:
            opened = datasets.load_dataset(str(local) if local.exists() else path)
    except (
        OSError,
        ValueError,
        RuntimeError,
        ImportError,  # of a package that the files' format needs
        datasets.exceptions.DatasetsError,
    ) as error:
        how = f"; {how_to_get(config)}" if config.path is None else ""
        raise DataError(f"data set {config.name!r}: cannot read {path!r}: {error}{how}") from error
    tables = opened if isinstance(opened, datasets.DatasetDict) else {"train": opened}
    return _parts(tables, config, path)


def _parts(
    tables: Mapping[str, Any], config: DataConfig, path: str
) -> tuple[dict[Part, Any], list[str]]:
    """Return the tables by what their names mean, and a line for those that mean nothing."""
    place = f"data set {config.name!r}"
    meant = {key: part_called(key) for key in tables}
    for part, count in Counter(filter(None, meant.values())).items():
        if count > 1:
            keys = [key for key, each in meant.items() if each == part]
            raise DataError(f"{place}: {keys} of {path!r} all name the {part} part")
    parts = {  # a saved format would decode, and hide columns
        part: tables[key].with_format(None) for key, part in meant.items() if part is not None
    }
    if "train" not in parts:
        raise DataError(f"{place}: {path!r} has no train part, only {sorted(tables)}")
    if config.test_part == "validation" and "validation" in parts:
        parts.pop("test", None)  # it is not used, and may have no labels, as ImageNet's
    others = [key for key, part in meant.items() if part is None]
    said = [f"parts {others} are left out: {PART_NAMES} name parts"] if others else []
    return parts, said


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
    plain = {
        column: kind.dtype for column, kind in features.items() if isinstance(kind, datasets.Value)
    }
    whole = [column for column, kind in plain.items() if kind.startswith(("int", "uint", "bool"))]
    texts = [column for column, kind in plain.items() if kind.endswith("string")]
    objects = [column for column, kind in features.items() if holds_objects(kind)]
    asked = config.label_column
    if asked is None and LABEL_COLUMNS.get(config.name) in features:
        asked = LABEL_COLUMNS[config.name]
    if asked is None and not (named or objects or whole) and "label" in texts:
        asked = "label"  # other columns of texts are captions or file names
    if asked is not None:
        return _one_column("label", asked, named + objects + whole + texts, features, config)
    return _one_column("label", None, named or objects or whole, features, config)


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
    kinds = ", ".join(
        f"{column}: {getattr(kind, 'dtype', type(kind).__name__)}"
        for column, kind in features.items()
    )
    raise DataError(
        f"data set {config.name!r}: {problem}; columns whose type fits: {fitting}; all: {kinds}"
    )


def _field(rows: Any, name: str) -> Any:
    """Return a field of Arrow's structs, null where the struct is."""
    import pyarrow.compute as pc  # noqa: PLC0415 (slow to import)

    return pc.struct_field(rows, name)


def _file_at(path: str) -> PictureFile:
    """Return the file at a path, or in an archive.

    Raises:
        ValueError: it is on a server, from which ``datasets`` would fetch it.
    """
    links = path.split("::")  # a file in an archive has its path after ::
    for link in links:
        protocol, is_url, _ = link.partition("://")
        if is_url and protocol not in ARCHIVES:
            raise ValueError(f"{path!r} is not a file on this machine")
    if len(links) == 1:
        return path
    import fsspec  # noqa: PLC0415 (slow to import)

    with fsspec.open(path, "rb") as file:
        return io.BytesIO(file.read())
