"""What an audit finds, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.requirement import Requirement

__all__ = ["Audit", "Mistake", "Route"]


@dataclass(frozen=True, slots=True)
class Route:
    """One way into an application.

    Attributes:
        path: as the framework writes it, with its placeholders and with where it is mounted.
        methods: in capitals, sorted; "WEBSOCKET" for a WebSocket.
        endpoint: the name of what answers.
        gates: what a request has to hold to get in, from the outermost gate inwards.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: str
    gates: tuple[Requirement, ...] = ()

    def __str__(self) -> str:
        return f"{'|'.join(self.methods) or 'any'} {self.path}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A gate that doesn't do what its author meant.

    Attributes:
        route: where.
        message: what is wrong, and what to do.
    """

    route: Route
    message: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found: true when there is no mistake among it.

    Attributes:
        routes: all of them, in the framework's order.
        mistakes: in the order of the routes.
        unseen: parts of the application whose routes can't be listed.
    """

    routes: tuple[Route, ...]
    mistakes: tuple[Mistake, ...] = ()
    unseen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return not self.mistakes
