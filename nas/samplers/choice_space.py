"""The interfaces that samplers need: a space of categorical choices, and its known costs.

:class:`search_space.space.SearchSpace` is such a space, and
:class:`nas.samplers.product_space.ProductSpace` makes one of any named choices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from search_space.space.parameters import Choice, Parameter

ENUMERABLE = 20_000
"""The largest space of which every candidate may be listed."""

Candidate = Any
"""An architecture in its space's own type: hashable, and equal exactly if it is the same one."""


class ChoiceSpace(Protocol):
    """A finite set of candidates, each named by the choices of its active parameters.

    Legend: N candidates, P parameters. A vector holds a choice's index for each parameter, -1
    where it is inactive.
    """

    name: str

    @property
    def parameters(self) -> Sequence[Parameter]:
        """The parameters, in order; a condition refers to earlier ones."""

    @property
    def size(self) -> int:
        """The number of distinct candidates."""

    @property
    def is_irregular(self) -> bool:
        """Whether only a list says which of the vectors in range are candidates."""

    @property
    def sampled_over(self) -> str:
        """The name of what :meth:`sample` is uniform over, such as ``rows of the table``."""

    def sample(self, rng: np.random.Generator) -> Candidate:
        """Draw a candidate; in a space of conditional choices, uniformly over choices."""

    def sample_architectures(self, rng: np.random.Generator) -> Candidate:
        """Draw a candidate, each exactly as likely as another."""

    def contains(self, architecture: Candidate) -> bool:
        """Return whether it is a candidate of the space."""

    def walk(self, choose: Callable[[Parameter], int]) -> np.ndarray:
        """Return the vector ``[P]`` of the indices that ``choose`` gives for active parameters."""

    def encode(self, architecture: Candidate) -> np.ndarray:
        """Return the vector ``[P]`` of a candidate, always the same one."""

    def decode(self, vector: np.ndarray) -> Candidate:
        """Return the candidate of a vector.

        Raises:
            ValueError: there is none.
        """

    def checked(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vectors ``[N, P]`` with -1 wherever a parameter is inactive."""

    def changes(self, architecture: Candidate) -> Mapping[str, Sequence[Candidate]]:
        """For each active parameter, return the candidates that differ by changing it alone."""

    def architectures(self) -> Iterator[Candidate]:
        """Iterate over every candidate; for small spaces."""

    def params_of(self, architecture: Candidate) -> dict[str, Choice]:
        """Return the active parameters' values by name."""

    def from_params(self, params: Mapping[str, Choice]) -> Candidate:
        """Invert :meth:`params_of`.

        Raises:
            ValueError: there is no such candidate.
        """


class KnownCosts(Protocol):
    """Costs that are known of every candidate before anything is evaluated."""

    @property
    def names(self) -> Sequence[str]:
        """The costs' names, such as ``("params", "macs")``."""

    def of(self, architecture: Candidate) -> Mapping[str, float]:
        """Return the costs of one candidate by name."""

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        """Return the costs ``[N, names]`` of vectors ``[N, P]``, each as ``encode`` gives it."""


class NoCosts:
    """The known costs where no cost is known before evaluating."""

    names: tuple[str, ...] = ()

    def of(self, architecture: Candidate) -> dict[str, float]:
        """Return an empty mapping."""
        return {}

    def columns(self, vectors: np.ndarray) -> np.ndarray:
        """Return an array ``[N, 0]``."""
        return np.empty((len(vectors), 0))
