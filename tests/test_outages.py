"""Stripe hung, dripping, refusing or failing: an answer in time, an allow that stays, and a recovery."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from controlled import Ask, wait_for
from wire_server import Answer, Drip, Hang, Reset, WireServer, page
from wire_stripe import entitlement

from entitlements import Entitlements, Freshness, Limits, Reason, Source

GOOD = Answer(page(entitlement(1), url="/v1/entitlements/active_entitlements"))
LIST = "/v1/entitlements/active_entitlements"

OUTAGES = {
    "hung": Hang(),
    "hung after the header": Hang(GOOD.head()),
    "dripping in the header": Drip(GOOD, part="header", every=0.05),
    "dripping in the body": Drip(GOOD, part="body", every=0.05),
    "resetting": Reset(),
    "failing": Answer({"error": {"type": "api_error", "message": "boom"}}, status=500),
    "limiting": Answer({"error": {"type": "invalid_request_error", "code": "rate_limit"}}, status=429),
    "refusing the key": Answer({"error": {"type": "invalid_request_error"}}, status=401),
    "talking nonsense": Answer(b"<html>maintenance</html>"),
}


@pytest.fixture(name="server")
def _server():
    with WireServer() as server:
        yield server.always(GOOD)


def entitlements(server: WireServer, **options: object) -> Entitlements:
    options.setdefault("limits", Limits(requests_per_second=1_000))
    return Entitlements("sk_test_1", api_base=server.url, strict=False, **options)


def lists(server: WireServer) -> int:
    return sum(seen.path.startswith(LIST) for seen in server.requests)


@pytest.mark.parametrize("outage", OUTAGES)
def test_r72_a_cold_question_is_answered_within_its_deadline(server, outage):
    """However Stripe fails, a customer never seen is told "cannot tell" within two seconds, and it isn't a no."""
    server.always(OUTAGES[outage])
    with entitlements(server) as ents:
        began = time.monotonic()
        decision = ents.check("cus_1", "key-1")
        took = time.monotonic() - began
    assert (decision.reason, decision.source) == (Reason.UNAVAILABLE, Source.NONE)
    assert took < 2.2


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_warm_allow_is_still_given(server, outage):
    """Whoever was admitted lately stays admitted, at once within the ttl and briefly later beyond it."""
    with entitlements(server, freshness=Freshness(ttl=0.2, stale_while_revalidate=0)) as ents:
        assert ents.has_feature("cus_1", "key-1")
        server.always(OUTAGES[outage])
        wait_for(lambda: ents.check("cus_1", "key-1").source is Source.STALE)
        began = time.monotonic()
        assert ents.has_feature("cus_1", "key-1")
        assert time.monotonic() - began < 0.6


@pytest.mark.parametrize("outage", ["hung", "dripping in the body", "resetting", "failing"])
def test_when_stripe_is_well_again_so_are_we(server, outage):
    """The fetch threads come back from whatever they hung in; nothing needs a restart."""
    server.always(OUTAGES[outage])
    with entitlements(server, limits=Limits(fetch_threads=2, deadline=0.3, requests_per_second=1_000)) as ents:
        questions = [Ask(lambda n=n: ents.has_feature(f"cus_{n}", "key-1")) for n in range(6)]
        assert not any(question.answer() for question in questions)
        server.always(GOOD)
        wait_for(lambda: ents.has_feature("cus_1", "key-1"))
        wait_for(lambda: ents.has_feature("cus_new", "key-1"))


@pytest.mark.parametrize("outage", ["failing", "resetting", "hung"])
def test_five_checks_of_a_failing_source_cost_one_call(server, outage):
    """A failure is remembered: five questions in a back-off window cost one list, with its own retries."""
    with entitlements(server, limits=Limits(deadline=0.7)) as ents:
        wait_for(lambda: ents.has_feature("cus_0", "key-1"))  # whatever is loaded for a first fetch is loaded
        server.always(OUTAGES[outage])
        fetched, listed = ents.stats().fetches, lists(server)
        assert ents.check("cus_1", "key-1").reason is Reason.UNAVAILABLE
        failed = time.monotonic()
        wait_for(lambda: ents.stats().failures)  # who asked was told at the deadline; the failure is noted beside that
        for _ in range(4):
            assert ents.check("cus_1", "key-1").reason is Reason.UNAVAILABLE
        windows = (time.monotonic() - failed) / 0.75  # the shortest; one, if nothing stalls
        fetches = ents.stats().fetches - fetched
        assert 1 <= fetches <= 1 + int(windows)
        assert 1 <= lists(server) - listed <= 3 * fetches


def test_nobody_listening_is_answered_at_once():
    """A refused connection is known at once, and no longer than its retries take."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with Entitlements("sk_test_1", api_base=f"http://127.0.0.1:{port}") as ents:
        began = time.monotonic()
        decision = ents.check("cus_1", "exports")
        assert time.monotonic() - began < 1.9
    assert decision.reason is Reason.UNAVAILABLE
    assert "StripeConnectionError" in decision.detail


def test_32_threads_ask_for_one_cold_customer_and_cost_one_list(server):
    """I8: one call upstream, and every thread has the answer."""
    barrier = threading.Barrier(32)

    with entitlements(server) as ents:

        def ask():
            barrier.wait()
            return ents.has_feature("cus_1", "key-1")

        questions = [Ask(ask) for _ in range(32)]
        assert [question.answer() for question in questions] == [True] * 32
    assert lists(server) == 1


def test_the_process_can_exit_while_stripe_hangs(server):
    """A hung fetch keeps nobody from leaving: its threads are daemons."""
    server.always(Hang())
    script = """
        import sys, threading
        from entitlements import Entitlements
        ents = Entitlements("sk_test_1", api_base=sys.argv[1])
        threading.Thread(target=ents.has_feature, args=("cus_1", "exports"), daemon=True).start()
        while not ents.stats().flying: pass
    """
    began = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), server.url],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("", "")
    assert time.monotonic() - began < 5


def test_the_loop_is_never_blocked_by_a_hung_stripe(server):
    """While a task awaits an answer that doesn't come, the others run on time."""
    server.always(Hang())
    with entitlements(server, limits=Limits(deadline=0.5)) as ents:

        async def beats():
            question = asyncio.create_task(ents.ahas_feature("cus_1", "key-1"))
            longest, last = 0.0, time.monotonic()
            while not question.done():
                await asyncio.sleep(0)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
            return longest, question.result()

        longest, answer = asyncio.run(beats())
    assert answer is False
    assert longest < 0.2


def test_r59_a_page_that_fails_is_never_a_short_list(server):
    """An error on the second of three pages is a don't-know: the first page is no evidence."""
    server.then(
        Answer(page(*(entitlement(n) for n in range(100)), has_more=True)),
        Answer({"error": {"type": "invalid_request_error"}}, status=403),
    )
    with entitlements(server) as ents:
        assert ents.check("cus_1", "key-1").reason is Reason.UNAVAILABLE
        assert ents.stats().customers == 0


def test_r64_a_customer_stripe_doesn_t_know_holds_nothing(server):
    """Unknown to Stripe is an answer, kept for a quarter of a minute."""
    missing = {"type": "invalid_request_error", "code": "resource_missing", "param": "customer", "message": "No such"}
    server.always(Answer({"error": missing}, status=400))
    with entitlements(server) as ents:
        assert ents.check("cus_1", "key-1").reason is Reason.NOT_ENTITLED
        assert ents.check("cus_1", "key-1").source is Source.CACHED
        assert lists(server) == 1


def test_a_decision_names_the_request_behind_it(server):
    """I16: what to quote to Stripe's support, for an answer and for a don't-know."""
    server.always(Answer(GOOD.body, headers={"Request-Id": "req_good"}))
    with entitlements(server) as ents:
        assert ents.check("cus_1", "key-1").request_id == "req_good"
        server.always(Answer({"error": {"type": "api_error"}}, status=500, headers={"Request-Id": "req_bad"}))
        assert ents.check("cus_2", "key-1").request_id == "req_bad"


def test_r55_no_secret_is_in_anything_that_is_said(server, caplog):
    """The key and the webhook secret are in no repr, log, error or pickle, whatever goes wrong."""
    caplog.set_level("DEBUG")
    key, secret = "sk_test_CANARYKEY", "whsec_CANARYSECRET"
    server.always(OUTAGES["refusing the key"])
    with Entitlements(key, api_base=server.url, webhook_secrets=[secret], limits=Limits(deadline=0.5)) as ents:
        said = [repr(ents), repr(ents.stripe), repr(ents.check("cus_1", "key-1")), repr(vars(ents)), repr(ents.stats())]
        said += [repr(vars(ents._core)), repr(ents._core.settings)]
        for hostile in (
            lambda: ents.handle_webhook(b"{}", "t=1,v1=00"),
            lambda: ents.stripe.features.retrieve("feat_1"),
        ):
            with pytest.raises(Exception) as error:
                hostile()
            said += [repr(error.value), str(error.value), repr(error.value.args)]
        with pytest.raises(TypeError):
            __import__("pickle").dumps(ents)
    said.append(caplog.text)
    assert "CANARY" not in json.dumps(said)
