"""Run benchmarks by name, or all of them. Exits with 1 if one of them misses its target."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from time import monotonic

from . import drift, memory, prefetch, requests
from .report import Report, environment


def main() -> int:
    """Parse the arguments, run, print."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="name", nargs="*", help="requests, prefetch, memory or drift (default: all)")
    parser.add_argument("--seeds", type=int, default=200, help="walks for each case of drift (default: %(default)s)")
    arguments = parser.parse_args()
    benchmarks: dict[str, Callable[[], Report]] = {
        "requests": requests.run,
        "prefetch": prefetch.run,
        "memory": memory.run,
        "drift": partial(drift.run, arguments.seeds),
    }
    if unknown := set(arguments.names) - benchmarks.keys():
        parser.error(f"no benchmark: {', '.join(sorted(unknown))}; expected {', '.join(benchmarks)}")
    print(environment())
    misses: list[str] = []
    for name in arguments.names or benchmarks:
        started = monotonic()
        report = benchmarks[name]()
        print(f"\n## {name}\n\n{report}\n\n{monotonic() - started:.0f} s", flush=True)
        misses += [f"{name}: {miss}" for miss in report.misses]
    for miss in misses:
        print(f"MISSED {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
