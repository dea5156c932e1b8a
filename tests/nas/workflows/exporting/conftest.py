"""A small trained network with local attention, and its exports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.config.search_config import SearchConfig
from nas.storage.ledger import Ledger
from nas.storage.networks.exports.formats import ENDINGS, FORMATS, ExportFormat
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import Retraining
from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.folder import RunFolder
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import compared_images, quantization_images, splits_of
from search_space.architecture import Architecture, Task
from tests.nas.trained_in_full import trained_in_full

ARCHITECTURE = Architecture.from_json(
    json.dumps(
        {
            "stem": {"type": "conv", "kernel": 3, "stride": 1, "pool": False, "width": 8},
            "stages": [
                {
                    "width": 8,
                    "stride": 2,
                    "blocks": [{"type": "local_attention", "extent": 3, "heads": 2}],
                }
            ],
        }
    )
)
RECIPE = {"epochs": 8, "batch_size": 20, "learning_rate": 0.1}


@pytest.fixture(scope="session")
def model_file(
    tmp_path_factory: pytest.TempPathFactory,
    config_of: Callable[..., SearchConfig],
    task: Task,
) -> Path:
    """The file of a network that was trained on a few digits, in its run's folder."""
    config = config_of(retrain=RECIPE)
    run = RunFolder.create(tmp_path_factory.mktemp("runs"), config)
    retraining = Retraining.of(ARCHITECTURE, 0, config, run)
    trained_in_full(retraining, config, Ledger.create(config, run), task)
    return retraining.model_file


@pytest.fixture(scope="session")
def saved(model_file: Path) -> SavedNetwork:
    return load_network(model_file)


@pytest.fixture(scope="session")
def exportable(saved: SavedNetwork, model_file: Path) -> ExportableNetwork:
    splits = splits_of(saved, RunFolder.around(model_file))
    return ExportableNetwork(
        saved.model,
        saved.architecture,
        saved.task,
        saved.record,
        compared_images(saved, splits),
        quantization_images(saved, splits),
    )


@pytest.fixture(scope="session")
def exports(
    exportable: ExportableNetwork, tmp_path_factory: pytest.TempPathFactory
) -> dict[ExportFormat, Path]:
    """The network's file in each format."""
    folder = tmp_path_factory.mktemp("exports")
    files = {name: folder / f"digit{ENDINGS[name]}" for name in FORMATS}
    for name, file in files.items():
        export(exportable, file, name, "float32", "CC0-1.0")
    return files
