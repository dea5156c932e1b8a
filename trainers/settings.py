"""The frozen, strict pydantic model that every setting in this package is made of."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


def list_to_tuple(value: object) -> object:
    """Return a list as a tuple; anything else as it is.

    YAML and JSON have lists only, and strict validation wants the tuple itself.
    """
    return tuple(value) if isinstance(value, list) else value


class Settings(BaseModel):
    """A frozen group of settings: unknown fields, NaN and wrong types are refused.

    Types are strict: ``"3"`` is no integer and ``True`` no number, but an integer is accepted
    where a float is asked.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class GrowingSettings(Settings):
    """Settings with keys that earlier versions did not know.

    Such a key is written only where it has another value than its default: equal settings keep
    their text, and what is identified by it.
    """

    LATER_KEYS: ClassVar[tuple[str, ...]]

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        for key in self.LATER_KEYS:
            if getattr(self, key) == type(self).model_fields[key].default:
                content.pop(key, None)
        return content
