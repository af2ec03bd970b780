"""Projects, builds, keys and files as plain values, without I/O and without the wire's shapes."""

import base64
import hashlib
import mimetypes
import random
import zlib
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, TypeAlias

import attrs

VCS_ALIASES: Final = {"gh": "github", "bb": "bitbucket"}
VCS_HOSTS: Final = {"github": "https://github.com", "bitbucket": "https://bitbucket.org", "circleci": "//circleci.com"}
FIRST_CONFIGURED_STEP: Final = 101
_BLOCK_SIZE: Final = 64 * 2**10
_NUMBER_SIZE: Final = 8


@attrs.frozen
class GeneratedBytes:
    """A large file's pseudo-random bytes, made on demand, so that they take no memory.

    Use it in place of `bytes`. It supports `len(…)` and slices without a step, and makes only the slice asked for. The
    same size and seed always give the same bytes. No two blocks of 64 KiB are alike, so that a copy with misplaced
    bytes has another hash.

    Attributes:
        size: The number of bytes.
        seed: The seed; another one gives other bytes.
    """

    size: int = attrs.field(validator=attrs.validators.ge(0))
    seed: int = 0

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self.size)
        first = start // _BLOCK_SIZE
        numbers = range(first, -(-stop // _BLOCK_SIZE))
        blocks = b"".join(number.to_bytes(_NUMBER_SIZE, "big") + self._noise for number in numbers)
        return blocks[start - first * _BLOCK_SIZE : stop - first * _BLOCK_SIZE]

    @cached_property
    def _noise(self) -> bytes:
        return random.Random(self.seed).randbytes(_BLOCK_SIZE - _NUMBER_SIZE)  # noqa: S311 - reproducible on purpose

    def sha256(self) -> str:
        """Return the SHA-256 of all bytes, in hexadecimal, to compare a copy with."""
        digest = hashlib.sha256()
        for start in range(0, self.size, _BLOCK_SIZE):
            digest.update(self[start : start + _BLOCK_SIZE])
        return digest.hexdigest()


Data: TypeAlias = bytes | GeneratedBytes


def make_fingerprint(data: Data) -> str:
    """Return a hash of the bytes in hexadecimal, as S3 uses it in an ETag."""
    return hashlib.md5(data if isinstance(data, bytes) else repr(data).encode(), usedforsecurity=False).hexdigest()


@attrs.frozen
class Phase:
    """The stage that a build's status puts it in.

    Attributes:
        lifecycle: The wire's `lifecycle`.
        outcome: The wire's `outcome`; None until the build is finished.
        failed: The wire's `failed`; null, not false, for builds that timed out or have no tests.
        usage_queued: Whether the build has entered the plan's queue.
        queued: Whether the build has entered a machine's queue.
        started: Whether the build has started.
        timed: Whether a finished build has a duration; it has none after an infrastructure failure.
    """

    lifecycle: str
    outcome: str | None = None
    failed: bool | None = None
    usage_queued: bool = True
    queued: bool = False
    started: bool = False
    timed: bool = True

    @property
    def is_finished(self) -> bool:
        """Whether the build has run to its end."""
        return self.lifecycle == "finished"

    @property
    def is_over(self) -> bool:
        """Whether the build will never change again."""
        return self.outcome is not None or self.lifecycle == "not_run"


def _make_finished_phase(outcome: str, *, failed: bool | None = None, timed: bool = True) -> Phase:
    return Phase("finished", outcome, failed, queued=True, started=True, timed=timed)


PHASES: Final = {
    "success": _make_finished_phase("success", failed=False),
    "fixed": _make_finished_phase("success", failed=False),
    "failed": _make_finished_phase("failed", failed=True),
    "canceled": _make_finished_phase("canceled", failed=False),
    "timedout": _make_finished_phase("timedout"),
    "no_tests": _make_finished_phase("no_tests"),
    "infrastructure_fail": _make_finished_phase("infrastructure_fail", failed=True, timed=False),
    "retried": _make_finished_phase("infrastructure_fail", failed=True, timed=False),
    "running": Phase("running", queued=True, started=True),
    "queued": Phase("queued", queued=True),
    "scheduled": Phase("scheduled"),
    "not_running": Phase("not_running"),
    "not_run": Phase("not_run", usage_queued=False),
}
# Recorded: a build that is canceled before it starts keeps the lifecycle that it had and never gets a queue time.
CANCELED_WHILE_WAITING: Final = Phase("scheduled", "canceled", usage_queued=False)


@attrs.frozen
class Previous:
    """A reference to the previous build of a branch, as it was when the next one was created."""

    build_num: int
    status: str
    build_time_millis: int


@attrs.define
class Action:
    """One container's run of a step."""

    step: int
    index: int
    name: str
    status: str
    output: str
    published: bool
    start_time: datetime
    fields: dict[str, object]


@attrs.frozen
class Artifact:
    """One version of an artifact.

    Attributes:
        etag: The kind of its entity tag; None if it has neither a tag nor a date.
        version: The number of earlier versions.
    """

    path: str
    node_index: int
    data: Data = attrs.field(repr=False)
    etag: Literal["strong", "weak"] | None
    version: int = 0

    @property
    def content_type(self) -> str:
        """The media type, guessed from the file's name."""
        return mimetypes.guess_type(self.path.rpartition("/")[2])[0] or "application/octet-stream"

    @property
    def age(self) -> timedelta:
        """Time from the build's end to the storing of this version."""
        return timedelta(minutes=self.version)

    @cached_property
    def entity_tag(self) -> str | None:
        """The `ETag` header's value. A weak tag is the same for all versions."""
        match self.etag:
            case "strong":
                return f'"{make_fingerprint(self.data)}"'
            case "weak":
                return f'W/"{make_fingerprint(self.path.encode())}"'
            case _:
                return None


@attrs.frozen
class SshKey:
    """The public half of an SSH key that is stored for a host."""

    hostname: str
    blob: bytes = attrs.field(repr=False)


@attrs.frozen
class CheckoutKey:
    """A key that builds check out code with.

    Attributes:
        blob: The public key in SSH's binary form; fingerprints are digests of it.
        sha256: The SHA-256 fingerprint to show; None to compute it from `blob`.
    """

    type: str
    time: datetime
    login: str | None
    preferred: bool
    blob: bytes = attrs.field(repr=False)
    sha256: str | None = None

    def make_fingerprint(self, digest: Literal["md5", "sha256"] = "md5") -> str:
        """Return the fingerprint: MD5 as hex pairs with colons, or SHA-256 as base64 without a prefix."""
        if digest == "md5":
            return make_md5_fingerprint(self.blob)
        return self.sha256 or base64.b64encode(hashlib.sha256(self.blob).digest()).decode()

    def matches_fingerprint(self, fingerprint: str) -> bool:
        """Tell whether `fingerprint` is this key's, by either digest, with or without `SHA256:` and padding."""
        bare = fingerprint.removeprefix("SHA256:").rstrip("=")
        return bare in {self.make_fingerprint("md5"), self.make_fingerprint("sha256").rstrip("=")}


@attrs.frozen
class ProjectToken:
    """An API token of a project, which gives access to nothing in the fake."""

    id: str
    label: str
    scope: str


@attrs.frozen(eq=False)
class Build:
    """One build. A change makes a new value, so that rendered payloads can be cached by build.

    Attributes:
        created: Time of the build's creation; all its other times are derived from it.
        workflow_run: The UUID of the workflow's run; None for the one that all builds of a revision share.
        fields: Keys of the payload that are set by hand; they override the computed ones.
        actions: The steps. They change in place, as `artifacts` and `tests` do: lists of builds show none of them.
    """

    slug: str
    build_num: int
    branch: str
    status: str
    subject: str
    created: datetime
    revision: str
    why: str
    workflow: str | None
    job: str
    workflow_run: str | None
    previous: Previous | None
    previous_successful: Previous | None
    fields: dict[str, object]
    dont_build: str | None = None
    tag: str | None = None
    parallel: int = 1
    build_parameters: dict[str, object] = attrs.Factory(dict[str, object])
    retry_of: int | None = None
    retries: tuple[int, ...] = ()
    canceled_while_waiting: bool = False
    canceled_by_user: bool = False
    ssh_enabled: bool = False
    actions: list[Action] = attrs.Factory(list[Action])
    artifacts: dict[tuple[str, str], Artifact] = attrs.Factory(dict[tuple[str, str], Artifact])
    tests: list[dict[str, object]] = attrs.Factory(list[dict[str, object]])

    @cached_property
    def phase(self) -> Phase:
        """The stage that the status implies; an unknown status counts as waiting."""
        if self.canceled_while_waiting and self.status == "canceled":
            return CANCELED_WHILE_WAITING
        return PHASES.get(self.status, PHASES["not_running"])

    @cached_property
    def job_id(self) -> str:
        """The UUID of the build's job, which its artifacts' addresses contain."""
        return make_stable_uuid(self.slug, self.build_num)

    @cached_property
    def workflow_id(self) -> str:
        """The UUID of the workflow's run; by default all jobs of a push share it."""
        return self.workflow_run or make_stable_uuid(self.slug, self.workflow, self.revision)

    def find_action(self, step: str, index: str) -> Action | None:
        """Return the action with these numbers, as a path spells them."""
        named = (action for action in self.actions if (str(action.step), str(action.index)) == (step, index))
        return next(named, None)

    def find_artifact(self, node_index: str, path: str) -> Artifact | None:
        """Return the artifact with this path, stored by this container."""
        return self.artifacts.get((node_index, path))

    @cached_property
    def recency(self) -> tuple[datetime, int]:
        """The sort key of `/recent-builds`: by second; within a second, an arbitrary but fixed order."""
        return self.created.replace(microsecond=0), zlib.crc32(f"{self.slug}#{self.build_num}".encode())

    @cached_property
    def duration(self) -> timedelta:
        """The duration of the build, also before it is finished."""
        return timedelta(milliseconds=60_000 + 7_919 * self.build_num % 90_000)

    @cached_property
    def millis(self) -> int | None:
        """The duration in milliseconds, as the service shows it; None if it does not."""
        return self.duration // timedelta(milliseconds=1) if self.phase.is_finished and self.phase.timed else None

    @property
    def start_time(self) -> datetime:
        """The time at which the build starts."""
        return self.created + timedelta(milliseconds=4_500)

    @property
    def stop_time(self) -> datetime:
        """The time at which the build stops."""
        return self.start_time + self.duration


@attrs.define(eq=False)
class Project:
    """One project with its builds, keys, variables and settings."""

    vcs_type: str
    username: str
    reponame: str
    default_branch: str
    following: bool
    public: bool
    foreign: bool = False
    builds: dict[int, Build] = attrs.Factory(dict[int, Build])
    checkout_keys: list[CheckoutKey] = attrs.Factory(list[CheckoutKey])
    ssh_keys: list[SshKey] = attrs.Factory(list[SshKey])
    env_vars: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    tokens: list[ProjectToken] = attrs.Factory(list[ProjectToken])
    feature_flags: dict[str, object] = attrs.Factory(dict[str, object])
    commits: dict[str, datetime] = attrs.Factory(dict[str, datetime])
    last_num: int = 0
    _last_over: dict[tuple[str, bool], Previous] = attrs.field(factory=dict[tuple[str, bool], Previous], init=False)

    @property
    def slug(self) -> str:
        """The slug, with the version control system spelled out."""
        return f"{self.vcs_type}/{self.username}/{self.reponame}"

    @property
    def vcs_url(self) -> str:
        """The repository's URL. Projects of the GitHub App and of GitLab have ids in place of names."""
        return f"{VCS_HOSTS[self.vcs_type]}/{self.username}/{self.reponame}"

    def store(self, build: Build) -> None:
        """Add a build, or replace it by its new version."""
        self.builds[build.build_num] = build
        self.commits.setdefault(build.revision, build.created)
        self.last_num = max(self.last_num, build.build_num)
        if build.phase.is_over:
            self._remember(build, successful=False)
        if build.phase.outcome == "success":
            self._remember(build, successful=True)

    def find_previous(self, branch: str, *, successful: bool = False) -> Previous | None:
        """Return a reference to the latest build of a branch that is over, or that succeeded."""
        return self._last_over.get((branch, successful))

    def _remember(self, build: Build, *, successful: bool) -> None:
        latest = self.find_previous(build.branch, successful=successful)
        if latest is None or latest.build_num <= build.build_num:
            self._last_over[build.branch, successful] = Previous(build.build_num, build.status, build.millis or 0)

    def list_builds_newest_first(self) -> list[Build]:
        """Return the builds by descending number, as the project's lists have them."""
        return [self.builds[num] for num in sorted(self.builds, reverse=True)]


def make_md5_fingerprint(blob: bytes) -> str:
    """Return the MD5 fingerprint of an SSH key, as hex pairs with colons."""
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def make_stable_uuid(*parts: object) -> str:
    """Return a UUID that is derived from `parts` alone."""
    digest = hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:]}"
