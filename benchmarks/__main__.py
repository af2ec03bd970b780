"""Run benchmarks by name, or all of them and write their results.

A complete run takes less than half an hour. It writes RESULTS.md, results.svg and results.csv, and updates the figures
that docs/about/comparison.md quotes. The exit status is 1 if a target was missed.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from time import monotonic
from typing import Final

from . import decode, files, imports, logs, memory, operations, results, walk
from .measure import Comparison, Result, compare
from .server import serving

_COMPARISONS: Final[dict[str, Comparison]] = {
    **walk.COMPARISONS,
    **operations.COMPARISONS,
    **decode.COMPARISONS,
    **memory.COMPARISONS,
    **files.COMPARISONS,
    **imports.COMPARISONS,
    **logs.COMPARISONS,
}


def main() -> int:
    """Parse the arguments, run the benchmarks and print their results."""
    parser = ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these; the files then stay unchanged")
    parser.add_argument("--list", action="store_true", help="list the names of all benchmarks")
    parser.add_argument("--quick", action="store_true", help="one round, to see that it runs: the figures mean nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - _COMPARISONS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    if arguments.list:
        print("\n".join(f"{name:24} {comparison.title}" for name, comparison in _COMPARISONS.items()))
        return 0
    print(results.describe_environment(), flush=True)
    measured, left_out = _run(arguments.names or list(_COMPARISONS), quick=arguments.quick)
    print(f"\n{results.make_table(measured.values())}\n\n{left_out}")
    if arguments.quick:
        return 0
    if not arguments.names:
        results.write(measured, left_out)
    return 1 if any(row.is_missed for result in measured.values() for row in result.rows) else 0


def _run(names: list[str], *, quick: bool) -> tuple[dict[str, Result], str]:
    """Return the results by name, and a paragraph about comparisons that were left out."""
    measured: dict[str, Result] = {}
    left_out: list[str] = []
    with serving() as base_url:
        for name in names:
            comparison = _COMPARISONS[name]
            missing = comparison.missing
            left_out += [
                f"{name}{candidate and f' against {candidate}'} needs `{missing[candidate]}`" for candidate in missing
            ]
            if "" in missing:
                continue
            started = monotonic()
            measured[name] = compare(comparison, base_url, quick=quick)
            print(f"\n{name}, {monotonic() - started:.0f} s\n{results.make_figures(measured[name])}", flush=True)
    return measured, f"Left out: {'; '.join(left_out)}." if left_out else ""


if __name__ == "__main__":
    sys.exit(main())
