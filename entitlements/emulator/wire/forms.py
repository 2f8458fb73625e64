"""Form encoding both ways: nested keys such as `items[0][price]` and `expand[]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import quote_plus, unquote_plus

from qs_codec import DecodeOptions, decode

from entitlements.emulator.wire.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.emulator.store import Json

__all__ = ["parse", "written"]

_LIMITS = DecodeOptions(
    list_limit=1_000, parameter_limit=10_000, depth=8, raise_on_limit_exceeded=True, strict_depth=True
)


def parse(text: str) -> Json:
    """Decode a query string or a form body.

    >>> parse("items[0][price]=price_1&expand%5B%5D=customer&metadata[a+b]=c")
    {'items': [{'price': 'price_1'}], 'expand': ['customer'], 'metadata': {'a b': 'c'}}
    """
    try:
        return decode(_numbered(text), _LIMITS) if text else {}
    except (ValueError, IndexError) as error:
        raise invalid(f"Invalid request parameters: {error}") from error


def _numbered(text: str) -> str:
    """Number the hashes of `items[][price]=a&items[][price]=b`: another begins where a member comes again."""
    begun: dict[str, list[set[str]]] = {}
    return "&".join(_numbered_pair(pair, begun) for pair in text.split("&"))


def _numbered_pair(pair: str, begun: dict[str, list[set[str]]]) -> str:
    key, equals, value = pair.partition("=")
    name, hashes, member = unquote_plus(key).partition("[][")
    if not hashes:
        return pair
    seen = begun.setdefault(name, [set()])
    if member in seen[-1]:
        seen.append(set())
    seen[-1].add(member)
    return quote_plus(f"{name}[{len(seen) - 1}][{member}") + equals + value


def written(params: Mapping[str, object]) -> Json:
    """Write Python values as a form would carry them, so that code in this process is read by the same rules.

    >>> written({"active": True, "items": [{"price": "p", "quantity": 2}], "email": None})
    {'active': 'true', 'items': [{'price': 'p', 'quantity': '2'}]}
    """
    return {name: _written(value) for name, value in params.items() if value is not None}


def _written(value: object) -> object:
    if isinstance(value, dict):
        return written(cast("Mapping[str, object]", value))
    if isinstance(value, list | tuple):
        return [_written(part) for part in cast("list[object]", value)]
    return str(value).lower() if isinstance(value, bool) else str(value)
