"""A drawing as SVG, with text that can be selected and searched."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, Template

from analysis.drawing.shapes import Drawing


def svg_of(drawing: Drawing) -> str:
    """Return the text of an SVG file; it can stand in an HTML page too."""
    return _template().render(drawing=drawing)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("analysis.drawing"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("drawing.svg")
