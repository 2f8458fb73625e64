"""What may be sent as an id, a key or a name: checked before any I/O, and never coerced."""

from __future__ import annotations

import reprlib
from typing import Final

from entitlements.errors import InvalidInput
from entitlements.stripe.secret import scrub

__all__ = ["customer_id", "feature_key", "name", "object_id", "shown"]

_ID_LENGTH: Final = 255
_TEXT_LENGTH: Final = 80  # Stripe: `lookup_key` and `name` of a feature have at most 80 characters
_SHOWN: Final = 60


def customer_id(value: object) -> str:
    """Check a customer's id.

    >>> customer_id("cus_123")
    'cus_123'
    >>> customer_id(None)
    Traceback (most recent call last):
    ...
    entitlements.errors.InvalidInput: customer id None is not a string; pass Stripe's id, such as 'cus_123'
    """
    return object_id(value, what="customer id", example="cus_123")


def object_id(value: object, *, what: str, example: str) -> str:
    """Check an id of any of Stripe's objects; `what` and `example` make the message."""
    advice = f"pass Stripe's id, such as {example!r}"
    text = _text(value, what, advice)
    if not text.isprintable() or " " in text:
        raise InvalidInput(f"{what} {shown(text)} holds whitespace or an unprintable character; {advice}")
    if len(text) > _ID_LENGTH:
        raise InvalidInput(f"{what} {shown(text)} is {len(text)} characters long, {_ID_LENGTH} at most; {advice}")
    if text in {".", ".."}:  # the only ids that quoting leaves as a step through the path
        raise InvalidInput(f"{what} {shown(text)} would name another path; {advice}")
    return text


def feature_key(value: object) -> str:
    """Check a feature's lookup key. Stripe documents its length, 80, and no alphabet: inner spaces pass."""
    return _label(value, "feature key", "pass the feature's lookup_key, such as 'exports'")


def name(value: object) -> str:
    """Check a feature's name: at most 80 characters, says Stripe."""
    return _label(value, "name", "pass a few words, such as 'Exports'")


def shown(value: object) -> str:
    """Show a value in a message: shortened, and with nothing in it that looks like a key.

    >>> shown("sk_live_51Habc")
    "'sk_live_…'"
    """
    if type(value) is str:
        value = scrub(value)
    text = scrub(reprlib.repr(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _label(value: object, what: str, advice: str) -> str:
    text = _text(value, what, advice)
    if not text.isprintable() or text != text.strip():
        raise InvalidInput(
            f"{what} {shown(text)} begins or ends with whitespace, or holds an unprintable character; {advice}"
        )
    if len(text) > _TEXT_LENGTH:
        raise InvalidInput(f"{what} {shown(text)} is {len(text)} characters long, {_TEXT_LENGTH} at most; {advice}")
    return text


def _text(value: object, what: str, advice: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} {shown(value)} is not a string; {advice}")
    if not value:
        raise InvalidInput(f"{what} '' is empty; {advice}")
    return str.__str__(value)  # a subclass of str is sent as the text it holds
