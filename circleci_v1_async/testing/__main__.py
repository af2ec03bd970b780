"""`python -m circleci_v1_async.testing`: the fake as a program, for tests of programs in whatever language.

It prints the base URL on its first line and the token on its second, and serves until it is interrupted or terminated.
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
        SystemExit: The arguments make no sense, or the address cannot be had; standard error says which.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        fake = FakeCircleCI(options.token, host=options.host, port=options.port)
        for slug in options.project:
            _fill(fake, slug, options.builds)
        # Where a loop cannot handle signals, on Windows, an interrupt is this exception.
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(fake))
    except (ValueError, OSError) as error:
        parser.error(str(error))


async def _serve(fake: FakeCircleCI) -> None:
    over = asyncio.Event()
    with suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with fake:
        print(fake.base_url, fake.token, sep="\n", flush=True)  # noqa: T201 - what the program is started for
        await over.wait()


def _fill(fake: FakeCircleCI, slug: str, builds: int) -> None:
    """Add a project with so many builds, the last of which is running."""
    fake.add_project(slug)
    for number in range(1, builds + 1):
        status = "running" if number == builds else _STATUSES[number % len(_STATUSES)]
        fake.add_build(slug, status=status, steps=("Spin up environment", "checkout"))
        fake.add_step(slug, number, "pytest", output=f"pytest: {status}\r\n", status=status)
        fake.add_artifact(slug, number, "reports/pytest.txt", f"pytest: {status}\n".encode())
        fake.add_test(slug, number, name="test_it", result="failure" if status == "failed" else "success")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m circleci_v1_async.testing",
        description="Serve a fake CircleCI API v1.1 until interrupted. "
        "The first line of output is its base URL, the second is its token.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen")
    parser.add_argument("--port", default=0, type=int, help="the port, 0 for any that is free")
    parser.add_argument("--token", default="fake-circle-token", help="the token that is right")
    parser.add_argument(
        "--project", default=[], action="append", metavar="SLUG", help="a project, such as gh/acme/web; may be repeated"
    )
    parser.add_argument("--builds", default=30, type=int, help="how many builds each project has")
    return parser


if __name__ == "__main__":  # pragma: no branch - nobody imports it
    main()
