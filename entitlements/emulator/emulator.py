"""StripeEmulator: the whole house behind one door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator import catalog as catalogs
from entitlements.emulator.clock import Clock
from entitlements.emulator.deliveries import RETRIES, Delivery
from entitlements.emulator.faults import Faults
from entitlements.emulator.in_process import Passage
from entitlements.emulator.journal import Journal, Served
from entitlements.emulator.lifecycle import Rules
from entitlements.emulator.profile import named
from entitlements.emulator.resources import accounts
from entitlements.emulator.rooms import Rooms
from entitlements.emulator.server import HOST, Server, bind
from entitlements.emulator.shop import Shop
from entitlements.emulator.store import DEFAULT_ACCOUNT, Store
from entitlements.emulator.webhook_faults import WebhookFaults
from entitlements.emulator.wire.app import application
from entitlements.emulator.wire.auth import is_live, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import stripe
    from requests.adapters import BaseAdapter

    from entitlements.emulator.profile import Profile

__all__ = ["DEFAULT_KEY", "LiveKeyError", "StripeEmulator"]

DEFAULT_KEY = "sk_test_emulator"
_NOWHERE = "http://stripe.invalid"  # a name that never resolves: what isn't mounted wanders nowhere


class LiveKeyError(ValueError):
    """A live key was given to the emulator, which has no business with one."""


class StripeEmulator(Shop):
    """Run a local, stateful Stripe on a loopback port.

    Use it where a test or a demo needs Stripe to be there, to remember, and to send webhooks.

    Args:
        port: the loopback port; 0 lets the system choose.
        db: a SQLite file that keeps everything across restarts; None keeps it in memory.
        catalog: features and products to start from: a TOML file's path, or a dict.
        api_key: the test key to hand out; any test key is accepted.
        clock: the time it lives in.
        rules: what Stripe leaves open, see `Rules`.
        retries: seconds between tries of a webhook that was refused.
        serve: open the port; without it, only `adapter` and `http_client` reach it.
        profile: `"realistic"` for Stripe's rate limits and a little of each fault, or a `Profile` of one's own.

    Attributes:
        faults: what goes wrong with requests, see `Faults`.
        webhook_faults: what goes wrong with webhooks, see `WebhookFaults`.

    Raises:
        LiveKeyError: `api_key` is a live key.
        ValueError: `api_key` is no test key, or `profile` is none.
        CatalogError: the catalogue breaks a rule.
        StoreError: `db` can't be used.

    >>> shop = {"features": {"exports": "Data exports"}, "products": {"pro": {"features": ["exports"], "price": 2900}}}
    >>> with StripeEmulator(catalog=shop) as stripe:
    ...     alice = stripe.customer("cus_alice")
    ...     subscription = stripe.subscribe(alice, "pro")
    ...     stripe.entitlements(alice)
    ('exports',)
    """

    def __init__(  # noqa: PLR0913 - three that everybody knows, and options by name
        self,
        port: int = 0,
        db: str | Path | None = None,
        catalog: str | Path | Mapping[str, object] | None = None,
        *,
        api_key: str = DEFAULT_KEY,
        clock: Clock | None = None,
        rules: Rules | None = None,
        retries: Sequence[float] = RETRIES,
        serve: bool = True,
        profile: Profile | str | None = None,
    ) -> None:
        if is_live(api_key):
            raise LiveKeyError(
                f"{api_key[:8]}... is a live key; the emulator takes test keys only, such as {DEFAULT_KEY}"
            )
        if not api_key.startswith(("sk_test_", "rk_test_")):
            raise ValueError(f"api_key begins with {api_key[:3]!r}: give a test key, such as {DEFAULT_KEY}")
        super().__init__(lambda: self._open.desk, DEFAULT_ACCOUNT)
        self.api_key = api_key
        self.clock = clock or Clock()
        self.faults = Faults()
        self.webhook_faults = WebhookFaults()
        self._profile = named(profile)
        self._passage = Passage()
        self._with_port = serve
        self._port = port
        self._db = db
        self._catalog = None if catalog is None else catalogs.read(catalog)
        self._rules = rules or Rules()
        self._retries = retries
        self._journal = Journal()
        self._rooms: Rooms | None = None
        self._server: Server | None = None

    # Its life

    def start(self) -> Self:
        """Open the store, make the catalogue, and serve; return once requests are accepted."""
        if self._rooms is not None:
            return self
        rooms = Rooms(self, Store(self._db), self._rules, self._retries, self._profile, self._journal)
        try:
            if self._catalog is not None:
                catalogs.apply(self._catalog, rooms.desk)
            self._serve(rooms)
        except BaseException:
            rooms.store.close()
            raise
        self._rooms = rooms
        rooms.deliveries.start()
        return self

    def stop(self) -> None:
        """Stop serving and sending, and close the store; safe to call twice."""
        self.pause()
        self.faults.clear()
        self.webhook_faults.clear()
        rooms, self._rooms = self._rooms, None
        if rooms is not None:
            rooms.close()

    def pause(self) -> None:
        """Become unreachable: close the port and every connection. State is kept and webhooks still leave.

        Use it where a test or a demo needs Stripe to be down, then `resume`.

        >>> with StripeEmulator() as stripe:
        ...     stripe.pause()
        ...     alice = stripe.customer("cus_alice")  # its world goes on
        ...     stripe.resume()
        """
        self._passage.close()
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def resume(self) -> None:
        """Be reachable again, at the same address."""
        if not self._passage.is_open:
            self._serve(self._open)

    def _serve(self, rooms: Rooms) -> None:
        if self._with_port:
            listener = bind(self._port)
            self._port = listener.getsockname()[1]
            self._server = Server(lambda server: application(rooms.front, server))
            self._server.start(listener)
        self._passage.open(rooms.front)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Give the address to point a client at; without a port it is one that leads nowhere, to mount adapters on."""
        if not self._with_port:
            return _NOWHERE
        if not self._port:
            raise RuntimeError("the emulator has no address before it has started; call start() or use `with`")
        return f"http://{HOST}:{self._port}"

    @property
    def _open(self) -> Rooms:
        if self._rooms is None:
            raise RuntimeError("the emulator isn't running; call start() or use it in a `with` block")
        return self._rooms

    # Reached from this process, without a port

    def adapter(self) -> BaseAdapter:
        """Make a transport for `requests` that asks this emulator, with the limits and faults of the wire.

        >>> import requests
        >>> with StripeEmulator(serve=False) as stripe, requests.Session() as session:
        ...     session.mount(stripe.url, stripe.adapter())
        ...     session.auth = (stripe.api_key, "")
        ...     session.get(f"{stripe.url}/v1/customers").json()["data"]
        []
        """
        from entitlements.emulator.requests_adapter import EmulatorAdapter  # noqa: PLC0415 - who needs it has it

        return EmulatorAdapter(self._passage)

    def http_client(self, timeout: float = 80.0) -> stripe.HTTPClient:
        """Make an HTTP client for the official `stripe` package, sync and async, that asks this emulator.

        Whatever the address it is given, no request leaves the process.

        >>> import stripe
        >>> with StripeEmulator(serve=False) as emulator:
        ...     client = stripe.StripeClient(emulator.api_key, http_client=emulator.http_client())
        ...     client.v1.customers.create({"name": "Alice"}).name
        'Alice'
        """
        from entitlements.emulator.stripe_client import EmulatorClient  # noqa: PLC0415 - who needs it has it

        return EmulatorClient(self._passage, timeout)

    # Time

    def advance(self, *, seconds: int = 0, days: int = 0) -> int:
        """Move the clock ahead and let everything happen that falls due on the way; return the time.

        >>> shop = {"features": {"sso": "Sign-on"}, "products": {"pro": {"features": ["sso"], "price": 2900}}}
        >>> with StripeEmulator(catalog=shop) as stripe:
        ...     alice = stripe.customer()
        ...     subscription = stripe.subscribe(alice, "pro", cancel_at_period_end=True)
        ...     before = stripe.entitlements(alice)
        ...     _ = stripe.advance(days=31)
        ...     before, stripe.entitlements(alice)
        (('sso',), ())
        """
        now = self.clock.advance(seconds=seconds, days=days)
        self._open.desk.pass_time()
        return now

    # Connected accounts

    def account(self, account: str) -> str:
        """Connect an account, unless it is there already; return its secret key.

        Objects and events of one account are invisible in another; the platform, which is the emulator's own account,
        reaches a connected one by naming it in `Stripe-Account`.

        Raises:
            ValueError: it is no account id.

        >>> with StripeEmulator() as stripe:
        ...     stripe.account("acct_team")
        'sk_test_acct_team'
        """
        if not account.startswith("acct_"):
            raise ValueError(f"{account!r} is no account id: one begins with acct_")
        self._open.desk.work(lambda call: accounts.connect(call, account))
        return key_of(account)

    def within(self, account: str) -> Shop:
        """Give the shop of a connected account, which is connected if it wasn't.

        >>> with StripeEmulator() as stripe:
        ...     team = stripe.within("acct_team")
        ...     team.customer("cus_1")
        ...     stripe.request("GET", "/v1/customers")["data"]
        'cus_1'
        []
        """
        self.account(account)
        return Shop(self._desk, account)

    # Webhooks on their way

    def deliveries(self) -> tuple[Delivery, ...]:
        """List every webhook delivery with its attempts, oldest first."""
        return self._open.deliveries.recorded()

    def delivered(self, timeout: float = 5.0) -> bool:
        """Wait until no webhook is pending; say whether that came to pass within `timeout` seconds."""
        return self._open.deliveries.drain(timeout)

    # What was asked of it

    @property
    def requests(self) -> tuple[Served, ...]:
        """List the HTTP requests that arrived, oldest first."""
        return self._journal.entries()

    def count(self, method: str = "*", path: str = "*") -> int:
        """Count the HTTP requests that arrived; `*` stands for anything.

        >>> with StripeEmulator() as stripe:
        ...     stripe.count("GET", "/v1/entitlements/active_entitlements")
        0
        """
        return self._journal.count(method, path)

    def reset(self) -> None:
        """Be as at the start: nothing but the catalogue, the clock back, no fault, reachable, no requests listed."""
        self.faults.clear()
        self.webhook_faults.clear()
        self.clock.reset()
        rooms = self._open
        rooms.clear()
        if self._catalog is not None:
            catalogs.apply(self._catalog, rooms.desk)
        rooms.deliveries.start()
        self.resume()
        self._journal.clear()
