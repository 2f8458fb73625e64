"""The catalogue: a refusal says what would unlock it, and a key that doesn't exist is noticed."""

from __future__ import annotations

import asyncio
import threading

import pytest
from controlled import Clock, Truth, wait_for

from entitlements import Entitlements, Freshness, Offer, UnknownFeature
from entitlements.catalog import Contents

PRO, TEAM = Offer("prod_pro", "Pro"), Offer("prod_team", "Team")


class Shop(Truth):
    """A source that also has a catalogue, which it may be slow to give."""

    def __init__(self) -> None:
        super().__init__({"cus_1": {"old"}})
        self.contents = Contents.of({"exports": [PRO, TEAM], "sso": [TEAM]}, also={"old", "beta"})
        self.loads = 0
        self.open = threading.Event()
        self.open.set()

    def catalog(self) -> Contents:
        self.loads += 1
        self.open.wait(10)
        if self.failing is not None:
            raise self.failing
        return self.contents


@pytest.fixture(name="shop")
def _shop() -> Shop:
    return Shop()


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="ents")
def _ents(shop: Shop, clock: Clock):
    with Entitlements(source=shop, clock=clock) as ents:
        yield ents
        shop.open.set()


def test_the_first_refusal_names_the_products_that_unlock_it(ents):
    """The offers are there at once, though the catalogue is loaded when it is first needed."""
    assert ents.check("cus_1", "exports").unlock_with == (PRO, TEAM)
    assert ents.check("cus_1", "sso").sentence == "“sso” is part of Team."
    assert ents.check("cus_1", "exports").sentence == "“exports” is part of Pro and Team."
    assert ents.check("cus_1", "beta").unlock_with == ()


def test_the_catalogue_is_loaded_once_and_kept_for_minutes(ents, shop, clock):
    """A catalogue is read behind, once in five minutes; meanwhile the old one serves."""
    for _ in range(20):
        ents.check("cus_1", "exports")
    assert shop.loads == 1
    shop.contents = Contents.of({"exports": [TEAM]})
    clock.tick(299)
    ents.check("cus_1", "exports")
    assert shop.loads == 1
    clock.tick(2)
    ents.check("cus_1", "exports")
    wait_for(lambda: ents.check("cus_1", "exports").unlock_with == (TEAM,))
    assert shop.loads == 2


def test_a_known_key_is_refused_at_the_speed_of_an_allow(shop):
    """A young refusal of a key that exists takes the hot path; it is verified when it grows old, like any other."""
    with Entitlements(source=shop, freshness=Freshness(recheck_denial_after=0.2)) as ents:
        assert not ents.check("cus_1", "exports")
        shop.held["cus_1"].add("exports")
        assert not ents.has_feature("cus_1", "exports")
        ents.invalidate("cus_1")
        assert ents.has_feature("cus_1", "exports")
        shop.held["cus_1"].discard("exports")
        ents.refresh("cus_1")
        assert not ents.has_feature("cus_1", "exports")
        shop.held["cus_1"].add("exports")
        wait_for(lambda: ents.has_feature("cus_1", "exports"), seconds=2)


def test_an_allow_reads_no_catalogue(ents, shop):
    """What unlocks a feature is of no interest to who has it."""
    assert ents.check("cus_1", "old")
    assert ents.has_feature("cus_1", "old")
    assert shop.loads == 0


def test_a_slow_catalogue_delays_a_refusal_briefly_and_a_bare_no_not_at_all(ents, shop):
    """check waits a moment for the first catalogue, has_feature never; the refusal itself is the same."""
    shop.open.clear()
    assert ents.has_feature("cus_1", "exports") is False
    assert ents.check("cus_1", "exports").unlock_with == ()
    assert asyncio.run(ents.acheck("cus_1", "exports")).unlock_with == ()
    shop.open.set()
    wait_for(lambda: ents.check("cus_1", "exports").unlock_with == (PRO, TEAM))


def test_a_catalogue_that_fails_takes_nothing_from_the_answer(ents, shop, clock, caplog):
    """A refusal without its offers is a refusal all the same; loading is tried again after a while."""
    shop.failing = OSError("down")
    shop.held["cus_1"] = set()
    with Entitlements(source=_Only(shop), clock=clock) as other:
        assert other.check("cus_1", "exports").reason == "not_entitled"
        assert other.check("cus_1", "exports").unlock_with == ()
        assert shop.loads == 1
        shop.failing = None
        clock.tick(16)
        wait_for(lambda: other.check("cus_1", "exports").unlock_with == (PRO, TEAM))
    assert "the catalogue can't be read" in caplog.text


class _Only:
    """A shop whose list never fails, whatever its catalogue does."""

    def __init__(self, shop: Shop) -> None:
        self.catalog = shop.catalog
        self.fetch = Truth({"cus_1": set()}).fetch


def test_who_never_bought_is_told_what_to_buy(ents):
    """An object without a customer id is refused with the same offers, and no list."""

    class Org:
        stripe_customer_id = None

    decision = ents.check(Org(), "exports")
    assert (decision.reason, decision.unlock_with) == ("no_customer", (PRO, TEAM))


def test_a_source_without_a_catalogue_refuses_without_offers():
    """Nothing is invented where nothing is known, and nothing is asked of Stripe."""
    with Entitlements("sk_test_1", source=Truth({"cus_1": set()})) as ents:
        decision = ents.check("cus_1", "exports")
        assert (decision.unlock_with, decision.sentence) == ((), "“exports” is not part of the current plan.")
        assert not ents.stats().catalog_loaded


# --- several keys ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "any_of", "expected"),
    [
        (("exports",), False, (PRO, TEAM)),
        (("exports", "sso"), False, (TEAM,)),
        (("exports", "sso"), True, (PRO, TEAM)),
        (("beta", "sso"), False, (TEAM,)),
        (("beta",), False, ()),
        ((), False, ()),
    ],
)
def test_what_unlocks_several_keys(shop, missing, any_of, expected):
    """All of several are unlocked by products that include them all, if there are any; any of several by each."""
    assert shop.contents.unlocks(missing, any_of=any_of) == expected


# --- keys that don't exist -------------------------------------------------------------------------------------------


def test_i20_an_unknown_key_is_an_error_in_strict_mode(shop, clock):
    """R57: a misspelt key under a `not` would let people in; strict mode names the key that was meant."""
    with Entitlements(source=shop, clock=clock, strict=True) as ents:
        with pytest.raises(UnknownFeature, match="no feature has the lookup key 'export'; did you mean 'exports'"):
            ents.check("cus_1", "export")
        with pytest.raises(UnknownFeature, match="create it in Stripe, or check its spelling"):
            ents.has_feature("cus_1", "quantum")
        assert not ents.check("cus_1", "beta")


def test_an_unknown_key_is_a_warning_otherwise_and_never_a_yes(ents, caplog):
    """In production a misspelt key refuses, and the log names the nearest one, once in a while."""
    for _ in range(5):
        assert not ents.check("cus_1", "export")
    assert [record.message for record in caplog.records if "no feature has" in record.message] == [
        "no feature has the lookup key 'export'; did you mean 'exports'?"
    ]


def test_an_archived_key_that_is_held_is_never_unknown(clock):
    """What a customer holds is held, whatever the catalogue says."""
    shop = Shop()
    shop.contents = Contents.of({"exports": [PRO]})
    with Entitlements(source=shop, clock=clock, strict=True) as ents:
        assert ents.has_feature("cus_1", "old")
        assert shop.loads == 0


def test_a_key_newer_than_the_catalogue_is_looked_up_again_before_anybody_complains(shop, clock):
    """A feature made a minute ago isn't called unknown because the catalogue is two minutes old."""
    with Entitlements(source=shop, clock=clock, strict=True) as ents:
        ents.check("cus_1", "exports")
        shop.contents = Contents.of({"exports": [PRO], "brand_new": [TEAM]})
        clock.tick(60)
        assert ents.check("cus_1", "brand_new").unlock_with == (TEAM,)


def test_strict_mode_is_on_for_a_stripe_on_this_machine(shop):
    """Against the emulator a typo is an error without being asked for; against Stripe it is not."""
    with (
        Entitlements(source=shop, api_base="http://127.0.0.1:9") as local,
        Entitlements(source=shop, api_base="http://localhost:9", strict=False) as lenient,
        Entitlements(source=shop) as remote,
    ):
        with pytest.raises(UnknownFeature):
            local.check("cus_1", "export")
        assert not lenient.check("cus_1", "export")
        assert not remote.check("cus_1", "export")
