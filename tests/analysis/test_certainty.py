"""The certainty of a front: who is on it in draws, and what further seeds are expected to bring."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.accuracy_model.evaluated import TooFewError, by_architecture, evaluated_of
from analysis.accuracy_model.model import Joint, fit, fit_draws
from analysis.accuracy_model.scales import as_it_is, log_odds
from analysis.certainty.allocation import allocate
from analysis.certainty.lookahead import Lookahead
from analysis.certainty.membership import FrontOfDraws, expected_misclassified
from analysis.certainty.run_certainty import FrontCertainty, front_certainty
from analysis.noise import SeedNoise
from nas.samplers.kernel_inputs import Encoder
from nas.storage.candidates import candidates
from tests.analysis.known_effects import NOISE, KnownEffects

EFFECTS = {("stage1.type", "local_attention"): 0.03}


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_members_of_draws_are_those_that_none_dominates(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 5, count).astype(float)  # some are equal
    accuracies = rng.random((3, count))
    members = FrontOfDraws(costs).members(accuracies)
    for draw, mask in zip(accuracies, members, strict=True):
        assert (mask == moocore.is_nondominated(np.stack([-draw, costs], axis=1))).all()


def certainty_of(known: KnownEffects, count: int, seed: int = 0) -> FrontCertainty:
    rows = known.rows(count, seed)
    sample = {row.architecture for row in rows if row.kind == "repeats"}
    return front_certainty(
        rows, candidates(rows), known.space, x="macs", random_sample=sample, seed=seed
    )


def test_the_certainty_of_a_run_repeats_and_is_between_0_and_1() -> None:
    known = KnownEffects(EFFECTS)
    certainty = certainty_of(known, 40)
    shares = np.array(list(certainty.probabilities.values()))
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.sum() >= 1
    assert 0 < certainty.misclassified < 10
    cheapest = min(certainty.compared, key=lambda each: each.choice["macs"])
    if sum(each.choice["macs"] == cheapest.choice["macs"] for each in certainty.compared) == 1:
        assert certainty.probabilities[cheapest.arch_id] == 1
    assert certainty_of(known, 40).probabilities == certainty.probabilities


def test_too_few_architectures_are_told() -> None:
    with pytest.raises(TooFewError, match="takes 8 evaluated architectures or more, got 7"):
        certainty_of(KnownEffects({}), 7)


def test_the_model_tells_seed_noise_from_what_an_architecture_has_by_itself() -> None:
    """Three evaluations of one architecture say no less of it than they do by themselves."""
    known = KnownEffects(EFFECTS)
    rows = known.rows(60, 0, repeated=20)
    evaluated = evaluated_of(list(by_architecture(rows).values()), known.space.encode, as_it_is)
    encoder = Encoder(known.space.parameters, evaluated.costs)
    model = fit(encoder, evaluated, SeedNoise(NOISE, 40, 20))
    variances = np.diag(model.of_evaluated().covariance)
    assert (variances[:20] <= NOISE**2 / 3).all()  # no wider than three evaluations alone
    assert variances[:20].mean() < variances[20:].mean() < NOISE**2


def test_an_unmeasured_noise_is_the_models_and_draws_do_not_vary_it() -> None:
    known = KnownEffects(EFFECTS)
    rows = known.rows(40, 0, repeated=0)
    evaluated = evaluated_of(list(by_architecture(rows).values()), known.space.encode, as_it_is)
    encoder = Encoder(known.space.parameters, evaluated.costs)
    models = list(fit_draws(encoder, evaluated, None, 3, np.random.default_rng(0)))
    assert len({model.seed_variance for model in models}) == 1
    assert 0.3 * NOISE < models[0].seed_variance ** 0.5 < 3 * NOISE
    measured = fit_draws(encoder, evaluated, SeedNoise(NOISE, 5, 2), 4, np.random.default_rng(0))
    assert len({model.seed_variance for model in measured}) == 4


def test_log_odds_keep_the_order_and_are_finite() -> None:
    scaled = log_odds(np.linspace(0, 1, 11))
    assert np.isfinite(scaled).all()
    assert (np.diff(scaled) > 0).all()


JOINT = Joint(np.array([0.0, 0.2, 0.1, -3.0]), np.diag([1.0, 1.0, 0.5, 1e-6]))
COSTS = np.array([1.0, 2.0, 3.0, 4.0])


def test_seeds_that_tell_all_settle_all_and_seeds_that_tell_nothing_settle_nothing() -> None:
    every = dict.fromkeys(range(4), 1)
    told = Lookahead(JOINT, 1e-9, COSTS, np.random.default_rng(0))
    assert told.now > 0.5
    assert told.after({}) == told.now
    assert told.after(every) < 0.02
    untold = Lookahead(JOINT, 1e9, COSTS, np.random.default_rng(0))
    assert untold.after(every) == pytest.approx(untold.now, abs=1e-3)
    # the last one is on the front in no draw, and bears on no other
    assert told.after({3: 4}) == pytest.approx(told.now, abs=1e-3)


def test_more_seeds_are_expected_to_settle_more() -> None:
    lookahead = Lookahead(JOINT, 1.0, COSTS, np.random.default_rng(1))
    after = [lookahead.after({1: count, 2: count}) for count in (1, 4, 16)]
    assert lookahead.now > after[0] > after[1] > after[2]


def test_further_seeds_stay_within_the_hours_and_pay() -> None:
    certainty = certainty_of(KnownEffects(EFFECTS), 40)
    hours_each = np.linspace(0.5, 1.5, len(certainty.compared))
    chosen = allocate(certainty, hours_each, 10.0, np.random.default_rng(0))
    assert 0 < chosen.hours <= 10
    assert chosen.misclassified_after < chosen.misclassified_now
    again = allocate(certainty, hours_each, 10.0, np.random.default_rng(0))
    assert again == chosen
    nothing = allocate(certainty, hours_each, 0.4, np.random.default_rng(0))
    assert (nothing.further, nothing.hours) == ([], 0)


def test_the_likelier_answer_is_wrong_as_often_as_it_says() -> None:
    assert expected_misclassified(np.array([0.0, 1.0, 0.3, 0.6])) == pytest.approx(0.7)
