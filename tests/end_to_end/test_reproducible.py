"""The same seed gives the same architectures in the same order, as far as is promised."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from tests.end_to_end.tiny_search import RECIPE, write_search

pytestmark = pytest.mark.ray


def rows(runs: Path, study_name: str = "tiny") -> list[tuple[str, float]]:
    """Every trial's architecture and accuracy, in order."""
    storage = f"sqlite:///{runs / 'tiny' / 'ledger.db'}"
    study = optuna.load_study(study_name=study_name, storage=storage)
    return [(trial.user_attrs["arch_id"], trial.values[0]) for trial in study.trials]


@pytest.mark.slow
def test_a_deterministic_search_repeats_itself_on_two_workers(tmp_path, nas):
    # Eight trials of which four follow results, two at a time, as fast as each of them is.
    search_file = write_search(tmp_path / "tiny.yaml", proxy=RECIPE | {"epochs": 3})
    settings = ("search.deterministic=true", "search.concurrency=2", "search.n_trials=8")
    for runs in ("first", "second"):
        done = nas("search", search_file, *settings, "--runs", runs)
        assert done.returncode == 0, done.stderr
    first, second = rows(tmp_path / "first"), rows(tmp_path / "second")
    assert len(first) == 8
    assert first == second
    repeats = [set(rows(tmp_path / runs, "tiny/repeats")) for runs in ("first", "second")]
    assert repeats[0] == repeats[1] != set()
    other = nas("search", search_file, *settings, "seed=1", "--runs", "third")
    assert other.returncode == 0, other.stderr
    assert [arch for arch, _ in rows(tmp_path / "third")] != [arch for arch, _ in first]


@pytest.mark.slow
def test_random_search_proposes_in_the_same_order_whatever_the_concurrency(tmp_path, nas):
    search_file = write_search(
        tmp_path / "tiny.yaml",
        sampler={"name": "random"},
        search={"n_trials": 6, "finalist_seeds": 1},
    )
    for concurrency in (1, 2):
        done = nas(
            "search", search_file, f"search.concurrency={concurrency}", "--runs", f"c{concurrency}"
        )
        assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "c1") == rows(tmp_path / "c2")


def test_runs_with_other_seeds_share_their_test_images(tmp_path):
    """Splits depend on ``data.split_seed`` alone, so merged runs never leak test images."""
    from nas.config.files import load_config  # noqa: PLC0415
    from trainers import load_splits  # noqa: PLC0415

    search_file = write_search(tmp_path / "tiny.yaml")
    first, second = (load_splits(load_config(search_file, [f"seed={s}"]).data) for s in (0, 7))
    assert (first.test.images == second.test.images).all()
    assert (first.train.images == second.train.images).all()
