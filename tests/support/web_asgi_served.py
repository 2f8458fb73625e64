"""One application for each ASGI framework, for a server in a process of its own: `uvicorn web_asgi_served:...`."""

from __future__ import annotations

from web_asgi_endpoints import asgi_app
from web_fastapi import fastapi_app
from web_starlette import customer_of, starlette_app

from entitlements.testing import Shop
from entitlements.web import fastapi, starlette

__all__ = ["asgi_site", "fastapi_site", "starlette_site"]

_HOOK = "/stripe/webhook"
_shop = Shop()
_endpoints = [_shop.endpoint("/page", "async def"), _shop.endpoint("/live", "websocket")]

asgi_site = asgi_app(_shop, _endpoints, "", _HOOK)
starlette_site = starlette_app(_shop, _endpoints, "", _HOOK)
starlette.install(starlette_site, _shop.ents, customer_of(_shop))
fastapi_site = fastapi_app(_shop, _endpoints, "", _HOOK)
fastapi.install(fastapi_site, _shop.ents, customer_of(_shop))
