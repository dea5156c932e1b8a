"""The frozen, strict pydantic model that every setting in this package is made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
