"""Parameters as Stripe's own clients write them: `a[b]=v`, `items[0][price]=v`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote_plus, urlencode

__all__ = ["Params", "Value", "form", "query"]

Value: TypeAlias = "str | int | bool | Sequence[Value] | Mapping[str, Value] | None"
Params: TypeAlias = Mapping[str, Value]


def form(params: Params) -> str:
    """Write a body: brackets stay as they are.

    >>> form({"items": [{"price": "price_1"}], "metadata": {"plan": ""}, "active": False, "name": None})
    'items[0][price]=price_1&metadata[plan]=&active=false'
    """
    return "&".join(f"{quote_plus(key, safe='[]')}={quote_plus(value)}" for key, value in _pairs(params))


def query(params: Params) -> str:
    """Write a query string: brackets are percent-encoded.

    >>> query({"types": ["price.created"], "limit": 100})
    'types%5B0%5D=price.created&limit=100'
    """
    return urlencode(list(_pairs(params)))


def _pairs(params: Params, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        yield from _flat(f"{prefix}[{name}]" if prefix else name, value)


def _flat(name: str, value: Value) -> Iterator[tuple[str, str]]:
    if value is None:  # not given; the empty string is how Stripe unsets
        return
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, str | int):
        yield name, str(value)
    elif isinstance(value, Mapping):
        yield from _pairs(value, name)
    else:
        for index, item in enumerate(value):
            yield from _flat(f"{name}[{index}]", item)
