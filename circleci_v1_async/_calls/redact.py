"""Redaction of replies: a server may echo the secrets of a request."""

import html
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

import attrs

from circleci_v1_async._core.secret import Secret
from circleci_v1_async.request import Request

_REDACTED: Final = "***"
_SHORTEST_SECRET: Final = 8


@attrs.define(eq=False, repr=False)
class Redactor:
    """Removes the token and the secrets of the request's body from the strings of a reply.

    The first redaction computes all forms of the secrets that a service may quote. Secrets of fewer than eight
    characters are not redacted, because they may occur in ordinary words. The token is always redacted.
    """

    _request: Request[Any]
    _token: Secret[str] | None
    _forms: tuple[Secret[str], ...] | None = attrs.field(default=None, init=False)

    def __call__(self, text: str, *, is_cut: bool = False) -> str:
        """Return a text without secrets. If it was cut, its end is removed: a secret may begin there."""
        if self._forms is None:
            # Replace the longest form first: it may contain other forms.
            forms = sorted(_forms(self._request, self._token), key=len, reverse=True)
            self._forms = tuple(Secret(form) for form in forms)
        for form in self._forms:
            text = text.replace(form.reveal(), _REDACTED)
        return text[: -len(self._forms[0].reveal())] if is_cut and self._forms else text

    def header(self, headers: Mapping[str, str], name: str) -> str | None:
        """Return a header, redacted and escaped; `None` if absent."""
        value = headers.get(name)
        return None if value is None else escape(self(value))


def _forms(request: Request[Any], token: Secret[str] | None) -> set[str]:
    """Return all forms of the secrets that services quote: plain, and escaped for JSON, HTML and URLs."""
    # A service may quote some lines of a multi-line secret, such as a key.
    secrets = {part for text in _secret_texts(request.body) for part in (text, text.strip(), *text.splitlines())}
    secrets = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    if token is not None:
        secrets.add(str(token.reveal()))
    escapes = (
        str,
        html.escape,
        _as_json,
        partial(_as_json, ensure_ascii=False),
        partial(quote, safe="", errors="replace"),
    )
    return {to_form(secret) for secret in secrets for to_form in escapes}


def _secret_texts(body: Any) -> Iterator[str]:
    """Yield the secrets in a request's body. Operations wrap the secret values of its fields in `Secret`."""
    for field in cast("Mapping[str, Any]", body).values() if isinstance(body, Mapping) else ():
        if isinstance(field, Secret):
            value = cast("Secret[str | dict[str, str]]", field).reveal()
            yield from value.values() if isinstance(value, dict) else (value,)


def _as_json(text: str, *, ensure_ascii: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]


def escape(text: str) -> str:
    """Escape the characters of a text that move the cursor, end a line or are invisible."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
