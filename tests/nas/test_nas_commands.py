"""What commands refuse before they do anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.commands import retrain as retrain_command
from nas.commands.drawn_files import check_ending
from nas.commands.frontier import show_frontier
from nas.commands.retrain import run_retrain_command
from nas.config import SearchConfig
from nas.ledger import Ledger
from nas.proposals import Proposals
from nas.run_folder import RunFolder
from nas.user_errors import CommandError
from search_space.architecture import Task


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO())


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.b.png", "folder.jpg/a.png"])
def test_a_picture_named_for_its_format_is_taken(name: str) -> None:
    check_ending("--png", Path(name), ".png")
    check_ending("--png", None, ".png")


@pytest.mark.parametrize(
    ("png", "html", "message"),
    [
        ("front.jpg", None, "--png must end in .png, got 'front.jpg'"),
        ("front", "front.html", "--png must end in .png, got 'front'"),
        ("front.png", "front.png", "--html must end in .html, got 'front.png'"),
    ],
)
def test_a_front_is_drawn_into_files_named_for_their_format(
    console: Console, runs: Path, png: str | None, html: str | None, message: str
) -> None:
    with pytest.raises(CommandError) as caught:
        show_frontier(
            console,
            "first",
            runs,
            x="params",
            y="val_accuracy",
            under="",
            as_json=False,
            png=Path(png) if png else None,
            html=Path(html) if html else None,
        )
    assert str(caught.value) == message


def test_a_network_without_a_plain_one_is_one_message(
    console: Console,
    monkeypatch: pytest.MonkeyPatch,
    config_of: Callable[..., SearchConfig],
    start: Callable[[SearchConfig], tuple[RunFolder, Ledger]],
    propose_from: Callable[..., Proposals],
    finish: Callable[..., None],
    task: Task,
    runs: Path,
) -> None:
    def none_there(*arguments: Any) -> Any:
        raise ValueError("no convolution stem makes a 6x6 map")

    config = config_of()
    run, ledger = start(config)
    run.write_json("task.json", task.model_dump(mode="json"))
    proposals = propose_from(config, ledger)
    finish(proposals, proposals.propose())
    monkeypatch.setattr(retrain_command, "plain_convolutional", none_there)
    with pytest.raises(CommandError, match="--baseline: no convolution stem makes a 6x6 map"):
        run_retrain_command(console, run.name, runs, pick="best", baseline=True, as_json=False)
