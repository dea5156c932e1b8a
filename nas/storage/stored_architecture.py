"""An architecture in a ledger, read when it is asked for: most of ten thousand never are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from nas.errors import RunError
from nas.storage.database.damage_text import reason
from search_space.architecture import ARCH_ID_DIGITS, Architecture
from search_space.digest import short_sha256

_OWN_TYPE = re.compile(r'"type":"[^"]*:')
"""A type of the user's own in the canonical JSON, such as ``separable:Separable``."""


@dataclass(frozen=True)
class StoredArchitecture:
    """An architecture whose text is that of its ``arch_id``, and so is whole."""

    arch_id: str
    text: str  # its canonical JSON
    whose: str  # the trial, for messages

    @cached_property
    def architecture(self) -> Architecture:
        """The architecture.

        Raises:
            RunError: it is not valid; another version, or a forger, wrote it.
        """
        try:
            return Architecture.from_json(self.text)
        except ValueError as error:
            raise RunError(
                f"the architecture {self.arch_id} of {self.whose} cannot be read: {reason(error)}"
            ) from error


def stored_architecture(
    text: str, arch_id: str, *, imports: bool, whose: str
) -> Architecture | StoredArchitecture:
    """Return an architecture that is read later if ``arch_id`` is the digest of ``text``.

    Else it is read now; and so is one with types of the user's own, whose modules are imported or
    refused when a ledger is read.

    Raises:
        pydantic.ValidationError: see :meth:`search_space.architecture.Architecture.from_json`.
    """
    if arch_id and short_sha256(text, ARCH_ID_DIGITS) == arch_id and not _OWN_TYPE.search(text):
        return StoredArchitecture(arch_id, text, whose)
    return Architecture.from_json(text, imports=imports)


def architecture_of(network: Architecture | StoredArchitecture) -> Architecture:
    """Return an architecture that may have to be read first.

    Raises:
        RunError: see :attr:`StoredArchitecture.architecture`.
    """
    return network.architecture if isinstance(network, StoredArchitecture) else network
