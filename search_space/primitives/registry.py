"""From a name in a config to the primitive or stem that it means."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from inspect import isabstract
from typing import Any, TypeVar

from pydantic_core import to_json

from search_space.nearest import hint
from search_space.primitives.augmented_convolution import (
    AugmentedConvolution,
    AugmentedConvolutionRatios,
)
from search_space.primitives.convolution import Convolution
from search_space.primitives.inverted_bottleneck import (
    Identity,
    InvertedBottleneck,
    InvertedBottleneckRatios,
)
from search_space.primitives.local_attention import LocalAttention
from search_space.primitives.primitive import Description, Primitive
from search_space.primitives.recalibration import RECALIBRATIONS, Recalibration
from search_space.primitives.stems import STEMS, Stem
from search_space.values import Value

Kind = TypeVar("Kind", bound=Value)

PRIMITIVES: dict[str, type[Primitive]] = {
    "conv": Convolution,
    "augmented_conv": AugmentedConvolution,
    "identity": Identity,
    "inverted_bottleneck": InvertedBottleneck,
    "local_attention": LocalAttention,
}

DESCRIPTIONS: dict[str, type[Description]] = PRIMITIVES | {
    "augmented_conv": AugmentedConvolutionRatios,
    "inverted_bottleneck": InvertedBottleneckRatios,
}


def primitive_from(value: Any) -> Any:
    """A resolved primitive from its fields; a primitive passes through."""
    return _value_from(value, PRIMITIVES, Primitive)  # type: ignore[type-abstract]


def stem_from(value: Any) -> Any:
    """A stem from its fields; a stem passes through."""
    return _value_from(value, STEMS, Stem)  # type: ignore[type-abstract]


def recalibration_from(value: Any) -> Any:
    """A resolved recalibration from its fields; a recalibration and None pass through."""
    if value is None:
        return None
    return _value_from(value, RECALIBRATIONS, Recalibration)  # type: ignore[type-abstract]


def class_named(name: str, known: Mapping[str, type[Kind]], kind: type[Kind]) -> type[Kind]:
    """The class behind ``name``: one of ``known``, or ``module:Class``, a subclass of ``kind``.

    Raises:
        ValueError: no such name (the message has the nearest one), module, class or subclass.
    """
    if name in known:
        return known[name]
    what = kind.__name__.lower().removesuffix("description") or "primitive"
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise ValueError(
            f"unknown {what} type {name!r}; {hint(name, known)} "
            "(your own: type: my_package.module:Class)"
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{what} type {name!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ValueError(f"{what} type {name!r} is not a subclass of {kind.__name__}")
    if isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise ValueError(f"{what} type {name!r} is abstract: it lacks {lacking}")
    return found


def _value_from(value: Any, known: Mapping[str, type[Kind]], kind: type[Kind]) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(
            f"expected a {kind.__name__.lower()} as a mapping with a type, got {value!r}"
        )
    if not isinstance(value.get("type"), str):
        raise ValueError(f"a {kind.__name__.lower()} needs a type, one of: {', '.join(known)}")
    # Through JSON, where a list stands for a tuple and all else stays strict.
    found = class_named(value["type"], known, kind)
    return found.model_validate_json(to_json(dict(value), inf_nan_mode="constants"))
