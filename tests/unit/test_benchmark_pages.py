"""The pages that the benchmarks measure, compared with recorded lists of builds, and the ratios that they show."""

import csv
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from benchmarks.comparison import Comparison, Result, Target
from benchmarks.pages import make_templates, page
from benchmarks.recorded import COUNT, make_builds

Json = dict[str, Any]
# Shorter lists are of single cases.
SHORTEST_LIST = 5
KINDS = (b"recorded", b"shuffled")


@pytest.fixture(scope="module")
def recorded() -> list[Json]:
    """Return the builds of all recorded lists."""
    if not (folder := os.environ.get("CIRCLECI_RECORDINGS")):
        pytest.skip("CIRCLECI_RECORDINGS names no folder of recordings")
    with (Path(folder) / "INDEX.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    lists = [
        json.loads((Path(folder) / row["file"]).read_bytes())
        for row in rows
        if row["operation"] in {"project_builds", "recent_builds"} and "recorded" in row["kind"]
    ]
    builds = [build for each in lists if len(each) >= SHORTEST_LIST for build in each]
    assert len(builds) > COUNT
    return builds


@pytest.fixture(scope="module")
def ours() -> list[Json]:
    return make_builds()


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


def test_the_builds_are_always_the_same():
    assert make_builds() == make_builds()
    assert len(make_builds()) == COUNT


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


async def test_every_kind_of_page_is_a_list_of_builds_numbered_downwards():
    for kind, templates in (await make_templates()).items():
        builds = json.loads(page(templates, 150, limit=COUNT, offset=20))
        assert [build["build_num"] for build in builds] == list(range(130, 30, -1)), kind


async def test_shuffled_builds_are_the_recorded_ones_with_other_orders_of_keys():
    templates = await make_templates()
    builds, shuffled = (json.loads(page(templates[kind], COUNT, limit=COUNT, offset=0)) for kind in KINDS)
    assert shuffled == builds
    assert all(list(one) != list(other) for one, other in zip(shuffled, builds, strict=True))


def test_our_figure_is_divided_by_the_other_within_each_round():
    comparison = Comparison(title="Work", unit="s", factor=1, candidates={"ours": float, "theirs": float})
    result = Result(comparison, {"ours": [1.0, 2.0, 9.0], "theirs": [2.0, 4.0, 10.0]})
    (row,) = result.rows([Target("theirs", 0.6, 0.4), Target("missing", 1.0)])
    assert (row.ratio.middle, row.verdict) == (0.5, "held")
