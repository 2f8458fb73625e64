"""Fuzz of what a caller may pass: customers, lookup keys, names and freshness tokens; each is used as given or refused.

An id is printable text without a blank, of 255 characters at most; a key or a name begins and ends with no blank and
has 80 at most, as Stripe has it; a token is what `issue` wrote, to the letter.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from controlled import Truth
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_texts import spoilt_text
from hostile_values import Branded, Mixed, value

from entitlements import Entitlements, InvalidInput
from entitlements.stripe import ids
from entitlements.stripe.forms import query
from entitlements.stripe.resources.base import segment
from entitlements.token import issue, redeem

KEY = f"sk_test_CANARY{'0' * 90}CANARY"
NOW = 1_000_000.0
HELD = frozenset({"exports", "Priority support"})


@dataclass(frozen=True)
class Passed:
    kind: str
    value: object


class Buyer:
    """An object of the application's own, which knows its customer's id."""

    def __init__(self, stripe_customer_id: object) -> None:
        self.stripe_customer_id = stripe_customer_id


GOOD = {
    "customer": ("cus_1", "cus_NffrFeUfNV2Hib", "c" * 255, "größe", "a/b?c=d&limit=1#e", "...", Mixed.CUSTOMER),
    "buyer": ("cus_1", "c" * 255, Branded("cus_1"), Mixed.CUSTOMER),
    "feature": ("exports", "Priority support", "no_such", "k" * 80, "größe", Branded("exports"), Mixed.FEATURE),
    "name": ("Exports", "Priority support", "n" * 80, "größe", Branded("Exports")),
    "token": tuple(map(issue, (0.0, 12.5, NOW - 1, NOW + 5, 2.0**33))),
}


def draw(dice):
    kind = dice.choice(tuple(GOOD))
    good = dice.choice(GOOD[kind])
    if dice.odds(0.3):
        return Passed(kind, good)
    return Passed(kind, dice.pick(SPOILING)(dice, kind, good))


def _text_like_it(dice, kind, good):
    return spoilt_text(dice, str.__str__(good), times=dice.choice((1, 1, 2, 3)))


def _no_text(dice, kind, good):
    others = (good.encode("utf-8", "replace"), [good], {"id": good}, Buyer(good), (good,), len(good))
    return dice.choice((*others, value(dice), value(dice), value(dice)))


def _a_key(dice, kind, good):
    """A secret where an id belongs, alone and among other things."""
    others = (KEY, f"{KEY} ", f"Bearer {KEY}", f"authorization: {KEY}\n", "x" * 300 + f" {KEY}", f"{KEY}{'x' * 300}")
    text = dice.choice(others)
    return dice.choice((text, [text], {"key": text}, text.encode(), Branded(text), Buyer(text), (text,) * 9))


def _a_token_like_it(dice, kind, good):
    """A token of other parts: another version, boot, moment or length, or spelt as base64 may be."""
    good = dice.choice(GOOD["token"])
    version, boot, moment = dice.choice((b"\x00", b"\x01", b"\x02", b"\xff")), dice.randbytes(8), dice.getrandbits(64)
    return dice.choice(
        (
            lambda: write(version, boot, moment),
            lambda: write(b"\x01", boot, dice.choice((0, 1, 2**63, 2**64 - 1))),
            lambda: good + "=",
            lambda: good + "====",
            lambda: good + dice.choice(("\n", " ", "!", "\x00", "é", "A", "AAAA")),
            lambda: good[:9] + dice.choice(("\n", "-", "_", "+", "/", " ", "!", "é")) + good[9:],
            lambda: good[:-1] + chr(ord(good[-1]) ^ 1),
            lambda: good.swapcase(),
            lambda: good.encode(),
            lambda: good[:4],
            lambda: "",
        )
    )()


SPOILING = (_text_like_it, _text_like_it, _text_like_it, _no_text, _a_key, _a_token_like_it)


def write(version: bytes, boot: bytes, moment: int) -> str:
    return urlsafe_b64encode(version + boot + struct.pack(">Q", moment)).decode().rstrip("=")


# --- what decides ----------------------------------------------------------------------------------------------------

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
OURS = issue(0.0)[:12]  # version and boot, nine bytes: the same in every token of ours


def expected(passed: Passed) -> object:
    """Tell what should come of it: REFUSED, the text that was given, or what it means."""
    kind, given = passed.kind, passed.value
    if kind == "customer" and isinstance(given, Buyer):
        kind, given = "buyer", given.stripe_customer_id
    plain = str.__str__(given) if isinstance(given, str) else None
    if kind == "buyer" and (given is None or plain == ""):
        return None
    return REFUSED if plain is None else MEANING[kind](plain)


def customer(plain: str) -> object:
    fits = 1 <= len(plain) <= 255 and plain.isprintable() and " " not in plain and plain not in {".", ".."}
    return plain if fits else REFUSED


def name(plain: str) -> object:
    return plain if 1 <= len(plain) <= 80 and plain.isprintable() and plain == plain.strip() else REFUSED


def feature(plain: str) -> object:
    return REFUSED if name(plain) is REFUSED else (plain in HELD, plain)


def moment(plain: str) -> object:
    """A token by its letters: six bits each, 17 bytes in all, of the first version."""
    if len(plain) != 23 or any(letter not in LETTERS for letter in plain):
        return REFUSED
    bits = sum(LETTERS.index(letter) << 6 * place for place, letter in enumerate(reversed(plain)))
    if bits & 3 or bits >> 130 != 1:  # two bits that mean nothing; the version
        return REFUSED
    told = (bits >> 2) % 2**64 / 1e9
    return min(told, NOW) if plain[:12] == OURS else NOW


MEANING = {"customer": customer, "buyer": customer, "feature": feature, "name": name, "token": moment}


def judge(passed: Passed, outcome: object) -> None:
    assert outcome == expected(passed)
    if isinstance(outcome, str):
        assert type(outcome) is str  # a plain one: what it prints is what it holds
        if passed.kind in {"customer", "buyer"}:
            sent = urlsplit(
                f"https://api.stripe.com/{segment(outcome, what='id', example='x')}?{query({'id': outcome})}"
            )
            assert (unquote(sent.path), parse_qs(sent.query)) == (f"/{outcome}", {"id": [outcome]})
            assert sent.path.count("/") == 1


class Caller:
    """Whoever passes things, to an instance that has cus_1's features at hand."""

    def __init__(self, ents: Entitlements) -> None:
        self._ents = ents
        self._pass = {
            "customer": lambda given: ents.for_customer(given).stripe_customer_id,
            "buyer": lambda given: ents.for_customer(Buyer(given)).stripe_customer_id,
            "feature": self._feature,
            "name": ids.name,
            "token": self._token,
        }

    def read(self, passed: Passed) -> object:
        return self._pass[passed.kind](passed.value)

    def _feature(self, given):
        return self._ents.has_feature("cus_1", given), self._ents.check("cus_1", given).feature

    def _token(self, given):
        assert not self._ents.check(Buyer(None), "exports", after=given)
        return redeem(given, now=NOW)


@pytest.fixture(name="passing")
def _passing():
    with Entitlements(source=Truth({"cus_1": set(HELD)})) as ents:
        for number in range(10_000):  # as many keys as it keeps: what grows from here on is a leak
            ents.has_feature("cus_1", f"key-{number}")
        yield Target(draw, Caller(ents).read, judge, InvalidInput, secrets=("CANARY",))


def test_what_is_passed_is_used_as_it_is_or_refused(passing):
    """R11, R12, R106: ten thousand ids, keys, names and tokens: each means exactly what it holds, or InvalidInput."""
    fuzz(passing, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_what_is_passed_is_used_as_it_is_or_refused_in_a_million(passing):
    """The same, a hundred times as often, and others each time."""
    print(fuzz(passing, MOST))  # noqa: T201 - the figures of the soak
