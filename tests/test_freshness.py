"""How old an answer may be: the pure rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entitlements import FeatureClass, Freshness
from entitlements.freshness import Plan, Windows

DAY = 86_400.0


def test_both_windows_begin_where_the_ttl_ends():
    """The jitter that shortens a life shortens neither window."""
    freshness = Freshness()
    assert freshness.lenience(FeatureClass.STANDARD, 271.0) == Windows(600.0, 3900.0)
    assert freshness.lenience(FeatureClass.LENIENT, 271.0) == Windows(600.0, DAY)
    assert freshness.lenience(FeatureClass.STRICT, 271.0) == Windows(271.0, 271.0)


def test_a_stretched_life_moves_the_windows_along():
    """Whoever could not be refreshed sooner is still served while Stripe fails."""
    assert Freshness().lenience(FeatureClass.STANDARD, 6_000.0) == Windows(6_300.0, 9_600.0)


def test_a_brief_life_has_no_window_for_refreshing_behind():
    """What was fetched right after an event may be wrong already."""
    assert Freshness().lenience(FeatureClass.STANDARD, 2.0) == Windows(2.0, 3_602.0)


@given(
    st.floats(0, 1),
    st.floats(0, 1e9),
    st.booleans(),
    st.booleans(),
    st.builds(Freshness, ttl=st.floats(1, 1e4), stale_if_error=st.floats(0, 1e6), max_stale=st.floats(1e4, 1e5)),
    st.sampled_from(FeatureClass),
)
def test_nothing_passes_max_stale(random, affordable, settling, known, freshness, feature_class):
    """I3: however a life is stretched and whatever fails, nothing older than max_stale is served."""
    lifetime = freshness.lifetime(settling=settling, known=known, random=random, affordable=affordable)
    assert 0 < lifetime <= freshness.max_stale
    for age in (freshness.max_stale, freshness.max_stale * 2):
        assert freshness.plan_allow(age, lifetime, feature_class) is Plan.FETCH
        assert freshness.plan_refusal(age, lifetime, lambda: True) is Plan.FETCH


@pytest.mark.parametrize(("affordable", "lifetime"), [(0.0, 300.0), (299.0, 300.0), (1_000.0, 1_000.0), (1e9, DAY)])
def test_a_life_stretches_to_what_can_be_paid(affordable, lifetime):
    """Reliability 6.6: max(ttl, what the budget can pay), never past max_stale."""
    assert Freshness().lifetime(settling=False, known=True, random=0.0, affordable=affordable) == lifetime


def test_a_brief_life_is_never_stretched():
    """Nobody unknown, and nothing fetched right after an event, is kept longer because the budget is spent."""
    freshness = Freshness()
    lives = [
        freshness.lifetime(settling=s, known=k, random=0.0, affordable=1e9) for s, k in ((True, True), (False, False))
    ]
    assert lives == [2.0, 15.0]
