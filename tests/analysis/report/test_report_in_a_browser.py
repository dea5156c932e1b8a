"""The report in a real browser: pointer, keyboard, widths, dark mode, print and accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from analysis.report.page import report_html
from tests.analysis.report.made_up import SCRIPT, made_up_run
from tests.browser import PHONE, chromium, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report_html([made_up_run(40)]))
    return file


def cards(page: Any) -> list[str]:
    """The networks that are shown beside the front."""
    return [each.inner_text() for each in page.locator(".card header .id").all()]


def is_wide_enough(page: Any) -> bool:
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


def serious(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415

    violations = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
    ]


def test_pointer_and_keyboard_show_and_compare_networks(browser: Any, report: Path) -> None:
    with opened(browser, report) as page:
        members = page.locator("tr[data-network]")
        ids = [row.get_attribute("data-network") for row in members.all()]
        assert cards(page)[0] in ids  # one is shown before anything is pointed at
        members.nth(0).hover()
        assert cards(page) == [ids[0]]
        page.locator(f'button[data-pin="{ids[0]}"]').click()
        page.locator(f'button[data-pin="{ids[-1]}"]').click()
        assert cards(page) == [ids[0], ids[-1]]
        assert page.locator(".card .difference").count() >= 2
        assert page.locator(".card svg").count() == 2
        assert page.url.endswith(f"#compare={ids[0]},{ids[-1]}")
        page.locator("[role=application]").focus()
        page.keyboard.press("Escape")
        page.keyboard.press("Home")
        first = cards(page)
        page.keyboard.press("ArrowRight")
        assert cards(page) != first
        page.keyboard.press("Enter")
        page.keyboard.press("End")
        assert len(cards(page)) == 2
        assert page.locator("#spoken").inner_text()
        points = page.locator("#front-figure .scatterlayer .point")
        page.keyboard.press("Escape")
        box = points.nth(0).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_selector("#front-figure .hoverlayer .hovertext")
        pointed = cards(page)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert cards(page)[0] == pointed[0]
        assert "compare=" in page.url
        assert SCRIPT in page.inner_text("#outcomes")
        assert (
            page.evaluate("getSelection().selectAllChildren(document.querySelector('.parts'))")
            is None
        )
        assert page.evaluate("getSelection().toString()")
        assert is_wide_enough(page)
        assert serious(page) == []


def test_a_phone_in_dark_mode(browser: Any, report: Path) -> None:
    options = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "color_scheme": "dark"}
    with opened(browser, report, **options) as page:
        assert is_wide_enough(page)
        page.locator("tr[data-network] button").first.tap()
        assert cards(page)
        ticks = page.locator("#front-figure .xtick text").all()
        boxes = [tick.bounding_box() for tick in ticks]
        ends = [(box["x"], box["x"] + box["width"]) for box in boxes]
        assert all(end < begin for (_, end), (begin, _) in pairwise(ends))
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(map(int, background[4:-1].split(","))) < 3 * 60
        assert serious(page) == []


def test_print_is_light_and_whole(browser: Any, report: Path, tmp_path: Path) -> None:
    with opened(browser, report, color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == "rgb(255, 255, 255)"
        page.wait_for_function(
            "document.querySelector('#front-figure .xtick text').style.fill === 'rgb(34, 34, 34)'"
        )
        printed = page.pdf(path=tmp_path / "report.pdf")
        assert printed.startswith(b"%PDF")
