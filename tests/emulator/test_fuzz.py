"""Fuzz: whatever is asked of any route, in whatever state, the answer is one a client can read and never a crash.

The routes, and what each accepts, are read from the emulator's own table: a new one is fuzzed from its first day.
Requests are half sense and half nonsense, so that they get past the door, and each life begins with some others.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entitlements.emulator import StripeEmulator
from entitlements.emulator.resources import ROUTES
from entitlements.emulator.wire.http import Http

SHOP = {
    "features": {"a": "A", "b": "B"},
    "products": {"pro": {"features": ["a"], "prices": {"monthly": 1, "daily": {"price": 2, "interval": "day"}}}},
}
NAMED = {f"{route.method} {route.path}": route for route in ROUTES}
FEWEST, MOST = 1_000, 10_000  # requests in the ordinary suite, and in the soak
DAY = 86_400

JUNK = st.one_of(
    st.text(max_size=8),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        [
            "",
            "true",
            "now",
            "\x00",
            "data.feature",
            "*",
            "[*?",
            "x" * 5_001,
            "²",
            "٣",
            "9" * 4_500,
            ".5",
            "http://localhost:1/é",
            "https://a..b/x",
            "\ud800".encode("utf-8", "replace").decode(),
        ]
    ),
)


@dataclass(frozen=True)
class Ref:
    """The id of something that is there when the request is made: of the kind a name speaks of, if there is one."""

    about: str
    number: int


def refs(about):
    return st.integers(0, 40).map(lambda number: Ref(about, number))


def mostly(sense, junk=JUNK):
    """Draw sense nine times out of ten."""
    return st.integers(0, 9).flatmap(lambda chance: junk if chance == 9 else sense)


def values(name, kind):
    """Draw a value for a parameter: one of its kind, or junk."""
    return mostly(_sense(name, kind))


def _sense(name, kind):
    known = SENSE.get(type(kind).__name__)
    if name.endswith("_decimal"):
        return st.decimals(0, 10**6, places=2).map(str)
    return mostly(refs(name), st.text(max_size=8)) if known is None else known(name, kind)


TIMES = st.integers(1_600_000_000, 4_000_000_000).map(str)
BOUNDS = st.dictionaries(st.sampled_from(["gt", "gte", "lt", "lte", "near"]), TIMES, max_size=2)
SENSE = {  # what a kind of parameter would be given by someone who means it; a kind not named here is given ids or junk
    "Flag": lambda name, kind: st.sampled_from(["true", "false"]),
    "Whole": lambda name, kind: st.integers(-2, 200).map(str),
    "Choice": lambda name, kind: st.sampled_from(kind.words),
    "Moment": lambda name, kind: st.one_of(TIMES, st.sampled_from(["", *kind.words])),
    "Range": lambda name, kind: st.one_of(TIMES, BOUNDS),
    "Items": lambda name, kind: st.lists(values(name, kind.of), max_size=3),
    "Fields": lambda name, kind: forms(kind.spec),
    "Metadata": lambda name, kind: st.dictionaries(st.text(max_size=4), mostly(st.text(max_size=4)), max_size=2),
}


@st.composite
def forms(draw, spec):
    """Draw parameters: most of those required, a few of the others, now and then one that doesn't exist."""
    names = [name for name, kind in spec.items() if kind.required and draw(st.integers(0, 9)) < 9]
    names += draw(st.lists(st.sampled_from(sorted(spec)), max_size=3)) if spec else []
    form = {name: draw(values(name, spec[name])) for name in dict.fromkeys(names)}
    if draw(st.integers(0, 9)) == 0:
        form[draw(st.sampled_from(["nonsense", "expand", "a[b", "]", "metadata[", ""]))] = draw(JUNK)
    if draw(st.integers(0, 9)) == 0:
        form["expand"] = draw(st.lists(st.sampled_from(["data", "data.feature", "customer", "x.y.z.a.b"]), max_size=2))
    return form


@dataclass(frozen=True)
class Asked:
    """A request to be made, its ids still to be found."""

    method: str
    path: str
    ids: tuple[object, ...]
    form: dict[str, object]
    headers: dict[str, str]
    upload: bool = False
    days: int = 0  # that pass before it


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "authorization": st.sampled_from(
            ["", "Bearer", "Bearer pk_test_1", "Basic c2tfdGVzdF8xOg==", "Basic %", "Bearer sk_live_1"]
        ),
        "idempotency-key": st.sampled_from(["k", "l", "x" * 256]),
        "stripe-account": st.sampled_from(["acct_1", "acct_emulator", "é"]),
        "stripe-version": st.sampled_from(["2026-10-28.endive", "never"]),
        "content-type": st.sampled_from(
            ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "é"]
        ),
    },
)


@st.composite
def asked(draw, routes):
    route = draw(st.sampled_from(routes))
    places = re.findall(r"\{(\w+)\}", route.path)
    return Asked(
        route.method,
        route.path,
        tuple(draw(mostly(refs(route.path if place == "id" else place))) for place in places),
        draw(forms(route.params)),
        draw(mostly(st.just({}), HEADERS)),
        upload="file" in route.params,
        days=draw(st.sampled_from([0, 0, 0, 0, 1, 31])),
    )


def settle_in(emulator):
    """Make one of each thing, so that requests have something to be about."""
    emulator.subscribe(emulator.customer("cus_a"), "price_pro_monthly")
    emulator.account("acct_1")
    emulator.webhook("http://127.0.0.1:9/", ["plan.created"])  # which never happens
    emulator.scheduled_query_run(title="Plans", sql="select 1", csv="customer,plan\ncus_a,pro\n")
    emulator.request("POST", "/v1/test_helpers/test_clocks", frozen_time=emulator.clock.now())
    emulator.request(
        "POST",
        "/v1/payment_records/report_payment",
        amount_requested={"currency": "usd", "value": 1_000},
        initiated_at=emulator.clock.now(),
        payment_method_details={"type": "custom", "custom": {"display_name": "Cash"}},
    )


class Life:
    """An emulator, and what exists in it."""

    def __init__(self, emulator):
        self._emulator = emulator

    def _known(self):
        query = "SELECT kind, id FROM objects ORDER BY seq"
        return self._emulator._open.desk.work(lambda call: call.tx.sql(query).fetchall())

    def _found(self, value):
        if isinstance(value, dict):
            return {key: self._found(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._found(part) for part in value]
        if not isinstance(value, Ref):
            return value
        known = self._known()
        about = value.about.replace("_", "").replace("/", "")
        fitting = [object_id for kind, object_id in known if kind.replace("_", "") in about]
        ids = fitting or [object_id for _, object_id in known]
        return ids[value.number % len(ids)]

    def ask(self, asked):
        self._emulator.clock.advance(days=asked.days)
        ids = iter([quote(self._found(value), safe="") or "%20" for value in asked.ids])
        path = re.sub(r"\{\w+\}", lambda _: next(ids), asked.path)
        pairs = list(_pairs(self._found(asked.form)))
        headers = {"authorization": "Bearer sk_test_1", **asked.headers}
        if asked.method != "POST":
            return self._send(asked.method, path, _encoded(pairs), headers, b"")
        if asked.upload:
            headers.setdefault("content-type", "multipart/form-data; boundary=x")
            return self._send(asked.method, path, "", headers, _multipart(pairs))
        return self._send(asked.method, path, "", headers, _encoded(pairs).encode())

    def _send(self, method, path, query, headers, body):
        return self._emulator._passage.ask(Http(method, path, query, headers, body))


def _encoded(pairs):
    return urlencode(pairs, errors="replace")


def _pairs(form, within=""):
    for name, value in form.items():
        key = f"{within}[{name}]" if within else str(name)
        if isinstance(value, list):
            yield from _pairs(dict(enumerate(value)), key) if value else [(key, "")]
        elif isinstance(value, dict):
            yield from _pairs(value, key)
        else:
            yield key, value


def _multipart(pairs):
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{quote(name)}"'
        + ('; filename="a.csv"\r\nContent-Type: text/csv' if name == "file" else "")
        + f"\r\n\r\n{value}\r\n"
        for name, value in pairs
    ]
    return ("".join(parts) + "--x--\r\n").encode("utf-8", "replace")


def check(reply):
    """Hold a reply against what any client expects of one."""
    assert reply.status in {200, 400, 401, 403, 404, 409, 429}, reply.body
    if reply.status == 200 and reply.headers["Content-Type"] != "application/json":
        return
    body = json.loads(reply.body)
    if reply.status == 200:
        assert "object" in body
    else:
        assert set(body) == {"error"}
        assert {"type", "message"} <= set(body["error"])


def fuzz(name, requests):
    examples = settings(
        max_examples=math.ceil(requests / len(NAMED) / 2),  # each is two requests at least
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

    sent = itertools.count()

    @examples
    @given(before=st.lists(asked(ROUTES), min_size=1, max_size=3), request=asked([NAMED[name]]))
    def live(before, request):
        with StripeEmulator(catalog=SHOP, serve=False) as emulator:
            settle_in(emulator)
            life = Life(emulator)
            for each in (*before, request):
                next(sent)
                check(life.ask(each))

    live()
    print(f"{next(sent)} requests, no crash")  # noqa: T201 - the figure of the soak


@pytest.mark.parametrize("name", NAMED)
def test_no_request_crashes_a_route(name):
    """Each route answers whatever it is sent, after whatever was sent before: a thousand requests over all of them."""
    fuzz(name, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
@pytest.mark.parametrize("name", NAMED)
def test_no_request_crashes_a_route_in_ten_thousand(name):
    """The same, ten times as often."""
    fuzz(name, MOST)


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH", "get", ""]),
    path=st.one_of(JUNK.map(lambda text: "/" + quote(text)), st.sampled_from([route.path for route in ROUTES])),
    query=JUNK,
    body=st.binary(max_size=64),
    headers=HEADERS,
)
def test_what_is_no_request_is_refused(method, path, query, body, headers):
    """Methods, paths and bodies that mean nothing are told so."""
    with StripeEmulator(serve=False) as emulator:
        http = Http(method, path, query, {"authorization": "Bearer sk_test_1", **headers}, body)
        check(emulator._passage.ask(http))
