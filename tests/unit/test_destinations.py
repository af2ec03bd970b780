"""Where artifacts go: which paths are refused, and which cannot be had together."""

import ntpath
import posixpath
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import Artifact, DownloadError, InvalidInputError, PathConflictError, UnsafePathError
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async.artifacts import _destinations as destinations
from circleci_v1_async.artifacts._destinations import Destination, plan_destinations

URL = "https://output.circle-artifacts.com/output/job/1/artifacts/0/x"
# What paths are made of, with what is dangerous in them more often than chance has it.
PIECE = st.text(st.characters(), max_size=8) | st.sampled_from(
    [*"/\\.: ~", "..", "con", "NUL", "a", "A", "é", "e\u0301", "ß", "ss", "\u0345", "\u031b", ".circleci.part", ".note"]
)
PATH = st.lists(PIECE, max_size=6).map("".join)


def artifact(path: str, node_index: int | None = 0, url: str = URL) -> Artifact:
    return Artifact(path=path, node_index=node_index, url=url)


def planned(*paths: str, match: str | None = None) -> list[Destination]:
    return plan_destinations([artifact(path) for path in paths], match)


def accepted(places: Sequence[Destination]) -> list[Destination]:
    return [place for place in places if place.problem is None]


def goes_to(path: str) -> tuple[str, ...]:
    (place,) = planned(path)
    assert place.problem is None
    return place.parts


def refused(path: str, **options: Any) -> DownloadError:
    wanted = artifact(path, **options)
    (place,) = plan_destinations([wanted], None)
    assert place.problem is not None
    assert (place.artifact, place.parts) == (wanted, (path,))
    return place.problem


UNSAFE = {
    "empty": "",
    "nothing but slashes and dots": ".//.",
    "absolute": "/etc/passwd",
    "absolute with two slashes": "//server/share",
    "climbing": "../x",
    "climbing in the middle": "a/../../x",
    "climbing and coming back": "a/../b",
    "a drive": "C:\\x",
    "a drive without a root": "C:x",
    "a UNC path": "\\\\server\\share\\x",
    "a backslash": "..\\x",
    "a stream": "a:stream",
    "NUL": "a\0b",
    "a line feed": "a\nb",
    "DEL": "a\x7fb",
    "a lone surrogate": "a\ud800b",
    "a dot at the end": "a./b",
    "a blank at the end": "a /b",
    "three dots": ".../x",
    "a name of 256 bytes": "x" * 256,
    "a name of 256 bytes in 128 letters": "ü" * 128,
    **{
        f"the device {name!a}".replace("\\", "/"): name
        for name in (
            *("CON", "prn.txt", "Aux", "NUL.tar.gz", "a/com1", "LPT9.log", "COM0", "com¹", "lpt³.x"),
            *("CONIN$", "conout$", "con .txt", "nul/x"),
        )
    },
}


@pytest.mark.fault(52)
@pytest.mark.parametrize("path", UNSAFE.values(), ids=UNSAFE)
def test_an_unsafe_path_is_refused_on_every_system(path: str) -> None:
    problem = refused(path)
    assert isinstance(problem, UnsafePathError)
    assert repr(path) in str(problem)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("./", "expected the path of a file"),
        ("/etc/passwd", "expected a relative path"),
        ("a/../b", "expected a path without '..'"),
        ("a:b", "expected names that are valid on every system"),
        ("x" * 256, "expected names of at most 255 bytes"),
    ],
)
def test_the_reason_why_a_path_is_unsafe_is_what_was_expected(path: str, reason: str) -> None:
    assert str(refused(path)) == f"{path!r}: {reason}"


def test_an_artifact_with_an_empty_url_is_refused() -> None:
    problem = refused("a", url="")
    assert (type(problem), str(problem)) == (DownloadError, "'a': the service returned no URL for this artifact")


PLAIN = [
    "a",
    "a/b.txt",
    ".hidden",
    "a b",
    "~",
    "100%",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "👩\u200d🚀",
    "icon",
    "console.log",
    "com10",
    "aux-1",
    "..a",
    "x" * 255,
]


@pytest.mark.parametrize("path", [*PLAIN, "ü" * 127])
def test_a_plain_path_is_kept_as_it_is(path: str) -> None:
    assert "/".join(goes_to(path)) == path


ENCODED = {
    "a?b*c": "a%3Fb%2Ac",
    '<a>|"b"': "%3Ca%3E%7C%22b%22",
    "a\x80b\x9f": "a%C2%80b%C2%9F",
    "a\x85b": "a%C2%85b",
    "a\u202etxt.exe": "a%E2%80%AEtxt.exe",
    "\u061c\u200e\u200f\u202a": "%D8%9C%E2%80%8E%E2%80%8F%E2%80%AA",
    "\u2066a\u2069": "%E2%81%A6a%E2%81%A9",
    "a\u200bb": "a%E2%80%8Bb",
    "\u2028\u2029": "%E2%80%A8%E2%80%A9",
    "\ufeffa": "%EF%BB%BFa",
    "a?/b?": "a%3F/b%3F",
    "?" * 85: "%3F" * 85,
}


@pytest.mark.fault(52)
@pytest.mark.parametrize(("path", "file"), ENCODED.items())
def test_characters_that_some_system_rejects_or_no_eye_sees_are_encoded_on_every_system(path: str, file: str) -> None:
    assert "/".join(goes_to(path)) == file


@pytest.mark.fault(52)
@given(PATH)
def test_no_name_has_a_control_character_or_changes_the_direction_of_text(path: str) -> None:
    for place in accepted(planned(path)):
        for character in "".join(place.parts):
            assert unicodedata.category(character) not in {"Cc", "Zl", "Zp"}
            assert unicodedata.bidirectional(character) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "PDI"}
            assert character not in '<>"|?*\u200b\ufeff'


@pytest.mark.fault(52)
def test_a_name_that_is_too_long_once_encoded_is_refused() -> None:
    assert isinstance(refused("?" * 86), UnsafePathError)


@pytest.mark.fault(54)
def test_a_name_and_its_encoded_form_are_a_conflict() -> None:
    assert accepted(planned("a?", "a%3F", "b?", "b%3f", "c?")) == planned("c?")


def test_slashes_and_dots_that_mean_nothing_are_dropped() -> None:
    assert goes_to("./a//./b/") == ("a", "b")


def is_reserved(name: str) -> bool:
    """Whether Windows gives a name a meaning of its own. Wildcards it refuses, which is no danger."""
    name = re.sub(r'[<>"|?*]', "_", name)
    return ntpath.isreserved(name) if sys.version_info >= (3, 13) else PureWindowsPath(name).is_reserved()


@pytest.mark.fault(52)
@given(st.lists(st.tuples(PATH, st.integers(0, 2)), max_size=8))
def test_nothing_that_is_accepted_leaves_the_folder_on_any_system(paths: list[tuple[str, int]]) -> None:
    for place in accepted(plan_destinations([artifact(*path) for path in paths], None)):
        for system, root in ((posixpath, "/dest"), (ntpath, "D:\\dest")):
            assert not system.isabs(system.join(*place.parts))
            assert system.splitdrive(system.join(*place.parts))[0] == ""
            whole = system.normpath(system.join(root, *place.parts))
            assert system.commonpath([root, whole]) == root
            # Each part is one name, and stays that name.
            assert whole == root + system.sep + system.sep.join(place.parts)
        for part in place.parts:
            assert 0 < len(part.encode()) <= 255
            assert not is_reserved(part)


def canonical(part: str) -> str:
    """Unicode's own definition of a canonical caseless match (D145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", part).casefold())


def composed(part: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


@pytest.mark.fault(54)
@given(st.lists(st.tuples(PATH, st.integers(0, 1)), max_size=12))
def test_no_two_that_are_accepted_are_one_file_or_one_the_folder_of_the_other(paths: list[tuple[str, int]]) -> None:
    places = accepted(plan_destinations([artifact(*path) for path in paths], None))
    for fold in (canonical, composed):
        taken: set[tuple[str, ...]] = set()
        for place in places:
            *folders, name = place.parts
            for last in (name, part_name(name), resume_info_name(name)):
                whole = tuple(map(fold, (*folders, last)))
                assert whole not in taken
                taken.add(whole)
        for place in places:
            whole = tuple(map(fold, place.parts))
            assert not any(whole[:length] in taken for length in range(1, len(whole)))


COLLISIONS = {
    "twice the same": ("a", "a"),
    "the same in other words": ("a/b", "a//./b"),
    "in another case": ("Foo/x", "foo/X"),
    "composed and decomposed": ("caf\u00e9", "cafe\u0301"),
    "an iota below and beside": ("\u1f8e\u031b", "\u1f06\u031b\u03b9"),
    "sharp s": ("straße", "STRASSE"),
    "a file and a folder": ("p", "p/q"),
    "a file and a folder further down": ("p", "P/q/r"),
    "a file and the part of another": ("a", "a.circleci.part"),
    "a file and what is beside the part of another": ("a", "A.circleci.part.note"),
    "the part of a file and a folder": ("a", "a.circleci.part/x"),
}


@pytest.mark.fault(54)
@pytest.mark.parametrize("paths", COLLISIONS.values(), ids=COLLISIONS)
def test_of_two_that_want_one_place_neither_gets_it(paths: tuple[str, str]) -> None:
    for order in (paths, paths[::-1]):
        places = planned(*order, "another")
        assert [type(place.problem) for place in places] == [PathConflictError, PathConflictError, type(None)]
        text = str(places[0].problem)
        assert "2 artifacts need this path" in text
        assert all(repr(path) in text for path in paths)


@pytest.mark.fault(59)
def test_of_ten_thousand_that_want_one_place_each_error_names_a_few() -> None:
    places = planned("p", *(f"p/{number}" for number in range(9_999)))
    assert {str(place.problem) for place in places} == {
        "p: 10000 artifacts need this path: 'p', 'p/0', 'p/1', …; place= can choose other paths",
    }


def test_a_conflict_in_a_folder_is_named_by_its_whole_path() -> None:
    texts = {str(place.problem) for place in planned("a/b", "a/b/c")}
    assert texts == {"a/b: 2 artifacts need this path: 'a/b', 'a/b/c'; place= can choose other paths"}


def test_the_error_of_three_that_want_one_place_names_them_all() -> None:
    texts = {str(place.problem) for place in planned("p", "p/q", "p/r")}
    assert texts == {"p: 3 artifacts need this path: 'p', 'p/q', 'p/r'; place= can choose other paths"}


def test_two_files_in_one_folder_are_no_conflict() -> None:
    assert len(accepted(planned("a/b", "a/c", "A/d", "ab"))) == 4


def test_two_files_of_one_name_in_different_folders_are_no_conflict() -> None:
    assert len(accepted(planned("a/b/c", "a/c", "b/c", "c", "a/b/b", "b/a/c"))) == 6


def test_what_is_unsafe_is_in_nobodys_way() -> None:
    assert [place.problem is None for place in planned("a", "a/..", "/a")] == [True, False, False]


@pytest.mark.fault(54)
def test_artifacts_of_several_containers_go_to_a_folder_for_each() -> None:
    places = plan_destinations([artifact("a", None), artifact("a", 1), artifact("b/c", 12)], None)
    assert [place.parts for place in places] == [("node-0", "a"), ("node-1", "a"), ("node-12", "b", "c")]


def test_artifacts_of_one_container_need_no_folder_whatever_its_number() -> None:
    assert [place.parts for place in plan_destinations([artifact("a", 3), artifact("b", 3)], None)] == [("a",), ("b",)]


def test_folders_for_containers_are_made_if_what_matches_is_of_several() -> None:
    artifacts = [artifact("a.txt", 0), artifact("b.log", 1), artifact("c.txt", 1)]
    assert [place.parts for place in plan_destinations(artifacts[:2], "*.txt")] == [("a.txt",)]
    assert [place.parts for place in plan_destinations(artifacts, "*.txt")] == [
        ("node-0", "a.txt"),
        ("node-1", "c.txt"),
    ]


def test_a_place_replaces_the_path_and_the_folder_of_the_container() -> None:
    artifacts = [artifact("a", 0), artifact("a", 1), artifact("b/c?", 1)]
    nodes = plan_destinations(artifacts, None, lambda wanted: f"{wanted.node_index}//./{wanted.path}")
    assert [place.parts for place in nodes] == [("0", "a"), ("1", "a"), ("1", "b", "c%3F")]
    assert accepted(plan_destinations(artifacts, None, lambda _: "same")) == []
    assert [place.parts for place in plan_destinations(artifacts, "b/*", lambda _: "same")] == [("same",)]


@pytest.mark.fault(52)
@pytest.mark.parametrize("path", UNSAFE.values(), ids=UNSAFE)
def test_a_place_is_checked_as_every_path(path: str) -> None:
    [place] = plan_destinations([artifact("a")], None, lambda _: path)
    assert isinstance(place.problem, UnsafePathError)
    assert repr(path) in str(place.problem)


@pytest.mark.parametrize("wrong", [None, b"a", 7, Path("a")])
def test_a_place_that_is_no_text_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=f"place: expected a function that returns a path .*, got {type(wrong).__name__}"
    ):
        plan_destinations([artifact("a")], None, lambda _: wrong)


@pytest.mark.parametrize("wrong", ["https://a.example/a?s3cret", None, artifact("a")])
def test_what_is_no_list_of_artifacts_is_refused(wrong: Any) -> None:
    expected = rf"^artifacts: expected several Artifacts from .*; got {type(wrong).__name__}$"
    with pytest.raises(InvalidInputError, match=expected):
        plan_destinations(wrong, None)


def test_a_pattern_is_for_the_whole_path_and_knows_no_slashes_and_no_case() -> None:
    paths = ("a.txt", "deep/er/b.txt", "A.TXT", "a.txt.gz", "[x].txt")
    assert [place.artifact.path for place in planned(*paths, match="*.txt")] == ["a.txt", "deep/er/b.txt", "[x].txt"]
    assert [place.artifact.path for place in planned(*paths, match="deep/*")] == ["deep/er/b.txt"]
    assert [place.artifact.path for place in planned(*paths, match="[[]x].txt")] == ["[x].txt"]
    assert planned(*paths, match="nothing") == []


def test_a_list_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"^artifacts: expected Artifacts from a list of artifacts, got str$"):
        plan_destinations(["a"], None)  # type: ignore[list-item]


def test_an_empty_path_matches_only_what_matches_nothing() -> None:
    assert planned("", match="x*") == []
    assert len(planned("", match="*")) == 1


def test_what_does_not_match_is_in_nobodys_way() -> None:
    assert len(accepted(planned("p", "p/q.txt", match="*.txt"))) == 1


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: len(name.encode()) <= 255))
def test_a_part_has_a_name_that_fits_also_where_the_file_barely_does(name: str) -> None:
    part, etag = part_name(name), resume_info_name(name)
    assert len({name, part, etag}) == 3
    assert max(len(part.encode()), len(etag.encode())) <= 255


def test_long_names_have_parts_of_their_own() -> None:
    assert part_name("x" * 254 + "a") != part_name("x" * 254 + "b")


def test_ten_thousand_artifacts_are_planned() -> None:
    paths = [f"reports/{number % 100}/{number}.xml" for number in range(10_000)]
    assert ["/".join(place.parts) for place in planned(*paths)] == paths


@pytest.mark.fault(73)
def test_a_path_of_thousands_of_folders_costs_no_more_than_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = 0

    class Counted(str):
        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal hashed
            hashed += 1
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            return super().__eq__(other)

    fold = destinations._fold
    monkeypatch.setattr(destinations, "_fold", lambda part: Counted(fold(part)))
    assert len(accepted(planned(*("x/" * 2000 + str(number) for number in range(10))))) == 10
    assert hashed < 2 * 10 * 2000


def test_a_place_knows_the_length_of_the_longest_path_that_it_needs() -> None:
    [place] = planned("a/ü/c")
    assert place.length == len("a/ü/c.circleci.part.note".encode())
    [place] = planned("x" * 255)
    assert place.length == 255


def test_a_name_that_is_no_unicode_has_a_part_too() -> None:
    """A caller may have such a file, though no artifact may."""
    assert part_name("a\udcff") == "a\udcff.circleci.part"
    assert Destination(artifact("a"), ("a\udcff",)).length == len("a...") + len(".circleci.part.note")


@pytest.mark.parametrize("wrong", ["https://a.example/a", 7, None])
def test_something_that_is_no_artifact_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInputError, match="artifacts: expected Artifacts from a list of artifacts, got"):
        plan_destinations([artifact("a"), wrong], None)


def test_a_place_keeps_its_artifact() -> None:
    given_artifact = attrs.evolve(artifact("a"), pretty_path="$HOME/a")
    assert plan_destinations([given_artifact], None)[0].artifact is given_artifact
