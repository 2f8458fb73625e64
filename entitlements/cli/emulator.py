"""`entitlements emulator`: a local Stripe in the foreground, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations when it builds the command
from typing import TYPE_CHECKING, Annotated, Final

import typer

from entitlements.cli.terminal import fail, needs_extra, out

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["emulator"]

PORT: Final = 12111  # a port that stays, so that what was exported yesterday is still right


def emulator(
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = PORT,
    db: Annotated[Path | None, typer.Option(metavar="FILE", help="A SQLite file to keep everything in.")] = None,
    catalog: Annotated[Path | None, typer.Option(metavar="FILE", help="Features and products, in TOML.")] = None,
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Where to send every event, signed.")] = None,
    api_key: Annotated[str | None, typer.Option(metavar="KEY", help="The test key to hand out.")] = None,
    realistic: Annotated[
        bool, typer.Option("--realistic", help="Keep Stripe's rate limits, and fail a little.")
    ] = False,
) -> None:
    r"""Run a local Stripe that remembers: products, customers, subscriptions, entitlements, and signed webhooks.

    It listens on 127.0.0.1 only, takes any test key and no live one, and runs until Ctrl-C. A catalogue:

    \[features]
    exports = "Data exports"
    \[products.pro]
    features = ["exports"]
    price = 2900
    """
    with needs_extra("cli,emulator"):
        from entitlements.emulator import (  # noqa: PLC0415 - the other commands don't need it
            DEFAULT_KEY,
            ApiError,
            CatalogError,
            LiveKeyError,
            StoreError,
            serve,
        )
    console = out()

    def announce(url: str, key: str, secret: str | None) -> None:
        _announce(console, url, key, secret, _what(db, catalog))

    try:
        key, profile = api_key or DEFAULT_KEY, "realistic" if realistic else None
        serve(port, db, catalog, announce=announce, api_key=key, webhook=webhook, profile=profile)
    except ApiError as error:
        fail(f"the webhook {webhook} was refused: {error}")
    except (CatalogError, LiveKeyError, StoreError, ValueError, OSError) as error:
        fail(str(error.strerror if isinstance(error, OSError) and error.strerror else error))
    console.print(
        "\nStopped." if db is None else f"\nStopped; everything is kept in {db}.", soft_wrap=True, style="dim"
    )


def _what(db: Path | None, catalog: Path | None) -> str:
    kept = f"kept in {db}" if db else "in memory"
    return f"{kept}, with the catalogue {catalog}" if catalog else kept


def _announce(console: Console, url: str, key: str, secret: str | None, what: str) -> None:
    """Print what to export, in lines that can be copied or piped."""

    def say(text: str, style: str) -> None:
        console.print(text, style=style, soft_wrap=True, markup=False, highlight=False)

    say(f"# Stripe, emulated at {url}: {what}. Ctrl-C stops it.", "dim")
    say(f"export STRIPE_API_BASE={url}", "bold green")
    say(f"export STRIPE_API_KEY={key}", "bold green")
    if secret is not None:
        say(f"export STRIPE_WEBHOOK_SECRET={secret}", "bold green")
        return
    say("# Webhooks: start with --webhook URL; or add an endpoint, and export the secret that is answered.", "dim")
    say(
        f"#   curl {url}/v1/webhook_endpoints -u {key}: -d 'enabled_events[]=*' -d url=http://127.0.0.1:8000/webhook",
        "dim",
    )
