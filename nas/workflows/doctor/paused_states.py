"""The states of paused trainings, against the paused rows of the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.storage.evaluation import Evaluation
from nas.storage.networks.checkpoints import PausedStates
from nas.storage.run.leftovers import is_begun
from nas.workflows.doctor.case import Case
from nas.workflows.doctor.finding import Finding, removal
from search_space.networks import build
from trainers import CheckpointError, load_checkpoint

STATE_FILE = re.compile(r"trial-(\d+)\.pt")
SHARED = ("epoch", "train_loss")
"""The values of a curve's point that a state and the ledger both have."""


def examine_paused(case: Case) -> list[Finding]:
    """Compare the files in ``paused/`` with the ledger's rows; a driver may be changing them."""
    if case.rows is None or case.is_driven:
        return []
    folder = case.run.paused_folder
    paused = {row.number: row for row in case.rows["search"] if row.state == "paused"}
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    findings = []
    for file in files:
        if is_begun(file):
            continue  # see leftovers
        named = STATE_FILE.fullmatch(file.name)
        if named is None or not file.is_file() or file.is_symlink():
            findings.append(_unknown(case, file))
        elif (row := paused.pop(int(named[1]), None)) is None:
            findings.append(_of_no_paused(case, file, int(named[1])))
        elif problem := _problem_of(case, file, row):
            findings.append(_unusable(case, file, row, problem))
    return findings + [_missing(case, folder, row) for row in paused.values()]


def _problem_of(case: Case, file: Path, row: Evaluation) -> str:
    """Return what is wrong with a paused trial's state; empty for nothing.

    Nothing of the file is unpickled but tensors and plain values. All trials of a search share a
    recipe and a seed, so that the curve and the weights tell whose state it is.
    """
    try:
        state = load_checkpoint(file)
    except CheckpointError as error:
        return " ".join(str(error).replace(str(file), "").split())
    identity = state.get("identity")
    if not isinstance(identity, dict) or not isinstance(state.get("curve"), list):
        return f"it is no state of a training: its keys are {sorted(map(str, state))[:9]}"
    if identity.get("seed") != row.seed:
        return f"it is of a training with seed {identity.get('seed')}, the trial's is {row.seed}"
    if identity.get("recipe") != case.config.proxy.content:
        return "it is of a training by another recipe than the proxy's"
    if not _begins(state["curve"], row):
        return "its curve is not that of the trial: it is another trial's state"
    return _problem_of_weights(case, state, row)


def _begins(curve: list[Any], row: Evaluation) -> bool:
    """Whether a state's curve is the beginning of the row's: the state may be an older one."""
    if len(curve) > len(row.curve) or not curve:
        return False
    for point, known in zip(curve, row.curve, strict=False):
        if not isinstance(point, Mapping):
            return False
        if any(name in known and point.get(name) != known[name] for name in SHARED):
            return False
    return True


def _problem_of_weights(case: Case, state: Mapping[str, Any], row: Evaluation) -> str:
    """Return which weights are not those of the trial's proxy; empty for none."""
    weights = state.get("model")
    if not isinstance(weights, dict):
        return "it has no weights"
    if case.task is None:
        return ""
    fidelity = case.config.fidelity
    network = build(fidelity.network(row.architecture), fidelity.task(case.task), seed=0)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    stored = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in weights.items()}
    wrong = sorted(
        str(name) for name in shapes.keys() | stored.keys() if shapes.get(name) != stored.get(name)
    )
    return f"its weights are not of the trial's network: {wrong[0]} differs" if wrong else ""


def _unusable(case: Case, file: Path, row: Evaluation, problem: str) -> Finding:
    place = case.place(file)
    return Finding(
        place,
        problem,
        f"trial {row.number}, which waits at epoch {row.epochs}; its result so far is kept",
        "not recoverable: --repair moves it out, and the trial is trained again from its first "
        "epoch if it is promoted",
        removal(file, f"moved {place} out"),
    )


def _missing(case: Case, folder: Path, row: Evaluation) -> Finding:
    return Finding(
        case.place(PausedStates(folder).file_of(row.number)),
        "the state of a paused trial is missing",
        f"trial {row.number}, which waits at epoch {row.epochs}; its result so far is kept",
        "not recoverable: a resumed search trains it again from its first epoch if it is promoted",
    )


def _of_no_paused(case: Case, file: Path, number: int) -> Finding:
    place = case.place(file)
    return Finding(
        place,
        f"the ledger has no paused trial {number}",
        "nothing but the disk: a resumed search removes it",
        "--repair moves it out",
        removal(file, f"moved {place} out"),
    )


def _unknown(case: Case, file: Path) -> Finding:
    place = case.place(file)
    mend = removal(file, f"moved {place} out") if file.is_file() or file.is_symlink() else None
    return Finding(
        place,
        "no search writes a file of this name there",
        "a resumed search, which removes every other file of this folder",
        "--repair moves it out" if mend else "move it elsewhere: it is no file",
        mend,
    )
