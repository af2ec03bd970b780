"""The program `python -m circleci_v1_async.testing`: its arguments, and what it serves."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from circleci_v1_async.testing._script.seed import load_seed
from circleci_v1_async.testing.server import FakeCircleCI

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
        fake = _make_server(options)
        # On Windows a loop cannot handle signals, and an interrupt raises this exception.
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(fake))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    for line in fake.list_replaced_secrets():
        print(line, file=sys.stderr)  # noqa: T201 - as in _serve


def _make_server(options: argparse.Namespace) -> FakeCircleCI:
    match options.command:
        case "record":
            return FakeCircleCI.record(options.to, upstream=options.upstream, host=options.host, port=options.port)
        case "replay":
            return FakeCircleCI.replay(options.file, token=options.token, host=options.host, port=options.port)
        case _:
            fake = FakeCircleCI(options.token, host=options.host, port=options.port, server=options.server)
            for slug in options.project:
                _fill(fake, slug, options.builds)
            for path in options.seed:
                load_seed(fake, path)
            return fake


async def _serve(fake: FakeCircleCI) -> None:
    stopped = asyncio.Event()
    with suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with fake:
        # A recorder has no token of its own.
        print(*filter(None, (fake.base_url, fake.token)), sep="\n", flush=True)  # noqa: T201 - the output of this program
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
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--host", default="127.0.0.1", help="the host to listen on")
    address.add_argument("--port", default=0, type=int, help="the port; 0 for any free one")
    token = argparse.ArgumentParser(add_help=False)
    token.add_argument("--token", default="fake-circle-token", help="the valid token")
    formatter = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m circleci_v1_async.testing",
        description="Serve a fake CircleCI API v1.1 until interrupted. "
        "The first line of output is its base URL, the second is its token.",
        formatter_class=formatter,
        parents=[address, token],
    )
    parser.add_argument("--server", action="store_true", help="behave as CircleCI Server rather than the cloud")
    parser.add_argument(
        "--project", default=[], action="append", metavar="SLUG", help="a project, such as gh/acme/web; may be repeated"
    )
    parser.add_argument("--builds", default=30, type=int, help="the number of builds of each --project")
    parser.add_argument(
        "--seed", default=[], action="append", type=Path, metavar="FILE", help="what there is and happens, as JSON"
    )
    commands = parser.add_subparsers(dest="command", metavar="record | replay")
    record = commands.add_parser(
        "record",
        help="pass requests on to the service and record what passes",
        description="Pass requests on to the service and record what passes, without secrets. "
        "At the end, standard error has a list of what was replaced.",
        formatter_class=formatter,
        parents=[address],
    )
    record.add_argument("--upstream", default="https://circleci.com/api/v1.1", metavar="URL", help="the service")
    record.add_argument("--to", required=True, type=Path, metavar="FILE", help="the recording, which is overwritten")
    replay = commands.add_parser(
        "replay", help="answer as a recording says", formatter_class=formatter, parents=[address, token]
    )
    replay.add_argument("file", type=Path, metavar="FILE", help="the recording")
    return parser
