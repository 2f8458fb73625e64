"""List envelopes, cursors and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.store import Cursor, Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.params import Text, Whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec
    from entitlements.emulator.wire.routes import Call

__all__ = ["PAGE", "bounds", "listed", "page"]

PAGE: Spec = {"limit": Whole(), "starting_after": Text(), "ending_before": Text()}

_FEWEST, _USUAL, _MOST = 1, 10, 100
_SIGNS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def listed(url: str, data: list[Json], *, has_more: bool = False) -> Json:
    """Wrap objects in a list's four keys."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def page(call: Call, kind: str, what: str, render: Callable[[Json], Json], filters: Sequence[Filter] = ()) -> Json:
    """Answer one page of a kind of objects, newest first; `what` is the name a bad cursor is refused with."""
    cursor = _cursor(call, kind, what, [each for each in filters if each.of_parent])
    limit = min(max(call.params.get("limit", _USUAL), _FEWEST), _MOST)  # out of range is clamped, as at Stripe
    found, has_more = call.tx.page(kind, filters, cursor, limit)
    return listed(call.path, [render(body) for body in found], has_more=has_more)


def _cursor(call: Call, kind: str, what: str, within: Sequence[Filter]) -> Cursor:
    after = _position(call, kind, what, "starting_after", within)
    before = _position(call, kind, what, "ending_before", within)
    if after is not None and before is not None:
        raise invalid("Received both starting_after and ending_before parameters. Please pass in only one.")
    return Cursor(after, before)


def _position(call: Call, kind: str, what: str, param: str, within: Sequence[Filter]) -> int | None:
    object_id = call.params.get(param)
    if object_id is None:
        return None
    position = call.tx.position(kind, object_id, within)  # an object of another's list is none of this one
    if position is None:
        raise no_such(what, object_id, param)
    return position


def bounds(name: str, wanted: dict[str, int] | None) -> list[Filter]:
    """Turn `created[gte]=...` into conditions."""
    return [
        Filter(f"json_extract(body, '$.{name}') {_SIGNS[sign]} ?", (value,)) for sign, value in (wanted or {}).items()
    ]
