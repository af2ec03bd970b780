"""The faults that the client has to stand, as a table in the report of a test run.

A test says with `@pytest.mark.fault(7)` that it proves row 7. The report then lists each row with what came of its
tests; when the whole suite ran, a row without any fails the run.
"""

from collections import defaultdict
from typing import Any

import pytest

TITLES = {
    1: "400, 422",
    2: "401, 403",
    3: "404, also after a DELETE that may have worked",
    4: "408, 500, 502, 503, 504 after a GET",
    5: "5xx after a POST",
    6: "501, 505, other 4xx; 1xx, 3xx without a Location; 204 where an object is promised",
    7: "429 with seconds in Retry-After",
    8: "429 with a date in Retry-After",
    9: "429 with a Retry-After that says nothing",
    10: "429 that asks to wait longer than we would",
    11: "429 without Retry-After",
    12: "5xx or 429 that lasts, under load",
    13: "connection refused; a name that does not resolve",
    14: "TLS: certificate not trusted, or of another host",
    15: "no connection in time; no free one in the pool",
    16: "FIN or RST before the headers of a GET's reply",
    17: "FIN or RST before the headers of a POST's or PUT's reply",
    18: "FIN or RST in the body, a chunk cut off",
    19: "a body cut off that has no length",
    20: "compressed data cut off: gzip, deflate, br, zstd",
    21: "a gzip bomb; a body of gigabytes",
    22: "headers or a body that trickle",
    23: "a reply that does not come",
    24: "what is not HTTP",
    25: "what is not JSON: HTML, EDN, nothing",
    26: "JSON with a BOM",
    27: "text in other encodings than UTF-8",
    28: "NaN, Infinity, 1e999",
    29: "a key twice",
    30: "integers of more than 64 bits, and of 5000 digits",
    31: "JSON 100,000 levels deep",
    32: "lone surrogates and control characters",
    33: "JSON of another shape than promised",
    34: "null in every field",
    35: "an unknown value of an enum",
    36: "unknown keys",
    37: "scalars of the wrong type",
    38: "dates that are none",
    39: "redirects to another origin, or from https to http",
    40: "an artifact that redirects to a signed URL",
    41: "an artifact's URL on a foreign host",
    42: "the token and other secrets: in no text that the package makes",
    43: "a token that is none",
    44: "a token and an address of http",
    45: "path values that are no plain segment",
    46: "cancelled while waiting, queueing, reading",
    47: "a walk that is left while pages are under way",
    48: "one download of many fails",
    49: "closed with calls in flight",
    50: "used after close, closed twice, never entered, in another event loop",
    51: "a borrowed aiohttp session with habits of its own",
    52: "an artifact's path that leads out of the folder",
    53: "symbolic links in the folder",
    54: "two artifacts for one path",
    55: "a file that is there already",
    56: "one path wanted twice at once",
    57: "disk full, no permission",
    58: "a download of another length than announced",
    59: "10,000 artifacts",
    60: "clocks that jump; chance at its extremes",
    61: "a Retry-After of years while something is watched or waited for",
    62: "a TLS alert",
    63: "a cursor with numbers that are none",
    64: "a watch that is stopped before its first event",
    65: "a power cut after a file has its name",
    66: "two artifacts for one path, one after the other, with one ETag",
    67: "a FIFO or folder in place of a part or its note",
    68: "paths that are longer than the system takes",
    69: "a file system without locks",
    70: "downloads that are cancelled twice",
    71: "more downloads at once than there are descriptors",
    72: "a disk that does not answer",
    73: "paths of thousands of folders",
    74: "exports of one project at once, killed at any moment",
    75: "a list of millions of tiny objects; a reply that is decoded for long",
    76: "a log of which a piece, or what is to be kept, is too large, or that grows when it is shown",
    77: "a line of a log in thousands of pieces, or with thousands of sequences",
    78: "escape sequences that are left when others are left out; 8-bit controls",
    79: "an address of a log that no parser of URLs takes",
    80: "a log that fails within its caller's time limit",
    81: "an error of megabytes",
    82: "an export's file that is locked, read meanwhile, of another version, or none; numbers that do not fit",
    83: "a limit on the rate, by token bucket or fixed window, that lasts",
    84: "a limiter that others share, while a 429 holds the session",
    85: "Retry-After: 0, again and again",
    86: "calls after a 429 that asks to wait longer than we would",
    87: "a token that expires while the session lives; a token that cannot be had",
    88: "a callback of the user's that raises",
    89: "which request failed, where it went, how often",
    90: "HTML and characters that do not print, in what the service says",
    91: "a DELETE whose confirmation is lost",
    92: "an error status whose body breaks off",
    93: "a proxy that refuses to connect",
    94: "a location, an artifact's URL or a log's that is none",
    95: "a base URL that is a bare host, or of another API",
    96: "a reply that was not asked for, on an idle connection",
    97: "a reply about another build",
    98: "a close that is cancelled",
    99: "a 404 that has nothing to do with the token",
    100: "a token, also of the environment, and an argument that is refused",
    101: "reporters that take variables apart",
    102: "a token that comes back in the headers of a reply",
    103: "a service that quotes the request",
    104: "a limiter or a hook of the user's that fails within a call",
    105: "a 429 of one origin, while calls go to others",
    106: "a POST that does no more when it is sent twice, without a reply",
    107: "a proxy's user and password that cannot be sent",
    108: "a 429 that says only when its limit is reset",
}


class FaultTable:
    """Gathers what came of the tests of each row, on the one process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        # Of each row, what came of each test. The phases of a test are reported one by one.
        self.outcomes: dict[int, dict[str, str]] = defaultdict(dict)

    @property
    def is_whole_suite(self) -> bool:
        option = self.config.option
        chosen = (option.keyword, option.markexpr, option.deselect, option.ignore, option.ignore_glob)
        if any(chosen) or option.collectonly or getattr(option, "lf", False):
            return False
        suite = {self.config.rootpath / path for path in self.config.getini("testpaths")}
        return suite <= {self.config.invocation_params.dir / path for path in self.config.args}

    @property
    def missing(self) -> list[int]:
        return [row for row in TITLES if row not in self.outcomes]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for row in {row for mark in item.iter_markers("fault") for row in mark.args}:
                if row not in TITLES:
                    raise pytest.UsageError(f"{item.nodeid}: the fault table has no row {row}")
                # They travel with the reports, also from the processes of pytest-xdist.
                item.user_properties.append(("fault", row))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, row in report.user_properties:
            if name == "fault" and self.outcomes[row].get(report.nodeid, "passed") == "passed":
                self.outcomes[row][report.nodeid] = report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        is_reporter = not hasattr(self.config, "workerinput")
        if is_reporter and self.missing and self.is_whole_suite and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.outcomes:
            return
        terminalreporter.section("fault table")
        for row, title in TITLES.items():
            if row in self.outcomes or self.is_whole_suite:
                terminalreporter.write_line(f"{row:2}  {title}: {self._result(row)}")

    def _result(self, row: int) -> str:
        outcomes = list(self.outcomes[row].values()) if row in self.outcomes else []
        if not outcomes:
            return "MISSING, which fails the run"
        counts = (f"{outcomes.count(outcome)} {outcome}" for outcome in ("failed", "skipped", "passed"))
        return ", ".join(count for count in counts if not count.startswith("0 "))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(FaultTable(config))
