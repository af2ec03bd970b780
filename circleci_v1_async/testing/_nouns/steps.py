"""Steps of builds and their outputs, which the storage bucket also contains."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from circleci_v1_async.testing._server.addresses import Addresses
from circleci_v1_async.testing._server.checks import RefusedError
from circleci_v1_async.testing._server.routing import BUILD, Call, Route
from circleci_v1_async.testing._server.storage import StoredObject, serve_signed
from circleci_v1_async.testing._server.wire import Payload, Reply, encode_json, format_time
from circleci_v1_async.testing._state.account import Account
from circleci_v1_async.testing._state.arguments import check_choice, check_fields
from circleci_v1_async.testing._state.builds import FIRST_CONFIGURED_STEP, Action, Build
from circleci_v1_async.testing._state.files import make_fingerprint

# Observed in use: the service cuts off the beginning of longer outputs.
_MOST_STORED: Final = 400_000
STEP_STATUSES: Final = ("success", "failed", "running", "canceled", "timedout", "infrastructure_fail")
_FIELDS: Final = frozenset(
    {
        *("allocation_id", "background", "bash_command", "canceled", "continue", "end_time", "exit_code", "failed"),
        *("has_output", "infrastructure_fail", "insignificant", "output_url", "parallel", "run_time_millis"),
        *("start_time", "timedout", "type"),
    }
)


class StepBuilders:
    """Methods that add steps to builds, and add output to steps."""

    _account: Account

    def add_step(
        self,
        slug: str,
        build_num: int,
        name: str,
        *,
        output: str = "",
        status: str = "success",
        step: int | None = None,
        index: int = 0,
        published: bool = True,
        truncated: bool = False,
        fields: Mapping[str, object] | None = None,
        **named: object,
    ) -> None:
        r"""Add a step to a build, or one more container to a step.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            name: The step's name.
            output: The output. The service keeps escape sequences and `\r\n` in it.
            status: The status: success, failed, running, canceled, timedout or infrastructure_fail.
            step: The step's number. By default, it is the next of 0, 99, 101, 102 …, as in the service. To add a
                container to a step, pass the number of that step.
            index: The container.
            published: Whether an action with output has a URL for it.
            truncated: Whether the URL only returns the last 400,000 characters of the output, like the service for long
                outputs. The API's own route returns the complete output.
            fields: Keys of the action's payload to send unchanged, known or unknown.
            **named: Known keys of the action's payload, with values that replace the computed values.

        Raises:
            KeyError: The build does not exist.
            ValueError: The status or the name of a field is unknown.
        """
        check_choice("status", status, STEP_STATUSES)
        check_fields(named, _FIELDS)
        build = self._account.get_build(slug, build_num)
        build.add_action(
            name,
            output=output,
            status=status,
            step=step,
            index=index,
            published=published,
            truncated=truncated,
            fields={**named, **(fields or {})},
        )

    def add_output(
        self,
        slug: str,
        build_num: int,
        text: str,
        *,
        step: int | None = None,
        index: int = 0,
        status: str | None = None,
    ) -> None:
        """Add to the output of a running step.

        Args:
            slug: The project's slug.
            build_num: The build's number.
            text: The new output.
            step: The step's number; by default the last step.
            index: The container.
            status: The step's final status. Without a status, the step continues to run.
        """
        if status is not None:
            check_choice("status", status, STEP_STATUSES)
        actions = self._account.get_build(slug, build_num).actions
        number = actions[-1].step if step is None else step
        action = next(action for action in actions if (action.step, action.index) == (number, index))
        action.output += text
        action.status = status or action.status


def render_steps(build: Build, *, addresses: Addresses) -> list[Payload]:
    """Render the steps in order, each with one action for each container that ran it."""
    ordered = sorted(build.actions, key=lambda action: (action.step, action.index))
    grouped = (list(actions) for _, actions in groupby(ordered, key=lambda action: action.step))
    return [
        {"name": actions[0].name, "actions": [_render_action(build, action, addresses) for action in actions]}
        for actions in grouped
    ]


def render_step_output(action: Action) -> list[Payload]:
    """Render an action's output. If the action failed, add a last message with its exit code."""
    end = format_time(_compute_end_time(action))
    output: list[Payload] = []
    if action.output:
        output.append({"message": action.output, "time": end, "type": "out"})
    if action.status == "failed":
        output.append({"message": "Exited with code 1", "time": end, "type": "err"})
    return output


def _render_action(build: Build, action: Action, addresses: Addresses) -> Payload:
    running = action.status == "running"
    from_config = action.step >= FIRST_CONFIGURED_STEP
    payload: Payload = {
        "truncated": action.truncated,
        "index": action.index,
        "parallel": True,
        "failed": True if action.status == "failed" else None,
        "infrastructure_fail": True if action.status == "infrastructure_fail" else None,
        "name": action.name,
        "bash_command": f"#!/bin/bash -eo pipefail\n{action.name}" if from_config else None,
        "status": action.status,
        "timedout": True if action.status == "timedout" else None,
        "continue": None,
        "end_time": None if running else format_time(_compute_end_time(action)),
        "type": "test",
        "allocation_id": f"{build.revision[:24]}-{action.index}-build/1A2B3C4D",
        "start_time": format_time(action.start_time),
        "background": False,
        "exit_code": {"success": 0, "failed": 1}.get(action.status) if from_config else None,
        "insignificant": False,
        "canceled": True if action.status == "canceled" else None,
        "step": action.step,
        "run_time_millis": None if running else action.duration // timedelta(milliseconds=1),
        "has_output": bool(action.output),
    }
    # Recorded: an action has no output URL while it runs, and sometimes none afterwards.
    if action.output and action.published and not running:
        payload["output_url"] = addresses.sign_output_url(build, action)
    return payload | action.fields


def _compute_end_time(action: Action) -> datetime:
    return action.start_time + action.duration


def get_step_output(call: Call) -> object:
    action = call.build.find_action(call.params["step"], call.params["index"])
    if action is None:
        raise RefusedError(Reply.json_error(404, "Build not found"))
    output = render_step_output(action)
    if call.query.get("file") == "true":
        text = "".join(part["message"] for part in output)
        return Reply(200, text.encode(), {"Content-Type": "text/plain;charset=utf-8"})
    return output


def fetch_step_output(call: Call) -> Reply:
    """Serve a step's output at its signed URL, without other credentials."""
    project = call.account.projects.get("{vcs-type}/{username}/{repo}".format_map(call.params))
    build = project and project.builds.get(int(call.params["build-num"]))
    action = build and build.find_action(call.params["step"], call.params["index"])
    if not action:
        return serve_signed(call, None)
    output = render_step_output(action)
    if action.truncated and action.output:
        output[0] |= {"message": action.output[-_MOST_STORED:], "truncated": True}
    data = encode_json(output)
    return serve_signed(call, StoredObject(data, "application/json", action.start_time, f'"{make_fingerprint(data)}"'))


ROUTES: Final = (
    Route("GET", f"{BUILD}/output/:step/:index", get_step_output),
    Route("GET", "/logs/:vcs-type/:username/:repo/:build-num/:step/:index", fetch_step_output, site="storage"),
)
