"""A server that gives one reply to everybody, in threads of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import attrs

__all__ = ["Reply", "serve"]


@attrs.define
class Reply:
    """The reply to the next requests.

    Attributes:
        body: The body.
        status: The status.
        content_type: The content type.
        left: The number of requests that get it. The service answers 401 to others, which ends every command.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    left: int = 0

    def take(self) -> tuple[int, bytes]:
        if self.left == 0:
            return 401, b'{"message": "no"}'
        self.left -= 1
        return self.status, self.body


@contextmanager
def serve() -> Iterator[tuple[str, Reply]]:
    """Yield the base URL of a server, and its reply."""
    reply = Reply()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = reply.take()
            self.send_response(status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_DELETE = do_GET = do_POST = do_PUT = answer  # noqa: N815 - names that the base class looks for

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A command that ends before it has read the reply is none of the server's business."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v1.1", reply
        finally:
            server.shutdown()
            thread.join()
