"""Find the class that a type's name means: primitive, stem or channel attention."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from inspect import isabstract
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, SerializeAsAny, ValidationError, ValidationInfo
from pydantic_core import to_json

from search_space.nearest import hint
from search_space.own_modules import import_own
from search_space.primitives.augmented_convolution import AugmentedConvolution
from search_space.primitives.augmented_convolution_ratios import AugmentedConvolutionRatios
from search_space.primitives.channel_attention import (
    CHANNEL_ATTENTIONS,
    ChannelAttention,
    ChannelAttentionDescription,
)
from search_space.primitives.convolution import Convolution
from search_space.primitives.inverted_bottleneck import (
    Identity,
    InvertedBottleneck,
    InvertedBottleneckRatios,
)
from search_space.primitives.local_attention import LocalAttention
from search_space.primitives.primitive import Description, Primitive
from search_space.primitives.stem_types import STEMS, Stem
from search_space.values import Value

Kind = TypeVar("Kind", bound=Value)
Problem = TypeVar("Problem", bound=ValueError)

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


class NotImported(ValueError):
    """A description names a type whose module is not imported and may not be."""


class ImportFailed(ValueError):
    """A type's module cannot be imported, or lacks the class; the message says why."""


IMPORTS = "imports"
"""The key of pydantic's validation context for whether modules may be imported."""


def primitive_from(value: Any, info: ValidationInfo) -> Any:
    """Make a resolved primitive from its fields; a primitive passes through."""
    return _value_from(value, PRIMITIVES, Primitive, info)  # type: ignore[type-abstract]


AnyPrimitive = Annotated[SerializeAsAny[Primitive], BeforeValidator(primitive_from)]
"""A field that holds a resolved primitive of any type."""


def stem_from(value: Any, info: ValidationInfo) -> Any:
    """Make a stem from its fields; a stem passes through."""
    return _value_from(value, STEMS, Stem, info)  # type: ignore[type-abstract]


def channel_attention_from(value: Any, info: ValidationInfo) -> Any:
    """Make resolved channel attention from its fields; channel attention and None pass through."""
    if value is None:
        return None
    return _value_from(value, CHANNEL_ATTENTIONS, ChannelAttention, info)  # type: ignore[type-abstract]


def not_imported(error: ValidationError) -> NotImported | None:
    """Return the first problem of ``error`` that is a module not imported, or None."""
    return _first(error, NotImported)


def import_failure(error: ValidationError) -> ImportFailed | None:
    """Return the first problem of ``error`` that is a failed import, or None."""
    return _first(error, ImportFailed)


def _first(error: ValidationError, kind: type[Problem]) -> Problem | None:
    causes = (problem.get("ctx", {}).get("error") for problem in error.errors())
    return next((cause for cause in causes if isinstance(cause, kind)), None)


def class_named(
    name: str, known: Mapping[str, type[Kind]], kind: type[Kind], *, imports: bool = False
) -> type[Kind]:
    """Return the class that ``name`` means: of ``known``, or ``module:Class``, of kind ``kind``.

    Args:
        name: the ``type`` in a description.
        known: the built-in classes by name.
        kind: what the class must be a subclass of.
        imports: whether the module may be imported, which runs its code: True only for a
            description that the user wrote or trusts. Otherwise the module must be imported
            already.

    Raises:
        NotImported: ``imports`` is False, and the module is not imported.
        ImportFailed: there is no such module or class, or the module raises.
        ValueError: no such name (the message has the nearest one), or no such subclass.
    """
    if name in known:
        return known[name]
    what = _words_for(kind)
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise ValueError(
            f"unknown {what} type {name!r}; {hint(name, known)} "
            "(your own: type: my_package.module:Class)"
        )
    if not imports and module_name not in sys.modules:
        raise NotImported(
            f"{what} type {name!r} would import the module {module_name!r}, which runs its code; "
            "that is done only for what you trust: give --trust (in Python, import it first)"
        )
    try:
        module = import_own(module_name) if imports else sys.modules[module_name]
        # a module may import others when it is asked for a name that it does not hold yet
        named = getattr(module, class_name) if imports else vars(module)[class_name]
    except KeyError:
        raise ImportFailed(
            f"{what} type {name!r} cannot be imported: module {module_name!r} has no attribute "
            f"{class_name!r}"
        ) from None
    except (AttributeError, ValueError) as error:
        raise ImportFailed(f"{what} type {name!r} cannot be imported: {error}") from error
    if not (isinstance(named, type) and issubclass(named, kind)):
        raise ValueError(f"{what} type {name!r} {_not_a_subclass(named, kind)}")
    if isabstract(named):
        lacking = ", ".join(sorted(named.__abstractmethods__))
        raise ValueError(f"{what} type {name!r} is abstract: it lacks {lacking}")
    return named


def _words_for(kind: type[Value]) -> str:
    """Name ``kind`` in a message: ``channel attention`` for ``ChannelAttentionDescription``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__.removesuffix("Description"))
    return words.lower() or "primitive"


def _not_a_subclass(value: Any, kind: type[Value]) -> str:
    """Say what ``value`` is instead of a subclass of ``kind``, and which class to subclass."""
    resolved = {Description: Primitive, ChannelAttentionDescription: ChannelAttention}
    wanted = resolved.get(kind, kind)
    there = "is no class"
    if isinstance(value, type):
        bases = ", ".join(f"{base.__module__}.{base.__qualname__}" for base in value.__bases__)
        there = f"is a subclass of {bases}"
    return f"{there}, but must be one of {wanted.__module__}.{wanted.__qualname__}"


def _value_from(
    value: Any, known: Mapping[str, type[Kind]], kind: type[Kind], info: ValidationInfo
) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"the {_words_for(kind)} must be a mapping with a type, got {value!r}")
    if not isinstance(value.get("type"), str):
        raise ValueError(f"the {_words_for(kind)} needs a type, one of: {', '.join(known)}")
    imports = bool((info.context or {}).get(IMPORTS))
    value_type = class_named(value["type"], known, kind, imports=imports)
    # Strict validation takes a list for a tuple in JSON only.
    text = to_json(dict(value), inf_nan_mode="constants")
    return value_type.model_validate_json(text, context=info.context)
