"""Placeholders for secrets: tokens, keys, e-mail addresses, signatures and the values of variables.

The same secret always gets the same placeholder. Placeholders are numbered in the order of their first occurrence, so
that two recordings of the same program differ little.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import attrs

# All patterns run in linear time: the length of a failed match is bounded, or its characters are not read again.
_PEM: Final = re.compile(
    r"(?P<value>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----BEGIN ))*?-----END [A-Z ]{0,30}PRIVATE KEY-----)"
)
# Members of JSON, in any style, and of EDN. Quotes are escaped in nested JSON, such as JSON in a log.
_MEMBER: Final = r'(?:"(?:{names})"\s*:\s*|:(?:{names})\s+)"(?P<value>(?:[^"\\]|\\.)+)"'
_FIELD: Final = r"(?:^|&)(?:{names})=(?P<value>[^&]+)"
_PRIVATE_KEYS: Final = "private[_-]key"
_KEYS: Final = "apikey|[a-z_-]*api[_-]key|[a-z_-]*password|[a-z_-]*webhook[_-]url"
_TOKENS: Final = "[a-z_-]*token"
_PARAMETER: Final = re.compile(
    r"[?&](?:X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|Signature|AWSAccessKeyId|Policy|Key-Pair-Id|sig)"
    r"""=(?P<value>[^&\s"'\\#<>]+)""",
    re.IGNORECASE,
)
_QUERY_TOKEN: Final = re.compile(r"""[?&](?:circle-token|token)=(?P<value>[^&\s"'\\#<>]+)""", re.IGNORECASE)
_KNOWN_TOKEN: Final = re.compile(
    r"\b(?P<value>(?:CCIPAT_|CCIPRJ_|gh[opsru]_|github_pat_|AKIA|ASIA|xox[abprs]-)[A-Za-z0-9_-]{10,})"
)
# RFC 5321, section 4.5.3.1, contains the limits. `git@github.com` is not a person's address.
_DOMAIN: Final = r"@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,16}"
_EMAIL: Final = re.compile(rf"(?<![A-Za-z0-9._%+-])git{_DOMAIN}|(?P<value>[A-Za-z0-9._%+-]{{1,64}}{_DOMAIN})")
_VARIABLES: Final = re.compile(r"/envvar(?:/|$)")


def _compile(names: str) -> tuple[re.Pattern[str], ...]:
    return re.compile(_MEMBER.format(names=names)), re.compile(_FIELD.format(names=names))


_RULES: Final[tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]] = (
    ("private-key", (*_compile(_PRIVATE_KEYS), _PEM)),
    ("signature", (_PARAMETER,)),
    ("token", (_QUERY_TOKEN, *_compile(_TOKENS), _KNOWN_TOKEN)),
    ("key", _compile(_KEYS)),
    ("email", (_EMAIL,)),
)
_VALUE_RULE: Final = ("value", _compile("value"))
_KINDS: Final = {
    "email": "e-mail address",
    "key": "key or password",
    "private-key": "private key",
    "signature": "signature of an address",
    "token": "token",
    "value": "value of a variable",
}


@attrs.define
class _Secret:
    kind: str
    stand_in: str
    place: str
    count: int = 0


@attrs.define
class Scrubber:
    """Replaces secrets in strings with placeholders, and records the secrets and their places.

    Attributes:
        numbered: Whether placeholders have different numbers.
    """

    numbered: bool = True
    _secrets: dict[tuple[str, str], _Secret] = attrs.field(factory=dict[tuple[str, str], _Secret], init=False)
    _counts: Counter[str] = attrs.field(factory=Counter[str], init=False)
    _stand_ins: set[str] = attrs.field(factory=set[str], init=False)

    def scrub(self, text: str, *, path: str, place: str = "", tokens: Iterable[str] = ()) -> str:
        """Replace the secrets in a string.

        Args:
            text: The string: a body, or the target of a request.
            path: The path of the request. Below `/envvar`, members called `value` are secrets.
            place: Name of the place, for the report.
            tokens: The tokens of the request, which are always replaced.
        """
        for token in tokens:
            if token in text:
                text = text.replace(token, self._hide("token", token, place))
        for kind, patterns in (*_RULES, _VALUE_RULE) if _VARIABLES.search(path) else _RULES:
            for pattern in patterns:
                text = pattern.sub(self._make_replacer(kind, place), text)
        return text

    def report(self) -> list[str]:
        """List the placeholders, each with the kind, number of occurrences and first place of its secret."""
        return [
            f"{secret.stand_in}: {_KINDS[secret.kind]}, {secret.count}x, first in {secret.place}"
            for secret in self._secrets.values()
        ]

    def _make_replacer(self, kind: str, place: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            if match["value"] is None:
                return match[0]
            start, end = (position - match.start() for position in match.span("value"))
            return match[0][:start] + self._hide(kind, match["value"], place) + match[0][end:]

        return replace

    def _hide(self, kind: str, value: str, place: str) -> str:
        if value in self._stand_ins:
            # Another rule has already replaced this value.
            return value
        secret = self._secrets.get((kind, value))
        if secret is None:
            self._counts[kind] += 1
            name = f"{kind}-{self._counts[kind]}" if self.numbered else kind
            stand_in = f"{name}@example.invalid" if kind == "email" else name
            secret = self._secrets[kind, value] = _Secret(kind, stand_in, place)
            self._stand_ins.add(stand_in)
        secret.count += 1
        return secret.stand_in


def blank(text: str, *, path: str) -> str:
    """Replace secrets and their placeholders with the same words, to compare strings."""
    return Scrubber(numbered=False).scrub(text, path=path)
