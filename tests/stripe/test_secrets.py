from __future__ import annotations

import copy
import gc
import http.client
import itertools
import logging
import pickle
import traceback

import pytest
import requests
from wire_server import Answer, Cut, Drip, Hang, Reset, WireServer, page
from wire_stripe import entitlement, feature, tls

from entitlements import Entitlements
from entitlements.clocks import Deadline
from entitlements.errors import InvalidSettings, SignatureError, StripeError
from entitlements.stripe import Stripe
from entitlements.stripe.http import Http
from entitlements.stripe.ids import shown
from entitlements.stripe.secret import Secret, scrub
from entitlements.stripe.signature import verify

CANARY = "kanarienvogel4711"
KEY = f"sk_test_{CANARY}"

ECHO = {"error": {"type": f"type {KEY}", "code": f"code-{KEY}", "message": f"Bad key: {KEY}, {KEY}", "param": KEY}}
FAILURES = {
    "refused": Answer({"error": {"type": "invalid_request_error", "message": "No."}}, status=400),
    "echoed": Answer(ECHO, status=401, headers={"Request-Id": KEY, "Stripe-Rate-Limited-Reason": KEY}),
    "echoed in 429": Answer(ECHO, status=429, headers={"Request-Id": KEY, "Stripe-Rate-Limited-Reason": KEY}),
    "redirect": Answer({}, status=302, headers={"Location": f"/{KEY}"}),
    "html": Answer(b"<html>", headers={"Request-Id": KEY}),
    "malformed": Answer(page(entitlement(id=7))),
    "reset": Reset(),
    "cut": Cut(Answer(page()), 3),
    "hang": Hang(),
    "drip": Drip(Answer(page())),
}


def frames_of(error):
    """Format a traceback with every frame's locals, but for those of this file, which know the key."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames.stack = traceback.StackSummary.from_list([each for each in frames.stack if each.filename != __file__])
    return "".join(frames.format(chain=True))


def everything_of(error):
    """Walk an exception, all it is chained to, all it carries, and every frame's locals."""
    yield frames_of(error)
    todo, seen = [error], set()
    while todo:
        each = todo.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield f"{each!r} {each} {each.args!r} {vars(each)!r}"
        yield repr(pickle.loads(pickle.dumps(each)).__dict__)
        todo += [each.__cause__, each.__context__]
        assert each.__context__ is None  # the exception of the HTTP library carries the request


@pytest.mark.parametrize("key", [KEY, CANARY])
@pytest.mark.parametrize("failure", FAILURES)
def test_no_failure_shows_the_key(server, caplog, capsys, failure, key):
    """R55: text, attributes, chained exceptions, tracebacks with locals, pickles and DEBUG logs hold no key."""
    caplog.set_level(logging.DEBUG)
    server.always(FAILURES[failure])
    with Stripe(key, api_base=server.url, max_retries=1) as stripe:
        with pytest.raises(StripeError) as raised:
            stripe.active_entitlements.list("cus_1", deadline=Deadline.after(0.3))
        assert server.requests[0].headers["authorization"] == f"Bearer {key}"
        shown = [*everything_of(raised.value), caplog.text, *map(repr, caplog.records), *capsys.readouterr()]
    assert not [text for text in shown if CANARY in text]
    assert caplog.records


@pytest.mark.parametrize("key", [KEY, CANARY])
@pytest.mark.parametrize("room", [0, 1, 12, 16])
def test_a_key_that_is_echoed_where_a_text_is_cut_is_masked_whole(server, key, room):
    """Texts from an answer are cut at 500 characters: no beginning of the key stays in front of the cut."""
    said = "x" * (499 - room) + " " + key
    server.always(Answer({"error": {"message": said}}, status=400))
    with Stripe(key, api_base=server.url, max_retries=0) as stripe, pytest.raises(StripeError) as raised:
        stripe.products.list()
    assert "kan" not in str(raised.value)


ECHOES = {
    "in a list's mode": page(livemode=KEY),
    "in an item's mode": page(entitlement(livemode=KEY)),
    "as a name in metadata": page(feature(metadata={KEY: 1})),
    "as a name within an expanded feature": page(entitlement(feature=feature(metadata={KEY: 1}))),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_no_answer_that_echoes_the_key_is_quoted(server, echo):
    """What is wrong with an answer is told by place and rule, in no word of its own."""
    server.always(Answer(ECHOES[echo]))
    with Stripe(KEY, api_base=server.url, max_retries=0) as stripe:
        for call in (lambda: stripe.active_entitlements.list("cus_1"), stripe.features.list):
            with pytest.raises(StripeError) as raised:
                call()
            assert CANARY not in "".join(everything_but_frames_of(raised.value))


def everything_but_frames_of(error):
    """Leave the frames out: they hold the answer itself."""
    return itertools.islice(everything_of(error), 1, None)


def test_a_tls_failure_shows_no_key(caplog):
    """R55: nor does one that happens before anything was sent."""
    caplog.set_level(logging.DEBUG)
    with (
        WireServer(tls=tls()) as server,
        Stripe(KEY, api_base=server.url) as stripe,
        pytest.raises(StripeError) as raised,
    ):
        stripe.products.list()
    assert not [text for text in [*everything_of(raised.value), caplog.text] if CANARY in text]


def test_frames_below_ours_show_no_key(server, monkeypatch):
    """R55: when something unforeseen passes through the HTTP library's frames, their locals show a masked header."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(http.client.HTTPConnection, "endheaders", interrupted)
    stripe = Stripe(KEY, api_base=server.url)
    with pytest.raises(KeyboardInterrupt) as raised:
        stripe.products.list()
    assert "Bearer …" in frames_of(raised.value)
    assert CANARY not in frames_of(raised.value)


def test_the_client_and_its_parts_print_masked(server):
    """R55: whatever is printed of a client, the key isn't."""
    stripe = Stripe(KEY, api_base=server.url)
    stripe.features, stripe.subscriptions  # noqa: B018 - made when first asked for
    assert repr(stripe) == str(stripe) == f"Stripe({server.url!r}, Secret('sk_test_…'))"
    assert CANARY not in f"{vars(stripe)} {vars(stripe._http)} {stripe.features}"


@pytest.mark.parametrize("holder", [Stripe(KEY), Http(KEY), Secret(KEY)])
def test_what_holds_a_key_does_not_pickle(holder):
    """R55: a key never ends up in a queue, a cache or a session by way of pickle."""
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(holder)


def test_a_secret_shows_its_prefix_at_most():
    """R55: repr, str and format are masked; comparing and copying work."""
    shown = [f"{Secret(value)!r} {Secret(value)}" for value in (KEY, f"whsec_{CANARY}", CANARY)]
    assert shown == [" ".join([f"Secret('{prefix}…')"] * 2) for prefix in ("sk_test_", "whsec_", "")]
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert (copy.copy(secret), copy.deepcopy(secret), Secret.wrapped(secret)) == (secret, secret, secret)
    assert (secret == Secret(KEY), secret == Secret("x"), secret == KEY, hash(secret) == hash(Secret(KEY))) == (
        True,
        False,
        False,
        True,
    )
    assert [bool(Secret(value)) for value in ("", "  ", "x")] == [False, False, True]


@pytest.mark.parametrize(
    ("key", "livemode"),
    [("sk_test_1", False), ("rk_test_1", False), ("sk_live_1", True), ("rk_live_1", True), ("other", None), ("", None)],
)
def test_a_key_tells_its_mode(key, livemode):
    """The mode is read from the key's prefix; a prefix that says nothing is not guessed about."""
    assert Secret(key).livemode is livemode


@pytest.mark.parametrize(
    "key", ["", "  ", f"{KEY} ", f"{KEY}\n", f"{KEY}\r\nX: y", f"{KEY}\x00", f"{KEY}ü", None, 5, KEY.encode(), True]
)
@pytest.mark.parametrize("kind", [Stripe, Http])
def test_a_key_that_can_not_be_one_is_refused_unshown(kind, key):
    """R55, R56: a key with a line break could write headers of its own; the message doesn't repeat it."""
    with pytest.raises(InvalidSettings, match="api_key") as raised:
        kind(key)
    assert "wrapped = " in frames_of(raised.value)
    assert CANARY not in str(raised.value) + frames_of(raised.value)


HOOK = f"whsec_{CANARY}"
WRONG = {
    "a key in bytes": ({"api_key": KEY.encode()}, r"api_key is of type bytes: decode it"),
    "a key in a byte array": ({"api_key": bytearray(KEY, "ascii")}, r"api_key is of type bytearray: decode it"),
    "a key in a list": ({"api_key": [KEY]}, r"api_key is of type list: give a string"),
    "a key in a dict": ({"api_key": {"key": KEY}}, r"api_key is of type dict: give a string"),
    "a secret in bytes": ({"webhook_secrets": [HOOK.encode()]}, r"a webhook secret is of type bytes: decode it"),
    "secrets in bytes": ({"webhook_secrets": HOOK.encode()}, r"webhook_secrets must be a list of strings"),
    "a list in a list": ({"webhook_secrets": [[HOOK]]}, r"a webhook secret is of type list: give a string"),
    "secrets in a dict": ({"webhook_secrets": {"one": HOOK}}, r"webhook_secrets must be a list of strings"),
    "secrets in a set": ({"webhook_secrets": {HOOK}}, r"webhook_secrets must be a list of strings"),
    "secrets to come": ({"webhook_secrets": iter([HOOK])}, r"webhook_secrets must be a list of strings"),
    "credentials in the address": ({"api_base": f"https://user:{CANARY}@api.stripe.com"}, r"carries credentials"),
    "credentials in no address": ({"api_base": f"https://user:{CANARY}@a b"}, r"carries credentials"),
    "a key for an address": ({"api_base": KEY}, r"'sk_test_…' is not an http address"),
    "an address in bytes": ({"api_base": f"https://{CANARY}@a".encode()}, r"api_base is of type bytes: decode it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_secret_of_another_kind_is_refused_unshown(case):
    """R55: a key read in binary, secrets in a set, a password in an address: no frame of the traceback shows it."""
    given, rule = WRONG[case]
    with pytest.raises(InvalidSettings, match=rule) as raised:
        Entitlements(**{"api_key": KEY, **given})
    assert CANARY not in str(raised.value) + frames_of(raised.value)


@pytest.mark.parametrize("kind", [Stripe, Http])
@pytest.mark.parametrize("base", [f"https://user:{CANARY}@api.stripe.com", KEY, KEY.encode(), [KEY], None])
def test_an_address_that_can_not_be_one_is_refused_unshown(kind, base):
    """R55: nor does the client show what somebody put into its address."""
    with pytest.raises(InvalidSettings, match="api_base") as raised:
        kind(KEY, api_base=base)
    assert CANARY not in str(raised.value) + frames_of(raised.value)


@pytest.mark.parametrize(
    "secrets", [HOOK, HOOK.encode(), {HOOK}, {"one": HOOK}, [HOOK.encode()], [[HOOK]], iter([HOOK])]
)
def test_a_signing_secret_of_another_kind_is_refused_unshown(secrets):
    """R55: whoever verifies by hand is told what is wrong, and no frame shows the secret."""
    with pytest.raises(SignatureError, match="webhook_secrets") as raised:
        verify(b"{}", "t=1,v1=00", secrets, now=1)
    assert CANARY not in str(raised.value) + frames_of(raised.value)


def test_texts_from_elsewhere_are_scrubbed():
    """R55: what looks like a key is masked in any text, and a value shown in a message is short."""
    assert scrub(f"a {KEY}, 'rk_live_1' (whsec_1) task_list") == "a sk_test_…, 'rk_live_…' (whsec_…) task_list"
    assert Secret(CANARY).scrub(f"<{CANARY}>") == "<…>"
    assert CANARY not in shown([KEY * 3, {KEY: KEY}])
    assert len(shown("x" * 1000)) < 70


def test_a_signing_secret_is_not_in_a_traceback():
    """R55: a forged webhook's error report doesn't hold the secret, even if it was given as plain text."""
    with pytest.raises(SignatureError) as raised:
        verify(b"{}", "t=1,v1=00", [f"whsec_{CANARY}"], now=1)
    assert "keys = " in frames_of(raised.value)
    assert CANARY not in frames_of(raised.value)


def test_no_object_alive_after_a_failure_is_a_request(server):
    """R55: the request with its header doesn't outlive the call that failed."""
    server.always(Reset())
    with Stripe(KEY, api_base=server.url, max_retries=0) as stripe, pytest.raises(StripeError):
        stripe.products.list()
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is requests.PreparedRequest]
