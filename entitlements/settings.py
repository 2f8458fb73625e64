"""Settings: arguments first, then the environment; read once, validated once, printable without secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import cast

from entitlements.errors import InvalidInput, InvalidSettings
from entitlements.freshness import FeatureClass
from entitlements.stripe.ids import feature_key, shown
from entitlements.stripe.secret import NoSecret, Secret

__all__ = ["Limits", "Settings", "scope"]


_MOST = 1_000_000_000
_LONGEST_WAIT = 3_600  # seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what the library uses.

    Attributes:
        customers: snapshots kept in memory; about 300 bytes each.
        requests_per_second: to Stripe, in any one second, a burst included; Stripe allows 25 on each endpoint. All
            processes that share a fence table share them: a process and its forks, or a host with `shared_path`.
        fetch_threads: at most; they start when needed.
        fetches_waiting: at most, for a thread.
        deadline: seconds in which a question is answered when there is nothing to fall back on.
        brief_deadline: seconds in which it is answered when a snapshot could stand in.

    Raises:
        InvalidSettings: a limit that is no number, or not above 0.
    """

    customers: int = 100_000
    requests_per_second: float = 20.0
    fetch_threads: int = 8
    fetches_waiting: int = 1_000
    deadline: float = 2.0
    brief_deadline: float = 0.3

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            kinds = int if limit.type == "int" else (int, float)
            most = _LONGEST_WAIT if limit.name.endswith("deadline") else _MOST
            if not isinstance(value, kinds) or isinstance(value, bool) or not 0 < value <= most:
                whole = "a whole number" if limit.type == "int" else "a number"
                raise InvalidSettings(
                    f"Limits.{limit.name} is {shown(value)}: give {whole} above 0, and {most:,} at most"
                )


@dataclass(frozen=True, slots=True)
class Settings:
    """What one instance was told; made by `Settings.read`.

    >>> settings = Settings.read("sk_test_123", environ={})
    >>> settings.api_key, settings.api_base, settings.strict
    (Secret('sk_test_…'), 'https://api.stripe.com', False)
    """

    api_key: Secret | None
    api_base: str
    stripe_account: str | None
    webhook_secrets: tuple[Secret, ...]
    feature_classes: Mapping[str, FeatureClass]
    strict: bool
    shared_path: str | None = None
    sweep: float | None = None

    @classmethod
    def read(  # noqa: PLR0913 - one argument a setting
        cls,
        api_key: object = None,
        *,
        api_base: object = None,
        stripe_account: object = None,
        webhook_secrets: object = (),
        feature_classes: object = None,
        shared_path: object = None,
        sweep: object = None,
        strict: object = None,
        needs_key: bool = True,
        environ: Mapping[str, str] | None = None,
    ) -> Settings:
        """Read the settings: each argument, or else its variable.

        The variables are STRIPE_API_KEY, STRIPE_API_BASE, STRIPE_ACCOUNT and STRIPE_WEBHOOK_SECRET (several, with
        commas between them, while a secret is being rolled).

        Raises:
            InvalidSettings: a value that can't be right, named with where it came from and what is accepted.
        """
        from entitlements.stripe.address import STRIPE, is_loopback  # noqa: PLC0415 - it loads URL parsing

        # Whatever was given: a traceback of what goes wrong below may show this frame's locals.
        api_key, api_base = Secret.wrapped(api_key), Secret.wrapped(api_base)
        webhook_secrets = Secret.all_wrapped(webhook_secrets)
        base = _base(*_given("api_base", api_base, environ, "STRIPE_API_BASE", STRIPE))
        return cls(
            api_key=_key(*_given("api_key", api_key, environ, "STRIPE_API_KEY"), needed=needs_key or sweep is not None),
            api_base=base,
            stripe_account=_account(*_given("stripe_account", stripe_account, environ, "STRIPE_ACCOUNT")),
            webhook_secrets=_secrets(
                _listed(environ, "STRIPE_WEBHOOK_SECRET") if _is_nothing(webhook_secrets) else webhook_secrets
            ),
            feature_classes={} if _is_nothing(feature_classes) else _classes(feature_classes),
            strict=is_loopback(base) if strict is None else _bool("strict", strict),
            shared_path=_path(shared_path),
            sweep=_interval(sweep),
        )

    @property
    def livemode(self) -> bool | None:
        """Say whether the key is a live one; `None` when it doesn't tell."""
        return self.api_key.livemode if self.api_key else None

    @property
    def scope(self) -> str:
        """Name the account and mode whose customers are meant; a customer's data is used in no other scope."""
        return scope(self.stripe_account, livemode=self.livemode)


def scope(account: str | None, *, livemode: bool | None) -> str:
    """Name an account and a mode.

    >>> scope(None, livemode=True), scope("acct_1", livemode=False)
    ('self/live', 'acct_1/test')
    """
    mode = "any" if livemode is None else "live" if livemode else "test"
    return f"{account or 'self'}/{mode}"


def _given(
    name: str, argument: object, environ: Mapping[str, str] | None, variable: str, default: object = None
) -> tuple[object, str]:
    if argument is not None:
        return argument, name
    return _variable(environ, variable) or default, variable


def _is_nothing(argument: object) -> bool:
    """Say whether an argument is `None` or empty. Nothing else is asked for its truth: an array would raise."""
    if isinstance(argument, Secret):
        argument = argument.reveal()
    return argument is None or (isinstance(argument, str | list | tuple | Mapping) and not argument)


def _variable(environ: Mapping[str, str] | None, variable: str) -> str | None:
    # No local holds the environment: a traceback would show all of it.
    return (os.environ if environ is None else environ).get(variable)


def _is_plain(text: str) -> bool:
    return bool(text) and text.isprintable() and not any(map(str.isspace, text))


def _text(value: object, origin: str) -> str:
    text = str.__str__(value) if isinstance(value, str) else ""  # an enum's member is used as the text it holds
    if not _is_plain(text):
        raise InvalidSettings(f"{origin} is {shown(value)}: give text without spaces or control characters")
    return text


def _secret(value: object, origin: str) -> Secret:
    secret, value = Secret.wrapped(value), None
    if not isinstance(secret, Secret):
        trouble = secret.trouble if isinstance(secret, NoSecret) else "is None: give a string"
        raise InvalidSettings(f"{origin} {trouble}")
    if not _is_plain(secret.reveal()):
        looks = "malformed" if secret else "blank"
        raise InvalidSettings(f"{origin} is {looks}: give text without spaces or control characters")
    return secret


def _key(value: object, origin: str, *, needed: bool) -> Secret | None:
    key, value = Secret.wrapped(value), None
    if key is None and not needed:
        return None
    if key is None:
        raise InvalidSettings("no Stripe key: pass api_key=... or set STRIPE_API_KEY (the emulator prints one to use)")
    secret = _secret(key, origin)
    if secret.reveal().startswith(_OTHER_KINDS) or not secret.reveal().isascii():
        raise InvalidSettings(f"{origin} is no secret key: give one that begins with sk_ or rk_")
    return secret


_OTHER_KINDS = ("pk_", "whsec_", "price_", "prod_")


def _base(value: object, origin: str) -> str:
    from entitlements.stripe.address import usable_base  # noqa: PLC0415 - see `Settings.read`

    base, value = Secret.wrapped(value), None
    try:
        return usable_base(base)
    except InvalidSettings as error:
        raise InvalidSettings(f"{origin}: {error}") from None


def _account(value: object, origin: str) -> str | None:
    if value is None:
        return None
    text = _text(value, origin)
    if not text.startswith("acct_") or len(text) > _ID_LENGTH or not text.isascii():
        raise InvalidSettings(f"{origin} is {shown(text)}: a connected account's id begins with acct_, in plain ASCII")
    return text


_ID_LENGTH = 255


def _path(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, os.PathLike):
        value = os.fspath(cast("os.PathLike[str]", value))
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidSettings(f"shared_path is {shown(value)}: name a directory on a local disk, as text or a Path")
    return value


def _interval(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _LONGEST_WAIT:
        raise InvalidSettings(f"sweep is {shown(value)}: give seconds, above 0 and {_LONGEST_WAIT:,} at most")
    return float(value)


def _listed(environ: Mapping[str, str] | None, variable: str) -> tuple[Secret, ...]:
    if not _variable(environ, variable):
        return ()
    return tuple(Secret(part.strip()) for part in (_variable(environ, variable) or "").split(","))


def _secrets(values: object) -> tuple[Secret, ...]:
    given, values = Secret.all_wrapped(values), None
    if not isinstance(given, tuple):
        raise InvalidSettings("webhook_secrets must be a list of strings, as in webhook_secrets=['whsec_...']")
    return tuple(_secret(each, "a webhook secret") for each in cast("tuple[object, ...]", given))


def _classes(given: object) -> dict[str, FeatureClass]:
    if not isinstance(given, Mapping):
        raise InvalidSettings(f"feature_classes is {shown(given)}: give a dict, as in {{'payouts': 'strict'}}")
    classes: dict[str, FeatureClass] = {}
    for feature, name in cast("Mapping[object, object]", given).items():
        try:
            key = feature_key(feature)
        except InvalidInput as error:
            raise InvalidSettings(f"feature_classes: {error}") from None
        if not isinstance(name, str) or name not in _CLASSES:
            raise InvalidSettings(f"feature_classes[{shown(key)}] is {shown(name)}: give one of {', '.join(_CLASSES)}")
        classes[key] = FeatureClass(name)
    return classes


_CLASSES = tuple(FeatureClass)


def _bool(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidSettings(f"{name} is {shown(value)}: give True or False, or leave it out")
    return value
