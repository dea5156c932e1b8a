"""Tables made by ``nas tabulate``: every architecture of a search space, trained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from nas.benchmark.csv_table import Cells, read_cells
from nas.benchmark.table import BenchmarkTable, TableError
from nas.evaluation.accuracy_metric import usual_metric
from nas.evaluation.metric_names import MetricNames
from nas.metrics import COUNTS
from nas.zero_cost.source import NetworkScores
from search_space.architecture import Architecture
from search_space.json_reading import parse_json
from search_space.nearest import hint
from search_space.space import SearchSpace
from search_space.yaml_validation import validate
from trainers import DataConfig, PixelSettings

SPACE = "space description: "
"""The beginning of the comment that holds the space's description as JSON."""

DATA = "data: "
"""The beginning of the comment that holds the data set's configuration as JSON."""

RECIPE = "recipe: "
"""The beginning of the comment that holds the recipe as JSON."""

SCORE_SEED = 0
"""The seed of zero-cost scores, which are the same in all replays."""

_SECONDS = re.compile(r"train_seconds_seed\d+")


def read_tabulated(
    path: Path, *, minimise: str = "params", imports: bool = False
) -> BenchmarkTable:
    """Read a table of ``nas tabulate``; accuracies, seconds and curves are means over its seeds.

    Accuracies are fractions. All its costs are known to samplers, as in a search.

    Args:
        path: the table's file.
        minimise: the cost that is an objective, one of ``COUNTS``.
        imports: whether types ``module:Class`` of its space may import their modules.

    Raises:
        TableError: the file cannot be read or is not such a table; the message has the place.
        ConfigError: the description of the space in its head is wrong.
    """
    if minimise not in COUNTS:
        raise TableError(f"{path}: unknown cost {minimise!r}; {hint(minimise, COUNTS)}")
    cells = read_cells(path)
    space = _space(cells, imports=imports)
    rows = _architectures(cells, space)
    if len(set(rows)) != space.size:
        raise TableError(
            f"{path}: must hold all {space.size} architectures of {space.name!r}, got "
            f"{len(set(rows))}"
        )
    names = MetricNames(usual_metric(detects=space.config.detector is not None))
    accuracy = names.key("val_accuracy")
    accuracies = _of_seeds(cells, re.compile(rf"{accuracy}_seed\d+"))
    seconds = _of_seeds(cells, _SECONDS)
    _check_all_trained(cells, accuracies)
    curve = re.compile(rf"{accuracy}_seed\d+_epoch(?P<epoch>\d+)")
    epochs = sorted({int(m["epoch"]) for name in cells.header if (m := curve.fullmatch(name))})
    curves = [_mean(cells, [f"{name}_epoch{epoch}" for name in accuracies]) for epoch in epochs]
    return BenchmarkTable(
        space.name,
        rows=rows,
        space=space,
        maximised=_mean(cells, accuracies),
        minimised=cells.numbers(minimise),
        maximised_name=accuracy,
        minimised_name=minimise,
        more_costs={name: cells.numbers(name) for name in COUNTS if name != minimise},
        seconds=_mean(cells, seconds),
        epochs=epochs,
        curves=np.stack(curves, axis=1) if curves else None,
        scores=_scores(cells),
        trainings=np.stack([cells.numbers(name) for name in accuracies], axis=1),
    )


def _space(cells: Cells, *, imports: bool) -> SearchSpace:
    description = _described(cells, SPACE)
    if description is None:
        raise TableError(
            f"{cells.path}: no table of `nas tabulate`: no line at its head begins with '# {SPACE}'"
        )
    return SearchSpace.from_mapping(description, str(cells.path), imports=imports)


def _scores(cells: Cells) -> NetworkScores | None:
    """Return zero-cost scores on the table's data; None if its head does not name the data."""
    data = _described(cells, DATA)
    if data is None:
        return None
    recipe = _described(cells, RECIPE)
    pixels = recipe.get("pixels", {}) if isinstance(recipe, dict) else {}
    return NetworkScores(
        validate(DataConfig, data, str(cells.path)),
        pixels=validate(PixelSettings, pixels, str(cells.path)),
        seed=SCORE_SEED,
    )


def _described(cells: Cells, beginning: str) -> Any:
    """Return the JSON of the comment with this beginning; None if there is no such comment."""
    for comment in cells.comments:
        if comment.startswith(beginning):
            try:
                return parse_json(comment.removeprefix(beginning))
            except ValueError as error:
                raise TableError(f"{cells.path}: {beginning}is not JSON: {error}") from error
    return None


def _architectures(cells: Cells, space: SearchSpace) -> list[Architecture]:
    """Return each row's architecture; the cell of an inactive parameter is empty."""
    columns = {parameter.name: cells.column(parameter.name) for parameter in space.parameters}
    choices = {p.name: {str(choice): choice for choice in p.choices} for p in space.parameters}
    architectures = []
    for index, line in enumerate(cells.lines):
        params = {}
        for name, column in columns.items():
            if column[index] and column[index] not in choices[name]:
                raise TableError(
                    f"{cells.path} line {line}, column {name}: must be one of "
                    f"{', '.join(choices[name])}, got {column[index]!r}"
                )
            if column[index]:
                params[name] = choices[name][column[index]]
        try:
            architectures.append(space.from_params(params))
        except ValueError as error:
            raise TableError(f"{cells.path} line {line}: {error}") from error
    return architectures


def _check_all_trained(cells: Cells, accuracies: list[str]) -> None:
    """Raise if a training failed: its accuracy is empty."""
    for name in accuracies:
        for arch_id, cell, line in zip(
            cells.column("arch_id"), cells.column(name), cells.lines, strict=True
        ):
            if not cell:
                raise TableError(
                    f"{cells.path} line {line}: the training of {arch_id} with seed "
                    f"{name.rpartition('_seed')[2]} failed, as its head says; remove "
                    "its line from the table's journal, and `nas tabulate` trains it again"
                )


def _mean(cells: Cells, names: list[str]) -> np.ndarray:
    """Return ``[N]``, the mean of some columns."""
    return np.mean([cells.numbers(name) for name in names], axis=0)


def _of_seeds(cells: Cells, pattern: re.Pattern[str]) -> list[str]:
    """Return the columns of a figure, one for each seed."""
    columns = [name for name in cells.header if pattern.fullmatch(name)]
    if not columns:
        raise TableError(
            f"{cells.path}: no table of `nas tabulate`: no column is {pattern.pattern}"
        )
    return columns
