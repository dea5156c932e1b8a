"""``nas export``: files of trained networks that anybody can run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit

from rich import box
from rich.table import Table

from nas.cli.commands.networks.describe import changed_task
from nas.cli.commands.train.picks import SEVERAL, picked_architectures
from nas.cli.output import Output
from nas.errors import CommandError
from nas.evaluation.accuracy_metric import ACCURACY_NAMES, OF_DETECTORS
from nas.storage.ledger import ledger_of
from nas.storage.networks.exports.formats import (
    ENDINGS,
    FORMATS,
    ExportFormat,
    format_by_ending,
)
from nas.storage.networks.exports.record import (
    AccuracyCheck,
    ExportRecord,
    FileOutput,
    OutputCheck,
    Precision,
    Suppression,
)
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import Retraining, full_trainings, number_of
from nas.storage.networks.saved_network import SavedNetwork
from nas.storage.run.file_imports import allow_imports
from nas.storage.run.folder import RunFolder
from nas.workflows.exporting.export import ExportableNetwork, export
from nas.workflows.exporting.images import (
    compared_images,
    noise,
    quantization_images,
    splits_of,
    untrained,
)
from nas.workflows.networks_by_name import find_network
from search_space.nearest import hint
from search_space.networks import build

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
NETWORK_FILES = (".pt", *ENDINGS.values())
RUN_ONLY = (ENDINGS["onnx"], ENDINGS["torch_export"])
"""Endings of files that hold operators instead of layers."""


class _Source(NamedTuple):
    """A network, and where its file is written by default."""

    network: ExportableNetwork
    stem: Path  # without an ending


class _Untrained(NamedTuple):
    """The images and classes of a network that was not trained, as they were typed."""

    image: str
    classes: int | None

    def check_is_unused(self, what: str) -> None:
        """Refuse both for a trained network.

        Raises:
            CommandError: one is given.
        """
        if self.image or self.classes is not None:
            raise CommandError(
                f"--image and --classes are for networks that were not trained; {what} takes the "
                "images and classes that it was trained on"
            )


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
    image: str = "",
    classes: int | None = None,
) -> None:
    """Export the networks that are named, check each file, and print what it is.

    Args:
        output: to print to.
        what: a run, a file of a network, or the name of one.
        runs: the folder of all runs.
        pick: the networks of a run.
        file_format: the option ``--format``; None for that of ``to``, or ONNX.
        precision: of the weights.
        to: the file to write; None for one beside the network's own.
        licence: of the weights.
        trust: the option ``--trust``.
        image: of a network that is not trained: channels, height and width, such as ``3x32x32``;
            empty for its own.
        classes: of a network that is not trained; None for its own.

    Raises:
        CommandError, CheckpointError, ConfigError, DataError, RunError, TrustError: see
            :mod:`nas.errors`.
    """
    chosen = _format(file_format, to)
    values = next((name for name in PRECISIONS if name == precision), None)
    if values is None:
        raise CommandError(f"--precision cannot be {precision!r}; {hint(precision, PRECISIONS)}")
    if to is not None and pick in SEVERAL:
        raise CommandError(f"--output names one file, and --pick {pick} several networks")
    suffix = ENDINGS[chosen] if values == "float32" else f".{values}{ENDINGS[chosen]}"
    shown: list[tuple[Path, ExportRecord]] = []
    asked = _Untrained(image, classes)
    sources = _sources(what, runs, asked, pick=pick, trust=trust, quantize=values == "int8")
    for source in sources:
        path = to or source.stem.with_name(f"{source.stem.name}{suffix}")
        shown.append((path, export(source.network, path, chosen, values, licence)))
    if output.as_json:
        output.show_json([_json(path, chosen, record) for path, record in shown])
        return
    output.show(_table(shown))
    for path, record in shown:
        if record.quantized is not None:
            output.say(_loss(record.quantized))
        if record.suppression is not None:
            output.say(_inside(record.outputs, record.suppression))
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


def _sources(
    what: str, runs: Path, asked: _Untrained, *, pick: str, trust: bool, quantize: bool
) -> Iterator[_Source]:
    """Yield the networks, each loaded when it is asked for."""
    is_url = "://" in what
    path = Path(urlsplit(what).path if is_url else what)
    if path.suffix.lower() in NETWORK_FILES:
        if path.suffix.lower() in RUN_ONLY:
            raise CommandError(
                f"{what} is an export already, of operators instead of layers: export the model.pt "
                "or the safetensors file"
            )
        asked.check_is_unused(what)
        saved = load_network(what, imports=trust if is_url else allow_imports(path, trust=trust))
        stem = Path(path.stem) if is_url else path.with_suffix("")
        run_around = None if is_url else RunFolder.around(path, trust=trust)
        yield _Source(_trained(saved, run_around, quantize=quantize), stem)
    elif any((folder / "config.yaml").is_file() for folder in (runs / what, path)):
        asked.check_is_unused(what)
        run = RunFolder.find(what, runs, trust=trust)
        for training in _trainings(run, pick):
            imports = allow_imports(training.model_file, trust=trust)
            saved = load_network(training.model_place, imports=imports)
            stem = training.model_file.with_suffix("")
            yield _Source(_trained(saved, run, quantize=quantize), stem)
    else:
        architecture, task = find_network(what, runs, trust=trust)
        task = changed_task(task, *asked)
        try:
            model = build(architecture, task, seed=0)
        except ValueError as error:
            shape = "x".join(map(str, task.input_shape))
            raise CommandError(f"{what} on {shape}: {error}") from error
        name = path.stem if path.is_file() else what
        untrained(model, noise(task).images)
        yield _Source(ExportableNetwork(model, architecture, task, None, noise(task)), Path(name))


def _trained(saved: SavedNetwork, run: RunFolder | None, *, quantize: bool) -> ExportableNetwork:
    splits = splits_of(saved, run)
    return ExportableNetwork(
        saved.model,
        saved.architecture,
        saved.task,
        saved.record,
        compared_images(saved, splits),
        quantization_images(saved, splits) if quantize else None,
    )


def _trainings(run: RunFolder, pick: str) -> Iterator[Retraining]:
    """Yield each picked network's first full training.

    The first, not the best: to choose one by its test accuracy would make that figure too high.
    """
    config, ledger = ledger_of(run)
    rows = [row for row in full_trainings(config, ledger) if row.state == "complete"]
    named = {row.arch_id: row.architecture for row in rows}  # also those that no search found
    picked = [named[pick]] if pick in named else picked_architectures(pick, config, ledger, run)
    for architecture in picked:
        numbers = [number_of(row, config) for row in rows if row.architecture == architecture]
        if not numbers:
            raise CommandError(
                f"{architecture.arch_id} has no trained network in run {run.name!r}: "
                f"nas retrain {run.name} --pick {architecture.arch_id}"
            )
        yield Retraining.of(architecture, min(numbers), config, run)


def _table(shown: list[tuple[Path, ExportRecord]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("file", overflow="fold")
    table.add_column("network", no_wrap=True)
    metrics = {record.network.metric for _, record in shown if record.network}
    tested = " or ".join(ACCURACY_NAMES[each] for each in metrics if each in OF_DETECTORS)
    for heading in ("MB", "params", "MACs", f"test {tested or 'acc.'}", "largest difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    checked: OutputCheck | None = None
    for path, record in shown:
        checked = record.checked
        assert checked is not None  # every export is
        test = record.network.accuracies.test.mean if record.network else None
        table.add_row(
            path.name,
            record.architecture.arch_id,
            f"{path.stat().st_size / 1e6:.3g}",
            f"{record.costs.params:,}",
            f"{record.costs.macs:,}",
            "not trained" if test is None else f"{test:.2%}",
            f"{checked.largest_difference:.1e}",
        )
    assert checked is not None  # there is a row
    table.caption = (
        "largest difference: of the file's outputs from the network's, over an output's largest "
        f"value, on {checked.images} of {checked.source}"
    )
    return table


def _inside(outputs: Sequence[FileOutput], suppression: Suppression) -> str:
    """Return in words which part of a detector is inside its file."""
    if not outputs:
        return "inside the file: weights alone; this package decodes boxes and suppresses them"
    inside = "decoding"
    outside = "; non-maximum suppression is outside, see docs/deploy.md"
    if suppression.is_inside:
        inside, outside = "decoding and non-maximum suppression", ""
    return f"inside the file: {inside}; outputs {', '.join(each.name for each in outputs)}{outside}"


def _loss(check: AccuracyCheck) -> str:
    """Return in words what quantising lost."""
    kept = f"; float stay {', '.join(check.float_layers)}" if check.float_layers else ""
    return (
        f"int8: {check.quantized_layers} layers; accuracy {check.after:.2%}, before "
        f"{check.before:.2%}, on {check.images:,} validation images{kept}"
    )


def _json(path: Path, file_format: ExportFormat, record: ExportRecord) -> dict[str, Any]:
    return {
        "file": str(path),
        "format": file_format,
        "bytes": path.stat().st_size,
        **record.model_dump(mode="json"),
    }
