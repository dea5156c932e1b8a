"""A page of sections as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.page.compressed import compressed, plotly_script
from analysis.page.section import Section
from analysis.plot_style import DARK_COLOURS, LIGHT_COLOURS
from nas.atomic_write import replace_file

ANALYSIS = Path(__file__).parents[1]


def page_html(
    title: str,
    sections: Iterable[Section],
    *,
    subtitle: str = "",
    notes: Sequence[str] = (),
    live: str = "",
) -> str:
    """Return a whole page that loads no other file.

    Args:
        title: the page's, also its heading.
        sections: from top to bottom.
        subtitle: a line under the heading.
        notes: paragraphs under it.
        live: of a served page, the version of what it shows: it asks its server for a newer one.
            Empty for a file.
    """
    sections = list(sections)
    content = {
        "figures": {name: spec for each in sections for name, spec in each.figures.items()},
        "cards": {name: card for each in sections for name, card in each.cards.items()},
    }
    return (
        _environment()
        .get_template("page/templates/page.html")
        .render(
            title=title,
            subtitle=subtitle,
            notes=notes,
            sections=sections,
            live=live,
            light=LIGHT_COLOURS,
            dark=DARK_COLOURS,
            plotly=plotly_script(),
            content=compressed(_strict(content)),
        )
    )


def write_page(path: Path | str, html: str) -> None:
    """Write a page; an existing file is replaced.

    Raises:
        OSError: ``path`` cannot be written.
    """
    replace_file(path, html.encode())


def _strict(content: Any) -> str:
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ANALYSIS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
