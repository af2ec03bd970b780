"""PROJECT and BUILD: their forms, and where they come from if they are left out."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cli_runner import WEB, run, run_beside

from circleci_v1_async._cli import checkout, command
from circleci_v1_async._cli.checkout import find_checkout

URL = "https://circleci.com/gh/acme/web/1"
FROM_GIT = "gh/acme/web, from the git remote\n"


def git(*args):
    subprocess.run(["git", *args], check=True, capture_output=True)  # noqa: S603, S607 - in a folder of the test


@pytest.fixture
def repository():
    """A git checkout of branch `fix/it` without a remote, as the current folder."""
    git("init", "--initial-branch", "fix/it")
    return Path.cwd()


@pytest.fixture
def checked_out(repository):
    """A git checkout of the project."""
    git("remote", "add", "origin", "git@github.com:acme/web.git")
    return repository


@pytest.fixture
def web(service):
    """The service, with a project that has two builds on each of two branches."""
    service.add_project(WEB)
    service.add_build(WEB, status="failed", job="test", branch="fix/it")
    service.add_build(WEB, job="docs", branch="fix/it")
    service.add_build(WEB, status="failed", job="test")
    service.add_build(WEB, job="docs")
    for number in range(1, 5):
        service.add_step(WEB, number, "pytest", output=f"output of {number}\n", status="failed")
    service.clear_requests()
    return service


# The project.


@pytest.mark.usefixtures("checked_out", "web")
@pytest.mark.parametrize("args", [("builds",), ("view", "1"), ("logs", "1"), ("tests", "1"), ("open", "--print", "1")])
async def test_without_a_project_commands_use_the_git_remote_and_name_it(args):
    result = await run_beside(*args)

    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(FROM_GIT)


@pytest.mark.usefixtures("checked_out")
async def test_a_variable_is_set_in_the_project_of_the_checkout(web):
    result = await run_beside("env", "set", "KEY", input="a value")

    assert (result.exit_code, result.output) == (0, f"{FROM_GIT}KEY is set.\n")
    assert web.requests[-1].json["name"] == "KEY"


@pytest.mark.usefixtures("checked_out", "web")
async def test_a_given_project_is_not_named():
    result = await run_beside("builds", "gh/acme/web")

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.usefixtures("checked_out")
async def test_the_remote_upstream_comes_before_origin(web):
    git("remote", "add", "upstream", "https://github.com/other/fork")
    web.add_project("gh/other/fork")

    result = await run_beside("builds")

    assert result.output == "gh/other/fork, from the git remote\nNo builds found.\n"


@pytest.mark.usefixtures("checked_out")
def test_a_remote_that_cannot_be_a_project_is_left_out():
    git("remote", "add", "upstream", "/srv/mirror")

    assert str(find_checkout().project) == WEB


@pytest.mark.usefixtures("repository")
def test_a_password_in_a_remote_is_not_shown():
    git("remote", "add", "origin", "https://someone:s3cret@github.com/acme/web.git")

    assert str(find_checkout().project) == WEB
    assert "s3cret" not in repr(find_checkout())


@pytest.mark.usefixtures("checked_out")
def test_a_checkout_of_a_commit_has_no_branch():
    git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--allow-empty", "--message", "One")
    assert find_checkout().branch == "fix/it"

    git("checkout", "--detach")

    assert find_checkout().branch is None


@pytest.mark.usefixtures("repository")
def test_a_checkout_without_a_remote_names_no_project():
    assert find_checkout() is None


@pytest.mark.usefixtures("checked_out")
def test_without_git_there_is_no_checkout(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    assert find_checkout() is None


@pytest.mark.parametrize("error", [OSError("no"), subprocess.TimeoutExpired("git", 10)])
@pytest.mark.usefixtures("checked_out")
def test_a_git_that_does_not_run_is_as_good_as_none(error, monkeypatch):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(checkout.subprocess, "run", fail)

    assert find_checkout() is None


@pytest.mark.usefixtures("checked_out")
@pytest.mark.parametrize(("url", "vcs"), [(None, "gh"), ("git@bitbucket.org:acme/api.git", "bb")])
async def test_in_a_job_of_circleci_the_project_is_its_own(url, vcs, web, monkeypatch):
    monkeypatch.setenv("CIRCLE_PROJECT_USERNAME", "acme")
    monkeypatch.setenv("CIRCLE_PROJECT_REPONAME", "api")
    if url is not None:
        monkeypatch.setenv("CIRCLE_REPOSITORY_URL", url)
    web.add_project(f"{vcs}/acme/api")

    result = await run_beside("builds")

    source = f"{vcs}/acme/api, from CIRCLE_PROJECT_USERNAME and CIRCLE_PROJECT_REPONAME"
    assert (result.exit_code, result.output) == (0, f"{source}\nNo builds found.\n")


def test_a_job_of_circleci_that_cannot_be_of_a_project_is_one_line(monkeypatch):
    monkeypatch.setenv("CIRCLE_PROJECT_USERNAME", "a/b")
    monkeypatch.setenv("CIRCLE_PROJECT_REPONAME", "c")

    result = run("builds")

    assert (result.exit_code, result.output.count("\n")) == (2, 1)


@pytest.mark.parametrize("args", [("builds",), ("view",), ("logs", "21"), ("env", "set", "NAME"), ("trigger",)])
def test_where_nothing_names_a_project_the_error_says_how_to_give_it(args):
    result = run(*args)

    assert result.exit_code == 2
    assert result.output.startswith("Error: Missing argument 'PROJECT': give a project such as gh/acme/web, or ")
    assert result.output.count("\n") == 1


# The forms of arguments.


@pytest.mark.parametrize(
    "args",
    [
        (WEB, "1"),
        ("1", WEB),
        ("gh/acme/web", "#1"),
        ("gh/acme/web/1",),
        ("gh/acme/web#1",),
        ("git@github.com:acme/web.git", "1"),
        ("https://github.com/acme/web", "1"),
        (URL,),
        (URL, "1"),
        (URL, WEB),
        (" gh/acme/web ", " 1 "),
    ],
)
@pytest.mark.usefixtures("web")
async def test_an_argument_with_a_slash_is_the_project_digits_are_a_build_and_a_url_is_both(args):
    result = await run_beside("view", *args, "--json")

    assert result.exit_code == 0, result.output
    assert (json.loads(result.stdout)["build_num"], result.stderr) == (1, "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("view", WEB, "gh/acme/api"), "Expected one project, got github/acme/web and github/acme/api."),
        (("view", WEB, "1", "2"), "Expected one build, got 1, 2."),
        (("view", URL, "2"), "PROJECT is the URL of build 1, but BUILD is 2."),
        (("view", "http://[bad"), "Expected a project as 'github/org/repo'"),
        (("builds", "http://[bad"), "Expected a project as 'github/org/repo'"),
        (("watch", "http://[bad"), "Expected a project as 'github/org/repo'"),
        (("builds", "1"), "1 is one build: expected a project."),
        (("watch", URL), "is one build: expected a project."),
        (("builds", "acme"), "PROJECT: expected a project such as gh/acme/web, got 'acme'."),
        (("env", "set", "gh/acme/web"), "Missing argument 'NAME'."),
        (("env", "set"), "Missing argument 'NAME'."),
        (("env", "set", WEB, "A", "B"), "Expected PROJECT and NAME, got 3 arguments."),
        (("env", "set", WEB, "1A"), "NAME: expected letters, digits and underscores, not a digit first, got '1A'."),
        (("view", WEB, "1", "--branch", "main"), "BUILD cannot be used with --branch."),
        (("view", WEB, "1", "--failed"), "BUILD cannot be used with --failed."),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(args, said, monkeypatch):
    monkeypatch.setenv("CIRCLE_TOKEN", "t")

    result = run(*args)

    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert said in result.output


@pytest.mark.parametrize("words", [("KEY", WEB), (WEB, "KEY")])
@pytest.mark.usefixtures("web")
async def test_the_name_of_a_variable_may_stand_before_the_project(words):
    assert (await run_beside("env", "set", *words, input="a value")).output == "KEY is set.\n"


async def test_a_variable_to_delete_may_have_any_name(web):
    result = await run_beside("env", "delete", WEB, "odd/name 1", "--yes")

    assert result.exit_code == 4
    assert web.requests[-1].path.endswith("/envvar/odd%2Fname%201")


@pytest.mark.parametrize("args", [("env", "set", WEB, "TOKEN=hunter22"), ("env", "set", "TOKEN=hunter22")])
async def test_name_and_value_in_one_argument_are_refused_without_showing_the_value(args, web):
    result = await run_beside(*args, input="abc")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: NAME=VALUE would show the value to other users.")
    assert "circleci-v1 env set NAME < FILE" in result.stderr
    assert "hunter22" not in result.stderr
    assert web.requests == []


# The build.


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("options", "number", "said"),
    [
        ((), 4, "Build 4, the newest build"),
        (("--branch", "fix/it"), 2, "Build 2, the newest build on branch 'fix/it'"),
        (("-j", "test"), 3, "Build 3, the newest build of job 'test'"),
        (("--failed",), 3, "Build 3, the newest failed build"),
        (("-s", "failed", "-b", "fix/it"), 1, "Build 1, the newest failed build on branch 'fix/it'"),
    ],
)
async def test_without_a_build_the_newest_that_fits_is_shown_and_named(options, number, said):
    result = await run_beside("view", WEB, *options, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["build_num"] == number
    assert result.stderr == f"{said}\n"


@pytest.mark.usefixtures("web")
async def test_the_newest_build_of_a_workflow_is_shown(web):
    web.add_build(WEB, workflow="nightly")
    web.add_build(WEB)

    result = await run_beside("view", WEB, "--workflow", "nightly")

    assert result.stderr == "Build 5, the newest build of workflow 'nightly'\n"


@pytest.mark.usefixtures("web")
async def test_failed_logs_are_of_the_newest_failed_build():
    result = await run_beside("logs", WEB, "--failed")

    assert result.stderr == "Build 3, the newest failed build\n"
    assert "output of 3" in result.stdout


@pytest.mark.usefixtures("web", "checked_out")
@pytest.mark.parametrize(
    "args",
    [("view",), ("logs",), ("tests",), ("open", "--print"), ("artifacts", "--list"), ("wait",)],
    ids=lambda args: args[0],
)
async def test_in_a_checkout_the_newest_build_is_of_the_branch_that_is_checked_out(args):
    result = await run_beside(*args)

    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"{FROM_GIT}Build 2, the newest build on branch 'fix/it'\n")


@pytest.mark.usefixtures("checked_out")
async def test_in_a_checkout_the_latest_artifacts_are_of_the_branch_that_is_checked_out_and_named(web):
    web.add_artifact(WEB, 2, "a.txt", b"a")

    named = await run_beside("artifacts", "--latest", "--list")
    given = await run_beside("artifacts", "--latest", "--list", "--branch", "fix/it")

    assert named.stdout == given.stdout == "a.txt\n"
    assert named.stderr == f"{FROM_GIT}The latest build on branch 'fix/it'\n"
    assert given.stderr == FROM_GIT


@pytest.mark.usefixtures("web", "checked_out")
@pytest.mark.parametrize("args", [(WEB,), ("--branch", "main")])
async def test_the_branch_of_the_checkout_is_not_used_for_a_given_project_or_branch(args):
    assert "Build 4, the newest" in (await run_beside("view", *args)).stderr


@pytest.mark.usefixtures("web")
async def test_without_a_build_that_fits_the_exit_code_is_4():
    result = await run_beside("view", WEB, "--job", "deploy", "--branch", "main")

    assert (result.exit_code, result.output) == (4, "Error: No builds of job 'deploy' found on branch 'main'.\n")


# Commands that change something.


@pytest.mark.usefixtures("checked_out")
@pytest.mark.parametrize(
    ("args", "question", "request_"),
    [
        (("cancel", "1"), "Cancel build 1 of gh/acme/web, from the git remote?", "1/cancel"),
        (("retry", "1"), "Run build 1 of gh/acme/web, from the git remote, again?", "1/retry"),
        (("env", "delete", "KEY"), "Delete KEY of gh/acme/web, from the git remote?", "envvar/KEY"),
    ],
)
async def test_a_project_found_by_git_is_named_in_the_question(args, question, request_, web, monkeypatch):
    monkeypatch.setattr(command, "can_ask", lambda: True)
    web.add_env_var(WEB, "KEY", "a-value")

    result = await run_beside(*args, input="y\n")

    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"{question} [y/N]: ")
    assert FROM_GIT not in result.stderr
    assert web.requests[-1].path.endswith(request_)


@pytest.mark.usefixtures("checked_out")
@pytest.mark.parametrize("args", [("cancel", "1"), ("retry", "1"), ("env", "delete", "KEY")])
async def test_a_project_found_by_git_must_be_given_without_a_terminal_or_with_yes(args, web):
    unasked = await run_beside(*args)
    confirmed = await run_beside(*args, "--yes")

    assert (unasked.exit_code, confirmed.exit_code) == (2, 2)
    assert "can only be asked on a terminal: repeat it with PROJECT and --yes." in unasked.output
    assert "--yes needs PROJECT: gh/acme/web, from the git remote" in confirmed.output
    assert web.requests == []
