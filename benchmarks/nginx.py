"""An nginx that serves files on a free port of this machine. It needs no special permissions."""

import random
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs

_START_TIMEOUT: Final = 10  # seconds
_MIB: Final = 2**20
_PATTERN: Final = 1_000_003
# All paths are relative to the folder that nginx starts in.
_CONFIGURATION: Final = """\
daemon off;
master_process off;
error_log stderr;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    server {{
        listen 127.0.0.1:{port};
        root files;
    }}
}}
"""


@attrs.frozen
class Files:
    """Files to download. Their names are numbers from 1.

    Attributes:
        count: Number of files.
        size: Number of bytes in each file.
    """

    count: int
    size: int

    def __str__(self) -> str:
        size = f"{self.size >> 20} MiB" if self.size >= _MIB else f"{self.size >> 10} KiB"
        return f"{self.count} files of {size}"

    @property
    def names(self) -> list[str]:
        return [str(number) for number in range(1, self.count + 1)]

    def content(self, name: str) -> bytes:
        """Return a file's content. It is always the same, and its aligned blocks all differ."""
        pattern = random.Random(name).randbytes(_PATTERN)  # noqa: S311 - no secret
        return (pattern * (self.size // _PATTERN + 1))[: self.size]


@contextmanager
def nginx(files: Files) -> Generator[str]:
    """Start an nginx that serves files until the end of the block. Yields the base URL."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "files").mkdir()
        # Newly written files are in the page cache.
        for name in files.names:
            (root / "files" / name).write_bytes(files.content(name))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        (root / "nginx.conf").write_text(_CONFIGURATION.format(port=port))
        command = ("nginx", "-p", folder, "-c", "nginx.conf", "-e", "stderr")
        with subprocess.Popen(command) as process:  # noqa: S603 - our own configuration
            try:
                _wait_for(port, process)
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise RuntimeError("nginx did not start")
