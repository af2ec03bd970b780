"""What CircleCI looks like to the blocks of the documentation, and what happens there while they wait.

A scene is a generator: it builds what there is, and each `yield` is a wait of the block, however long. When a scene is
over, whoever waits once more is interrupted, as by Ctrl+C: a bot runs until then.
"""

from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Final

from circleci_v1_async.testing import FakeCircleCI

__all__ = ["SCENES", "Scene"]

Scene = Callable[[FakeCircleCI], Iterator[None]]

WEB: Final = "gh/acme/web"
API: Final = "gh/acme/api"
PUSHED: Final = "c0ffee7" + "0" * 33
RUN: Final = "8b3f1c9e-52a4-4d0c-9a77-1f0e6b2d4c58"
PYTEST_OUTPUT: Final = "F..\r\n\x1b[31mtest_cart.py:12: assert 3 == 2\x1b[0m\r\n1 failed, 2 passed in 0.41s\r\n"


def acme(fake: FakeCircleCI) -> Iterator[None]:
    """A team with two projects. Whoever waits, waits for nothing."""
    fake.add_project(WEB, public=True)
    fake.add_project(API)
    fake.add_project("gh/mozilla/bleach", public=True, following=False)
    fake.add_build(WEB, build_num=6, subject="Open the shop")
    fake.add_build(API, subject="Serve the prices")
    fake.add_build(WEB, status="failed", subject="Add a cart", job="test")
    fake.add_step(WEB, 7, "checkout")
    fake.add_step(WEB, 7, "pytest", output=PYTEST_OUTPUT, status="failed")
    fake.add_test(WEB, 7, name="test_cart_counts", result="failure", file="test_cart.py", message="assert 3 == 2")
    fake.add_test(WEB, 7, name="test_cart_is_empty")
    fake.add_build(API, status="failed", subject="Round the prices")
    fake.add_build(WEB, subject="Count right", job="test")
    fake.add_artifact(WEB, 8, "reports/junit.xml", b"<testsuites/>\n")
    fake.add_artifact(WEB, 8, "reports/coverage.xml", b"<coverage/>\n")
    fake.add_artifact(WEB, 8, "dist/web.tar.gz", b"\x1f\x8b" * 50_000)
    fake.add_build(WEB, status="running", subject="Let people pay", branch="pay")
    fake.add_checkout_key(WEB)
    fake.add_env_var(WEB, "DEPLOY_KEY", "s3cret-4321")
    # The README asks for what the fake does not have.
    fake.reply_next(b"[]", path="/organization/")
    yield from repeat(None, 100)
    raise AssertionError("the block waits for ever")


def a_day(fake: FakeCircleCI) -> Iterator[None]:
    """Builds come and finish."""
    fake.add_project(WEB)
    fake.add_build(WEB, subject="Open the shop")
    yield
    fake.add_build(WEB, status="running", subject="Add a cart")
    yield
    fake.finish_build(WEB, 2, "failed")
    fake.add_build(WEB, status="running", subject="Count right")
    yield
    fake.finish_build(WEB, 3)
    yield


def a_build_that_finishes(fake: FakeCircleCI) -> Iterator[None]:
    """Of `acme`, the build that runs finishes while somebody waits for it."""
    team = acme(fake)
    yield next(team)
    fake.finish_build(WEB, 9)
    yield from team


def a_push(fake: FakeCircleCI) -> Iterator[None]:
    """A workflow of three jobs, one after the other, the last of which fails; then nothing more happens."""
    fake.add_project(WEB)
    yield
    for job, status in (("build", "success"), ("test", "success"), ("deploy", "failed")):
        build = fake.add_build(WEB, status="running", job=job, revision=PUSHED, workflow_id=RUN)
        yield
        fake.finish_build(WEB, build["build_num"], status)
        yield
    yield from repeat(None, 20)
    raise AssertionError("the block waits for ever")


def a_start(fake: FakeCircleCI) -> Iterator[None]:
    """The head of a branch was built once. Whoever starts it again waits for its build, which fails."""
    fake.add_project(WEB)
    fake.add_build(WEB, revision=PUSHED, job="test")
    yield
    fake.finish_build(WEB, 2, "failed")
    fake.add_step(WEB, 2, "pytest", output=PYTEST_OUTPUT, status="failed")
    yield from repeat(None, 20)
    raise AssertionError("the block waits for ever")


def a_pull_request(fake: FakeCircleCI) -> Iterator[None]:
    """A pull request of two commits. Two workflows ran on the second, and one job failed."""
    fake.add_project(WEB)
    fake.add_build(WEB, branch="pull/12", revision="a" * 40, job="test", status="failed")
    docs = fake.add_build(WEB, branch="main", job="docs")["build_num"]
    fake.add_artifact(WEB, docs, "index.html", b"<h1>The shop</h1>\n")
    for job, status in (("build", "success"), ("test", "failed")):
        fake.add_build(WEB, branch="pull/12", revision=PUSHED, job=job, status=status, workflow="ci", workflow_id=RUN)
    fake.add_build(WEB, branch="pull/12", revision=PUSHED, job="audit", workflow="nightly")
    yield from repeat(None, 20)
    raise AssertionError("the block waits for ever")


def a_build_that_writes(fake: FakeCircleCI) -> Iterator[None]:
    """A step writes lines, one half at a time, and the build finishes."""
    fake.add_project(WEB)
    fake.add_build(WEB, status="running")
    fake.add_step(WEB, 1, "pytest", output="collecting\n", status="running")
    yield
    fake.add_output(WEB, 1, "1 passed\r2 passed")
    yield
    fake.add_output(WEB, 1, "\r3 passed\n", status="success")
    fake.finish_build(WEB, 1)
    yield


def docs(fake: FakeCircleCI) -> Iterator[None]:
    """Of `acme`, a job that builds the documentation, and one that runs after it."""
    team = acme(fake)
    next(team)
    docs = fake.add_build(WEB, job="docs")["build_num"]
    fake.add_artifact(WEB, docs, "index.html", b"<h1>The shop</h1>\n" * 50)
    fake.add_artifact(WEB, docs, "search.json", b"{}\n")
    fake.add_build(WEB, job="deploy")
    yield
    yield from team


def after_the_sunset(fake: FakeCircleCI) -> Iterator[None]:
    """`acme` from 2027-02-01 on."""
    fake.after_sunset = True
    return acme(fake)


def too_many_requests(fake: FakeCircleCI) -> Iterator[None]:
    """`acme`, in which the first request comes too soon."""
    fake.fail_next(429, retry_after=7)
    return acme(fake)


def a_history(fake: FakeCircleCI) -> Iterator[None]:
    """Three projects with long histories."""
    for name in ("web", "api", "docs"):
        fake.add_project(f"gh/acme/{name}")
        for number in range(1, 251):
            fake.add_build(f"gh/acme/{name}", status="success" if number % 5 else "failed")
    yield from repeat(None, 100)
    raise AssertionError("the block waits for ever")


def a_flaky_test(fake: FakeCircleCI) -> Iterator[None]:
    """One commit was built three times, and one test failed once; another commit broke a test for good."""
    fake.add_project(WEB)
    for revision, status in (("a" * 40, "failed"), ("a" * 40, "success"), ("a" * 40, "success"), ("b" * 40, "failed")):
        build = fake.add_build(WEB, revision=revision, status=status)["build_num"]
        fake.add_test(WEB, build, name="test_pay", result="failure" if build == 1 else "success")
        fake.add_test(WEB, build, name="test_cart", result="failure" if build == 4 else "success")
    yield from repeat(None, 100)
    raise AssertionError("the block waits for ever")


SCENES: Final[dict[str, Scene]] = {
    scene.__name__.replace("_", " "): scene
    for scene in (
        acme,
        a_day,
        a_build_that_finishes,
        a_push,
        a_start,
        a_pull_request,
        a_build_that_writes,
        docs,
        after_the_sunset,
        too_many_requests,
        a_history,
        a_flaky_test,
    )
}
