"""Stripe's lists by their description: a plain reader that the library's is held against, and shares no code with it.

A list is read page by page, each begun after the last item of the one before. It is whole when a page says that nothing
more follows; anything that isn't as documented, on any page, is `Wrong`. If the item to begin after has gone, the list
is read again, four times in all.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from plain_json import Json, NotJson, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["NOBODY", "NO_ANSWER", "Reply", "Unsure", "Wrong", "is_entitlement", "whole"]

NOBODY: Final = "Stripe knows no such customer"

_read_once = functools.lru_cache(256)(read)  # most pages are as they should be, and come again


@dataclass(frozen=True)
class Reply:
    """What comes for one request."""

    status: int
    body: bytes
    headers: dict[str, str]


NO_ANSWER: Final = Reply(0, b"", {})


class Wrong(Exception):
    """The list can't be had whole."""


class Unsure(Exception):
    """Whether an error is about the cursor depends on its wording, and here nobody can say."""


class _Moved(Exception):
    """The place that was reached is gone."""


def whole(script: Sequence[Reply], valid: Callable[[Json], bool]) -> list[Json] | str:
    """Read a list to its end, one reply a request: its items, or NOBODY."""
    replies = iter(script)
    for _ in range(4):
        try:
            return _once(replies, valid)
        except _Moved:
            continue
    raise Wrong


def _once(replies: Iterator[Reply], valid: Callable[[Json], bool]) -> list[Json] | str:
    items: list[Json] = []
    ids: list[Json] = []
    while True:
        reply = next(replies, NO_ANSWER)
        if not 200 <= reply.status <= 299:
            missing = _missing(reply, ids[-1] if ids else None)
            if missing == "customer":
                return NOBODY
            raise _Moved if ids and missing == "starting_after" else Wrong
        found, more = _opened(reply)
        items += found
        ids += [item.get("id") if isinstance(item, dict) else None for item in found]
        if not all(map(valid, found)) or not all(isinstance(each, str) for each in ids):
            raise Wrong
        if len(set(cast("list[str]", ids))) < len(ids) or (more and not found):
            raise Wrong
        if not more:
            return items


def _opened(reply: Reply) -> tuple[list[Json], bool]:
    """Open a page: what it lists, and whether more follows."""
    body = _object(reply)
    found, more, mode = body.get("data"), body.get("has_more"), body.get("livemode")
    if body.get("object") != "list" or not isinstance(more, bool) or not isinstance(found, list):
        raise Wrong
    if mode is not None and mode is not False:
        raise Wrong
    return found, more


def _object(reply: Reply) -> dict[str, Json]:
    try:
        body = _read_once(reply.body)
    except NotJson:
        raise Wrong from None
    if not isinstance(body, dict):
        raise Wrong
    return body


def _missing(reply: Reply, cursor: Json) -> str | None:
    """Say which parameter names something that isn't there, if that is what an error says."""
    if not 400 <= reply.status <= 499 or reply.status in {401, 403, 409, 429}:
        return None  # nobody was asked, or nobody answered
    error = _error(reply)
    if error.get("code") != "resource_missing" or error.get("type") == "idempotency_error":
        return None
    param, message = error.get("param"), error.get("message")
    if isinstance(param, str):
        return param
    if cursor is None or not isinstance(message, str):
        return None
    if cursor not in {"ent_1", "ent_2", "ent_3"} or len(message) > 400:
        raise Unsure
    return "starting_after" if str(cursor) in message else None


def _error(reply: Reply) -> dict[str, Json]:
    try:
        error = _object(reply).get("error")
    except Wrong:
        return {}
    return error if isinstance(error, dict) else {}


def is_entitlement(item: Json) -> bool:
    """Say whether this is an `entitlements.active_entitlement` in test mode, its feature expanded or not."""
    if not isinstance(item, dict) or item.get("object") != "entitlements.active_entitlement":
        return False
    named = _is_text(item.get("id")) and _is_text(item.get("lookup_key"))
    granted = item.get("feature")
    return named and item.get("livemode") is False and (_is_text(granted) or _is_feature(granted))


def _is_feature(item: Json) -> bool:
    if not isinstance(item, dict) or item.get("object") != "entitlements.feature" or item.get("livemode") is not False:
        return False
    notes = item.get("metadata")
    if notes is not None and not (isinstance(notes, dict) and all(isinstance(note, str) for note in notes.values())):
        return False
    named = _is_text(item.get("id")) and _is_text(item.get("lookup_key")) and isinstance(item.get("name"), str)
    return named and isinstance(item.get("active"), bool)


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and value != ""
