"""A source of truth that a test, a demo or a small installation writes down: a dict, or a TOML file."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from entitlements.catalog import Contents
from entitlements.errors import InvalidInput, InvalidSettings, StripeError
from entitlements.forks import wait_before_fork
from entitlements.sources.contract import Holding
from entitlements.sources.written import Written, tables_of
from entitlements.stripe.ids import customer_id, feature_key, shown

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Mapping

    from entitlements.catalog import CatalogSource
    from entitlements.clocks import Deadline

__all__ = ["StaticSource"]


class StaticSource:
    """Answer from what was written down: who holds what, and which products include it.

    A customer is given the lookup keys of features, or products as well: `{"products": ["pro"], "features": ["beta"]}`.
    With `products` there is a catalogue too, so refusals say what would unlock the feature (`unlock_with`), and an
    instance in strict mode raises `UnknownFeature` for a key that is in neither.

    It may be changed while it is in use, from any thread. An instance that remembers a customer doesn't notice that
    before its fence is raised, as with any source: call `ents.invalidate(customer)`, or have it called after each
    change with `source.on_change(ents.invalidate)`.

    Args:
        customers: what each customer holds.
        products: what is sold, as in `{"pro": {"name": "Pro", "features": ["exports"]}}`; `pro` has the id `prod_pro`.
        features: the names of features by lookup key, for keys that no product includes.

    Raises:
        InvalidSettings: an entry that can't be right.

    >>> from entitlements import Entitlements
    >>> source = StaticSource({"cus_1": ["exports"]}, products={"pro": {"features": ["exports", "sso"]}})
    >>> with Entitlements(source=source) as ents:
    ...     ents.has_feature("cus_1", "exports"), ents.check("cus_1", "sso").unlock_with
    (True, (Offer(product='prod_pro', name='Pro'),))
    """

    def __init__(
        self,
        customers: Mapping[str, object] | None = None,
        *,
        products: Mapping[str, object] | None = None,
        features: Mapping[str, str] | None = None,
    ) -> None:
        written = Written.read(customers, products, features)
        self._held = written.held
        self._contents = written.contents
        self._failing: BaseException | None = None
        self._followers: list[Callable[[str], object]] = []
        self._changing = threading.RLock()
        wait_before_fork(self._changing)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Read a TOML file.

            [customers]
            cus_1 = ["exports", "sso"]
            cus_2 = { products = ["pro"], features = ["beta"] }

            [products.pro]          # this and what follows may be left out
            name = "Pro"
            features = ["exports", "sso"]

            [features]              # names by key, for keys that no product includes
            beta = "What comes next"

        The emulator's catalogue is such a file too; prices are passed over.

        Raises:
            InvalidSettings: the file can't be read, is no TOML, or has an entry that can't be right.

        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        ...     _ = file.write(b'customers.cus_1 = ["exports"]')
        ...     file.flush()
        ...     StaticSource.from_toml(file.name)
        StaticSource(customers=1)
        """
        tables = tables_of(Path(path))
        try:
            return cls(tables.pop("customers", None), **cast("dict[str, Mapping[str, str]]", tables))
        except InvalidSettings as error:
            raise InvalidSettings(f"{path}: {error}") from None

    # --- what the library asks ---------------------------------------------------------------------------------------

    def fetch(self, customer: str, deadline: Deadline) -> Holding:  # noqa: ARG002 - there is nothing to wait for
        """Give what a customer holds, or fail if told to; see `entitlements.sources.contract.Source`.

        >>> from entitlements.clocks import Deadline
        >>> StaticSource({"cus_1": ["exports"]}).fetch("cus_1", Deadline.after(1))
        Holding(features=frozenset({'exports'}), known=True, request_id=None)
        """
        self._fail_if_told()
        held = self._held.get(customer)
        return Holding(held or frozenset(), known=held is not None)

    @property
    def catalog(self) -> CatalogSource | None:
        """Give the catalogue to whoever calls this; `None` where neither products nor features were written down.

        >>> StaticSource({"cus_1": ["exports"]}).catalog is None
        True
        """
        return None if self._contents is None else self._catalog

    def _catalog(self) -> Contents:
        self._fail_if_told()
        contents = cast("Contents", self._contents)
        # What somebody holds exists, whoever else is asked about it.
        return Contents(contents.keys.union(*self._held.copy().values()), contents.offers)

    def _fail_if_told(self) -> None:
        failing = self._failing
        if failing is not None:
            raise failing.with_traceback(None)  # it is raised again and again, and would grow

    # --- what a test changes -----------------------------------------------------------------------------------------

    def hold(self, customer: str, *features: str) -> None:
        """Let a customer hold exactly these features; with none, be known and hold nothing.

        Raises:
            InvalidInput: a customer or a key that can't be one.

        >>> source = StaticSource()
        >>> source.hold("cus_1", "exports")
        >>> source
        StaticSource(customers=1)
        """
        self._change(customer, lambda _: frozenset(map(feature_key, features)))

    def grant(self, customer: str, *features: str) -> None:
        """Let a customer hold these features too; a new customer becomes known by that.

        Raises:
            InvalidInput: no feature, or a customer or a key that can't be one.

        >>> source = StaticSource({"cus_1": ["sso"]})
        >>> source.grant("cus_1", "exports")
        """
        more = _some("grant", features)
        self._change(customer, more.union)

    def revoke(self, customer: str, *features: str) -> None:
        """Take features from a customer, who may not have had them.

        Raises:
            InvalidInput: no feature, or a customer or a key that can't be one.

        >>> source = StaticSource({"cus_1": ["exports", "sso"]})
        >>> source.revoke("cus_1", "exports")
        """
        fewer = _some("revoke", features)
        self._change(customer, lambda held: held - fewer)

    def on_change(self, call: Callable[[str], object]) -> None:
        """Have something called with the customer's id after each change, on the thread that made it.

        Raises:
            InvalidInput: this can't be called.

        >>> from entitlements import Entitlements
        >>> source = StaticSource({"cus_1": []})
        >>> with Entitlements(source=source) as ents:
        ...     source.on_change(ents.invalidate)
        ...     before = ents.has_feature("cus_1", "exports")
        ...     source.grant("cus_1", "exports")
        ...     before, ents.has_feature("cus_1", "exports")
        (False, True)
        """
        if not callable(call):
            raise InvalidInput(f"on_change({shown(call)}): give a function, such as ents.invalidate")
        self._followers = [*self._followers, call]

    def _change(self, customer: str, change: Callable[[frozenset[str]], frozenset[str]]) -> None:
        known = customer_id(customer)
        with self._changing:
            self._held[known] = change(self._held.get(known, frozenset()))
        for call in self._followers:
            call(known)

    # --- when it fails -----------------------------------------------------------------------------------------------

    @property
    def failing(self) -> BaseException | None:
        """Give the error that every question to this source ends with, or `None`. Assign one to have it fail.

        What an instance remembers, it goes on answering from. After a failure it leaves the source alone for a second
        or more, as it would leave Stripe; so a customer asked about meanwhile is not known at once when it is over.

        >>> source = StaticSource({"cus_1": ["exports"]})
        >>> source.failing = StripeError("Stripe is down", status=503)
        >>> source.failing = None
        """
        return self._failing

    @failing.setter
    def failing(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, BaseException):
            raise InvalidInput(
                f"failing is {shown(error)}: assign an error, as StripeError('down'), or None to heal it"
            )
        self._failing = error

    @contextmanager
    def outage(self, error: BaseException | None = None) -> Generator[None]:
        """Fail within a `with` block: by the error given, or as Stripe does that can't be reached.

        Raises:
            InvalidInput: `error` is none.

        >>> from entitlements import Entitlements
        >>> source = StaticSource({"cus_1": ["exports"]})
        >>> with Entitlements(source=source) as ents, source.outage():
        ...     ents.check("cus_1", "exports").reason.value
        'unavailable'
        """
        before = self._failing
        self.failing = error or StripeError("this source was told to fail, as in an outage")
        try:
            yield
        finally:
            self._failing = before

    def __repr__(self) -> str:
        return f"StaticSource(customers={len(self._held)})"


def _some(what: str, features: tuple[str, ...]) -> frozenset[str]:
    if not features:
        raise InvalidInput(f"{what} names no feature: name some, or say hold(customer) for somebody who holds nothing")
    return frozenset(map(feature_key, features))
