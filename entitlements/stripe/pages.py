"""A list, read whole: every page of it or an error, since a part of a list is no evidence.

One page by itself is for lists that never end; whoever reads it has to see that it isn't the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar, cast

from entitlements.stripe.errors import MalformedReply, ResourceMissing
from entitlements.stripe.objects.base import StripeObject
from entitlements.stripe.reading import check_mode, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entitlements.clocks import Deadline
    from entitlements.stripe.forms import Params
    from entitlements.stripe.http import Http, Reply

__all__ = ["Listing", "Page", "read_page", "read_whole"]

_LIMIT: Final = 100  # Stripe: limit 1..100, and 10 when it isn't given
_PAGES: Final = 1_000
_RESTARTS: Final = 3

Item = TypeVar("Item", bound=StripeObject)
Member = TypeVar("Member")


class Listing(tuple[Member, ...]):  # noqa: SLOT001 - a tuple's subclass can't have slots with anything in them
    """A whole list: a tuple, with the id of the request that ended it.

    >>> Listing(["a", "b"], "req_1") == ("a", "b")
    True
    """

    request_id: str | None

    def __new__(cls, members: Iterable[Member] = (), request_id: str | None = None) -> Self:
        listing = super().__new__(cls, members)
        listing.request_id = request_id
        return listing


def read_whole(  # noqa: PLR0913 - what is read, and how far
    http: Http,
    path: str,
    model: type[Item],
    params: Params | None = None,
    *,
    deadline: Deadline,
    max_pages: int = _PAGES,
) -> Listing[Item]:
    """Read every page of a list.

    Raises:
        MalformedReply: a page isn't what Stripe documents: empty though more is said to follow, seen before, without
            `data` or `has_more`, of the wrong mode, or one of more than `max_pages`.
        StripeError: as any request.
    """
    for _ in range(1 + _RESTARTS):
        reading = _Reading(http, path, model, params or {}, max_pages)
        if (whole := reading.to_the_end(deadline)) is not None:
            return whole
        http.charge()  # for the first page, once more
    raise MalformedReply(f"the list {path} changed under every one of {1 + _RESTARTS} readings; try again later")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list: its items in Stripe's order, and whether more follow."""

    items: tuple[Item, ...]
    has_more: bool
    request_id: str | None


def read_page(http: Http, path: str, model: type[Item], params: Params, *, deadline: Deadline) -> Page[Item]:
    """Read one page of a list.

    Raises:
        MalformedReply: the page isn't what Stripe documents: empty though more is said to follow, with an item twice,
            without `data` or `has_more`, or of the wrong mode.
        StripeError: as any request; `ResourceMissing` about `starting_after` if what the cursor names is gone.
    """
    envelope = _Envelope(http.get(path, params, deadline=deadline), f"a page of {path}", http.livemode)
    items = envelope.items(model, set())
    return Page(tuple(items), envelope.has_more, envelope.request_id)


class _Reading(Generic[Item]):
    """One pass over a list, from its first page on."""

    def __init__(self, http: Http, path: str, model: type[Item], params: Params, max_pages: int) -> None:
        self._http = http
        self._path = path
        self._model = model
        self._params = {**params, "limit": _LIMIT}
        self._max_pages = max_pages
        self._items: list[Item] = []
        self._seen: set[str] = set()

    def to_the_end(self, deadline: Deadline) -> Listing[Item] | None:
        """Read on until nothing more follows; `None` if the place it had reached was taken away meanwhile."""
        cursor: str | None = None
        for number in range(1, self._max_pages + 1):
            if number > 1:
                self._http.charge()
            reply = self._page(cursor, deadline)
            if reply is None:
                return None
            page = _Envelope(reply, f"page {number} of {self._path}", self._http.livemode)
            self._items += page.items(self._model, self._seen)
            if not page.has_more:
                return Listing(self._items, reply.request_id)
            cursor = _id(self._items[-1])
        raise MalformedReply(f"the list {self._path} has more than {self._max_pages} pages; it was not read to its end")

    def _page(self, cursor: str | None, deadline: Deadline) -> Reply | None:
        params = self._params if cursor is None else {**self._params, "starting_after": cursor}
        try:
            return self._http.get(self._path, params, deadline=deadline)
        except ResourceMissing as missing:
            if cursor is None or not missing.concerns("starting_after", cursor):
                raise
            return None


class _Envelope:
    """One page as it came, checked as an envelope; its items are checked when they are asked for."""

    def __init__(self, reply: Reply, name: str, livemode: bool | None) -> None:  # noqa: FBT001 - it may be unknown
        self.name = name
        self.livemode = livemode
        self.request_id = reply.request_id
        if reply.body.get("object") != "list":
            raise self.malformed("is not a list")
        self._data = self._list_of(reply.body)
        self.has_more = self._more_of(reply.body)
        check_mode(reply.body.get("livemode"), livemode, request_id=self.request_id, where=name)

    def _list_of(self, body: Mapping[str, object]) -> list[object]:
        data = body.get("data")
        if not isinstance(data, list):
            raise self.malformed("has no `data` that is a list")
        return cast("list[object]", data)

    def _more_of(self, body: Mapping[str, object]) -> bool:
        has_more = body.get("has_more")
        if not isinstance(has_more, bool):
            raise self.malformed("does not say in `has_more` whether more follows")
        return has_more

    def items(self, model: type[Item], seen: set[str]) -> list[Item]:
        """Read the items, none of which may be among those `seen` before, and add them to those."""
        if self.has_more and not self._data:
            raise self.malformed("is empty and says that more follows")
        return [self._item(model, value, index, seen) for index, value in enumerate(self._data)]

    def _item(self, model: type[Item], value: object, index: int, seen: set[str]) -> Item:
        where = f"data[{index}] of {self.name}"
        item = read(model, value, livemode=self.livemode, request_id=self.request_id, where=where)
        if _id(item) in seen:
            raise self.malformed("holds an item seen before, so the reading gets nowhere")
        seen.add(_id(item))
        return item

    def malformed(self, what: str) -> MalformedReply:
        return MalformedReply(f"{self.name} {what}; nothing is concluded from it", request_id=self.request_id)


def _id(item: StripeObject) -> str:
    return cast("str", getattr(item, "id"))  # noqa: B009 - every listed object has an id
