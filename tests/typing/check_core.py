"""What type checkers see of the core's decorator: whatever is guarded keeps its signature."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, assert_type

from entitlements import Decision, Entitlements, Pinned, requires_feature


@requires_feature("exports")
def export(org: str, *, rows: int = 10) -> list[str]:
    return [org] * rows


@requires_feature("exports", "sso", status=403, upgrade_url="/pricing")
async def admin_export(org: str) -> bytes:
    return org.encode()


@requires_feature(any_of=["team", "business"], hide=True)
def lines(org: str) -> Iterator[str]:
    yield org


@requires_feature("exports")
async def chunks(org: str) -> AsyncIterator[bytes]:
    yield org.encode()


class Reports:
    @requires_feature("exports")
    def make(self, year: int) -> str:
        return str(year)

    @classmethod
    @requires_feature("exports")
    def all(cls, most: int) -> list[str]:
        return [""] * most

    @staticmethod
    @requires_feature("exports")
    def one(name: str) -> str:
        return name


assert_type(export("org", rows=3), list[str])
assert_type(lines("org"), Iterator[str])
assert_type(chunks("org"), AsyncIterator[bytes])
assert_type(Reports().make(2026), str)
assert_type(Reports.all(3), list[str])
assert_type(Reports.one("x"), str)
kept: Callable[[str], Coroutine[Any, Any, bytes]] = admin_export

export(3)  # type: ignore[arg-type]  # a wrong argument is an error behind the gate too
export("org", row=3)  # type: ignore[call-arg]  # and so is a wrong name


async def asked(ents: Entitlements) -> None:
    assert_type(ents.has_feature("cus_1", "exports"), bool)
    assert_type(ents.check("cus_1", "exports"), Decision)
    assert_type(await ents.ahas_feature("cus_1", "exports"), bool)
    assert_type(await ents.acheck("cus_1", "exports"), Decision)
    assert_type(ents.for_customer("cus_1").pinned(), Pinned)
    assert_type(await admin_export("org"), bytes)
