"""Currencies, as Stripe supports them."""

from __future__ import annotations

from dataclasses import dataclass

from entitlements.emulator.wire.errors import invalid
from entitlements.emulator.wire.params import Text

__all__ = ["SUPPORTED", "Currency"]

_CODES = (
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl hrk htg "
    "huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt "
    "mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar "
    "sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usdc uyu uzs vnd vuv wst xaf "
    "xcd xcg xof xpf yer zar zmw"
)
SUPPORTED = tuple(_CODES.split())


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency's three letters, in either case; it reads as lower case."""

    required: bool = False

    def read(self, name: str, raw: object) -> str:
        """Refuse what is no currency."""
        given = str(Text().read(name, raw))
        if given.lower() not in SUPPORTED:
            message = f"Invalid currency: {given[:20]}. Stripe currently supports these currencies: "
            raise invalid(message + ", ".join(SUPPORTED), name)
        return given.lower()
