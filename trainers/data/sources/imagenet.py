"""ImageNet-1k, from its usual folder, Parquet files, or the Hugging Face hub.

Russakovsky et al. (2015), https://arxiv.org/abs/1409.0575. Classes are WordNet synsets: folders
``train/n01440764`` and ``val/n01440764``. Its custom is to test on the validation part, since the
test part has no labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trainers.data.config import DataConfig
from trainers.data.sources.classes_file import CLASSES_FILE
from trainers.data.sources.hugging_face import how_to_get, read_tables
from trainers.data.sources.image_folder import read_image_folder
from trainers.data.sources.labelled_set import LabelledSet
from trainers.data.sources.listed_names import listed
from trainers.errors import DataError

SYNSETS_FILE = "LOC_synset_mapping.txt"
"""Kaggle's file of names: ``n01440764 tench, Tinca tinca``, a line each."""

TABLES = ("dataset_dict.json", "*.parquet", "*/*.parquet")
"""Files that tell a folder of tables from the usual folder, whose images are not looked through."""

_SYNSET = re.compile(r"(?P<id>n\d{8})\s+(?P<lemmas>.+)")


def read_imagenet(config: DataConfig) -> LabelledSet:
    """Find ImageNet's parts, classes and images; no image is decoded.

    Raises:
        DataError: it is not there, with the command that gets it; it cannot be read, or its file of
            names does not fit its classes.
    """
    place = f"data set {config.name!r}"
    if config.path is None:
        return _with_first_lemmas(read_tables(config))
    root = Path(config.path).expanduser()
    if not root.is_dir():
        is_there = "is no folder" if root.exists() else "does not exist"
        raise DataError(f"{place}: the path {config.path!r} {is_there}; {how_to_get(config)}")
    if any(file for pattern in TABLES for file in root.glob(pattern)):
        return _with_first_lemmas(read_tables(config))
    labelled = read_image_folder(root, config.name, config.test_part)
    return replace(labelled, class_names=_names(root, labelled.class_names, place))


def _with_first_lemmas(labelled: LabelledSet) -> LabelledSet:
    names = labelled.class_names
    return replace(labelled, class_names=_first_lemmas(names, names))


def _names(root: Path, synsets: Sequence[str], place: str) -> tuple[str, ...]:
    """Return the classes' names by a file in the folder; without one, the synsets."""
    files = [root / name for name in (SYNSETS_FILE, CLASSES_FILE)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return tuple(synsets)
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: cannot read {file}: {error}") from error
    lines = [line for line in lines if line]
    matches = [match for line in lines if (match := _SYNSET.fullmatch(line))]
    if len(matches) == len(lines):
        lemmas = {match["id"]: match["lemmas"] for match in matches}
        if missing := [synset for synset in synsets if synset not in lemmas]:
            raise DataError(f"{place}: {file} has no line for the classes {listed(missing)}")
        lines = [lemmas[synset] for synset in synsets]
    elif len(lines) != len(synsets):
        raise DataError(
            f"{place}: {file} must name the {len(synsets)} classes in their order, one a line, or "
            f"begin each line with a synset such as n01440764, got {len(lines)} lines"
        )
    return _first_lemmas(
        lines, [f"{_lemma(line)} ({synset})" for line, synset in zip(lines, synsets, strict=True)]
    )


def _first_lemmas(texts: Sequence[str], distinct: Sequence[str]) -> tuple[str, ...]:
    """Return the first lemma of each class; where two are alike (crane), the ``distinct`` names."""
    lemmas = [_lemma(text) for text in texts]
    counts = Counter(map(str.casefold, lemmas))
    return tuple(
        lemma if counts[lemma.casefold()] == 1 else name
        for lemma, name in zip(lemmas, distinct, strict=True)
    )


def _lemma(text: str) -> str:
    return text.split(",", maxsplit=1)[0].strip()
