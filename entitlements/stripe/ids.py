"""What may be sent as an id, a key or a name: checked before any I/O, and never coerced."""

from __future__ import annotations

import reprlib
from typing import Final

from entitlements.errors import InvalidInput
from entitlements.stripe.secret import scrub

__all__ = ["customer_id", "feature_key", "header_value", "name", "object_id", "shown"]

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


def header_value(value: object, *, what: str, example: str) -> str:
    """Check what is sent as a header: an id, of plain ASCII."""
    text = object_id(value, what=what, example=example)
    if not text.isascii():
        raise InvalidInput(f"{what} {shown(text)} holds a character no header can carry; pass one such as {example!r}")
    return text


def feature_key(value: object) -> str:
    """Check a feature's lookup key. Stripe documents its length, 80, and no alphabet: inner spaces pass."""
    return _label(value, "feature key", "pass the feature's lookup_key, such as 'exports'")


def name(value: object) -> str:
    """Check a feature's name: at most 80 characters, says Stripe."""
    return _label(value, "name", "pass a few words, such as 'Exports'")


def shown(value: object) -> str:
    """Show a value in a message: shortened, on one line, and with nothing in it that looks like a key.

    >>> shown("sk_live_51Habc")
    "'sk_live_…'"
    """
    try:
        text = _shortened.repr(value)
    except Exception:  # noqa: BLE001 - a number of 5,000 digits has no repr, nor has an object that is not loaded
        text = f"<{type(value).__name__}>"
    line = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[: _SHOWN + 1])
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


class _Shortened(reprlib.Repr):
    """Shorten texts once their keys are masked: of a key that is cut in the middle, the end would look like nothing."""

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(scrub(str.__str__(x)), level)

    def repr_instance(self, x: object, level: int) -> str:
        if isinstance(x, str):
            return self.repr_str(x, level)
        text = scrub(repr(x))
        return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}...{text[-_SHOWN // 4 :]}"


_shortened: Final = _Shortened()


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
    text = str.__str__(value)  # a subclass of str is sent as the text it holds
    if not text:
        raise InvalidInput(f"{what} '' is empty; {advice}")
    return text
