"""The artifacts of builds, and the addresses that have been given of them."""

from datetime import datetime, timedelta
from typing import Literal

import attrs

from circleci_v1_async.testing._account import EPOCH, Account
from circleci_v1_async.testing._content import Data
from circleci_v1_async.testing._state import Artifact


class Files(Account):
    """An account whose builds keep files."""

    def __init__(self) -> None:
        super().__init__()
        self._signed_at: datetime = EPOCH

    def add_artifact(
        self,
        slug: str,
        build_num: int,
        path: str,
        data: Data,
        *,
        node_index: int = 0,
        etag: Literal["strong", "weak"] | None = "strong",
    ) -> None:
        """Add a file to a build's artifacts, in place of the one that the same container stored under the same path.

        Args:
            slug: The project.
            build_num: The build.
            path: Its name, as the list gives it. Any text will do, the service checks nothing.
            data: Its bytes; `GeneratedBytes` for a large file, which then takes no memory.
            node_index: The container that stored it. Two containers may store the same path.
            etag: What tells its versions apart: a strong entity tag, as S3 has it; a weak one, which remains when the
                bytes change; or None for a file that comes with neither a tag nor a date.
        """
        artifact = Artifact(path, node_index, data, etag)
        self._build(slug, build_num).artifacts[str(node_index), path] = artifact

    def update_artifact(self, slug: str, build_num: int, path: str, data: Data, *, node_index: int = 0) -> None:
        """Store other bytes under an artifact's path, a minute later: its date changes, and a strong entity tag too.

        Raises:
            KeyError: There is no such artifact.
        """
        artifacts = self._build(slug, build_num).artifacts
        old = artifacts.get((str(node_index), path))
        if old is None:
            raise KeyError(f"no artifact {path!r} of container {node_index} in build {build_num} of {slug}")
        artifacts[str(node_index), path] = attrs.evolve(old, data=data, version=old.version + 1)

    def expire_signatures(self) -> None:
        """Let every signed address given so far expire: those of step outputs, and where artifacts redirect to."""
        self._signed_at += timedelta(minutes=10)
