"""The simulated event list: what the sweep reads, a page at a time, some seconds behind what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulated_time import EPOCH

from entitlements.stripe.errors import ResourceMissing, StripeServerError
from entitlements.stripe.objects import Event as ListedEvent
from entitlements.stripe.resources.events import EventPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulated_process import Process
    from simulated_stripe import Event

    from entitlements.clocks import Deadline

__all__ = ["EventList"]

_KEPT = 30 * 86_400  # seconds for which Stripe keeps events
_MOST = 5  # events on a page, so that there are several


class EventList:
    """One account's event list, as one process asks for it; it stands for the whole client of Stripe's API."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def page(
        self,
        *,
        types: Sequence[str],
        created_from: int | None,
        starting_after: str | None,
        limit: int,
        deadline: Deadline,
    ) -> EventPage:
        """Give a page, newest first."""
        del deadline
        process, world = self._process, self._process.world
        process.point()
        if world.time.at < world.stripe.fails_until or world.random.random() < world.climate.failing:
            raise StripeServerError("simulated")
        newest = [event for event in reversed(world.stripe.events) if self._lists(event, created_from)]
        ids = [event.id for event in newest]
        if starting_after is not None and starting_after not in ids:
            raise ResourceMissing(f"No such event: '{starting_after}'", status=400, param="starting_after")
        first = ids.index(starting_after) + 1 if starting_after is not None else 0
        last = first + min(limit, _MOST)
        page = EventPage(tuple(map(_listed, newest[first:last])), last < len(newest), None)
        assert all(event.type in types for event in page.events)
        process.point()
        return page

    def close(self) -> None:
        pass

    def _lists(self, event: Event, created_from: int | None) -> bool:
        now = self._process.world.time.at
        created = int(EPOCH + event.at)
        kept = event.subject.account == self._process.account and event.listed <= now and event.at > now - _KEPT
        return kept and (created_from is None or created >= created_from)


def _listed(event: Event) -> ListedEvent:
    if event.as_listed is None:
        event.as_listed = ListedEvent.model_validate(event.body())
    return event.as_listed
