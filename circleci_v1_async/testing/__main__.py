"""`python -m circleci_v1_async.testing`: the fake as a process, for tests of programs in any language.

It prints the base URL on the first line and the token on the second, and serves until it is interrupted or terminated.
"""

import argparse
import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from circleci_v1_async.testing.server import FakeCircleCI

__all__ = ["main"]

_STATUSES: Final = ("success", "success", "failed", "fixed", "success", "canceled", "success", "timedout")


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Args:
        argv: The arguments; by default those of the process.

    Raises:
        SystemExit: An argument is invalid, or the address cannot be used; standard error says why.
    """
    parser = _make_parser()
    options = parser.parse_args(argv)
    try:
        fake = FakeCircleCI(options.token, host=options.host, port=options.port)
        for slug in options.project:
            _fill(fake, slug, options.builds)
        # On Windows a loop cannot handle signals, and an interrupt raises this exception.
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(fake))
    except (ValueError, OSError) as error:
        parser.error(str(error))


async def _serve(fake: FakeCircleCI) -> None:
    stopped = asyncio.Event()
    with suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with fake:
        print(fake.base_url, fake.token, sep="\n", flush=True)  # noqa: T201 - the output of this program
        await stopped.wait()


def _fill(fake: FakeCircleCI, slug: str, builds: int) -> None:
    """Add a project with this many builds, the last of which is running."""
    fake.add_project(slug)
    for number in range(1, builds + 1):
        status = "running" if number == builds else _STATUSES[number % len(_STATUSES)]
        fake.add_build(slug, status=status, steps=("Spin up environment", "checkout"))
        fake.add_step(slug, number, "pytest", output=f"pytest: {status}\r\n", status=status)
        fake.add_artifact(slug, number, "reports/pytest.txt", f"pytest: {status}\n".encode())
        fake.add_test(slug, number, name="test_it", result="failure" if status == "failed" else "success")


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m circleci_v1_async.testing",
        description="Serve a fake CircleCI API v1.1 until interrupted. "
        "The first line of output is its base URL, the second is its token.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="the host to listen on")
    parser.add_argument("--port", default=0, type=int, help="the port; 0 for any free one")
    parser.add_argument("--token", default="fake-circle-token", help="the valid token")
    parser.add_argument(
        "--project", default=[], action="append", metavar="SLUG", help="a project, such as gh/acme/web; may be repeated"
    )
    parser.add_argument("--builds", default=30, type=int, help="the number of builds of each project")
    return parser


if __name__ == "__main__":  # pragma: no branch - the module is run, not imported
    main()
