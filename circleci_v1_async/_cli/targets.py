"""The project, builds and name in the arguments of a command.

An argument with a slash is the project, digits are a build, and the URL of a build is both.
"""

import os
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
import click

from circleci_v1_async import InvalidInputError, ProjectSlug
from circleci_v1_async.slug import find_build_num

from .checkout import find_checkout

F = TypeVar("F", bound=Callable[..., Any])

PROJECT_VARIABLES: Final = ("CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME")
_URL_VARIABLES: Final = ("CIRCLE_REPOSITORY_URL", "CIRCLE_BUILD_URL")
_BUILD: Final = re.compile(r"#?([1-9][0-9]{0,17})")
_PROJECT_AND_BUILD: Final = re.compile(r"([^/:]+/[^/]+/[^/]+)[/#]([1-9][0-9]{0,17})")
_SHORT: Final = {"github": "gh", "bitbucket": "bb"}
_FORMS: Final = "a project such as gh/acme/web"


@attrs.frozen
class Words:
    """The sorted arguments of a command.

    Attributes:
        project: The project; `None` if it was left out.
        builds: Numbers of builds, without duplicates.
        name: Name of an object in the project.
    """

    project: ProjectSlug | None
    builds: tuple[int, ...] = ()
    name: str = ""


@attrs.frozen
class Target:
    """The target of a command.

    Attributes:
        project: The project.
        builds: Numbers of builds; empty if they were left out.
        name: Name of an object in the project, for commands that have a name argument.
        source: The origin of the project, in words; `None` if the user gave the project.
        is_from_git: Whether the project comes from the git checkout.
        branch: The branch of the git checkout.
    """

    project: ProjectSlug
    builds: tuple[int, ...] = ()
    name: str = ""
    source: str | None = None
    is_from_git: bool = False
    branch: str | None = None

    @property
    def short_project(self) -> str:
        """The project's usual short form, such as `gh/acme/web`."""
        slug = self.project
        return f"{_SHORT.get(slug.vcs_type, slug.vcs_type)}/{slug.username}/{slug.reponame}"

    @property
    def described_project(self) -> str:
        """The project. If the user did not give it, its origin is added."""
        return self.short_project if self.source is None else f"{self.short_project}, from {self.source}"


def find_target(words: Words, ctx: click.Context) -> Target:
    """Return the target of the arguments.

    Without a project argument, the project comes from the CircleCI job or from the git checkout.

    Raises:
        UsageError: The arguments have no target.
    """
    if words.project is not None:
        return Target(words.project, words.builds, words.name)
    if all(os.environ.get(variable) for variable in PROJECT_VARIABLES):
        return Target(_find_own_project(ctx), words.builds, words.name, " and ".join(PROJECT_VARIABLES))
    if (checkout := find_checkout()) is not None:
        return Target(
            checkout.project,
            words.builds,
            words.name,
            "the git remote",
            is_from_git=True,
            branch=checkout.branch,
        )
    raise click.UsageError(
        f"Missing argument 'PROJECT': give {_FORMS}, or run the command in a git checkout with a remote on GitHub or "
        "Bitbucket.",
        ctx,
    )


def _find_own_project(ctx: click.Context) -> ProjectSlug:
    """Return the project of the CircleCI job. If only its names are set, it is assumed to be on GitHub."""
    try:
        if any(os.environ.get(variable) for variable in _URL_VARIABLES):
            return ProjectSlug.from_env()
        return ProjectSlug("github", *(os.environ[variable] for variable in PROJECT_VARIABLES))
    except InvalidInputError as error:
        raise click.UsageError(f"{error}", ctx) from None


def check_project(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Reject the URL of a build where a project is expected."""
    if value is not None and find_build_num(value) is not None:
        _refuse_build(value, ctx)
    return value


def check_projects(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Reject URLs of builds where projects are expected."""
    for value in values:
        check_project(ctx, param, value)
    return values


def _refuse_build(word: str, ctx: click.Context) -> None:
    raise click.UsageError(f"{word} is one build: expected a project. See 'circleci-v1 view'.", ctx)


def _read_project(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Words:
    words = _sort(ctx, param, values)
    if words.builds:
        _refuse_build(values[-1], ctx)
    return words


def _read_build(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Words:
    words = _sort(ctx, param, values)
    if len(words.builds) > 1:
        url = next((value for value in values if "://" in value), None)
        if url is not None and (own := find_build_num(url)) in words.builds:
            other = next(number for number in words.builds if number != own)
            raise click.UsageError(f"PROJECT is the URL of build {own}, but BUILD is {other}.", ctx)
        raise click.UsageError(f"Expected one build, got {', '.join(map(str, words.builds))}.", ctx)
    return words


def _read_one_build(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Words:
    words = _read_build(ctx, param, values)
    if not words.builds:
        raise click.UsageError("Missing argument 'BUILD': give its number or its URL.", ctx)
    return words


def _read_named(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Words:
    # The name of a variable to delete can also have a slash. Of two words with slashes, the first is the project.
    match values:
        case (name,) if "/" not in name:
            return Words(None, name=name)
        case (name, other) if "/" in other and "/" not in name:
            return Words(_sort(ctx, param, (other,)).project, name=name)
        case (other, name):
            return Words(_sort(ctx, param, (other,)).project, name=name)
        case () | (_,):
            raise click.UsageError("Missing argument 'NAME'.", ctx)
        case _:
            raise click.UsageError(f"Expected PROJECT and NAME, got {len(values)} arguments.", ctx)


def _sort(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> Words:
    projects: dict[ProjectSlug, None] = {}
    numbers: dict[int, None] = {}
    for value in values:
        slug, number = _read_word(ctx, param, value)
        if slug is not None:
            projects[slug] = None
        if number is not None:
            numbers[number] = None
    if len(projects) > 1:
        raise click.UsageError(f"Expected one project, got {' and '.join(map(str, projects))}.", ctx)
    return Words(next(iter(projects), None), tuple(numbers))


def _read_word(ctx: click.Context, param: click.Parameter, value: str) -> tuple[ProjectSlug | None, int | None]:
    value = value.strip()
    if found := _BUILD.fullmatch(value):
        return None, int(found[1])
    try:
        if found := _PROJECT_AND_BUILD.fullmatch(value):
            return ProjectSlug.parse(found[1]), int(found[2])
        if "/" in value:
            return ProjectSlug.parse(value), find_build_num(value)
    except InvalidInputError as error:
        raise click.UsageError(f"{error}", ctx) from None
    if "BUILD" in (param.metavar or ""):
        raise click.UsageError(f"BUILD: {value!r} is not a build number, an integer from 1, nor {_FORMS}.", ctx)
    raise click.UsageError(f"PROJECT: expected {_FORMS}, got {value!r}.", ctx)


def _argument(metavar: str, read: Callable[..., Words]) -> Callable[[F], F]:
    return click.argument("target", metavar=metavar, nargs=-1, callback=read)


project: Final = _argument("[PROJECT]", _read_project)
build: Final = _argument("[PROJECT] [BUILD]", _read_build)
builds: Final = _argument("[PROJECT] [BUILD]...", _sort)
one_build: Final = _argument("[PROJECT] BUILD", _read_one_build)
named: Final = _argument("[PROJECT] NAME", _read_named)
