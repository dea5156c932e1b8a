"""The undisturbed searches and retraining, with which the disturbed ones are compared.

They are kept in a folder whose name is a digest of the product's source, so that they hold for it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch import Tensor

from tests.end_to_end.tiny_search import ROOT
from tests.faults import ordered_primitive
from tests.faults.command import Command
from tests.faults.hook import hook
from tests.faults.ledger_rows import Key, Row, read_rows
from tests.faults.scene import plain_environment
from tests.faults.variants import NAME, configuration

MINUTES = 6

PACKAGES = ("search_space", "trainers", "nas")
DONE, COUNTS = "done", "counts.json"

RETRAIN = ("retrain", NAME, "--pick", "best", "--trust")


class HarnessError(Exception):
    """An undisturbed command fails: there is nothing to compare with."""


@dataclass(frozen=True)
class FullTraining:
    """The files that a finished full training leaves."""

    weights: Mapping[str, Tensor]
    curve: str


class Undisturbed:
    """The results of undisturbed commands, each run once.

    Args:
        folder: to keep them in.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve() / source_digest()
        self._rows: dict[str, dict[Key, Row]] = {}
        self._trained: FullTraining | None = None

    def rows(self, variant: str) -> dict[Key, Row]:
        """Return the rows of a variant's search."""
        if variant not in self._rows:
            folder, content = self.folder_of(variant), yaml.safe_dump(configuration(variant))
            if not _is_done(folder, content):
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                (folder / "search.yaml").write_text(content)
                self._run(folder, "search", "search.yaml")
                (folder / DONE).touch()
            self._rows[variant] = read_rows(folder / "runs" / NAME / "ledger.db")
        return self._rows[variant]

    def full_training(self) -> FullTraining:
        """Return the full training of the plain search's best network."""
        if self._trained is None:
            self.rows("plain")
            source, folder = self.folder_of("plain"), self._folder / "retrain"
            if not _is_done(folder, (source / "search.yaml").read_text()):
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(source, folder, ignore=shutil.ignore_patterns(DONE), symlinks=True)
                self._run(folder, *RETRAIN)
                (folder / DONE).touch()
            self._trained = read_full_training(folder)
        return self._trained

    def counts(self, name: str) -> dict[str, int]:
        """Return how many SQL statements and changes of files a variant, or ``retrain``, made."""
        counts: dict[str, int] = json.loads((self.folder_of(name) / COUNTS).read_text())
        return counts

    def folder_of(self, variant: str) -> Path:
        """Return the folder in which a variant's search ran."""
        return self._folder / variant.replace(" ", "-")

    def _run(self, folder: Path, *arguments: str) -> None:
        with tempfile.TemporaryDirectory(prefix="faults-ray-") as ray_folder:
            environment = plain_environment(self._folder / "state", Path(ray_folder))
            environment |= hook(folder / "runs", FAULTS_COUNTS=str(folder / COUNTS))
            command = Command(arguments, folder, environment, folder / "log.txt")
            try:
                status = command.wait(60 * MINUTES)
                if status != 0:
                    said = f"nas {' '.join(arguments)} ended with {status}"
                    raise HarnessError(f"{said}:\n{command.text[-3000:]}")
            finally:
                command.close()


def source_digest() -> str:
    """Return a digest of the source of the product, and of the primitive in the searches."""
    digest = hashlib.sha256()
    packages = [file for name in PACKAGES for file in sorted((ROOT / name).rglob("*.py"))]
    for file in (*packages, Path(ordered_primitive.__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _is_done(folder: Path, content: str) -> bool:
    """Return whether a folder holds the finished command of a configuration."""
    return (folder / DONE).is_file() and (folder / "search.yaml").read_text() == content


def read_full_training(folder: Path) -> FullTraining:
    """Read the only full training in a folder's runs."""
    (model,) = folder.glob(f"runs/{NAME}/retrain/*/model.pt")
    saved = torch.load(model, weights_only=True)
    return FullTraining(_tensors(saved), (model.parent / "curve.csv").read_text())


def differences_of_training(expected: FullTraining, actual: FullTraining) -> list[str]:
    """Return where two full trainings differ, bit by bit."""
    wrong = [] if expected.curve == actual.curve else ["the curve of the full training differs"]
    if expected.weights.keys() != actual.weights.keys():
        return [*wrong, "the saved networks have other tensors"]
    return wrong + [
        f"weights differ: {name}"
        for name, tensor in expected.weights.items()
        if not torch.equal(tensor, actual.weights[name])
    ]


def _tensors(saved: object, place: str = "") -> dict[str, Tensor]:
    """Return all tensors of a nest of dictionaries, by their paths in it."""
    if isinstance(saved, Tensor):
        return {place: saved}
    if not isinstance(saved, Mapping):
        return {}
    parts = (_tensors(part, f"{place}/{key}") for key, part in saved.items())
    return {name: tensor for part in parts for name, tensor in part.items()}
