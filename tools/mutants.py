"""Compare what `mutmut run` has found with `tests/mutants.toml`: each survivor is listed there, with a reason.

At least 95 % of the mutants of each module must be killed, not counting those that are equivalent.
"""

import signal
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Final

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.file_utils import walk_mutatable_files

LIST: Final = Path("tests/mutants.toml")
LEAST: Final = 0.95
# Exit codes: a test failed, pytest failed, or the tests took too long.
KILLED: Final = {1, 3, -signal.SIGXCPU, -signal.SIGKILL}

Change = tuple[str, str, str]  # the module, and its code before and after


def read_list() -> dict[Change, bool]:
    """Return the listed survivors, and whether each is equivalent to the code."""
    entries = tomllib.loads(LIST.read_text())
    return {
        (entry["module"], before, after): kind == "equivalent"
        for kind in ("equivalent", "accepted")
        for entry in entries.get(kind, ())
        for before, after in entry["changes"]
    }


def find_change(module: Path, mutant: str) -> Change:
    """Return what a mutant changes: the lines that it removes and adds, without their indentation."""
    lines = get_diff_for_mutant(mutant, path=module).splitlines()[2:]
    before, after = ([line[1:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return str(module), " ".join(before), " ".join(after)


def main() -> int:
    """Print the figures of each module, and return 1 if something is wrong."""
    listed, problems = read_list(), list[str]()
    for module in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=module)
        data.load()
        codes = data.exit_code_by_key
        survivors = Counter(find_change(module, mutant) for mutant in codes if codes[mutant] not in KILLED)
        own = {change: is_equivalent for change, is_equivalent in listed.items() if change[0] == str(module)}
        problems += [f"{module}: survived, and is not listed: {change[1:]}" for change in survivors.keys() - own]
        problems += [f"{module}: listed, and does not survive: {change[1:]}" for change in own.keys() - survivors]
        equivalent = sum(count for change, count in survivors.items() if own.get(change))
        killed, counted = len(codes) - survivors.total(), len(codes) - equivalent
        share = killed / counted if counted else 1.0
        sys.stdout.write(f"{module}: {len(codes)} mutants, {killed} killed, {equivalent} equivalent: {share:.1%}\n")
        if share < LEAST:
            problems.append(f"{module}: {share:.1%} of the mutants are killed; expected at least {LEAST:.0%}")
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
