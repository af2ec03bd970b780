"""Arguments: numbers of any library, callbacks, branches, and errors that say what was expected."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from numbers import Integral
from typing import Any

import pytest
from aioresponses import aioresponses

from circleci_v1_async import CircleCISession, InvalidInputError, Request, RetryPolicy
from circleci_v1_async._core.arguments import check_callback, check_integer, check_seconds, check_size


class Int64:
    """An integer as NumPy has them: no `int`, but usable as an index and as a number."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value

    def __lt__(self, other: Any) -> bool:
        return self.value < other

    def __le__(self, other: Any) -> bool:
        return self.value <= other

    def __gt__(self, other: Any) -> bool:
        return self.value > other

    def __ge__(self, other: Any) -> bool:
        return self.value >= other

    def __float__(self) -> float:
        return float(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)


Integral.register(Int64)


def test_integers_of_other_libraries_are_returned_as_int() -> None:
    number = check_integer("limit", Int64(5), 1, 100)
    assert (type(number), number) == (int, 5)
    assert type(check_size("max_body", Int64(5))) is int
    assert check_seconds("timeout", Int64(5)) == 5


@pytest.mark.parametrize("value", [True, False, 5.0, "5", None, Decimal(5), Int64(0), Int64(101)])
def test_what_is_no_integer_of_the_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^limit: expected an integer from 1 to 100, got "):
        check_integer("limit", value, 1, 100)


@pytest.mark.parametrize("value", [0.001, 1, 864_000, 864_000.0, Fraction(1, 4)])
def test_seconds_may_be_anything_up_to_ten_days(value: Any) -> None:
    assert check_seconds("timeout", value) == value


@pytest.mark.parametrize("value", [864_000.5, 864_001, 10**400, float("inf"), Int64(10**12)])
def test_seconds_of_more_than_ten_days_are_refused_with_the_limit(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^timeout: expected at most 864,000 seconds \(10 days\), got "):
        check_seconds("timeout", value)


@pytest.mark.parametrize("value", [0, -1, -0.5, float("-inf"), float("nan"), True, None, "1", 1j, Int64(0)])
def test_what_is_no_number_of_seconds_is_refused(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^timeout: expected a positive number of seconds, got "):
        check_seconds("timeout", value)


async def call(ci: CircleCISession, name: str, *args: Any, **options: Any) -> object:
    return await getattr(ci, name)("gh/acme/web", *args, **options)


INFINITE: dict[str, Callable[[], object]] = {
    "timeout": lambda: CircleCISession(timeout=float("inf")),
    "timeout of a view": lambda: CircleCISession().with_options(timeout=10**400),
    "RetryPolicy.base": lambda: RetryPolicy(base=10**400),
    "RetryPolicy.cap": lambda: RetryPolicy(cap=float("inf")),
    "RetryPolicy.max_retry_after": lambda: RetryPolicy(max_retry_after=float("inf")),
    "interval": lambda: CircleCISession().watch_recent_builds(interval=float("inf")),
}


@pytest.mark.parametrize("option", INFINITE)
def test_no_option_may_be_endless(option: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^{option.partition(' ')[0]}: expected at most 864,000 seconds"):
        INFINITE[option]()


@pytest.mark.parametrize("name", ["wait_for_build", "wait_for_commit", "wait_for_workflow"])
@pytest.mark.parametrize("option", ["timeout", "interval"])
async def test_no_wait_may_be_endless(name: str, option: str) -> None:
    arguments = {"wait_for_build": 7, "wait_for_commit": "c0ffee1"}
    argument = arguments.get(name, "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58")
    with pytest.raises(InvalidInputError, match=rf"^{option}: expected at most 864,000 seconds"):
        await call(CircleCISession(), name, argument, **{option: float("inf")})


async def test_numbers_of_other_libraries_are_numbers_wherever_a_call_takes_them() -> None:
    build = "https://circleci.com/api/v1.1/project/github/acme/web/7"
    page = "https://circleci.com/api/v1.1/recent-builds?limit=5&offset=0"
    with aioresponses() as wire:
        # The URLs are what is tested: there are no replies.
        async with CircleCISession(retry=RetryPolicy(attempts=Int64(1)), max_body=Int64(9)) as ci:
            for make in (
                partial(ci.get_build, "gh/acme/web", Int64(7)),
                partial(ci.list_recent_builds, limit=Int64(5), offset=Int64(0)),
                partial(ci.send, Request("GET", "/recent-builds", query={"limit": Int64(5), "offset": 0})),
                partial(ci.send, Request("GET", "/project/github/acme/web/{n}", {"n": Int64(7)})),
            ):
                with pytest.raises(Exception, match="Connection refused"):
                    await make()
        assert [str(url) for _, url in wire.requests] == [build, page]


@pytest.mark.parametrize(("name", "walk"), [("list_project_builds", "iter_project_builds")])
async def test_a_limit_that_is_too_large_points_to_the_walk(name: str, walk: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"^limit: expected an integer from 1 to 100, got 500; {walk} yields"):
        await call(CircleCISession(), name, limit=500)
    with pytest.raises(InvalidInputError, match=r"got 500; iter_recent_builds yields more builds than one page has$"):
        await CircleCISession().list_recent_builds(limit=500)
    with pytest.raises(InvalidInputError, match=r"got 0$"):
        await CircleCISession().list_recent_builds(limit=0)


BRANCHES: dict[str, Callable[[str], object]] = {
    "list_project_builds": lambda branch: call(CircleCISession(), "list_project_builds", branch=branch),
    "iter_project_builds": lambda branch: CircleCISession().iter_project_builds("gh/acme/web", branch=branch).collect(),
    "list_latest_artifacts": lambda branch: call(CircleCISession(), "list_latest_artifacts", branch=branch),
    "trigger_build": lambda branch: call(CircleCISession(), "trigger_build", branch=branch),
    "trigger_branch_build": lambda branch: call(CircleCISession(), "trigger_branch_build", branch),
    "trigger_pipeline": lambda branch: call(CircleCISession(), "trigger_pipeline", branch=branch),
    "builds_for_commit": lambda branch: call(CircleCISession(), "builds_for_commit", "c0ffee1", branch=branch),
    "wait_for_commit": lambda branch: call(CircleCISession(), "wait_for_commit", "c0ffee1", branch=branch),
}


@pytest.mark.parametrize("name", BRANCHES)
async def test_a_git_reference_is_no_branch(name: str) -> None:
    text = r"^branch: expected a branch's name, got the Git reference 'refs/heads/main': use 'main'$"
    with pytest.raises(InvalidInputError, match=text):
        await BRANCHES[name]("refs/heads/main")  # type: ignore[misc]


@pytest.mark.parametrize("reference", ["refs/pull/7/merge", "refs/tags/v1", "refs/heads/"])
async def test_a_git_reference_of_something_else_names_no_branch(reference: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"got the Git reference '{reference}': which names no branch$"):
        await call(CircleCISession(), "list_project_builds", branch=reference)


def test_a_branch_is_refused_before_a_watch_begins() -> None:
    with pytest.raises(InvalidInputError, match="branch: expected a branch's name"):
        CircleCISession().watch_project_builds("gh/acme/web", branch="refs/heads/main")


@pytest.mark.parametrize("filter", ["success", "", 7])
async def test_a_filter_of_another_value_is_refused_with_all_values(filter: Any) -> None:
    expected = "filter: expected 'completed' or 'successful' or 'failed' or 'running', got "
    with pytest.raises(InvalidInputError, match=f"^{expected}"):
        await call(CircleCISession(), "list_project_builds", filter=filter)


@pytest.mark.parametrize("value", [None, "", "rsa"])
async def test_a_checkout_key_is_of_a_known_type(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^type: expected "):
        await call(CircleCISession(), "create_checkout_key", value)


class Coroutine:
    async def __call__(self, _value: object) -> None: ...


async def coroutine(_value: object) -> None: ...


@pytest.mark.parametrize("value", [None, print, Coroutine(), coroutine, partial(coroutine)])
def test_a_callback_may_be_plain_or_a_coroutine_function(value: object) -> None:
    check_callback("progress", value)


@pytest.mark.parametrize("value", [7, "print", Coroutine(), coroutine, partial(coroutine)])
def test_a_callback_that_is_not_awaited_has_to_be_plain(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^on_retry: expected a plain callable, got "):
        check_callback("on_retry", value, is_plain=True)
