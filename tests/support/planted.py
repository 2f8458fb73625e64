"""Planted bugs: one-line weakenings of the library, each of which some test must notice.

A race test counts only if it fails on the bug it is there for. `plant` replaces a line in a module's source as it is
imported, in a process of its own; nothing is written anywhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

__all__ = ["BANK", "Bug", "plant"]


@dataclass(frozen=True)
class Bug:
    """A line as it is, the line as somebody might carelessly write it, and the tests that must then fail."""

    name: str
    module: str
    line: str
    careless: str
    killed_by: str


BANK = [
    Bug(
        "a snapshot is stored under the token read when it arrives (rule 1)",
        "entitlements.cache.engine",
        "            token=flight.token,\n            slot=flight.slot,",
        "            token=self._fences.token(flight.slot),\n            slot=flight.slot,",
        "tests/test_races.py",
    ),
    Bug(
        "a question joins whatever flies, whenever it began (rule 2)",
        "entitlements.cache.engine",
        "flight is not None and flight.token == token and (after is None",
        "flight is not None and (after is None",
        "tests/test_races.py",
    ),
    Bug(
        "a raise writes a counter (rule 3)",
        "entitlements.cache.fences",
        "self._words[slot] = self._random() << 32 | moment",
        "self._words[slot] = (self._words[slot] or 1 << 62) + 1",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a raise copies one token (rule 3)",
        "entitlements.cache.fences",
        'bits = int.from_bytes(self._entropy(4), "little")',
        "bits = 0x41414141",
        "tests/test_races.py",
    ),
    Bug(
        "zero is as good a token as any (rule 4)",
        "entitlements.cache.fences",
        "return self.tokens[slot] or self._write(slot, 0)",
        "return self.tokens[slot]",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a first token carries the time, as if something had changed (rule 3)",
        "entitlements.cache.fences",
        "return self.tokens[slot] or self._write(slot, 0)",
        "return self.tokens[slot] or self.raise_(slot)",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "the stripe comes from hash() (rule 7)",
        "entitlements.cache.fences",
        'return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")',
        "return abs(hash(text))",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "the table is each process's own (rule 8)",
        "entitlements.cache.fences",
        "mmap.mmap(-1, (_HEADER + STRIPES) * 8)",
        "mmap.mmap(-1, (_HEADER + STRIPES) * 8, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)",
        "tests/test_forks.py",
    ),
    Bug(
        "a forked child keeps its parent's flights and threads (rule 8)",
        "entitlements.forks",
        "        resettable.reset()",
        "        pass",
        "tests/test_forks.py",
    ),
    Bug(
        "the hot path doesn't compare the fence",
        "entitlements.resolver",
        "self._tokens[snapshot.slot] == snapshot.token",
        "True",
        "tests/test_races.py",
    ),
    Bug(
        "the hot path doesn't read the clock",
        "entitlements.resolver",
        "and snapshot.began <= (now := monotonic()) < snapshot.deadline",
        "and (now := monotonic())",
        "tests/test_async.py",
    ),
    Bug(
        "no fence is compared when a snapshot is looked up",
        "entitlements.cache.engine",
        "return self._fences.tokens[snapshot.slot] == snapshot.token != 0",
        "return True",
        "tests/test_races.py",
    ),
    Bug(
        "what a superseded flight brought answers whoever waited for it",
        "entitlements.judge",
        "return snapshot if snapshot is not None and self._cache.stands(snapshot) else None",
        "return snapshot",
        "tests/test_races.py",
    ),
    Bug(
        "an outage serves what is known to be superseded",
        "entitlements.judge",
        "snapshot is not None and self._cache.stands(snapshot) and self._plan(snapshot, need) is not Plan.FETCH",
        "snapshot is not None",
        "tests/test_outcomes.py",
    ),
    Bug(
        "`after=` joins a flight that began before",
        "entitlements.cache.engine",
        "flight.token == token and (after is None or flight.moment > after)",
        "flight.token == token",
        "tests/test_races.py",
    ),
    Bug(
        "age counts from the end of the fetch",
        "entitlements.cache.engine",
        "            began=flight.began,",
        "            began=self.clock(),",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a late answer overwrites a newer one",
        "entitlements.cache.engine",
        "before.token == snapshot.token and before.moment > snapshot.moment",
        "False",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "no failure is remembered",
        "entitlements.cache.backoff",
        "if block is not None and now < block.until:",
        "if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a failure is an empty set",
        "entitlements.cache.engine",
        "            self._fail(flight, _describe(error), error)",
        "            self._complete(flight, __import__('entitlements.sources.contract').sources.contract.Holding(frozenset()))",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a flight that failed is never taken off the board",
        "entitlements.cache.engine",
        "                return\n            self._leave(flight)\n            self.tally.failures += 1",
        "                return\n            self.tally.failures += 1",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "what is fetched right after an event is trusted like anything else",
        "entitlements.freshness",
        "        if settling:",
        "        if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a settling snapshot is served while it is refreshed",
        "entitlements.freshness",
        "revalidate = 0.0 if brief else self.stale_while_revalidate",
        "revalidate = self.stale_while_revalidate",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a refusal is given at any age",
        "entitlements.freshness",
        "        if not 0 <= age < lifetime:\n            return Plan.FETCH\n        return Plan.SERVE if age <=",
        "        return Plan.SERVE if age <=",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a clock that went back makes everything young",
        "entitlements.freshness",
        "        if 0 <= age < lifetime:\n            return Plan.SERVE\n        windows",
        "        if age < lifetime:\n            return Plan.SERVE\n        windows",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a question is as true as any object",
        "entitlements.question",
        "    def __bool__(self) -> bool:",
        "    def is_true(self) -> bool:",
        "tests/test_async.py",
    ),
    Bug(
        "a decision is as true as any object",
        "entitlements.decision",
        "    def __bool__(self) -> bool:",
        "    def is_true(self) -> bool:",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a cancelled task takes the flight down with it",
        "entitlements.cache.wait",
        "            await woken\n        finally:\n            alarm.cancel()",
        "            await woken\n        except BaseException:\n            self.landing.land(__import__('entitlements.cache.flight')"
        ".cache.flight.Outcome())\n            raise",
        "tests/test_async.py",
    ),
    Bug(
        "waiting is measured by a clock that a test can freeze",
        "entitlements.clocks",
        "        return time.clock_gettime(time.CLOCK_MONOTONIC)",
        "        return time.monotonic()",
        "tests/test_async.py",
    ),
    Bug(
        "a view stays bound when the request fails",
        "entitlements.bound",
        "    try:\n        yield\n    finally:\n        _bound.reset(token)",
        "    yield\n    _bound.reset(token)",
        "tests/test_gate.py",
    ),
    Bug(
        "a guarded stream runs before its check",
        "entitlements.gate",
        "            self._stream = await self._opened()",
        "            self._stream = self._function(*self._args, **self._kwargs)",
        "tests/test_gate.py",
    ),
    Bug(
        "a generator is checked at its first item",
        "entitlements.gate",
        "    if inspect.isasyncgenfunction(function):",
        "    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):",
        "tests/test_gate.py",
    ),
    Bug(
        "an unknown customer takes a payer's room",
        "entitlements.cache.engine",
        "        if known:\n            self._unknown.pop(customer, None)",
        "        if True:\n            self._unknown.pop(customer, None)",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a thread that was held up fetches what has just landed",
        "entitlements.cache.engine",
        "if landed is not None and landed is not seen and self._suits(landed, after):",
        "if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a pin holds for as long as somebody holds it",
        "entitlements.customer",
        "return self._pin if real_now() - self._pinned_at < self._holds else None",
        "return self._pin",
        "tests/test_gate.py",
    ),
    Bug(
        "a closed cache goes on remembering",
        "entitlements.cache.engine",
        "if self.stands(snapshot) and not self._closed:",
        "if self.stands(snapshot):",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a fork doesn't wait for what is being loaded",
        "entitlements.forks",
        "os.register_at_fork(before=_before, after_in_parent=_release_all, after_in_child=_after_in_child)",
        "os.register_at_fork(after_in_child=_reset_all)",
        "tests/test_forks.py",
    ),
    Bug(
        "a thread is counted before it has started",
        "entitlements.cache.pool",
        "        thread.start()  # first: where no thread can be started, none may be counted\n        self._threads.add(thread)",
        "        self._threads.add(thread)\n        thread.start()",
        "tests/cache/test_pool.py",
    ),
    Bug(
        "two threads make two fence tables",
        "entitlements.cache.fences",
        "    with first_load:  # two tables would be two truths",
        "    if True:",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a webhook from the future is believed",
        "entitlements.stripe.signature",
        "if abs(late) > most:",
        "if late > most:",
        "tests/feeds/test_webhook.py",
    ),
    Bug(
        "a signature is compared as far as it goes",
        "entitlements.stripe.signature",
        "found |= hmac.compare_digest(expected, signature)",
        "found |= expected.startswith(signature)",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "a signature for tests is one",
        "entitlements.stripe.signature",
        'elif name == b"v1" and',
        'elif name in {b"v0", b"v1"} and',
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "the first of several times will do",
        "entitlements.stripe.signature",
        "if len(stamps) != 1 or",
        "if not stamps or",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "an empty secret is one",
        "entitlements.stripe.signature",
        "if not isinstance(key, Secret) or not key:",
        "if not isinstance(key, Secret):",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "a member that is named twice has its last value",
        "entitlements.stripe.strict_json",
        "if len(members) != len(pairs):",
        "if False:",
        "tests/fuzz/test_fuzz_webhook_body.py",
    ),
    Bug(
        "half a character is one",
        "entitlements.stripe.strict_json",
        "if not _SURROGATE.search(text) or _is_unicode(value):",
        "if True:",
        "tests/fuzz/test_fuzz_webhook_body.py",
    ),
    Bug(
        "a page that doesn't say whether more follows is the last",
        "entitlements.stripe.pages",
        'has_more = body.get("has_more")',
        'has_more = body.get("has_more", False)',
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "an item that was seen before is passed over",
        "entitlements.stripe.pages",
        'raise page.malformed("holds an item seen before, so the reading gets nowhere")',
        "continue",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "the mode of what stands in an object is not compared",
        "entitlements.stripe.reading",
        "        elif isinstance(value, StripeObject):\n            yield from _modes(value)",
        "        elif isinstance(value, StripeObject):\n            pass",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whatever is missing, it is the customer",
        "entitlements.sources.active",
        'if missing.param != "customer":',
        "if False:",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whoever isn't let in is told that nobody is there",
        "entitlements.stripe.refusals",
        "return _BY_STATUS.get(status, ResourceMissing)",
        "return ResourceMissing",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whatever can be written down is an id",
        "entitlements.stripe.ids",
        '        raise InvalidInput(f"{what} {shown(value)} is not a string; {advice}")\n    text = str.__str__(value)',
        "        value = str(value)\n    text = str.__str__(value)",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "a key is masked after it was cut",
        "entitlements.stripe.ids",
        "return super().repr_str(scrub(str.__str__(x)), level)",
        "return scrub(super().repr_str(str.__str__(x), level))",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "whatever decodes to a token is one",
        "entitlements.token",
        " and _written(packed) == text",
        "",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "a secret is what it prints",
        "entitlements.stripe.secret",
        "self._value = str.__str__(value)",
        "self._value = value",
        "tests/fuzz/test_fuzz_settings.py",
    ),
    Bug(
        "an address may name a user",
        "entitlements.stripe.address",
        'for mark in "@?#"',
        'for mark in "?#"',
        "tests/fuzz/test_fuzz_settings.py",
    ),
    Bug(
        "truth is a number",
        "entitlements.settings",
        "if not isinstance(value, kinds) or isinstance(value, bool) or",
        "if not isinstance(value, kinds) or",
        "tests/fuzz/test_fuzz_numbers.py",
    ),
    Bug(
        "any digit declares a length",
        "entitlements.web.webhook",
        "if not (header.isascii() and header.isdigit()):",
        "if not header.isdigit():",
        "tests/fuzz/test_fuzz_content_length.py",
    ),
    Bug(
        "raising all carries the time, as if every customer had changed (rule 3)",
        "entitlements.cache.fences",
        'self._words[_HEADER:] = memoryview(bytes(STRIPES * 8)).cast("Q")',
        'self._words[_HEADER:] = memoryview((self._random() << 32 | int(self._wall())).to_bytes(8, "little") * STRIPES).cast("Q")',
        "tests/cache/test_fences.py",
    ),
    Bug(
        "raising all raises most",
        "entitlements.cache.fences",
        'self._words[_HEADER:] = memoryview(bytes(STRIPES * 8)).cast("Q")',
        'self._words[_HEADER:-1] = memoryview(bytes(STRIPES * 8 - 8)).cast("Q")',
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a change that has settled starts a settle window",
        "entitlements.cache.fences",
        "0 if settled else int(self._wall()) & 0xFFFF_FFFF",
        "int(self._wall()) & 0xFFFF_FFFF",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a sweep speaks for every scope that shares its word",
        "entitlements.cache.fences",
        "return word & _TAG == sweep >> 54 and -1 <= age",
        "return -1 <= age",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a sweep's round from the future shows that changes are followed",
        "entitlements.cache.fences",
        "sweep >> 54 and -1 <= age <= (word",
        "sweep >> 54 and age <= (word",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a change reaches one table of the process",
        "entitlements.cache.fences",
        "    for table in tables():",
        "    for table in tables()[:1]:",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a token is written in two steps (rule 6)",
        "entitlements.cache.fences",
        "self._words[slot] = self._random() << 32 | moment",
        "self._words[slot] = self._random() << 32; self._words[slot] |= moment",
        "tests/cache/test_fence_file.py::test_four_processes_write_at_once_and_no_word_is_torn",
    ),
    Bug(
        "tokens of another boot stand (rule 5)",
        "entitlements.cache.fence_file",
        "if words[_BOOT_AT] == self._boot:",
        "if words[_BOOT_AT]:",
        "tests/cache/test_fence_file.py",
    ),
    Bug(
        "the boot is written before the last boot's tokens are cleared (rule 5)",
        "entitlements.cache.fence_file",
        "words[:IDENTITY] = _nothing(IDENTITY)",
        "words[_BOOT_AT] = self._boot; words[:IDENTITY] = _nothing(IDENTITY)",
        "tests/cache/test_fence_file.py::test_who_is_killed_while_preparing_leaves_a_table_that_the_next_one_prepares",
    ),
    Bug(
        "a link in place of the fence table is followed (rule 5)",
        "entitlements.cache.fence_file",
        "os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_CREAT | os.O_NONBLOCK",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "whoever opens a fence table prepares it, whether or not somebody else is at it (rule 5)",
        "entitlements.cache.fence_file",
        "            lock(fd, patience=_PATIENCE)  # two",
        "            pass  # two",
        "tests/cache/test_fence_file.py::test_a_process_that_stopped_while_it_prepared_is_told_of",
    ),
    Bug(
        "a fence table is left as it stands, with others still on it (rule 5)",
        "entitlements.cache.fence_file",
        "            if not self._file.cut():\n                self.raise_all()",
        "            pass",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "a fence table that was moved to is trusted to know everything (rule 5)",
        "entitlements.cache.fence_file",
        "            self.raise_all()\n\n    def on_move",
        "\n    def on_move",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "the hot path isn't told when the fence table moves",
        "entitlements.cache.fence_file",
        "                    told()",
        "                    pass",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "the shared directory may be written in by others (rule 5)",
        "entitlements.cache.private_files",
        "if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):",
        "if False:",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "the shared directory may be anybody's (rule 5)",
        "entitlements.cache.private_files",
        "    if found.st_uid != os.geteuid():\n        raise",
        "    if False:\n        raise",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "a shared file may have another name elsewhere (rule 5)",
        "entitlements.cache.private_files",
        "elif found.st_nlink != 1:",
        "elif False:",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "a sealed snapshot's digest isn't looked at",
        "entitlements.cache.envelope",
        'if data != b"".join((_HEAD, _digest(body), _NECK, body, _TAIL)):',
        "if False:",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a sealed snapshot answers in any account and mode",
        "entitlements.cache.envelope",
        '_same(members, "scope", scope),',
        "scope,",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a sealed snapshot may carry a token that no fence has (rule 4)",
        "entitlements.cache.envelope",
        "if not sys.float_info.min <= abs(token) <= sys.float_info.max:",
        "if token != token:",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "age is by the clock that says less",
        "entitlements.cache.envelope",
        "return max(by_boot, by_wall) if",
        "return min(by_boot, by_wall) if",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a fetch from the future is young",
        "entitlements.cache.envelope",
        "if by_boot >= 0 and by_wall >= 0 else None",
        "if by_boot >= 0 or by_wall >= 0 else None",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "age begins anew when a snapshot is recalled",
        "entitlements.cache.host",
        "lived = age(stored, self._boot(), self._wall())",
        "lived = 0.0",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a snapshot kept late takes the place of a newer one",
        "entitlements.cache.host",
        "WHERE boot <= excluded.boot OR boot > ?",
        "WHERE true OR boot > ?",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a lease never ends",
        "entitlements.cache.host",
        "and now < held[0][1] <= now + seconds + _ODD:",
        "and True:",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a lease is anybody's",
        "entitlements.cache.host",
        "if held and held[0][0] != holder and",
        "if False and",
        "tests/cache/test_host.py",
    ),
    Bug(
        "snapshots of another boot are recalled",
        "entitlements.cache.host",
        'if sql.execute("SELECT word FROM boot_1").fetchall() != [(boot_id,)]:',
        'if not sql.execute("SELECT word FROM boot_1").fetchall():',
        "tests/cache/test_host.py",
    ),
    Bug(
        "a fork doesn't wait for SQLite",
        "entitlements.cache.host_file",
        "        wait_before_fork(self._turn)",
        "        pass",
        "tests/cache/test_host_faults.py::test_r39_children_forked_while_a_thread_hammers_the_store_have_their_own_connection",
    ),
    Bug(
        "a forked child closes its parent's connection",
        "entitlements.cache.host_file",
        "            _the_parents.append(self._connection)\n            self._connection = None",
        "            pass",
        "tests/cache/test_host_faults.py::test_i15_a_child_neither_uses_nor_closes_its_parent_s_connection",
    ),
    Bug(
        "a store goes on writing to a file that was set aside",
        "entitlements.cache.host_file",
        "return (found.st_ino, found.st_dev) == self._identity",
        "return True",
        "tests/cache/test_host_faults.py::test_every_process_moves_on_to_the_new_file",
    ),
    Bug(
        "a broken store file is used for ever",
        "entitlements.cache.host_file",
        "                self._set_aside()\n",
        "                pass\n",
        "tests/cache/test_host_faults.py::test_r52_a_broken_file_is_set_aside_and_begun_anew",
    ),
]


def plant(name: str) -> None:
    """Have a bug in place from the next import on."""
    bug = next(bug for bug in BANK if bug.name == name)
    sys.meta_path.insert(0, _Finder(bug))


class _Finder(MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._bug.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None, f"no module {fullname}"
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._bug)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, bug: Bug) -> None:
        super().__init__(fullname, path)
        self._bug = bug

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        assert source.count(self._bug.line) == 1, f"the bank is out of date: {self._bug.name}"
        return self.source_to_code(source.replace(self._bug.line, self._bug.careless).encode(), self.path)
