"""Suggestions for an unknown name in a message."""

from __future__ import annotations

import pytest

from search_space.nearest import did_you_mean, hint

NETWORKS = ("resnet50", "sasa_resnet50", "mnasnet_100")


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("resnet5", "resnet50"),
        ("ResNet-50", "resnet50"),
        ("SASA_RESNET50", "sasa_resnet50"),
        ("mnasnet-100", "mnasnet_100"),
        ("transformer", None),
        ("", None),
    ],
)
def test_the_nearest_name_whatever_its_case(name: str, suggested: str | None) -> None:
    wanted = f"did you mean {suggested!r}?" if suggested else ""
    assert did_you_mean(name, NETWORKS) == wanted


def test_a_hint_has_the_nearest_name_or_all() -> None:
    assert hint("resnet5", NETWORKS) == "did you mean 'resnet50'?"
    assert hint("zzz", NETWORKS) == "known: resnet50, sasa_resnet50, mnasnet_100"
    assert hint("zzz", iter(NETWORKS)) == hint("zzz", NETWORKS)
    assert hint("zzz", ()) == "known: none"
