"""What goes by on the wire, as others see it: tracing, rate limiters, and how many requests are in flight."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace, TracebackType
from typing import Any

import aiohttp
import pytest
from aiolimiter import AsyncLimiter
from fake_clock import FakeClock, use
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor, create_trace_config
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from script_server import Action, Received, ScriptServer, error, reply, reset

from circleci_v1_async import CircleCISession, RetryPolicy, TransportError

TOKEN = "a-token-nobody-sees"
PROJECT = "gh/acme/web"
AT_ONCE = RetryPolicy(base=0)


class Tracing:
    """OpenTelemetry as a service would have it, whose spans end in a list."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = self.provider.get_tracer("a service")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    @property
    def requests(self) -> list[tuple[Any, ...]]:
        """Method, URL and status of each client span."""
        return [
            # Names of before and after OpenTelemetry agreed on them.
            tuple(
                (span.attributes or {}).get(old, (span.attributes or {}).get(new))
                for old, new in (
                    ("http.method", "http.request.method"),
                    ("http.url", "url.full"),
                    ("http.status_code", "http.response.status_code"),
                )
            )
            for span in self.spans
        ]


@pytest.fixture
def tracing() -> Iterator[Tracing]:
    tracing = Tracing()
    yield tracing
    tracing.provider.shutdown()


async def test_opentelemetry_on_a_borrowed_session_sees_every_attempt_with_method_url_and_status_but_no_token(
    tracing: Tracing,
) -> None:
    config = create_trace_config(tracer_provider=tracing.provider, captured_request_headers=["x-.*", "user-agent"])
    async with (
        ScriptServer(error(500), reply(200, {"build_num": 7}), reply(201, {"build_num": 8})) as server,
        aiohttp.ClientSession(trace_configs=[config]) as borrowed,
        CircleCISession(TOKEN, base_url=server.base_url, session=borrowed, retry=AT_ONCE) as ci,
    ):
        await ci.get_build(PROJECT, 7)
        await ci.trigger_build(PROJECT, revision="c0ffee")
        url = f"{server.base_url}/project/github/acme/web"
    assert tracing.requests == [("GET", f"{url}/7", 500), ("GET", f"{url}/7", 200), ("POST", url, 201)]
    assert [span.status.is_ok for span in tracing.spans] == [False, True, True]
    assert TOKEN not in "".join(span.to_json() for span in tracing.spans)


async def test_opentelemetry_sees_a_connection_that_breaks_and_each_hop_of_a_redirect(tracing: Tracing) -> None:
    config = create_trace_config(tracer_provider=tracing.provider)
    async with (
        ScriptServer(reset, reply(307, b"", [("Location", "/elsewhere")]), reply(200, {"build_num": 7})) as server,
        aiohttp.ClientSession(trace_configs=[config]) as borrowed,
        CircleCISession(TOKEN, base_url=server.base_url, session=borrowed, retry=AT_ONCE) as ci,
    ):
        with pytest.raises(TransportError):
            await ci.retry_build(PROJECT, 7)
        await ci.retry_build(PROJECT, 7)
        url, elsewhere = f"{server.base_url}/project/github/acme/web/7/retry", f"{server.origin}/elsewhere"
    assert tracing.requests == [("POST", url, None), ("POST", url, 307), ("POST", elsewhere, 200)]
    broken, *_ = tracing.spans
    assert [event.name for event in broken.events] == ["exception"]
    assert TOKEN not in broken.to_json()


async def test_a_trace_goes_on_in_our_requests_below_the_span_of_the_caller(tracing: Tracing) -> None:
    config = create_trace_config(tracer_provider=tracing.provider)
    async with (
        ScriptServer(reply(200, {})) as server,
        aiohttp.ClientSession(trace_configs=[config]) as borrowed,
        CircleCISession(TOKEN, base_url=server.base_url, session=borrowed) as ci,
    ):
        with tracing.tracer.start_as_current_span("nightly report") as caller:
            await ci.get_current_user()
    request, _ = tracing.spans
    assert request.parent is not None
    assert request.parent.span_id == caller.get_span_context().span_id
    (received,) = server.requests
    sent_as = f"{request.get_span_context().trace_id:032x}-{request.get_span_context().span_id:016x}"
    assert sent_as in received.headers["traceparent"]


async def test_opentelemetry_that_instruments_all_of_aiohttp_sees_sessions_of_our_own_too(tracing: Tracing) -> None:
    instrumentor = AioHttpClientInstrumentor()
    instrumentor.instrument(tracer_provider=tracing.provider)
    try:
        async with ScriptServer(error(503), reply(200, {})) as server:
            url = f"{server.base_url}/me"
            async with CircleCISession(TOKEN, base_url=server.base_url, retry=AT_ONCE) as ci:
                await ci.get_current_user()
    finally:
        instrumentor.uninstrument()
    assert tracing.requests == [("GET", url, 503), ("GET", url, 200)]
    assert TOKEN not in "".join(span.to_json() for span in tracing.spans)


async def test_trace_configs_of_aiohttp_itself_see_every_attempt_to_its_end() -> None:
    seen: list[tuple[object, ...]] = []

    async def on_start(_session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(("start", params.method, params.url.path))

    async def on_end(_session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams) -> None:
        seen.append(("end", params.response.status))

    async def on_exception(
        _session: object, _context: SimpleNamespace, params: aiohttp.TraceRequestExceptionParams
    ) -> None:
        seen.append(("exception", isinstance(params.exception, OSError)))

    config = aiohttp.TraceConfig()
    config.on_request_start.append(on_start)
    config.on_request_end.append(on_end)
    config.on_request_exception.append(on_exception)
    async with (
        ScriptServer(error(429, headers=[("Retry-After", "0")]), reset, reply(201, {"build_num": 8})) as server,
        aiohttp.ClientSession(trace_configs=[config]) as borrowed,
        CircleCISession(TOKEN, base_url=server.base_url, session=borrowed, retry=AT_ONCE) as ci,
    ):
        with pytest.raises(TransportError):
            await ci.add_ssh_users(PROJECT, 7)
    start = ("start", "POST", "/api/v1.1/project/github/acme/web/7/ssh-users")
    assert seen == [start, ("end", 429), start, ("exception", True)]


class CountingLimiter(AsyncLimiter):
    """aiolimiter's, which says how often it was entered and whether it is held."""

    def __init__(self) -> None:
        super().__init__(1000, 1)
        self.entered = 0
        self.held = 0

    async def __aenter__(self) -> None:
        await super().__aenter__()
        self.entered += 1
        self.held += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.held -= 1
        await super().__aexit__(kind, error, traceback)


async def test_a_limiter_is_entered_once_for_each_request_on_the_wire_and_not_held_between_attempts() -> None:
    limiter, clock = CountingLimiter(), FakeClock()
    held: list[int] = []

    async def look(_seconds: float) -> None:
        held.append(limiter.held)

    clock.while_asleep = look
    script = [error(500), reply(200, {}), reset, error(502), reply(200, {}), error(429), reply(201, {"build_num": 8})]
    async with ScriptServer(*script) as server:
        async with CircleCISession(TOKEN, base_url=server.base_url, limiter=limiter) as ci:
            use(ci, clock)
            await ci.get_current_user()
            await ci.get_current_user()
            await ci.trigger_build(PROJECT)
    assert limiter.entered == len(server.requests) == len(script)
    assert limiter.held == 0
    assert held == [0] * 4


async def test_a_limiter_is_entered_once_for_each_request_of_many_calls_at_the_same_time() -> None:
    limiter = CountingLimiter()

    async def every_third_fails(_received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(200, {}) if len(server.requests) % 3 else error(503))

    async with ScriptServer(every_third_fails) as server:
        async with CircleCISession(TOKEN, base_url=server.base_url, limiter=limiter, retry=AT_ONCE) as ci:
            await asyncio.gather(*[ci.get_current_user() for _ in range(10)], return_exceptions=True)
    assert limiter.entered == len(server.requests) > 10
    assert limiter.held == 0


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_concurrency_bounds_the_requests_in_flight_and_is_made_use_of(concurrency: int) -> None:
    in_flight: list[Received] = []
    peaks: list[int] = []
    may_answer = asyncio.Event()

    def answer_with(content: bytes) -> Action:
        async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
            in_flight.append(received)
            peaks.append(len(in_flight))
            await may_answer.wait()
            in_flight.remove(received)
            writer.write(content)

        return answer

    async with ScriptServer(*[answer_with(error(500))] * 4, answer_with(reply(200, {}))) as server:
        async with CircleCISession(TOKEN, base_url=server.base_url, concurrency=concurrency, retry=AT_ONCE) as ci:
            calls = asyncio.gather(*[ci.get_current_user() for _ in range(12)])
            await server.has_received(concurrency)
            async with ScriptServer(reply(200, {})) as other, CircleCISession(base_url=other.base_url) as bystander:
                # While these go back and forth, a further request would have come.
                for _ in range(5):
                    await bystander.get_current_user()
            assert len(server.requests) == concurrency
            may_answer.set()
            await calls
    assert max(peaks) == concurrency
    assert len(server.requests) == 12 + 4
