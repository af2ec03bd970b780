"""What `circleci-v1 whoami` and `circleci-v1 projects` print, and what no command prints."""

import json

import attrs
import pytest
from cli_runner import WEB, run_beside

from circleci_v1_async import (
    Action,
    Build,
    BuildDetail,
    BuildEvent,
    EnvVar,
    Project,
    ProjectToken,
    Step,
    User,
    WatchCursor,
    loads,
    models,
)
from circleci_v1_async._cli.json_lines import encode_json
from circleci_v1_async._cli.text import replace_controls, to_one_line

CANARY = "canary-7f3a"


@pytest.mark.usefixtures("service")
async def test_whoami_says_whose_token_it_is():
    result = await run_beside("whoami")

    assert result.exit_code == 0
    assert result.output == "ada (Ada Adams)\n"


async def test_a_user_without_names_is_told_all_the_same(service):
    service.reply_next(b"{}")

    result = await run_beside("whoami")

    assert result.output == "unknown\n"


async def test_whoami_prints_the_user_as_json_without_the_secrets_of_the_account(service):
    service.user["heroku_api_key"] = CANARY

    result = await run_beside("whoami", "--json")

    assert loads(result.output, User).login == "ada"
    assert CANARY not in result.output


async def test_projects_are_listed_by_the_names_that_other_commands_take(service):
    service.add_project(WEB)
    service.add_project("bb/acme/api")

    result = await run_beside("projects")

    assert result.output == f"{WEB}\nbitbucket/acme/api\n"
    assert [dict(request.query)["shallow"] for request in service.requests] == ["true"]


async def test_projects_are_printed_as_json_one_a_line(service):
    service.add_project(WEB)
    service.add_project("bb/acme/api")

    result = await run_beside("projects", "--json")

    lines = result.output.splitlines()
    assert [str(loads(line, Project).slug) for line in lines] == [WEB, "bitbucket/acme/api"]
    assert [json.loads(line)["project"] for line in lines] == [WEB, "bitbucket/acme/api"]
    selected = await run_beside("projects", "--fields", "project,default_branch")
    assert json.loads(selected.output.splitlines()[0]) == {"project": WEB, "default_branch": "main"}


@pytest.mark.parametrize(
    "model",
    [
        BuildDetail(
            build_num=1,
            build_parameters={"KEY": CANARY},
            steps=(Step(actions=(Action(name="Test", output_url=f"https://{CANARY}"),)),),
        ),
        EnvVar(name="KEY", value=CANARY),
        ProjectToken(id="1", token=CANARY),
        User(heroku_api_key=CANARY),
        BuildEvent(BuildDetail(build_num=1), "new", WatchCursor(CANARY)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_a_repr_hides_is_not_in_the_json_either(model):
    assert CANARY not in repr(model)
    assert CANARY not in encode_json(model)


@pytest.mark.parametrize("name", [name for name in models.__all__ if isinstance(getattr(models, name), type)])
def test_everything_else_that_has_a_value_is_in_the_json(name):
    kind = getattr(models, name)
    required = {field.name: 1 for field in attrs.fields(kind) if field.default is attrs.NOTHING}

    model = kind(**required)

    data = json.loads(encode_json(model))

    valued = [field.name for field in attrs.fields(kind) if getattr(model, field.name) is not None]
    computed = ["is_failure"] if issubclass(kind, Build) else []
    assert list(data) == [name for name in valued if getattr(attrs.fields(kind), name).repr] + computed


@pytest.mark.parametrize("char", ["\x00", "\x1b", "\x9b", "\u202e", "\u2028", "\U000e0041"])
def test_json_has_no_character_that_a_terminal_obeys_and_still_means_it(char):
    line = encode_json(User(name=f"ü{char}x"))

    assert line.isprintable()
    assert json.loads(line)["name"] == f"ü{char}x"


OBEYED = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202e\u2066\u2069\ud800"]


@pytest.mark.parametrize("char", [char for char in OBEYED if char not in "\n\t"])
def test_no_text_reaches_a_terminal_with_a_character_that_it_obeys_but_with_its_escape(char):
    escape = char.encode("unicode_escape").decode()

    assert to_one_line(f"a{char}b\n\tc") == ("a b c" if char == "\r" else f"a{escape}b c")
    assert replace_controls(f"a{char}b\n\tü") == f"a{escape}b\n\tü"
