"""Text that a page holds compressed, and its browser unpacks (``DecompressionStream``)."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib import resources


def compressed(text: str) -> str:
    """Return a text as gzip in base64, which holds no character that means something in HTML."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def plotly_script() -> str:
    """Return Plotly's whole script, compressed: 2.0 MB of 4.8 MB.

    Its smaller bundles lack parallel coordinates.
    """
    file = resources.files("plotly") / "package_data" / "plotly.min.js"
    return compressed(file.read_text("utf-8"))
