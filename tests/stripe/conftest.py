from __future__ import annotations

import pytest
from wire_server import WireServer

from entitlements.stripe import Stripe


@pytest.fixture
def server():
    with WireServer() as server:
        yield server


@pytest.fixture
def stripe(server):
    with Stripe("sk_test_123", api_base=server.url, max_retries=0) as stripe:
        yield stripe
