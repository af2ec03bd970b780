"""Where CircleCI differs from its own openapi.yml: each deviation once, with its reason.

A deviation is applied as an action of the OpenAPI Overlay Specification is: objects are merged, arrays are joined,
everything else is replaced; and null removes.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

JSON = dict[str, Any]
Where = tuple[str | int, ...]


@attrs.frozen
class Deviation:
    """One difference between the document and the service.

    Attributes:
        where: The keys that lead there.
        change: What is merged into what is there.
        reason: Why.
    """

    where: Where
    change: JSON
    reason: str

    def __str__(self) -> str:
        return ".".join(map(str, (*self.where, *self.change)))

    def apply(self, document: Any) -> None:
        """Change the document in place."""
        for key in self.where:
            document = document[key]
        _merge(document, self.change)


def overlaid(document: JSON, overlay: Iterable[Deviation]) -> JSON:
    """The document as the service keeps it."""
    document = copy.deepcopy(document)
    for deviation in overlay:
        deviation.apply(document)
    return document


def _merge(target: JSON, change: JSON) -> None:
    for key, value in change.items():
        match target.get(key), value:
            case _, None:
                del target[key]
            case dict() as old, dict():
                _merge(old, value)
            case list() as old, list():
                target[key] = old + value
            case _:
                target[key] = copy.deepcopy(value)


# How the deviations are written.


def ref(*where: str | int) -> JSON:
    return {"$ref": "/".join(("#", *(str(key).replace("~", "~0").replace("/", "~1") for key in where)))}


def array(items: JSON) -> JSON:
    return {"type": "array", "items": items}


def record(**properties: JSON) -> JSON:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties}


def or_null(schema: JSON) -> JSON:
    return {"anyOf": [schema, NULL]} if "$ref" in schema else {**schema, "type": [schema["type"], "null"]}


def further(reason: str, where: Where, **properties: JSON) -> Iterator[Deviation]:
    """Properties that the document does not have."""
    for name, schema in properties.items():
        yield Deviation((*where, "properties"), {name: schema}, reason)


def nullable(reason: str, where: Where, **types: str) -> Iterator[Deviation]:
    """Properties of the document that may be null."""
    for name, type_ in types.items():
        yield Deviation((*where, "properties", name), {"type": [type_, "null"]}, reason)


def query(name: str, schema: JSON) -> JSON:
    return {"name": name, "in": "query", "schema": schema}


def parameter(reason: str, path: str, name: str, schema: JSON) -> Deviation:
    """A query parameter that the document does not have."""
    return Deviation(("paths", path, "get"), {"parameters": [query(name, schema)]}, reason)


def operation(
    path: str,
    operation_id: str,
    status: str,
    reply: JSON,
    *,
    media: str = "application/json",
    in_query: Mapping[str, JSON] = MappingProxyType({}),
    **body: JSON,
) -> JSON:
    """An operation that the document does not have. Whatever it takes in its query or its body may be left out."""
    in_path = {"in": "path", "required": True, "schema": STR}
    terms: JSON = {
        "operationId": operation_id,
        "parameters": [
            *(
                ref("components", "parameters", PARAMETERS[name]) if name in PARAMETERS else {"name": name, **in_path}
                for name in re.findall(r"{(.+?)}", path)
            ),
            *(query(name, schema) for name, schema in in_query.items()),
        ],
        "responses": {status: {"description": "Done.", "content": {media: {"schema": reply}}}},
    }
    if body:
        terms["requestBody"] = {"content": {"application/json": {"schema": record(**body)}}}
    return terms


def at(path: str, reason: str, **methods: JSON) -> Deviation:
    """Operations of a path that the document does not have."""
    return Deviation(("paths",), {path: methods}, reason)


def body_of(path: str, method: str, status: str) -> Where:
    return ("paths", path, method, "responses", status, "content", "application/json", "schema")


NULL: Final = {"type": "null"}
BOOL: Final = {"type": "boolean"}
INT: Final = {"type": "integer"}
STR: Final = {"type": "string"}
TIME: Final = {"type": "string", "format": "date-time"}
ANY: Final = {"type": "object", "additionalProperties": True}

PROJECT: Final = "/project/{vcs-type}/{username}/{project}"
TREE: Final = f"{PROJECT}/tree/{{branch}}"
BUILD: Final = f"{PROJECT}/{{build_num}}"
KEYS: Final = f"{PROJECT}/checkout-key"
VARIABLES: Final = f"{PROJECT}/envvar"
VARIABLE: Final = f"{VARIABLES}/{{name}}"
TOKENS: Final = f"{PROJECT}/token"
TOKEN: Final = f"{TOKENS}/{{token_id}}"
SETTINGS: Final = f"{PROJECT}/settings"
SSH_KEYS: Final = f"{PROJECT}/ssh-key"
PARAMETERS: Final = {
    "vcs-type": "VcsTypeParam",
    "username": "UsernameParam",
    "project": "ProjectParam",
    "build_num": "BuildNumParam",
}
LATEST: Final = f"{PROJECT}/latest/artifacts"

S_BUILD: Final = ("components", "schemas", "Build")
S_SUMMARY: Final = ("components", "schemas", "BuildSummary")
S_DETAIL: Final = ("components", "schemas", "BuildDetail", "allOf", 1)
S_ACTION: Final = (*S_DETAIL, "properties", "steps", "items", "properties", "actions", "items")
S_USER: Final = ("components", "schemas", "User")
S_PROJECT: Final = ("components", "schemas", "Project")
S_BRANCH: Final = (*S_PROJECT, "properties", "branches", "additionalProperties")
S_TEST: Final = ("components", "schemas", "TestMetadata")
S_KEY: Final = ("components", "schemas", "CheckoutKey")

EMPTY: Final = {"maxLength": 0, **STR}
ENV_VAR: Final = record(name=STR, value={"pattern": "^xxxx.{0,4}$", **STR})
PROJECT_TOKEN: Final = {"id": STR, "label": STR, "scope": STR}
MESSAGE: Final = record(type=STR, message=STR, reason=STR)
PREVIOUS: Final = or_null(record(build_num=INT, status=STR, build_time_millis=INT))
AUTHOR: Final = {"author_name": or_null(STR), "author_email": or_null(STR), "author_date": or_null(TIME)}

DOCS: Final = "CircleCI's docs, which have more than the document"
IN_USE: Final = "undocumented; seen in use by CircleCI's own tools"
SHALLOW: Final = "CircleCI's changelog of 2026 and its former web front end"
FULL: Final = "recorded: the service answers with the full build of its lists"
NOT_YET: Final = "recorded: null until the build gets there"
NO_COMMIT: Final = "recorded: null on builds that the API triggered, until the service looks the commit up"
IN_LISTS: Final = "recorded in builds of full lists, most of them in all 473"

OVERLAY: Final[tuple[Deviation, ...]] = (
    # Requests.
    Deviation(
        ("components", "parameters", "VcsTypeParam", "schema"),
        {"enum": ["circleci"]},
        "CircleCI's docs: projects of the GitHub App, GitLab and Bitbucket Data Center",
    ),
    Deviation(
        ("paths", TREE),
        {
            "get": {
                "operationId": "listBranchBuilds",
                "parameters": [
                    *(ref("paths", PROJECT, "get", "parameters", number) for number in range(6)),
                    ref("paths", TREE, "post", "parameters", 3),
                    query("shallow", BOOL),
                ],
                "responses": {"200": ref("paths", PROJECT, "get", "responses", "200")},
            }
        },
        "CircleCI's docs, and recorded: the builds of one branch",
    ),
    parameter(SHALLOW, "/projects", "shallow", BOOL),
    parameter(SHALLOW, "/recent-builds", "shallow", BOOL),
    parameter(SHALLOW, PROJECT, "shallow", BOOL),
    parameter("CircleCI's docs", KEYS, "digest", {"enum": ["md5", "sha256"], **STR}),
    Deviation(
        ("paths", LATEST, "get", "parameters", 4, "schema"),
        {"enum": ["running"]},
        "CircleCI's docs; listing builds has it in the document too",
    ),
    Deviation(
        ("paths", PROJECT, "post", "requestBody", "content", "application/json", "schema", "properties"),
        {"job": STR},
        "CircleCI's docs",
    ),
    # Operations.
    at(
        VARIABLES,
        f"{DOCS}; recorded",
        get=operation(VARIABLES, "listEnvVars", "200", array(ENV_VAR)),
        post=operation(VARIABLES, "addEnvVar", "201", ENV_VAR, name=STR, value=STR),
    ),
    at(
        VARIABLE,
        f"{DOCS}; recorded",
        get=operation(VARIABLE, "getEnvVar", "200", ENV_VAR),
        delete=operation(VARIABLE, "deleteEnvVar", "200", record(message=STR)),
    ),
    at(
        SSH_KEYS,
        f"{DOCS}; what it answers is not known",
        delete=operation(SSH_KEYS, "deleteSSHKey", "200", EMPTY, hostname=STR, fingerprint=STR),
    ),
    at(
        f"{BUILD}/ssh-users",
        f"{DOCS}; recorded",
        post=operation(f"{BUILD}/ssh-users", "addSSHUsers", "200", ref(*S_BUILD)),
    ),
    at(
        f"{BUILD}/ssh",
        f"{DOCS}, until 2027-02-01",
        post=operation(f"{BUILD}/ssh", "retryBuildWithSSH", "200", ref(*S_BUILD)),
    ),
    at(
        f"{PROJECT}/build",
        f"{DOCS}, until 2027-02-01",
        post=operation(
            f"{PROJECT}/build",
            "triggerPipeline",
            "200",
            record(status=INT, body=STR),
            branch=STR,
            revision=STR,
            tag=STR,
        ),
    ),
    at(
        f"{PROJECT}/unfollow",
        f"{IN_USE}; recorded",
        post=operation(f"{PROJECT}/unfollow", "unfollowProject", "200", record(following=BOOL)),
    ),
    at(
        f"{PROJECT}/enable",
        f"{IN_USE}; recorded",
        post=operation(f"{PROJECT}/enable", "enableProject", "200", ref(*S_PROJECT)),
        delete=operation(f"{PROJECT}/enable", "disableProject", "200", ref(*S_PROJECT)),
    ),
    at(
        SETTINGS,
        f"{IN_USE}; recorded",
        get=operation(SETTINGS, "getProjectSettings", "200", ref(*S_PROJECT), in_query={"skip-branches": BOOL}),
        put=operation(SETTINGS, "updateProjectSettings", "200", EMPTY, feature_flags=ANY),
    ),
    at(
        TOKENS,
        IN_USE,
        get=operation(TOKENS, "listProjectTokens", "200", array(record(**PROJECT_TOKEN))),
        post=operation(TOKENS, "createProjectToken", "201", record(**PROJECT_TOKEN, token=STR), scope=STR, label=STR),
    ),
    at(
        TOKEN,
        f"{IN_USE}; what it answers is not known",
        delete=operation(TOKEN, "deleteProjectToken", "200", record(message=STR)),
    ),
    at(
        f"{PROJECT}/build-cache",
        f"{DOCS}; recorded",
        delete=operation(f"{PROJECT}/build-cache", "clearBuildCache", "200", record(status=STR)),
    ),
    at(
        "/user/heroku-key",
        f"{DOCS}; recorded: an empty JSON string that calls itself text",
        post=operation("/user/heroku-key", "addHerokuKey", "200", {"const": '""'}, media="text/plain", apikey=STR),
    ),
    # Replies that are something else.
    Deviation(body_of(PROJECT, "post", "201"), ref(*S_BUILD), FULL),
    Deviation(body_of(TREE, "post", "201"), ref(*S_BUILD), FULL),
    Deviation(body_of(f"{BUILD}/retry", "post", "200"), ref(*S_BUILD), FULL),
    Deviation(body_of(f"{BUILD}/cancel", "post", "200"), ref(*S_BUILD), FULL),
    Deviation(
        ("paths", f"{PROJECT}/ssh-key", "post", "responses", "200"),
        {"content": {"application/json": {"schema": EMPTY}}},
        "recorded: an empty JSON string",
    ),
    *further("recorded; undocumented", body_of(f"{PROJECT}/follow", "post", "200"), workflow=BOOL),
    Deviation(
        (*body_of(f"{PROJECT}/follow", "post", "200"), "properties", "first_build"),
        {"$ref": None, **or_null(ref(*S_BUILD))},
        "recorded: null when following started no build",
    ),
    *further("recorded, always empty", body_of(f"{BUILD}/tests", "get", "200"), exceptions=array(ANY)),
    # Builds.
    *nullable(NOT_YET, S_BUILD, start_time="string", stop_time="string", build_time_millis="integer"),
    Deviation((*S_BUILD, "properties", "outcome"), {"type": ["string", "null"], "enum": [None]}, NOT_YET),
    *nullable(f"{NO_COMMIT}; on Bitbucket for ever", S_BUILD, committer_name="string", committer_email="string"),
    *nullable(NO_COMMIT, S_BUILD, subject="string", body="string"),
    *further(f"{IN_LISTS}; {NO_COMMIT}", S_BUILD, **AUTHOR),
    *further(
        "recorded, without milliseconds and with any offset; empty on Bitbucket",
        S_BUILD,
        committer_date=or_null(STR),
    ),
    *further("recorded; absent until the build is in that queue", S_BUILD, usage_queued_at=TIME),
    *further("only in shallow lists", S_BUILD, fleet=or_null(STR), pull_requests=array(ANY)),
    *further(
        "recorded; absent from builds that are not of a workflow",
        S_BUILD,
        context_ids=array(STR),
        workflows=record(
            job_name=STR,
            job_id=STR,
            workflow_id=STR,
            workflow_name=STR,
            workspace_id=STR,
            upstream_job_ids=array(STR),
            upstream_concurrency_map=ANY,
        ),
    ),
    *further(
        "recorded; the id is a number on GitHub and a UUID in braces on Bitbucket",
        S_BUILD,
        user=record(
            is_user=BOOL, login=STR, name=STR, avatar_url=STR, vcs_type=STR, id={"type": ["integer", "string"]}
        ),
    ),
    *further(
        IN_LISTS,
        S_BUILD,
        all_commit_details=array(ANY),
        all_commit_details_truncated=BOOL,
        build_parameters=or_null(ANY),
        canceled=BOOL,
        canceler=or_null(ANY),
        circle_yml=or_null(ANY),
        compare=or_null(STR),
        dont_build=or_null(STR),
        fail_reason=or_null(STR),
        failed=or_null(BOOL),
        infrastructure_fail=BOOL,
        is_first_green_build=BOOL,
        job_name=or_null(STR),
        messages=array(MESSAGE),
        node=or_null(array(ANY)),
        oss=BOOL,
        parallel=INT,
        picard=or_null(ANY),
        platform=STR,
        previous=PREVIOUS,
        previous_successful_build=PREVIOUS,
        retries=or_null(array(INT)),
        retry_of=or_null(INT),
        ssh_disabled=BOOL,
        ssh_users=array(ANY),
        timedout=BOOL,
        vcs_tag=or_null(STR),
        vcs_type=STR,
    ),
    # Builds with their steps.
    *further("recorded in 18 of 19 single builds", S_DETAIL, owners=array(STR)),
    *nullable("recorded: null on builds of CircleCI 2.0", S_DETAIL, node="array"),
    Deviation(
        (*S_DETAIL, "properties", "messages"),
        {"items": MESSAGE},
        "recorded: objects, 98 of 98",
    ),
    *nullable("recorded: null while the action runs", S_ACTION, end_time="string", run_time_millis="integer"),
    *further(
        "recorded in actions, most of them in all 145",
        S_ACTION,
        allocation_id=STR,
        background=BOOL,
        bash_command=or_null(STR),
        canceled=or_null(BOOL),
        **{"continue": NULL},
        exit_code=or_null(INT),
        failed=or_null(BOOL),
        has_output=BOOL,
        index=INT,
        infrastructure_fail=or_null(BOOL),
        insignificant=BOOL,
        parallel=BOOL,
        step=INT,
        timedout=or_null(BOOL),
        truncated=BOOL,
    ),
    # Tests and keys.
    *nullable("recorded: null unless the test has something to say", S_TEST, message="string"),
    *nullable("recorded: null when the report names none", S_TEST, file="string"),
    *further("recorded", S_TEST, source_type=STR),
    *nullable("recorded: null on deploy keys, 16 of 16", S_KEY, login="string"),
    # Users.
    *nullable("recorded", S_USER, admin="boolean", name="string"),
    *further(
        "recorded in users, most of them in all",
        S_USER,
        analytics_id=STR,
        basic_email_prefs=STR,
        bitbucket=or_null(ANY),
        bitbucket_authorized=BOOL,
        containers=INT,
        dev_admin=BOOL,
        enrolled_betas=array(STR),
        first_vcs_authorized_client_id=or_null(INT),
        github_id=INT,
        github_oauth_scopes=array(STR),
        gravatar_id=or_null(STR),
        heroku_api_key=or_null(STR),
        identities=ANY,
        in_beta_program=BOOL,
        num_projects_followed=INT,
        organization_prefs=ANY,
        plan=or_null(STR),
        privacy_optout=BOOL,
        projects={"type": "object", "additionalProperties": record(emails=STR, on_dashboard=BOOL)},
        pusher_id=STR,
        sign_in_count=INT,
        student=BOOL,
        trial_end=TIME,
        web_ui_pipelines_first_opt_in=BOOL,
        web_ui_pipelines_optout=STR,
    ),
    # Projects.
    *further(
        "recorded in the builds of branches, most of them in all 6874",
        S_SUMMARY,
        outcome=or_null(STR),
        pushed_at=TIME,
        added_at=TIME,
        is_workflow_job=BOOL,
        is_2_0_job=BOOL,
    ),
    *further(
        "recorded; absent from branches that have none",
        S_BRANCH,
        running_builds=array(ref(*S_SUMMARY)),
        last_success=ref(*S_SUMMARY),
        last_non_success=ref(*S_SUMMARY),
        pusher_logins=array(STR),
        is_using_workflows=BOOL,
        latest_workflows={"type": "object", "additionalProperties": record(id=STR, status=STR, created_at=TIME)},
        latest_completed_workflows={
            "type": "object",
            "additionalProperties": record(id=STR, status=STR, created_at=TIME),
        },
    ),
    *further("recorded since 2017 in place of `followed`", S_PROJECT, following=BOOL),
    *further("recorded in settings, in place of `vcs_type`", S_PROJECT, **{"vcs-type": STR}),
    *further("recorded in all projects", S_PROJECT, vcs_type=STR, default_branch=STR, oss=BOOL, has_usable_key=BOOL),
    *further("recorded; null when the code host cannot tell", S_PROJECT, language=or_null(STR)),
    *further(
        "recorded in 40 of 41 projects",
        S_PROJECT,
        parallel=INT,
        feature_flags=ANY,
        ssh_keys=array(record(hostname=or_null(STR), public_key=STR, fingerprint=STR)),
        aws=ANY,
        **dict.fromkeys(("compile", "dependencies", "extra", "setup", "test"), STR),
        **dict.fromkeys(("campfire_notify_prefs", "campfire_room", "campfire_subdomain", "campfire_token"), NULL),
        flowdock_api_token=or_null(STR),
        heroku_deploy_user=or_null(STR),
        **dict.fromkeys(("irc_channel", "irc_keyword", "irc_notify_prefs"), NULL),
        **dict.fromkeys(("irc_password", "irc_server", "irc_username", "jira"), NULL),
        **dict.fromkeys(("slack_api_token", "slack_channel", "slack_channel_override", "slack_subdomain"), NULL),
        slack_notify_prefs=or_null(STR),
        slack_webhook_url=or_null(STR),
    ),
    *further(
        "recorded in all projects since 2017",
        S_PROJECT,
        **dict.fromkeys(("slack_integration_access_token", "slack_integration_notify_prefs"), NULL),
        **dict.fromkeys(("slack_integration_channel", "slack_integration_channel_id"), NULL),
        **dict.fromkeys(("slack_integration_team", "slack_integration_team_id"), NULL),
        slack_integration_webhook_url=NULL,
    ),
)
