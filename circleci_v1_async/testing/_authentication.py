"""Where a request may carry its token."""

import base64
import binascii

from circleci_v1_async.testing._exchange import ReceivedRequest, Reply
from circleci_v1_async.testing._routing import RefusedError


def is_authorized(request: ReceivedRequest, token: str) -> bool:
    """Whether the request carries `token`: in `Circle-Token`, as a bearer, as a basic user name, or in an API query.

    Raises:
        RefusedError: There is an `Authorization` header, and no sense in it.
    """
    candidates = [request.headers.get("Circle-Token")]
    if request.site == "api":
        # Artifacts took it too, until 2022.
        candidates.append(dict(request.query).get("circle-token"))
    authorization = request.headers.get("Authorization")
    if authorization is not None:
        candidates.append(_credentials(authorization))
    return token in candidates


def _credentials(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    try:
        match scheme.lower():
            case "bearer" if value.strip():
                return value.strip()
            case "basic":
                return base64.b64decode(value, validate=True).decode().partition(":")[0]
            case _:
                pass
    except (binascii.Error, UnicodeDecodeError):
        pass
    raise RefusedError(Reply.message(400, "Malformed Authorization header."))
