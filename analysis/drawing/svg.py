"""A drawing as SVG, with text that can be selected and searched."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader

from analysis.drawing.shapes import Drawing


def svg_of(drawing: Drawing) -> str:
    """Return the text of an SVG file; it can stand in an HTML page too."""
    environment = Environment(
        loader=PackageLoader("analysis.drawing"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("drawing.svg").render(drawing=drawing)
