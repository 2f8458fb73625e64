"""Every source of ours keeps the shipped contract, and a bank of sources that don't shows that it has teeth."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import broken_sources
import pytest
from controlled import Truth
from emulated_world import EmulatedWorld

from entitlements.emulator import StripeEmulator
from entitlements.settings import Settings
from entitlements.sources.active import ActiveEntitlements
from entitlements.sources.upstream import Upstream
from entitlements.stripe import Stripe
from entitlements.stripe.budget import Lanes
from entitlements.testing import FaultProxy, SourceContract

LIST = "/v1/entitlements/active_entitlements"


@pytest.fixture(name="stripe", scope="module")
def _stripe():
    with StripeEmulator() as stripe:
        yield stripe


@pytest.fixture(name="proxy")
def _proxy(stripe):
    with FaultProxy(stripe.url) as proxy:
        yield proxy


@pytest.fixture(name="active")
def _active(stripe, proxy):
    with Stripe(stripe.api_key, api_base=proxy.url, max_retries=0) as client:
        yield ActiveEntitlements(client)
    stripe.reset()


class TestActive(SourceContract):
    """Stripe's own list of what a customer holds, asked over HTTP."""

    @pytest.fixture
    def world(self, stripe, proxy, active):
        """Keep the truth in the emulator; it fails with a status of its own."""
        return EmulatedWorld(stripe, proxy, active, lambda: stripe.faults.status(500, "GET", LIST))


class TestUpstream(SourceContract):
    """What an instance asks: the same list, with retries, and every call beyond the first counted."""

    @pytest.fixture
    def world(self, stripe, proxy):
        """Keep the truth in the emulator; it fails by hanging up."""
        upstream = Upstream(Settings.read(stripe.api_key, api_base=proxy.url, environ={}), Lanes(1_000))
        yield EmulatedWorld(stripe, proxy, upstream, proxy.drop)
        upstream.close()
        stripe.reset()


WAYS = {
    "refused key": lambda stripe, proxy: stripe.faults.status(401, "GET", LIST),
    "missing, but not the customer": lambda stripe, proxy: stripe.faults.status(404, "GET", LIST),
    "limited": lambda stripe, proxy: stripe.faults.rate_limit("GET", LIST),
    "half an answer": lambda stripe, proxy: stripe.faults.half("GET", LIST),
    "reset": lambda stripe, proxy: proxy.reset(),
    "refused": lambda stripe, proxy: proxy.refuse(),
    "cut": lambda stripe, proxy: proxy.cut(after=400),
    "empty pages without an end": lambda stripe, proxy: stripe.faults.empty_page(LIST),
    "a second page that never comes": lambda stripe, proxy: stripe.faults.revoked_cursor(LIST),
    "a proxy's own page": lambda stripe, proxy: stripe.faults.status(200, "GET", LIST, body="<html>Hello</html>"),
    "an object that is no list": lambda stripe, proxy: stripe.faults.status(200, "GET", LIST, body="{}"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_i5_stripe_s_list_is_whole_or_an_error_however_it_fails(stripe, proxy, active, way):
    """The contract's promise about failures, for each way that the way to Stripe has of failing."""
    world = EmulatedWorld(stripe, proxy, active, lambda: way(stripe, proxy))
    SourceContract().test_a_failure_is_an_error(world, 101)


class TestTruth(SourceContract):
    """The dictionary that most of our own tests stand on: they rest on a source like any other."""

    @pytest.fixture
    def world(self):
        """Keep the truth in memory, where nothing hangs."""
        return RememberedWorld()


class RememberedWorld:
    def __init__(self):
        self.source = Truth()

    def hold(self, customer, *features):
        self.source.held[customer] = set(features)

    def fail(self):
        self.source.failing = ConnectionError("told to fail")

    def hang(self):
        pass

    def heal(self):
        self.source.failing = None


@pytest.fixture(name="report", scope="module")
def _report(tmp_path_factory):
    """Run the contract on the whole bank, in a process of its own; give what was reported of each test."""
    report = tmp_path_factory.mktemp("bank") / "report.xml"
    chosen = [f"Test{kind.__name__}::{name}" for kind, names in broken_sources.BANK.items() for name in names]
    chosen += ["TestKept", "TestForgotten::test_a_stranger_is_no_error"]
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"),
            *(f"{broken_sources.__file__}::{name}" for name in chosen),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert told.returncode == 1, told.stdout + told.stderr
    return [(case, case.get("classname", "").rpartition(".Test")[2]) for case in ET.parse(report).iter("testcase")]


def broken(report, kind):
    """Name the promises that a class of the bank was seen to break."""
    return {case.get("name", "").partition("[")[0] for case, name in report if name == kind and len(case)}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("kind", broken_sources.BANK, ids=lambda kind: kind.__name__)
def test_a_source_that_breaks_the_contract_is_caught(report, kind):
    """By the very promise that it breaks."""
    assert broken(report, kind.__name__) == broken_sources.BANK[kind]


@pytest.mark.timeout(150)
def test_every_promise_has_teeth_and_a_source_that_keeps_it(report):
    """No test of the contract but catches some source of the bank, and the sound one passes them all."""
    promises = {name for name in vars(SourceContract) if name.startswith("test_")}
    assert promises == set().union(*broken_sources.BANK.values())
    assert sum(name == "Kept" for _, name in report) > 50
    assert broken(report, "Kept") == set()


@pytest.mark.timeout(150)
def test_a_broken_promise_says_what_was_found(report):
    """A failure shows the key that is missing, as an assertion of one's own would."""
    (told,) = [case for case, name in report if (name, case.get("name")) == ("FirstPage", "test_the_set_is_whole[101]")]
    assert "Extra items in the right set:\nE         'feature-100'" in (told[0].text or "")


@pytest.mark.timeout(150)
def test_a_world_has_to_be_given(report):
    """Whoever forgets the fixture is told what to write."""
    (told,) = [case for case, name in report if name == "Forgotten"]
    assert "give a fixture `world`, as SourceContract shows" in told[0].get("message", "") + (told[0].text or "")
