"""A site as gunicorn preloads it: built before the fork, it asks about one customer and takes Stripe's webhooks.

The environment says the rest: STRIPE_API_KEY, STRIPE_API_BASE, and

SITE_CUSTOMER  whom to ask about
SITE_SHARED    what to share with processes that are no forks, if anything
SITE_BEFORE    what the master does before it forks: nothing, `ask`, or `be-asking` until the file SITE_GO is there
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import planted

if "PLANTED_BUG" in os.environ and "entitlements" not in sys.modules:
    planted.plant(os.environ["PLANTED_BUG"])

from controlled import wait_for
from signed import SECRET

from entitlements import Entitlements, Limits
from entitlements.web.asgi import webhook_endpoint as asgi_webhook
from entitlements.web.wsgi import webhook_endpoint as wsgi_webhook

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from entitlements.web.asgi_types import Receive, Scope, Send

CUSTOMER = os.environ["SITE_CUSTOMER"]
_SHARED = {"shared_path": path} if (path := os.environ.get("SITE_SHARED")) else {}

# The deadline is a busy machine's: a worker may be kept waiting for seconds, by nobody's fault.
ents = Entitlements(webhook_secrets=[SECRET], limits=Limits(deadline=20), **_SHARED)  # type: ignore[arg-type]  # **given
_wsgi_hook, _asgi_hook = wsgi_webhook(ents), asgi_webhook(ents)


def _prepare(before: str) -> None:
    if before == "ask":
        assert ents.has_feature(CUSTOMER, "exports")
    elif before == "be-asking":
        threading.Thread(target=ents.has_feature, args=(CUSTOMER, "exports"), daemon=True).start()
        wait_for(Path(os.environ["SITE_GO"]).exists)


def _told(has: bool) -> bytes:  # noqa: FBT001 - the answer
    threads = {thread.native_id: thread.name for thread in threading.enumerate()}
    return json.dumps({"pid": os.getpid(), "has": has, "threads": threads}).encode()


def wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/stripe":
        return _wsgi_hook(environ, start_response)
    body = _told(ents.has_feature(CUSTOMER, "exports"))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        return
    if scope["path"] == "/stripe":
        await _asgi_hook(scope, receive, send)
        return
    body = _told(await ents.ahas_feature(CUSTOMER, "exports"))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_prepare(os.environ.get("SITE_BEFORE", ""))
