"""Webhook endpoints: who hears of events."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from entitlements.emulator.ids import new_id
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, page
from entitlements.emulator.wire.params import Choice, Flag, Items, Metadata, Text, given, merged
from entitlements.emulator.wire.routes import Call, Route

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec

__all__ = ["EVENT_TYPES", "ROUTES"]

EVENT_TYPES = tuple(files("entitlements.emulator.resources").joinpath("event_types.txt").read_text("utf-8").split())

_KIND = "webhook_endpoint"
_WHAT = "webhook endpoint"
_MOST = 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WRITE: Spec = {
    "description": Text(unsets=True),
    "enabled_events": Items(Choice(EVENT_TYPES)),
    "metadata": Metadata(),
    "url": Text(),
}
_CREATE: Spec = {
    **_WRITE,
    "api_version": Text(40),
    "connect": Flag(),
    "enabled_events": Items(Choice(EVENT_TYPES), required=True),
    "url": Text(required=True),
}


def create(call: Call) -> Json:
    _check(call)
    if len(call.tx.all(_KIND)) >= _MOST:
        raise invalid(f"You have reached the maximum of {_MOST} test webhook endpoints.")
    endpoint: Json = {
        "id": new_id("we_1", 23),
        "object": "webhook_endpoint",
        "api_version": call.params.get("api_version"),
        "application": None,
        "connect": call.params.get("connect", False),  # never told: it decides whose events come
        "created": call.now,
        "description": call.params.get("description"),
        "enabled_events": call.params["enabled_events"],
        "livemode": False,
        "metadata": merged({}, call.params.get("metadata")),
        "secret": new_id("whsec_", 32),
        "status": "enabled",
        "url": call.params["url"],
    }
    return _created(call.tx.add(_KIND, endpoint))


def _check(call: Call) -> None:
    if call.params.get("enabled_events") == []:
        raise invalid("Invalid array: enabled_events must name at least one event type.", "enabled_events")
    version = call.params.get("api_version")
    if version is not None and not _VERSION.fullmatch(version):
        raise invalid(f"Invalid Stripe API version: {version}", "api_version")
    url = call.params.get("url")
    if url is not None and not _acceptable(url):
        message = (
            "Invalid URL: webhook URLs must begin with https://, or with http:// and name this machine (localhost)."
        )
        raise invalid(message, "url", "url_invalid")


_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_VERSION = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9](\.[a-z]+)?")


def _acceptable(url: str) -> bool:
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no port
    except ValueError:
        return False
    host = parts.hostname or ""
    return (parts.scheme == "https" and all(map(_LABEL.fullmatch, host.split(".")))) or (
        parts.scheme == "http" and parts.hostname in _LOOPBACK
    )


def _load(call: Call) -> Json:
    endpoint = call.tx.get(_KIND, call.ids["webhook_endpoint"])
    if endpoint is None:
        raise no_such(_WHAT, call.ids["webhook_endpoint"])
    return endpoint


def _rendered(endpoint: Json) -> Json:
    """Keep the secret back: only the answer to the creation tells it."""
    return {name: value for name, value in _created(endpoint).items() if name != "secret"}


def _created(endpoint: Json) -> Json:
    return {name: value for name, value in endpoint.items() if name != "connect"}


def retrieve(call: Call) -> Json:
    return _rendered(_load(call))


def list_endpoints(call: Call) -> Json:
    return page(call, _KIND, _WHAT, _rendered)


def update(call: Call) -> Json:
    _check(call)
    before = _load(call)
    after = {**before, **given(call.params, ("description", "enabled_events", "url"))}
    if "metadata" in call.params:
        after["metadata"] = merged(before["metadata"], call.params["metadata"])
    if "disabled" in call.params:
        after["status"] = "disabled" if call.params["disabled"] else "enabled"
    return _rendered(call.tx.put(_KIND, after))


def delete(call: Call) -> Json:
    endpoint = _load(call)
    call.tx.drop(_KIND, endpoint["id"])
    call.tx.sql("UPDATE deliveries SET state = 'dropped' WHERE endpoint = ? AND state = 'pending'", (endpoint["id"],))
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


ROUTES = (
    Route("POST", "/v1/webhook_endpoints", create, _CREATE),
    Route("GET", "/v1/webhook_endpoints", list_endpoints, PAGE),
    Route("GET", "/v1/webhook_endpoints/{webhook_endpoint}", retrieve),
    Route("POST", "/v1/webhook_endpoints/{webhook_endpoint}", update, {**_WRITE, "disabled": Flag()}),
    Route("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", delete, expands=False),
)
