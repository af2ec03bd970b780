"""Download files with this package: `python -m benchmarks.download BASE_URL FOLDER NAME...`.

It prints the maximum growth of its memory in bytes. It imports only this package, so that the figure does not include
other modules.
"""

import asyncio
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from circleci_v1_async import Artifact, CircleCISession

CONCURRENCY: Final = 8
_STATUS: Final = Path("/proc/self/status")


def download(base_url: str, names: Iterable[str], folder: Path) -> None:
    """Download files under their names. Do not wait for the disk, like the other clients."""
    artifacts = [Artifact(path=name, url=f"{base_url}/{name}") for name in names]

    async def run() -> None:
        async with CircleCISession(base_url=base_url, durable=False) as ci:
            await ci.download_artifacts(artifacts, folder, concurrency=CONCURRENCY).collect()

    asyncio.run(run())


def _read_status(name: str) -> int:
    """Return one of the kernel's figures for this process, in bytes; 0 if the kernel does not have it."""
    found = _STATUS.exists() and re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    _, url, directory, *files = sys.argv
    start = _read_status("VmRSS")
    download(url, files, Path(directory))
    print(_read_status("VmHWM") - start)
