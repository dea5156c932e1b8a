"""The frozen, strict base of every description in this package."""

from __future__ import annotations

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value, equal by content: unknown fields, infinity and NaN are refused.

    Types are strict, except that a list in JSON stands for a tuple.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    def canonical_json(self) -> str:
        """Return the one JSON text of this value: sorted keys, no spaces, every field written."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a value back from :meth:`canonical_json` (or any JSON of the same content).

        Raises:
            pydantic.ValidationError: the text is not JSON, or not such a value.
        """
        return cls.model_validate_json(text)

    def replace(self, **changes: Any) -> Self:
        """Return this value with some fields changed, validated again."""
        return type(self)(
            **{name: getattr(self, name) for name in type(self).model_fields} | changes
        )
