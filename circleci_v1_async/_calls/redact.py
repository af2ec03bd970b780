"""Redaction: texts of replies without what the request kept secret, which a server may echo."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

from circleci_v1_async._core.secret import Secret
from circleci_v1_async.request import Request

__all__ = ["Redactor", "escape"]

_REDACTED: Final = "***"
# Shorter secrets are in ordinary words as well.
_SHORTEST_SECRET: Final = 8


class Redactor:
    """Redacts texts of a reply: without the token and the secrets in the request's body.

    The forms in which a service may quote the secrets are computed once, when a text is redacted first. Secrets of less
    than eight characters stay, other than the token: they are in ordinary words as well.

    Args:
        request: The request, whose body may have secrets.
        token: The token that it was sent with.
    """

    __slots__ = ("_forms", "_request", "_token")

    def __init__(self, request: Request[Any], token: Secret[str] | None) -> None:
        self._request = request
        self._token = token
        self._forms: tuple[Secret[str], ...] | None = None

    def __call__(self, text: str, *, is_cut: bool = False) -> str:
        """Return a text without secrets. Of a text that is cut, the end is left out: a secret may begin there."""
        if self._forms is None:
            # The longest first: others may be parts of it.
            forms = sorted(_forms(self._request, self._token), key=len, reverse=True)
            self._forms = tuple(Secret(form) for form in forms)
        for form in self._forms:
            text = text.replace(form.reveal(), _REDACTED)
        return text[: -len(self._forms[0].reveal())] if is_cut and self._forms else text

    def header(self, headers: Mapping[str, str], name: str) -> str | None:
        """Return a header as a text may show it; `None` when there is none."""
        value = headers.get(name)
        return None if value is None else escape(self(value))


def _forms(request: Request[Any], token: Secret[str] | None) -> set[str]:
    """Return the secrets as services quote them: as they are, and escaped for JSON, HTML and URLs."""
    # Errors alone need it, and it takes a millisecond.
    import html  # noqa: PLC0415

    # Of a key, which has several lines, a service may quote some.
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
    """Yield the secrets in the body of a request as operations make it: values of its fields."""
    for field in cast("Mapping[str, Any]", body).values() if isinstance(body, Mapping) else ():
        if isinstance(field, Secret):
            value = cast("Secret[str | dict[str, str]]", field).reveal()
            yield from value.values() if isinstance(value, dict) else (value,)


def _as_json(text: str, *, ensure_ascii: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]


def escape(text: str) -> str:
    """Return the text with escapes for what moves a cursor, ends a line or is not seen."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
