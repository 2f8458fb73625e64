"""What every gate owes, owed by the bare WSGI middleware around plain applications."""

from __future__ import annotations

from contextlib import contextmanager

from web_bare import KINDS, bare_app
from web_exchange import exchanging, mounted

from entitlements.testing.gate_contract import GateContract


class TestWSGI(GateContract):
    """Callables of every kind, at the root and under prefixes."""

    kinds = tuple(KINDS)
    mounts = ("", "/shop", "/a/b")
    hides_as_its_own = False  # a bare application has no words of its own for what isn't there: it gives a `handler=`

    @contextmanager
    def serve(self, shop, endpoints, *, mount="", **application):
        yield exchanging(mounted(bare_app(shop, endpoints, **application), mount))
