"""The folders of full trainings, ``retrain/ARCH_ID-RECIPE-trainingN``, against the ledger."""

from __future__ import annotations

import csv
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nas.errors import TrustError
from nas.evaluation.full_training_seed import full_training_seed
from nas.evaluation.metric_names import MetricNames
from nas.storage.archive import restored_trainings
from nas.storage.evaluation import Evaluation
from nas.storage.ledger import Ledger
from nas.storage.networks.network_file import load_network
from nas.storage.networks.retraining import write_curve
from nas.storage.networks.saved_network import SavedNetwork
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.finding import Finding, Mend, removal
from nas.workflows.doctor.row_faults import TOLERANCE
from nas.workflows.doctor.studies import ledger_files
from trainers import CheckpointError, load_checkpoint

FOLDER = re.compile(r"(?P<arch_id>[0-9a-f]{12})-(?P<recipe>[0-9a-f]{8})-(training|seed)(?P<n>\d+)")
EXAMPLES = "examples"
CLEANED = "cleaned.json"
"""The file of a run that says which of its files ``nas clean`` removed."""


class Folder(NamedTuple):
    """A folder of one full training, by its name."""

    path: Path
    arch_id: str
    recipe_id: str
    number: int

    def file(self, name: str) -> Path:
        """Return one of its files."""
        return self.path / name


def training_folders(retrain: Path) -> tuple[list[Folder], list[Path]]:
    """Return the trainings' folders, and whatever else is there."""
    known, others = [], []
    for path in sorted(retrain.iterdir()) if retrain.is_dir() else []:
        named = FOLDER.fullmatch(path.name)
        if named is not None and path.is_dir():
            known.append(Folder(path, named["arch_id"], named["recipe"], int(named["n"])))
        elif path.name != EXAMPLES and not path.name.startswith("."):
            others.append(path)
    return known, others


def row_of(folder: Folder, rows: list[Evaluation], seed: int) -> Evaluation | None:
    """Return the ledger's row of a training; ``seed`` is the search's."""
    for row in rows:
        number = row.seed - seed if row.training is None else row.training
        if (row.arch_id, row.recipe_id, number) == folder[1:] and row.state == "complete":
            return row
    return None


def examine_trainings(case: Case) -> list[Finding]:
    """Compare each full training's files with its row."""
    if case.rows is None or case.is_driven:
        return []
    folders, others = training_folders(case.run.retrain_folder)
    findings = [
        Finding(
            case.place(other),
            "no training has a folder or file of this name",
            "nothing: no command reads it",
            "not the doctor's to move: take it elsewhere if you do not need it",
            is_wrong=False,
        )
        for other in others
    ]
    rows = case.rows["retrain"]
    seen: list[Evaluation] = []
    for folder in folders:
        row = row_of(folder, rows, case.config.seed)
        if row is None:
            findings += _without_row(case, folder)
        else:
            seen.append(row)
            findings += _with_row(case, folder, row)
    lost = [row for row in rows if row.state == "complete" and row not in seen]
    return findings + [_without_folder(case, row) for row in lost]


def _with_row(case: Case, folder: Folder, row: Evaluation) -> list[Finding]:
    findings = []
    model, curve, state = map(folder.file, ("model.pt", "curve.csv", "checkpoint.pt"))
    result = f"training {row.number} of the ledger, whose result is kept: predict, attention-maps"
    if case.config.networks_url is not None:
        pass  # the network is in a store, which is not asked
    elif not model.exists():
        if case.place(model) not in cleaned_files(case.run.path):
            remedy = (
                "not recoverable: the result stands in the ledger, and its test images are not "
                "used a second time; raise retrain_seeds and `nas retrain` for another network"
            )
            findings.append(
                Finding(case.place(model), "the trained network is missing", result, remedy)
            )
    elif problem := _problem_of_model(case, model, row)[0]:
        remedy = "not recoverable: put a copy of the file back"
        findings.append(Finding(case.place(model), problem, result, remedy))
    if row.curve and not _is_curve_of(curve, row.curve):

        def write(copies: Path) -> str:
            write_curve(curve, row.curve)
            return f"wrote {case.place(curve)} anew from the ledger"

        problem = "it is not the curve of the ledger's row" if curve.exists() else "it is missing"
        mend = Mend(f"writes {case.place(curve)} anew from the ledger", (curve,), write)
        remedy = "--repair writes it anew from the ledger"
        findings.append(
            Finding(case.place(curve), problem, "nothing that a command reads", remedy, mend)
        )
    if state.exists():
        findings.append(
            Finding(
                case.place(state),
                "the training has ended, and its checkpoint is still there",
                "nothing but the disk",
                "--repair moves it out",
                removal(state, f"moved {case.place(state)} out"),
            )
        )
    return findings


def _without_row(case: Case, folder: Folder) -> list[Finding]:
    findings = []
    model, state = folder.file("model.pt"), folder.file("checkpoint.pt")
    if state.exists() and (problem := _problem_of_state(case, folder, state)):
        findings.append(
            Finding(
                case.place(state),
                problem,
                "retrain, which refuses to go on with it",
                "not recoverable: --repair moves it out, and the training begins at its first "
                "epoch",
                removal(state, f"moved {case.place(state)} out"),
            )
        )
    if not model.exists():
        return findings
    problem, network = _problem_of_model(case, model, None)
    if problem:
        remedy = "--repair moves it out; `nas retrain` trains it again"
        mend = removal(model, f"moved {case.place(model)} out")
        affects = "nothing in the ledger: no row is of this training"
        return [*findings, Finding(case.place(model), problem, affects, remedy, mend)]
    if network is None or network.architecture.arch_id != folder.arch_id:
        theirs = "not read" if network is None else network.architecture.arch_id
        problem = f"its network is {theirs}, the folder is of {folder.arch_id}"
        remedy = "move it to a folder of its own name"
        return [*findings, Finding(case.place(model), problem, "predict", remedy, is_wrong=False)]
    curve = _read_curve(folder.file("curve.csv"))
    if network.record is None or not curve:
        remedy = "`nas retrain` continues the training"
        problem = "the training was interrupted while its result was written"
        note = Finding(case.place(model), problem, "nothing", remedy, is_wrong=False)
        return [*findings, note]
    return [*findings, _row_lost(case, folder, network, curve)]


def _row_lost(
    case: Case, folder: Folder, network: SavedNetwork, curve: list[dict[str, Any]]
) -> Finding:
    assert network.record is not None
    record, config = network.record, case.config
    accuracies = {"test_accuracy": record.accuracies.test.mean}
    if record.accuracies.validation is not None:
        accuracies["val_accuracy"] = record.accuracies.validation.mean

    def run(copies: Path) -> str:
        ledger = Ledger.open(config, case.run)
        try:
            row = ledger.add(
                "retrain",
                network.architecture,
                seed=record.seed,
                metrics={**accuracies, **record.costs.model_dump()},
                curve=curve,
                device_seconds=0.0,  # the files do not have them
                recipe_id=folder.recipe_id,
                training=folder.number,
            )
        finally:
            ledger.close()
        return f"added row {row.number} of full trainings from {case.place(folder.path)}"

    expected = full_training_seed(config.seed, folder.number)
    other_seed = "" if record.seed == expected else f" (its seed is {record.seed})"
    return Finding(
        case.place(folder.path),
        f"the ledger has no row of this full training{other_seed}",
        "retrain, which would train it again and use the test images a second time",
        "--repair adds the row from model.pt and curve.csv; its device time is lost",
        Mend(f"adds the row of {case.place(folder.path)}", ledger_files(case), run),
    )


def _without_folder(case: Case, row: Evaluation) -> Finding:
    number = row.seed - case.config.seed if row.training is None else row.training
    name = f"{row.arch_id}-{row.recipe_id}-training{number}"
    place = case.run.retrain_folder / name
    is_kept_out = (
        row.provenance.taken_from is not None  # its network is the other run's
        or row.number < restored_trainings(case.run)
        or case.place(place / "model.pt") in cleaned_files(case.run.path)
    )
    return Finding(
        case.place(place),
        "the folder of a full training is missing, with its network",
        f"training {row.number} of the ledger, whose result is kept: predict, attention-maps",
        "not recoverable: put a copy of the folder back",
        is_wrong=not is_kept_out,
    )


def _problem_of_model(
    case: Case, file: Path, row: Evaluation | None
) -> tuple[str, SavedNetwork | None]:
    """Return what is wrong with a saved network, empty for nothing; and the network."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files of early versions lack a record
            network = load_network(file, imports=case.run.is_trusted)
    except (CheckpointError, TrustError) as error:
        return " ".join(str(error).replace(str(file), "it").split()), None
    if row is None:
        return "", network
    if network.architecture != row.architecture:
        theirs = network.architecture.arch_id
        return f"its network is {theirs}, the row's is {row.arch_id}", network
    if network.record is not None:
        mean, known = network.record.accuracies.test.mean, row.metrics.get("test_accuracy")
        if known is not None and abs(mean - known) > TOLERANCE:
            label = MetricNames(network.record.metric)["test_accuracy"].label
            return f"its {label} is {mean}, the ledger's {known}", network
    return "", network


def _problem_of_state(case: Case, folder: Folder, file: Path) -> str:
    """Return what is wrong with the state of an unfinished training; empty for nothing."""
    try:
        state = load_checkpoint(file)
    except CheckpointError as error:
        return " ".join(str(error).replace(str(file), "it").split())
    identity = state.get("identity")
    if not isinstance(identity, Mapping):
        return f"it is no state of a training: its keys are {sorted(map(str, state))[:9]}"
    if folder.recipe_id != case.config.retrain_id:
        return ""  # by another recipe, of which the run's configuration knows nothing
    if identity.get("recipe") != case.config.retrain.content:
        return "it is of a training by another recipe"
    return ""


def _is_curve_of(file: Path, curve: Any) -> bool:
    read = _read_curve(file)
    return [list(map(str, point.values())) for point in read] == [
        ["" if value is None else str(value) for value in point.values()] for point in curve
    ] or read == [dict(point) for point in curve]


def _read_curve(file: Path) -> list[dict[str, Any]]:
    """Read a curve of :func:`nas.storage.networks.retraining.write_curve`; empty if it is none."""
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = [
                {name: _number(cell) for name, cell in row.items()}
                for row in csv.DictReader(opened)
            ]
    except (OSError, ValueError, TypeError, AttributeError, csv.Error):
        return []
    needed = {"epoch", "val_accuracy"}
    return rows if all(needed <= row.keys() for row in rows) else []


def _number(cell: str) -> int | float | None:
    if cell == "":
        return None
    return int(cell) if re.fullmatch(r"-?\d+", cell) else float(cell)


def cleaned_files(run: Path) -> set[str]:
    """Return the files that ``nas clean`` removed from a run, relative to its folder."""
    try:
        noted = json.loads((run / CLEANED).read_bytes())
        return {str(entry["file"]) for entry in noted["removed"]}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
