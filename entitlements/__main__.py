"""The command line's door: `entitlements`, and `python -m entitlements`."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run a command; see `entitlements --help`."""
    try:
        from entitlements.cli.app import app  # noqa: PLC0415 - so that a missing extra can be told in one line
    except ModuleNotFoundError as missing:
        package = str(missing.name).partition(".")[0]
        if package == "entitlements":
            raise
        sys.stderr.write(f"entitlements: the command line needs {package}: pip install 'entitlements[cli]'\n")
        sys.exit(2)
    app(prog_name="entitlements")


if __name__ == "__main__":
    main()
