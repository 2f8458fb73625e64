"""`manage.py entitlements`: ask about a customer, list what one holds, and audit the project's routes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from entitlements.errors import EntitlementsError
from entitlements.resolver import core_of
from entitlements.web.django.checks import audited
from entitlements.web.django.conf import get_entitlements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.core.management.base import CommandParser

    from entitlements.decision import Decision

__all__ = ["Command"]

_YES: Final = 0
_NO: Final = 1
_UNKNOWN: Final = 2


class Command(BaseCommand):
    """Ask what the project's instance would answer; a script reads the exit status, a person the table."""

    help = (
        "Ask about a customer, list what one holds, or audit the project's routes. "
        "Exits with 0 for yes, 1 for no, and 2 when it can't be told or something is wrong."
    )
    requires_system_checks = ()  # a failed one exits with 1, which here means no

    def add_arguments(self, parser: CommandParser) -> None:
        """Take `check`, `features` or `audit`."""
        asks: Any = parser.add_subparsers(dest="ask", required=True)
        check = asks.add_parser("check", help="Ask whether a customer may use some features: all of them.")
        check.add_argument("customer", help="Stripe's id, as in cus_123.")
        check.add_argument("feature", nargs="+", help="A lookup key.")
        check.add_argument("--any", action="store_true", help="Any one of them will do.")
        check.add_argument("--fresh", action="store_true", help="Ask Stripe now, whatever is known already.")
        features = asks.add_parser("features", help="List the features a customer holds.")
        features.add_argument("customer", help="Stripe's id, as in cus_123.")
        audit = asks.add_parser("audit", help="List the project's routes with what gates each, and their mistakes.")
        audit.add_argument("--no-catalogue", action="store_true", help="Don't ask Stripe which lookup keys there are.")

    def handle(self, *_: object, **options: Any) -> None:  # noqa: ANN401 - as Django has it
        """Ask, and exit with the answer unless it is yes."""
        asks: dict[str, Callable[..., int]] = {"check": self._check, "features": self._features, "audit": self._audit}
        try:
            status = asks[options["ask"]](**options)
        except (EntitlementsError, ImproperlyConfigured) as error:
            raise CommandError(str(error), returncode=_UNKNOWN) from error
        except Exception as error:
            # A traceback would exit with 1, which a script takes for no.
            raise CommandError(f"{type(error).__name__}: {error}", returncode=_UNKNOWN) from error
        if status != _YES:
            sys.exit(status)

    def _check(self, customer: str, feature: list[str], *, fresh: bool, **options: Any) -> int:  # noqa: ANN401 - Django's
        ents = get_entitlements()
        decisions = [ents.check(customer, each, fresh=fresh) for each in feature]
        self._table([("feature", "answer", "reason", "source", "age", "unlocked by"), *map(_row, decisions)])
        enough = any if options["any"] else all
        if enough(decisions):
            return _YES
        return _NO if not enough(decision or decision.unavailable for decision in decisions) else _UNKNOWN

    def _features(self, customer: str, **_: object) -> int:
        held = get_entitlements().for_customer(customer).pinned()
        self._table([(feature,) for feature in sorted(held)])
        if held.unavailable:
            self.stderr.write(self.style.WARNING("it can't be told whether this is all"))
            return _UNKNOWN
        return _YES

    def _audit(self, *, no_catalogue: bool, **_: object) -> int:
        found = audited(None if no_catalogue else core_of(get_entitlements()).catalog.read())
        rows = [(str(route), "; ".join(map(str, route.gates)) or "nothing", route.endpoint) for route in found.routes]
        self._table([("route", "gated by", "answers"), *rows])
        for mistake in found.mistakes:
            self.stderr.write(self.style.ERROR(f"{mistake.route}: {mistake.message}"))
        return _YES if found else _NO

    def _table(self, rows: Iterable[Sequence[str]]) -> None:
        table = list(rows)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(decision: Decision) -> tuple[str, ...]:
    answer = "yes" if decision else "can't tell" if decision.unavailable else "no"
    age = "" if decision.age is None else f"{decision.age:.1f} s"
    offers = ", ".join(offer.name for offer in decision.unlock_with)
    return (decision.feature, answer, decision.reason, decision.source, age, offers or decision.detail)
