"""Options about how to wait."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypedDict, TypeVar

import attrs
import click

from .seconds import SECONDS, SECONDS_FROM_ZERO

F = TypeVar("F", bound=Callable[..., Any])

_INTERVAL: Final = 5
_SETTLE: Final = 60


class WaitOptions(TypedDict):
    """Options of the library's waits for several builds."""

    timeout: float | None
    interval: float
    jobs: tuple[str, ...] | None
    fail_fast: bool
    settle: float


@attrs.frozen(kw_only=True)
class Patience:
    """Options about how to wait.

    Attributes:
        timeout: Maximum number of seconds to wait; `None` for no limit.
        interval: Number of seconds between the first polls.
        jobs: Names of the jobs that count; empty for all.
        fail_fast: Whether to stop at the first build that does not succeed.
        settle: Number of seconds without a running build until no further build is expected; `None` for the default.
    """

    timeout: float | None = None
    interval: float = _INTERVAL
    jobs: tuple[str, ...] = ()
    fail_fast: bool = False
    settle: float | None = None

    @property
    def wait_options(self) -> WaitOptions:
        """The options of `wait_for_commit` and `wait_for_workflow`."""
        return {
            "timeout": self.timeout,
            "interval": self.interval,
            "jobs": self.jobs or None,
            "fail_fast": self.fail_fast,
            "settle": _SETTLE if self.settle is None else self.settle,
        }


def _split_names(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if value is not None and not names:
        raise click.BadParameter("expected names of jobs, separated by commas.")
    return names


def patience_options(function: F) -> F:
    """Add options about how to wait. The command gets them as `patience`, a `Patience`."""

    @wraps(function)
    def collect(
        *args: Any,
        timeout: float | None,
        interval: float,
        jobs: tuple[str, ...],
        fail_fast: bool,
        settle: float | None,
        **options: Any,
    ) -> Any:
        patience = Patience(timeout=timeout, interval=interval, jobs=jobs, fail_fast=fail_fast, settle=settle)
        return function(*args, patience=patience, **options)

    command: Any = collect
    for option in (
        click.option(
            "--interval",
            type=SECONDS,
            default=_INTERVAL,
            show_default=True,
            help="Number of seconds between the first polls.",
        ),
        click.option("--timeout", type=SECONDS, help="Maximum duration of the wait.  [default: no limit]"),
        click.option(
            "--settle",
            type=SECONDS_FROM_ZERO,
            help=f"How long to wait for further builds when all builds have finished.  [default: {_SETTLE}]",
        ),
        click.option("--fail-fast", is_flag=True, help="Stop at the first build that does not succeed."),
        click.option("--jobs", metavar="A,B", callback=_split_names, help="Wait only for the builds of these jobs."),
    ):
        command = option(command)
    return command  # type: ignore[no-any-return]
