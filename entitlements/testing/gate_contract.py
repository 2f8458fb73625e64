"""What every gate owes, in whatever framework: subclass this, say how to exchange a request, and run pytest."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest

from entitlements.bound import bound_view
from entitlements.errors import StripeError
from entitlements.gate import requires_feature
from entitlements.resolver import Entitlements
from entitlements.settings import Limits
from entitlements.sources.contract import Holding
from entitlements.testing.path_variants import path_variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from entitlements.clocks import Deadline

__all__ = ["Ask", "Endpoint", "GateContract", "Reply", "Shop"]

_SECRET: Final = "whsec_gate_contract"  # noqa: S105 - a test's own
_JSON: Final = "application/json"
_BROWSER: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_WHO: Final = ("one", "both", "none", "nobody", "new", "unsure")
_GATES: Final[dict[str, tuple[tuple[str, ...], dict[str, Any], dict[str, int]]]] = {
    # what a gate names, and the status that each visitor gets
    "one": (("exports",), {}, {"one": 200, "both": 200, "none": 402, "nobody": 403, "new": 402, "unsure": 503}),
    "all": (("exports", "sso"), {}, {"one": 402, "both": 200, "none": 402, "nobody": 403, "new": 402, "unsure": 503}),
    "any": ((), {"any_of": ["exports", "sso"]}, {"one": 200, "both": 200, "none": 402, "nobody": 403, "unsure": 503}),
}


@dataclass(frozen=True)
class Ask:
    """One request.

    Attributes:
        path: as it goes over the wire, percent signs and all, with the query.
        who: what the `X-Who` header says; `shop.customer` makes a customer of it. No header without it.
        method: in capitals; "WEBSOCKET" opens one.
        headers: more of them.
    """

    path: str
    who: str | None = None
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What came back: a status, headers by lower-case name, and the body as far as it came.

    A WebSocket that was accepted and not closed is 101 with its first message; else it is the handshake's status, or
    the code it was closed with.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Endpoint:
    """Something to be gated: `requires_feature(*features, **options)`, or what your framework has in its place.

    Its body calls `run()` and answers with the text that gives; a streamed one sends each of `steps()`, in order.

    Attributes:
        path: where it is served.
        kind: which of your `kinds` it is to be.
        features: the lookup keys, by position.
        options: the gate's other arguments.
        methods: what it answers to.
        run: gives the text of the answer.
        steps: gives the texts of a streamed one.
    """

    path: str
    kind: str
    features: tuple[str, ...]
    options: Mapping[str, Any]
    methods: tuple[str, ...]
    run: Callable[[], str]
    steps: Callable[[], Iterator[str]]


class Shop:
    """The application around the gates: its customers, its instance, and a note of every body that ran.

    Attributes:
        ents: the instance to ask.
        ran: the paths of the endpoints whose bodies ran.
        lookups: whom the source was asked about.
    """

    def __init__(self) -> None:
        self.held = {"cus_one": {"exports"}, "cus_both": {"exports", "sso"}, "cus_none": set[str]()}
        self.ran: list[str] = []
        self.lookups: list[str] = []
        limits = Limits(requests_per_second=10_000)
        self.ents = Entitlements(source=self, webhook_secrets=[_SECRET], strict=False, limits=limits)

    def customer(self, who: str | None) -> object:
        """Give what an application's `customer=` returns for somebody: an id, an object, or `None`."""
        if who is None or who == "nobody":
            return None
        return _NeverBought() if who == "new" else f"cus_{who}"

    def fetch(self, customer: str, deadline: Deadline) -> Holding:
        """Be the source: say what a customer holds, and fail for the one of whom nothing can be told."""
        del deadline
        self.lookups.append(customer)
        if customer not in self.held:
            raise StripeError("nothing can be told of this one", status=500)
        return Holding(frozenset(self.held[customer]))

    def endpoint(  # noqa: PLR0913 - an Endpoint's own
        self,
        path: str,
        kind: str,
        run: Callable[[], str] | None = None,
        *,
        steps: Callable[[], Iterator[str]] | None = None,
        features: tuple[str, ...] = ("exports",),
        options: Mapping[str, Any] | None = None,
        methods: tuple[str, ...] = ("GET",),
    ) -> Endpoint:
        """Make an endpoint that notes when its body runs."""

        def noted() -> str:
            self.ran.append(path)
            return run() if run is not None else f"this is {path}"

        def usual_steps() -> Iterator[str]:
            yield noted()
            yield "the end"

        return Endpoint(path, kind, features, options or {}, methods, noted, steps or usual_steps)


class _NeverBought:
    stripe_customer_id = None


class GateContract:
    """The promises of a gate. Subclass it, and say how an application of yours is served.

    Attributes:
        kinds: the kinds of callables and classes that can be gated, as you call them. "stream" is a streamed body, and
            "websocket" a WebSocket; every other kind answers with a text.
        mounts: prefixes under which the application can be served; `serve` gets endpoints with the prefix in the path.
        hides_as_its_own: whether something hidden looks exactly as something that isn't there.
        webhook: the path at which `serve` puts the webhook's endpoint.

    Example:
        class TestMine(GateContract):
            kinds = ("def", "async def", "stream")

            @contextmanager
            def serve(self, shop, endpoints, *, mount="", **application):
                app = MyFramework()
                MyEntitlements(app, shop.ents, customer=lambda request: shop.customer(request.headers.get("X-Who")),
                               **application)
                for endpoint in endpoints:
                    app.route(endpoint.path, methods=endpoint.methods)(view_of(endpoint))
                with TestClient(app) as client:
                    yield lambda ask: reply_of(client, ask)
    """

    kinds: ClassVar[tuple[str, ...]] = ("def",)
    mounts: ClassVar[tuple[str, ...]] = ("",)
    hides_as_its_own: ClassVar[bool] = True
    webhook: ClassVar[str] = "/stripe/webhook"

    def serve(
        self,
        shop: Shop,
        endpoints: list[Endpoint],
        *,
        mount: str = "",
        **application: Any,  # noqa: ANN401 - what an application says: `upgrade_url`, `status`, `hide`
    ) -> AbstractContextManager[Callable[[Ask], Reply]]:
        """Serve endpoints, and the webhook, under a prefix; give what exchanges a request for a reply."""
        raise NotImplementedError("a GateContract needs to know how your framework serves: override `serve`")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Try every kind, under every mount."""
        for name, several in (
            ("kind", self.kinds),
            ("plain_kind", [kind for kind in self.kinds if kind not in {"stream", "websocket"}]),
            ("mount", self.mounts),
        ):
            if name in metafunc.fixturenames and "gate" not in metafunc.fixturenames:
                metafunc.parametrize(name, several)
        if "gate" in metafunc.fixturenames:  # every way to name features where it is usual, and one wherever else
            home, *elsewhere = self.mounts
            places = [(gate, home) for gate in _GATES] + [("one", mount) for mount in elsewhere]
            metafunc.parametrize("kind", self.kinds)
            metafunc.parametrize(("gate", "mount"), places)

    @pytest.fixture
    def shop(self) -> Iterator[Shop]:
        """Open a shop."""
        shop = Shop()
        with shop.ents:
            yield shop
        assert bound_view() is None

    # --- who may, and who may not ------------------------------------------------------------------------------------

    def test_the_body_runs_for_whoever_may_and_for_nobody_else(
        self, shop: Shop, kind: str, mount: str, gate: str
    ) -> None:
        """Entitled 200, not entitled or never bought 402, nobody 403, cannot tell 503; any of, all of, any method."""
        features, options, expected = _GATES[gate]
        methods = ("WEBSOCKET",) if kind == "websocket" else _METHODS
        served = () if kind == "websocket" else tuple(set(_METHODS) - {"OPTIONS", "HEAD"})
        endpoint = shop.endpoint("/gated", kind, features=features, options=options, methods=served or ("GET",))
        with self.serve(shop, [endpoint], mount=mount) as exchange:
            for who in (who for who in _WHO if who in expected):
                for method in methods:
                    del shop.ran[:]
                    reply = exchange(Ask(f"{mount}/gated", who, method))
                    self._is_judged(shop, reply, method, expected[who])

    @staticmethod
    def _is_judged(shop: Shop, reply: Reply, method: str, status: int) -> None:
        if status != 200:
            assert shop.ran == []
        if method == "WEBSOCKET":
            assert (reply.status == 101) is (status == 200)
        elif method == "OPTIONS":  # a framework may answer it by itself
            assert status == 200 or b"this is" not in reply.body
        elif method == "HEAD":
            assert reply.body == b""
            assert reply.status in {status, 405}
        else:
            assert (reply.status, shop.ran) == (status, ["/gated"] if status == 200 else [])
            assert (b"this is /gated" in reply.body) is (status == 200)

    def test_no_header_makes_another_method_of_a_request(self, shop: Shop, plain_kind: str) -> None:
        """What a request asks to be taken for changes nothing about who may."""
        endpoint = shop.endpoint("/gated", plain_kind, methods=("GET", "POST"))
        with self.serve(shop, [endpoint]) as exchange:
            for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
                for method in ("GET", "POST"):
                    for other in ("OPTIONS", "HEAD", "GET", "TRACE", "DELETE"):
                        exchange(Ask("/gated?_method=OPTIONS", "none", method, {name: other}))
        assert shop.ran == []

    def test_of_500_ways_to_write_a_path_none_goes_round_the_gate(self, shop: Shop) -> None:
        """Whatever way leads to the endpoint leads through its gate."""
        endpoint = shop.endpoint("/gated/report", self.kinds[0], methods=("GET", "POST"))
        with self.serve(shop, [endpoint]) as exchange:
            variants = path_variants("/gated/report", 500)
            for path in variants:
                with suppress(ValueError, OSError):  # a client may refuse to send what no server should be sent
                    exchange(Ask(path, "none"))
            assert shop.ran == []
            assert exchange(Ask("/gated/report", "one")).status == 200
        assert len(set(variants)) == 500
        assert shop.ran == ["/gated/report"]

    # --- how a refusal looks -----------------------------------------------------------------------------------------

    def test_a_no_says_what_is_missing(self, shop: Shop, plain_kind: str) -> None:
        """RFC 9457 for a client, in the same members everywhere, kept out of caches, naming no customer."""
        with self.serve(shop, [shop.endpoint("/gated", plain_kind)]) as exchange:
            reply = exchange(Ask("/gated", "none", headers={"Accept": _JSON}))
        assert reply.headers["content-type"].partition(";")[0] == "application/problem+json"
        assert json.loads(reply.body) == {
            "type": "urn:entitlements:feature-required",
            "title": "Plan upgrade required",
            "status": 402,
            "detail": "“exports” is not part of the current plan.",
            "feature": "exports",
            "reason": "not_entitled",
            "unlock_with": [],
        }
        assert reply.headers["cache-control"] == "private, no-store"
        assert b"cus_" not in reply.body

    def test_a_person_is_sent_to_the_upgrade_page(self, shop: Shop, plain_kind: str) -> None:
        """A browser on its way to a page goes to where the feature is sold, and back."""
        with self.serve(shop, [shop.endpoint("/gated", plain_kind)], upgrade_url="/pricing") as exchange:
            page = exchange(Ask("/gated?y=1", "none", headers={"Accept": _BROWSER}))
            data = exchange(Ask("/gated", "none", headers={"Accept": _JSON}))
        assert (page.status, page.headers["location"]) == (303, "/pricing?feature=exports&next=%2Fgated%3Fy%3D1")
        assert (data.status, json.loads(data.body)["upgrade_url"]) == (402, "/pricing?feature=exports")

    def test_not_knowing_is_never_an_invitation_to_buy(self, shop: Shop, plain_kind: str) -> None:
        """R21: cannot tell is 503 with a time to come back, for a person and for a client."""
        with self.serve(shop, [shop.endpoint("/gated", plain_kind)], upgrade_url="/pricing") as exchange:
            for accept, kind in ((_BROWSER, "text/html"), (_JSON, "application/problem+json")):
                reply = exchange(Ask("/gated", "unsure", headers={"Accept": accept}))
                assert (reply.status, reply.headers["content-type"].partition(";")[0]) == (503, kind)
                assert int(reply.headers["retry-after"]) >= 1
                assert b"pricing" not in reply.body

    def test_nobody_is_sent_a_bill(self, shop: Shop, plain_kind: str) -> None:
        """Whoever isn't signed in gets 403, with nothing to buy."""
        with self.serve(shop, [shop.endpoint("/gated", plain_kind)], upgrade_url="/pricing") as exchange:
            for accept in (_BROWSER, _JSON):
                reply = exchange(Ask("/gated", headers={"Accept": accept}))
                assert (reply.status, json.loads(reply.body)["reason"]) == (403, "anonymous")
                assert "unlock_with" not in json.loads(reply.body)

    def test_something_hidden_looks_as_if_it_were_not_there(self, shop: Shop, plain_kind: str) -> None:
        """`hide=True` answers 404, as a path does that leads nowhere; cannot tell stays 503."""
        hidden = shop.endpoint("/gated", plain_kind, options={"hide": True})
        with self.serve(shop, [hidden]) as exchange:
            reply, nothing = exchange(Ask("/gated", "none")), exchange(Ask("/other", "none"))
            assert reply.status == nothing.status == 404
            assert b"exports" not in reply.body
            if self.hides_as_its_own:
                assert reply.body.replace(b"gated", b"other") == nothing.body
                assert reply.headers["content-type"] == nothing.headers["content-type"]
            assert exchange(Ask("/gated", "unsure")).status == 503
            assert exchange(Ask("/gated", "one")).status == 200

    def test_a_gate_s_own_terms_go_first(self, shop: Shop, plain_kind: str) -> None:
        """What one gate says of status, hiding and the page that sells goes before what the application says."""
        endpoints = [
            shop.endpoint("/usual", plain_kind),
            shop.endpoint("/status", plain_kind, options={"status": 451}),
            shop.endpoint("/shown", plain_kind, options={"hide": False}),
            shop.endpoint("/page", plain_kind, options={"hide": False, "upgrade_url": "/other"}),
        ]
        with self.serve(shop, endpoints, hide=True, upgrade_url="/pricing") as exchange:
            statuses = [exchange(Ask(endpoint.path, "none")).status for endpoint in endpoints]
            page = exchange(Ask("/page", "none", headers={"Accept": _BROWSER}))
        assert statuses == [404, 451, 402, 402]
        assert page.headers["location"].startswith("/other?")

    def test_an_application_s_status(self, shop: Shop, plain_kind: str) -> None:
        """`status=` is the application's own, for a no and for nothing else."""
        with self.serve(shop, [shop.endpoint("/gated", plain_kind)], status=403) as exchange:
            statuses = {who: exchange(Ask("/gated", who)).status for who in _WHO}
        assert statuses == {"one": 200, "both": 200, "none": 403, "nobody": 403, "new": 403, "unsure": 503}

    # --- one request, one truth --------------------------------------------------------------------------------------

    def test_forty_checks_cost_one_look_up_and_agree(self, shop: Shop, plain_kind: str) -> None:
        """R89: a webhook that lands in the midst of a page changes nothing on that page, and everything on the next."""

        def page() -> str:
            view = bound_view()
            assert view is not None
            answers = ["exports" in view for _ in range(20)]
            shop.held["cus_one"] = set()
            shop.ents.invalidate("cus_one")
            answers += ["exports" in view for _ in range(19)]
            return str([*answers, bool(view.features)].count(True))

        with self.serve(shop, [shop.endpoint("/gated", plain_kind, page)]) as exchange:
            reply = exchange(Ask("/gated", "one"))
            assert (reply.status, b"40" in reply.body, shop.lookups) == (200, True, ["cus_one"])
            assert exchange(Ask("/gated", "one")).status == 402

    def test_a_stream_asks_again_after_a_revocation(self, shop: Shop) -> None:
        """R48: what is sent after a change was acknowledged is sent to whoever may have it by then."""
        if "stream" not in self.kinds:
            pytest.skip("no streamed bodies here")

        def steps() -> Iterator[str]:
            yield "the beginning"
            shop.held["cus_one"] = set()
            shop.ents.invalidate("cus_one")
            view = bound_view()
            assert view is not None
            view.ask_again()
            yield requires_feature("exports")(lambda: "the end")()

        with self.serve(shop, [shop.endpoint("/gated", "stream", steps=steps)]) as exchange:
            try:
                body = exchange(Ask("/gated", "one")).body
            except Exception as error:  # noqa: BLE001 - however a framework's client says that a body broke off
                body = str(error).encode()
        assert b"the end" not in body

    def test_an_error_in_a_body_leaves_nothing_behind(self, shop: Shop, plain_kind: str) -> None:
        """However a request ends, the next one on the same thread is judged for whoever makes it."""

        def fail() -> str:
            raise RuntimeError("this body fails")

        endpoints = [shop.endpoint("/fails", plain_kind, fail), shop.endpoint("/gated", plain_kind)]
        with self.serve(shop, endpoints) as exchange:
            for _ in range(3):
                with suppress(RuntimeError):  # a test client may pass it on
                    assert exchange(Ask("/fails", "one")).status == 500
                assert bound_view() is None
                assert [exchange(Ask("/gated", who)).status for who in ("none", "one", "nobody")] == [402, 200, 403]

    # --- the webhook -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("oddity", ["plain", "gzip", "gzip in name only", "charset", "escapes", "form", "spaces"])
    def test_a_webhook_verifies_whatever_its_body_looks_like(self, shop: Shop, oddity: str) -> None:
        """The bytes that Stripe signed are the bytes that are verified; nothing on the way re-encodes them."""
        payload, body, headers = _odd(oddity)
        with self.serve(shop, [shop.endpoint("/gated", self.kinds[0])]) as exchange:
            assert exchange(Ask("/gated", "one")).status == 200
            shop.held["cus_one"] = set()
            forged = {**headers, "Stripe-Signature": _signature(payload + b" ")}
            assert exchange(Ask(self.webhook, None, "POST", forged, body)).status == 400
            assert exchange(Ask("/gated", "one")).status == 200
            signed = {**headers, "Stripe-Signature": _signature(payload)}
            assert exchange(Ask(self.webhook, None, "POST", signed, body)).status == 200
            assert exchange(Ask("/gated", "one")).status == 402
            assert exchange(Ask(self.webhook)).status == 405


def _odd(oddity: str) -> tuple[bytes, bytes, dict[str, str]]:
    """Give what was signed, what is sent, and with which headers."""
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "entitlements.active_entitlement_summary.updated",
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"object": "entitlements.active_entitlement_summary", "customer": "cus_one", "x": "é✓"}},
    }
    kind = {"Content-Type": "application/json; charset=utf-8"}
    payload = json.dumps(event, ensure_ascii=oddity == "escapes", indent=4 if oddity == "spaces" else None).encode()
    if oddity == "gzip":
        return payload, gzip.compress(payload), {**kind, "Content-Encoding": "gzip"}
    if oddity == "gzip in name only":
        return payload, payload, {**kind, "Content-Encoding": "gzip"}
    if oddity == "charset":
        return payload, payload, {"Content-Type": "application/json; charset=iso-8859-1"}
    if oddity == "form":
        return payload, payload, {"Content-Type": "application/x-www-form-urlencoded"}
    return payload, payload, kind


def _signature(payload: bytes) -> str:
    stamp = int(time.time())
    digest = hmac.new(_SECRET.encode(), b"%d." % stamp + payload, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
