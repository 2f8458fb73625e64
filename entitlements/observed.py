"""What an observer is told: frozen records of fetches, and of the decisions worth telling."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entitlements.decision import Decision

__all__ = ["Fetch", "FetchOutcome", "Observed", "Observer"]

_seldom = Seldom(logging.getLogger("entitlements"))


class FetchOutcome(StrEnum):
    """What became of a fetch."""

    COMPLETE = "complete"
    SUPERSEDED = "superseded"  # complete, and thrown away: a change became known while it was under way
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fetch:
    """One customer's list, asked of the source.

    Attributes:
        customer: `cus_...`; for a log, and never for a metric's label.
        outcome: see `FetchOutcome`.
        seconds: how long it took, its wait for a turn in the rate budget included.
        detail: what stood in the way, if it failed.
        request_id: Stripe's id of the request.

    >>> Fetch("cus_123", FetchOutcome.COMPLETE, 0.08).labels
    {'outcome': 'complete'}
    """

    customer: str
    outcome: FetchOutcome
    seconds: float
    detail: str | None = None
    request_id: str | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """Give what a metric may be labelled with: few values, and nobody's name."""
        return {"outcome": self.outcome.value}


Observed: TypeAlias = "Decision | Fetch"


class Observer:
    """Tell somebody, who may fail or ask a question in turn without harming whoever asked.

    Decisions worth telling are refusals, fallbacks (an answer that was served stale) and faults (cannot tell): an allow
    from a snapshot in bounds is neither counted nor told, since the hot path would pay for it.
    """

    def __init__(self, call: Callable[[Observed], object] | None) -> None:
        self._call = call
        self._telling = threading.local()

    def decided(self, decision: Decision) -> Decision:
        """Tell a decision if it is worth telling; give it back."""
        if self._call is not None and decision.worth_telling:
            self.tell(decision)
        return decision

    def tell(self, record: Observed) -> None:
        """Tell a record, unless this very thread is being told one: an observer's own questions are not observed."""
        if self._call is None or getattr(self._telling, "now", False):
            return
        self._telling.now = True
        try:
            self._call(record)
        except Exception as error:  # noqa: BLE001 - an observer's fault must not become a customer's
            _seldom.warning("the observer failed: %s: %s", type(error).__name__, error)
        finally:
            self._telling.now = False
