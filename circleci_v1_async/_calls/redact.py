"""Redaction: texts of replies without what the request kept secret, which a server may echo."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, cast
from urllib.parse import quote

from circleci_v1_async._core.secret import Secret
from circleci_v1_async.request import Request

__all__ = ["escape", "redact", "redact_header"]

_REDACTED: Final = "***"
# Shorter secrets are in ordinary words as well.
_SHORTEST_SECRET: Final = 8


def redact_header(headers: Mapping[str, str], name: str, clean: Callable[[str], str]) -> str | None:
    """Return a header as a text may show it; `None` when there is none."""
    value = headers.get(name)
    return None if value is None else escape(clean(value))


def redact(text: str, *, request: Request[Any], token: Secret[str] | None, is_cut: bool = False) -> str:
    """Return a text of a reply without the token and the secrets in the request's body.

    Secrets of less than eight characters stay, other than the token: they are in ordinary words as well. Of a text
    that is cut already, the end is left out in which the beginning of a secret may be.
    """
    # The longest first: others may be parts of it.
    forms = sorted(_forms(request, token), key=len, reverse=True)
    for form in forms:
        text = text.replace(form, _REDACTED)
    return text[: -len(forms[0])] if is_cut and forms else text


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
