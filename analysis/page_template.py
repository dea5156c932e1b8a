"""The HTML around an interactive picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from analysis.plot_style import FAINT_INK, INK

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: system-ui, sans-serif; color: {ink}; margin: 0 auto; max-width: 1100px;
  padding: 0.8rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.2rem; margin: 0 0 0.3rem; }}
p {{ font-size: 0.9rem; color: {faint}; margin: 0.2rem 0; }}
.kind {{ display: inline-block; margin-right: 1rem; color: {ink}; }}
.kind i {{ display: inline-block; width: 0.8rem; height: 0.8rem; margin-right: 0.3rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
{notes}
{plot}
{key}
</body>
</html>
"""


def page_html(title: str, notes: Sequence[str], plot: str, key: str) -> str:
    """Return a whole page.

    Args:
        title: the page's, also shown over it.
        notes: a paragraph each, under the title.
        plot: the picture's HTML.
        key: HTML under the picture.
    """
    paragraphs = "\n".join(f"<p>{escape(note)}</p>" for note in notes)
    return PAGE.format(
        title=escape(title), ink=INK, faint=FAINT_INK, notes=paragraphs, plot=plot, key=key
    )


def colour_key(title: str, colours: Mapping[str, str]) -> str:
    """Return a key to ``colours`` as HTML: each with the label that is its key in the mapping."""
    kinds = "".join(
        f'<span class="kind"><i style="background:{colour}"></i>{escape(label)}</span>'
        for label, colour in colours.items()
    )
    return f"<p>{escape(title)}: {kinds}</p>"
