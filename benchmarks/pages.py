"""Builds of each kind, as bytes without their number.

`full`, `bitbucket`, `shallow` and the single builds come from `FakeCircleCI`, and `recorded` comes from `recorded.py`.
Their keys are in the service's own order. `shuffled` contains the recorded builds with the keys of every object in
random order. `nested` contains the recorded builds with more objects in each.
"""

import json
import re
from random import Random
from typing import Any, Final

import aiohttp

from circleci_v1_async.testing import FakeCircleCI

from . import recorded

DETAIL: Final = b"detail"

_COUNT: Final = 100
_SEED: Final = 14
_NUMBER: Final = re.compile(rb'"build_num":(\d+)')
# A single build with these steps has about 12 kB.
_STEPS: Final = (
    *("Spin up environment", "Preparing environment variables", "Checkout code", "Restore the cache of packages"),
    *("Install the dependencies", "Check the style", "Run the unit tests", "Run the browser tests"),
    *("Store the test results", "Upload artifacts"),
)
# The service sends the keys of every object in the same order, the order of a hash table.
_KEYS: Final = """
    compare previous_successful_build build_parameters oss all_commit_details_truncated committer_date steps body
    usage_queued_at context_ids fail_reason retry_of reponame ssh_users build_url truncated index parallel failed branch
    is_user login avatar_url username author_date why user vcs_revision workflows owners vcs_tag pull_requests build_num
    infrastructure_fail committer_email has_artifacts previous name bash_command status commit committer_login
    committer_name pull_request_urls retries subject vcs_type id timedout continue dont_build lifecycle
    no_dependency_cache fleet end_time type allocation_id output_url stop_time ssh_disabled build_time_millis picard
    circle_yml messages is_first_green_build job_name job_id workflow_id workspace_id upstream_job_ids
    upstream_concurrency_map workflow_name start_time background exit_code insignificant canceler all_commit_details
    platform outcome vcs_url commit_url author_login author_name node queued_at canceled step run_time_millis has_output
    author_email
""".split()  # noqa: SIM905 - ninety lines otherwise
_PLACES: Final = {key: place for place, key in enumerate(_KEYS)}

# A build's bytes before and after its number.
Template = tuple[bytes, bytes]


async def make_templates() -> dict[bytes, list[Template]]:
    """Make the builds of each kind; `DETAIL` is a single build with its steps."""
    kept = [_in_order(build) for build in recorded.make_builds()]
    random = Random(_SEED)  # noqa: S311 - no secret
    builds: dict[bytes, list[Any]] = {
        **{kind: [_in_order(build) for build in each] for kind, each in (await _fake_builds()).items()},
        b"tiny": [{"vcs_url": "https://github.com/acme/web-storefront", "build_num": 1, "status": "success"}],
        b"recorded": kept,
        b"shuffled": [_shuffled(build, random) for build in kept],
        b"nested": [_in_order({**build, **_more_objects(build)}) for build in kept],
    }
    return {kind: [_template(_compact(build)) for build in each] for kind, each in builds.items()}


def page(templates: list[Template], count: int, *, limit: int, offset: int) -> bytes:
    """Return a page of a list. The newest build, the first, has the number `count`, and the last one 1."""
    numbers = range(count - offset, max(0, count - offset - limit), -1)
    return b"[%b]" % b",".join(single(templates, number) for number in numbers)


def single(templates: list[Template], number: int) -> bytes:
    """Return the build with this number."""
    head, tail = templates[number % len(templates)]
    return b"%b%d%b" % (head, number, tail)


async def _fake_builds() -> dict[bytes, list[Any]]:
    """Return the builds of a fake with a project that uses all features."""
    async with FakeCircleCI() as fake, aiohttp.ClientSession() as client:

        async def get(target: str) -> Any:
            headers = {"Circle-Token": fake.token, "Accept": "application/json"}
            async with client.get(f"{fake.base_url}/project/{target}", headers=headers) as reply:
                return await reply.json()

        for vcs_type in ("github", "bitbucket"):
            fake.add_project(f"{vcs_type}/acme/web-storefront")
            for number in range(_COUNT):
                fake.add_build(
                    f"{vcs_type}/acme/web-storefront",
                    status=("success", "failed", "success", "fixed", "canceled", "timedout", "running")[number % 7],
                    branch=("main", "feature/faster-checkout", "renovate/all-minor", "fix-cart-total")[number % 4],
                    subject=f"Keep the cart when the storefront is reloaded, part {number} of many (#4{number:03})",
                    job=("build", "unit-tests", "browser-tests", "deploy-preview")[number % 4],
                    # Real messages are longer than the fake's invented messages.
                    body="The cart was kept in memory only.\n\nIt is now stored, and read again when a page is "
                    "loaded. " * 2,
                )
        detailed = fake.add_build("github/acme/web-storefront")["build_num"]
        for step in _STEPS:
            fake.add_step("github/acme/web-storefront", detailed, step, output=f"{step}\r\n")
        listed = f"acme/web-storefront?limit={_COUNT}"
        return {
            b"full": await get(f"github/{listed}&offset=1"),
            b"bitbucket": await get(f"bitbucket/{listed}"),
            b"shallow": await get(f"github/{listed}&offset=1&shallow=true"),
            DETAIL: [await get(f"github/acme/web-storefront/{detailed}")],
        }


def _in_order(value: Any) -> Any:
    """Put the keys of all objects in the service's order, followed by keys that are not in the order."""
    if isinstance(value, list):
        return [_in_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _in_order(value[key]) for key in sorted(value, key=lambda key: _PLACES.get(key, len(_PLACES)))}


def _shuffled(value: Any, random: Random) -> Any:
    """Put the keys of all objects in random order."""
    if isinstance(value, list):
        return [_shuffled(item, random) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _shuffled(value[key], random) for key in random.sample(list(value), len(value))}


def _more_objects(build: dict[str, Any]) -> dict[str, Any]:
    """Add objects that few recorded builds have: the recordings are older than pull requests."""
    earlier = {"build_num": build["build_num"] - 1, "status": "success", "build_time_millis": 61_250}
    return {
        "messages": [{"type": "warning", "message": "The configuration has keys that are not known."}],
        "pull_requests": [{"head_sha": build["vcs_revision"], "url": f"{build['vcs_url']}/pull/{build['build_num']}"}],
        "previous": earlier,
        "previous_successful_build": earlier,
    }


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _template(build: bytes) -> Template:
    # The number may also occur in references to other builds, such as the previous build of the branch.
    number = json.loads(build)["build_num"]
    own = next(found for found in _NUMBER.finditer(build) if int(found[1]) == number)
    return build[: own.start(1)], build[own.end(1) :]
