"""What every gate owes, owed by Flask's."""

from __future__ import annotations

from contextlib import contextmanager

from web_exchange import exchanging, mounted
from web_flask import KINDS, shop_app

from entitlements.testing.gate_contract import GateContract


class TestFlask(GateContract):
    """Views of every kind, in blueprints and out of them, at the root and under prefixes."""

    kinds = tuple(KINDS)
    mounts = ("", "/shop", "/a/b")

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **application):
        yield exchanging(mounted(shop_app(shop, endpoints, **application), mount))
