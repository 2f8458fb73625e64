"""Bad input: a clear typed error that names the value, the rule and the next step, before any I/O; nothing is lost."""

from __future__ import annotations

import asyncio
import threading
import traceback

import pytest
from controlled import Truth
from hostile_values import Mixed
from hypothesis import given, settings
from hypothesis import strategies as st

from entitlements import Entitlements, FeatureClass, Freshness, InvalidInput, InvalidSettings, Limits

BAD_CUSTOMERS = {
    "none": None,
    "empty": "",
    "blank": "   ",
    "a number": 123,
    "true": True,
    "bytes": b"cus_1",
    "a list": ["cus_1"],
    "a dict": {"id": "cus_1"},
    "a control character": "cus_1\n",
    "NUL": "cus_\x001",
    "a space inside": "cus 1",
    "over-long": "c" * 256,
    "invisible": "cus_1\u200b",
    "a lone surrogate": "cus_\ud800",
    "a step up the path": "..",
    "an object without an id": object(),
}
BAD_FEATURES = {
    "none": None,
    "empty": "",
    "a number": 7,
    "a list": ["exports"],
    "a control character": "exp\torts",
    "surrounded by spaces": " exports ",
    "over-long": "f" * 81,
}


HUGE = pytest.param(10**5_000, id="too long to be written down")


class Org:
    def __init__(self, stripe_customer_id: object) -> None:
        self.stripe_customer_id = stripe_customer_id


@pytest.fixture(name="truth")
def _truth() -> Truth:
    return Truth({"cus_1": {"exports"}})


@pytest.fixture(name="ents")
def _ents(truth: Truth):
    with Entitlements(source=truth) as ents:
        yield ents


ASKING = {
    "has_feature": lambda ents, customer: ents.has_feature(customer, "exports"),
    "check": lambda ents, customer: ents.check(customer, "exports"),
    "require": lambda ents, customer: ents.require(customer, "exports"),
    "invalidate": lambda ents, customer: ents.invalidate(customer),
    "refresh": lambda ents, customer: ents.refresh(customer),
    "for_customer": lambda ents, customer: ents.for_customer(customer),
    "ahas_feature": lambda ents, customer: asyncio.run(ents.ahas_feature(customer, "exports")),
    "acheck": lambda ents, customer: asyncio.run(ents.acheck(customer, "exports")),
    "arequire": lambda ents, customer: asyncio.run(ents.arequire(customer, "exports")),
    "ainvalidate": lambda ents, customer: asyncio.run(ents.ainvalidate(customer)),
    "arefresh": lambda ents, customer: asyncio.run(ents.arefresh(customer)),
}


@pytest.mark.parametrize("method", ASKING)
@pytest.mark.parametrize("case", BAD_CUSTOMERS)
def test_r11_r12_a_bad_customer_is_named_before_anybody_is_asked(ents, truth, method, case):
    """What can't be a customer's id raises InvalidInput from every method, warm or cold, with no call to anybody."""
    with pytest.raises(InvalidInput) as error:
        ASKING[method](ents, BAD_CUSTOMERS[case])
    assert isinstance(error.value, ValueError)
    assert "cus_123" in str(error.value)
    assert "\n" not in str(error.value)
    assert truth.calls == []


@pytest.mark.parametrize("case", [7, b"cus_1", "cus 1", "c" * 256, True, HUGE])
def test_an_object_that_carries_a_bad_id_is_as_bad(ents, truth, case):
    """The id inside an object is held to the same rules."""
    with pytest.raises(InvalidInput):
        ents.has_feature(Org(case), "exports")
    assert truth.calls == []


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("case", BAD_FEATURES)
def test_a_bad_feature_is_named_whether_the_customer_is_warm_or_not(ents, truth, case, warm):
    """What can't be a lookup key raises InvalidInput, and is never simply not held."""
    if warm:
        ents.has_feature("cus_1", "exports")
    for ask in (ents.has_feature, ents.check, ents.require, lambda c, f: ents.for_customer(c).check(f)):
        with pytest.raises(InvalidInput, match="exports"):
            ask("cus_1", BAD_FEATURES[case])
    assert truth.calls == ["cus_1"] * warm


@pytest.mark.parametrize(
    "token", ["", "x", "é", "A" * 22, "A" * 24, "AYjB", "=" * 23, 7, b"AYjBWYXBUdkaAAACFBtP5dM", HUGE]
)
def test_a_malformed_token_is_named(ents, truth, token):
    """A freshness token that isn't one raises InvalidInput; it never means "anything will do"."""
    with pytest.raises(InvalidInput, match="after="):
        ents.check("cus_1", "exports", after=token)
    assert truth.calls == []


@pytest.mark.parametrize("between", ["\n", " ", "!", "=", "é", "A"])
def test_a_token_has_one_spelling(ents, truth, between):
    """What merely decodes to a token isn't one: nothing between its letters, after them, or in the bits to spare."""
    token = ents.invalidate("cus_1")
    spare = token[:-1] + chr(ord(token[-1]) + 1)
    for odd in (token[:5] + between + token[5:], token + between, spare):
        with pytest.raises(InvalidInput, match="after="):
            ents.check("cus_1", "exports", after=odd)
    assert truth.calls == []


def test_r55_a_key_in_a_wrong_place_is_not_quoted(ents):
    """Whoever mixes up arguments doesn't find the key in the message."""
    for call in (
        lambda: ents.check("cus_1", "exports", after="sk_live_CANARY"),
        lambda: Entitlements("sk_test_1", strict="sk_live_CANARY"),
        lambda: Entitlements("sk_test_1", source="sk_live_CANARY"),
        lambda: Entitlements("sk_test_1", feature_classes={"sk_live_CANARY": "very strict"}),
        lambda: Freshness(ttl="sk_live_CANARY"),
    ):
        with pytest.raises(InvalidInput, match="sk_live_…") as error:
            call()
        assert "CANARY" not in str(error.value)


def test_fresh_and_after_are_not_given_together(ents):
    """The two say different things."""
    with pytest.raises(InvalidInput, match="fresh=True and after="):
        ents.check("cus_1", "exports", fresh=True, after=ents.invalidate("cus_1"))


def test_a_token_from_another_boot_or_the_future_asks_for_a_fetch_begun_now(ents, truth):
    """Moments that can't be compared are answered by a new fetch, not by trust."""
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    raw = bytearray(urlsafe_b64decode(ents.check("cus_1", "exports").token + "="))
    raw[3] ^= 0xFF
    elsewhere = urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert ents.check("cus_1", "exports", after=elsewhere).source == "fetched"
    assert ents.check("cus_1", "exports", after=elsewhere).source == "fetched"


@given(st.text(max_size=300) | st.integers() | st.binary(max_size=20) | st.none() | st.floats() | st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_is_given_for_a_customer_is_asked_about_or_refused(customer):
    """Any value is a usable id or an InvalidInput; nothing else is raised, and nothing is let in."""
    truth = Truth()
    with Entitlements(source=truth) as ents:
        try:
            assert ents.has_feature(customer, "exports") is False
        except InvalidInput:
            assert truth.calls == []
        else:
            assert truth.calls == [customer]


def test_a_bad_question_harms_no_good_one(ents):
    """Errors in some threads leave the answers of the others as they are."""
    answers: list[bool] = []

    def ask(number: int) -> None:
        try:
            answers.append(ents.has_feature("cus_1" if number % 2 else None, "exports"))
        except InvalidInput:
            answers.append(True)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 20


class Undecided:
    """Something that can be neither judged nor shown, such as an object that isn't loaded."""

    def __bool__(self):
        raise RuntimeError("neither true nor false")

    __repr__ = __eq__ = __bool__
    __hash__ = object.__hash__


UNDECIDED = Undecided()


# --- settings --------------------------------------------------------------------------------------------------------

BAD_SETTINGS = {
    "no key anywhere": ({"api_key": None}, "STRIPE_API_KEY"),
    "a publishable key": ({"api_key": "pk_test_1"}, "sk_ or rk_"),
    "a webhook secret for a key": ({"api_key": "whsec_1"}, "sk_ or rk_"),
    "a key with a space": ({"api_key": "sk_test_1 "}, "without spaces"),
    "a blank key": ({"api_key": " "}, "blank"),
    "a number for a key": ({"api_key": 7}, "int"),
    "a key with a newline": ({"api_key": "sk_test_1\n"}, "control characters"),
    "plain http to elsewhere": ({"api_base": "http://stripe.example"}, "in clear"),
    "no URL": ({"api_base": "api.stripe.com"}, "not an http address"),
    "another scheme": ({"api_base": "ftp://api.stripe.com"}, "not an http address"),
    "a bad port": ({"api_base": "https://api.stripe.com:port"}, "not an address"),
    "credentials in the URL": ({"api_base": "https://user:pass@api.stripe.com"}, "credentials"),
    "a query in the URL": ({"api_base": "https://api.stripe.com?x=1"}, "credentials"),
    "an account that is none": ({"stripe_account": "cus_1"}, "acct_"),
    "one secret for several": ({"webhook_secrets": "whsec_1"}, "must be a list"),
    "an empty secret": ({"webhook_secrets": ["whsec_1", ""]}, "blank"),
    "an unknown source": ({"source": "cache"}, "'stripe'"),
    "a source that can't fetch": ({"source": object()}, "fetch"),
    "freshness of another kind": ({"freshness": 300}, "Freshness"),
    "limits of another kind": ({"limits": {"customers": 1}}, "Limits"),
    "an unknown class": ({"feature_classes": {"payouts": "very strict"}}, "strict, standard, lenient"),
    "a class for no key": ({"feature_classes": {"": "strict"}}, "feature_classes"),
    "a clock that can't be read": ({"clock": 12.5}, "function"),
    "a strictness of text": ({"strict": "yes"}, "True or False"),
    "an endless account": ({"stripe_account": "acct_" + "1" * 300}, "acct_"),
    "classes in a list": ({"feature_classes": ["payouts"]}, "give a dict"),
    "a class in a list": ({"feature_classes": {"payouts": ["strict"]}}, "strict, standard, lenient"),
    "an account that no header can carry": ({"stripe_account": "acct_日本"}, "plain ASCII"),
    "a false list of secrets": ({"webhook_secrets": 0}, "must be a list"),
    "an empty user in the URL": ({"api_base": "https://@api.stripe.com"}, "credentials"),
    "credentials in what is no URL": ({"api_base": "https://user:pass@api.stripe.com:port"}, "credentials"),
    "an empty query in the URL": ({"api_base": "https://api.stripe.com?"}, "credentials"),
    "an empty fragment in the URL": ({"api_base": "https://api.stripe.com#"}, "credentials"),
    "more than an address in brackets": ({"api_base": "http://[::1].."}, "not an http address"),
    "no address in brackets": ({"api_base": "https://[v1.x]"}, "not an http address"),
    "a port of nought": ({"api_base": "https://api.stripe.com:0"}, "not an http address"),
}


UNSHOWABLE = {
    "secrets that are neither true nor false": ({"webhook_secrets": UNDECIDED}, "must be a list"),
    "classes that are neither true nor false": ({"feature_classes": UNDECIDED}, "give a dict"),
    "a class that can't be shown": ({"feature_classes": {"payouts": UNDECIDED}}, "<Undecided>"),
    "a strictness that can't be shown": ({"strict": UNDECIDED}, "<Undecided>"),
    "a strictness without end": ({"strict": 10**5_000}, "<int>"),
}


@pytest.mark.parametrize("case", UNSHOWABLE)
def test_a_setting_that_can_not_even_be_shown_is_named(case):
    """What can be neither judged nor written down is refused like anything else that isn't a setting."""
    options, message = UNSHOWABLE[case]
    with pytest.raises(InvalidSettings, match=message):
        Entitlements("sk_test_1", **options)


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_a_wrong_setting_is_named_with_what_is_accepted(monkeypatch, case):
    """A setting that can't be right is refused at the start, and the message says where it came from."""
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    options, message = BAD_SETTINGS[case]
    with pytest.raises(InvalidSettings, match=message):
        Entitlements(**{"api_key": "sk_test_1", **options})


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("STRIPE_API_KEY", "pk_live_1", "STRIPE_API_KEY"),
        ("STRIPE_API_BASE", "stripe", "STRIPE_API_BASE"),
        ("STRIPE_ACCOUNT", "account", "STRIPE_ACCOUNT"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1,,whsec_2", "a webhook secret"),
    ],
)
def test_r91_a_wrong_variable_is_named(monkeypatch, variable, value, message):
    """The environment is held to the same rules, and the message names the variable."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=message):
        Entitlements()


def test_settings_come_from_arguments_and_else_from_the_environment(monkeypatch):
    """An argument outranks its variable; a blank variable is as good as none."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_1")
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:12111/")
    monkeypatch.setenv("STRIPE_ACCOUNT", "")
    with Entitlements() as read, Entitlements("rk_live_1", api_base="https://api.stripe.com") as given:
        assert repr(read) == "Entitlements(api_base='http://127.0.0.1:12111', scope='self/test')"
        assert repr(given) == "Entitlements(api_base='https://api.stripe.com', scope='self/live')"


@pytest.mark.parametrize("name", ["ttl", "max_stale", "negative_ttl", "settle_ttl", "unsynced_ttl"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "300", None, True, 10**400, HUGE])
def test_an_age_that_can_t_be_one_is_named(name, value):
    """Ages are finite numbers of seconds above zero."""
    with pytest.raises(InvalidSettings, match=rf"Freshness\.{name} is "):
        Freshness(**{name: value})


@pytest.mark.parametrize("name", ["stale_while_revalidate", "stale_if_error", "settle", "recheck_denial_after"])
def test_a_window_may_be_zero_and_not_less(name):
    """A window of zero turns it off."""
    assert getattr(Freshness(**{name: 0}), name) == 0
    with pytest.raises(InvalidSettings, match="not below 0"):
        Freshness(**{name: -0.1})


def test_nothing_lives_longer_than_the_ceiling():
    """A ttl above max_stale is a contradiction, and is said to be one."""
    with pytest.raises(InvalidSettings, match="above max_stale"):
        Freshness(ttl=100_000)


@pytest.mark.parametrize("name", ["customers", "fetch_threads", "fetches_waiting"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", None, True, float("inf"), 10**400, HUGE])
def test_a_limit_that_can_t_be_one_is_named(name, value):
    """Limits are whole numbers above zero."""
    with pytest.raises(InvalidSettings, match=rf"Limits\.{name} is "):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["requests_per_second", "deadline", "brief_deadline"])
@pytest.mark.parametrize("value", [0, -1, "2", None, True, float("nan"), 10**10])
def test_a_rate_or_deadline_that_can_t_be_one_is_named(name, value):
    """Rates and deadlines are finite numbers above zero."""
    with pytest.raises(InvalidSettings, match=rf"Limits\.{name} is "):
        Limits(**{name: value})


def test_a_feature_class_may_be_given_by_name(ents):
    """Text and enum mean the same."""
    with Entitlements(source=Truth(), feature_classes={"a": "strict", "b": FeatureClass.LENIENT}) as named:
        assert named._core.settings.feature_classes == {"a": FeatureClass.STRICT, "b": FeatureClass.LENIENT}


def test_an_enum_s_member_is_the_text_it_holds(monkeypatch):
    """Settings kept as constants mean their values, which print as their names: keys, accounts, secrets and all."""
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    with Entitlements(
        Mixed.KEY,
        api_base=Mixed.BASE,
        stripe_account=Mixed.ACCOUNT,
        webhook_secrets=[Mixed.SECRET],
        feature_classes={Mixed.FEATURE: Mixed.STRICT},
    ) as ents:
        settings = ents._core.settings
    assert (settings.scope, settings.api_base) == ("acct_1/test", "https://api.stripe.com")
    assert str(settings.api_key.bearer()) == "Bearer sk_test_1"
    assert [secret.reveal() for secret in settings.webhook_secrets] == ["whsec_1"]
    assert settings.feature_classes == {"exports": FeatureClass.STRICT}
    assert {type(text) for text in (settings.api_base, settings.stripe_account, settings.api_key.reveal())} == {str}


@pytest.mark.parametrize("case", BAD_SETTINGS)
def test_r55_no_frame_of_a_settings_error_shows_a_secret(monkeypatch, case):
    """A traceback shown with its locals, as error reports are, holds neither the key nor a webhook's secret."""
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_CANARY")
    options, _ = BAD_SETTINGS[case]
    options = {name: value for name, value in options.items() if value is not None}
    with pytest.raises(InvalidSettings) as error:
        _made({"api_key": "sk_test_CANARY", "webhook_secrets": ["whsec_CANARY"], **options, "strict": 1})
    frames = traceback.TracebackException.from_exception(error.value, capture_locals=True).stack
    ours = [frame for frame in frames if "entitlements" in frame.filename and "tests" not in frame.filename]
    assert ours
    assert "CANARY" not in repr([frame.locals for frame in ours])


def _made(options: dict[str, object]) -> Entitlements:
    return Entitlements(**options)
