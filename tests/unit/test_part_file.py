"""Files that are being written: on a real file system, with each way in which it may refuse."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from descriptors import descriptors

from circleci_v1_async import PathConflictError, UnsafePathError
from circleci_v1_async._files.folder import Folder
from circleci_v1_async._files.names import part_name, resume_info_name
from circleci_v1_async._files.part_file import NameTakenError, PartFile, is_strong_etag

ETAG = '"abc"'
SOURCE = "one"
NAME = "core.tar"
PART = part_name(NAME)
NOTE = resume_info_name(NAME)


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


@pytest.fixture(params=["with dir_fd", "without dir_fd"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems that resolve names from an open folder, and on those that cannot."""
    if request.param == "without dir_fd":
        monkeypatch.setattr(os, "supports_dir_fd", set())


def opened(root: Path, *parts: str, resume: bool = False) -> PartFile:
    part = PartFile(root, parts or (NAME,), SOURCE)
    try:
        part.open(resume=resume)
    except BaseException:
        part.close(keep=resume)
        raise
    return part


def began(root: Path, *pieces: bytes, etag: str | None = ETAG, resume: bool = True) -> PartFile:
    """A part that some bytes have been written to."""
    part = opened(root, resume=resume)
    part.begin(0, etag)
    part.write(pieces)
    return part


def published(root: Path, data: bytes, *parts: str, overwrite: bool = False) -> None:
    part = opened(root, *parts)
    try:
        part.begin(0, None)
        part.publish([data], overwrite=overwrite, durable=True)
    finally:
        part.close(keep=False)


def fails_with(number: int) -> Callable[..., Any]:
    def fail(*_args: Any, **_options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def names(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.parametrize("text", ['"abc"', '""', '"a!b#~"'])
def test_a_strong_etag_is_one(text: str) -> None:
    assert is_strong_etag(text)


@pytest.mark.parametrize("text", ["", "abc", 'W/"abc"', '"abc', '"a"b"', '"a b"', '"a\nb"', '"\0"', '"a"\n', '"é"'])
def test_a_weak_etag_or_none_is_no_strong_one(text: str) -> None:
    assert not is_strong_etag(text)


class TestWholeFiles:
    """Files whose bytes are all there before the part file is opened."""

    @pytest.fixture(autouse=True)
    def supported(self, tmp_path: Path) -> None:
        try:
            os.close(os.open(tmp_path, os.O_WRONLY | getattr(os, "O_TMPFILE", os.O_EXCL)))
        except OSError:
            pytest.skip("the system or its file system has no files without names")

    def publish(self, root: Path, *, overwrite: bool = False, durable: bool = False) -> None:
        part = PartFile(root, (NAME,), SOURCE)
        part.begin(0, ETAG)
        part.publish([b"one ", b"two"], overwrite=overwrite, durable=durable)
        assert not part.is_open

    @pytest.mark.parametrize("durable", [False, True])
    def test_a_whole_file_has_no_name_until_it_is_complete(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
    ) -> None:
        before: list[list[str]] = []
        link = os.link

        def record(*args: Any, **options: Any) -> None:
            before.append(names(tmp_path))
            link(*args, **options)

        monkeypatch.setattr(os, "link", record)
        self.publish(tmp_path, durable=durable)
        assert before == [[]]
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"one two"

    def test_a_whole_file_has_the_rights_of_any_new_one(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            self.publish(tmp_path)
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640
        assert (tmp_path / NAME).stat().st_nlink == 1

    def test_an_existing_file_is_only_replaced_if_wanted(self, tmp_path: Path) -> None:
        (tmp_path / NAME).write_bytes(b"mine")
        with pytest.raises(NameTakenError):
            self.publish(tmp_path)
        assert (tmp_path / NAME).read_bytes() == b"mine"
        self.publish(tmp_path, overwrite=True)
        assert (tmp_path / NAME).read_bytes() == b"one two"
        assert names(tmp_path) == [NAME]

    @pytest.mark.parametrize("missing", ["flag", "file system", "proc"])
    def test_a_part_file_is_used_if_there_are_no_files_without_names(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
    ) -> None:
        opened: list[str] = []
        open_, link = os.open, os.link

        def open_named(path: str, flags: int, *args: Any, **options: Any) -> int:
            if missing == "file system" and flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            opened.append(str(path))
            return open_(path, flags, *args, **options)

        def link_named(path: str, *args: Any, **options: Any) -> None:
            if missing == "proc" and path.startswith("/proc"):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            link(path, *args, **options)

        monkeypatch.setattr(os, "open", open_named)
        monkeypatch.setattr(os, "supports_dir_fd", {open_named})
        monkeypatch.setattr(os, "link", link_named)
        if missing == "flag":
            monkeypatch.setattr("circleci_v1_async._files.part_file._UNNAMED", None)
        self.publish(tmp_path)
        assert PART in opened
        assert (tmp_path / NAME).read_bytes() == b"one two"
        assert names(tmp_path) == [NAME]

    @pytest.mark.fault(57)
    def test_a_full_disk_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "write", fails_with(errno.ENOSPC))
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            self.publish(tmp_path)
        assert names(tmp_path) == []


@pytest.mark.usefixtures("either_way")
class TestPublishing:
    def test_a_file_appears_when_it_is_whole_and_not_before(self, tmp_path: Path) -> None:
        part = opened(tmp_path / "dest", "a", "b", NAME)
        folder = tmp_path / "dest" / "a" / "b"
        assert part.path == folder / NAME
        part.begin(0, ETAG)
        part.write([b"one ", b"two "])
        part.write([b"three "])
        assert names(folder) == [PART, NOTE]
        part.publish([b"four"], overwrite=False, durable=True)
        assert not part.is_open
        part.close(keep=False)
        assert names(folder) == [NAME]
        assert (folder / NAME).read_bytes() == b"one two three four"

    def test_a_part_that_is_not_open_is_opened(self, tmp_path: Path) -> None:
        part = PartFile(tmp_path, ("a", NAME), SOURCE)
        part.begin(0, ETAG)
        assert not part.is_open
        part.publish([b"one ", b"two"], overwrite=False, durable=False)
        assert not part.is_open
        assert names(tmp_path) == ["a", f"a/{NAME}"]
        assert (tmp_path / "a" / NAME).read_bytes() == b"one two"

    def test_an_empty_file_is_a_file(self, tmp_path: Path) -> None:
        published(tmp_path, b"")
        assert (tmp_path / NAME).read_bytes() == b""

    def test_a_file_has_the_rights_of_any_new_one(self, tmp_path: Path) -> None:
        before = os.umask(0o027)
        try:
            published(tmp_path, b"x")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o640

    def test_a_name_of_255_bytes_can_be_had(self, tmp_path: Path) -> None:
        published(tmp_path, b"x", "ü" * 127 + "x")
        assert names(tmp_path) == ["ü" * 127 + "x"]

    @pytest.mark.fault(55)
    def test_a_file_that_is_there_is_not_touched(self, tmp_path: Path) -> None:
        (tmp_path / NAME).write_bytes(b"mine")
        with pytest.raises(PathConflictError, match="already exists"):
            published(tmp_path, b"other")
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"mine"

    @pytest.mark.fault(55)
    def test_a_file_is_overwritten_as_a_whole_and_who_reads_it_reads_on(self, tmp_path: Path) -> None:
        (tmp_path / NAME).write_bytes(b"mine")
        with (tmp_path / NAME).open("rb") as reader:
            published(tmp_path, b"other", overwrite=True)
            assert reader.read() == b"mine"
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"other"

    @pytest.mark.fault(53)
    def test_a_link_in_the_files_place_is_never_written_through(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"mine")
        for target in (victim, tmp_path / "missing"):
            (tmp_path / "dest").mkdir(exist_ok=True)
            link = tmp_path / "dest" / NAME
            link.symlink_to(target)
            with pytest.raises(PathConflictError):
                published(tmp_path / "dest", b"other")
            assert link.is_symlink()
            published(tmp_path / "dest", b"other", overwrite=True)
            assert not link.is_symlink()
            link.unlink()
        assert victim.read_bytes() == b"mine"
        assert not (tmp_path / "missing").exists()

    @pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EXDEV, errno.EMLINK])
    def test_where_there_are_no_hard_links_a_file_is_published_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        monkeypatch.setattr(os, "link", fails_with(number))
        published(tmp_path, b"x")
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"x"
        with pytest.raises(PathConflictError):
            published(tmp_path, b"other")
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"x"

    def test_where_there_are_no_hard_links_a_claim_that_fails_leaves_no_empty_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
        monkeypatch.setattr(os, "replace", fails_with(errno.EIO))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            published(tmp_path, b"x")
        assert names(tmp_path) == []

    def test_a_link_that_is_refused_otherwise_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", fails_with(errno.EIO))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            published(tmp_path, b"x")
        assert names(tmp_path) == []


@pytest.mark.fault(65)
class TestAPowerCut:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The calls that decide what a power cut leaves, in their order."""
        calls: list[str] = []

        def record(name: str) -> None:
            original = getattr(os, name)

            def call(*args: Any, **options: Any) -> Any:
                calls.append(f"{name} {os.fstat(args[0]).st_size}" if name == "fsync" else name)
                return original(*args, **options)

            monkeypatch.setattr(os, name, call)

        for name in ("write", "fsync", "link", "replace"):
            record(name)
        return calls

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize("links", [False, True], ids=["without links", "with links"])
    def test_all_of_a_file_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str], *, overwrite: bool, links: bool
    ) -> None:
        if not links:
            monkeypatch.setattr(os, "link", fails_with(errno.EPERM))
        published(tmp_path, b"0123", overwrite=overwrite)
        assert calls == ["write", "fsync 4", "link" if links and not overwrite else "replace"]

    def test_a_file_that_need_not_outlive_one_is_not_waited_for(self, tmp_path: Path, calls: list[str]) -> None:
        part = opened(tmp_path)
        part.begin(0, None)
        part.publish([b"0123"], overwrite=False, durable=False)
        assert calls == ["write", "link"]


@pytest.mark.fault(57)
class TestAFullDisk:
    def test_a_write_that_takes_only_some_is_gone_on_with(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
        published(tmp_path, b"0123456789")
        assert (tmp_path / NAME).read_bytes() == b"0123456789"

    @pytest.mark.parametrize("last", [False, True], ids=["in the middle", "at the end"])
    def test_a_write_that_fails_after_some_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, last: bool
    ) -> None:
        write = os.write
        room = [1000]

        def write_some(fd: int, data: memoryview) -> int:
            if not room[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            room[0] -= (written := write(fd, data[: room[0]]))
            return written

        part = opened(tmp_path)
        part.begin(0, None)
        monkeypatch.setattr(os, "write", write_some)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            part.publish([b"x" * 1001], overwrite=False, durable=True) if last else part.write([b"x" * 1001])
        assert os.fstat(part._fd).st_size == 1000
        part.close(keep=False)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("durable", [False, True])
    def test_a_network_file_system_that_is_full_says_so_before_the_file_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
    ) -> None:
        part = opened(tmp_path)
        part.begin(0, None)
        close, fails = os.close, [True]

        def close_and_flush(fd: int) -> None:
            close(fd)
            if fails and fails.pop():
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        monkeypatch.setattr(os, "close", close_and_flush)
        monkeypatch.setattr(os, "fsync", fails_with(errno.EDQUOT))
        with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)):
            part.publish([b"x"], overwrite=False, durable=durable)
        fails.clear()
        part.close(keep=False)
        assert names(tmp_path) == []

    def test_what_cannot_be_removed_is_no_second_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        part = began(tmp_path, b"x")
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", fails_with(errno.EACCES))
            part.close(keep=False)
        assert not part.is_open
        assert names(tmp_path) == [PART, NOTE]

    def test_a_folder_that_cannot_be_made_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for path in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(OSError, match=os.strerror(errno.ENOTDIR)):
                opened(path)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_that_may_not_be_written_to_is_an_error(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o555)
        with pytest.raises(PermissionError):
            opened(tmp_path)


@pytest.mark.fault(53)
@pytest.mark.usefixtures("either_way")
class TestTheWay:
    @pytest.mark.parametrize("where", ["", "inside", "nowhere"])
    @pytest.mark.parametrize("link", ["a", "a/b", "a/b/c"])
    def test_a_link_on_the_way_is_never_followed(self, tmp_path: Path, link: str, where: str) -> None:
        outside, dest = tmp_path / "outside", tmp_path / "dest"
        outside.mkdir()
        (dest / link).parent.mkdir(parents=True)
        target = {"": outside, "inside": dest, "nowhere": tmp_path / "missing"}[where]
        (dest / link).symlink_to(target, target_is_directory=True)
        before = names(tmp_path)
        with pytest.raises(UnsafePathError, match="expected a folder, found a symbolic link"):
            published(dest, b"x", "a", "b", "c", NAME)
        assert names(tmp_path) == before

    def test_the_folder_itself_may_be_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        published(tmp_path / "link", b"x", "a", NAME)
        assert (tmp_path / "real" / "a" / NAME).read_bytes() == b"x"

    @pytest.mark.parametrize("name", [PART, NOTE])
    def test_a_link_in_place_of_the_part_or_its_note_is_not_followed(self, tmp_path: Path, name: str) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b'"mine"')
        (tmp_path / "dest").mkdir()
        (tmp_path / "dest" / name).symlink_to(victim)
        with pytest.raises((UnsafePathError, OSError)) as caught:
            opened(tmp_path / "dest", resume=True)
        assert (name == PART) == isinstance(caught.value, UnsafePathError)
        assert victim.read_bytes() == b'"mine"'
        assert names(tmp_path / "dest") == [name]

    def test_a_note_that_becomes_a_link_meanwhile_is_not_written_through(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(b"mine")
        part = opened(tmp_path / "dest")
        (tmp_path / "dest" / NOTE).symlink_to(victim)
        part.begin(0, ETAG)
        with pytest.raises(FileExistsError):
            part.write([b"x"])
        part.close(keep=False)
        assert victim.read_bytes() == b"mine"
        assert names(tmp_path / "dest") == [NOTE]

    @pytest.mark.parametrize("file", ["a", "a/b"])
    def test_a_file_on_the_way_is_a_conflict(self, tmp_path: Path, file: str) -> None:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"mine")
        with pytest.raises(PathConflictError, match="expected a folder, found a file"):
            published(tmp_path, b"x", "a", "b", NAME)
        assert (tmp_path / file).read_bytes() == b"mine"

    def test_a_folder_in_place_of_the_part_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / PART).mkdir()
        with pytest.raises(IsADirectoryError):
            opened(tmp_path)
        assert names(tmp_path) == [PART]

    @pytest.mark.fault(67)
    def test_a_folder_in_place_of_the_note_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / NOTE).mkdir()
        with pytest.raises(UnsafePathError, match="expected a regular file"):
            opened(tmp_path)
        assert names(tmp_path) == [NOTE]

    @pytest.mark.fault(67)
    @pytest.mark.parametrize("resume", [False, True])
    @pytest.mark.parametrize("name", [PART, NOTE])
    def test_a_fifo_in_place_of_the_part_or_its_note_is_an_error_and_is_not_waited_for(
        self, tmp_path: Path, name: str, *, resume: bool
    ) -> None:
        os.mkfifo(tmp_path / name)
        with pytest.raises(UnsafePathError, match=f"{name}: expected a regular file"):
            opened(tmp_path, resume=resume)
        assert names(tmp_path) == [name]
        assert (tmp_path / name).is_fifo()

    @pytest.mark.fault(67)
    def test_a_fifo_that_takes_the_place_of_the_note_meanwhile_is_not_written_to(self, tmp_path: Path) -> None:
        part = opened(tmp_path)
        os.mkfifo(tmp_path / NOTE)
        part.begin(0, ETAG)
        with pytest.raises(FileExistsError):
            part.write([b"x"])
        part.close(keep=False)
        assert names(tmp_path) == [NOTE]


@pytest.mark.fault(53)
def test_a_folder_that_becomes_a_link_at_the_last_moment_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = os.stat

    def look_then_swap(name: Any, **options: Any) -> os.stat_result:
        found = look(name, **options)
        if name == "a":
            (tmp_path / "dest" / "a").rmdir()
            (tmp_path / "dest" / "a").symlink_to(tmp_path)
        return found

    monkeypatch.setattr(os, "stat", look_then_swap)
    with pytest.raises(OSError, match=f"{os.strerror(errno.ENOTDIR)}|{os.strerror(errno.ELOOP)}"):
        published(tmp_path / "dest", b"x", "a", NAME)
    assert names(tmp_path) == ["dest", "dest/a"]


@pytest.mark.fault(53)
def test_where_folders_cannot_be_opened_one_that_leads_elsewhere_is_not_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a junction of Windows, which is no symbolic link."""
    monkeypatch.setattr(os, "supports_dir_fd", set())
    look = os.stat

    def overlook_links(path: Any, **options: Any) -> os.stat_result:
        return look(path, **{**options, "follow_symlinks": True})

    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest" / "a").symlink_to(tmp_path / "elsewhere")
    folder = Folder.open(tmp_path / "dest")
    monkeypatch.setattr(os, "stat", overlook_links)
    with pytest.raises(UnsafePathError, match="found a link to another folder"):
        folder._enter("a")


@pytest.mark.fault(56)
class TestTwoForOne:
    def test_a_part_that_is_being_written_is_nobody_elses(self, tmp_path: Path) -> None:
        part = began(tmp_path, b"mine")
        for resume in (False, True):
            with pytest.raises(PathConflictError, match="another download is writing it"):
                opened(tmp_path, resume=resume)
        part.publish([], overwrite=False, durable=True)
        assert (tmp_path / NAME).read_bytes() == b"mine"

    def test_a_part_that_was_let_go_can_be_taken(self, tmp_path: Path) -> None:
        began(tmp_path, b"x").close(keep=True)
        opened(tmp_path).close(keep=False)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("becomes", ["nothing", "another"])
    def test_a_part_that_loses_its_name_before_it_is_locked_is_opened_anew(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
    ) -> None:
        fcntl = pytest.importorskip("fcntl")
        lock, calls = fcntl.flock, []

        def lock_too_late(fd: int, how: int) -> None:
            calls.append(fd)
            if len(calls) == 1:
                (tmp_path / PART).unlink()
                if becomes == "another":
                    (tmp_path / PART).write_bytes(b"")
            lock(fd, how)

        monkeypatch.setattr(fcntl, "flock", lock_too_late)
        part = opened(tmp_path)
        assert len(calls) == 2
        assert os.path.samestat(os.fstat(part._fd), (tmp_path / PART).stat())
        part.close(keep=False)

    def test_a_part_that_is_a_published_file_is_not_written_to(self, tmp_path: Path) -> None:
        """Its process was killed between the two steps of giving the file its name."""
        (tmp_path / PART).write_bytes(b"published")
        os.link(tmp_path / PART, tmp_path / NAME)
        part = opened(tmp_path, resume=True)
        assert part.size == 0
        part.begin(0, None)
        part.write([b"new"])
        part.close(keep=False)
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"published"

    @pytest.mark.fault(69)
    @pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
    def test_where_there_are_no_locks_a_file_is_written_unlocked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        fcntl = pytest.importorskip("fcntl")
        part = opened(tmp_path)
        assert part.is_locked
        part.close(keep=False)
        monkeypatch.setattr(fcntl, "flock", fails_with(number))
        part = opened(tmp_path)
        assert not part.is_locked
        part.begin(0, None)
        part.publish([b"x"], overwrite=False, durable=True)
        assert (tmp_path / NAME).read_bytes() == b"x"

    def test_a_lock_that_fails_otherwise_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fcntl = pytest.importorskip("fcntl")
        monkeypatch.setattr(fcntl, "flock", fails_with(errno.EIO))
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            opened(tmp_path)


@pytest.mark.fault(58)
class TestGoingOn:
    def test_what_was_kept_is_gone_on_from(self, tmp_path: Path) -> None:
        began(tmp_path, b"one ").close(keep=True)
        assert names(tmp_path) == [PART, NOTE]
        part = opened(tmp_path, resume=True)
        assert (part.size, part.etag) == (4, ETAG)
        part.begin(4, ETAG)
        part.write([b"two"])
        part.publish([], overwrite=False, durable=True)
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"one two"

    def test_without_resume_what_is_there_is_given_up(self, tmp_path: Path) -> None:
        began(tmp_path, b"old and long").close(keep=True)
        part = opened(tmp_path)
        assert part.etag is None
        part.begin(0, None)
        part.publish([b"new"], overwrite=False, durable=True)
        assert names(tmp_path) == [NAME]
        assert (tmp_path / NAME).read_bytes() == b"new"

    def test_another_version_takes_the_place_of_the_old_one_with_its_own_note(self, tmp_path: Path) -> None:
        began(tmp_path, b"old and long").close(keep=True)
        part = opened(tmp_path, resume=True)
        part.begin(0, '"new"')
        part.write([b"new"])
        part.close(keep=True)
        again = opened(tmp_path, resume=True)
        assert (again.size, again.etag) == (3, '"new"')
        again.close(keep=False)

    def test_another_version_of_which_nothing_was_written_has_no_bytes_yet(self, tmp_path: Path) -> None:
        began(tmp_path, b"old and long").close(keep=True)
        part = opened(tmp_path, resume=True)
        part.begin(0, '"new"')
        assert part.size == 0
        part.close(keep=True)
        assert names(tmp_path) == []

    def test_bytes_beyond_where_it_goes_on_are_cut_off(self, tmp_path: Path) -> None:
        part = began(tmp_path, b"0123456789")
        part.begin(4, ETAG)
        assert part.size == 4
        part.publish([b"!"], overwrite=False, durable=True)
        assert (tmp_path / NAME).read_bytes() == b"0123!"

    def test_a_version_that_cannot_be_told_from_others_is_not_kept(self, tmp_path: Path) -> None:
        began(tmp_path, b"x", etag=None).close(keep=True)
        assert names(tmp_path) == []

    def test_a_weaker_version_drops_the_note_of_the_one_before(self, tmp_path: Path) -> None:
        began(tmp_path, b"old").close(keep=True)
        part = opened(tmp_path, resume=True)
        part.begin(0, None)
        part.write([b"new"])
        # As it is found after a crash.
        assert names(tmp_path) == [PART]
        part.close(keep=False)

    def test_nothing_is_not_kept(self, tmp_path: Path) -> None:
        part = opened(tmp_path, resume=True)
        part.begin(0, ETAG)
        part.close(keep=True)
        assert names(tmp_path) == []

    def test_what_was_not_even_begun_is_kept_as_it_was(self, tmp_path: Path) -> None:
        began(tmp_path, b"x").close(keep=True)
        opened(tmp_path, resume=True).close(keep=True)
        assert names(tmp_path) == [PART, NOTE]

    def test_bytes_that_nobody_knows_the_version_of_are_not_gone_on_from(self, tmp_path: Path) -> None:
        (tmp_path / PART).write_bytes(b"x")
        part = opened(tmp_path, resume=True)
        assert part.etag is None
        part.close(keep=True)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("note", [b"", b"\0" * 5, b'"abc', b'W/"abc"', b'"a\r\nX: y"', b'"\xff"', b'"' * 9000])
    def test_a_note_that_a_crash_has_left_unfinished_is_none(self, tmp_path: Path, note: bytes) -> None:
        (tmp_path / PART).write_bytes(b"x")
        (tmp_path / NOTE).write_bytes(SOURCE.encode() + b" " + note)
        part = opened(tmp_path, resume=True)
        assert part.etag is None
        part.begin(0, ETAG)
        part.write([b"y"])
        assert (tmp_path / NOTE).read_bytes() == f"{SOURCE} {ETAG}".encode()
        part.close(keep=False)
        assert names(tmp_path) == []

    @pytest.mark.fault(66)
    @pytest.mark.parametrize("note", [f"another {ETAG}", ETAG, f" {ETAG}", f"{SOURCE}{ETAG}", f"{SOURCE}  {ETAG}"])
    def test_a_note_of_another_artifact_is_none(self, tmp_path: Path, note: str) -> None:
        (tmp_path / PART).write_bytes(b"x")
        (tmp_path / NOTE).write_text(note)
        part = opened(tmp_path, resume=True)
        assert part.etag is None
        part.close(keep=True)
        assert names(tmp_path) == []


def test_closing_twice_is_no_error_and_neither_is_what_was_never_opened(tmp_path: Path) -> None:
    part = opened(tmp_path)
    part.close(keep=False)
    part.close(keep=False)
    PartFile(tmp_path, (NAME,), SOURCE).close(keep=False)
    assert names(tmp_path) == []


def test_a_thousand_parts_leave_nothing_open(tmp_path: Path) -> None:
    for number in range(1000):
        published(tmp_path, b"x", f"{number % 10}", f"{number}")
    assert len(names(tmp_path)) == 1010
