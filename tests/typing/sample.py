"""What a user writes, as type checkers see it. Checked by mypy and pyright in their strict modes, and never run."""

import warnings
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, assert_never, assert_type

import aiohttp
import attrs
import cattrs

from circleci_v1_async import (
    Action,
    Artifact,
    ArtifactDownloads,
    ArtifactStream,
    BranchBuild,
    BuildEvent,
    BuildFilter,
    BuildStatus,
    BuildWatch,
    CacheResult,
    CheckoutKey,
    CheckoutKeyType,
    CircleCIConverter,
    CircleCIError,
    CircleCISession,
    CircleCISunsetWarning,
    CursorFile,
    DecodeError,
    Download,
    DownloadError,
    DownloadEvent,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
    EnvVar,
    FollowResult,
    GoneError,
    InvalidInputError,
    LogLine,
    Message,
    OffsetRefusedError,
    OnError,
    OnExists,
    Outcome,
    PageWalk,
    PaginationDriftError,
    PipelineResult,
    Progress,
    Project,
    ProjectSettings,
    ProjectSlug,
    ProjectToken,
    RateLimitError,
    Request,
    RequestTimeoutError,
    Response,
    Retry,
    RetryPolicy,
    SessionOptions,
    Step,
    StepOutput,
    Sunset,
    TestMetadata,
    TokenScope,
    TransportError,
    User,
    Verdict,
    ViewOptions,
    WaitTimeoutError,
    WalkOptions,
    WatchCursor,
    WorkflowRun,
    dumps,
    group_builds,
    loads,
    make_converter,
)
from circleci_v1_async import Build as Job
from circleci_v1_async.export import ExportProgress, ExportSummary, export_builds
from circleci_v1_async.models import BuildDetail, model
from circleci_v1_async.testing import FakeCircleCI

SLUG = ProjectSlug("gh", "mozilla", "bleach")
RUN = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"


async def operations(ci: CircleCISession) -> None:
    assert_type(await ci.get_current_user(), User)
    assert_type(await ci.list_projects(shallow=True), list[Project])
    assert_type(await ci.list_project_builds(SLUG, branch="main", filter=BuildFilter.FAILED, limit=100), list[Job])
    assert_type(await ci.list_project_builds("gh/mozilla/bleach", filter="failed", shallow=True), list[Job])
    # Values that the API does not have are errors for checkers too.
    await ci.list_project_builds(SLUG, filter="success")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await ci.list_latest_artifacts(SLUG, filter="")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await ci.create_checkout_key(SLUG, "rsa")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await ci.list_checkout_keys(SLUG, digest="sha")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await ci.get_project_settings(SLUG, ssh_key_digest="sha")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert_type(await ci.list_recent_builds(limit=10, offset=20), list[Job])
    assert_type(await ci.trigger_build(SLUG, revision="c0ffee", build_parameters={"A": "1"}), Job)
    assert_type(await ci.trigger_branch_build(SLUG, "feature/x", parallel=2), Job)
    assert_type(await ci.get_build(SLUG, 7), BuildDetail)
    assert_type(await ci.retry_build(SLUG, 7), Job)
    assert_type(await ci.cancel_build(SLUG, 7), Job)
    assert_type(await ci.list_build_artifacts(SLUG, 7), list[Artifact])
    assert_type(await ci.list_latest_artifacts(SLUG, branch="main", filter="successful"), list[Artifact])
    assert_type(await ci.list_build_tests(SLUG, 7), list[TestMetadata])
    await ci.add_ssh_key(SLUG, hostname="example.com", private_key="pem")
    assert_type(await ci.list_checkout_keys(SLUG, digest="sha256"), list[CheckoutKey])
    assert_type(await ci.create_checkout_key(SLUG, CheckoutKeyType.DEPLOY_KEY), CheckoutKey)
    assert_type(await ci.create_checkout_key(SLUG, "deploy-key"), CheckoutKey)
    assert_type(await ci.get_checkout_key(SLUG, "SHA256:ab/c+d="), CheckoutKey)
    assert_type(await ci.delete_checkout_key(SLUG, "SHA256:ab/c+d="), Message)
    for key in await ci.list_checkout_keys(SLUG):
        await ci.delete_checkout_key(SLUG, key.fingerprint)
    assert_type(await ci.follow_project(SLUG), FollowResult)
    assert_type(await ci.unfollow_project(SLUG), FollowResult)
    assert_type(await ci.enable_project(SLUG), ProjectSettings)
    assert_type(await ci.disable_project(SLUG), ProjectSettings)


async def named_by_themselves(ci: CircleCISession, build: Job, branch_build: BranchBuild) -> None:
    url = "https://app.circleci.com/pipelines/github/acme/web/12/workflows/aa-bb/jobs/456"
    detail = await ci.get_build(build)
    assert_type(detail, BuildDetail)
    assert_type(await ci.get_build_log(url, tail=20), str)
    assert_type(await ci.list_build_artifacts(branch_build), list[Artifact])
    assert_type(await ci.list_build_tests(detail), list[TestMetadata])
    assert_type(await ci.wait_for_build(url, timeout=5, appear=60, max_interval=10), BuildDetail)
    assert_type(await ci.cancel_build(build), Job)
    assert_type(branch_build.project, ProjectSlug | None)
    action = detail.steps[0].actions[0]
    assert_type(ci.iter_output(url, action), AsyncGenerator[StepOutput, None])
    assert_type(ci.iter_output(build, 7, action), AsyncGenerator[StepOutput, None])


async def exports(ci: CircleCISession) -> None:
    def show(event: ExportProgress) -> None:
        assert_type((event.project, event.builds, event.left), tuple[ProjectSlug, int, int])

    summary = await export_builds(ci, [SLUG, "gh/acme/web"], Path("a.db"), include=["steps"], progress=show)
    assert_type(summary, ExportSummary)


async def further_operations(ci: CircleCISession) -> None:
    assert_type(await ci.retry_build_with_ssh(SLUG, 7), Job)
    assert_type(await ci.add_ssh_users(SLUG, 7), Job)
    assert_type(await ci.trigger_pipeline(SLUG, branch="main", revision="c0ffee"), PipelineResult)
    assert_type(await ci.builds_for_commit(SLUG, "c0ffee7", branch="main", latest_only=False, limit=None), list[Job])
    assert_type(await ci.builds_for_workflow(SLUG, RUN, branch="main", latest_only=False, limit=None), list[Job])
    assert_type(await ci.list_failed_tests(SLUG, 7), list[TestMetadata])
    await ci.delete_ssh_key(SLUG, hostname="example.com", fingerprint="c9:0b")
    assert_type(await ci.list_env_vars(SLUG), list[EnvVar])
    assert_type(await ci.get_env_var(SLUG, "TOKEN"), EnvVar)
    assert_type(await ci.add_env_var(SLUG, "TOKEN", "value"), EnvVar)
    assert_type(await ci.delete_env_var(SLUG, "TOKEN"), Message)
    for variable in await ci.list_env_vars(SLUG):
        await ci.delete_env_var(SLUG, variable.name)
    assert_type(await ci.list_project_tokens(SLUG), list[ProjectToken])
    assert_type(await ci.create_project_token(SLUG, scope=TokenScope.STATUS, label="badge"), ProjectToken)
    assert_type((await ci.create_project_token(SLUG, scope="all", label="bot")).token, str | None)
    await ci.delete_project_token(SLUG, "1a")
    settings = await ci.get_project_settings(SLUG, ssh_key_digest="sha256")
    assert_type(settings, ProjectSettings)
    assert_type(settings.slug, ProjectSlug | None)
    await ci.update_project_settings(SLUG, feature_flags={"build-fork-prs": True})
    assert_type(await ci.clear_build_cache(SLUG), CacheResult)
    await ci.add_heroku_key("key")


async def verdicts(ci: CircleCISession) -> None:
    async def tell(build: Job) -> None: ...

    verdict = await ci.wait_for_commit(
        SLUG, "c0ffee7", branch="main", jobs=["test"], settle=90, fail_fast=True, timeout=60, interval=5, on_update=tell
    )
    assert_type(verdict, Verdict)
    assert_type(verdict.builds, tuple[Job, ...])
    assert_type(verdict.is_success, bool)
    assert_type(verdict.failed, tuple[Job, ...])
    assert_type(verdict.missing, tuple[str, ...])
    assert_type(await ci.wait_for_workflow(SLUG, RUN, jobs={"test", "deploy"}, on_update=print), Verdict)
    (build, *_) = verdict.builds
    assert_type(await ci.wait_for_commit(build, max_interval=60), Verdict)
    assert_type(await ci.wait_for_workflow(build, timeout=60), Verdict)
    assert_type(Verdict.of([build], jobs={"test"}), Verdict)


async def searches(ci: CircleCISession, build: Job, detail: BuildDetail) -> None:
    assert_type(await ci.builds_for_commit(detail), list[Job])
    assert_type(await ci.builds_for_workflow(build, latest_only=False), list[Job])
    assert_type(await ci.builds_for_pull_request(SLUG, 12, latest_only=False, limit=None), list[Job])
    latest = await ci.find_latest_build(SLUG, branch="main", job="docs", workflow="ci", filter="successful", limit=200)
    assert_type(latest, Job | None)
    assert_type(await ci.find_latest_build(ProjectSlug.from_env()), Job | None)
    for run in group_builds(await ci.builds_for_commit(build)):
        assert_type(run, WorkflowRun)
        assert_type((run.workflow_id, run.name), tuple[str | None, str | None])
        assert_type(run.builds, tuple[Job, ...])
        assert_type(run.verdict, Verdict)
    assert_type(Verdict.of([detail]), Verdict)


@attrs.frozen
class Slim:
    build_num: int
    vcs_url: str


async def walks_of_own_models(ci: CircleCISession, options: WalkOptions) -> None:
    assert_type(ci.iter_project_builds(SLUG, model=Slim, branch="main", **options), PageWalk[Slim])
    walk = ci.iter_recent_builds(model=Slim, shallow=True, prefetch=2)
    assert_type(walk, PageWalk[Slim])
    async for build in walk:
        assert_type(build, Slim)
    assert_type(await ci.iter_recent_builds(**options).collect(), list[Job])
    ci.iter_project_builds(SLUG, model=Slim(1, ""))  # type: ignore[arg-type]
    ci.iter_project_builds(SLUG, nonsense=1)  # type: ignore[call-arg]


async def walks(ci: CircleCISession) -> None:
    walk = ci.iter_project_builds(SLUG, branch="main", filter="completed", limit=1000, page_size=50, prefetch=2)
    assert_type(walk, PageWalk[Job])
    async for build in walk:
        assert_type(build, Job)
        assert_type(build.key, tuple[str | None, int])
        assert_type(build.project, ProjectSlug | None)
        assert_type(build.is_finished, bool)
        assert_type(build.is_success, bool)
        assert_type(build.is_failure, bool)
        assert_type(build.job, str | None)
        assert_type(build.duration, timedelta | None)
        assert_type(build.queue_time, timedelta | None)
        assert_type(build.pull_request_numbers, tuple[int, ...])
        assert_type(build.status, BuildStatus | None)
        assert_type(build.outcome, Outcome | None)
        assert_type(build.start_time, datetime | None)
    async for page in ci.iter_recent_builds(shallow=True).pages():
        assert_type(page, list[Job])
    assert_type(await ci.iter_recent_builds().collect(), list[Job])
    async with ci.iter_recent_builds() as walk:
        assert_type(walk, PageWalk[Job])
    options: WalkOptions = {"limit": 200, "prefetch": 4, "since": datetime(2026, 3, 1, tzinfo=UTC)}
    assert_type(ci.iter_recent_builds(**options), PageWalk[Job])
    assert_type(walk.requests, int)
    assert_type(walk.resume_offset, int)


async def watches(ci: CircleCISession, saved: str | None) -> str:
    build = await ci.wait_for_build(SLUG, 7, timeout=600, interval=2.5, on_update=lambda build: build.steps)
    assert_type(build, BuildDetail)
    assert_type(ci.watch_project_builds(SLUG, branch="main", start_at="oldest"), BuildWatch)
    cursor = WatchCursor.from_json(saved) if saved else None
    async with ci.watch_recent_builds(cursor=cursor, interval=30, shallow=True) as watch:
        async for event in watch:
            assert_type(event, BuildEvent)
            assert_type(event.kind, Literal["new", "changed", "finished"])
            assert_type(event.build, Job)
            return event.cursor.to_json()
    assert_type(watch.cursor, WatchCursor | None)
    file = CursorFile("cursor.json")
    assert_type(file.path, Path)
    assert_type(CursorFile(Path("cursor.json")), CursorFile)
    assert_type(await file.load(), WatchCursor | None)
    async with ci.watch_project_builds(SLUG, cursor=await file.load()) as watch:
        first = await watch.start()
        assert_type(first, WatchCursor)
        await file.save(first)
    return ""


async def files(ci: CircleCISession) -> int | None:
    artifacts = await ci.list_build_artifacts(SLUG, 7)
    assert_type(artifacts[0].path, str)
    assert_type(artifacts[0].url, str)
    async with ci.open_artifact(artifacts[0]) as stream:
        assert_type(stream, ArtifactStream)
        assert_type(stream.size, int | None)
        async for chunk in stream.iter_chunks():
            assert_type(chunk, bytes)
        assert_type(await stream.read(max_bytes=2**20), bytes)
    download = await ci.download_artifact(artifacts[0], "core.tar", on_exists="skip", resume=True, progress=tell)
    assert_type(download, Download)
    assert_type(download.path, Path)
    assert_type(download.status, DownloadStatus)
    assert_type(download.error, CircleCIError | None)
    downloads = ci.download_artifacts(
        (artifact for artifact in artifacts if artifact.node_index == 0),
        Path("dist"),
        match="*.xml",
        concurrency=4,
        place=lambda artifact: f"{artifact.node_index}/{artifact.path}",
        on_exists="overwrite",
        on_error="yield",
        resume=True,
        progress=tell,
    )
    assert_type(downloads, ArtifactDownloads)
    on_exists: OnExists = "skip"
    on_error: OnError = "stop"
    progress: Progress = tell
    assert_type(
        ci.download_artifacts(artifacts, "dist", on_exists=on_exists, on_error=on_error, progress=progress),
        ArtifactDownloads,
    )
    async with downloads:
        async for download in downloads:
            assert_type(download, Download)
    try:
        assert_type(await ci.download_artifacts(artifacts, "dist").collect(), list[Download])
    except DownloadError as error:
        assert_type(error.failed, tuple[Any, ...])
    return download.size


def tell(event: DownloadEvent) -> None:
    assert_type(event.totals, DownloadTotals)
    assert_type((event.totals.received, event.totals.files), tuple[int, int])
    match event:
        case DownloadStarted():
            assert_type(event.size, int | None)
        case DownloadProgress():
            assert_type(event.received, int)
        case DownloadFinished():
            assert_type(event.download, Download)
        case _:
            assert_never(event)


async def logs(ci: CircleCISession, detail: BuildDetail) -> None:
    assert_type(await ci.get_build_log(SLUG, 7, failed_only=True, tail=50, strip_ansi=False), str)
    async for line in ci.iter_build_log(SLUG, 7, follow=True, step="test", interval=1.0):
        assert_type(line, LogLine)
        assert_type((line.step, line.index, line.text), tuple[str, int, str])
        assert_type(line.time, datetime | None)
    assert_type(await ci.save_build_log(SLUG, 7, "build.log", overwrite=True), Path)
    action = detail.steps[0].actions[0]
    assert_type(await ci.save_output(SLUG, 7, action, "step.log"), Path)
    assert_type(await ci.save_output(detail, action, Path("step.log"), overwrite=True), Path)
    async for piece in ci.iter_output(SLUG, 7, action):
        assert_type(piece, StepOutput)
        assert_type(piece.message, str)
        assert_type(piece.time, datetime | None)
        assert_type(piece.type, str | None)
        assert_type(piece.truncated, bool | None)


async def details(ci: CircleCISession) -> list[str]:
    detail = await ci.get_build("https://circleci.com/gh/mozilla/bleach/542", 542)
    assert_type(detail.steps, tuple[Step, ...])
    summary: Job = detail
    actions = [action for step in detail.steps for action in step.actions]
    assert_type(actions, list[Action])
    slow = [action.name or "" for action in actions if (action.run_time_millis or 0) > 60_000]
    projects = {build.project for build in [summary] if build.project is not None}
    assert_type(projects, set[ProjectSlug])
    return slow


async def own_requests(ci: CircleCISession) -> None:
    builds = Request("GET", "/project/{project}", {"project": SLUG}, query={"limit": 5}, returns=list[Job])
    assert_type(builds, Request[list[Job]])
    assert_type(await ci.send(builds), list[Job])
    assert_type(await ci.send(builds.with_query(offset=5)), list[Job])
    detail = Request("GET", "/project/{project}/{n}", {"project": SLUG, "n": 7}, returns=BuildDetail)
    assert_type(await ci.send(detail), BuildDetail)
    assert_type(await ci.send(Request("GET", "/me", returns=dict[str, int])), dict[str, int])
    raw = Request("GET", "/me")
    assert_type(raw, Request[Any])
    assert_type(await ci.send(raw), Any)
    ending = Request("GET", "/me", returns=User, sunset=Sunset(date(2030, 1, 1), "a letter", example="write(...)"))
    assert_type(ending, Request[User])
    warnings.filterwarnings("ignore", category=CircleCISunsetWarning)
    nothing = Request("POST", "/project/{project}/unfollow", {"project": SLUG}, returns=None, idempotent=True)
    assert_type(nothing, Request[None])
    await ci.send(nothing)


async def refused_offsets(ci: CircleCISession) -> int:
    try:
        await ci.iter_recent_builds().collect()
    except OffsetRefusedError as error:
        assert_type(error.items, list[Any])
        return error.resume_offset
    return 0


async def errors(ci: CircleCISession) -> float:
    try:
        await ci.get_build(SLUG, 7)
    except InvalidInputError as error:
        assert_type(error, InvalidInputError)
        value_error: ValueError = error
        raise value_error from None
    except RateLimitError as error:
        assert_type(error.status, int)
        assert_type(error.message, str)
        assert_type(error.request_id, str | None)
        assert_type(error.retry_after, float | None)
        return error.retry_after or 1.0
    except GoneError as error:
        assert_type(error.replacement, str | None)
    except DecodeError as error:
        assert_type(error.path, str)
        assert_type(error.content_type, str | None)
    except PaginationDriftError as error:
        assert_type(error.resume_offset, int)
    except RequestTimeoutError as error:
        timeout_error: TimeoutError = error
        raise timeout_error from None
    except TransportError as error:
        assert_type(error.maybe_sent, bool)
    except WaitTimeoutError as error:
        assert_type(error.last, Job | Verdict | None)
    except CircleCIError:
        raise
    return 0.0


def keeping(builds: list[Job]) -> Job:
    kept = dumps(builds)
    assert_type(kept, bytes)
    assert_type(loads(kept, list[Job]), list[Job])
    return loads('{"build_num": 7}', Job)


def attrs_classes(build: Job, detail: BuildDetail) -> None:
    """Models are attrs classes for type checkers."""
    assert_type(hash(build), int)
    only = attrs.filters.include(attrs.fields(Job).build_num)
    assert_type(attrs.asdict(build, filter=only), dict[str, Any])
    assert_type(attrs.astuple(build), tuple[Any, ...])
    assert_type(attrs.evolve(detail, branch="main"), BuildDetail)
    attrs.evolve(build, nonsense="main")  # type: ignore[call-arg]
    attrs.resolve_types(Job)
    assert_type(Job(build_num=7, branch="main"), Job)
    Job(7)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Job(build_num=7, nonsense=1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    build.branch = "main"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    converter = cattrs.Converter()
    assert_type(converter.structure(converter.unstructure(build), Job), Job)
    match build:
        case BuildDetail(steps=steps):
            assert_type(steps, tuple[Step, ...])
        case Job(branch=branch):
            assert_type(branch, str | None)


@model(kw_only=True)
class TicketBuild(BuildDetail):
    """A user's model, with fields of its own."""

    ticket: str | None = None
    api_key: str | None = attrs.field(default=None, repr=False)
    notes: list[str] = attrs.field(factory=list[str])


def extended_models() -> None:
    """A subclass of a model is an attrs class with more fields, all of them keyword-only."""
    mine = TicketBuild(build_num=7, ticket="A-1", branch="main")
    assert_type(mine.ticket, str | None)
    assert_type(attrs.evolve(mine, ticket="B-2"), TicketBuild)
    assert_type(loads(b"{}", TicketBuild), TicketBuild)
    match mine:
        case TicketBuild(ticket=str(ticket)):
            assert_type(ticket, str)
        case _:
            pass
    TicketBuild(ticket="A-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    TicketBuild(build_num=7, tickets="A-1")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    TicketBuild("A-1", build_num=7)  # type: ignore[misc, arg-type] # pyright: ignore[reportCallIssue]
    TicketBuild(build_num="7")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    mine.ticket = "B-2"  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    attrs.evolve(mine, nonsense="main")  # type: ignore[call-arg]


class Ticket:
    """A user's class, which a hook makes."""

    def __init__(self, text: str) -> None:
        self.text = text


async def hooks(token: str) -> None:
    converter = make_converter(strict=True)
    assert_type(converter, CircleCIConverter)
    converter.register_structure_hook(Ticket, lambda value, _: Ticket(value))

    @converter.register_structure_hook
    def make_time(value: Any, _: Any) -> datetime:
        return datetime.fromisoformat(value)

    assert_type(converter.loads(b"[]", list[TicketBuild]), list[TicketBuild])
    assert_type(converter.structure({}, TicketBuild), TicketBuild)
    assert_type(converter.copy(strict=False), CircleCIConverter)
    async with CircleCISession(token, converter=converter) as ci:
        assert_type(ci.with_options(converter=None, timeout=5), CircleCISession)
    CircleCISession(converter=cattrs.Converter())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def raw(ci: CircleCISession) -> Response:
    request = Request("GET", "/me", headers={"Accept": "text/plain"}, returns=User)
    assert_type(request, Request[User])
    assert_type(request.headers, Mapping[str, str])
    response = await ci.send_raw(request)
    assert_type(response, Response)
    assert_type((response.status, response.request_id, response.body), tuple[int, str | None, bytes])
    assert_type(response.headers, Mapping[str, str])
    assert_type(await ci.send(request), User)
    return response


async def own_models(ci: CircleCISession) -> None:
    request = Request("GET", "/project/{project}/7", {"project": SLUG}, returns=TicketBuild)
    assert_type((await ci.send(request)).ticket, str | None)


def count_retry(retry: Retry) -> None:
    assert_type(retry.request, Request[Any])
    assert_type((retry.attempt, retry.delay), tuple[int, float])
    assert_type(retry.error, CircleCIError)
    assert_type(RetryPolicy().delay(retry.request, retry.error, retry.attempt, 0.5), float | None)


def plain_token() -> str:
    return "token"


async def async_token() -> str:
    return "token"


async def main() -> None:
    async with CircleCISession("token", timeout=30, strict=True, download_concurrency=4, durable=False) as ci:
        assert_type(ci, CircleCISession)
        await operations(ci)
        await further_operations(ci)
        (build,) = await ci.list_recent_builds(limit=1)
        await raw(ci)
        await named_by_themselves(ci, build, BranchBuild(build_num=7))
        assert_type(ci.with_options(timeout=5.0, strict=False), CircleCISession)
        view: ViewOptions = {"timeout": 5.0}
        assert_type(ci.with_options(**view), CircleCISession)
        walk_options: WalkOptions = {"limit": 500, "prefetch": 2}
        assert_type(ci.iter_recent_builds(**walk_options), PageWalk[Job])
        options: SessionOptions = {"concurrency": 4, "strict": True}
        assert_type(CircleCISession.from_env(**options), CircleCISession)
    async with CircleCISession(plain_token, on_retry=count_retry) as ci:
        await own_requests(ci)
    async with CircleCISession(async_token, on_retry=None) as ci:
        await own_requests(ci)
    async with CircleCISession.from_env(on_retry=count_retry) as ci:
        await own_requests(ci)
    async with CircleCISession.from_env(base_url="https://circleci.acme.example/api/v1.1", trust_env=True) as ci:
        await walks(ci)
        await watches(ci, None)
        assert_type(ci.closed, bool)
    async with aiohttp.ClientSession() as http, CircleCISession(session=http) as ci:
        await details(ci)
        await own_requests(ci)
        await files(ci)
        await logs(ci, await ci.get_build(SLUG, 7))
    async with FakeCircleCI() as fake:
        fake.add_project(str(SLUG))
        fake.add_build(str(SLUG), status="failed")
        async with CircleCISession(fake.token, base_url=fake.base_url) as ci:
            await errors(ci)
            keeping(await ci.iter_project_builds(SLUG).collect())
