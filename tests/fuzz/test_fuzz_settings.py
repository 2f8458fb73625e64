"""Fuzz of settings: arguments and environment mean what is documented, can be used, or are InvalidSettings.

An accepted address is judged by another reader than the library's, `urllib3`'s, and by the request that would be sent:
a key that travels in clear to another machine is the worst a setting can do.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_addresses import address_like
from hostile_texts import spoilt_text, text
from hostile_values import Branded, Mixed, value
from urllib3.util import parse_url

from entitlements import FeatureClass, InvalidSettings
from entitlements.settings import Settings
from entitlements.stripe.http import Http, _Ask
from entitlements.stripe.secret import Secret

TAIL = f"{'0' * 90}CANARY"
KEY, LIVE, PLAIN, HOOK = (
    f"sk_test_CANARY{TAIL}",
    f"rk_live_CANARY{TAIL}",
    f"emulator-CANARY{TAIL}",
    f"whsec_CANARY{TAIL}",
)


@dataclass(frozen=True)
class Given:
    arguments: dict[str, object]
    environ: dict[str, str]


BASES = (
    "https://api.stripe.com",
    "https://api.stripe.com/",
    "https://proxy.example:8443/stripe",
    "http://127.0.0.1:12111",
    "http://127.9.9.9/",
    "http://localhost:80/x/",
    "http://emulator.localhost:1",
    "http://[::1]:12111",
    "HTTPS://API.Stripe.com",
)
CLASSES = (
    {"payouts": "strict"},
    {"a": FeatureClass.LENIENT, "b c": "standard"},
    {Mixed.FEATURE: Mixed.STRICT},
    {},
    None,
)
GOOD = {
    "api_key": (KEY, LIVE, PLAIN, Secret(KEY), Branded(KEY), Mixed.KEY, None),
    "api_base": (*BASES, *BASES, Branded(BASES[0]), Mixed.BASE, None, None),
    "stripe_account": ("acct_1", "acct_" + "1" * 250, Branded("acct_1"), Mixed.ACCOUNT, None, None),
    "webhook_secrets": ((), [], None, "", Secret(""), [HOOK], (HOOK, Secret(HOOK)), [Branded(HOOK)], [Mixed.SECRET]),
    "feature_classes": CLASSES,
    "strict": (None, None, True, False),
    "needs_key": (True, False),
}
VARIABLES = {
    "STRIPE_API_KEY": (KEY, LIVE, PLAIN, ""),
    "STRIPE_API_BASE": (*BASES, "", ""),
    "STRIPE_ACCOUNT": ("acct_9", "", ""),
    "STRIPE_WEBHOOK_SECRET": (HOOK, f"{HOOK}, {HOOK}", f" {HOOK} ", "", ""),
}


def draw(dice):
    names = [name for name in GOOD if name != "strict" or dice.odds(0.3)]
    arguments = {name: dice.choice(GOOD[name]) for name in names if dice.odds(0.7)}
    environ = {name: dice.choice(VARIABLES[name]) for name in VARIABLES if dice.odds(0.6)}
    given = Given(arguments, environ)
    if dice.odds(0.4):
        return given
    return dice.pick((_spoil_environment, _spoil_an_argument, _spoil_an_argument))(dice, given)


def _spoil_an_argument(dice, given):
    name = dice.choice([name for name in GOOD if name != "needs_key"])
    spoil = dice.pick((_text_like_it, _text_like_it, _any_value, _a_key, *SPOILING.get(name, ())))
    return replace(given, arguments={**given.arguments, name: spoil(dice, given.arguments.get(name))})


def _spoil_environment(dice, given):
    name = dice.choice(tuple(VARIABLES))
    spoil = dice.pick((_text_like_it, _any_text, *(SPOILING["api_base"] if name == "STRIPE_API_BASE" else ())))
    return replace(given, environ={**given.environ, name: spoil(dice, given.environ.get(name))})


def _text_like_it(dice, good):
    return spoilt_text(dice, str.__str__(good) if isinstance(good, str) else "acct_1", times=dice.choice((1, 1, 2)))


def _any_value(dice, good):
    return value(dice)


def _any_text(dice, good):
    return text(dice)


def _a_key(dice, good):
    """A secret where none belongs, alone and among other things."""
    words = dice.choice(
        (KEY, HOOK, f"Bearer {KEY}", f"{KEY} ", f"https://{KEY}@api.stripe.com", f"{KEY}\n", f"acct {HOOK}")
    )
    return dice.choice((words, [words], {words: "strict"}, {"a": words}, words.encode(), Branded(words), [words, 7]))


def _an_address_like_it(dice, good):
    return address_like(dice)


def _classes(dice, good):
    keys = ("payouts", "", " a", "a\n", "k" * 81, 7, None, KEY, Branded("payouts"), text(dice))
    names = (
        "strict",
        "STRICT",
        "very strict",
        "",
        FeatureClass.STRICT,
        7,
        None,
        [],
        KEY,
        Branded("lenient"),
        value(dice),
    )
    key, name = dice.choice(keys), dice.choice(names)
    pairs = [(key, name)], {key: name}, {key: name, "b": "lenient"}, {"a": "strict", key: name}
    return dice.choice(pairs)


def _secrets(dice, good):
    odd = dice.choice((HOOK + " ", "", " ", f"{HOOK}\n", None, 7, HOOK.encode(), [HOOK], "\ud800", "é", value(dice)))
    return dice.choice(
        ([odd], [HOOK, odd], (odd, HOOK), HOOK, {HOOK}, {HOOK: 1}, iter([HOOK]), Secret(HOOK), [Secret("")])
    )


SPOILING = {
    "api_base": (_an_address_like_it,) * 4,
    "feature_classes": (_classes,) * 3,
    "webhook_secrets": (_secrets,) * 3,
}

# --- what decides ----------------------------------------------------------------------------------------------------


def judge(given: Given, outcome) -> None:
    may = judged(given)
    if outcome is REFUSED:
        base = effective(given, "api_base", "STRIPE_API_BASE", BASES[0])
        assert may is None or not (isinstance(base, str) and base in BASES)
        return
    assert may == meant(outcome)
    assert "CANARY" not in f"{outcome}{outcome!r}{outcome.__dict__ if hasattr(outcome, '__dict__') else ''}"
    check_usable(given, outcome, key=may["api_key"])


def meant(settings: Settings) -> dict[str, object]:
    return {
        "api_key": settings.api_key and settings.api_key.reveal(),
        "stripe_account": settings.stripe_account,
        "webhook_secrets": [each.reveal() for each in settings.webhook_secrets],
        "feature_classes": settings.feature_classes,
    }


def judged(given: Given) -> dict[str, object] | None:
    """Tell what the settings should be, or None if one of them can't be right; the address is judged apart."""
    key = effective(given, "api_key", "STRIPE_API_KEY")
    account = effective(given, "stripe_account", "STRIPE_ACCOUNT")
    secrets, classes = hooks(given), named_classes(given.arguments.get("feature_classes"))
    fits = is_key(key) or (key is None and not given.arguments.get("needs_key", True))
    if not fits or not (account is None or is_account(account)) or secrets is None or classes is None:
        return None
    if not (given.arguments.get("strict") is None or type(given.arguments["strict"]) is bool):
        return None
    return {
        "api_key": plain(key),
        "stripe_account": plain(account),
        "webhook_secrets": secrets,
        "feature_classes": classes,
    }


def effective(given: Given, name: str, variable: str, default: object = None) -> object:
    argument = given.arguments.get(name)
    return (given.environ.get(variable) or default) if argument is None else plain(argument)


def plain(thing: object) -> object:
    """The text something holds, if it is one."""
    return thing.reveal() if isinstance(thing, Secret) else str.__str__(thing) if isinstance(thing, str) else thing


def is_word(thing: object) -> bool:
    return isinstance(thing, str) and thing != "" and thing.isprintable() and not any(each.isspace() for each in thing)


def is_key(key: object) -> bool:
    return is_word(key) and key.isascii() and not key.startswith(("pk_", "whsec_", "price_", "prod_"))


def is_account(account: object) -> bool:
    return is_word(account) and account.isascii() and account[:5] == "acct_" and len(account) <= 255


def hooks(given: Given) -> list[object] | None:
    secrets = plain(given.arguments.get("webhook_secrets"))
    if secrets is None or (isinstance(secrets, str | list | tuple | Mapping) and len(secrets) == 0):
        listed = given.environ.get("STRIPE_WEBHOOK_SECRET") or ""
        found = [each.strip() for each in listed.split(",")] if listed else []
    elif isinstance(secrets, list | tuple):
        found = [plain(each) for each in secrets]
    else:
        return None
    return found if all(map(is_word, found)) else None


def named_classes(classes: object) -> dict[str, str] | None:
    if classes is None or (isinstance(classes, str | list | tuple | Mapping) and len(classes) == 0):
        return {}
    if not isinstance(classes, Mapping):
        return None
    pairs = [(plain(key), plain(name)) for key, name in classes.items()]
    for key, name in pairs:
        if not isinstance(key, str) or not 1 <= len(key) <= 80 or not key.isprintable() or key != key.strip():
            return None
        if not isinstance(name, str) or name not in {"strict", "standard", "lenient"}:
            return None
    return dict(pairs)


def check_usable(given: Given, settings: Settings, *, key: str | None) -> None:
    """Whatever is accepted can be sent, to where it says, and in clear to this machine only."""
    base = effective(given, "api_base", "STRIPE_API_BASE", BASES[0])
    assert settings.api_base == base.rstrip("/")
    http = Http(settings.api_key or "sk_test_1", api_base=settings.api_base, stripe_account=settings.stripe_account)
    request = http._prepared(_Ask("GET", "/v1/x"))
    asked, sent = parse_url(base), parse_url(request.url)
    assert (sent.scheme, sent.host, sent.port) == (asked.scheme, asked.host, asked.port)
    assert (sent.auth, sent.query, sent.fragment, asked.auth) == (None, None, None, None)
    assert sent.path.endswith("/v1/x")
    here = is_here(sent.host)
    assert sent.scheme == "https" or (sent.scheme == "http" and here)
    assert settings.strict is (here if given.arguments.get("strict") is None else given.arguments["strict"])
    headers = {name: each.encode("latin-1").decode() for name, each in request.headers.items()}
    assert headers["Authorization"] == f"Bearer {key or 'sk_test_1'}"
    assert headers.get("Stripe-Account") == settings.stripe_account
    told = re.match("[a-z]+_(test|live)_", key or "")
    assert settings.scope == f"{settings.stripe_account or 'self'}/{told[1] if told else 'any'}"


def is_here(host: str) -> bool:
    name = host.strip("[]").partition("%")[0]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


SETTINGS = Target(
    draw,
    lambda given: Settings.read(**given.arguments, environ=given.environ),
    judge,
    InvalidSettings,
    secrets=("CANARY",),
)


def test_a_setting_is_right_and_usable_or_named():
    """R55, R56, R91: ten thousand sets of settings: each is used exactly as given, or refused without a secret."""
    fuzz(SETTINGS, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_a_setting_is_right_and_usable_or_named_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(SETTINGS, MOST))  # noqa: T201 - the figures of the soak
