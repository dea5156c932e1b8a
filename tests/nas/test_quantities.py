"""Numbers with suffixes: what people write, and what they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.quantities import SUFFIXES, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("40M", 40e6),
        ("1.5G", 1.5e9),
        ("250k", 250e3),
        ("250K", 250e3),
        (" 17 ", 17.0),
        (".5k", 500.0),
        ("2e3", 2000.0),
        ("1.5e-3", 0.0015),
        ("3 M", 3e6),
        (12, 12.0),
        (0.25, 0.25),
        (1e-7, 1e-7),
        (1e21, 1e21),
    ],
)
def test_parses_what_people_write(text: str | float, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    ["", "M", "-1M", "0", "0k", "40m", "40g", "4 0M", "40MM", "nan", "inf", "1e999", "1,000"],
)
def test_refuses_what_is_no_positive_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"250k, 40M or 1\.5G") as caught:
        parse_quantity(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("value", [-3, 0, 0.0, float("inf"), float("nan"), True])
def test_refuses_numbers_that_limit_nothing(value: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number"):
        parse_quantity(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (17, "17"),
        (0.00123456, "0.00123"),
        (999, "999"),
        (999.7, "1k"),
        (1000, "1k"),
        (823_456, "823k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (25_557_032, "25.6M"),
        (4.1e9, "4.1G"),
        (1.234e12, "1230G"),
    ],
)
def test_formats_three_digits(value: float, text: str) -> None:
    assert format_quantity(value) == text


@given(st.floats(min_value=1e-6, max_value=1e14, allow_nan=False))
def test_a_shown_number_can_be_written(value: float) -> None:
    shown = format_quantity(value)
    assert parse_quantity(shown) == pytest.approx(value, rel=0.0051)
    assert format_quantity(parse_quantity(shown)) == shown


@given(st.floats(min_value=1e-3, max_value=1e14), st.floats(min_value=1e-3, max_value=1e14))
def test_a_greater_number_is_not_shown_as_a_smaller_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert parse_quantity(format_quantity(low)) <= parse_quantity(format_quantity(high))


@given(st.integers(min_value=1, max_value=10**12), st.sampled_from(sorted(SUFFIXES)))
def test_a_suffix_multiplies(number: int, suffix: str) -> None:
    assert parse_quantity(f"{number}{suffix}") == pytest.approx(number * SUFFIXES[suffix])


@given(st.floats(min_value=0, exclude_min=True, allow_infinity=False))
def test_every_positive_float_passes_through(value: float) -> None:
    assert parse_quantity(value) == value
    assert parse_quantity(repr(value)) == value
