"""Who visits the application: an HTTP client that remembers nothing between two visits."""

from __future__ import annotations

from dataclasses import dataclass
from http.client import responses
from threading import Event
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import requests

from entitlements.demo.site import SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["Browser", "Page"]

_PATIENCE: Final = 10.0  # seconds for one answer, and for an answer to become another one


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the application.

    Attributes:
        status: the HTTP status.
        body: the JSON; empty when it is no object.
        headers: their names in any case.
        seconds: from the request to the answer.
        at: when the answer was there, by `perf_counter`.
    """

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]
    seconds: float
    at: float

    @property
    def title(self) -> str:
        """Name the status, as in `402 Payment Required`."""
        return f"{self.status} {responses.get(self.status, '')}".rstrip()


class Browser:
    """Open the application's pages, signed in as one user or another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # loopback is reached without a proxy

    def open(self, path: str, user: str) -> Page:
        """Open a page once."""
        began = perf_counter()
        response = self._session.get(f"{self._url}{path}", cookies={SESSION: user}, timeout=_PATIENCE)
        now = perf_counter()
        return Page(response.status_code, _json(response), response.headers, now - began, now)

    def open_until(
        self, path: str, user: str, wanted: Callable[[Page], bool], *, every: float = 0.001, seconds: float = _PATIENCE
    ) -> tuple[Page, ...]:
        """Open a page again and again until it is what one waits for, or time is up; give every answer."""
        pages = [self.open(path, user)]
        until = perf_counter() + seconds
        pause = Event()
        while not wanted(pages[-1]) and perf_counter() < until:
            pause.wait(every)
            pages.append(self.open(path, user))
        return tuple(pages)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()


def _json(response: requests.Response) -> Mapping[str, object]:
    try:
        body: object = response.json()
    except ValueError:
        return {}
    return cast("dict[str, object]", body) if isinstance(body, dict) else {}
