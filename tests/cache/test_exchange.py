"""The exchange: a snapshot that another process fetched is as old here as it is there."""

from __future__ import annotations

from types import SimpleNamespace

from controlled import Clock

from entitlements.cache.envelope import Stored
from entitlements.cache.exchange import Exchange
from entitlements.cache.seams import Seams


def test_whoever_is_held_up_while_recalling_takes_the_snapshot_for_older_and_never_for_younger():
    """`after=`: a moment that lies between a fetch and a pause of this process is not mistaken for one before it."""
    fetched, recalled, gone_on = 5_000.0, 5_001.0, 5_061.0
    real, boot, wall = Clock(recalled), Clock(recalled), Clock(recalled)

    def real_after_a_pause() -> float:
        for clock in (real, boot, wall):
            clock.at = gone_on
        return real.at

    seams = Seams(spawn=lambda job: True, now=real_after_a_pause, boot=boot, wall=wall)
    stored = Stored("self/test", "cus_1", frozenset({"exports"}), 1.5, boot=fetched, wall=fetched, lifetime=300.0)
    store = SimpleNamespace(recall=lambda customer: stored)
    exchange = Exchange(store, scope="self/test", seams=seams)
    snapshot = exchange.recall("cus_1", slot=512, token=1.5, now=recalled, share=lambda features: features)
    assert (snapshot.began <= fetched, snapshot.moment <= fetched) == (True, True)
