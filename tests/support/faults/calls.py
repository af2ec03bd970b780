"""What is called, and what happens meanwhile."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from circleci_v1_async import CircleCISession, Request

from .canaries import CANARIES, PARAMETERS, PRIVATE_KEY, PROJECT
from .scenes import Call, Scene


def get(scene: Scene) -> Awaitable[Any]:
    return scene.ci.get_current_user()


def get_build(scene: Scene) -> Awaitable[Any]:
    return scene.ci.get_build(PROJECT, 7)


def list_builds(scene: Scene) -> Awaitable[Any]:
    return scene.ci.list_recent_builds()


def trigger(scene: Scene) -> Awaitable[Any]:
    return scene.ci.trigger_build(PROJECT, build_parameters=PARAMETERS)


def trigger_branch(scene: Scene) -> Awaitable[Any]:
    return scene.ci.trigger_branch_build(PROJECT, "main", build_parameters=PARAMETERS)


def retry(scene: Scene) -> Awaitable[Any]:
    return scene.ci.retry_build(PROJECT, 7)


def cancel(scene: Scene) -> Awaitable[Any]:
    return scene.ci.cancel_build(PROJECT, 7)


def follow(scene: Scene) -> Awaitable[Any]:
    return scene.ci.follow_project(PROJECT)


def add_key(scene: Scene) -> Awaitable[Any]:
    return scene.ci.add_ssh_key(PROJECT, hostname="h", private_key=PRIVATE_KEY)


def create_key(scene: Scene) -> Awaitable[Any]:
    return scene.ci.create_checkout_key(PROJECT, "deploy-key")


def add_variable(scene: Scene) -> Awaitable[Any]:
    return scene.ci.add_env_var(PROJECT, "DEPLOY_KEY", CANARIES["env value"])


def add_heroku_key(scene: Scene) -> Awaitable[Any]:
    return scene.ci.add_heroku_key(CANARIES["Heroku key"])


def create_token(scene: Scene) -> Awaitable[Any]:
    return scene.ci.create_project_token(PROJECT, scope="all", label="bot")


def add_ssh_user(scene: Scene) -> Awaitable[Any]:
    return scene.ci.add_ssh_users(PROJECT, 7)


def retry_with_ssh(scene: Scene) -> Awaitable[Any]:
    return scene.ci.retry_build_with_ssh(PROJECT, 7)


def trigger_pipeline(scene: Scene) -> Awaitable[Any]:
    return scene.ci.trigger_pipeline(PROJECT)


def unfollow(scene: Scene) -> Awaitable[Any]:
    return scene.ci.unfollow_project(PROJECT)


def put(scene: Scene) -> Awaitable[Any]:
    return scene.ci.send(Request("PUT", "/x", body={"value": CANARIES["env value"]}, returns=None))


def delete(scene: Scene) -> Awaitable[Any]:
    return scene.ci.delete_checkout_key(PROJECT, "c9:0b")


def enable(scene: Scene) -> Awaitable[Any]:
    return scene.ci.enable_project(PROJECT)


def disable(scene: Scene) -> Awaitable[Any]:
    return scene.ci.disable_project(PROJECT)


# They do no more when they are sent twice.
IDEMPOTENT = (cancel, follow, unfollow, enable, disable)
POSTS = (
    *(trigger, trigger_branch, trigger_pipeline, retry, retry_with_ssh, add_ssh_user),
    *(add_key, create_key, add_variable, create_token, add_heroku_key),
)


async def get_twice(scene: Scene) -> Any:
    await get(scene)
    return await get(scene)


def walk(scene: Scene) -> Awaitable[Any]:
    return scene.ci.iter_recent_builds(page_size=2, overlap=1, prefetch=3).collect()


def cancelled(call: Call, *, after: int) -> Call:
    """The call is cancelled once so many requests have come and the client waits for what is next."""

    async def cancelled_call(scene: Scene) -> Any:
        task = asyncio.ensure_future(call(scene))
        await scene.server.has_received(after)
        await is_waiting(scene)
        task.cancel()
        return await task

    return cancelled_call


def timed_out_by_the_caller(call: Call) -> Call:
    async def timed_out_call(scene: Scene) -> Any:
        async with asyncio.timeout(0.5):
            return await call(scene)

    return timed_out_call


def closed_meanwhile(call: Call, *, after: int) -> Call:
    async def closed_call(scene: Scene) -> Any:
        task = asyncio.ensure_future(call(scene))
        await scene.server.has_received(after)
        await is_waiting(scene)
        await asyncio.wait_for(scene.ci.close(), 1)
        return await task

    return closed_call


async def is_waiting(_scene: Scene) -> None:
    """What has been sent so far arrives. On loopback that takes a few turns, and each turn looks at the sockets."""
    for _ in range(50):
        await asyncio.sleep(0)


def asleep(call: Call) -> Call:
    """The call sleeps and does not wake up."""

    async def call_that_sleeps(scene: Scene) -> Any:
        async def stay_asleep(_seconds: float) -> None:
            await asyncio.Event().wait()

        scene.clock.while_asleep = stay_asleep
        return await call(scene)

    return call_that_sleeps


def while_another_holds_the_place(call: Call, *, timeout: float | None = None) -> Call:
    async def queueing_call(scene: Scene) -> Any:
        holder = asyncio.ensure_future(get(scene))
        await scene.server.has_received(1)
        try:
            return await call(scene if timeout is None else scene.with_view(timeout=timeout))
        finally:
            holder.cancel()
            await asyncio.gather(holder, return_exceptions=True)

    return queueing_call


async def after_close(scene: Scene) -> Any:
    await scene.ci.close()
    await scene.ci.close()
    return await get(scene)


async def leave_a_walk(scene: Scene) -> Any:
    async for _ in scene.ci.iter_recent_builds(page_size=2, overlap=1, prefetch=3):
        break


async def get_then_post(scene: Scene) -> Any:
    await get_build(scene)
    return await add_key(scene)


async def no_session(token: Any, **options: Any) -> None:
    CircleCISession(token, **options)
