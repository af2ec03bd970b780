"""Projects with their keys, tokens and variables, as plain values."""

import base64
import hashlib
from datetime import datetime
from typing import Final, Literal

import attrs

from circleci_v1_async.testing._state.builds import Build, Previous
from circleci_v1_async.testing._state.digests import make_md5_fingerprint

VCS_ALIASES: Final = {"gh": "github", "bb": "bitbucket"}
VCS_HOSTS: Final = {"github": "https://github.com", "bitbucket": "https://bitbucket.org", "circleci": "//circleci.com"}


@attrs.frozen
class SshKey:
    """The public half of an SSH key that is stored for a host, and its MD5 fingerprint."""

    hostname: str
    public_key: str
    md5: str


@attrs.frozen
class CheckoutKey:
    """A key that builds use to check out code.

    Attributes:
        blob: The public key in SSH's binary form; fingerprints are digests of it.
        public_key: The public key to show; None to write `blob`.
        md5: The MD5 fingerprint to show; None to compute it from `blob`.
        sha256: The SHA-256 fingerprint to show; None to compute it from `blob`.
    """

    type: str
    time: datetime
    login: str | None
    preferred: bool
    blob: bytes = attrs.field(repr=False)
    public_key: str | None = None
    md5: str | None = None
    sha256: str | None = None

    def make_fingerprint(self, digest: Literal["md5", "sha256"] = "md5") -> str:
        """Return the fingerprint: MD5 as hex pairs with colons, or SHA-256 as base64 without a prefix."""
        if digest == "md5":
            return self.md5 or make_md5_fingerprint(self.blob)
        return self.sha256 or base64.b64encode(hashlib.sha256(self.blob).digest()).decode()

    def matches_fingerprint(self, fingerprint: str) -> bool:
        """Return whether `fingerprint` is this key's, in either digest, with or without `SHA256:` and padding."""
        bare = fingerprint.removeprefix("SHA256:").rstrip("=")
        return bare in {self.make_fingerprint("md5"), self.make_fingerprint("sha256").rstrip("=")}


@attrs.frozen
class ProjectToken:
    """A project's API token. It gives no access in the fake."""

    id: str
    label: str
    scope: str


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
    dont_build: str | None = None
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
        """The repository's URL. For projects of the GitHub App and of GitLab, it has IDs instead of names."""
        return f"{VCS_HOSTS[self.vcs_type]}/{self.username}/{self.reponame}"

    def store(self, build: Build) -> None:
        """Add a build, or replace it with its new version."""
        self.builds[build.build_num] = build
        self.commits.setdefault(build.revision, build.created)
        self.last_num = max(self.last_num, build.build_num)
        if build.phase.is_over:
            self._remember(build, successful=False)
        if build.phase.outcome == "success":
            self._remember(build, successful=True)

    def find_previous(self, branch: str, *, successful: bool = False) -> Previous | None:
        """Return a reference to the latest build of a branch that has finished, or that succeeded."""
        return self._last_over.get((branch, successful))

    def _remember(self, build: Build, *, successful: bool) -> None:
        latest = self.find_previous(build.branch, successful=successful)
        if latest is None or latest.build_num <= build.build_num:
            self._last_over[build.branch, successful] = Previous(build.build_num, build.status, build.millis or 0)

    def list_builds_newest_first(self) -> list[Build]:
        """Return the builds by descending number, like the project's lists."""
        return [self.builds[num] for num in sorted(self.builds, reverse=True)]
