from __future__ import annotations

import json

import pytest
from web_uvicorn import uvicorn_process, wire

from entitlements.testing import Ask


@pytest.mark.parametrize("site", ["asgi_site", "starlette_site", "fastapi_site"])
def test_a_process_of_its_own_answers_as_it_should(site):
    """uvicorn, started as anyone starts it: pages, a real WebSocket's handshake, and the webhook."""
    with uvicorn_process(f"web_asgi_served:{site}") as port:

        def statuses(path, method):
            return [wire(port, Ask(path, who, method)).status for who in ("one", "none", "nobody", "new", "unsure")]

        assert statuses("/page", "GET") == [200, 402, 403, 402, 503]
        assert statuses("/live", "WEBSOCKET") == [101, 402, 403, 402, 503]
        assert wire(port, Ask("/live", "one", "WEBSOCKET")).body == b"this is /live"
        refused = wire(port, Ask("/live", "none", "WEBSOCKET"))
        assert json.loads(refused.body)["reason"] == "not_entitled"
        assert refused.headers["cache-control"] == "private, no-store"
        unsigned = {"Stripe-Signature": "t=1,v1=00", "Content-Type": "application/json"}
        assert wire(port, Ask("/stripe/webhook", None, "POST", unsigned, b"{}")).status == 400
        assert wire(port, Ask("/stripe/webhook")).headers["allow"] == "POST"
