"""Names of trackers, which follow a search's trials."""

from __future__ import annotations

import re
from collections.abc import Sequence

from search_space.nearest import hint

TENSORBOARD = "tensorboard"
SHIPPED = (TENSORBOARD,)

OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
"""A class of the user's own: ``module:Class``."""


def check_trackers(names: Sequence[str]) -> Sequence[str]:
    """Refuse a name that is neither shipped nor a class of the user's own, or is there twice.

    Raises:
        ValueError: it is refused; the message has the nearest shipped name.
    """
    for index, name in enumerate(names):
        if name not in SHIPPED and not OWN.fullmatch(name):
            raise ValueError(
                f"a tracker is one of {', '.join(SHIPPED)}, or a class of your own such as "
                f"my_module:MyTracker, got {name!r}; {hint(name, SHIPPED)}"
            )
        if name in names[:index]:
            raise ValueError(f"each tracker once, got {name!r} twice")
    return names
