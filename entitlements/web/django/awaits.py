"""Whether Django awaits what a callable gives."""

from __future__ import annotations

from asgiref.sync import iscoroutinefunction  # pyright: ignore[reportDeprecated] - before 3.12 only this sees Django's marks

__all__ = ["awaits"]


def awaits(callback: object) -> bool:
    """Say whether a callable is a coroutine function, or marked as good as one, as an async class's `as_view()` is.

    >>> async def view(request): ...
    >>> awaits(view), awaits(len)
    (True, False)
    """
    call = getattr(callback, "__call__", None)  # noqa: B004 - an object of whose class that is async
    return any(callable(each) and iscoroutinefunction(each) for each in (callback, call))  # pyright: ignore[reportDeprecated] - see above
