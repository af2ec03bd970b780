"""Output as JSON: the options `--json` and `--fields`, and one object per line, without secrets."""

import json
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import click

from circleci_v1_async import Build, BuildEvent, Project, dumps

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS: Final = "circleci_v1_async.fields"
# Names of the properties that are not fields, but that other output also shows.
_COMPUTED: Final[dict[type[Any], tuple[str, ...]]] = {
    Build: ("project", "job", "duration", "is_failure"),
    Project: ("project",),
}


@attrs.frozen
class JsonLines:
    """The output format of `--json` and `--fields`.

    Attributes:
        fields: Names of the fields to print, null where they are absent; `None` for all fields that have a value.
    """

    fields: tuple[str, ...] | None = None

    def encode(self, model: Any, **replaced: object) -> str:
        """Encode a model as one line of JSON that is safe on a terminal, with some fields replaced.

        Fields that the repr omits are secret. This method leaves them out for all commands. The selected fields of an
        event are its `kind` and the fields of its build.
        """
        data: dict[str, Any] = {**_to_data(model), **replaced}
        if self.fields is not None:
            if isinstance(model, BuildEvent):
                data |= _to_data(model.build)
            data = {name: data.get(name) for name in self.fields}
        return _escape_json(dumps(data).decode())


def encode_json(model: Any) -> str:
    """Encode a model as one line of JSON, in the format of `--json` without `--fields`."""
    return JsonLines().encode(model)


def format_json(data: Any, *, indent: int | None) -> str:
    """Format a reply's data as JSON that is safe to show on a terminal."""
    return _escape_json(json.dumps(data, ensure_ascii=False, indent=indent))


def json_options(*models: type[Any], more: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Add `--json` and `--fields` to a command.

    The command receives `as_json`: a `JsonLines`, or `None` for other output.

    Args:
        models: Models that the command prints. Their fields can be selected.
        more: Names of further fields.
    """
    known = (*more, *dict.fromkeys(name for model in models for name in _list_fields(model)))

    def read_fields(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        fields = None if value is None else tuple(name.strip() for name in value.split(",") if name.strip())
        if fields is not None and (not fields or any(name not in known for name in fields)):
            raise click.BadParameter(f"expected some of {', '.join(sorted(known))}, separated by commas.")
        ctx.meta[_FIELDS] = fields

    def read_flag(ctx: click.Context, _param: click.Parameter, value: bool) -> JsonLines | None:  # noqa: FBT001 - by click
        fields: tuple[str, ...] | None = ctx.meta.get(_FIELDS)
        return JsonLines(fields) if value or fields is not None else None

    flag = click.option(
        "--json", "as_json", is_flag=True, callback=read_flag, help="Print JSON, one object per line, without secrets."
    )
    fields = click.option(
        "--fields",
        metavar="A,B",
        is_eager=True,
        expose_value=False,
        callback=read_fields,
        help="Print only these fields, as JSON.",
    )
    return lambda function: flag(fields(function))


def _list_fields(model: type[Any]) -> list[str]:
    own = [field.name for field in attrs.fields(model) if field.repr]
    return own + [name for kind, names in _COMPUTED.items() if issubclass(model, kind) for name in names]


def _to_data(model: Any) -> dict[str, Any]:
    data = attrs.asdict(model, filter=lambda attribute, value: bool(attribute.repr) and value is not None)
    data |= {name: value for name, value in _compute(model).items() if value is not None}
    if isinstance(model, BuildEvent):
        data["build"] = _to_data(model.build)
    return data


def _compute(model: Any) -> dict[str, Any]:
    """Return the values of `_COMPUTED`."""
    if isinstance(model, Build):
        duration = model.duration
        return {
            "project": model.project and str(model.project),
            "job": model.job,
            "duration": duration and duration.total_seconds(),
            "is_failure": model.is_failure,
        }
    return {"project": model.slug and str(model.slug)} if isinstance(model, Project) else {}


def _escape_json(text: str) -> str:
    return text if text.isprintable() else "".join(map(_escape_character, text))


def _escape_character(char: str) -> str:
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]
