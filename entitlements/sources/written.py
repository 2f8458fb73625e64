"""What a static source is given, read and checked: who holds what, and which products include it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, cast

from entitlements.catalog import Contents
from entitlements.decision import Offer
from entitlements.errors import InvalidInput, InvalidSettings
from entitlements.stripe.ids import customer_id, feature_key, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

__all__ = ["Written", "tables_of"]

_TABLES: Final = ("customers", "features", "products")
_CUSTOMER: Final = ("features", "products")
# As in the emulator's catalogue, so that one file does for both; what things cost is passed over.
_PRODUCT: Final = ("currency", "description", "features", "interval", "metadata", "name", "price", "prices")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down.

    Attributes:
        held: the features of each customer.
        contents: the catalogue; `None` where nothing was said of one.
    """

    held: dict[str, frozenset[str]]
    contents: Contents | None

    @classmethod
    def read(cls, customers: object, products: object, features: object) -> Self:
        """Check it, entry by entry.

        Raises:
            InvalidSettings: an entry that can't be right.
        """
        sold = {name: _Product(name, entry) for name, entry in _table("products", products).items()}
        named = {_entry("features", feature_key, key) for key in _table("features", features)}
        held = {
            _entry("customers", customer_id, customer): _holding(f"customers.{customer}", entry, sold)
            for customer, entry in _table("customers", customers).items()
        }
        return cls(held, None if products is None and features is None else _offered(sold.values(), named))


class _Product:
    """What one product is called and includes."""

    def __init__(self, name: str, given: object) -> None:
        entry = f"products.{name}"
        table = _table(entry, given)
        _only(entry, table, _PRODUCT)
        title = table.get("name", name.replace("_", " ").capitalize())
        if not isinstance(title, str) or not title.strip():
            raise InvalidSettings(f"{entry}.name is {shown(title)}: give a text that isn't empty")
        self.offer = Offer(f"prod_{name}", title)
        self.features = _keys(f"{entry}.features", table.get("features", []))


def _holding(entry: str, given: object, sold: Mapping[str, _Product]) -> frozenset[str]:
    if not isinstance(given, Mapping):
        return _keys(entry, given, "a list of lookup keys, or a table with products and features")
    table = cast("Mapping[str, object]", given)
    _only(entry, table, _CUSTOMER)
    held = _keys(f"{entry}.features", table.get("features", []))
    for name in _texts(f"{entry}.products", table.get("products", []), "a list of names of products"):
        if name not in sold:
            raise InvalidSettings(
                f"{entry}.products has {shown(name)}, which is no product here: add [products.{name}]"
            )
        held |= sold[name].features
    return held


def _offered(sold: Iterable[_Product], named: Iterable[str]) -> Contents:
    offers: dict[str, list[Offer]] = {}
    for product in sold:
        for key in sorted(product.features):
            offers.setdefault(key, []).append(product.offer)
    return Contents.of(offers, also=named)


def tables_of(path: Path) -> dict[str, Mapping[str, object]]:
    """Read the tables of a TOML file.

    Raises:
        InvalidSettings: it can't be read, or is none.
    """
    document = _document(path)
    try:
        _only("the file", document, _TABLES)
        return {name: _table(name, given) for name, given in document.items()}
    except InvalidSettings as error:
        raise InvalidSettings(f"{path}: {error}") from None


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidSettings(f"{path} can't be read: {error.strerror}; name a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path} is no TOML: {error}; see StaticSource.from_toml for what it may hold") from error


def _table(entry: str, given: object) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidSettings(f"{entry} is {shown(given)}: give a table, which in Python is a dict")
    return cast("Mapping[str, object]", given)


def _only(entry: str, table: Mapping[str, object], allowed: tuple[str, ...]) -> None:
    for name in table:
        if name not in allowed:
            raise InvalidSettings(f"{entry} has {shown(name)}, which means nothing here: give {', '.join(allowed)}")


def _keys(entry: str, given: object, what: str = "a list of lookup keys") -> frozenset[str]:
    return frozenset(_entry(entry, feature_key, key) for key in _texts(entry, given, what))


def _texts(entry: str, given: object, what: str) -> list[str]:
    if not isinstance(given, list | tuple | set | frozenset):
        raise InvalidSettings(f"{entry} is {shown(given)}: give {what}")
    return list(cast("Iterable[str]", given))


def _entry(entry: str, check: Callable[[object], str], value: object) -> str:
    try:
        return check(value)
    except InvalidInput as error:
        raise InvalidSettings(f"{entry}: {error}") from None
