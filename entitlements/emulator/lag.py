"""Lag: lists of active entitlements answered as they were before their last changes.

While a lag is asked for, triggers note every entitlement that comes or goes. A list that lags undoes those changes,
is answered by the code that answers every list, and then they are done again: pages and cursors come out right.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from entitlements.emulator.fault import Fault
    from entitlements.emulator.store import Store, Transaction
    from entitlements.emulator.wire.desk import Ask

__all__ = ["Past"]

_KIND = "active_entitlement"
_EVENT = "entitlements.active_entitlement_summary.updated"
_IN_PATH = re.compile("/v1/customer/([^/]+)/entitlements")
_LIST = "/v1/entitlements/active_entitlements"
_NOW = "(julianday('now') - 2440587.5) * 86400.0"  # SQLite's own clock: no test freezes it

# A change knows the event that tells of it, and when that was first sent.
_TABLE = """
CREATE TEMP TABLE recent (
  number INTEGER PRIMARY KEY, customer TEXT, gained INTEGER, event TEXT,
  at REAL, sent REAL, seen INTEGER DEFAULT 0, {saved})
"""
_TRIGGERS = (
    """
CREATE TEMP TRIGGER gain AFTER INSERT ON main.objects WHEN NEW.kind = '{kind}' AND lagging() BEGIN
  INSERT INTO recent (customer, gained, at, {saved}) VALUES (NEW.parent, 1, {now}, {new});
END""",
    """
CREATE TEMP TRIGGER loss AFTER DELETE ON main.objects WHEN OLD.kind = '{kind}' AND lagging() BEGIN
  INSERT INTO recent (customer, gained, at, {saved}) VALUES (OLD.parent, 0, {now}, {old});
END""",
    """
CREATE TEMP TRIGGER told AFTER INSERT ON main.objects WHEN NEW.kind = 'event' AND lagging() BEGIN
  UPDATE recent SET event = NEW.id WHERE event IS NULL AND customer = json_extract(NEW.body, '$.data.object.customer')
    AND json_extract(NEW.body, '$.type') = '{type}';
END""",
    """
CREATE TEMP TRIGGER sent AFTER INSERT ON main.attempts WHEN lagging() BEGIN
  UPDATE recent SET sent = {now} WHERE sent IS NULL
    AND event = (SELECT event FROM deliveries WHERE seq = NEW.delivery);
END""",
)
_STILL = """
SELECT number, sent IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE event = recent.event AND state = 'pending')
FROM recent WHERE customer = :customer AND was_account = :account AND (
  sent IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE event = recent.event AND state = 'pending')
  OR seen < :requests OR {now} - coalesce(sent, at) < :seconds)
ORDER BY number
"""


class Past:
    """Show lists as they were; `wanted` says whether any lag is asked for, and so whether to remember."""

    def __init__(self, store: Store, wanted: Callable[[], bool]) -> None:
        self._store = store
        store.teach("lagging", wanted)
        with store.transaction() as tx:
            self._columns = [str(row[1]) for row in tx.sql("PRAGMA table_info(objects)")]
            names = {
                "kind": _KIND,
                "type": _EVENT,
                "now": _NOW,
                "saved": ", ".join(f"was_{name}" for name in self._columns),
                "new": ", ".join(f"NEW.{name}" for name in self._columns),
                "old": ", ".join(f"OLD.{name}" for name in self._columns),
            }
            for statement in (_TABLE, *_TRIGGERS):
                tx.sql(statement.format(**names))

    def clear(self) -> None:
        """Forget every change."""
        with self._store.transaction() as tx:
            tx.sql("DELETE FROM recent")

    def seen_by(self, ask: Ask, lag: Fault | None) -> Callable[[Transaction], AbstractContextManager[None]] | None:
        """Give what the answer to a question is to be worked out within: a customer's past, None for the present."""
        customer = None if lag is None else _customer(ask)
        if lag is None or customer is None:
            return None
        return lambda tx: self._before(tx, customer, lag)

    @contextmanager
    def _before(self, tx: Transaction, customer: str, lag: Fault) -> Generator[None]:
        since = _first_unseen(tx, customer, lag)
        if since is None:
            yield
            return
        lag.hits += 1
        tx.sql("SAVEPOINT present")
        try:
            self._undo(tx, customer, since)
            yield
        finally:
            tx.sql("ROLLBACK TO present")

    def _undo(self, tx: Transaction, customer: str, since: int) -> None:
        saved, names = ", ".join(f"was_{name}" for name in self._columns), ", ".join(self._columns)
        changes = tx.sql(
            "SELECT gained, was_seq, number FROM recent WHERE customer = ? AND was_account = ? AND number >= ? "
            "ORDER BY number DESC",
            (customer, tx.account, since),
        ).fetchall()
        for gained, seq, number in changes:
            if gained:
                tx.sql("DELETE FROM objects WHERE seq = ?", (seq,))
            else:
                restore = f"INSERT INTO objects ({names}) SELECT {saved} FROM recent WHERE number = ?"  # noqa: S608 - ours
                tx.sql(restore, (number,))


def _customer(ask: Ask) -> str | None:
    if ask.path == _LIST:
        customer = ask.raw.get("customer")
        return customer if isinstance(customer, str) else None
    found = _IN_PATH.fullmatch(ask.path)
    return None if found is None else found[1]


def _first_unseen(tx: Transaction, customer: str, lag: Fault) -> int | None:
    """Find the oldest change that is still to be kept from a customer's lists, and count this look at it."""
    bounds = {"customer": customer, "account": tx.account, "requests": lag.requests, "seconds": lag.seconds}
    still = tx.sql(_STILL.format(now=_NOW), bounds).fetchall()
    looked_at = [(number,) for number, unsent in still if not unsent]
    for number in looked_at:
        tx.sql("UPDATE recent SET seen = seen + 1 WHERE number = ?", number)
    return int(still[0][0]) if still else None
