"""The operations on builds, each a function with the operation's name."""

from typing import Final, cast

from circleci_v1_async.testing._nouns.builds import Payload, render_build_detail, render_step_output
from circleci_v1_async.testing._nouns.lists import parse_list_query, render_page
from circleci_v1_async.testing._nouns.projects import render_artifact
from circleci_v1_async.testing._server.checks import RefusedError, take_count, take_members, take_text
from circleci_v1_async.testing._server.routing import Call, Created
from circleci_v1_async.testing._server.wire import Reply
from circleci_v1_async.testing._state.builds import Build

_PIPELINE_CREATED: Final = {"status": 200, "body": "Build created"}
_TAG_OR_BRANCH: Final = {"status": 400, "body": "Only one of branch, revision and tag may be given."}


def list_recent_builds(call: Call) -> bytes:
    call.require_token()
    return render_page(call)


def list_project_builds(call: Call) -> bytes:
    return render_page(call)


def list_branch_builds(call: Call) -> bytes:
    return render_page(call)


def get_build(call: Call) -> Payload:
    return render_build_detail(call.project, call.build, addresses=call.addresses)


def trigger_build(call: Call) -> Created:
    return _trigger(call, branch=take_text(call.body, "branch"))


def trigger_branch_build(call: Call) -> Created:
    return _trigger(call, branch=call.params["branch"])


def retry_build(call: Call) -> Payload:
    return call.account.retry_build(call.project_to_change.slug, call.build.build_num)


def retry_build_with_ssh(call: Call) -> Payload:
    return call.account.retry_build(call.project_to_change.slug, call.build.build_num, with_ssh=True)


def add_ssh_users(call: Call) -> Payload:
    return call.account.add_ssh_user(call.project_to_change.slug, call.build.build_num)


def trigger_pipeline(call: Call) -> Payload:
    project = call.project_to_change
    branch, revision, tag = (take_text(call.body, name) for name in ("branch", "revision", "tag"))
    if tag and (branch or revision):
        return _TAG_OR_BRANCH
    call.account.trigger_pipeline(project.slug, branch=branch, revision=revision, tag=tag)
    return _PIPELINE_CREATED


def cancel_build(call: Call) -> Payload:
    return call.account.cancel_build(call.project_to_change.slug, call.build.build_num)


def list_build_artifacts(call: Call) -> list[Payload]:
    return _render_artifacts(call, call.build)


def list_latest_artifacts(call: Call) -> list[Payload]:
    latest = next(parse_list_query(call).select(call.project.list_builds_newest_first()), None)
    if latest is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    return _render_artifacts(call, latest)


def list_build_tests(call: Call) -> Payload:
    return {"tests": call.build.tests, "exceptions": []}


def get_step_output(call: Call) -> object:
    action = call.build.find_action(call.params["step"], call.params["index"])
    if action is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    output = render_step_output(action)
    if call.query.get("file") == "true":
        text = "".join(part["message"] for part in output)
        return Reply(200, text.encode(), {"Content-Type": "text/plain;charset=utf-8"})
    return output


def _trigger(call: Call, *, branch: str | None) -> Created:
    project, body = call.project_to_change, call.body
    revision, tag = take_text(body, "revision"), take_text(body, "tag")
    parameters = take_members(body, "build_parameters") or {}
    if (revision and tag) or not all(isinstance(value, str) for value in parameters.values()):
        raise RefusedError
    build = call.account.trigger_build(
        project.slug,
        branch=branch,
        revision=revision,
        tag=tag,
        parallel=take_count(body, "parallel"),
        build_parameters=cast("dict[str, object]", parameters),
    )
    return call.make_created(build, build["build_num"])


def _render_artifacts(call: Call, build: Build) -> list[Payload]:
    return [
        render_artifact(build, artifact.path, artifact.node_index, addresses=call.addresses)
        for artifact in build.artifacts.values()
    ]
