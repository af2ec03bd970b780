"""The demo's fake project: a build history that changes during the walk."""

import random
from typing import Any, Final

from circleci_v1_async.testing import FakeCircleCI, GeneratedBytes, ReceivedRequest

PROJECT: Final = "github/acme/web"

_SEED: Final = 2
_RUNNING: Final = 6
_MEDIAN_MILLIS: Final = 140_000
_OUTCOMES: Final = {"success": 76, "failed": 13, "canceled": 5, "fixed": 3, "timedout": 2, "infrastructure_fail": 1}
_BRANCHES: Final = {"main": 5, "feature/dark-mode": 2, "fix/clock-skew": 2, "deps/weekly": 2, "release/2.4": 1}
_SUBJECTS: Final = (
    "Cache the search index between requests",
    "Do not log the user out on a 502",
    "Let the importer skip empty rows",
    "Make the nightly export resumable",
    "Move avatars to the new bucket",
    "Raise the upload limit to 25 MB",
    "Say which field is wrong in form errors",
    "Stop the clock in the scheduler's tests",
    "Update aiohttp",
)
_LOG: Final = """\
\x1b[1m$ pytest --junitxml=reports/junit.xml\x1b[0m\r
collecting ...\rcollected 1284 items\r
\r
________________________ test_the_export_ends_at_midnight ________________________\r
    export = Export(until=clock.midnight())\r
>   assert export.last_row.day == 31\r
\x1b[31mE   AssertionError: assert 1 == 31\x1b[0m\r
tests/test_export.py:88: AssertionError\r
\x1b[31m=================== 1 failed, 1283 passed in 96.51s ===================\x1b[0m\r
"""
_ARTIFACTS: Final = {
    "reports/junit.xml": 182_311,
    "reports/coverage.tar.gz": 3_410_552,
    "screenshots/export-before.png": 644_087,
    "screenshots/export-after.png": 651_920,
}
_PIECE: Final = 2**16


class Team:
    """A simulated team that starts, finishes and removes builds before each reply of the fake.

    All random choices come from one seed, so that all runs are alike.

    Args:
        fake: The fake to add the project to.
        builds: Number of builds at the start.

    Attributes:
        arrived: Number of builds started after the start.
        finished: Number of builds finished after the start.
        removed: Number of builds removed after the start.
    """

    def __init__(self, fake: FakeCircleCI, builds: int) -> None:
        self.arrived = self.finished = self.removed = 0
        self._fake = fake
        self._is_stopped = False
        self._random = random.Random(_SEED)  # noqa: S311 - reproducible on purpose
        self._nums: list[int] = []
        self._running: list[int] = []
        fake.add_project(PROJECT)
        for left in reversed(range(builds)):
            self._start("running" if left < _RUNNING else self._choose(_OUTCOMES))
        # This drift changes nothing. It only records the builds in each version of the list.
        self._drift = fake.drift(PROJECT)
        fake.before_reply(self._work)

    @property
    def survivors(self) -> frozenset[tuple[str, int]]:
        """The keys of the builds that were in every served version of the list."""
        return self._drift.survivors

    def stop(self) -> None:
        """Stop changing builds."""
        self._is_stopped = True

    def upload_slowly(self, seconds: float) -> None:
        """Slow down the next downloads of all artifacts, so that they take `seconds` in total."""
        pause = seconds / (max(_ARTIFACTS.values()) / _PIECE)
        self._fake.trickle_next(len(_ARTIFACTS), pause=pause, piece=_PIECE, path="/artifacts")

    def _work(self, _request: ReceivedRequest) -> None:
        if self._is_stopped:
            return
        for _ in range(self._random.randrange(5)):
            self._start("running")
            self.arrived += 1
        for _ in range(self._random.randrange(min(5, len(self._running) + 1))):
            self._finish(self._pop(self._running), self._choose(_OUTCOMES))
            self.finished += 1
        for _ in range(self._random.randrange(min(3, len(self._nums) + 1))):
            self._fake.remove_build(PROJECT, self._pop(self._nums))
            self.removed += 1

    def _start(self, status: str) -> None:
        is_running = status == "running"
        fields: dict[str, Any] = {}
        if not is_running:
            fields["build_time_millis"] = int(_MEDIAN_MILLIS * self._random.lognormvariate(0, 0.5))
        build = self._fake.add_build(
            PROJECT,
            status=status,
            branch=self._choose(_BRANCHES),
            subject=self._random.choice(_SUBJECTS),
            job=self._random.choice(("build", "lint", "test")),
            **fields,
        )
        (self._running if is_running else self._nums).append(build["build_num"])
        self._add_files(build["build_num"], status)

    def _finish(self, build_num: int, status: str) -> None:
        self._fake.finish_build(PROJECT, build_num, status)
        self._add_files(build_num, status)

    def _add_files(self, build_num: int, status: str) -> None:
        if status == "failed":
            self._fake.add_step(PROJECT, build_num, "Install the requirements", output="Already satisfied.\r\n")
            self._fake.add_step(PROJECT, build_num, "Test", status=status, output=_LOG, exit_code=1)
            for seed, (path, size) in enumerate(_ARTIFACTS.items()):
                self._fake.add_artifact(PROJECT, build_num, path, GeneratedBytes(size, seed))

    def _choose(self, weights: dict[str, int]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _pop(self, nums: list[int]) -> int:
        return nums.pop(self._random.randrange(len(nums)))
