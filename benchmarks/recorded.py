"""Builds with the same keys, nesting, nulls and string lengths as the service's builds.

The content is invented, from a fixed seed. A test compares the shape with recorded lists.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from textwrap import wrap
from typing import Any, Final
from uuid import UUID

import attrs

COUNT: Final = 100
_SEED: Final = 20
_USERNAME, _REPONAME = "acme-dev", "webstore"
_VCS_URL: Final = f"https://github.com/{_USERNAME}/{_REPONAME}"
# Higher than any build number that a build refers to.
_HIGHEST: Final = 9_000
_STARTED: Final = datetime(2020, 1, 4, 1, 1, tzinfo=UTC)
_DAYS: Final = 900  # period of the builds

_WORDS: Final = """
    add all and api app bump cart cache check clean code config deploy docs drop edge fast find fix flow for form from
    handle into keep limit link list load log make menu merge move name new older order page parse price query read
    remove rename retry route save search send shop show sort split stale stock store style sync test text that time
    token total trim type unused update use user value version view when with write zone
""".split()  # noqa: SIM905 - a hundred lines otherwise

# Equally frequent lengths.
_SUBJECTS: Final = (7, 23, 23, 32, 33, 39, 39, 45, 49, 76)
_BODIES: Final = (0, 0, 0, 0, 12, 34, 34, 34, 90, 105)
_LONGEST_LINE: Final = 80
_BRANCHES: Final = (6, 6, 6, 6, 9, 20, 36)
_JOBS: Final = (4, 5, 6, 9, 12, 13, 13, 15, 20)
_WORKFLOWS: Final = (14, 14, 14, 17, 19, 19, 21, 21)
_CIRCLE_YML: Final = 36
# Lengths of a name, a login and an e-mail address.
_PEOPLE: Final = ((4, 6, 17), (6, 8, 18), (6, 8, 20), (6, 8, 20), (6, 8, 20), (6, 8, 20), (6, 8, 20), (12, 11, 28))
# For each job, the number of jobs that it waits for, and the number of entries in its map of their concurrency.
_UPSTREAM: Final = (*((0, 0),) * 11, *((1, 0),) * 10, (4, 3), (4, 3))

# The lifecycle and the outcome of each status.
_LIFECYCLES: Final = {
    "success": ("finished", "success"),
    "fixed": ("finished", "success"),
    "failed": ("finished", "failed"),
    "canceled": ("finished", "canceled"),
    "no_tests": ("finished", "no_tests"),
    "retried": ("finished", "infrastructure_fail"),
    "running": ("running", None),
    "not_run": ("not_run", None),
}
# Suffixes of the fields with a build's author and committer.
_PERSON: Final = ("name", "email")
_NO_WORKFLOW: Final = frozenset({"context_ids", "workflows"})
_NO_PLATFORM: Final = frozenset({"picard", "platform"})
_NOT_QUEUED: Final = frozenset({"has_artifacts", "queued_at", "usage_queued_at"})
_NOT_TRUNCATED: Final = frozenset({"all_commit_details_truncated"})

Json = dict[str, Any]


@attrs.frozen(kw_only=True)
class _Kind:
    """Builds with the same keys.

    Attributes:
        statuses: Number of the `COUNT` builds with each status.
        absent: Keys that these builds do not have.
        why: The service's reason for the build.
        user: The known fields of the user: "all", "login" or "login and vcs_type".
        commits: Numbers of commits, equally frequent.
        commit_branch: Whether commits have a branch.
        parameters: Values of `build_parameters`, equally frequent. Builds of workflows have the job's name instead.
        failed: Whether `failed` has a value after the build has finished.
        compare: Whether the build has a URL that compares commits.
        circle_yml: Whether the build has its configuration.
        dont_build: The reason why the build did not run.
        message: Type and length of the build's message.
        retries: Whether one of the builds was retried.
        previous: Number of builds with a previous build; `None` for all.
    """

    statuses: Mapping[str, int]
    absent: frozenset[str] = frozenset()
    why: str = "api"
    user: str = "login"
    commits: Sequence[int] = (1,)
    commit_branch: bool = False
    parameters: Sequence[Json | None] = ({},)
    failed: bool = False
    compare: bool = False
    circle_yml: bool = False
    dont_build: str | None = None
    message: tuple[str, int] | None = None
    retries: bool = False
    previous: int | None = None


_KINDS: Final = (
    _Kind(
        statuses={"success": 33, "running": 9, "failed": 1, "canceled": 1},
        why="github",
        user="all",
        commits=(0, *(1,) * 11, *(2,) * 5, *(3,) * 2),
        commit_branch=True,
        failed=True,
    ),
    _Kind(
        statuses={"not_run": 2},
        absent=_NOT_QUEUED,
        why="github",
        user="all",
        commit_branch=True,
        dont_build="prs-only",
        previous=1,
    ),
    _Kind(
        statuses={"success": 21},
        absent=_NO_WORKFLOW | _NO_PLATFORM,
        parameters=({}, {}, {}, {"ABC": "123"}),
        circle_yml=True,
    ),
    _Kind(
        statuses={"success": 6, "fixed": 1},
        absent=_NO_WORKFLOW | _NO_PLATFORM,
        why="github",
        user="login and vcs_type",
        commits=(1, 1, 1, 1, 2, 3, 5),
        commit_branch=True,
        parameters=(None,),
        compare=True,
        circle_yml=True,
    ),
    _Kind(statuses={"failed": 5}, absent=_NO_WORKFLOW, failed=True),
    _Kind(statuses={"failed": 2}, absent=_NO_WORKFLOW, user="all", failed=True),
    _Kind(
        statuses={"not_run": 6},
        absent=_NO_WORKFLOW | _NOT_QUEUED | _NOT_TRUNCATED,
        why="retry",
        user="all",
        commit_branch=True,
        parameters=(None,),
        dont_build="1.0-not-available",
        message=("error", 293),
    ),
    _Kind(
        statuses={"no_tests": 4, "canceled": 1},
        absent=_NO_WORKFLOW | _NO_PLATFORM | {"has_artifacts"},
        message=("warning", 232),
        retries=True,
    ),
    _Kind(
        statuses={"not_run": 3},
        absent=_NO_WORKFLOW | _NOT_QUEUED,
        user="all",
        dont_build="no-followers",
        message=("error", 65),
    ),
    _Kind(
        statuses={"not_run": 2},
        absent=_NO_WORKFLOW | _NOT_QUEUED | _NO_PLATFORM,
        dont_build="no-followers",
        message=("error", 65),
    ),
    _Kind(
        statuses={"success": 2},
        absent=_NO_WORKFLOW | _NO_PLATFORM | _NOT_TRUNCATED,
        why="retry",
        user="login and vcs_type",
        commit_branch=True,
        parameters=(None, {}),
        circle_yml=True,
    ),
    _Kind(
        statuses={"retried": 1},
        absent=_NO_WORKFLOW | _NO_PLATFORM | _NOT_TRUNCATED | {"has_artifacts"},
        why="retry",
        user="login and vcs_type",
        commit_branch=True,
        parameters=(None,),
        failed=True,
    ),
)


def make_builds() -> list[Json]:
    """Make `COUNT` builds, newest first. Builds of a kind are adjacent, like in the service's lists."""
    author = _Author()
    return [
        author.build(kind, status, place)
        for kind in _KINDS
        for place, status in enumerate(status for status, count in kind.statuses.items() for _ in range(count))
    ]


class _Author:
    """Writes builds from a fixed seed, with descending numbers."""

    def __init__(self) -> None:
        self._random = Random(_SEED)  # noqa: S311 - no secret
        self._number = _HIGHEST
        self._people = [
            {"name": self._text(name), "login": self._slug(login), "email": self._email(email)}
            for name, login, email in _PEOPLE
        ]

    def build(self, kind: _Kind, status: str, place: int) -> Json:
        """Write a build of a kind. `place` counts within the kind."""
        self._number -= 1
        branch = self._slug(self._one_of(_BRANCHES))
        commits = [
            self._commit(self._one_of(self._people), branch if kind.commit_branch else None)
            for _ in range(self._one_of(kind.commits))
        ]
        build = {
            **dict.fromkeys(("previous_successful_build", "fail_reason", "vcs_tag", "job_name", "canceler", "node")),
            **dict.fromkeys(("all_commit_details_truncated", "timedout", "no_dependency_cache", "canceled"), False),
            **dict.fromkeys(("ssh_disabled", "is_first_green_build"), False),
            **self._source(commits, branch),
            **self._origin(kind, place),
            **self._job(kind),
            **self._progress(kind, status),
        }
        return {key: value for key, value in build.items() if key not in kind.absent}

    def _source(self, commits: list[Json], branch: str) -> Json:
        """Write the repository and the commits."""
        last = commits[-1] if commits else {}
        return {
            "vcs_url": _VCS_URL,
            "vcs_type": "github",
            "username": _USERNAME,
            "reponame": _REPONAME,
            "branch": branch,
            "vcs_revision": last.get("commit") or self._hex(40),
            **{key: last.get(key) for key in ("subject", "body", "committer_date", "author_date")},
            **{f"{role}_{key}": last.get(f"{role}_{key}") for role in ("author", "committer") for key in _PERSON},
            "all_commit_details": commits,
        }

    def _origin(self, kind: _Kind, place: int) -> Json:
        """Write the number, the user and the previous builds."""
        has_previous = kind.previous is None or place < kind.previous
        return {
            "build_num": self._number,
            "build_url": f"https://circleci.com/gh/{_USERNAME}/{_REPONAME}/{self._number}",
            "compare": self._compare_url() if kind.compare else None,
            "why": kind.why,
            "user": self._user(self._one_of(self._people), kind.user),
            "previous": self._previous() if has_previous else None,
            "retry_of": self._number - 200 if kind.why == "retry" else None,
            "retries": [self._number + 1] if kind.retries and not place else None,
        }

    def _job(self, kind: _Kind) -> Json:
        """Write the configuration and the workflow."""
        job = self._slug(self._one_of(_JOBS))
        has_workflow = "workflows" not in kind.absent
        return {
            "oss": not has_workflow,
            "parallel": 1,
            "build_parameters": {"CIRCLE_JOB": job} if has_workflow else self._one_of(kind.parameters),
            "circle_yml": {"string": self._text(_CIRCLE_YML, line=12)} if kind.circle_yml else None,
            "ssh_users": [],
            "context_ids": [self._text(19)] if not self._random.randrange(8) else [],
            "workflows": self._workflow(job),
            "picard": None,
            "platform": "2.0" if has_workflow else "1.0",
        }

    def _progress(self, kind: _Kind, status: str) -> Json:
        """Write the status and the times."""
        lifecycle, outcome = _LIFECYCLES[status]
        is_over = outcome is not None
        return {
            "status": status,
            "lifecycle": lifecycle,
            "outcome": outcome,
            "failed": status == "failed" if kind.failed and is_over else None,
            "infrastructure_fail": outcome == "infrastructure_fail",
            "dont_build": kind.dont_build,
            "has_artifacts": True,
            "messages": [self._message(*kind.message)] if kind.message else [],
            "usage_queued_at": self._time(),
            "queued_at": self._time(),
            "start_time": None if status == "not_run" else self._time(),
            "stop_time": self._time() if is_over else None,
            "build_time_millis": self._random.randrange(20_000, 120_000) if is_over else None,
        }

    def _commit(self, person: Mapping[str, str], branch: str | None) -> Json:
        revision = self._hex(40)
        date = self._commit_date()
        return {
            "committer_date": date,
            "author_date": date,
            "subject": self._text(self._one_of(_SUBJECTS)),
            "body": self._text(self._one_of(_BODIES)),
            "commit": revision,
            "commit_url": f"{_VCS_URL}/commit/{revision}",
            **{f"{role}_{key}": person[key] for role in ("author", "committer") for key in ("login", *_PERSON)},
            **({} if branch is None else {"branch": branch}),
        }

    def _user(self, person: Mapping[str, str], known: str) -> Json:
        if known == "login":
            return {"is_user": False, "login": "none"}
        if known == "login and vcs_type":
            return {"is_user": False, "login": person["login"], "vcs_type": "github"}
        number = self._random.randrange(10_000, 5_000_000)
        return {
            "is_user": True,
            "login": person["login"],
            "avatar_url": f"https://avatars2.githubusercontent.com/u/{number}?v=4",
            "name": None if not self._random.randrange(9) else person["name"],
            "vcs_type": "github",
            "id": number,
        }

    def _workflow(self, job: str) -> Json:
        jobs, concurrent = self._one_of(_UPSTREAM)
        upstream = [self._uuid() for _ in range(jobs)]
        workflow = self._uuid()
        return {
            "job_name": job,
            "job_id": self._uuid(),
            "workflow_id": workflow,
            "workspace_id": workflow,
            "upstream_job_ids": upstream,
            "upstream_concurrency_map": {
                job.replace("-", "_"): [other for other in upstream[:concurrent] if other != job]
                for job in upstream[:concurrent]
            },
            "workflow_name": self._slug(self._one_of(_WORKFLOWS)),
        }

    def _previous(self) -> Json:
        return {
            "build_num": self._number - 1,
            "status": self._one_of(("success", "success", "failed", "running")),
            "build_time_millis": self._random.randrange(20_000, 120_000),
        }

    def _message(self, type_: str, length: int) -> Json:
        start, end = self._text(20), self._text(length - 23)
        return {"type": type_, "message": f'"{start}" {end}'}

    def _compare_url(self) -> str:
        return f"{_VCS_URL}/compare/{self._hex(12)}...{self._hex(12)}"

    def _one_of(self, values: Sequence[Any]) -> Any:
        return self._random.choice(values)

    def _time(self) -> str:
        moment = _STARTED - timedelta(milliseconds=self._random.randrange(_DAYS * 86_400_000))
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"

    def _commit_date(self) -> str:
        moment = f"{_STARTED - timedelta(seconds=self._random.randrange(_DAYS * 86_400)):%Y-%m-%dT%H:%M:%S}"
        return moment + ("Z" if self._random.random() < 0.55 else "-08:00")  # noqa: PLR2004 - their share

    def _text(self, length: int, *, line: int = _LONGEST_LINE) -> str:
        """Return words with exactly this total length, broken into lines."""
        words = ""
        while len(words) < length:
            words += self._one_of(_WORDS) + " "
        return "\n".join(wrap(words[:length].rstrip().ljust(length, "."), line))

    def _slug(self, length: int) -> str:
        return self._text(length).replace(" ", "-").replace(".", "x")

    def _email(self, length: int) -> str:
        host = "@example.dev"
        return self._slug(length - len(host)) + host

    def _hex(self, length: int) -> str:
        return f"{self._random.getrandbits(4 * length):0{length}x}"

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))
