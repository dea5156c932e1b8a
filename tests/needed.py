"""Services and tools that tests need: without them a test is skipped, or fails if all must run."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

VARIABLE = "CONVATTN_TESTS_NEED_ALL"
"""Set where the services and tools that tests need are installed, as by ``.ci/run``."""


def lacking(what: str) -> NoReturn:
    """Skip the running test for lack of ``what``; fail it where :data:`VARIABLE` is set."""
    if os.environ.get(VARIABLE):
        pytest.fail(f"{what}; with {VARIABLE} set it must be there", pytrace=False)
    pytest.skip(what)
