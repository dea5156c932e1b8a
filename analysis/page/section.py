"""A section of a page: a template beside the code that fills it, its data and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Figure = Mapping[str, Any]
"""Plotly's ``data`` and ``layout``, as plain data. A colour ``var(--ink)`` is the page's, which
differs in dark mode; the names are those of ``templates/page.css``."""


class KeyEntry(NamedTuple):
    """An entry of a figure's key."""

    label: str
    colour: str
    form: str = "line"  # line, dash, band, ring, star, square, or Plotly's name of a symbol


class Section(NamedTuple):
    """A section of a page.

    Attributes:
        name: its anchor, and the prefix of its figures' ids.
        title: its heading.
        template: the path of its Jinja template below ``analysis/``.
        data: the values that the template shows, as ``section.data``.
        figures: by the id of the element that each is drawn in.
        cards: for each network that the section can show, by ``arch_id``; see
            :func:`analysis.front.cards.card`.
    """

    name: str
    title: str
    template: str
    data: Mapping[str, Any]
    figures: Mapping[str, Figure] = {}
    cards: Mapping[str, Any] = {}


def bar_shares(values: Sequence[float]) -> list[float]:
    """Return each value as percent of the largest, for bars in a table."""
    most = max(values, default=0.0)
    return [100 * value / most if most else 0.0 for value in values]
