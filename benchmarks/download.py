"""Download files with this package: `python -m benchmarks.download BASE_URL FOLDER NAME...`.

It prints the maximum growth of its memory in bytes. It only imports this package, because its start is timed.
"""

import asyncio
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from circleci_v1_async import Artifact, CircleCISession

CONCURRENCY: Final = 8
STATUS: Final = Path("/proc/self/status")


def download(base_url: str, names: Iterable[str], folder: Path, *, durable: bool = False) -> None:
    """Download files under their names. By default, do not wait for the disk, like the other clients."""
    artifacts = [Artifact(path=name, url=f"{base_url}/{name}") for name in names]
    asyncio.run(_download(base_url, artifacts, folder, durable=durable))


async def _download(base_url: str, artifacts: list[Artifact], folder: Path, *, durable: bool) -> None:
    async with CircleCISession(base_url=base_url, durable=durable) as ci:
        await ci.download_artifacts(artifacts, folder, concurrency=CONCURRENCY).collect()


def status(name: str) -> int:
    """Return one of the kernel's figures for this process, in bytes; 0 if the kernel does not have it."""
    found = STATUS.exists() and re.search(rf"^{name}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    _, base_url, folder, *names = sys.argv
    start = status("VmRSS")
    download(base_url, names, Path(folder))
    print(status("VmHWM") - start)
