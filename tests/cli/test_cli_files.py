"""What `circleci-v1 artifacts` saves and says, and what `circleci-v1 logs` prints."""

import re
from pathlib import Path

import pytest
from cli_runner import HIDE_CURSOR, WEB, run_beside, shown_on, terminal

from circleci_v1_async import (
    Artifact,
    Download,
    DownloadFinished,
    DownloadProgress,
    DownloadStarted,
    DownloadStatus,
    DownloadTotals,
)
from circleci_v1_async._cli.bars import DownloadBars

NASTY = "\x1b]0;owned\x07\x9b2J\u202e"
SHOWN_NASTY = r"\x1b]0;owned\x07\x9b2J\u202e"


@pytest.fixture
def web(service):
    """The service, with a build in it."""
    service.add_project(WEB)
    service.add_build(WEB, status="failed")
    return service


def add_files(service, *paths):
    for path in paths:
        service.add_artifact(WEB, 1, path, path.encode())


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# artifacts


async def test_artifacts_are_saved_below_the_folder_and_their_paths_printed(web, tmp_path):
    add_files(web, "a.txt", "logs/b.txt")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path / "new")

    assert result.exit_code == 0, result.output
    assert files_below(tmp_path / "new") == {"a.txt": b"a.txt", "logs/b.txt": b"logs/b.txt"}
    assert sorted(result.stdout.splitlines()) == [f"{tmp_path}/new/a.txt", f"{tmp_path}/new/logs/b.txt"]
    assert result.stderr == "2 files, 15 bytes\n"


async def test_only_artifacts_that_match_are_saved(web, tmp_path):
    add_files(web, "a.txt", "logs/b.txt", "c.xml")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path, "--match", "*.txt")

    assert set(files_below(tmp_path)) == {"a.txt", "logs/b.txt"}
    assert result.stderr.startswith("2 files, ")


@pytest.mark.usefixtures("web")
async def test_a_build_without_artifacts_is_no_error(tmp_path):
    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path)

    assert result.exit_code == 0
    assert result.output == "Build 1 has no artifacts.\n"


async def test_after_a_failure_the_others_are_saved_each_failure_is_a_line_and_the_exit_code_is_7(web, tmp_path):
    add_files(web, "a.txt", "../b.txt", f"{NASTY}.txt", "c.txt", "d.txt")
    web.fail_next(404, path="/output/job")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path / "out", "--concurrency", "1")

    assert result.exit_code == 7
    assert files_below(tmp_path) == {"out/c.txt": b"c.txt", "out/d.txt": b"d.txt"}
    *failures, summary = result.stderr.splitlines()
    assert summary == "2 files, 10 bytes, 3 failed"
    starts = ("Error: ../b.txt: ", f"Error: {SHOWN_NASTY}", "Error: a.txt: GET ")
    assert sorted(failures) == sorted(line for line in failures if line.startswith(starts))
    assert len(failures) == 3
    assert all(line.isprintable() for line in failures)


@pytest.mark.parametrize(
    ("on_exists", "exit_code", "content", "said"),
    [
        ("error", 7, b"mine", "1 file, 5 bytes, 1 failed"),
        ("skip", 0, b"mine", "1 file, 5 bytes, 1 skipped"),
        ("overwrite", 0, b"a.txt", "2 files, 10 bytes"),
    ],
)
async def test_a_file_that_is_there_already_is_an_error_unless_told_otherwise(
    web, tmp_path, on_exists, exit_code, content, said
):
    add_files(web, "a.txt", "b.txt")
    (tmp_path / "a.txt").write_bytes(b"mine")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path, "--on-exists", on_exists)

    assert result.exit_code == exit_code
    assert files_below(tmp_path) == {"a.txt": content, "b.txt": b"b.txt"}
    assert result.stderr.splitlines()[-1] == said


async def test_the_error_of_two_artifacts_with_one_path_names_no_option_of_the_library(web, tmp_path):
    add_files(web, "A.txt", "a.txt")

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path)

    conflict = "A.txt: 2 artifacts need this path: 'A.txt', 'a.txt'"
    *failures, summary = result.stderr.splitlines()
    assert failures == [f"Error: A.txt: {conflict}", f"Error: a.txt: {conflict}"]
    assert summary == "0 files, 0 bytes, 2 failed"


async def test_files_are_fetched_as_many_at_once_as_is_said(web, tmp_path):
    names = [f"{number}.txt" for number in range(5)]
    add_files(web, *names)

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path, "--concurrency", "1")

    assert result.stdout.splitlines() == [f"{tmp_path}/{name}" for name in names]


@pytest.mark.parametrize(("options", "ranges"), [((), [None, None]), (("--resume",), [None, "bytes=1024-"])])
async def test_with_resume_a_download_continues_where_it_failed(web, tmp_path, options, ranges):
    web.add_artifact(WEB, 1, "big.bin", bytes(4096))
    web.truncate_next(after=1024, path="/artifacts")
    args = ("artifacts", WEB, "1", "-o", tmp_path, "--retries", "0", *options)

    failed = await run_beside(*args)
    done = await run_beside(*args)

    assert (failed.exit_code, done.exit_code) == (7, 0), done.output
    assert files_below(tmp_path) == {"big.bin": bytes(4096)}
    sent = [request.headers.get("Range") for request in web.requests if "big.bin" in request.path]
    assert (sent[0], sent[-1]) == tuple(ranges)


async def test_on_a_terminal_bars_move_and_no_path_is_printed(web, tmp_path):
    add_files(web, "a.txt", "../b.txt", "c.txt")
    console = terminal()

    result = await run_beside("artifacts", WEB, "1", "-o", tmp_path, obj=console)

    assert set(files_below(tmp_path)) == {"a.txt", "c.txt"}
    assert HIDE_CURSOR in shown_on(console)
    assert re.search(r"3/3.*files", shown_on(console))
    assert result.stdout == ""
    assert result.stderr.endswith("2 files, 10 bytes, 1 failed\n")


def test_a_file_has_a_bar_with_its_name_from_when_it_begins_until_it_is_there():
    artifact, path = Artifact(path="[b]a\u202e.txt", url="https://a.example/a.txt"), Path("a.txt")
    bars = DownloadBars()
    totals = DownloadTotals(2)

    def picture():
        console = terminal()
        console.print(bars.picture)
        return re.sub(r"\x1b\[[\d;]*m", "", shown_on(console))

    bars(DownloadStarted(artifact, path, 2000, 0, totals))
    bars(DownloadProgress(artifact, path, 1000, totals))
    assert re.search(r"^\[b\]a\\u202e\.txt .* 1\.0/2\.0 kB", picture())

    bars(DownloadStarted(artifact, path, 2000, 500, totals))
    assert re.search(r"\.txt .* 0\.5/2\.0 kB", picture())

    totals = DownloadTotals(2, finished=1)
    bars(DownloadFinished(Download(artifact, path, 2000, DownloadStatus.DOWNLOADED), totals))
    assert ".txt" not in picture()
    assert "1/2 files" in picture()


# logs


@pytest.fixture
def steps(web):
    """The service, with a build that wrote something."""
    web.add_step(WEB, 1, "Install", output="one\r\ntwo\r\n")
    web.add_step(
        WEB, 1, f"Te{NASTY}st", status="failed", output="10%\r100%\r\n\x1b[31mred\x1b[0m \x9b2K\tü\n", exit_code=1
    )
    return web


@pytest.mark.usefixtures("steps")
async def test_logs_are_printed_each_under_a_heading_and_fit_for_a_terminal():
    result = await run_beside("logs", WEB, "1")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("=== Install (success)\none\ntwo\n")
    assert "100%\n        ü\n" in result.stdout
    assert re.search(r"^=== Te\\u202est \(failed, exit code 1\)$", result.stdout, re.MULTILINE)
    assert all(char.isprintable() or char in "\n\t" for char in result.stdout)


@pytest.mark.usefixtures("steps")
async def test_logs_may_be_those_of_failed_steps_alone_and_of_each_only_the_end():
    result = await run_beside("logs", WEB, "1", "--failed", "--tail", "1")

    assert "Install" not in result.stdout
    assert "red" not in result.stdout
    assert "lines before)" in result.stdout


@pytest.mark.usefixtures("steps")
async def test_logs_are_printed_as_they_were_written_when_asked_for():
    result = await run_beside("logs", WEB, "1", "--raw")

    assert "one\r\ntwo\r\n" in result.stdout_bytes.decode()
    assert "\x1b[31mred\x1b[0m" in result.stdout


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(("options", "what"), [((), "steps"), (("--failed",), "steps that failed")])
async def test_a_build_without_steps_is_told_on_standard_error(options, what):
    result = await run_beside("logs", WEB, "1", *options)

    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"Build 1 has no {what}, or CircleCI has deleted them.\n"


async def test_a_log_that_breaks_off_exits_with_5(steps):
    steps.truncate_next(3, path="/logs")

    result = await run_beside("logs", WEB, "1", "--failed")

    assert result.exit_code == 5
    assert result.stderr.startswith("Error: ")
    assert result.stdout == ""


@pytest.mark.usefixtures("steps")
async def test_logs_are_followed_written_to_a_file_or_of_one_step_alone(tmp_path):
    followed = await run_beside("logs", WEB, "1", "--follow", "--step", "Install")
    assert followed.stdout == "one\ntwo\n"

    saved = await run_beside("logs", WEB, "1", "--output", str(tmp_path / "log"), "--step", "Install")
    assert (saved.exit_code, saved.output) == (0, "")
    assert (tmp_path / "log").read_text() == "=== Install (success)\none\ntwo\n"

    both = await run_beside("logs", WEB, "1", "--follow", "--output", str(tmp_path / "other"))
    assert both.exit_code == 2
    assert "Use only one of" in both.output


@pytest.mark.usefixtures("steps")
async def test_other_invalid_input_for_logs_exits_with_2(tmp_path):
    result = await run_beside("logs", WEB, "1", "--output", tmp_path)

    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output
