"""URLs of stored files, plain or signed, and the check of signatures."""

import hashlib
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

import attrs

from circleci_v1_async.testing._server.wire import ReceivedRequest, Reply
from circleci_v1_async.testing._state.builds import Action, Build
from circleci_v1_async.testing._state.files import Artifact

_SECRET: Final = b"known to the fake alone"
_SIGNATURE: Final = "&X-Amz-Signature="
_TWO_CREDENTIALS: Final = Reply.xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
_UNSIGNED: Final = Reply.xml_error(403, "AccessDenied", "Access Denied")
_MISSIGNED: Final = Reply.xml_error(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
)
_CREDENTIALS_EXPIRED: Final = Reply.xml_error(400, "ExpiredToken", "The provided token has expired.")
_EXPIRED: Final = Reply.xml_error(403, "AccessDenied", "Request has expired")


@attrs.frozen
class Addresses:
    """Makes and checks the URLs of files.

    Attributes:
        artifacts: The origin of artifact URLs in lists. It is the API's origin, and checks the token.
        bucket: The origin of signed URLs: artifacts after the redirect, and step outputs.
        signed_at: The time in new signatures. URLs with any other time have expired.
        has_lost_credentials: Whether URLs have expired because the credentials of their signatures expired.
    """

    artifacts: str
    bucket: str
    signed_at: datetime
    has_lost_credentials: bool = False

    def make_artifact_url(self, build: Build, node_index: int, path: str) -> str:
        """Return the URL of an artifact as lists show it."""
        return f"{self.artifacts}/output/job/{build.job_id}/artifacts/{node_index}/{quote(path)}"

    def sign_artifact_url(self, build: Build, artifact: Artifact) -> str:
        """Return the signed URL of an artifact's bytes."""
        return self._sign(f"/artifacts/{build.job_id}/{artifact.node_index}/{artifact.path}")

    def sign_output_url(self, build: Build, action: Action) -> str:
        """Return the signed URL of an action's output."""
        return self._sign(f"/logs/{build.slug}/{build.build_num}/{action.step}/{action.index}")

    def refuse(self, request: ReceivedRequest) -> Reply | None:
        """Return the rejection of a request, or None if its URL has a valid signature.

        The percent-encoding of the URL does not matter, as in S3, because some clients encode the URL again.
        """
        # S3 rejects a signed URL together with other credentials.
        if "Authorization" in request.headers:
            return _TWO_CREDENTIALS
        signed, separator, signature = f"{request.path}?{request.query_string}".rpartition(_SIGNATURE)
        if not separator:
            return _UNSIGNED
        if signature != _compute_signature(signed):
            return _MISSIGNED
        if dict(request.query).get("X-Amz-Date") != self._date:
            return _CREDENTIALS_EXPIRED if self.has_lost_credentials else _EXPIRED
        return None

    @property
    def _date(self) -> str:
        return f"{self.signed_at:%Y%m%dT%H%M%SZ}"

    def _sign(self, key: str) -> str:
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"FAKEKEYID/{self._date[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": self._date,
            "X-Amz-Expires": "300",
            "X-Amz-Security-Token": "a session/token+of~none==",
            "X-Amz-SignedHeaders": "host",
        }
        # Encode like Java: "+" for a blank and "%7E" for a tilde. Clients that normalize URLs change this.
        signed = f"{quote(key)}?{urlencode(query).replace('~', '%7E')}"
        return self.bucket + signed + _SIGNATURE + _compute_signature(signed)


def _compute_signature(address: str) -> str:
    path, _, query = address.partition("?")
    text = repr((unquote(path), sorted(parse_qsl(query, keep_blank_values=True))))
    return hmac.digest(_SECRET, text.encode(), hashlib.sha256).hex()
