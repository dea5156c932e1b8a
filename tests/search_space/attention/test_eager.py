"""The forms of the eager implementation, and the slices that it cuts a call into."""

from __future__ import annotations

import pytest
import torch

from search_space.attention import eager
from tests.search_space.attention_cases import Case


@pytest.mark.parametrize(
    ("hw", "extent", "border", "form"),
    [
        ((6, 6), 3, "masked", "dense"),
        ((6, 6), 3, "zeros", "shifts"),
        ((5, 7), 3, "masked", "dense"),
        ((9, 11), 3, "masked", "shifts"),
        ((14, 14), 7, "masked", "dense"),
        ((28, 28), 7, "masked", "shifts"),
        ((2, 2), 1, "masked", "dense"),
        ((2, 3), 1, "masked", "shifts"),
        ((28, 28), 0, "masked", "dense"),
    ],
)
def test_small_maps_are_dense(hw: tuple[int, int], extent: int, border: str, form: str) -> None:
    assert eager.form(Case(extent, hw, border).tensors()[0]) == form


@pytest.mark.parametrize("maps", range(1, 8))
@pytest.mark.parametrize("extent", [0, 1])  # dense, and by shifts
def test_slices_hold_every_map_once(
    extent: int, maps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(extent, (3, 4), batch=4, heads=3)
    monkeypatch.setattr(eager, "SLICE_PAIRS", maps * 12**2)
    monkeypatch.setattr(eager, "SLICE_ELEMENTS", maps * 12 * max(case.widths))
    slices = eager._slices(case.tensors()[0])
    times = torch.zeros(4, 3)
    for part in slices:
        times[part] += 1
    assert bool((times == 1).all())
    sizes = [times[part].numel() for part in slices]
    assert max(sizes) <= maps
    assert sizes[0] == max(sizes)  # the memory of the first is used by all
    assert len(slices) == {1: 12, 2: 8}.get(maps, 2 if maps >= 6 else 4)


def test_a_map_larger_than_a_slice_is_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eager, "SLICE_PAIRS", 1)
    assert len(eager._slices(Case(0, (3, 4), batch=2, heads=3).tensors()[0])) == 6
