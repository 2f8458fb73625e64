"""What type checkers see of FastAPI's integration: a dependency, and the decision it gives. Checked, and never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, assert_type

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket

from entitlements import Decision, Entitlements, requires_feature
from entitlements.web.fastapi import EntitlementsMiddleware, RequiresFeature, install, webhook_router

if TYPE_CHECKING:
    from fastapi.params import Depends as Dependency
    from starlette.requests import HTTPConnection

ents = Entitlements("sk_test_123", webhook_secrets=["whsec_123"])


def org(request: Request, org_id: int) -> str:
    return f"cus_{org_id}"


async def current(connection: HTTPConnection) -> object:
    return connection.user


exports = RequiresFeature("exports")
gates = [
    RequiresFeature("exports", "sso", customer=org),
    RequiresFeature(any_of=["exports", "sso"], customer=current, entitlements=ents, hide=True),
    RequiresFeature("exports", customer=Depends(org), status=403, upgrade_url="/pricing"),
]
app = FastAPI(dependencies=gates)
router = APIRouter(dependencies=[exports])
given: Dependency = exports
assert_type(webhook_router(ents, "/hook"), APIRouter)


@app.get("/", dependencies=[exports])
async def page(decision: Annotated[Decision, exports]) -> bool:
    assert_type(decision, Decision)
    return bool(decision)


@app.websocket("/live", dependencies=gates)
async def live(websocket: WebSocket) -> None:
    await websocket.accept()


@router.post("/decorated")
@requires_feature("exports")
def decorated(number: int) -> str:
    return str(number)


assert_type(decorated(1), str)
app.include_router(router, dependencies=[exports])
app.include_router(webhook_router(ents))
app.add_middleware(EntitlementsMiddleware, entitlements=ents, customer=current)
install(app, ents)
install(app, ents, current, upgrade_url="/pricing")
