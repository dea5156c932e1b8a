"""The networks of a trace: what its families name, resolved to architectures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from nas.config.search_config import SearchConfig, recipe_id
from nas.config.trace import Trace, TraceFamily
from nas.errors import CommandError, RunError, TrustError
from nas.evaluation.accuracy_metric import TrainOn
from nas.storage.ledger import Ledger, ledger_of
from nas.storage.ledger_view import RUN_ID
from nas.storage.provenance import RowName
from nas.storage.run.folder import RunFolder
from nas.workflows.checks import SearchData
from nas.workflows.networks_by_name import find_network
from nas.workflows.recipe_fit import check_full_recipe
from search_space import scaling
from search_space.architecture import Architecture
from search_space.depth_scaling import at_depth
from search_space.zoo import ZOO, named_network
from trainers import Recipe

Pick = Callable[[str, SearchConfig, Ledger, RunFolder], list[Architecture]]
"""Chooses networks of a run's front by the text of ``pick``."""


class TracedNetwork(NamedTuple):
    """A network of a trace."""

    family: str
    name: str  # such as resnet50@0.5
    architecture: Architecture
    recipe: Recipe
    train_on: TrainOn
    found_by: RowName | None = None
    own_value: float | None = None  # its place on the axis "own"

    @property
    def recipe_id(self) -> str:
        """Identifies the recipe and the images that it trains on."""
        return recipe_id(self.recipe, train_on=self.train_on)

    @property
    def provenance_name(self) -> str:
        """The name for the ledger; a found network has none."""
        return "" if self.found_by else self.name


def traced_networks(
    trace: Trace,
    families: Sequence[TraceFamily],
    runs: Path,
    pick: Pick,
    *,
    trust: bool = False,
) -> list[TracedNetwork]:
    """Return the networks of a trace's families, in their order.

    Args:
        trace: the trace.
        families: some of its families, or all.
        runs: the folder of all runs.
        pick: chooses the networks of a run.
        trust: the option ``--trust``, for files and runs.

    Raises:
        CommandError: a family names a network or run that is not there, or a size that a network
            cannot have.
        ConfigError, RunError, TrustError: a file or a run cannot be read.
    """
    networks: list[TracedNetwork] = []
    for family in families:
        try:
            if family.run is not None:
                networks += _found(family, family.run, trace, runs, pick, trust=trust)
            else:
                networks += _named(family, trace, runs, trust=trust)
        except (CommandError, RunError, TrustError) as error:
            raise type(error)(f"family {family.name!r}: {error}") from error
    named: dict[str, Architecture] = {}
    for network in networks:
        if named.setdefault(network.name, network.architecture) != network.architecture:
            raise CommandError(
                f"family {network.family!r}: two architectures of the trace are called "
                f"{network.name!r}: give one of the files another name"
            )
    return networks


def by_recipe(
    networks: Sequence[TracedNetwork],
) -> list[tuple[Recipe, dict[Architecture, TracedNetwork]]]:
    """Return the networks of each recipe; one that several families have counts once."""
    groups: dict[str, tuple[Recipe, dict[Architecture, TracedNetwork]]] = {}
    for network in networks:
        _, group = groups.setdefault(network.recipe_id, (network.recipe, {}))
        group.setdefault(network.architecture, network)
    return list(groups.values())


def check_recipes(trace: Trace, data: SearchData, networks: Sequence[TracedNetwork]) -> None:
    """Check that networks of a trace can be trained by their recipes.

    Raises:
        ConfigError: some cannot; with every problem of a recipe.
    """
    for recipe, architectures in by_recipe(networks):
        check_full_recipe(trace.search.replace(retrain=recipe), data, list(architectures))


def _found(
    family: TraceFamily, name: str, trace: Trace, runs: Path, pick: Pick, *, trust: bool
) -> Iterator[TracedNetwork]:
    """Yield what a run found, each with the trial that found it."""
    run = RunFolder.find(name, runs, trust=trust)
    config, ledger = ledger_of(run)
    run_id = ledger.attribute(RUN_ID)
    numbers = {row.arch_id: row.number for row in ledger.evaluations("search")}
    for architecture in pick(family.pick, config, ledger, run):
        found_by = RowName(run=run.name, run_id=run_id, number=numbers[architecture.arch_id])
        yield TracedNetwork(
            family.name,
            architecture.arch_id,
            architecture,
            trace.recipe_of(family),
            trace.search.retrain_data,
            found_by,
        )
    ledger.close()


def _named(
    family: TraceFamily, trace: Trace, runs: Path, *, trust: bool
) -> Iterator[TracedNetwork]:
    """Yield a family's networks at each width and depth."""
    own_values = iter(family.own_values)
    for network in family.networks:
        file = trace.folder / network
        base, _ = find_network(str(file) if file.is_file() else network, runs, trust=trust)
        is_of_zoo = network.partition("@")[0] in ZOO
        called = network if is_of_zoo else Path(network).stem
        for width in family.widths:
            for depth in family.depths:
                name = called + (f" width {width:g}" if width != 1 else "")
                name += f" depth {depth:g}" if depth != 1 else ""
                try:
                    # the papers' networks have widths of multiples of 8
                    wide = (
                        named_network(network).at_width(width)
                        if is_of_zoo
                        else scaling.at_width(base, width)
                    )
                    scaled = at_depth(wide, depth)
                except ValueError as error:
                    raise CommandError(f"{name}: {error}") from error
                yield TracedNetwork(
                    family.name,
                    name,
                    scaled,
                    trace.recipe_of(family, network),
                    trace.search.retrain_data,
                    own_value=next(own_values, None),
                )
