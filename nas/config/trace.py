"""The configuration of a trace: families of networks that are trained in full and drawn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os.path import normpath
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from nas.config.files import load_config
from nas.config.overrides import flattened, merged, parse_overrides
from nas.config.search_config import SearchConfig
from search_space.values import Value
from search_space.yaml_validation import ConfigError, read_yaml, validate
from trainers import Recipe
from trainers.settings import list_to_tuple

Texts = Annotated[tuple[str, ...], BeforeValidator(list_to_tuple)]
Factors = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...], BeforeValidator(list_to_tuple), Field(min_length=1)
]
Rates = Annotated[dict[str, Annotated[float, Field(gt=0)]], Field(min_length=1)]
TraceAxis = Literal["params", "macs", "activations", "latency_ms", "device_seconds", "own"]
Axes = Annotated[tuple[TraceAxis, ...], BeforeValidator(list_to_tuple), Field(min_length=1)]
TracedAccuracy = Literal["test_accuracy", "val_accuracy"]

FILES_OF_A_SEARCH = ("space", "proxy", "retrain")
"""The keys of a search's file that may be paths, which are relative to the file that has them."""


class TraceFamily(Value):
    """Networks that one curve joins: those of ``networks``, or those that a run found."""

    name: str = Field(min_length=1)
    """The family's name in the picture."""
    networks: Texts = ()
    """Names of `nas zoo`, such as `resnet50` or `resnet50@0.5`, files of architectures (relative to
    the trace's file), and arch_ids of runs."""
    widths: Factors = (1.0,)
    """Factors on all widths: each network is trained at each of them."""
    depths: Factors = (1.0,)
    """Factors on the numbers of blocks of all stages, each rounded and at least 1."""
    run: str | None = None
    """A run whose found networks are the family, in place of `networks`."""
    search: Annotated[tuple[str, ...] | None, BeforeValidator(list_to_tuple)] = None
    """Overrides of the search's file by which `run` is searched if it is not finished, such as
    `[space.only=conv]`; `[]` for the file as it is, null for a run that was searched before."""
    pick: str = "all"
    """Networks of the run's front, as `--pick` of `nas retrain` names them: `all`, `knee`, `best`,
    `knee-or-best`, `evaluated`, or an arch_id."""
    recipe: str | None = None
    """A recipe's file, relative to the trace's; null for `retrain` of the search's file."""
    recipes: dict[str, str] = Field(default_factory=dict)
    """Files of the recipes of single networks of `networks`, such as larger ones."""
    own_values: Annotated[tuple[float, ...], BeforeValidator(list_to_tuple)] = ()
    """The networks' places on the axis `own`, one a network."""

    @model_validator(mode="after")
    def _search_of_a_run(self) -> TraceFamily:
        if self.search is not None and self.run is None:
            raise ValueError("search needs the name of its run, got run=null")
        return self

    @model_validator(mode="after")
    def _recipes_of_networks(self) -> TraceFamily:
        if unknown := sorted(self.recipes.keys() - set(self.networks)):
            raise ValueError(
                f"recipes names networks that the family does not have, got {', '.join(unknown)}"
            )
        return self

    @model_validator(mode="after")
    def _networks_or_a_run(self) -> TraceFamily:
        if bool(self.networks) == (self.run is not None):
            raise ValueError(
                "a family has either networks or a run, got "
                f"networks={list(self.networks)}, run={self.run!r}"
            )
        return self


class PublishedPoints(Value):
    """Results of the papers that are drawn beside the families."""

    table: str
    """A table of `nas tables`, such as `aacn3`. Its rows of networks that a family has are drawn in
    the family's colour, if the paper itself prints them."""


class TraceConfig(Value):
    """A list of networks to train in full, and the picture of their accuracies."""

    name: str
    """Name of the run that takes the trainings."""
    title: str = Field(min_length=1)
    """The picture's title."""
    search_file: str
    """A search's file, relative to this one. Its data, metric, seed, full recipe, resources,
    machines and storage are the trace's; its space is not used."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes to the search's file, such as `retrain_seeds: 5`; overrides of the command line that
    are no keys of a trace change it too."""
    families: Annotated[
        tuple[TraceFamily, ...], BeforeValidator(list_to_tuple), Field(min_length=1)
    ]
    """The families, one curve each."""
    accuracy: TracedAccuracy = "test_accuracy"
    """The accuracy that is drawn: of the test images, or of the validation images, which are held
    out of the train images."""
    axes: Axes = ("params", "macs")
    """Costs that the accuracy is drawn against, a panel each; `device_seconds` are those of a
    training, and `own` is named by `own_axis`."""
    curves: Literal["lines", "fronts"] = "lines"
    """Whether a family's curve joins all of its networks, or climbs in steps over those that no
    cheaper one equals."""
    own_axis: str | None = None
    """The label of the axis `own`, such as `kappa = upsilon`, on which each family has
    `own_values`."""
    published: PublishedPoints | None = None
    """Results of the papers to draw beside."""
    images_per_second: dict[str, Rates] = Field(default_factory=dict)
    """For `--plan`, images a second that a device trains a network of the trace with, such as
    `{A100: {resnet50: 2500}}`; those of other networks are assumed to be as the MACs."""

    @model_validator(mode="after")
    def _axes_and_families_fit(self) -> TraceConfig:
        if len(set(self.axes)) < len(self.axes):
            raise ValueError(f"axes repeats one, got {list(self.axes)}")
        names = [family.name for family in self.families]
        if len(set(names)) < len(names):
            raise ValueError(f"families: each needs a name of its own, got {names}")
        searched = [family.run for family in self.families if family.search is not None]
        if len(set(searched)) < len(searched) or self.name in searched:
            raise ValueError(
                "each search needs a run of its own, which is not the trace's, got "
                f"{searched} in the trace {self.name!r}"
            )
        has_own = "own" in self.axes
        if has_own != (self.own_axis is not None):
            raise ValueError(
                "the axis own and its label own_axis need each other, got "
                f"axes={list(self.axes)}, own_axis={self.own_axis!r}"
            )
        for family in self.families:
            networks = len(family.networks) * len(family.widths) * len(family.depths)
            needed = networks if has_own else 0
            if len(family.own_values) != needed:
                raise ValueError(
                    f"family {family.name!r} needs own_values for its {needed} networks on the "
                    f"axis own, got {len(family.own_values)}"
                )
        return self


class Trace(Value):
    """A trace's file, with the search's file and the recipes that it names."""

    config: TraceConfig
    folder: Path  # of the trace's file
    search: SearchConfig  # what the trainings share; its name is the trace's
    recipes: dict[str, dict[str, Recipe]]  # by family and network; a family's own is under ""
    overrides: tuple[str, ...]  # of the search's file

    @property
    def search_file(self) -> Path:
        """The search's file."""
        return Path(normpath(self.folder / self.config.search_file))

    def overrides_of(self, family: TraceFamily) -> list[str]:
        """Return the overrides of the search's file for a family's search; its own come last."""
        own = [_with_absolute_file(word, self.folder) for word in family.search or ()]
        words = [*self.overrides, *own, f"name={family.run}"]
        return list({word.partition("=")[0]: word for word in words}.values())

    def recipe_of(self, family: TraceFamily, network: str = "") -> Recipe:
        """Return the recipe of a family's network, as the family names it."""
        own = self.recipes[family.name]
        return own.get(network) or own.get("") or self.search.retrain

    @property
    def every_recipe(self) -> list[Recipe]:
        """All recipes of the trainings; some may be equal."""
        return [
            self.recipe_of(family, network)
            for family in self.config.families
            for network in family.networks or ("",)
        ]


def load_trace(path: Path, overrides: Sequence[str] = ()) -> Trace:
    """Read a trace's file, the search's file that it names, and its families' recipes.

    Args:
        path: the trace's file.
        overrides: ``key=value``: keys of a trace change the trace, others the search's file.

    Raises:
        ConfigError: with every problem found of the first file that has any, each with its key.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigError(str(path), ["not a trace: a mapping is needed"])
    own = [word for word in overrides if _is_of_trace(word)]
    content = merged(content, parse_overrides(own), path, own)
    config = validate(TraceConfig, content, str(path))
    folder = path.parent
    recipes = {family.name: _recipes(family, folder, str(path)) for family in config.families}
    changes = [
        *(_override(key, value, folder) for key, value in flattened(config.settings).items()),
        *(word for word in overrides if not _is_of_trace(word)),
    ]
    last = {word.partition("=")[0]: word for word in changes if word}
    words = tuple(last.values())
    search = load_config(folder / config.search_file, words)
    return Trace(
        config=config,
        folder=folder,
        search=search.replace(name=config.name),
        recipes=recipes,
        overrides=words,
    )


def _is_of_trace(word: str) -> bool:
    return word.partition("=")[0].partition(".")[0] in TraceConfig.model_fields


def _override(key: str, value: Any, folder: Path) -> str:
    """Return a setting as an override; an empty section changes nothing."""
    if key in FILES_OF_A_SEARCH and isinstance(value, str):
        return _with_absolute_file(f"{key}={value}", folder)
    return f"{key}={json.dumps(value)}" if key else ""


def _with_absolute_file(word: str, folder: Path) -> str:
    """Make the path in an override of a file of the search absolute."""
    key, _, value = word.partition("=")
    return f"{key}={(folder / value).resolve()}" if key in FILES_OF_A_SEARCH else word


def _recipes(family: TraceFamily, folder: Path, source: str) -> dict[str, Recipe]:
    files = {"": family.recipe} if family.recipe is not None else {}
    files |= family.recipes
    recipes = {}
    for network, name in files.items():
        file = folder / name
        try:
            recipes[network] = validate(Recipe, read_yaml(file), str(file))
        except ConfigError as error:
            place = f"families: {family.name}: " + (f"recipes.{network}" if network else "recipe")
            problems = [f"{place}: {file}: {line}" for line in error.problems]
            raise ConfigError(source, problems) from error
    return recipes
