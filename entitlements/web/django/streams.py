"""Streamed bodies: made with the request's view bound at each step, and at no other time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.http import StreamingHttpResponse

from entitlements.bound import bind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from django.http.response import HttpResponseBase

    from entitlements.customer import RequestView

__all__ = ["bound_body"]


def bound_body(view: RequestView, response: HttpResponseBase) -> HttpResponseBase:
    """Bind a view around each step of a response's body; a file is left to the server, which sends it best."""
    if not isinstance(response, StreamingHttpResponse) or getattr(response, "file_to_stream", None) is not None:
        return response
    body: Any = response.streaming_content
    response.streaming_content = _AsyncSteps(view, body) if response.is_async else _Steps(view, body)
    cast("Any", response).close = _bound_close(view, response.close)
    return response


class _Steps:
    """A body made by a thread."""

    def __init__(self, view: RequestView, body: Iterator[bytes]) -> None:
        self._view = view
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with bind(self._view):
            return next(self._body)


class _AsyncSteps:
    """A body made by a task."""

    def __init__(self, view: RequestView, body: AsyncIterator[bytes]) -> None:
        self._view = view
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        with bind(self._view):
            return await anext(self._body)


def _bound_close(view: RequestView, close: Callable[[], None]) -> Callable[[], None]:
    """Bind the view while a body that ends early cleans up after itself."""

    def bound_close() -> None:
        with bind(view):
            close()

    return bound_close
