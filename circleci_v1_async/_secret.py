"""A string that does not show itself."""


class Secret(str):
    """A `str` whose repr is redacted, for tokens and private keys.

    It goes where a string goes (a header, a JSON body) and stays out of reprs, logs and tracebacks that print
    local variables. `str(secret)` and f-strings still give the value: wrap it in the first line that sees it and
    format it nowhere.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce_ex__(self, protocol: object) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


class SecretBytes(bytes):
    """As `Secret`, for an encoded request body."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "b'***'"
