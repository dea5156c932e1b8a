"""``nas export``: files of trained networks that anybody can run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from nas.cli.commands.train.picks import picked_architectures
from nas.cli.output import Output
from nas.errors import CommandError
from nas.storage.ledger import ledger_of
from nas.storage.networks.exports.formats import (
    ENDINGS,
    FORMATS,
    ExportFormat,
    format_by_ending,
)
from nas.storage.networks.exports.loading import load_any_network
from nas.storage.networks.exports.record import ExportRecord, Precision
from nas.storage.networks.retraining import Retraining, full_trainings, number_of
from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.file_imports import allow_imports
from nas.storage.run.folder import RunFolder
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import compared_images, noise, splits_of
from nas.workflows.networks_by_name import find_network
from search_space.nearest import hint
from search_space.networks import build

PRECISIONS: tuple[Precision, ...] = ("float32", "float16")
NETWORK_FILES = (".pt", *ENDINGS.values())


class _Source(NamedTuple):
    """A network, its name for messages, and where its file is written by default."""

    name: str
    network: ExportableNetwork
    stem: Path  # without an ending


def run_export_command(
    output: Output,
    what: str,
    runs: Path,
    *,
    pick: str,
    file_format: str | None,
    precision: str,
    to: Path | None,
    licence: str | None,
    trust: bool,
) -> None:
    """Export the networks that are named, check each file, and print what it is.

    Raises:
        CommandError, CheckpointError, ConfigError, DataError, RunError, TrustError: see
            :mod:`nas.errors`.
    """
    chosen = _format(file_format, to)
    if precision not in PRECISIONS:
        raise CommandError(f"--precision cannot be {precision!r}; {hint(precision, PRECISIONS)}")
    sources = list(_sources(what, runs, pick=pick, trust=trust))
    if to is not None and len(sources) > 1:
        raise CommandError(f"--output names one file, and {len(sources)} networks were picked")
    shown: list[tuple[Path, ExportRecord]] = []
    for source in sources:
        path = to or source.stem.with_name(f"{source.stem.name}{ENDINGS[chosen]}")
        record = export(source.network, path, chosen, precision, licence)
        shown.append((path, record))
    if output.as_json:
        output.show_json([_json(path, chosen, record) for path, record in shown])
        return
    output.show(_table(shown))
    for path, _ in shown:
        output.say(f"written: {path}, with its record in {path.name}.json")


def _format(asked: str | None, to: Path | None) -> ExportFormat:
    """Return the format that the options name; ONNX where neither names one."""
    by_ending = None if to is None else format_by_ending(to)
    if asked is None:
        if to is not None and by_ending is None:
            endings = ", ".join(ENDINGS.values())
            raise CommandError(f"--output must end in one of {endings}, got {str(to)!r}")
        return by_ending or "onnx"
    named = next((name for name in FORMATS if name == asked), None)
    if named is None:
        raise CommandError(f"--format cannot be {asked!r}; {hint(asked, FORMATS)}")
    if to is not None and by_ending != named:
        raise CommandError(
            f"--output {str(to)!r} contradicts --format {named}, whose files end in "
            f"{ENDINGS[named]}"
        )
    return named


def _sources(what: str, runs: Path, *, pick: str, trust: bool) -> Iterator[_Source]:
    path = Path(what)
    if path.suffix.lower() in NETWORK_FILES:
        saved = load_any_network(path, imports=allow_imports(path, trust=trust))
        yield _trained(saved, path.with_suffix(""), trust=trust)
    elif (runs / what / "config.yaml").is_file():
        run = RunFolder.find(what, runs, trust=trust)
        for file in _model_files(run, pick):
            saved = load_any_network(file, imports=allow_imports(file, trust=trust))
            yield _trained(saved, file.with_suffix(""), trust=trust)
    else:
        architecture, task = find_network(what, runs, trust=trust)
        model = build(architecture, task, seed=0).eval()
        network = ExportableNetwork(model, architecture, task, None, noise(task))
        name = path.stem if path.is_file() else what
        yield _Source(what, network, Path(name))


def _trained(saved: SavedNetwork, stem: Path, *, trust: bool) -> _Source:
    images = compared_images(saved, splits_of(saved, trust=trust))
    network = ExportableNetwork(saved.model, saved.architecture, saved.task, saved.record, images)
    return _Source(str(saved.path), network, stem)


def _model_files(run: RunFolder, pick: str) -> Iterator[Path]:
    """Yield the file of each picked network's first full training.

    The first, not the best: to choose one by its test accuracy would make that figure too high.
    """
    config, ledger = ledger_of(run)
    rows = [row for row in full_trainings(config, ledger) if row.state == "complete"]
    for architecture in picked_architectures(pick, config, ledger, run):
        numbers = sorted(number_of(row, config) for row in rows if row.architecture == architecture)
        files = [Retraining.of(architecture, n, config, run).model_file for n in numbers]
        file = next((file for file in files if file.is_file()), None)
        if file is None:
            raise CommandError(
                f"{architecture.arch_id} has no trained network in run {run.name!r}: "
                f"nas retrain {run.name} --pick {architecture.arch_id}"
            )
        yield file


def _table(shown: list[tuple[Path, ExportRecord]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("network", no_wrap=True)
    for heading in ("MB", "params", "MACs", "test acc.", "largest difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    for path, record in shown:
        assert record.checked is not None  # every export is
        test = record.network.accuracies.test.mean if record.network else None
        table.add_row(
            path.name,
            record.architecture.arch_id,
            f"{path.stat().st_size / 1e6:.3g}",
            f"{record.costs.params:,}",
            f"{record.costs.macs:,}",
            "not trained" if test is None else f"{test:.2%}",
            f"{record.checked.largest_difference:.1e}",
        )
    table.caption = (
        "largest difference: of the file's logits from the network's, over the largest logit, on "
        f"{shown[0][1].checked.images} of {shown[0][1].checked.source}"  # type: ignore[union-attr]
    )
    return table


def _json(path: Path, file_format: ExportFormat, record: ExportRecord) -> dict[str, Any]:
    return {
        "file": str(path),
        "format": file_format,
        "bytes": path.stat().st_size,
        **record.model_dump(mode="json"),
    }
