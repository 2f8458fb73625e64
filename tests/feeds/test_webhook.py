"""Webhooks as hints: authentic ones raise a fence; everything else raises one documented error and changes nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import time

import pytest
from controlled import Clock, Truth
from hypothesis import given, settings
from hypothesis import strategies as st
from signed import SECRET, event, signature

from entitlements import Entitlements, InvalidSettings, Reason, SignatureError, Source

OLD = "whsec_old"


@pytest.fixture(name="truth")
def _truth() -> Truth:
    return Truth({"cus_1": {"exports"}, "cus_2": {"exports"}})


@pytest.fixture(name="ents")
def _ents(truth: Truth):
    with Entitlements("sk_test_1", source=truth, webhook_secrets=[SECRET, OLD]) as ents:
        ents.has_feature("cus_1", "exports")
        yield ents


def unchanged(ents: Entitlements) -> bool:
    return ents.check("cus_1", "exports").source is Source.CACHED


def test_an_authentic_event_raises_the_fence_of_its_customer(ents, truth):
    """From the moment handle_webhook returns, nothing fetched before it answers; other customers are not touched."""
    ents.has_feature("cus_2", "exports")
    truth.held["cus_1"] = set()
    payload = event()
    result = ents.handle_webhook(payload, signature(payload))
    assert (result.event_id, result.type, result.customer) == (
        "evt_1",
        "entitlements.active_entitlement_summary.updated",
        "cus_1",
    )
    assert ents.has_feature("cus_1", "exports") is False
    assert ents.check("cus_2", "exports").source is Source.CACHED


def test_its_token_asks_for_something_newer(ents, truth):
    """The result's token, given as `after=`, rests on a fetch begun after the event arrived."""
    payload = event()
    token = ents.handle_webhook(payload, signature(payload)).token
    assert ents.check("cus_1", "exports", after=token).source is Source.FETCHED


def test_r80_no_call_is_made_upstream(ents, truth):
    """The handler answers at once: it asks nobody."""
    payload = event()
    ents.handle_webhook(payload, signature(payload))
    assert truth.calls == ["cus_1"]


def test_r32_a_customer_with_eleven_features_loses_none(truth):
    """The event carries ten and says that there are more; what it carries is never used."""
    eleven = {f"feature_{n}" for n in range(11)}
    truth.held["cus_1"] = eleven
    ten = [{"lookup_key": key, "livemode": False} for key in sorted(eleven)[:10]]
    payload = event(
        data={"object": {"customer": "cus_1", "entitlements": {"object": "list", "data": ten, "has_more": True}}}
    )
    with Entitlements("sk_test_1", source=truth, webhook_secrets=[SECRET]) as ents:
        ents.handle_webhook(payload, signature(payload))
        assert ents.for_customer("cus_1").pinned() == eleven


@pytest.mark.parametrize(
    ("type", "concerned", "customer"),
    [
        ("customer.subscription.created", {"customer": "cus_1"}, "cus_1"),
        ("customer.subscription.paused", {"customer": {"id": "cus_1", "object": "customer"}}, "cus_1"),
        ("customer.subscription.updated", {"customer": None, "customer_account": "acct_9"}, None),
        ("customer.deleted", {"id": "cus_1"}, "cus_1"),
        ("customer.created", {"id": "cus_1"}, "cus_1"),
        ("customer.updated", {"id": "cus_1"}, None),
        ("product.updated", {"id": "prod_1"}, None),
        ("invoice.paid", {"customer": "cus_1"}, None),
        ("v1.entitlements.active_entitlement_summary.updated", ..., None),
    ],
)
def test_r84_who_is_concerned(ents, type, concerned, customer):
    """Whatever may have changed somebody's access raises their fence; R46: a pause sends no summary event."""
    payload = event(type, data=... if concerned is ... else {"object": concerned})
    assert ents.handle_webhook(payload, signature(payload)).customer == customer
    assert unchanged(ents) is (customer is None)


def test_r30_r31_events_commute(ents, truth):
    """Whatever order events come in, twice or with one stamp, the list decides, and it decides the same."""
    events = [event(id=f"evt_{n}", created=1_795_000_000 + n // 2) for n in range(3)]
    for order in itertools.permutations([*events, events[0]]):
        truth.held["cus_1"] = {"sso"}
        for payload in order:
            ents.handle_webhook(payload, signature(payload))
        assert ents.for_customer("cus_1").pinned() == {"sso"}


def test_r81_a_rolled_secret_is_good_as_long_as_it_is_given(ents):
    """Several secrets: an event signed with any of them is authentic."""
    payload = event()
    assert ents.handle_webhook(payload, signature(payload, secret=OLD)).customer == "cus_1"


def test_a_live_feed_lets_a_snapshot_refuse_for_its_whole_ttl(truth):
    """Once webhooks are known to arrive, an older refusal is not verified; when none came for an hour, it is."""
    clock = Clock()
    truth.held["cus_1"] = set()
    with Entitlements("sk_test_1", source=truth, webhook_secrets=[SECRET], clock=clock) as ents:
        assert not ents.stats().live_feed
        payload = event(data={"object": {"customer": "cus_2"}})
        ents.handle_webhook(payload, signature(payload))
        assert ents.stats().live_feed
        ents.check("cus_1", "exports")
        clock.tick(200)
        assert ents.check("cus_1", "exports").source is Source.CACHED
    assert truth.calls == ["cus_1"]


@pytest.mark.parametrize(
    ("livemode", "account", "reached"),
    [(False, None, True), (True, None, False), (False, "acct_1", False)],
)
def test_r09_r34_an_event_reaches_its_own_account_and_mode_only(ents, livemode, account, reached):
    """A live event, or a connected account's, says nothing about a test customer of the same name."""
    payload = event(livemode=livemode, account=account or ...)
    ents.handle_webhook(payload, signature(payload))
    assert unchanged(ents) is not reached


def test_an_event_reaches_the_instance_of_its_account(truth):
    """One Connect endpoint serves every account: the fence that is raised is the named account's."""
    with (
        Entitlements("sk_test_1", source=Truth({"cus_1": set()}), webhook_secrets=[SECRET]) as platform,
        Entitlements("sk_test_1", source=truth, stripe_account="acct_1") as connected,
    ):
        connected.has_feature("cus_1", "exports")
        payload = event(account="acct_1")
        platform.handle_webhook(payload, signature(payload))
        assert connected.check("cus_1", "exports").source is Source.FETCHED


def test_an_event_without_an_account_reaches_the_platform_and_the_connected_account(truth):
    """R38: an instance for a connected account may be handed its platform's events: both fences are raised."""
    with (
        Entitlements("sk_test_1", source=truth) as platform,
        Entitlements(
            "sk_test_1", source=Truth({"cus_1": {"exports"}}), stripe_account="acct_1", webhook_secrets=[SECRET]
        ) as connected,
    ):
        for ents in (platform, connected):
            ents.has_feature("cus_1", "exports")
        payload = event()
        connected.handle_webhook(payload, signature(payload))
        for ents in (platform, connected):
            assert ents.check("cus_1", "exports").source is Source.FETCHED


def test_an_event_about_nobody_s_access_is_no_live_feed(truth):
    """An endpoint that isn't subscribed to what changes access doesn't vouch for refusals."""
    with Entitlements("sk_test_1", source=truth, webhook_secrets=[SECRET]) as ents:
        payload = event("product.updated", data={"object": {"id": "prod_1"}})
        ents.handle_webhook(payload, signature(payload))
        assert not ents.stats().live_feed


# --- what can't be trusted or read -----------------------------------------------------------------------------------

NOW = time.time()
GOOD = event()

FORGERIES = {
    "no header": (GOOD, ""),
    "no scheme": (GOOD, "nonsense"),
    "no signature": (GOOD, f"t={int(NOW)}"),
    "another secret": (GOOD, signature(GOOD, secret="whsec_other")),
    "another body": (GOOD + b" ", signature(GOOD)),
    "only v0": (GOOD, signature(GOOD).replace("v1=", "v0=")),
    "non-ASCII": (GOOD, f"t={int(NOW)},v1=é"),
    "non-ASCII before a good one": (GOOD, signature(GOOD).replace("v1=", "v1=é,v2=")),
    "a hundred thousand signatures": (GOOD, f"t={int(NOW)}" + ",v1=00" * 100_000),
    "seventeen, the last one good": (GOOD, f"t={int(NOW)}" + ",v1=00" * 16 + "," + signature(GOOD).split(",")[1]),
    "too old": (GOOD, signature(GOOD, at=NOW - 301)),
    "years ahead": (GOOD, signature(GOOD, at=NOW + 10 * 365 * 86_400)),
    "an absurd time": (GOOD, "t=" + "9" * 400 + ",v1=00"),
    "no time": (GOOD, signature(GOOD).split(",")[1]),
    "two times": (GOOD, f"t=1,{signature(GOOD)}"),
    "text for a body": (GOOD.decode(), signature(GOOD)),
    "no body": (None, signature(GOOD)),
    "a header of bytes beyond the cap": (GOOD, b"t=1," + b"v" * 10_000),
    "a number for a header": (GOOD, 7),
}

BODIES = {
    "null": b"null",
    "a number": b"1",
    "a list": b"[]",
    "text": b'"evt_1"',
    "two hundred thousand levels": b"[" * 200_000,
    "levels inside an event": b'{"id":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "a number of five thousand digits": b'{"id":' + b"9" * 5_000 + b"}",
    "bad UTF-8": b'{"id":"\xff"}',
    "not JSON": b"id=evt_1",
    "empty": b"",
    "a name twice": b'{"id":"evt_1","id":"evt_2"}',
    "not a number": b'{"id":NaN}',
    "too large": b'{"id":"' + b"x" * 300_000 + b'"}',
    "no id": event(id=...),
    "no type": event(type=...) if False else json.dumps({"id": "evt_1", "livemode": False}).encode(),
    "no livemode": event(livemode=...),
    "a livemode of text": event(livemode="false"),
    "no data": event(data=...),
    "no object": event(data={}),
    "data of text": event(data="x"),
    "no customer": event(data={"object": {}}),
    "a customer that is a number": event(data={"object": {"customer": 7}}),
    "a customer without an id": event(data={"object": {"customer": {}}}),
    "an endless customer": event(data={"object": {"customer": "c" * 256}}),
}


def test_r106_a_message_quotes_an_event_in_one_short_line(ents):
    """What the body says of itself is shown shortened, and begins no line of its own in a log."""
    payload = event("customer.subscription.\r\nERROR" + "x" * 100_000, data={"object": {}})
    with pytest.raises(SignatureError) as raised:
        ents.handle_webhook(payload, signature(payload))
    assert str(raised.value) == (
        "the event 'customer.sub...xxxxxxxxxxxxx' names no customer: is this one of Stripe's events?"
    )


@pytest.mark.parametrize("case", FORGERIES)
def test_r33_what_isn_t_signed_changes_nothing(ents, case):
    """I12: a forgery raises SignatureError, whatever is wrong with it, and raises no fence."""
    payload, header = FORGERIES[case]
    with pytest.raises(SignatureError):
        ents.handle_webhook(payload, header)
    assert unchanged(ents)
    assert not ents.stats().live_feed


@pytest.mark.parametrize("case", BODIES)
def test_r93_what_is_signed_but_no_event_changes_nothing(ents, case):
    """A body that is no event raises SignatureError, though its signature be good."""
    with pytest.raises(SignatureError):
        ents.handle_webhook(BODIES[case], signature(BODIES[case]))
    assert unchanged(ents)


def test_a_hostile_header_is_refused_quickly(ents):
    """R94: a hundred thousand signatures cost no hundred thousand comparisons."""
    payload, header = FORGERIES["a hundred thousand signatures"]
    began = time.perf_counter()
    for _ in range(100):
        with pytest.raises(SignatureError):
            ents.handle_webhook(payload, header)
    assert time.perf_counter() - began < 1


@given(st.binary(max_size=200), st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_only_signature_error_is_raised(payload, header):
    """I12: unauthenticated input has one way out."""
    with Entitlements("sk_test_1", source=Truth(), webhook_secrets=[SECRET]) as ents, pytest.raises(SignatureError):
        ents.handle_webhook(payload, header)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["id", "type", "livemode", "data", "object", "customer", "account"]), inner
            )
        ),
        max_leaves=20,
    )
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_signed_is_an_event_or_a_signature_error(body):
    """A signed body of any shape is read as an event or refused, and never anything else."""
    payload = json.dumps(body).encode()
    with Entitlements("sk_test_1", source=Truth(), webhook_secrets=[SECRET]) as ents:
        try:
            result = ents.handle_webhook(payload, signature(payload))
        except SignatureError:
            return
        assert isinstance(body, dict)
        assert result.type == body["type"]


def test_without_a_secret_no_webhook_is_trusted(truth):
    """An instance that was told no secret says so."""
    with Entitlements("sk_test_1", source=truth) as ents, pytest.raises(SignatureError, match="webhook_secrets"):
        ents.handle_webhook(GOOD, signature(GOOD))


@pytest.mark.parametrize("secrets", [[""], ["  "], "whsec_1", [None], [7], {"whsec_1"}])
def test_a_secret_that_anybody_could_guess_is_refused_at_the_start(secrets):
    """R33: an empty secret would let anybody sign; a lone string would be taken for a list of letters."""
    with pytest.raises(InvalidSettings):
        Entitlements("sk_test_1", webhook_secrets=secrets)


def test_the_a_twin_does_the_same(ents):
    """Awaited, it raises the same fence and the same error."""
    payload = event()
    assert asyncio.run(ents.ahandle_webhook(payload, signature(payload))).customer == "cus_1"
    with pytest.raises(SignatureError):
        asyncio.run(ents.ahandle_webhook(payload, ""))
    assert ents.check("cus_1", "exports").reason is Reason.ENTITLED
