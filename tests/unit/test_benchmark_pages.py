"""The pages that the benchmarks measure, compared with recorded lists of builds, and the shares that they show."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pytest

from benchmarks.measure import Comparison, Result, Target, compare
from benchmarks.pages import BUILDS, make_replies, read_recorded_lists
from benchmarks.results import make_table, update_quotes

Json = dict[str, Any]
COUNT = len(BUILDS)
KINDS = (b"recorded", b"shuffled")


@pytest.fixture(scope="module")
def recorded() -> list[Json]:
    """Return the builds of all recorded lists."""
    builds = [build for each in read_recorded_lists() for build in each]
    if not builds:
        pytest.skip("CIRCLECI_RECORDINGS names no folder of recordings")
    assert len(builds) > COUNT
    return builds


@pytest.fixture(scope="module")
def ours() -> list[Json]:
    return BUILDS


def values(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value below a build, with its path. Keys that are data count as one."""
    yield path, value
    if isinstance(value, list):
        for item in value:
            yield from values(item, f"{path}[]")
    elif isinstance(value, dict):
        for key, item in value.items():
            is_data = path in {".build_parameters", ".workflows.upstream_concurrency_map"}
            yield from values(item, f"{path}.{'*' if is_data else key}")


def by_path(builds: list[Json]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for build in builds:
        for path, value in values(build):
            found[path].append(value)
    return found


def size(build: Json) -> int:
    return len(json.dumps(build, ensure_ascii=False, separators=(",", ":")).encode())


def count_a_build(builds: list[Json], kind: type) -> float:
    return fmean(sum(isinstance(value, kind) for _, value in values(build)) for build in builds)


def test_no_two_builds_have_the_same_number(ours):
    assert len({build["build_num"] for build in ours}) == COUNT


def test_a_build_has_the_keys_of_a_recorded_one(ours, recorded):
    theirs = Counter(frozenset(build) for build in recorded)
    mine = Counter(frozenset(build) for build in ours)
    assert mine.keys() <= theirs.keys()
    for keys, count in theirs.items():
        assert mine[keys] / COUNT == pytest.approx(count / len(recorded), abs=0.02)


def test_objects_within_a_build_have_the_keys_of_recorded_ones(ours, recorded):
    assert by_path(ours).keys() == by_path(recorded).keys()


def test_objects_lists_texts_numbers_and_nulls_are_as_many_as_in_recorded_builds(ours, recorded):
    for kind in (dict, list, str, int, type(None)):
        assert count_a_build(ours, kind) == pytest.approx(count_a_build(recorded, kind), rel=0.05), kind


def test_each_field_is_null_as_often_as_in_recorded_builds(ours, recorded):
    mine = by_path(ours)
    for path, theirs in by_path(recorded).items():
        share = fmean(value is None for value in theirs)
        assert fmean(value is None for value in mine[path]) == pytest.approx(share, abs=0.06), path


def test_a_build_has_as_many_bytes_as_a_recorded_one(ours, recorded):
    assert fmean(map(size, ours)) == pytest.approx(fmean(map(size, recorded)), rel=0.03)


def test_each_text_is_as_long_as_in_recorded_builds(ours, recorded):
    mine = by_path(ours)
    for path, theirs in by_path(recorded).items():
        lengths = [len(value) for value in theirs if isinstance(value, str)]
        if lengths:
            length = fmean(len(value) for value in mine[path] if isinstance(value, str))
            assert length == pytest.approx(fmean(lengths), rel=0.15, abs=2.5), path


def test_as_many_texts_have_escapes_as_in_recorded_builds(ours, recorded):
    def share(builds: list[Json]) -> float:
        return fmean(
            not value.isprintable() or '"' in value
            for build in builds
            for _, value in values(build)
            if isinstance(value, str)
        )

    assert share(ours) == pytest.approx(share(recorded), abs=0.01)


def test_no_text_is_copied_from_recorded_builds(ours, recorded):
    free = {
        ".subject",
        ".body",
        ".messages[].message",
        ".circle_yml.string",
        ".author_email",
        ".author_name",
        ".branch",
    }

    def texts(builds: list[Json]) -> set[str]:
        found = by_path(builds)
        return {value for path in free for value in found[path] if value}

    assert not texts(ours) & texts(recorded)


def test_every_kind_of_page_is_a_list_of_builds_numbered_downwards():
    replies = make_replies()
    for kind in replies.kinds:
        builds = json.loads(replies.page(kind, 150, limit=100, offset=20))
        assert [build["build_num"] for build in builds] == list(range(130, 30, -1)), kind


def test_shuffled_builds_are_the_recorded_ones_with_other_orders_of_keys():
    replies = make_replies()
    builds, shuffled = (json.loads(replies.page(kind, 100, limit=100, offset=0)) for kind in KINDS)
    assert shuffled == builds
    assert all(list(one) != list(other) for one, other in zip(shuffled, builds, strict=True))


def test_our_figure_is_divided_by_the_other_within_each_round():
    targets = (Target("theirs", 0.6), Target("left out", 1.0))
    candidates = {"ours": float, "theirs": float, "left out": float}
    comparison = Comparison(title="Work", candidates=candidates, targets=targets)
    result = Result(comparison, {"ours": [1.0, 2.0, 9.0], "theirs": [2.0, 4.0, 10.0]})
    (row,) = result.rows
    assert (row.ratio.middle, row.verdict) == (0.5, "held")
    assert make_table([result]).endswith("| Work | theirs | 0.50 | 0.50 to 0.70 | 0.60 | held |")


def test_a_target_against_an_unknown_candidate_is_rejected():
    with pytest.raises(ValueError, match="Work: expected targets against candidates, got curl"):
        Comparison(title="Work", candidates={"ours": float}, targets=(Target("curl", 1.0),))


def test_a_missed_target_comes_with_its_reason():
    comparison = Comparison(
        title="Work", candidates={"ours": 3.0, "5 s": 2.0}, targets=(Target("5 s", 1.0, why="slow"),)
    )
    (row,) = compare(comparison, "").rows
    assert (row.is_missed, row.verdict) == (True, "**missed**: slow")


def test_the_quotes_of_a_page_follow_the_measured_shares():
    page = "| Walk: CPU | curl, 8: plain | 0.30 |\n| Other work | curl | 0.40 |\n"
    assert update_quotes(page, {("Walk", "curl, 8"): "1.25"}) == page.replace("0.30", "1.25")
