"""FastAPI applications in which a gate is written that FastAPI doesn't put in force, and what is to be said of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, FastAPI, WebSocket

from entitlements import Decision as ImportedDecision
from entitlements import requires_feature
from entitlements.web.fastapi import RequiresFeature

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements import Decision

    Alias = Annotated[Decision, RequiresFeature("exports")]

__all__ = ["APPS"]

Two: TypeAlias = Annotated[ImportedDecision, RequiresFeature("exports"), RequiresFeature("sso")]


def _opened() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/open", _anything)
    return app


async def _anything() -> str:
    return "open"


def _unresolved() -> tuple[FastAPI, str]:
    app = _opened()

    @app.get("/lost")
    async def lost(decision: Annotated[Decision, RequiresFeature("exports")] = None) -> str:  # type: ignore[assignment]
        return "ran"

    return app, "can't be resolved"


def _of_a_dependency() -> tuple[FastAPI, str]:
    app = _opened()

    def found(decision: Annotated[Decision, RequiresFeature("exports")] = None) -> str:  # type: ignore[assignment]
        return "found"

    app.add_api_route("/lost", _anything, dependencies=[Depends(found)])
    return app, "can't be resolved"


def _two_in_one() -> tuple[FastAPI, str]:
    app, router = _opened(), APIRouter()

    @router.get("/lost")
    async def lost(decision: Two) -> str:
        return "ran"

    app.include_router(router)
    return app, "several dependencies"


def _of_a_mounted_application() -> tuple[FastAPI, str]:
    app = _opened()
    app.mount("/sub", _two_in_one()[0])
    return app, "several dependencies"


def _above_the_route() -> tuple[FastAPI, str]:
    app = _opened()

    @requires_feature("exports")
    @app.get("/lost")
    async def lost() -> str:
        return "ran"

    return app, "the route leads past the gate"


def _above_a_router_s_websocket() -> tuple[FastAPI, str]:
    app, router = _opened(), APIRouter()
    app.add_api_route("/lost", _anything)

    @requires_feature("exports")
    @router.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()

    app.include_router(router)
    return app, "the route leads past the gate"


def _aliased() -> tuple[FastAPI, str]:
    app = _opened()

    @app.get("/lost")
    async def lost(gate: Alias = None) -> str:  # type: ignore[assignment]
        return "ran"

    return app, "can't be resolved"


def _included_with_a_decorator() -> tuple[FastAPI, str]:
    app, router = _opened(), APIRouter()
    router.add_api_route("/lost", _anything)
    app.include_router(router, dependencies=[Depends(requires_feature("exports"))])
    return app, "is a decorator, not a dependency"


APPS: Final[dict[str, Callable[[], tuple[FastAPI, str]]]] = {
    "unresolved": _unresolved,
    "of a dependency": _of_a_dependency,
    "two in one": _two_in_one,
    "of a mounted application": _of_a_mounted_application,
    "included with a decorator": _included_with_a_decorator,
    "above the route": _above_the_route,
    "above a router's WebSocket": _above_a_router_s_websocket,
    "aliased": _aliased,
}
