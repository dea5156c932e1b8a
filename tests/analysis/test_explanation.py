"""Explanations of runs: known effects of choices are recovered within their stated errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.accuracy_model.evaluated import TooFewError
from analysis.accuracy_model.model import Joint
from analysis.explanation.contrasts import estimates, weights
from analysis.explanation.explained import FEWEST, Explanation, explain
from analysis.explanation.importance import Variances
from analysis.explanation.picture import plot_stages_png
from analysis.explanation.reference import Reference, TooTightError, reference_of
from search_space.space.parameters import INACTIVE
from tests.analysis.invented import SPACE
from tests.analysis.known_effects import KnownEffects

EFFECTS = {
    ("stage1.type", "local_attention"): 0.03,
    ("stage2.type", "augmented_conv"): -0.02,
    ("stage2.width", 16): 0.01,
}
RUNS = 8


def explained(known: KnownEffects, seed: int, count: int = 48) -> Explanation:
    rows = known.rows(count, seed)
    sample = {row.architecture for row in rows if row.kind == "repeats"}
    return explain(
        rows,
        known.space,
        known.costs.columns,
        {},
        equal_cost="macs",
        random_sample=sample,
        seed=seed,
    )


@pytest.fixture(scope="module")
def runs() -> list[tuple[KnownEffects, Explanation]]:
    """Runs on spaces with the same effects, other architectures, and other noise."""
    known = [KnownEffects(EFFECTS, seed) for seed in range(RUNS)]
    return [(each, explained(each, seed)) for seed, each in enumerate(known)]


def test_intervals_hold_the_true_effects_as_often_as_they_say(
    runs: list[tuple[KnownEffects, Explanation]],
) -> None:
    """At equal cost and as they are: about 95 % within 1.96 standard errors, 68 % within one."""
    scores = []
    for known, explanation in runs:
        log_macs = np.log(known.columns[:, 1])
        for effect in explanation.effects:
            has = known.has(effect.parameter, effect.choice)
            active = known.vectors[:, known.names.index(effect.parameter)] != INACTIVE
            for log_cost, said in (
                (None, effect.accuracy),
                (log_macs, effect.accuracy_at_equal_cost),
            ):
                contrast = weights(has, active, log_cost)
                assert contrast is not None
                assert said is not None
                scores.append((said.mean - contrast @ known.truth) / said.deviation)
    errors = np.abs(scores)
    assert (errors < 1.96).mean() > 0.9
    assert 0.55 < (errors < 1).mean() < 0.9


def test_the_largest_effect_is_recovered_and_explains_most(
    runs: list[tuple[KnownEffects, Explanation]],
) -> None:
    known, explanation = runs[0]
    (attention,) = (each for each in explanation.effects if each.choice == "local_attention")
    assert attention.accuracy_at_equal_cost is not None
    assert attention.accuracy_at_equal_cost.mean == pytest.approx(0.03, abs=0.015)
    assert attention.n == sum(
        known.has("stage1.type", "local_attention")[known.architectures.index(each)]
        for each in {row.architecture for row in known.rows(48, 0)}
    )
    assert max(explanation.shares, key=lambda each: each.accuracy.mean).parameter == "stage1.type"
    by_stage = {each.contrast.stage: each for each in explanation.stages}
    assert by_stage[1].contrast.kind == "local_attention"
    assert by_stage[1].accuracy.mean > 2 * by_stage[1].accuracy.deviation
    assert by_stage[2].accuracy.mean < 0


def test_the_heat_map_is_drawn(
    runs: list[tuple[KnownEffects, Explanation]], tmp_path: Path
) -> None:
    file = tmp_path / "stages.png"
    plot_stages_png(file, runs[0][1], name="a $run$")
    assert file.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no stage of the space chooses"):
        plot_stages_png(file, runs[0][1]._replace(stages=[]), name="none")


def test_an_explanation_repeats() -> None:
    known = KnownEffects(EFFECTS)
    assert explained(known, 1, 20).effects == explained(known, 1, 20).effects


def test_too_few_architectures_are_told() -> None:
    known = KnownEffects({})
    with pytest.raises(TooFewError, match=f"takes {FEWEST} evaluated architectures or more, got 5"):
        explained(known, 0, 5)


def test_limits_that_hardly_anything_fits_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def ones(vectors: np.ndarray) -> np.ndarray:
        return np.ones((len(vectors), 3))

    monkeypatch.setattr("analysis.explanation.reference.ROUNDS", 1)
    with pytest.raises(TooTightError, match="0 of 1,000 random architectures of 'digits'"):
        reference_of(SPACE, ones, {"macs": 0.5}, np.random.default_rng(0))


@given(st.integers(0, 2**32 - 1))
def test_a_contrast_at_equal_cost_ignores_what_costs_explain(seed: int) -> None:
    """It is the effect itself where accuracy is a cubic of the cost's logarithm and the effect."""
    rng = np.random.default_rng(seed)
    log_cost = rng.normal(size=60)
    has = rng.random(60) < 0.3 + 0.4 * (log_cost > 0)
    contrast = weights(has, np.ones(60, dtype=bool), log_cost)
    if has.all() or not has.any():
        assert contrast is None
        return
    assert contrast is not None
    accuracy = 0.5 + log_cost - 0.3 * log_cost**3 + 0.07 * has
    assert contrast @ accuracy == pytest.approx(0.07)


def test_estimates_are_exact_for_what_is_known() -> None:
    (estimate,) = estimates(
        [np.array([1.0, -1.0])], Joint(np.array([3.0, 1.0]), np.zeros((2, 2))), own_variance=2.0
    )
    assert estimate == (2.0, 2.0)


def test_shares_of_variance_of_a_product_are_the_textbooks() -> None:
    """In a + 2 b + a b, a and b of -1 or 1, 1/6, 4/6 and 1/6 of the variance are theirs."""
    vectors = np.array([[a, b] for a in (0, 1) for b in (0, 1)] * 5)
    a, b = (2 * vectors - 1).T
    reference = Reference([], vectors, np.empty((20, 3)), is_whole=True)
    variances = Variances(reference, (a + 2 * b + a * b)[None].astype(float))
    assert [each.mean for each in variances.single()] == pytest.approx([1 / 6, 4 / 6])
    (pair,) = variances.pairs()
    assert pair.share.mean == pytest.approx(1 / 6)


def test_a_parameter_that_does_nothing_has_no_share_on_average() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.integers(0, 4, (200, 1))
    reference = Reference([], vectors, np.empty((200, 3)), is_whole=False)
    (share,) = Variances(reference, rng.normal(size=(300, 200))).single()
    assert abs(share.mean) < 0.005
