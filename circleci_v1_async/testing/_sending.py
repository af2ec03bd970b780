"""Putting replies on the wire, whole or broken. The only module besides the server's that touches sockets."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from aiohttp import web

from circleci_v1_async.testing._exchange import Delivery, Reply

_LINGER_NOT: Final = struct.pack("ii", 1, 0)


async def send(
    request: web.BaseRequest, reply: Reply, headers: Mapping[str, str], delivery: Delivery | None
) -> web.StreamResponse:
    """Send a reply, at once or as `delivery` says; its own headers win over those of every answer."""
    headers = {**headers, **reply.headers}
    if delivery is None and isinstance(reply.body, bytes):
        return web.Response(status=reply.status, body=reply.body, headers=headers)
    return await _stream(request, reply, headers, delivery or Delivery())


async def _stream(
    request: web.BaseRequest, reply: Reply, headers: Mapping[str, str], delivery: Delivery
) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    if delivery.is_chunked:
        response.enable_chunked_encoding()
    else:
        response.content_length = len(reply.body)
    stop = delivery.length(len(reply.body))
    # A client may well hang up in the middle.
    with suppress(ConnectionResetError):
        await response.prepare(request)
        for start in range(0, stop, delivery.piece):
            if start:
                await asyncio.sleep(delivery.pause)
            await response.write(reply.body[start : min(start + delivery.piece, stop)])
    if delivery.is_cut and request.transport is not None:  # pragma: no branch - None only if the client hung up first
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
