"""The classes of models: attrs classes by their looks, msgspec Structs at run time."""

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

from circleci_v1_async import Build, BuildDetail, BuildSummary, EnvVar, ProjectToken, User, Workflow, dumps, loads
from circleci_v1_async._decoding.codec import Decoder

EACH = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
DECODER = Decoder(strict=True)
CANARY = "c4n4ry-in-a-secret"


def filled(model: type) -> Any:
    return DECODER.decode(json.dumps(full(model)).encode(), model)


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
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, field.name, None)
        with pytest.raises(AttributeError, match="immutable"):
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
    mine = DECODER.decode(b'{"build_num": 7, "ticket": "A-1", "branch": "main"}', Mine)
    assert mine.title == "A-1: 7"
    assert repr(mine) == "Mine(build_num=7, branch='main', ticket='A-1')"
    assert loads(dumps(mine), Mine) == mine == pickle.loads(pickle.dumps(mine))  # noqa: S301 - our own
    assert attrs.evolve(mine, fields_seen=3).fields_seen == 3
    assert Decoder().decode(b'{"build_num": 7, "ticket": 5, "fields_seen": 2}', Mine) == Mine(
        build_num=7, fields_seen=2
    )
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


@pytest.mark.parametrize("options", [{}, {"slots": False}, {"frozen": True, "kw_only": True}], ids=str)
def test_a_decorator_of_attrs_on_a_subclass_is_refused_with_what_to_do_instead(options: Any):
    class Decorated(Build):
        ticket: str | None = None

    with pytest.raises(TypeError, match=r"Decorated: a subclass of a model is a model already\..*without a decorator"):
        attrs.define(**options)(Decorated)


def test_a_field_of_attrs_in_a_subclass_is_refused_with_what_to_do_instead():
    with pytest.raises(TypeError, match=r"give them plain defaults, without `attrs\.field`"):

        class _Fielded(Build):
            ticket: str | None = attrs.field(default=None)
