"""Secrets show themselves to nobody but those who ask."""

import copy
import inspect
import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from reporters import REPORTERS, Sentry, raised

from circleci_v1_async._core.arguments import check_hidden_strings, check_secret
from circleci_v1_async._core.secret import RedactedBytes, RedactedStr, Secret, wrap_secret
from circleci_v1_async.errors import CircleCIError, InvalidInputError

MARK = "s3cret"
# Longer than what reporters cut strings at.
LONG = f"{MARK}-{'0123456789' * 20}"
VALUES: list[Any] = [MARK, LONG, LONG.encode(), {"KEY": LONG}, {LONG: "KEY"}, [LONG], (MARK,), {MARK}, object(), 53, ""]


def walk(value: object, depth: int = 4) -> Iterator[object]:
    """Everything that can be got from a value without a call, as curious reporters do."""
    yield value
    if depth == 0 or isinstance(value, str | bytes | int):
        return
    names = [*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())]
    parts = [getattr(value, name, None) for name in names]
    if isinstance(value, dict):
        parts += [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set):
        parts += value
    for part in parts:
        yield from walk(part, depth - 1)


@pytest.mark.fault(101)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_a_secret_of_any_type_is_given_by_nothing_but_reveal(value: Any) -> None:
    hidden = wrap_secret(value)
    assert hidden.reveal() is value
    assert f"{hidden} {hidden!r} {[hidden]} {hidden!s:>9}" == "*** *** [***]       ***"
    assert MARK not in " ".join(map(repr, walk(hidden)))
    assert not isinstance(hidden, str | bytes | dict | list)
    for use in (
        json.dumps,
        iter,
        len,
        list,
        vars,
        dict,
        "".join,
        lambda secret: secret[:3],
        lambda secret: secret + "",
    ):
        with pytest.raises(TypeError):
            use(hidden)
    with pytest.raises(AttributeError):
        _ = hidden.value
    assert MARK not in repr(inspect.getmembers(hidden, lambda member: not callable(member)))


@pytest.mark.fault(101)
def test_none_is_no_secret_and_a_secret_is_not_hidden_twice() -> None:
    hidden = wrap_secret(MARK)
    assert wrap_secret(hidden) is hidden
    assert wrap_secret(None) is None


@pytest.mark.fault(101)
@pytest.mark.parametrize("value", [Secret(MARK), RedactedStr(MARK), RedactedBytes(MARK.encode())], ids=repr)
def test_a_secret_is_neither_pickled_nor_copied(value: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            pickle.dumps(value, protocol)
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="a secret cannot be pickled"):
            duplicate(value)


@pytest.mark.fault(101)
def test_what_goes_to_libraries_is_a_string_and_redacted_in_slices_too() -> None:
    text, data = RedactedStr(LONG), RedactedBytes(LONG.encode())
    assert f"{text!r} {text[:80]!r} {[text]} {data!r} {data[:80]!r}" == "'***' '***' ['***'] b'***' b'***'"
    assert (text, text[1], str(text), str(text[:80])) == (LONG, "3", LONG, LONG[:80])
    assert (data, data[1], data[:80]) == (LONG.encode(), ord("3"), LONG[:80].encode())
    assert (vars_of(text), vars_of(data)) == (None, None)


def vars_of(value: object) -> object:
    return getattr(value, "__dict__", None)


@pytest.mark.fault(101)
@pytest.mark.parametrize("reporter", [*REPORTERS, "sentry"])
def test_no_reporter_shows_a_secret_among_the_variables_of_a_frame(reporter: str) -> None:
    text, data = RedactedStr(LONG), RedactedBytes(LONG.encode())
    hidden = [wrap_secret(value) for value in VALUES]
    error = raised(
        CircleCIError(), text=text, data=data, hidden=hidden, headers={"Circle-Token": text}, first=hidden[1]
    )
    with Sentry() as sentry:
        texts = [text for _, text in (sentry.report if reporter == "sentry" else REPORTERS[reporter])(error)]
    assert texts
    assert MARK not in " ".join(texts)


@pytest.mark.fault(45)
@pytest.mark.parametrize("value", [None, MARK, Secret(""), Secret(MARK.encode()), Secret([MARK]), Secret(1)], ids=repr)
def test_a_secret_that_is_no_hidden_string_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^key: expected a key, as a string that is not empty$"):
        check_secret("key", value, "a key")


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    "value", [{"A": MARK}, Secret({"A": 1}), Secret({1: MARK}), Secret([MARK]), Secret(MARK)], ids=repr
)
def test_variables_that_are_no_hidden_mapping_of_strings_are_refused_and_not_shown(value: object) -> None:
    with pytest.raises(InvalidInputError, match=r"^variables: expected a mapping of strings to strings$"):
        check_hidden_strings("variables", value)


def test_variables_are_copied_since_they_are_looked_for_in_replies() -> None:
    variables = {"A": MARK}
    copied = check_hidden_strings("variables", wrap_secret(variables))
    variables["A"] = "other"
    assert copied is not None
    assert copied.reveal() == {"A": MARK}
    assert check_hidden_strings("variables", None) is None
