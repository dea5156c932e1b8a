"""The parameters of a network by kind, for weight decay."""

from __future__ import annotations

from typing import Any, Literal

from torch import nn

from trainers.recipe import Recipe

Kind = Literal["weights", "batch_norm", "biases", "position_embeddings"]

NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def kinds_of_parameters(model: nn.Module) -> dict[str, Kind]:
    """Return the kind of every trainable parameter by its name.

    - ``batch_norm``: scales and shifts of normalisation layers.
    - ``position_embeddings``: the name ends in ``_embedding``, as of attention's tables of relative
      positions.
    - ``biases``: all others with one dimension or none.
    - ``weights``: the rest.
    """
    normalising = {
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        if isinstance(module, NORMALISATIONS)
        for name, _ in module.named_parameters(recurse=False)
    }
    return {
        name: _kind(name, parameter.ndim, name in normalising)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return two groups of the trainable parameters: with weight decay and without.

    Raises:
        ValueError: the model has no trainable parameter.
    """
    kinds = kinds_of_parameters(model)
    if not kinds:
        raise ValueError(f"the model {type(model).__name__} has no trainable parameter")
    decaying = {"weights", *recipe.weight_decay_also_on}
    parameters = dict(model.named_parameters())
    groups = [
        {
            "params": [parameters[name] for name, kind in kinds.items() if kind in decaying],
            "weight_decay": recipe.weight_decay,
        },
        {
            "params": [parameters[name] for name, kind in kinds.items() if kind not in decaying],
            "weight_decay": 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def _kind(name: str, dimensions: int, is_normalising: bool) -> Kind:
    if is_normalising:
        return "batch_norm"
    if name.endswith("_embedding"):
        return "position_embeddings"
    return "biases" if dimensions < 2 else "weights"
