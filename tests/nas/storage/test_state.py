"""The state of a run's search: written, read, and called by one name everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import RunError
from nas.storage.run.ending import Ending
from nas.storage.run.folder import RunFolder
from nas.storage.run.state import STATE_FILE, RunState

ENDINGS = st.builds(
    Ending, st.text(), st.text(), st.integers(min_value=0), st.integers(min_value=0)
)
STATES = st.builds(
    RunState,
    finished=st.booleans(),
    unsearched=st.booleans(),
    waiting=st.text(),
    trained=st.none() | st.integers(min_value=0),
    ended=st.none() | ENDINGS,
)


@given(state=STATES)
def test_a_state_is_read_as_it_was_written(state: RunState) -> None:
    assert RunState.model_validate(state.to_json()) == state
    assert "finished" in state.to_json()


def test_a_run_that_has_just_begun_has_no_file(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.state() == RunState()
    run.write_state(RunState(finished=True, trained=3))
    assert run.state() == RunState(finished=True, trained=3)


@pytest.mark.parametrize(
    ("state", "is_driven", "word"),
    [
        (RunState(), True, "running"),
        (RunState(), False, "interrupted"),
        (RunState(finished=True), False, "finished"),
        (RunState(finished=True), True, "running"),  # it goes on
        (RunState(unsearched=True), False, "unsearched"),
    ],
)
def test_a_state_has_one_word(state: RunState, is_driven: bool, word: str) -> None:
    assert state.in_words(is_driven=is_driven) == word


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"finished": 1}', "finished: "),
        ('{"trained": "x"}', "trained: "),
        ('{"ended": {"by": "search.max_hours"}}', r"ended\.why: "),
        ("[]", "must be a JSON object"),
        ("{", ""),
    ],
)
def test_a_damaged_state_is_one_error(tmp_path: Path, content: Any, said: str) -> None:
    (tmp_path / STATE_FILE).write_text(content)
    with pytest.raises(RunError, match=rf"state\.json cannot be read: {said}"):
        RunFolder(tmp_path).state()
