"""What samplers need of a space: categorical choices, some of them conditional.

:class:`search_space.space.SearchSpace` is one; :class:`nas.samplers.product_space.ProductSpace`
makes one of any named choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from search_space.space.parameters import Choice, Parameter

ENUMERABLE = 20_000
"""Spaces up to this size may be walked through whole."""

Candidate = Any
"""An architecture as its space has it: hashable, equal exactly if it is the same one."""


class ChoiceSpace(Protocol):
    """A finite set of candidates, each named by the choices of its active parameters.

    Legend: N candidates, P parameters. A vector holds a choice's index for each parameter, -1
    where it is inactive.
    """

    name: str

    @property
    def parameters(self) -> Sequence[Parameter]:
        """The choices, in order; conditions speak of earlier ones."""

    @property
    def size(self) -> int:
        """How many distinct candidates there are."""

    @property
    def is_irregular(self) -> bool:
        """Whether only a list says which vectors, of those in range, are candidates."""

    @property
    def sampled_over(self) -> str:
        """What :meth:`sample` is uniform over, such as ``rows of the table``."""

    def sample(self, rng: np.random.Generator) -> Candidate:
        """A random candidate; in a space of conditional choices, uniform over choices."""

    def sample_architectures(self, rng: np.random.Generator) -> Candidate:
        """A random candidate, each exactly as likely as another."""

    def contains(self, architecture: Candidate) -> bool:
        """Whether it is a candidate of the space."""

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """The vector made by asking for a choice's index of each active parameter."""

    def encode(self, architecture: Candidate) -> np.ndarray:
        """The vector ``[P]`` of a candidate, always the same one."""

    def decode(self, vector: np.ndarray) -> Candidate:
        """The candidate at a vector.

        Raises:
            ValueError: there is none.
        """

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors ``[N, P]`` with -1 wherever a parameter is inactive."""

    def changes(self, architecture: Candidate) -> Mapping[str, Sequence[Candidate]]:
        """For each active parameter, the other candidates that changing it alone can give."""

    def architectures(self) -> Iterator[Candidate]:
        """Every candidate, for spaces small enough to walk through."""

    def params_of(self, architecture: Candidate) -> dict[str, Choice]:
        """The active parameters' values by name."""

    def from_params(self, params: Mapping[str, Choice]) -> Candidate:
        """The inverse of :meth:`params_of`.

        Raises:
            ValueError: there is no such candidate.
        """


class KnownCosts(Protocol):
    """Figures that are known of every candidate before anything is evaluated."""

    @property
    def names(self) -> Sequence[str]:
        """What the columns are, such as ``("params", "macs")``."""

    def of(self, architecture: Candidate) -> Mapping[str, float]:
        """The figures of one candidate by name."""

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        """The figures ``[N, names]`` of vectors ``[N, P]``, each as ``encode`` gives it."""


class NoCosts:
    """Nothing is known before evaluating."""

    names: tuple[str, ...] = ()

    def of(self, architecture: Candidate) -> dict[str, float]:
        """Nothing."""
        return {}

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        """``[N, 0]``."""
        return np.empty((len(vectors), 0))
