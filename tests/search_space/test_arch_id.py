"""``arch_id`` and JSON of an architecture: the same text and digest on every machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from search_space.architecture import ARCH_ID_DIGITS, Architecture, Stage
from search_space.primitives import (
    AttentionStem,
    AugmentedConvolution,
    AugmentedConvolutionRatios,
    Convolution,
    ConvolutionStem,
    LocalAttention,
)
from search_space.yaml_validation import validate
from tests.search_space.known_architectures import FULL_ATTENTION_26, MIXED, RESNET_50, one_block
from tests.search_space.strategies import BASIC, DIGITS, architectures, examples

ROOT = Path(__file__).parents[2]


GOLDEN_IDS = [
    (RESNET_50, "ddec22dd5edf"),
    (FULL_ATTENTION_26, "f4bf58aad892"),
    (MIXED, "dff1a5cef298"),
]


@pytest.mark.parametrize(("architecture", "arch_id"), GOLDEN_IDS)
def test_arch_id_is_what_it_always_was(architecture: Architecture, arch_id: str) -> None:
    assert architecture.arch_id == arch_id
    assert len(arch_id) == ARCH_ID_DIGITS
    assert Architecture.from_json(architecture.canonical_json()).arch_id == arch_id


@pytest.mark.parametrize("hash_seed", ["0", pytest.param("12345", marks=pytest.mark.slow)])
def test_arch_id_in_another_process(hash_seed: str) -> None:
    texts = [architecture.canonical_json() for architecture, _ in GOLDEN_IDS]
    # The keys in another order, and spaces between: the same architectures.
    texts = [json.dumps(dict(reversed(json.loads(text).items())), indent=1) for text in texts]
    program = (
        "import json, sys\n"
        "from search_space.architecture import Architecture\n"
        "print([Architecture.from_json(text).arch_id for text in json.load(sys.stdin)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.strip() == str([arch_id for _, arch_id in GOLDEN_IDS])


def test_descriptions_of_one_network_have_one_arch_id() -> None:
    # 8 heads, 128 channels, at least 20 a head: every kappa up to 1 gives d_k = 160.
    ids = {
        one_block(
            AugmentedConvolutionRatios(kappa=kappa, upsilon=0.25, heads=8).resolve(128, 128),
            width=128,
        ).arch_id
        for kappa in np.linspace(0, 1, 21).tolist()
    }
    assert len(ids) == 1
    wider = AugmentedConvolutionRatios(kappa=0.9, upsilon=0.25, heads=8).resolve(256, 256)
    assert isinstance(wider, AugmentedConvolution)
    assert wider.key_depth == 224
    # Rounding rules that give the same depths.
    rules: list[dict[str, Any]] = [
        {},
        {"key_rounding": "nearest"},
        {"value_rounding": "nearest"},
        {"min_key_depth_per_head": 1},
        {"kappa": 0.51},
    ]
    fields = {"kappa": 0.5, "upsilon": 0.5, "heads": 2, "min_key_depth_per_head": 2}
    same = {
        one_block(
            AugmentedConvolutionRatios.model_validate(fields | rule).resolve(16, 16), width=16
        )
        for rule in rules
    }
    assert len(same) == 1
    # Without attention it is the convolution; without a convolution no kernel is told apart.
    nothing = AugmentedConvolutionRatios(kappa=0.5, upsilon=0.0, heads=2).resolve(16, 16)
    assert one_block(nothing, width=16).arch_id == one_block(Convolution(), width=16).arch_id
    whole = [
        AugmentedConvolutionRatios(kernel=k, kappa=1.0, upsilon=1.0, heads=2).resolve(16, 16)
        for k in (1, 3, 5)
    ]
    assert len({one_block(primitive, width=16).arch_id for primitive in whole}) == 1


def test_each_field_that_changes_the_network_changes_arch_id() -> None:
    convolution = one_block(Convolution())
    aa = AugmentedConvolution(
        kernel=3, key_depth=8, value_depth=4, heads=2, position="relative", downsample=False
    )
    local = LocalAttention(extent=3, heads=2)
    others = [
        convolution,
        one_block(Convolution(kernel=5)),
        one_block(Convolution(), width=16),
        one_block(Convolution(), block="bottleneck", expansion=1),
        one_block(Convolution(), block="bottleneck", expansion=2),
        one_block(Convolution(), stem=ConvolutionStem(width=8)),
        one_block(Convolution(), stem=ConvolutionStem(width=4, kernel=5)),
        one_block(Convolution(), stem=ConvolutionStem(width=4, stride=1)),
        one_block(Convolution(), stem=ConvolutionStem(width=4, pool=False)),
        one_block(Convolution(), stem=AttentionStem(width=8)),
        one_block(Convolution(), stem=AttentionStem(width=8, heads=2)),
        one_block(Convolution(), stem=AttentionStem(width=8, mixtures=2)),
        one_block(Convolution(), stem=AttentionStem(width=8, block=2)),
        convolution.replace(stages=convolution.stages * 2),
        convolution.replace(stages=(Stage(width=8, stride=2, blocks=(Convolution(),)),)),
        convolution.replace(stages=(Stage(width=8, stride=1, blocks=(Convolution(),) * 2),)),
        *(
            one_block(aa.replace(**change))
            for change in [
                {},
                {"kernel": 5},
                {"key_depth": 10},
                {"value_depth": 6},
                {"heads": 4},
                {"position": "none"},
                {"downsample": True},
            ]
        ),
        *(
            one_block(local.replace(**change))
            for change in [
                {},
                {"extent": 5},
                {"heads": 4},
                {"position": "none"},
                {"scaled": False},
                {"border": "zeros"},
            ]
        ),
    ]
    ids = [other.arch_id for other in others]
    assert len(set(ids)) == len(ids)


@examples(50)
@given(architecture=architectures(BASIC))
def test_json_round_trip(architecture: Architecture) -> None:
    text = architecture.canonical_json()
    again = Architecture.from_json(text)
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert again.arch_id == architecture.arch_id
    assert again.canonical_json() == text
    assert str(again) == str(architecture)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    from_yaml = validate(Architecture, json.loads(text), "network.yaml")
    assert from_yaml == architecture


@examples(20)
@given(architecture=architectures(DIGITS))
def test_json_round_trip_on_digits(architecture: Architecture) -> None:
    assert Architecture.from_json(architecture.canonical_json()) == architecture


def test_equality_is_by_content() -> None:
    first, second = one_block(Convolution(kernel=3)), one_block(Convolution())
    assert first.arch_id  # computed on one alone
    assert first == second
    assert len({first, second}) == 1
    assert first != one_block(Convolution(kernel=5))
