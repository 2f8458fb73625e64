"""What every resource has: the connection, and the seconds a call may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from entitlements.clocks import Deadline
from entitlements.stripe.ids import object_id
from entitlements.stripe.objects.base import StripeObject
from entitlements.stripe.pages import Listing, read_whole
from entitlements.stripe.reading import read_object

if TYPE_CHECKING:
    from entitlements.stripe.forms import Params
    from entitlements.stripe.http import Http

__all__ = ["Resource", "segment"]

Read = TypeVar("Read", bound=StripeObject)


@dataclass(frozen=True, slots=True)
class Resource:
    """Requests about one family of objects."""

    http: Http
    timeout: float

    def _get(self, model: type[Read], path: str, deadline: Deadline | None) -> Read:
        reply = self.http.get(path, deadline=self._due(deadline))
        return read_object(model, reply, livemode=self.http.livemode)

    def _post(
        self, model: type[Read], path: str, params: Params, deadline: Deadline | None, key: str | None = None
    ) -> Read:
        reply = self.http.post(path, params, deadline=self._due(deadline), idempotency_key=key)
        return read_object(model, reply, livemode=self.http.livemode)

    def _delete(self, model: type[Read], path: str, deadline: Deadline | None) -> Read:
        reply = self.http.delete(path, deadline=self._due(deadline))
        return read_object(model, reply, livemode=self.http.livemode)

    def _whole(self, model: type[Read], path: str, params: Params, deadline: Deadline | None) -> Listing[Read]:
        return read_whole(self.http, path, model, params, deadline=self._due(deadline))

    def _due(self, deadline: Deadline | None) -> Deadline:
        return deadline or Deadline.after(self.timeout)


def segment(value: object, *, what: str, example: str) -> str:
    """Check an id and quote it, slashes too, so that it stays one step of a path."""
    return quote(object_id(value, what=what, example=example), safe="")
