"""Runs `circleci-v1`. The commands bring their own event loop."""

import asyncio
import io
import os

from click.testing import CliRunner
from rich.console import Console

from circleci_v1_async._cli.group import cli

WEB = "github/acme/web"
HIDE_CURSOR = "\x1b[?25l"


def run(*args, **options):
    return CliRunner().invoke(cli, args, prog_name="circleci-v1", **options)


async def run_beside(*args, **options):
    """Run a command in a thread, while the service is served by the test's own loop."""
    return await asyncio.to_thread(run, *args, **options)


def terminal(width=100):
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=40)


def shown_on(console):
    return console.file.getvalue()


def play(service, *scenes):
    """Play a scene before each request but the first; after the last scene the service answers 404."""
    scenes = iter([None, *scenes, lambda: service.fail_next(404, count=9)])

    @service.before_reply
    def proceed(_request):
        scene = next(scenes, None)
        if scene is not None:
            scene()


async def run_without_a_reader(*command):
    """Run a process whose output nobody reads, and return its exit code and what it says on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=writer, stderr=asyncio.subprocess.PIPE)
    finally:
        os.close(writer)
    async with asyncio.timeout(60):
        _, said = await process.communicate()
    return process.returncode, said
