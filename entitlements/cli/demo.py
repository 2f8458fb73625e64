"""`entitlements demo`: the walk, shown."""

from __future__ import annotations

from entitlements.cli.terminal import FAILED, INTERRUPTED, fail, needs_extra, out

__all__ = ["demo"]


def demo() -> None:
    """Watch it work: a gated application, a purchase, an outage and a cancellation.

    Takes some seconds, and nothing but this machine: Stripe is the emulator, on a loopback port. Exits with 0 only if
    every step did what it says.
    """
    with needs_extra("cli,emulator"):
        from entitlements.demo.show import show  # noqa: PLC0415 - the other commands don't need it
        from entitlements.demo.walk import StepFailed  # noqa: PLC0415 - see above
    try:
        show(out())
    except StepFailed as failed:
        log = f"\n\nThe application's last words:\n{failed.log}" if failed.log else ""
        fail(f"{failed}{log}", status=FAILED)
    except OSError as error:
        fail(f"the demo can't run here: {error}")
    except KeyboardInterrupt:
        fail("the demo was interrupted", status=INTERRUPTED)
