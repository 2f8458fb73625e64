"""Run every benchmark, each in a process of its own; exit with 1 if a goal was missed.

python benchmarks/run.py [NAME ...]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from platform import machine, python_version

BENCHMARKS = ("hot_path", "gates", "memory", "imports", "cold_burst", "emulator")


def main(names: list[str]) -> int:
    if unknown := set(names) - set(BENCHMARKS):
        print(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
        return 2
    print(f"Python {python_version()}, {machine()}", flush=True)
    here = Path(__file__).parent
    missed = [
        name
        for name in names or BENCHMARKS
        if subprocess.run([sys.executable, here / f"{name}.py"], check=False).returncode
    ]
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nEvery goal holds.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
