"""Many short texts in two arrays, which do not grow in forked processes as a list would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
import numpy.typing as npt


class ByteStrings:
    """An immutable sequence of texts, such as file names; any bytes that a file system has."""

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
        self._ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        self._bytes = np.frombuffer(b"".join(encoded), dtype=np.uint8)

    @classmethod
    def of_arrays(cls, ends: npt.NDArray[np.int64], content: npt.NDArray[np.uint8]) -> Self:
        """Return the texts that :attr:`arrays` were of.

        Raises:
            ValueError: the arrays are not those of texts.
        """
        if len(ends) and (ends[0] < 0 or np.any(np.diff(ends) < 0) or ends[-1] != len(content)):
            raise ValueError(f"texts must end in order within {len(content)} bytes")
        texts = cls(())
        texts._ends, texts._bytes = ends, content
        return texts

    @property
    def arrays(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """The texts' ends in bytes, int64 [N], and the bytes of all texts, uint8."""
        return self._ends, self._bytes

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        begin = self._ends[index - 1] if index else 0
        return self._bytes[begin : self._ends[index]].tobytes().decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self)))
