"""The program `python -m circleci_v1_async.testing`: its arguments, and the servers that it runs."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from circleci_v1_async.testing._background import find_shell, start_in_background, wait_for_end
from circleci_v1_async.testing._script.seed import load_seed
from circleci_v1_async.testing.server import FakeCircleCI

# A fake started with `--export` stops after this number of seconds without a request.
_IDLE_SECONDS: Final = 3600.0
_FORMATTER: Final = argparse.ArgumentDefaultsHelpFormatter
_STATUSES: Final = ("success", "success", "failed", "fixed", "success", "canceled", "success", "timedout")


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until SIGINT or SIGTERM, and return.

    With `--export`, another process serves, and this process returns as soon as the other one is ready.

    Args:
        argv: The command-line arguments; by default the arguments of this process.

    Raises:
        SystemExit: An argument is invalid, or the address cannot be used. Standard error contains the reason.
    """
    parser = _make_parser()
    arguments = sys.argv[1:] if argv is None else list(argv)
    options = parser.parse_args(arguments)
    try:
        if options.export:
            print(_start_in_background(arguments, options))  # noqa: T201 - as in _serve
            return
        fake = _make_server(options)
        # On Windows, an event loop cannot handle signals, and an interrupt raises this exception.
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(fake, options))
    except (ValueError, OSError, OverflowError) as error:
        # OverflowError: the port is too large.
        parser.error(str(error))
    for line in fake.list_replaced_secrets():
        print(line, file=sys.stderr)  # noqa: T201 - as in _serve


class _Program(FakeCircleCI):
    """A fake that counts its requests, so that it can stop after a long time without requests."""

    def count_requests(self) -> int:
        """Return the number of requests so far, including requests that control the fake."""
        return self._served


def _start_in_background(arguments: list[str], options: argparse.Namespace) -> str:
    ends = {"--end-with": options.end_with or find_shell(os.getppid()), "--end-idle": options.end_idle or _IDLE_SECONDS}
    given = [argument for argument in arguments if argument != "--export"]
    # A recorder does not define a token: its clients must send a token that the service accepts.
    token = None if options.command == "record" else options.token
    return start_in_background([*(f"{name}={value}" for name, value in ends.items()), *given], token=token)


def _make_server(options: argparse.Namespace) -> _Program:
    match options.command:
        case "record":
            return _Program.record(options.to, upstream=options.upstream, host=options.host, port=options.port)
        case "replay":
            return _Program.replay(options.file, token=options.token, host=options.host, port=options.port)
        case _:
            fake = _Program(
                options.token,
                host=options.host,
                port=options.port,
                server=options.server,
                run_seconds=options.run_seconds,
                control=True,
            )
            for slug in options.project:
                _add_project(fake, slug, options)
            for path in options.seed:
                load_seed(fake, path)
            return fake


async def _serve(fake: _Program, options: argparse.Namespace) -> None:
    ending = asyncio.ensure_future(wait_for_end(options.end_with, options.end_idle, fake.count_requests))
    with suppress(NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ending.cancel)
    async with fake:
        # A recorder has no token to print.
        print(*filter(None, (fake.base_url, fake.token)), sep="\n", flush=True)  # noqa: T201 - the output of this program
        await asyncio.wait([ending])


def _add_project(fake: FakeCircleCI, slug: str, options: argparse.Namespace) -> None:
    """Add a project with builds. The last build is running."""
    fake.add_project(slug, public=options.public)
    for number in range(1, options.builds + 1):
        if number == options.builds and options.run_seconds is not None:
            # The clock adds the steps of this build.
            fake.add_build(slug, status="running")
            break
        status = "running" if number == options.builds else _STATUSES[number % len(_STATUSES)]
        fake.add_build(slug, status=status, steps=("Spin up environment", "checkout", "pytest"))
        fake.add_output(slug, number, f"pytest: {status}\r\n")
        fake.add_artifact(slug, number, "reports/pytest.txt", f"pytest: {status}\n".encode())
        fake.add_test(slug, number, name="test_it", result="failure" if status == "failed" else "success")


def _make_parser() -> argparse.ArgumentParser:
    address = argparse.ArgumentParser(add_help=False)
    address.add_argument("--host", default="127.0.0.1", help="host to listen on")
    address.add_argument("--port", default=0, type=int, help="port to listen on; 0 for any free port")
    token = argparse.ArgumentParser(add_help=False)
    token.add_argument("--token", default="fake-circle-token", help="token that the fake accepts")
    parser = argparse.ArgumentParser(
        prog="python -m circleci_v1_async.testing",
        description="Serve a fake CircleCI API v1.1 until interrupted. "
        "The first line of the output is the base URL of the fake, and the second line is its token.",
        formatter_class=_FORMATTER,
        parents=[address, token],
        allow_abbrev=False,
    )
    _add_fake_options(parser)
    _add_recording_commands(parser, address, token)
    return parser


def _add_fake_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", action="store_true", help="imitate CircleCI Server instead of the cloud")
    parser.add_argument(
        "--project",
        default=[],
        action="append",
        metavar="SLUG",
        help="project to add, such as gh/acme/web; can be repeated",
    )
    parser.add_argument("--public", action="store_true", help="let anonymous users read the projects of --project")
    parser.add_argument(
        "--run-seconds",
        default=None,
        type=float,
        metavar="N",
        help="let builds proceed in real time: they are queued for N/10 seconds, and then run for N seconds",
    )
    parser.add_argument("--builds", default=30, type=int, help="number of builds in each project of --project")
    parser.add_argument(
        "--seed",
        default=[],
        action="append",
        type=Path,
        metavar="FILE",
        help="JSON file with projects, builds and faults to add",
    )
    parser.add_argument(
        "--export",
        action="store_true",
        help="serve in the background, and print lines for eval that export CIRCLE_API_URL, CIRCLE_TOKEN and "
        "CIRCLE_FAKE_PID; the fake ends with the shell, or after an hour without a request",
    )
    parser.add_argument("--end-with", default=None, type=int, metavar="PID", help="end when this process ends")
    parser.add_argument(
        "--end-idle", default=None, type=float, metavar="N", help="end after N seconds without a request"
    )


def _add_recording_commands(
    parser: argparse.ArgumentParser, address: argparse.ArgumentParser, token: argparse.ArgumentParser
) -> None:
    """Add the commands `record` and `replay`, which share the options for the address and the token."""
    commands = parser.add_subparsers(dest="command", metavar="record | replay")
    record = commands.add_parser(
        "record",
        help="forward requests to CircleCI, and record the replies",
        description="Forward requests to CircleCI, and record the requests and replies without secrets. "
        "At the end, a list of the replaced secrets is printed to standard error.",
        formatter_class=_FORMATTER,
        parents=[address],
    )
    record.add_argument(
        "--upstream", default="https://circleci.com/api/v1.1", metavar="URL", help="API to forward requests to"
    )
    record.add_argument(
        "--to", required=True, type=Path, metavar="FILE", help="file for the recording; an existing file is overwritten"
    )
    replay = commands.add_parser(
        "replay", help="answer requests from a recording", formatter_class=_FORMATTER, parents=[address, token]
    )
    replay.add_argument("file", type=Path, metavar="FILE", help="file with the recording")
