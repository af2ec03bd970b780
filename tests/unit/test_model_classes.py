"""The classes of models: attrs classes whose instances are msgspec Structs."""

import copy
import gc
import inspect
import json
import pickle
import pydoc
import sys
import weakref
from datetime import datetime
from io import StringIO
from typing import Any

import attrs
import cattrs
import msgspec
import pytest
import rich.console
import rich.pretty
from cattrs.strategies import configure_union_passthrough
from model_payloads import MODELS, full

from circleci_v1_async import (
    Build,
    BuildDetail,
    BuildSummary,
    DecodeError,
    EnvVar,
    ProjectToken,
    User,
    Workflow,
    dumps,
    loads,
    make_converter,
)
from circleci_v1_async.models import model

EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
CONVERTER = make_converter(strict=True)
CANARY = "c4n4ry-in-a-secret"


def filled(model: type) -> Any:
    return CONVERTER.loads(json.dumps(full(model)), model)


def of(model: type) -> Any:
    """The fields of a model, as attrs sees them."""
    return attrs.fields(model)


# For attrs and cattrs.


@EACH
def test_attrs_sees_the_fields_of_a_model_in_the_order_of_its_bases(model: type):
    assert attrs.has(model)
    names = [field.name for field in of(model)]
    assert names == list(model.__struct_fields__)
    assert list(attrs.fields_dict(model)) == names
    base = model.__base__
    inherited = [field.name for field in of(base)] if attrs.has(base) else []
    assert names[: len(inherited)] == inherited
    assert [field.name for field in of(model) if field.inherited] == inherited


def test_the_class_of_models_is_no_class_of_attrs_so_that_rich_shows_variables_that_are_models():
    assert not attrs.has(type(User))
    assert "models.users.User'>" in rich.pretty.pretty_repr({"returns": User, "within": [list[User]]})


def test_a_subclass_has_its_own_fields_for_attrs_whichever_class_is_asked_first():
    class First(BuildSummary):
        one: int = 0

    class Second(First):
        two: int = 0

    assert [field.name for field in of(First)][-1] == "one"
    assert [field.name for field in of(Second)][-2:] == ["one", "two"]


@EACH
def test_attrs_makes_a_dict_a_tuple_and_a_changed_copy_of_a_model(model: type):
    value = filled(model)
    fields = [field.name for field in of(model)]
    assert list(attrs.asdict(value)) == fields
    assert attrs.asdict(value, recurse=False) == {name: getattr(value, name) for name in fields}
    assert attrs.astuple(value, recurse=False) == tuple(getattr(value, name) for name in fields)
    assert attrs.evolve(value) == value
    changed = attrs.evolve(value, **{fields[-1]: None})
    assert getattr(changed, fields[-1]) is None
    assert changed != value
    with pytest.raises(TypeError, match="nonsense"):
        attrs.evolve(value, nonsense=1)


def test_the_filters_of_attrs_take_fields_of_models():
    build = Build(build_num=7, branch="main")
    only = attrs.filters.include(of(Build).branch)
    without = attrs.filters.exclude("build_num", of(Build).status)
    assert attrs.asdict(build, filter=only) == {"branch": "main"}
    assert not {"build_num", "status"} & attrs.asdict(build, filter=without).keys()


@EACH
def test_attrs_knows_the_types_and_the_defaults_of_fields(model: type):
    attrs.resolve_types(model)
    for field, info in zip(of(model), msgspec.structs.fields(model), strict=True):
        assert field.type == info.type
        assert field.default == (attrs.NOTHING if info.required else info.default)
        assert field.kw_only


def test_attrs_makes_the_default_of_a_users_field_anew():
    class Kept(BuildSummary):
        notes: list[str] = []  # noqa: RUF012 - msgspec copies it

    assert of(Kept).notes.default == attrs.Factory(list)
    assert Kept(build_num=1).notes is not Kept(build_num=1).notes


@EACH
def test_a_plain_cattrs_converter_takes_a_model_apart_and_puts_it_together(model: type):
    converter = cattrs.Converter()
    # cattrs itself knows neither times nor unions of scalars.
    converter.register_structure_hook(datetime, lambda value, _: value)
    configure_union_passthrough(int | str | bool | None, converter)
    value = filled(model)
    raw = converter.unstructure(value)
    assert list(raw) == [field.name for field in of(model)]
    assert converter.structure(raw, model) == value


def test_a_converter_without_any_hook_does_for_models_of_strings_and_numbers():
    converter = cattrs.Converter()
    workflow = Workflow(job_name="test", upstream_job_ids=("a", "b"))
    assert converter.structure(converter.unstructure(workflow), Workflow) == workflow


# Values.


@EACH
def test_a_model_is_frozen_slotted_and_keyword_only(model: type):
    value = filled(model)
    for field in of(model):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            delattr(value, field.name)
    assert not hasattr(value, "__dict__")
    with pytest.raises(AttributeError):
        value.nonsense = 1
    with pytest.raises(TypeError):
        model(1)


@EACH
def test_a_model_has_a_hash_whatever_it_holds_and_equal_models_have_the_same(model: type):
    value, again = filled(model), filled(model)
    assert value is not again
    assert value == again
    assert hash(value) == hash(again)
    assert len({value, again}) == 1


def test_builds_that_differ_have_hashes_that_differ():
    builds = [Build(build_num=number, vcs_revision=revision) for number in range(50) for revision in ("a", "b")]
    assert len({hash(build) for build in builds}) == 100
    summary = BuildSummary(build_num=7)
    assert summary != Build(build_num=7)
    assert hash(summary) != hash(Build(build_num=7))


def test_numbers_that_are_equal_have_equal_hashes_in_a_model():
    assert Build(build_num=True) == Build(build_num=1) == Build(build_num=1.0)
    assert len({Build(build_num=True), Build(build_num=1), Build(build_num=1.0)}) == 1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@EACH
def test_a_model_pickles_under_every_protocol(model: type, protocol: int):
    value = filled(model)
    again = pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - our own
    assert again == value
    assert type(again) is model


@EACH
def test_a_model_can_be_copied(model: type):
    value = filled(model)
    for again in (copy.copy(value), copy.deepcopy(value)):
        assert again == value
        assert type(again) is model


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Python 3.13 or newer")
def test_copy_replace_gives_a_changed_copy():
    build = copy.replace(Build(build_num=7, branch="main"), branch="other")
    assert build == Build(build_num=7, branch="other")


def test_match_takes_a_model_by_its_attributes():
    match BuildDetail(build_num=7, branch="main"):
        case Build(build_num=7, branch=str(branch)):
            assert branch == "main"
        case _:
            pytest.fail("no match")


@EACH
def test_the_signature_of_a_model_names_its_fields(model: type):
    parameters = inspect.signature(model).parameters
    assert list(parameters) == [field.name for field in of(model)]
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_help_shows_the_signature_of_a_model():
    # From Python 3.13 on, in a line for each parameter.
    shown = "".join(pydoc.plain(pydoc.render_doc(Build)).replace("|", "").split())
    assert "Build(*,build_num:int,build_url:strNone=None" in shown


def test_the_garbage_collector_does_not_track_models_and_they_take_no_weak_references():
    build = loads(b'{"build_num": 7, "build_parameters": {"a": [1]}, "steps": []}', BuildDetail)
    assert not gc.is_tracked(build)
    with pytest.raises(TypeError):
        weakref.ref(build)


# Secrets.


@EACH
def test_rich_shows_the_same_as_the_repr(model: type):
    value = filled(model)
    console = rich.console.Console(file=StringIO(), width=10_000)
    console.print(rich.pretty.Pretty(value, max_length=None))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert shown == f"{value!r}\n"


def test_rich_shows_no_secret():
    for value in (
        ProjectToken(token=CANARY),
        EnvVar(name="A", value=CANARY),
        Build(build_num=1, build_parameters={CANARY: 1}),
    ):
        assert CANARY not in rich.pretty.pretty_repr(value, expand_all=True)
        assert CANARY not in repr(value)
        assert CANARY in dumps(value).decode()


# A user's subclasses.


class Mine(BuildDetail):
    """A build of a user."""

    ticket: str | None = None
    fields_seen: int = 0

    @property
    def title(self) -> str:
        return f"{self.ticket}: {self.build_num}"


def test_a_plain_subclass_of_a_model_is_a_model_with_more_fields_and_methods():
    mine = CONVERTER.loads(b'{"build_num": 7, "ticket": "A-1", "branch": "main"}', Mine)
    assert mine.title == "A-1: 7"
    assert repr(mine) == "Mine(build_num=7, branch='main', ticket='A-1')"
    assert loads(dumps(mine), Mine) == mine == pickle.loads(pickle.dumps(mine))  # noqa: S301 - our own
    assert attrs.evolve(mine, fields_seen=3).fields_seen == 3
    assert loads(b'{"build_num": 7, "ticket": 5, "fields_seen": 2}', Mine) == Mine(build_num=7, fields_seen=2)
    with pytest.raises(AttributeError):
        mine.ticket = "B-2"
    assert hash(mine) == hash(attrs.evolve(mine))


def test_a_subclass_hides_the_secrets_of_its_parent():
    assert CANARY not in repr(Mine(build_num=1, build_parameters={"a": CANARY}))


def test_a_subclass_may_have_options_of_msgspec():
    class Counted(Build, gc=True):
        pass

    assert Counted.__struct_config__.gc
    assert Counted.__struct_config__.frozen


@pytest.mark.parametrize("decorate", [attrs.define, attrs.frozen, attrs.mutable], ids=["define", "frozen", "mutable"])
@pytest.mark.parametrize("options", [{}, {"slots": False}, {"kw_only": True}], ids=str)
def test_a_decorator_of_attrs_on_a_subclass_is_refused_with_the_one_to_use(decorate: Any, options: Any):
    class Decorated(Build):
        ticket: str | None = None

    with pytest.raises(
        TypeError, match=r"^Decorated: use the decorator @model\(kw_only=True\) for a subclass of a model"
    ):
        decorate(**options)(Decorated)


@pytest.mark.parametrize("options", [{}, {"kw_only": False}], ids=str)
def test_the_decorator_requires_keyword_only_fields(options: Any):
    with pytest.raises(TypeError, match=r"^model: expected @model\(kw_only=True\)"):
        model(**options)


def test_the_decorator_refuses_a_class_that_is_not_derived_from_a_model():
    with pytest.raises(
        TypeError, match=r"^model: expected a subclass of a model, got Other; use attrs\.frozen instead"
    ):

        @model(kw_only=True)
        class Other:
            ticket: str | None = None


@pytest.mark.parametrize(
    "field",
    [attrs.field(converter=str), attrs.field(alias="other"), attrs.field(init=False), attrs.field(default=1, eq=False)],
    ids=["converter", "alias", "init", "eq"],
)
def test_a_field_with_an_option_that_a_struct_lacks_is_refused_by_name(field: Any):
    with pytest.raises(
        TypeError, match=r"^Fielded\.ticket: a field of a model cannot have a converter, alias, init or"
    ):

        class Fielded(Build):
            ticket: Any = field


@pytest.mark.parametrize("name", ["__init__", "__attrs_pre_init__", "__post_init__"])
def test_a_method_that_no_decoder_calls_is_refused_by_name(name: str):
    with pytest.raises(TypeError, match=f"^Made: a model cannot define {name}; define __attrs_post_init__ instead"):
        type(Build)("Made", (Build,), {name: lambda _self: None, "__module__": __name__})


@model(kw_only=True)
class TeamBuild(Build):
    """A build with the fields that a proxy adds."""

    team: str | None = None
    """Team that owns the build."""

    api_key: str | None = attrs.field(default=None, repr=False)
    notes: list[str] = attrs.field(factory=list[str], metadata={"shown": True})
    labels: list[str] = attrs.field(factory=lambda: ["new"])
    level: int = attrs.field(default=1, validator=attrs.validators.ge(1))

    def __attrs_post_init__(self) -> None:
        self.notes.append("made")


def test_a_subclass_may_have_fields_of_attrs_with_factories_metadata_validators_and_without_a_place_in_the_repr():
    first, second = TeamBuild(build_num=1, api_key=CANARY), TeamBuild(build_num=2)
    assert repr(first) == "TeamBuild(build_num=1, notes=['made'])"
    assert first.notes is not second.notes
    assert first.labels == second.labels == ["new"]
    assert first.labels is not second.labels
    assert of(TeamBuild).notes.metadata == {"shown": True}
    assert [field.name for field in of(TeamBuild) if not field.inherited] == [
        "team",
        "api_key",
        "notes",
        "labels",
        "level",
    ]
    with pytest.raises(ValueError, match="level"):
        TeamBuild(build_num=1, level=0)


def test_validators_and_the_post_init_of_a_subclass_run_when_msgspec_decodes_it():
    assert loads(b'{"build_num": 1}', TeamBuild).notes == ["made"]
    with pytest.raises(DecodeError, match="ValueError"):
        loads(b'{"build_num": 1, "level": 0}', TeamBuild)
    builds = loads(b'[{"build_num": 1, "level": 0}, {"build_num": 2, "level": "x"}]', list[TeamBuild])
    assert [(build.build_num, build.level) for build in builds] == [(2, 1)]


def test_attrs_tells_that_models_are_frozen_and_take_no_weak_references():
    inspected = attrs.inspect(Build) if hasattr(attrs, "inspect") else None
    assert inspected is None or (inspected.is_frozen and not inspected.has_weakref_slot)


def test_an_instance_names_its_fields_for_the_differences_that_pytest_shows():
    assert Build(build_num=1).__attrs_attrs__ == of(Build)
    assert TeamBuild(build_num=1).__attrs_attrs__ == of(TeamBuild)


def test_help_shows_the_type_and_the_description_of_a_field():
    assert inspect.getdoc(Build.branch) == "str | None: Branch that was built."
    assert inspect.getdoc(TeamBuild.team) == "str | None: Team that owns the build."
    assert inspect.getdoc(TeamBuild.api_key) == "str | None"
    assert inspect.getdoc(TeamBuild.branch) == inspect.getdoc(Build.branch)
    assert "Timestamp | None: Time of the commit" in pydoc.plain(pydoc.render_doc(Build))


def test_the_description_of_a_field_is_missing_where_there_is_no_source():
    space: dict[str, Any] = {"Build": Build}
    exec("class Typed(Build):\n    ticket: int = 0", space)  # noqa: S102 - as in an interactive session
    assert space["Typed"].ticket.__doc__ is None
    assert inspect.getdoc(space["Typed"].ticket) is None


def test_a_field_of_attrs_may_be_required_and_a_validator_may_come_alone():
    @model(kw_only=True)
    class Owned(Build):
        owner: str = attrs.field(validator=attrs.validators.min_len(1))

    assert loads(b'{"build_num": 1, "owner": "ada"}', Owned) == Owned(build_num=1, owner="ada")
    with pytest.raises(TypeError, match="owner"):
        Owned(build_num=1)
    with pytest.raises(DecodeError, match="Object missing required field `owner`"):
        loads(b'{"build_num": 1}', Owned)
