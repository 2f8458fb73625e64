"""What every gate owes, owed by Django's: under WSGI and ASGI, by every kind of view."""

from __future__ import annotations

from web_django import KINDS, SCRIPT, shop_project

from entitlements.testing.gate_contract import GateContract


class TestDjangoOnWSGI(GateContract):
    """Views of every kind, plain and async, in a project served by threads."""

    kinds = tuple(KINDS)
    mounts = ("", SCRIPT, "/a/b")

    def serve(self, shop, endpoints, *, mount="", **application):
        return shop_project(shop, endpoints, mount=mount, on_asgi=False, **application)


class TestDjangoOnASGI(GateContract):
    """The same views in a project served by an event loop."""

    kinds = tuple(KINDS)
    mounts = ("", SCRIPT, "/a/b")

    def serve(self, shop, endpoints, *, mount="", **application):
        return shop_project(shop, endpoints, mount=mount, on_asgi=True, **application)
