"""Events: what happened in the account in the last thirty days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from entitlements.errors import InvalidInput
from entitlements.stripe.ids import object_id, shown
from entitlements.stripe.objects import Event
from entitlements.stripe.pages import read_page
from entitlements.stripe.resources.base import Resource

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["EventPage", "Events"]

_PATH: Final = "/v1/events"
_TYPES: Final = 20  # Stripe: 20 types at most, limit 1..100
_LIMIT: Final = 100
_LATEST: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class EventPage:
    """One page of the event list.

    Attributes:
        events: newest first; several may share a second, and Stripe promises no order among those.
        has_more: older ones follow; ask for them with `starting_after`, the id of the last event here.
        request_id: `req_...`, to quote to Stripe's support.
    """

    events: tuple[Event, ...]
    has_more: bool
    request_id: str | None


class Events(Resource):
    """Read what happened. Arguments and errors are as for `Features`."""

    __slots__ = ()

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None = None,
        starting_after: str | None = None,
        limit: int = _LIMIT,
        deadline: Deadline | None = None,
    ) -> EventPage:
        """Read one page of the event list, newest first: the list has no end, so it is never read whole.

        Args:
            types: which events, 1 to 20 names such as `customer.deleted`.
            created_from: nothing older than this Unix timestamp; Stripe itself keeps thirty days.
            starting_after: the id of the last event of the page before.
            limit: at most so many, 1 to 100.
            deadline: the moment by which the page has to be there; the client's `timeout` by default.

        Raises:
            InvalidInput: an argument can't be right; nothing was sent.
            MalformedReply: the page isn't what Stripe documents, or of the other mode.
            ResourceMissing: the event named by `starting_after` is gone; begin again at the newest.
            StripeError: what else Stripe answers, or doesn't.
        """
        params = {
            "types": _names(types),
            "created": None if created_from is None else {"gte": _whole(created_from, "created_from", 0, _LATEST)},
            "starting_after": None if starting_after is None else _event_id(starting_after),
            "limit": _whole(limit, "limit", 1, _LIMIT),
        }
        page = read_page(self.http, _PATH, Event, params, deadline=self._due(deadline))
        return EventPage(page.items, page.has_more, page.request_id)


def _names(types: object) -> list[str]:
    """Check the types; none at all would ask for every event there is."""
    names = _listed(types)
    if not 1 <= len(names) <= _TYPES:
        raise InvalidInput(
            f"types {shown(types)} is no list of 1 to {_TYPES} names; pass some, such as ['customer.deleted']"
        )
    return [object_id(name, what="type", example="customer.deleted") for name in names]


def _listed(value: object) -> Sequence[object]:
    """Take a list for one; a lone string is none, though it could be taken for a list of letters."""
    return cast("Sequence[object]", value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _event_id(value: object) -> str:
    return object_id(value, what="starting_after", example="evt_123")


def _whole(value: object, what: str, least: int, most: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return int(value)
    raise InvalidInput(f"{what} {shown(value)} is no whole number from {least} to {most}; pass one")
