"""Seeds: JSON files that say what a stand-alone fake has and does."""

import base64
import binascii
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from circleci_v1_async.testing._script.service import ScriptedService
from circleci_v1_async.testing._server.checks import parse_json
from circleci_v1_async.testing._state.arguments import check_number
from circleci_v1_async.testing._state.files import Data, GeneratedBytes

Payload = dict[str, Any]

_FAULTS: Final = ("fail_next", "reply_next", "drop_next", "truncate_next", "chunk_next", "trickle_next")
_MEMBERS: Final = ("user", "projects", "faults", "rate_limit", "drift", "after_sunset", "brownout", "token_expired")
# As many as the fake takes in a second or so.
_MOST_BUILDS: Final = 100_000
_PLAIN: Final = (str, int, float, bool, NoneType)


def load_seed(fake: ScriptedService, path: Path) -> None:
    """Fill a fake as a file says.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is no seed; the text says where and why.
    """
    with _at(f"{path}"):
        apply_seed(fake, parse_json(path.read_text(encoding="utf-8")))


def apply_seed(fake: ScriptedService, value: object) -> None:
    """Fill a fake as a value of JSON says.

    Raises:
        ValueError: The value is no seed; the text says where and why.
    """
    seed = _expect(value, dict)
    _refuse_unknown(seed, _MEMBERS)
    check_number("builds", _count_builds(seed), 0, _MOST_BUILDS)
    fake.user |= _take(seed, "user", dict)
    if "after_sunset" in seed:
        fake.after_sunset = _take(seed, "after_sunset", bool)
    if "brownout" in seed:
        fake.brownout(on=_take(seed, "brownout", bool))
    _for_each(seed, "projects", partial(_add_project, fake))
    _for_each(seed, "faults", partial(script_fault, fake))
    _for_each(seed, "drift", partial(call_with, fake.drift))
    if "rate_limit" in seed:
        with _at("rate_limit"):
            call_with(fake.limit_rate, _expect(seed["rate_limit"], dict))
    if _take(seed, "token_expired", bool):
        fake.expire_token()


def _count_builds(seed: Payload) -> int:
    """Count the builds that a seed asks for, as far as it is one."""
    builds = [build for project in _list_objects(seed, "projects") for build in _list_objects(project, "builds")]
    return sum(count for build in builds if isinstance(count := build.get("count", 1), int))


def _list_objects(holder: Payload, name: str) -> list[Payload]:
    items = cast("list[object]", items) if isinstance(items := holder.get(name), list) else []
    return [cast(Payload, item) for item in items if isinstance(item, dict)]


def _add_project(fake: ScriptedService, project: Payload) -> None:
    below = {name: project.pop(name, []) for name in ("builds", "checkout_keys", "ssh_keys", "tokens", "env_vars")}
    call_with(fake.add_project, project)
    slug = project["slug"]
    _for_each(below, "builds", partial(_add_builds, fake, slug))
    _for_each(below, "checkout_keys", partial(call_with, fake.add_checkout_key, slug=slug))
    _for_each(below, "ssh_keys", partial(call_with, fake.add_ssh_key, slug=slug))
    _for_each(below, "tokens", partial(call_with, fake.add_project_token, slug=slug))
    _for_each(below, "env_vars", partial(call_with, fake.add_env_var, slug=slug))


def _add_builds(fake: ScriptedService, slug: str, build: Payload) -> None:
    """Add a build, or as many alike as its member `count` says."""
    count = _expect(build.pop("count", 1), int)
    below = {name: build.pop(name, []) for name in ("steps", "artifacts", "tests")}
    for _ in range(count):
        number = call_with(fake.add_build, build, slug=slug)["build_num"]
        place = {"slug": slug, "build_num": number}
        _for_each(below, "steps", partial(call_with, fake.add_step, **place))
        _for_each(below, "tests", partial(call_with, fake.add_test, **place))
        _for_each(below, "artifacts", partial(_add_artifact, fake, **place))


def _add_artifact(fake: ScriptedService, artifact: Payload, **place: object) -> None:
    """Add an artifact whose bytes are a `text`, are in `base64`, or are made up, `size` of them."""
    given = [name for name in ("text", "base64", "size") if name in artifact]
    if len(given) != 1:
        raise ValueError("an artifact has either text, base64 or size")
    data: Data
    match given[0], artifact.pop(given[0]):
        case "text", str(text):
            data = text.encode()
        case "base64", str(text):
            data = base64.b64decode(text, validate=True)
        case "size", int(size):
            data = GeneratedBytes(size, _expect(artifact.pop("seed", 0), int))
        case _:
            raise ValueError(f"{given[0]}: it has the wrong type")
    call_with(fake.add_artifact, artifact, data=data, **place)


def script_fault(fake: ScriptedService, fault: Payload) -> None:
    """Script a fault as an object says, whose only member is the name of a method.

    Raises:
        ValueError: The object says something else.
    """
    if len(fault) != 1 or not fault.keys() <= set(_FAULTS):
        raise ValueError(f"a fault has one member, which is one of {', '.join(_FAULTS)}")
    ((name, options),) = fault.items()
    call_with(getattr(fake, name), _expect(options, dict))


def call_with(method: Callable[..., Any], options: Payload, **fixed: object) -> Any:
    """Call a method with the members of an object, after a check of their names and types.

    Raises:
        ValueError: A member is unknown, missing, of the wrong type, or refused by the method.
    """
    hints, parameters = get_type_hints(method), inspect.signature(method).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    converted: Payload = {}
    for name, value in options.items():
        if name in fixed or (name not in parameters and not open_ended):
            raise ValueError(f"{name}: there is no such member")
        with _at(name):
            converted[name] = _convert(value, hints[name]) if name in parameters else value
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
        and name not in options.keys() | fixed.keys()
    ]
    if missing:
        raise ValueError(f"{missing[0]}: it is missing")
    return method(**converted, **fixed)


def _convert(value: object, hint: Any) -> object:
    """Return a value of JSON as a parameter of the type `hint` takes it."""
    for option in get_args(hint) if get_origin(hint) in {UnionType, Union} else (hint,):
        match get_origin(option) or option, value:
            case builtin, _ if builtin in _PLAIN and type(value) is builtin:
                return value
            case builtin, int() if builtin is float and not isinstance(value, bool):
                return value
            case builtin, str() if builtin is bytes:
                return value.encode()
            case builtin, str() if builtin is datetime:
                return datetime.fromisoformat(value)
            case origin, _ if origin is Literal and value in get_args(option):
                return value
            case origin, dict() if origin is Mapping:
                return cast(Any, value)
            case _:
                pass
    raise ValueError(f"{value!r} has the wrong type")


def _for_each(holder: Payload, name: str, use: Callable[[Payload], object]) -> None:
    """Use each object of a list. A string stands for an object that has only a `name`."""
    with _at(name):
        items = _expect(holder.get(name, []), list)
    for number, item in enumerate(items):
        with _at(f"{name}[{number}]"):
            use({"name": item} if isinstance(item, str) else dict(_expect(item, dict)))


def _take(seed: Payload, name: str, kind: type) -> Any:
    with _at(name):
        return _expect(seed.get(name, kind()), kind)


def _expect(value: object, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{value!r} has the wrong type")
    return cast(Any, value)


def _refuse_unknown(members: Payload, known: tuple[str, ...]) -> None:
    unknown = members.keys() - set(known)
    if unknown:
        raise ValueError(f"{min(unknown)}: there is no such member; there are {', '.join(known)}")


@contextmanager
def _at(place: str) -> Generator[None]:
    """Name the place in errors."""
    try:
        yield
    except (ValueError, KeyError, OverflowError, binascii.Error) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"{place}: {text}") from error
