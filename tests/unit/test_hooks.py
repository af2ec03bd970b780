"""Hooks and classes of a user take part in every reply, and msgspec decodes only what none of them concerns."""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar

import attrs
import cattrs
import msgspec
import pytest
from cattrs.gen import make_dict_structure_fn, override

from circleci_v1_async import (
    Build,
    BuildDetail,
    CircleCISession,
    DecodeError,
    FollowResult,
    InvalidInputError,
    Project,
    User,
    loads,
    make_converter,
)
from circleci_v1_async.converter import CircleCIConverter
from circleci_v1_async.enums import BuildStatus
from circleci_v1_async.models import Timestamp, model

CANARY = "c4n4ry-in-a-value"
T = TypeVar("T")


class Ticket:
    """A class that only a hook can make."""

    def __init__(self, text: str) -> None:
        if text == "bug":
            raise RuntimeError(text)
        if not text.startswith("T-"):
            raise ValueError(text)
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ticket) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Ticket({self.text!r})"


def with_tickets(*, strict: bool = False) -> CircleCIConverter:
    converter = make_converter(strict=strict)
    converter.register_structure_hook(Ticket, lambda value, _: Ticket(value))
    return converter


@attrs.frozen
class Slim:
    """A class of a user, with a field for each part of attrs that works when an instance is made."""

    build_num: int
    parallelism: int = attrs.field(default=0, alias="parallel")
    branch: str = attrs.field(default="?", converter=str.upper)
    ticket: Ticket | None = None
    tickets: tuple[Ticket, ...] = ()
    by_name: dict[str, Ticket] = attrs.field(factory=dict[str, Ticket])
    seen: list[str] = attrs.field(factory=list[str])
    double: int = attrs.field(default=attrs.Factory(lambda self: self.build_num * 2, takes_self=True))
    hidden: int = attrs.field(default=3, init=False)
    level: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    when: datetime | None = None
    retry_of: "Slim | None" = None

    def __attrs_post_init__(self) -> None:
        self.seen.append("made")


def test_everything_that_a_class_of_a_user_does_when_it_is_made_is_done() -> None:
    body = (
        b'{"build_num": 4, "parallel": 7, "branch": "main", "ticket": "T-1", "tickets": ["T-2"],'
        b' "by_name": {"a": "T-3"}, "hidden": 9, "when": "", "retry_of": {"build_num": 2, "parallelism": 5}}'
    )
    slim = with_tickets().loads(body, Slim)
    assert (slim.parallelism, slim.branch, slim.double, slim.hidden, slim.when) == (7, "MAIN", 8, 3, None)
    assert (slim.ticket, slim.tickets, slim.by_name) == (Ticket("T-1"), (Ticket("T-2"),), {"a": Ticket("T-3")})
    assert slim.seen == ["made"]
    assert slim.retry_of == Slim(2, parallel=5)


@pytest.mark.parametrize(
    ("body", "changes", "reason"),
    [
        (b'{"build_num": 1, "branch": 5}', {}, "Slim.branch: a JSON number does not fit and is left out: TypeError"),
        (b'{"build_num": 1, "ticket": "x"}', {}, "Slim.ticket: a JSON string does not fit and is left out: ValueError"),
        (
            b'{"build_num": 1, "tickets": ["x", "T-1"]}',
            {"tickets": (Ticket("T-1"),)},
            "Slim.tickets: a JSON string does not fit and is left out: ValueError",
        ),
        (
            b'{"build_num": 1, "by_name": {"a": "x", "b": "T-1"}}',
            {"by_name": {"b": Ticket("T-1")}},
            "Slim.by_name: a JSON string does not fit and is left out: ValueError",
        ),
        (b'{"build_num": 1, "branch": null, "ticket": null, "tickets": null}', {}, None),
    ],
)
def test_a_misfit_costs_its_own_field_of_a_users_class(
    body: bytes, changes: dict[str, Any], reason: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert with_tickets().loads(body, Slim) == Slim(1, **changes)
    assert [record.getMessage() for record in caplog.records] == ([] if reason is None else [f"{reason} (logged once)"])
    if reason is not None:
        with pytest.raises(DecodeError, match=reason.rpartition(" ")[2]):
            with_tickets(strict=True).loads(body, Slim)


@pytest.mark.parametrize("wrong", [b'"build_num": "2"', b'"build_num": 2, "level": -1'])
def test_a_validator_or_a_required_field_costs_the_item(wrong: bytes, caplog: pytest.LogCaptureFixture) -> None:
    body = b'[{"build_num": 1}, {%b}]' % wrong
    assert with_tickets().loads(body, list[Slim]) == [Slim(1)]
    (record,) = caplog.records
    assert record.getMessage().startswith("Slim: a JSON object does not fit and is left out: ")
    with pytest.raises(DecodeError):
        with_tickets().loads(b'{"build_num": 2, "level": -1}', Slim)


@attrs.frozen
class Twice:
    """A class with two converters of each kind."""

    number: int = attrs.field(converter=int)
    name: str = attrs.field(
        default=0, converter=attrs.Converter(lambda value, field: f"{field.name} {value:d}", takes_field=True)
    )
    other: Ticket | None = attrs.field(default=None, converter=attrs.converters.optional(Ticket))


def test_a_converter_takes_the_values_of_json_and_costs_its_field_if_it_refuses_one() -> None:
    # Without a hook for its type, too.
    assert loads(b'{"number": "5", "other": "T-1"}', Twice) == Twice("5", other="T-1")
    converter = make_converter()
    assert converter.loads(b'{"number": 5, "name": "x", "other": "x"}', Twice) == Twice(5)
    with pytest.raises(DecodeError, match=r"^ValueError at \$\.number"):
        converter.loads(b'{"number": "x"}', Twice)


@attrs.define
class OwnInit:
    build_num: int

    def __init__(self, build_num: int) -> None:
        self.build_num = build_num * 10


@attrs.define
class Private:
    _build_num: int = 0


@attrs.define
class Untyped:
    number = attrs.field(default=None)


def test_other_ways_to_write_a_class_of_attrs() -> None:
    assert loads(b'{"build_num": 1}', OwnInit).build_num == 10
    assert loads(b'{"_build_num": 1}', Private) == loads(b'{"build_num": 1}', Private) == Private(1)
    assert loads(b'{"number": [1]}', Untyped).number == [1]


@attrs.frozen
class Plain:
    number: int = 1


class OwnInitOfASubclass(Plain):
    def __init__(self, number: int) -> None:
        super().__init__(number=number * 10)


@attrs.define
class PreInit(Plain):
    def __attrs_pre_init__(self) -> None:
        raise ValueError


@attrs.define
class PostInit(Plain):
    def __attrs_post_init__(self) -> None:
        raise ValueError


def make_class(**options: Any) -> Any:
    return attrs.make_class("Made", {"number": attrs.field(type=int, **options)})


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (Plain, 5),
        (OwnInitOfASubclass, 50),
        (PreInit, None),
        (PostInit, None),
        (make_class(converter=str), "5"),
        (make_class(validator=attrs.validators.ge(6)), None),
        (make_class(init=False, default=7), 7),
        (
            attrs.make_class("Double", {"of": attrs.field(default=attrs.Factory(id, takes_self=True))}, bases=(Plain,)),
            5,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_each_feature_of_attrs_is_honoured_by_itself(kind: Any, number: object) -> None:
    assert (make_converter()._native.get_decoder(kind) is None) is (kind is not Plain)
    if number is None:
        with pytest.raises(DecodeError, match=r"^ValueError at"):
            loads(b'{"number": 5}', kind)
    else:
        made = loads(b'{"number": 5}', kind)
        assert made.number == number
        assert getattr(made, "of", id(made)) == id(made)


@dataclasses.dataclass
class Judging:
    text: str

    def __post_init__(self) -> None:
        raise ValueError(self.text)


@pytest.mark.parametrize("returns", [Judging, list[Judging], dict[str, Judging]], ids=str)
def test_a_text_that_a_dataclass_writes_about_a_value_is_not_shown(returns: Any) -> None:
    body = b'{"text": "%b"}' % CANARY.encode()
    body = {Judging: body, list[Judging]: b"[%b]" % body}.get(returns, b'{"a": %b}' % body)
    with pytest.raises(DecodeError, match=r"^ValueError at") as caught:
        loads(body, returns)
    assert CANARY not in str(caught.value)


class Named(NamedTuple):
    ticket: Ticket


class Typed(TypedDict):
    ticket: Ticket


@dataclasses.dataclass
class Data:
    ticket: Ticket


@attrs.define
class Page(Generic[T]):
    items: list[T]


ONE = Ticket("T-1")


@pytest.mark.parametrize(
    ("returns", "body", "expected"),
    [
        (Ticket, b'"T-1"', ONE),
        (Ticket | None, b'"T-1"', ONE),
        (Ticket | None, b"null", None),
        (list[Ticket | None], b'["T-1", null]', [ONE, None]),
        (int | Ticket, b'"T-1"', ONE),
        (int | Ticket, b"5", 5),
        (list[Ticket], b'["T-1"]', [ONE]),
        (Sequence[Ticket], b'["T-1"]', [ONE]),
        (tuple[Ticket, ...], b'["T-1"]', (ONE,)),
        (tuple[Ticket, int], b'["T-1", 1]', (ONE, 1)),
        (set[Ticket], b'["T-1"]', {ONE}),
        (dict[str, list[Ticket]], b'{"a": ["T-1"]}', {"a": [ONE]}),
        (NewType("Renamed", Ticket), b'"T-1"', ONE),
        (Annotated[Ticket, "documented"], b'"T-1"', ONE),
        (Named, b'["T-1"]', Named(ONE)),
        (Typed, b'{"ticket": "T-1"}', {"ticket": ONE}),
        (Data, b'{"ticket": "T-1"}', Data(ONE)),
        (Page[Ticket], b'{"items": ["T-1"]}', Page([ONE])),
        (Page[Build], b'{"items": [{"build_num": 1, "branch": 5}]}', Page([Build(build_num=1)])),
    ],
    ids=str,
)
def test_a_hook_reaches_its_type_wherever_it_is(returns: Any, body: bytes, expected: object) -> None:
    assert with_tickets()._native.get_decoder(returns) is None
    value = with_tickets().loads(body, returns)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    "returns",
    [
        *(Ticket, list[Ticket], dict[str, Ticket], Ticket | None, set[Ticket], tuple[Ticket, int], Slim, Named, Typed),
        *(Data, Page[Ticket], Annotated[Ticket, ""], NewType("Renamed", Ticket)),
    ],
    ids=str,
)
def test_a_type_that_nothing_can_structure_is_refused_by_name_before_any_io(returns: Any) -> None:
    for refuse in (make_converter().check, lambda kind: loads(b"{}", kind)):
        with pytest.raises(InvalidInputError, match=r"expected a model.*Ticket"):
            refuse(returns)


def test_a_plain_struct_with_a_field_that_needs_a_hook_is_refused_because_no_hook_would_reach_the_field() -> None:
    struct: Any = msgspec.defstruct("Raw", [("ticket", Ticket)])
    for returns in (struct, list[struct], struct | None):
        with pytest.raises(InvalidInputError, match=r"expected a model.*Raw"):
            with_tickets().check(returns)


@pytest.mark.parametrize(
    "returns",
    [
        *(Build, list[Build], dict[str, BuildDetail], Project, int | str | None, Literal["a"], Any, set[int], datetime),
        *(list[dict[str, Any]], Decimal, BuildStatus, Annotated[int, msgspec.Meta(gt=0)], NewType("Renamed", int)),
        *(tuple[int, str], TypedDict("Plain", {"a": int})),
        *(attrs.make_class("Plain", {"a": attrs.field(type=int)}), msgspec.defstruct("Struct", [("a", int)])),
    ],
    ids=str,
)
def test_msgspec_alone_decodes_what_no_hook_concerns(returns: Any) -> None:
    assert with_tickets()._native.get_decoder(returns) is not None


def upper(value: Any, _kind: Any) -> str:
    return str(value).upper()


def test_a_hook_for_a_type_of_json_reaches_the_fields_of_models_and_no_other_types() -> None:
    converter = make_converter()
    converter.register_structure_hook(str, upper)
    body = (
        b'{"build_num": 1, "branch": "main", "status": "success", "user": {"id": "x"}, "pull_requests": [{"url": "u"}]}'
    )
    build = converter.loads(body, Build)
    assert (build.branch, build.user and build.user.id, build.pull_requests[0].url) == ("MAIN", "X", "U")
    assert build.status is BuildStatus.SUCCESS
    assert converter.loads(b'{"build_num": 1, "user": {"id": 5}}', Build).user.id == 5


def test_a_hook_for_times_gives_times_of_another_kind() -> None:
    class Local(datetime):
        pass

    converter = make_converter()

    @converter.register_structure_hook
    def structure(value: str, _kind: Any) -> datetime:
        return Local.fromisoformat(value)

    build = converter.loads(b'{"build_num": 1, "start_time": "2026-02-03T04:05:06+00:00", "stop_time": ""}', Build)
    assert build.start_time == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert isinstance(build.start_time, Local)
    assert build.stop_time is None


def test_a_hook_may_be_for_a_type_with_arguments() -> None:
    converter = make_converter()
    converter.register_structure_hook(list[Build], lambda value, _: [len(value)])
    converter.register_structure_hook(Timestamp, lambda value, _: f"at {value}")
    assert converter.loads(b'[{"build_num": 1}]', list[Build]) == [1]
    assert converter.loads(b'{"build_num": 1, "start_time": "x"}', Build).start_time == "at x"


class Colour(Enum):
    GREEN = "success"


@pytest.mark.parametrize(
    "register",
    [
        lambda converter, hook: converter.register_structure_hook(BuildStatus, hook),
        lambda converter, hook: converter.register_structure_hook_func(lambda kind: kind is BuildStatus, hook),
        lambda converter, hook: converter.register_structure_hook_factory(
            lambda kind: kind is BuildStatus, lambda _: hook
        ),
        lambda converter, hook: converter.register_structure_hook_factory(lambda kind: kind is BuildStatus)(
            lambda _: hook
        ),
        lambda converter, hook: converter.register_structure_hook(BuildStatus | None, hook),
    ],
    ids=["class", "function", "factory", "decorator", "union"],
)
def test_each_way_to_register_a_hook_is_honoured_before_and_after_the_first_use(register: Any) -> None:
    body = b'[{"build_num": 1, "status": "success"}]'
    used = make_converter()
    assert used.loads(body, list[Build])[0].status is BuildStatus.SUCCESS
    for converter in (make_converter(), used):
        register(converter, lambda value, _: Colour(value))
        for one in (converter, converter.copy(), converter.copy(strict=True)):
            assert one.loads(body, list[Build])[0].status is Colour.GREEN


def test_a_hook_for_a_model_can_call_the_one_that_it_replaces() -> None:
    converter = make_converter()
    plain = converter.get_structure_hook(Build)
    converter.register_structure_hook(Build, lambda value, kind: attrs.evolve(plain(value, kind), branch="hooked"))
    assert converter.loads(b'[{"build_num": 1, "parallel": "x"}]', list[Build]) == [Build(build_num=1, branch="hooked")]


def test_a_hook_that_cattrs_generates_for_a_model_is_honoured() -> None:
    converter = make_converter()
    by_cattrs = make_dict_structure_fn(User, converter, login=override(struct_hook=upper))
    converter.register_structure_hook(User, by_cattrs)
    assert converter.loads(b'{"login": "ada", "name": "Ada"}', User) == User(login="ADA", name="Ada")


def raising(error: Exception) -> Callable[[Any, Any], Any]:
    def structure(_value: Any, _kind: Any) -> Any:
        raise error

    return structure


MISFITS = [ValueError(CANARY), TypeError(CANARY), UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY)]
MISFITS += [cattrs.StructureHandlerNotFoundError(CANARY, int), cattrs.ForbiddenExtraKeysError(CANARY, int, {CANARY})]


@pytest.mark.parametrize("error", MISFITS, ids=lambda error: type(error).__name__)
def test_an_error_of_a_hook_that_means_a_misfit_is_named_by_its_class_alone(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"build_num": 1, "start_time": "%b"}' % CANARY.encode()
    for strict in (False, True):
        converter = make_converter(strict=strict)
        converter.register_structure_hook(datetime, raising(error))
        if not strict:
            assert converter.loads(body, Build) == Build(build_num=1)
            continue
        with pytest.raises(DecodeError) as caught:
            converter.loads(body, Build)
        assert (caught.value.reason, caught.value.path) == (type(error).__name__, "$.start_time")
        assert CANARY not in f"{caught.value!r} {caught.value.__context__} {caught.value.__cause__}"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        f"Build.start_time: a JSON string does not fit and is left out: {type(error).__name__} (logged once)"
    )


@pytest.mark.parametrize("error", [RuntimeError(CANARY), KeyError(CANARY), AttributeError(CANARY)], ids=repr)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("returns", "body"),
    [
        (Build, b'{"build_num": 1, "start_time": "x"}'),
        (list[Build], b'[{"build_num": 1}, {"build_num": 1, "start_time": "x"}]'),
        (Project, b'{"branches": {"a": {"recent_builds": [{"build_num": 1, "added_at": "x"}]}}}'),
        (datetime, b'"x"'),
    ],
    ids=str,
)
def test_every_other_error_of_a_hook_leaves_the_call_unchanged(
    error: Exception,
    strict: Any,
    returns: Any,
    body: bytes,
) -> None:
    converter = make_converter(strict=strict)
    converter.register_structure_hook(datetime, raising(error))
    with pytest.raises(type(error)) as caught:
        converter.loads(body, returns)
    assert caught.value is error


def test_an_error_that_cattrs_has_wrapped_leaves_the_call_too() -> None:
    for returns in (set[Ticket], Typed, list[set[Ticket]]):
        body = {set[Ticket]: b'["bug"]', Typed: b'{"ticket": "bug"}'}.get(returns, b'[["T-1"], ["bug"]]')
        with pytest.raises(RuntimeError, match="bug"):
            with_tickets().loads(body, returns)


def test_a_text_that_a_validator_writes_about_a_value_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    @model(kw_only=True)
    class Checked(Build):
        def __attrs_post_init__(self) -> None:
            raise ValueError(self.branch)

    with pytest.raises(DecodeError) as caught:
        loads(b'{"build_num": 1, "branch": "%b"}' % CANARY.encode(), Checked)
    assert (caught.value.reason, caught.value.path) == ("ValueError", "$")
    assert CANARY not in caplog.text


# Copies, sessions and objects in hand.


def test_a_copy_has_the_hooks_so_far_and_may_be_strict() -> None:
    converter = with_tickets()
    converter.register_unstructure_hook(Ticket, lambda ticket: ticket.text)
    copied = converter.copy(strict=True)
    converter.register_structure_hook(str, upper)
    assert (converter.strict, copied.strict, copied.copy().strict) == (False, True, True)
    assert copied.loads(b'{"build_num": 1, "ticket": "T-1", "branch": "a"}', Slim).ticket == ONE
    assert copied.loads(b'"a"', str) == "a"
    assert copied.unstructure([ONE]) == ["T-1"]
    with pytest.raises(DecodeError, match=r"\$\.tickets\[0\]"):
        copied.loads(b'{"build_num": 1, "tickets": ["x", "T-1"]}', Slim)


def test_structure_takes_an_object_in_hand_and_raises_the_errors_of_cattrs() -> None:
    converter = make_converter()
    assert converter.structure({"build_num": 1, "branch": 5}, Build) == Build(build_num=1)
    assert list(converter.structure([{"branches": {"a%2Fb": {}}}], list[Project])[0].branches or ()) == ["a/b"]
    with pytest.raises(cattrs.ClassValidationError) as caught:
        converter.structure({"build_num": "x"}, Build)
    assert cattrs.transform_error(caught.value)[0].endswith("@ $.build_num")
    with pytest.raises(cattrs.IterableValidationError):
        converter.structure([5], list[FollowResult])


def test_a_session_takes_only_a_converter_of_this_package() -> None:
    for wrong in (cattrs.Converter(), "converter", make_converter):
        with pytest.raises(
            InvalidInputError, match=r"^converter: expected a CircleCIConverter from make_converter\(\)"
        ):
            CircleCISession(converter=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError, match=r"^converter: expected a CircleCIConverter"):
            CircleCISession().with_options(converter=wrong)  # type: ignore[arg-type]


def test_a_converter_has_its_own_strict() -> None:
    with pytest.raises(InvalidInputError, match=r"^strict: expected no value together with `converter`"):
        CircleCISession(converter=make_converter(), strict=True)
    for strict in (False, True):
        with pytest.raises(InvalidInputError, match=r"^strict: expected no value together with `converter`"):
            CircleCISession().with_options(converter=make_converter(), strict=strict)


def converter_of(session: CircleCISession) -> CircleCIConverter:
    return session._caller.options.converter


def test_sessions_without_a_converter_share_one_and_views_copy_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCLE_TOKEN", "x")
    own = with_tickets()
    shared = converter_of(CircleCISession())
    assert converter_of(CircleCISession.from_env()) is shared
    assert converter_of(CircleCISession(strict=True)) is converter_of(CircleCISession().with_options(strict=True))
    assert converter_of(CircleCISession(converter=own)) is converter_of(CircleCISession.from_env(converter=own)) is own
    view = CircleCISession(converter=own).with_options(strict=True)
    assert converter_of(view) is not own
    assert converter_of(view).strict
    assert converter_of(view).loads(b'"T-1"', Ticket) == ONE
    assert converter_of(view.with_options(converter=None)) is shared
    assert converter_of(view.with_options(converter=None, strict=True)).strict
    assert converter_of(view.with_options(timeout=1)) is converter_of(view)


def test_a_note_on_an_error_of_a_hook_is_not_part_of_the_path() -> None:
    error = ValueError("x")
    error.add_note(CANARY)
    converter = make_converter(strict=True)
    converter.register_structure_hook(datetime, raising(error))
    with pytest.raises(DecodeError, match=r"^ValueError at \$\[0\]\.start_time") as caught:
        converter.loads(b'[{"build_num": 1, "start_time": "x"}]', list[Build])
    assert CANARY not in str(caught.value)


def test_a_value_that_fits_no_member_of_a_union_is_a_misfit() -> None:
    with pytest.raises(DecodeError, match=r"^ValueError at"):
        with_tickets().loads(b'"x"', int | Ticket)


@attrs.define
class Nested:
    """A class that contains itself, and that only hooks can make."""

    inner: "Nested | None" = None
    ticket: Ticket | None = None


def test_a_reply_that_is_nested_too_deeply_for_hooks_is_a_decode_error() -> None:
    body = b'{"inner":' * 500 + b'{"ticket":"T-1"}' + b"}" * 500
    with pytest.raises(DecodeError, match=r"^Nested too deeply at"):
        with_tickets().loads(body, Nested)
    assert with_tickets().loads(b'{"inner":{"inner":{"ticket":"T-1"}}}', Nested) == Nested(Nested(Nested(ticket=ONE)))
