"""Run benchmarks by name, or all of them and write RESULTS.md.

Exits with 1 if one of them misses its target.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from time import monotonic
from typing import Final

from . import (
    decoding,
    endurance,
    exactly_once,
    large_replies,
    log_lines,
    many,
    prefetch,
    rate_limit,
    request_counts,
    results,
    walk_memory,
)
from .catalog import COMPARISONS, TARGETS
from .comparison import Outcome, compare
from .report import Report, environment

_ROUNDS: Final = 9
_SEEDS: Final = 200
_DECODE: Final = "decode"

# Benchmarks without a comparison.
_REPORTS: Final[dict[str, Callable[[int], Report]]] = {
    "requests": lambda _: request_counts.run(),
    "prefetch": lambda _: prefetch.run(),
    "memory": lambda _: walk_memory.run(),
    "ratelimit": lambda seeds: rate_limit.run(quick=seeds == 1),
    "large": lambda _: large_replies.run(),
    "log": lambda _: log_lines.run(),
    "many": lambda _: many.run(),
    "endurance": lambda _: endurance.run(),
    "exactly-once": exactly_once.run,
}
_NAMES: Final = (*COMPARISONS, _DECODE, *_REPORTS)


def main() -> int:
    """Parse the arguments, run the benchmarks and print their results."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", metavar="name", nargs="*", help=f"only these of {', '.join(_NAMES)}; RESULTS.md then stays as it is"
    )
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs: the figures mean nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(_NAMES):
        parser.error(f"no benchmark: {', '.join(sorted(unknown))}")
    print(environment())
    outcomes: dict[str, Outcome] = {}
    for name in arguments.names or _NAMES:
        started = monotonic()
        outcomes[name] = _run(name, quick=arguments.quick)
        print(f"\n## {name}\n\n{outcomes[name]}\n\n{monotonic() - started:.0f} s", flush=True)
    if rows := [row for outcome in outcomes.values() for row in outcome.rows]:
        print(f"\n{results.ratios(rows)}")
    if arguments.quick:
        return 0
    if not arguments.names:
        results.write(outcomes, _ROUNDS)
    misses = [f"{name}: {miss}" for name, outcome in outcomes.items() for miss in outcome.misses]
    for miss in misses:
        print(f"MISSED {miss}")
    return 1 if misses else 0


def _run(name: str, *, quick: bool) -> Outcome:
    rounds, seeds = (1, 1) if quick else (_ROUNDS, _SEEDS)
    if name in _REPORTS:
        return Outcome(_REPORTS[name](seeds))
    if name == _DECODE:
        return decoding.run(rounds)
    comparison, targets = COMPARISONS[name], TARGETS.get(name, ())
    if comparison.missing_server:
        return Outcome(None, left_out=[f"{comparison.title}: {comparison.server_program} is not installed"])
    result = compare(comparison, rounds, rehearse=not quick)
    left_out = [
        f"{comparison.title}, {name}: {program} is not installed" for name, program in comparison.missing.items()
    ]
    return Outcome(result.report, result.rows(targets), left_out)


if __name__ == "__main__":
    sys.exit(main())
