"""Debian's Chromium, driven by Playwright; without either, a test is skipped or fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.needed import lacking

CHROMIUM = "/usr/bin/chromium"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser without a sandbox, which containers do not allow."""
    if shutil.which(CHROMIUM) is None:
        lacking(f"{CHROMIUM} is not installed")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415
    except ImportError:
        lacking("playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, address: Path | str, **options: Any) -> Iterator[Any]:
    """Open a page in a window of its own, and check that it writes no error to the console.

    ``options`` are those of Playwright's ``new_context``.
    """
    context = browser.new_context(**{"viewport": DESK, **options})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: errors.append(f"dialog: {dialog.message}"))
    page.goto(address.resolve().as_uri() if isinstance(address, Path) else address)
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert errors == []
