"""Servers that blocks of the documentation talk to, beside CircleCI."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

__all__ = ["SERVERS"]


@contextmanager
def redis() -> Iterator[dict[str, str]]:
    """A Redis of its own, without a file and without a port.

    Yields:
        The variables by which programs find it.
    """
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs redis-server")
    path = Path.cwd() / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:  # noqa: S603 - our own
        try:
            _wait_for(path, server)
            yield {"REDIS_URL": f"unix://{path}"}
        finally:
            server.terminate()


def _wait_for(path: Path, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(str(path)) == 0:
                return
        time.sleep(0.01)
    raise AssertionError(f"redis-server ended with {server.returncode}")


class _Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def webhook() -> Iterator[dict[str, str]]:
    """An incoming webhook of a chat, which takes every message.

    Yields:
        The variable by which programs find it.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Webhook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield {"WEBHOOK_URL": f"http://127.0.0.1:{server.server_port}/"}
        finally:
            server.shutdown()
            thread.join()


SERVERS: Final[dict[str, Callable[[], AbstractContextManager[dict[str, str]]]]] = {"redis": redis, "webhook": webhook}
