"""The frozen, strict value that every description in this package is made of."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value: unknown fields, infinity and NaN are refused, types are strict.

    Equality is by content.

    JSON is the exception to strictness that JSON needs: a list there stands for a tuple here.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical_json(self) -> str:
        """The one JSON text of this value: sorted keys, no spaces, every field written out."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a value back from :meth:`canonical_json` (or any JSON of the same content).

        Raises:
            pydantic.ValidationError: the text is not JSON, or not such a value.
        """
        return cls.model_validate_json(text)

    def replace(self, **changes: Any) -> Self:
        """The same value with some fields changed, validated again."""
        return type(self)(
            **{name: getattr(self, name) for name in type(self).model_fields} | changes
        )
