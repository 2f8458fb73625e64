"""The audit: which routes of an application are gated by what, and which gates do nothing."""

from __future__ import annotations

from entitlements.audit.findings import Audit, Mistake, Route
from entitlements.audit.inspection import audit

__all__ = ["Audit", "Mistake", "Route", "audit"]
