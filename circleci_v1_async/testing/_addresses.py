"""Addresses of stored files: plain ones, which take the token, and signed ones, which need no other credentials."""

import hashlib
import hmac
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

import attrs

from circleci_v1_async.testing._state import Action, Artifact, Build
from circleci_v1_async.testing._wire import ReceivedRequest, Reply

_SECRET: Final = b"known to the fake alone"
_SIGNATURE: Final = "&X-Amz-Signature="
_TWO_CREDENTIALS: Final = Reply.xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
_UNSIGNED: Final = Reply.xml_error(403, "AccessDenied", "Access Denied")
_MISSIGNED: Final = Reply.xml_error(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
)
_EXPIRED: Final = Reply.xml_error(403, "AccessDenied", "Request has expired")


@attrs.frozen
class Addresses:
    """Where files are, and who may have them.

    Attributes:
        artifacts: The origin that artifacts have in lists, which is the API's: the token is checked there.
        bucket: The origin that it redirects to, which keeps step outputs too.
        signed_at: When addresses are signed that are given now; those of another time have expired.
    """

    artifacts: str
    bucket: str
    signed_at: datetime

    def artifact_url(self, build: Build, node_index: int, path: str) -> str:
        """Where lists say that an artifact is: an address to use, never to build oneself."""
        return f"{self.artifacts}/output/job/{build.job_id}/artifacts/{node_index}/{quote(path)}"

    def signed_artifact_url(self, build: Build, artifact: Artifact) -> str:
        """Where an artifact's bytes are."""
        return self._sign(f"/artifacts/{build.job_id}/{artifact.node_index}/{artifact.path}")

    def signed_output_url(self, build: Build, action: Action) -> str:
        """Where an action's log is."""
        return self._sign(f"/logs/{build.slug}/{build.build_num}/{action.step}/{action.index}")

    def check(self, request: ReceivedRequest) -> Reply | None:
        """What the bucket has against a request; None for one whose address says what was signed.

        As for S3, how it is encoded does not matter: some clients encode it anew.
        """
        # S3 refuses a signed address together with any credentials of another kind.
        if "Authorization" in request.headers:
            return _TWO_CREDENTIALS
        signed, separator, signature = f"{request.path}?{request.query_string}".rpartition(_SIGNATURE)
        if not separator:
            return _UNSIGNED
        if signature != _compute_signature(signed):
            return _MISSIGNED
        if dict(request.query)["X-Amz-Date"] != self._date:
            return _EXPIRED
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
        # Encoded as Java does it: a blank is a plus and a tilde is not itself, which not every client leaves alone.
        signed = f"{quote(key)}?{urlencode(query).replace('~', '%7E')}"
        return self.bucket + signed + _SIGNATURE + _compute_signature(signed)


def _compute_signature(address: str) -> str:
    path, _, query = address.partition("?")
    text = repr((unquote(path), sorted(parse_qsl(query, keep_blank_values=True))))
    return hmac.digest(_SECRET, text.encode(), hashlib.sha256).hex()
