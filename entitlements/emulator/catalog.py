"""A catalogue to start from: features and products from a TOML file or a dict, made through the desk.

    [features]
    exports = "Data exports"

    [products.pro]
    name = "Pro"
    features = ["exports"]
    price = 2900            # in the currency's smallest unit
    currency = "usd"        # this and the interval are the defaults
    interval = "month"      # day, week, month, year; "once" for a one-time price

A product `pro` gets the id `prod_pro`, its price `price_pro`. Several prices: `prices = {monthly = 2900, yearly =
{price = 29000, interval = "year"}}` makes `price_pro_monthly` and `price_pro_yearly`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from entitlements.emulator.resources.subscription_items import features_of
from entitlements.emulator.wire.errors import ApiError

if TYPE_CHECKING:
    from entitlements.emulator.wire.desk import Desk

__all__ = ["Catalog", "CatalogError", "apply", "read"]

_PRODUCT = {"name", "features", "price", "prices", "currency", "interval", "description", "metadata"}
_PRICE = {"price", "currency", "interval"}
_INTERVALS = ("day", "week", "month", "year", "once")


class CatalogError(ValueError):
    """A catalogue entry breaks a rule; the message names both."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a product costs."""

    id: str
    amount: int
    currency: str
    interval: str


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold, and the lookup keys of the features it brings."""

    id: str
    name: str
    features: tuple[str, ...]
    prices: tuple[Price, ...]
    description: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Features by lookup key, and products."""

    features: Mapping[str, str]
    products: tuple[Product, ...]


def read(source: str | Path | Mapping[str, object]) -> Catalog:
    """Read a catalogue from a TOML file or a dict.

    >>> catalog = read({"features": {"sso": "Sign-on"}, "products": {"pro": {"features": ["sso"], "price": 900}}})
    >>> catalog.products[0].id, catalog.products[0].prices[0].id
    ('prod_pro', 'price_pro')
    """
    document = source if isinstance(source, Mapping) else _load(Path(source))
    _known("the catalogue", document, {"features", "products"})
    features = _features(_table("features", document.get("features", {})))
    products = _table("products", document.get("products", {}))
    return Catalog(
        features, tuple(_product(name, _table(f"products.{name}", products[name]), features) for name in products)
    )


def _load(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogError(f"can't read the catalogue {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(f"the catalogue {path} is not TOML: {error}") from error


def _table(entry: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise CatalogError(f"{entry} = {value!r}: must be a table")
    return cast("Mapping[str, object]", value)


def _known(entry: str, table: Mapping[str, object], allowed: set[str]) -> None:
    for name in table:
        if name not in allowed:
            raise CatalogError(f"{entry}: {name!r} is not known here; the entries are {', '.join(sorted(allowed))}")


def _features(table: Mapping[str, object]) -> dict[str, str]:
    return {key: _text(f"features.{key}", name) for key, name in table.items()}


def _text(entry: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CatalogError(f"{entry} = {value!r}: must be a text that isn't empty")
    return value


def _product(name: str, table: Mapping[str, object], features: Mapping[str, str]) -> Product:
    entry = f"products.{name}"
    _known(entry, table, _PRODUCT)
    metadata = _table(f"{entry}.metadata", table.get("metadata", {}))
    return Product(
        id=f"prod_{name}",
        name=_text(f"{entry}.name", table.get("name", name.replace("_", " ").capitalize())),
        features=_keys(f"{entry}.features", table.get("features", []), features),
        prices=tuple(_prices(name, table)),
        description=_text(f"{entry}.description", table["description"]) if "description" in table else None,
        metadata={key: _text(f"{entry}.metadata.{key}", value) for key, value in metadata.items()},
    )


def _keys(entry: str, value: object, features: Mapping[str, str]) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise CatalogError(f"{entry} = {value!r}: must be a list of lookup keys")
    keys = tuple(_text(entry, key) for key in cast("list[object]", value))
    for key in keys:
        if key not in features:
            raise CatalogError(f"{entry}: {key!r} is not among [features]; add it there or correct it")
    if len(set(keys)) < len(keys):
        raise CatalogError(f"{entry}: a feature is named twice in {list(keys)}")
    return keys


def _prices(name: str, table: Mapping[str, object]) -> list[Price]:
    entry = f"products.{name}"
    defaults = {key: table[key] for key in ("currency", "interval") if key in table}
    single = [_price(f"price_{name}", entry, table)] if "price" in table else []
    named = _table(f"{entry}.prices", table.get("prices", {}))
    return single + [
        _price(
            f"price_{name}_{label}",
            f"{entry}.prices.{label}",
            {**defaults, **_as_table(f"{entry}.prices.{label}", value)},
        )
        for label, value in named.items()
    ]


def _as_table(entry: str, value: object) -> Mapping[str, object]:
    table = {"price": value} if isinstance(value, int) else _table(entry, value)
    _known(entry, table, _PRICE)
    return table


def _price(price_id: str, entry: str, table: Mapping[str, object]) -> Price:
    amount, interval = table.get("price"), table.get("interval", "month")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise CatalogError(f"{entry}.price = {amount!r}: must be a whole number of cents, zero or more")
    if interval not in _INTERVALS:
        raise CatalogError(f"{entry}.interval = {interval!r}: must be one of {', '.join(_INTERVALS)}")
    currency = _text(f"{entry}.currency", table.get("currency", "usd"))
    if len(currency) != len("usd"):
        raise CatalogError(f"{entry}.currency = {currency!r}: must be a currency's three letters")
    return Price(price_id, amount, currency, str(interval))


def apply(catalog: Catalog, desk: Desk) -> None:
    """Make what the catalogue has and the emulator hasn't; what exists already is left as it is."""
    try:
        features = {key: _ensure_feature(desk, key, name) for key, name in catalog.features.items()}
        for product in catalog.products:
            _ensure_product(desk, product, features)
    except ApiError as error:
        raise CatalogError(f"the catalogue was refused: {error}") from error


def _ensure_feature(desk: Desk, key: str, name: str) -> str:
    found = desk.perform("GET", "/v1/entitlements/features", {"lookup_key": key})["data"]
    feature = (
        found[0] if found else desk.perform("POST", "/v1/entitlements/features", {"lookup_key": key, "name": name})
    )
    return str(feature["id"])


def _ensure_product(desk: Desk, product: Product, features: Mapping[str, str]) -> None:
    if not _exists(desk, "product", product.id):
        fields = {
            "id": product.id,
            "name": product.name,
            "description": product.description,
            "metadata": product.metadata,
        }
        desk.perform("POST", "/v1/products", fields)
    attached = desk.work(lambda call: features_of(call.tx, product.id))
    for feature in (features[key] for key in product.features):
        if feature not in attached:
            desk.perform("POST", f"/v1/products/{product.id}/features", {"entitlement_feature": feature})
    for price in product.prices:
        _ensure_price(desk, product.id, price)


def _ensure_price(desk: Desk, product: str, price: Price) -> None:
    if _exists(desk, "price", price.id):
        return
    recurring = None if price.interval == "once" else {"interval": price.interval}
    fields = {"product": product, "unit_amount": price.amount, "currency": price.currency, "recurring": recurring}
    desk.perform("POST", "/v1/prices", fields, named=price.id)


def _exists(desk: Desk, kind: str, object_id: str) -> bool:
    return desk.work(lambda call: call.tx.get(kind, object_id)) is not None
