"""The attention maps of a run's best fully trained network, on one of the run's examples."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from analysis.report.run_data import AttentionPicture
from nas.storage.evaluation import Evaluation
from nas.storage.networks.retraining import MODEL, example_folder
from nas.storage.run.file_imports import allow_imports
from nas.storage.run.folder import RunFolder
from trainers import CheckpointError

log = logging.getLogger(__name__)

JUDGED_BY = ("val_accuracy", "test_accuracy")


def attention_picture(
    run: RunFolder, trained: Sequence[Evaluation], *, trust: bool
) -> AttentionPicture | None:
    """Draw where the heads of the best network with attention look.

    The best has the highest validation accuracy of those whose ``model.pt`` is in the run's
    folder. The image is the first example picture there.

    Returns:
        None where there is no such network, or no example.
    """
    image = next(iter(sorted(example_folder(run.retrain_folder).glob("*.png"))), None)
    done = sorted((row for row in trained if row.state == "complete"), key=_worth, reverse=True)
    for row in done:
        model = run.retrain_folder / f"{row.arch_id}-{row.recipe_id}-training{row.training}" / MODEL
        if image is None or not model.is_file():
            continue
        picture = _drawn(row.arch_id, model, image, trust=trust)
        if picture is not None:
            return picture
    return None


def _worth(row: Evaluation) -> float:
    return next((row.metrics[name] for name in JUDGED_BY if name in row.metrics), 0.0)


def _drawn(arch_id: str, model: Path, image: Path, *, trust: bool) -> AttentionPicture | None:
    """Draw a network's maps; None, with a warning in the log, where it cannot be read."""
    # PyTorch and matplotlib are loaded for a run that has a network alone.
    from analysis.attention_maps.maps import (  # noqa: PLC0415
        attention_layers,
        attention_maps,
    )
    from analysis.attention_maps.picture import attention_maps_png  # noqa: PLC0415
    from nas.cli.commands.networks.attention_maps import (  # noqa: PLC0415
        quadrant_centres,
    )
    from nas.storage.networks.network_file import load_network  # noqa: PLC0415

    try:
        network = load_network(
            model, require_complete=True, imports=allow_imports(model, trust=trust)
        )
    except CheckpointError as error:
        log.warning("its attention maps are left out: %s", error)
        return None
    if network.architecture.detector is not None or not attention_layers(network.model):
        return None
    pixels = network.preprocessing.pixels(str(image))
    x = network.preprocessing.normalised(pixels)
    maps = attention_maps(network.model, x, quadrant_centres(network.task.input_shape[1:]))
    ((predicted,),) = network.predictions(x[None])
    caption = f"{image.name}: the network says {predicted.class_name} ({predicted.probability:.1%})"
    return AttentionPicture(arch_id, caption, attention_maps_png(maps, pixels, caption=caption))
