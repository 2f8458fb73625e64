"""Values of parameters other than ids, checked before any I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from entitlements.errors import InvalidInput
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from entitlements.stripe.forms import Value

__all__ = ["flag", "metadata"]

_PAIRS: Final = 50  # Stripe: 50 keys of 40 characters, values of 500
_KEY: Final = 40
_VALUE: Final = 500


def flag(value: object, what: str) -> bool | None:
    """Check a flag that may be left out."""
    if value is None or isinstance(value, bool):
        return value
    raise InvalidInput(f"{what} {shown(value)} is neither True nor False; leave it out to ask for either")


def metadata(value: object) -> Value:
    """Check metadata: a mapping of strings, or `""`, by which Stripe clears all of it."""
    if value is None or value == "":
        return cast("None", value)
    if not isinstance(value, Mapping):
        raise InvalidInput(f'metadata {shown(value)} is not a mapping; pass a dict of strings, or "" to clear it')
    pairs = cast("Mapping[object, object]", value)
    if len(pairs) > _PAIRS:
        raise InvalidInput(f"metadata has {len(pairs)} keys, {_PAIRS} at most; keep the rest elsewhere")
    return {_fits(key, "key", _KEY): _fits(text, "value", _VALUE) for key, text in pairs.items()}


def _fits(value: object, what: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or (what == "key" and not value.strip("[]")):
        raise InvalidInput(
            f"metadata {what} {shown(value)} is not a string of at most {longest} characters; shorten it"
        )
    return str.__str__(value)
