"""Run benchmarks by name, or all of them, and write RESULTS.md. Exits with 1 if one of them misses its target."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from shutil import which
from time import monotonic
from typing import Final

from . import drift, memory, prefetch, requests, results
from .contest import Outcome, hold
from .report import Report, environment
from .table import CLAIMS, CONTESTS

_ROUNDS: Final = 9
_SEEDS: Final = 200

# Those in which nobody is compared with us.
_ALONE: Final[dict[str, Callable[[int], Report]]] = {
    "requests": lambda _: requests.run(),
    "prefetch": lambda _: prefetch.run(),
    "memory": lambda _: memory.run(),
    "drift": drift.run,
}


def main() -> int:
    """Parse the arguments, run, print."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        metavar="name",
        nargs="*",
        help=f"only these of {', '.join([*CONTESTS, *_ALONE])}; RESULTS.md then stays as it is",
    )
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs: the figures mean nothing")
    arguments = parser.parse_args()
    rounds, seeds = (1, 1) if arguments.quick else (_ROUNDS, _SEEDS)
    if unknown := set(arguments.names) - CONTESTS.keys() - _ALONE.keys():
        parser.error(f"no benchmark: {', '.join(sorted(unknown))}")
    print(environment())
    outcomes: dict[str, Outcome] = {}
    reports: dict[str, Report] = {}
    misses: list[str] = []
    for name in arguments.names or [*CONTESTS, *_ALONE]:
        started = monotonic()
        if name in _ALONE:
            report = reports[name] = _ALONE[name](seeds)
            misses += [f"{name}: {miss}" for miss in report.misses]
        elif missing := [program for program in CONTESTS[name].needs if which(program) is None]:
            print(f"\n## {name}\n\nleft out: {', '.join(missing)} is not installed")
            continue
        else:
            outcomes[name] = hold(CONTESTS[name], rounds, rehearse=not arguments.quick)
            report = outcomes[name].report
        print(f"\n## {name}\n\n{report}\n\n{monotonic() - started:.0f} s", flush=True)
    shown = [(claim, outcomes[claim.contest]) for claim in CLAIMS if claim.contest in outcomes]
    if shown:
        print(f"\n{results.ratios(shown)}")
    misses += [missed for claim, outcome in shown if (missed := claim.missed(outcome.ratio(claim.against)))]
    if arguments.quick:
        return 0
    if not arguments.names:
        results.write(outcomes, CLAIMS, reports)
    for miss in misses:
        print(f"MISSED {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
