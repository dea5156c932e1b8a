"""The figure of a front in a page: labels of networks beside the front are not cut off."""

from __future__ import annotations

import pytest

from analysis.front.beside import Beside
from analysis.front.drawn import drawn
from analysis.front.figure import front_figure
from tests.analysis.invented import candidate


@pytest.mark.parametrize(
    ("params", "side"), [(1.0e3, "top right"), (10e3, "top center"), (100e3, "top left")]
)
def test_a_label_stands_towards_the_middle(params: float, side: str) -> None:
    members = [candidate(0, 0.7, 1.0e3), candidate(1, 0.9, 100e3)]
    plain = Beside("plain convolution", "", candidate(2, 0.6, params))
    figure = front_figure(drawn(members, members, "params", "val_accuracy", [plain]), None, {})
    (labelled,) = [each for each in figure["data"] if each.get("text") == ["plain convolution"]]
    assert labelled["textposition"] == [side]
