"""Fuzz of the webhook's signature: accepted if and only if somebody who knows a secret signed these bytes just now.

What decides is `plain_signature`, written by Stripe's description alone. Deliveries begin as Stripe makes them, and are
spoilt as forgers, proxies and careless code would.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from fuzzing import FEWEST, MOST, REFUSED, Target, fuzz
from hostile_texts import spoilt_text, text
from hostile_values import Branded, value
from plain_signature import Delivery, is_authentic, mac

from entitlements import SignatureError
from entitlements.feeds.webhook import Notice, read_event
from entitlements.stripe.secret import Secret

NOW = 1_795_392_000
OLD, NEW, OTHER = "whsec_CANARY_old", "whsec_CANARY_new", "whsec_CANARY_other"
CUSTOMERS = ("cus_1", "cus_2")
KIND = "entitlements.active_entitlement_summary.updated"
BODIES = {
    customer: json.dumps(
        {"id": f"evt_{customer}", "type": KIND, "livemode": False, "data": {"object": {"customer": customer}}}
    ).encode()
    for customer in CUSTOMERS
}
NOTICES = {body: Notice(f"evt_{customer}", KIND, False, None, customer) for customer, body in BODIES.items()}


def judge(delivery: Delivery, outcome: object) -> None:
    if not is_authentic(delivery):
        assert outcome is REFUSED
    elif delivery.payload in NOTICES:  # else the body was spoilt before it was signed, and the body's fuzz judges it
        assert outcome == NOTICES[delivery.payload]


# --- what is sent ----------------------------------------------------------------------------------------------------

TIMES = (0, 0, 0, 1, -1, 299, -299, 300, -300, 301, -301, 3_600, -3_600, 10**6, -NOW, -NOW - 5, 2**31, 2**63, 10**14)


def draw(dice):
    delivery = signed(dice)
    for _ in range(dice.choice((0, 0, 1, 1, 1, 2))):
        delivery = dice.pick(SPOILING)(dice, delivery)
    return delivery


def signed(dice, *, by=None):
    """A delivery as Stripe makes it: by one or both secrets, and sometimes with a `v0`."""
    payload = BODIES[dice.choice(CUSTOMERS)]
    time = NOW + (dice.choice(TIMES) if dice.odds(0.3) else 0)
    keys = by or dice.choice(((NEW,), (NEW,), (OLD,), (OLD, NEW), (OTHER, NEW)))
    parts = [f"t={time}", *(f"v1={mac(key, b'%d.%s' % (time, payload))}" for key in keys)]
    if dice.odds(0.2):
        parts.append("v0=" + "0" * 64)
    secrets = dice.choice(([NEW, OLD], (OLD, Secret(NEW)), [Secret(OLD), Secret(NEW)]))
    return Delivery(payload, ",".join(parts), secrets, float(NOW))


def _another_body(dice, delivery):
    body = raw(delivery)
    others = (*BODIES.values(), body + b"\n", body[:-1], b"\xef\xbb\xbf" + body, body.replace(b" ", b""), b"", b"{}")
    return replace(delivery, payload=dice.choice(others))


def _a_bit_of_the_body(dice, delivery):
    body = bytearray(raw(delivery) or b"x")
    body[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
    return replace(delivery, payload=bytes(body))


def _no_bytes_for_a_body(dice, delivery):
    others = (raw(delivery).decode("latin-1"), bytearray(raw(delivery)), None, {}, b"x" * 262_145, value(dice))
    return replace(delivery, payload=dice.choice(others))


def _stranger(dice, delivery):
    return replace(
        signed(dice, by=[dice.choice((OTHER, "", "whsec_", "whsec", " ", NEW[6:], NEW.upper(), text(dice)))])
    )


def _another_mac(dice, delivery):
    """Right in all but one thing, as by somebody who read half of the description."""
    body, time = raw(delivery), str(NOW).encode()
    key, message = NEW.encode(), time + b"." + body
    forged = dice.choice(
        (
            lambda: mac(NEW, body),
            lambda: mac(NEW, time + body),
            lambda: mac(NEW, time + b"," + body),
            lambda: mac(NEW, body + b"." + time),
            lambda: mac(NEW, message + b"\n"),
            lambda: mac(NEW, b"%d.%s" % (NOW - 1, body)),
            lambda: mac(NEW.removeprefix("whsec_"), message),
            lambda: mac(message.decode("latin-1"), key),
            lambda: hashlib.sha256(key + message).hexdigest(),
            lambda: hashlib.sha256(message).hexdigest(),
            lambda: mac(NEW, message)[:32] + mac(OLD, message)[32:],
            lambda: base64.b64encode(bytes.fromhex(mac(NEW, message))).decode(),
            lambda: "0" * 64,
            lambda: NEW,
        )
    )()
    return replace(delivery, header=f"t={NOW},v1={forged}")


def _another_spelling(dice, delivery):
    """The right signature, written as it isn't."""
    good = mac(NEW, b"%d.%s" % (NOW, raw(delivery)))
    odd = dice.choice(
        (
            good.upper(),
            good.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
            good.translate({ord(letter): ord(letter) + 0xFEE0 for letter in "abcdef"}),  # as wide as a Chinese sign
            good.replace("a", "а"),  # noqa: RUF001 - Cyrillic, that is the point
            good[:-1],
            good[:32],
            good[1:],
            good + "0",
            f" {good}",
            f"{good} ",
            f'"{good}"',
            f"0x{good}",
            f"{good}\x00",
            f"{good}\r",
            good[:-1] + ("0" if good[-1] != "0" else "1"),
            "",
        )
    )
    return replace(delivery, header=f"t={NOW},v1={odd}")


def _another_time(dice, delivery):
    """A time written as it isn't; signed, so that only its spelling is in question."""
    time = str(NOW)
    odd = dice.choice(
        (
            f"0{time}",
            f"00000{time}",
            f"000000{time}",
            f"+{time}",
            f"-{time}",
            f" {time}",
            f"{time} ",
            f"{time}.0",
            "1_795_392_000",
            f"{NOW:e}",
            hex(NOW),
            time.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
            "²" * 3,
            "",
            "nan",
            "inf",
            "9" * 15,
            "9" * 16,
            "9" * 5_000,
            f"{time}\x00",
            f"{time}\n",
        )
    )
    return replace(delivery, header=f"t={odd},v1={mac(NEW, odd.encode() + b'.' + raw(delivery))}")


def _parts_moved(dice, delivery):
    parts = plain(delivery).split(",")
    moved = dice.choice(
        (
            lambda: parts[::-1],
            lambda: parts + parts,
            lambda: [*parts, f"t={NOW}"],
            lambda: ["t=1", *parts],
            lambda: parts[1:],
            lambda: parts[:1],
            lambda: ["", *parts, "", ""],
            lambda: [*parts, "v1=", "v1", "=", "x=y"],
            lambda: ["v1=é", *parts],
            lambda: [parts[0], *["v1=" + "0" * 64] * dice.choice((14, 15, 16, 17, 100)), *parts[1:]],
            lambda: [parts[0], *["v1="] * 2_000, *parts[1:]],
            lambda: [parts[0], *["v1=00"] * 100_000] if dice.odds(0.02) else parts,
            lambda: [f" {part}\t" for part in parts],
            lambda: [part.replace("=", " = ") for part in parts],
            lambda: [f"\xa0{part}" for part in parts],
        )
    )()
    return replace(delivery, header=",".join(moved))


def _schemes_renamed(dice, delivery):
    before, after = dice.choice(
        (
            ("v1", "v0"),
            ("v1", "V1"),
            ("v1", "v2"),
            ("v1", "v"),
            ("v1", "v11"),
            ("t=", "T="),
            ("v1=", "v1:"),
            ("v1", "\uff561"),
        )
    )
    return replace(delivery, header=plain(delivery).replace(before, after))


def _several_headers(dice, delivery):
    """Headers of two deliveries, as servers and proxies join them."""
    other = plain(signed(dice))
    between = dice.choice((", ", ",", "; ", "\r\n", "\r\nStripe-Signature: ", "\x00", " "))
    return replace(delivery, header=between.join(dice.choice(((plain(delivery), other), (other, plain(delivery))))))


def _separators(dice, delivery):
    return replace(delivery, header=plain(delivery).replace(",", dice.choice((", ", ";", "&", " ", ",,", "\n", "，"))))  # noqa: RUF001 - a wide comma


def _a_text_like_it(dice, delivery):
    return replace(delivery, header=spoilt_text(dice, plain(delivery), times=dice.choice((1, 1, 2))))


def _as_bytes(dice, delivery):
    header = plain(delivery)
    encoding = dice.choice(("utf-8", "utf-8", "latin-1", "utf-16", "utf-8-sig"))
    return replace(delivery, header=header.encode(encoding, "replace"))


def _no_header(dice, delivery):
    header = dice.choice((None, "", b"", [plain(delivery)], Branded(plain(delivery)), value(dice), text(dice)))
    return replace(delivery, header=header)


def _other_secrets(dice, delivery):
    others = (
        [],
        (),
        None,
        NEW,
        Secret(NEW),
        [""],
        [NEW, ""],
        [NEW, " \t"],
        [NEW, None],
        [NEW.encode()],
        {NEW},
        iter([NEW]),
        [OTHER],
        [OTHER] * 20 + [NEW],
        ["\ud800", NEW],
        [NEW + " "],
        [value(dice)],
        value(dice),
    )
    return replace(delivery, secrets=dice.choice(others))


def _another_clock(dice, delivery):
    nows = (NOW + 300, NOW - 300, NOW + 300.01, NOW - 300.01, NOW + 301, 0, -NOW, 10**400, str(NOW), True, None)
    return replace(delivery, now=dice.choice((*nows, float("nan"), float("inf"), value(dice))))


def raw(delivery: Delivery) -> bytes:
    return delivery.payload if isinstance(delivery.payload, bytes) else BODIES["cus_1"]


def plain(delivery: Delivery) -> str:
    header = delivery.header
    return header.decode("latin-1") if isinstance(header, bytes) else header if type(header) is str else ""


SPOILING = (
    _another_body,
    _a_bit_of_the_body,
    _stranger,
    _another_mac,
    _another_spelling,
    _another_time,
    _parts_moved,
    _parts_moved,
    _schemes_renamed,
    _several_headers,
    _separators,
    _a_text_like_it,
    _a_text_like_it,
    _as_bytes,
    _no_header,
    _other_secrets,
    _another_clock,
)

SIGNATURES = Target(
    draw,
    lambda given: read_event(given.payload, given.header, given.secrets, now=given.now),
    judge,
    SignatureError,
    secrets=("CANARY",),
)


def test_no_forgery_is_accepted():
    """I12, R33, R94: ten thousand headers, bodies, secrets and clocks: accepted if and only if signed, just now."""
    fuzz(SIGNATURES, FEWEST)


@pytest.mark.soak
@pytest.mark.timeout(1_700)
def test_no_forgery_is_accepted_in_a_million():
    """The same, a hundred times as often, and others each time."""
    print(fuzz(SIGNATURES, MOST))  # noqa: T201 - the figures of the soak
