"""A list, read whole: every page of it or an error, since a part of a list is no evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Self, TypeVar, cast

from entitlements.stripe.errors import MalformedReply, ResourceMissing
from entitlements.stripe.objects.base import StripeObject
from entitlements.stripe.reading import check_mode, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from entitlements.clocks import Deadline
    from entitlements.stripe.forms import Params
    from entitlements.stripe.http import Http, Reply

__all__ = ["Listing", "read_whole"]

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
            page = _Page(reply, f"page {number} of {self._path}", self._http.livemode)
            cursor = self._take(page)
            if not page.has_more:
                return Listing(self._items, reply.request_id)
            if cursor is None:
                raise page.malformed("is empty and says that more follows")
        raise MalformedReply(f"the list {self._path} has more than {self._max_pages} pages; it was not read to its end")

    def _page(self, cursor: str | None, deadline: Deadline) -> Reply | None:
        params = self._params if cursor is None else {**self._params, "starting_after": cursor}
        try:
            return self._http.get(self._path, params, deadline=deadline)
        except ResourceMissing as missing:
            if cursor is None or not _is_about(missing, cursor):
                raise
            return None

    def _take(self, page: _Page) -> str | None:
        """Take a page's items; give the id of its last, after which the next page begins."""
        last: str | None = None
        for index, value in enumerate(page.data):
            where = f"data[{index}] of {page.name}"
            item = read(self._model, value, livemode=page.livemode, request_id=page.request_id, where=where)
            last = cast("str", getattr(item, "id"))  # noqa: B009 - every listed object has an id
            if last in self._seen:
                raise page.malformed("holds an item seen before, so the reading gets nowhere")
            self._seen.add(last)
            self._items.append(item)
        return last


class _Page:
    """One page, checked as an envelope; its items are not."""

    def __init__(self, reply: Reply, name: str, livemode: bool | None) -> None:  # noqa: FBT001 - it may be unknown
        self.name = name
        self.livemode = livemode
        self.request_id = reply.request_id
        if reply.body.get("object") != "list":
            raise self.malformed("is not a list")
        self.data = self._data(reply.body)
        self.has_more = self._has_more(reply.body)
        check_mode(reply.body.get("livemode"), livemode, request_id=self.request_id, where=name)

    def _data(self, body: Mapping[str, object]) -> list[object]:
        data = body.get("data")
        if not isinstance(data, list):
            raise self.malformed("has no `data` that is a list")
        return cast("list[object]", data)

    def _has_more(self, body: Mapping[str, object]) -> bool:
        has_more = body.get("has_more")
        if not isinstance(has_more, bool):
            raise self.malformed("does not say in `has_more` whether more follows")
        return has_more

    def malformed(self, what: str) -> MalformedReply:
        return MalformedReply(f"{self.name} {what}; nothing is concluded from it", request_id=self.request_id)


def _is_about(missing: ResourceMissing, cursor: str) -> bool:
    """Say whether it is the cursor that is gone, and not what the list was asked for."""
    return missing.param == "starting_after" or (missing.param is None and cursor in str(missing))
