from __future__ import annotations

import subprocess
import sys

import pytest

import entitlements.stripe as wire

SCRIPT = """
import sys
import entitlements.stripe
from entitlements.stripe import Stripe, StripeError, signature, event, budget
stripe = Stripe("sk_test_1")
event.parse(b"{}")
heavy = {"requests", "urllib3", "pydantic", "asyncio", "ssl"}
print(sorted(heavy & set(sys.modules)))
stripe.features
print(sorted(heavy & set(sys.modules)))
"""


def test_a_client_costs_neither_requests_nor_pydantic_until_it_is_used():
    """The wire is loaded by its first use: pydantic with the first resource, requests with the first request."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, after = done.stdout.splitlines()
    assert before == "[]"
    assert "pydantic" in after
    assert "requests" not in after


@pytest.mark.parametrize("name", wire.__all__)
def test_every_public_name_is_there(name):
    """Each name `entitlements.stripe` promises can be had, and is listed."""
    assert getattr(wire, name).__name__ == name
    assert name in dir(wire)


def test_a_name_that_is_not_public_is_not_there():
    """A name misspelt is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="Strype"):
        wire.Strype  # noqa: B018
