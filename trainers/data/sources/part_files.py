"""Files of tables and shards: their whole names, or top folders, say which part they belong to."""

from __future__ import annotations

import re
from pathlib import Path

from trainers.data.sources.part_names import PART_NAMES, PARTS, Part, part_called

_NUMBERED = re.compile(r"(?P<part>.+?)(-\d+(-of-\d+(-[0-9a-f]+)?)?)?", re.IGNORECASE)
"""A file's name without its suffix, where several are one part: ``train-00000-of-00002``."""


def files_of_parts(path: Path, suffix: str) -> dict[Part, list[Path]]:
    """Return the files of each part, each in the order of their names.

    Without a part's name among them, all files are the train part.

    Args:
        path: one file, which is the train part, or a folder with files anywhere in it.
        suffix: of the files, such as ``.parquet``.

    Raises:
        ValueError: the folder has no such file; some name parts, and others do not.
    """
    if path.is_file():
        return {"train": [path]}
    files = sorted(file for file in path.rglob(f"*{suffix}") if file.is_file())
    if not files:
        raise ValueError(f"it holds no file *{suffix}")
    named: dict[Part, list[Path]] = {}
    others = []
    for file in files:
        part = _part_of(file, path)
        if part is None:
            others.append(file)
        else:
            named.setdefault(part, []).append(file)
    if named and others:
        raise ValueError(
            f"{next(iter(named.values()))[0].name} names a part ({PART_NAMES} do), and "
            f"{others[0].name} does not"
        )
    if not named:
        return {"train": others}
    return {part: named[part] for part in PARTS if part in named}


def _part_of(file: Path, root: Path) -> Part | None:
    match = _NUMBERED.fullmatch(file.stem)
    part = part_called(match["part"]) if match else None
    folder = file.relative_to(root).parts[0]
    return part or (part_called(folder) if folder != file.name else None)
