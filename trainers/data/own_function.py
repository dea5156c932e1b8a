"""Images from a function of the user's own, ``my_package.module:function``."""

from __future__ import annotations

import importlib

from trainers.data.config import DataConfig
from trainers.data.splits.dataset import ImageSplits
from trainers.errors import DataError


def load_own(config: DataConfig) -> ImageSplits:
    """Call the function that ``config.name`` names: ``function(seed=SPLIT_SEED, **PARAMETERS)``.

    Returns:
        its :class:`ImageSplits`; equal arguments must give equal images, in every process.

    Raises:
        DataError: the module or function is not there; it raises, or returns something else.
    """
    place = f"data {config.name!r}"
    module_name, _, function_name = config.name.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
        splits = function(seed=config.split_seed, **(config.parameters or {}))
    except DataError:
        raise
    except ModuleNotFoundError as error:
        raise DataError(
            f"{place}: {error}: set modules, or PYTHONPATH, to the folder that holds it"
        ) from error
    except Exception as error:
        raise DataError(f"{place} raised {type(error).__name__}: {error}") from error
    if not isinstance(splits, ImageSplits):
        raise DataError(
            f"{place} must return trainers.ImageSplits, it returned {type(splits).__name__}"
        )
    return splits
