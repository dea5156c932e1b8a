"""The networks of a trace: what its families name, resolved to architectures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from nas.config.search_config import SearchConfig, recipe_id
from nas.config.trace import Trace, TraceFamily
from nas.errors import CommandError, RunError, TrustError
from nas.storage.ledger import RUN_ID, Ledger, ledger_of
from nas.storage.provenance import RowName
from nas.storage.run.folder import RunFolder
from nas.workflows.networks_by_name import find_network
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
    recipe_id: str
    found_by: RowName | None = None
    own_value: float | None = None  # its place on the axis "own"

    @property
    def provenance_name(self) -> str:
        """The name for the ledger; a found network has none."""
        return "" if self.found_by else self.name


def traced_networks(
    trace: Trace, runs: Path, pick: Pick, *, trust: bool = False
) -> list[TracedNetwork]:
    """Return a trace's networks, family by family.

    Args:
        trace: the trace.
        runs: the folder of all runs.
        pick: chooses the networks of a run.
        trust: the option ``--trust``, for files and runs.

    Raises:
        CommandError: a family names a network or run that is not there, or a size that a network
            cannot have.
        ConfigError, RunError, TrustError: a file or a run cannot be read.
    """
    networks: list[TracedNetwork] = []
    for family, own in zip(trace.config.families, trace.recipes, strict=True):
        recipe = own or trace.search.retrain
        identity = recipe_id(recipe, train_on=trace.search.retrain_data)
        try:
            if family.run is not None:
                found = _found(family, family.run, runs, pick, trust=trust)
                networks += [
                    TracedNetwork(family.name, each.arch_id, each, recipe, identity, row)
                    for each, row in found
                ]
            else:
                named = list(_named(family, runs, trust=trust))
                values = family.own_values or (None,) * len(named)
                networks += [
                    TracedNetwork(family.name, name, each, recipe, identity, None, value)
                    for (name, each), value in zip(named, values, strict=True)
                ]
        except (CommandError, RunError, TrustError) as error:
            raise type(error)(f"family {family.name!r}: {error}") from error
    return networks


def _found(
    family: TraceFamily, name: str, runs: Path, pick: Pick, *, trust: bool
) -> Iterator[tuple[Architecture, RowName | None]]:
    """Yield what a run found, each with the trial that found it."""
    run = RunFolder.find(name, runs, trust=trust)
    config, ledger = ledger_of(run)
    run_id = ledger.attribute(RUN_ID)
    numbers = {row.arch_id: row.number for row in ledger.evaluations("search")}
    for architecture in pick(family.pick, config, ledger, run):
        number = numbers[architecture.arch_id]
        yield architecture, RowName(run=run.name, run_id=run_id, number=number)
    ledger.close()


def _named(family: TraceFamily, runs: Path, *, trust: bool) -> Iterator[tuple[str, Architecture]]:
    """Yield a family's networks at each width and depth, each with its name."""
    for network in family.networks:
        base, _ = find_network(network, runs, trust=trust)
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
                    yield name, at_depth(wide, depth)
                except ValueError as error:
                    raise CommandError(f"{name}: {error}") from error
