"""Putting replies on the wire, whole or broken. The only module besides the server's that touches sockets."""

import socket
import struct
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from circleci_v1_async.testing._exchange import Reply

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


def whole(reply: Reply, headers: Mapping[str, str]) -> web.StreamResponse:
    """All of a reply; its own headers win over those of every answer."""
    return web.Response(status=reply.status, body=reply.body, headers={**headers, **reply.headers})


async def send_half(request: web.BaseRequest, reply: Reply, headers: Mapping[str, str]) -> web.StreamResponse:
    """Promise the whole body, send half of it, and hang up."""
    response = web.StreamResponse(status=reply.status, headers={**headers, **reply.headers})
    response.content_length = len(reply.body)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:  # pragma: no branch - None only if the client hung up first
        request.transport.close()
    return response


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection, so that the client meets an error where it expects a status.

    Returns:
        A response that the server's machinery tries in vain to send.
    """
    if request.transport is not None:  # pragma: no branch - None only if the client hung up first
        # Without this the system would end the connection in good order.
        linger = socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT
        request.transport.get_extra_info("socket").setsockopt(*linger)
        request.transport.abort()
    return web.Response()
