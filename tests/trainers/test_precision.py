from __future__ import annotations

import pytest

from trainers.precision import resolve_precision


@pytest.mark.parametrize(
    ("setting", "device_type", "cuda_has_bfloat16", "expected"),
    [
        ("auto", "cpu", False, "float32"),
        ("auto", "cuda", True, "bfloat16"),
        ("auto", "cuda", False, "float16"),
        ("float32", "cuda", True, "float32"),
        ("float16", "cuda", True, "float16"),
        ("bfloat16", "cuda", True, "bfloat16"),
        ("bfloat16", "cpu", False, "bfloat16"),
    ],
)
def test_precision(setting: str, device_type: str, cuda_has_bfloat16: bool, expected: str) -> None:
    resolved = resolve_precision(
        setting,
        device_type=device_type,
        cuda_has_bfloat16=cuda_has_bfloat16,
    )
    assert resolved == expected


def test_float16_needs_cuda() -> None:
    with pytest.raises(ValueError, match=r"float16.*needs a CUDA device, got device 'cpu'"):
        resolve_precision("float16", device_type="cpu", cuda_has_bfloat16=False)


def test_bfloat16_needs_its_units() -> None:
    with pytest.raises(ValueError, match=r"bfloat16.*needs a CUDA device with bfloat16 units"):
        resolve_precision("bfloat16", device_type="cuda", cuda_has_bfloat16=False)
