"""The evidence store: what lies in it is whole, what is not evidence stays out, and what the ledger names is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from duban.errors import Fault, SettingsError, Unavailable
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.store import EvidenceStore, Room
from duban.messages.report import Evidence, stored_evidence
from duban_cli import app
from duban_cli.files import sealed
from duban_cli.output import ExitCode
from duban_console.action import InvalidAction
from duban_console.evidence_audit import EvidenceAudit, Named, pieces
from tests.evidence import seal, video, written

RECORD = UUID(int=7)
TYPES = EvidenceSettings().types


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def desk(store: FolderStore) -> EvidenceDesk:
    return EvidenceDesk(store, TYPES, 100_000)


def put(store: EvidenceStore, room: Room, data: bytes, tmp_path: Path) -> str:
    store.put(room, seal(data), written(tmp_path, data))
    return seal(data)


def held(store: EvidenceStore, room: Room, sha256: str) -> bytes | None:
    read = store.read(room, sha256)
    return None if read is None else b"".join(read)


def test_nobody_writes_to_what_is_sealed(store: FolderStore, tmp_path: Path) -> None:
    put(store, Room.ORIGINALS, b"x", tmp_path)
    [file] = (tmp_path / "store" / "originals").rglob("?" * 64)
    assert file.stat().st_mode & 0o222 == 0
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


def test_a_process_that_dies_while_it_writes_leaves_no_half_file(store: FolderStore, tmp_path: Path) -> None:
    file = written(tmp_path, b"z" * 1_000_000)
    program = (
        "import sys; from pathlib import Path; from duban.io.evidence.folder import FolderStore\n"
        "FolderStore(Path(sys.argv[1])).put('originals', sys.argv[2], Path(sys.argv[3]))"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "store"), seal(b"z" * 1_000_000), str(file)]
    dead = subprocess.run(arguments, env={**os.environ, "DUBAN_CRASH_AT": "evidence_written"}, check=False)
    assert dead.returncode == 137
    assert list(store.all(Room.ORIGINALS)) == []
    [abandoned] = (tmp_path / "store" / "arriving").iterdir()
    # Somebody may still write to what is new; what is a day old is nobody's.
    store.tidy()
    assert abandoned.exists()
    os.utime(abandoned, (0, 0))
    store.tidy()
    assert not abandoned.exists()
    subprocess.run(arguments, check=True)
    assert held(store, Room.ORIGINALS, seal(b"z" * 1_000_000)) == b"z" * 1_000_000


def test_a_disk_that_is_full_is_waited_for(store: FolderStore, tmp_path: Path) -> None:
    file = written(tmp_path, b"x")
    (tmp_path / "store" / "arriving").rmdir()
    (tmp_path / "store" / "arriving").write_bytes(b"")  # nothing can be written into it
    with pytest.raises(Unavailable, match="cannot be used now"):
        store.put(Room.ORIGINALS, seal(b"x"), file)
    assert store.find(Room.ORIGINALS, seal(b"x")) is None


def test_a_store_where_no_folder_can_be_is_refused_by_its_setting(tmp_path: Path) -> None:
    written(tmp_path, b"x", "file")
    with pytest.raises(SettingsError, match=r"DUBAN_EVIDENCE: .*file/store is no folder to write to"):
        FolderStore(tmp_path / "file" / "store")


def test_a_file_is_evidence_by_its_hash_and_the_same_again_is_the_same(desk: EvidenceDesk, tmp_path: Path) -> None:
    data = video()
    for name in ("a.mp4", "b.mp4"):
        taken = desk.take(written(tmp_path, data), name, seal(data))
        assert taken.evidence == Evidence(uri=f"evidence:{seal(data)}", sha256=seal(data), title=name)
        assert (taken.size, taken.type) == (len(data), "video/mp4")
    assert held(desk.store, Room.ORIGINALS, seal(data)) == data


def refusals() -> Iterator[tuple[str, bytes, str | None, int, str, str]]:
    yield "nothing", b"", None, 400, "empty", "has no bytes"
    yield "too much", video() + bytes(100_000), None, 413, "too_large", "100000 are taken"
    yield "a program", b"MZ" + bytes(200), None, 415, "unsupported_type", "is application/x-msdownload by its bytes"
    yield "a page that says it is a video", b"<html>", None, 415, "unsupported_type", "of no kind that is known"
    yield "changed on the way", video(), "0" * 64, 422, "other_hash", "changed on the way"


@pytest.mark.parametrize(
    ("data", "expected", "status", "code", "words"), [pytest.param(*rest, id=name) for name, *rest in refusals()]
)
def test_what_is_no_evidence_is_refused_and_kept_nowhere(
    desk: EvidenceDesk, tmp_path: Path, data: bytes, expected: str | None, status: int, code: str, words: str
) -> None:
    with pytest.raises(Fault, match=words) as refused:
        desk.take(written(tmp_path, data, "photo.mp4"), "photo.mp4", expected)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert all(not list(desk.store.all(room)) for room in Room)


def test_what_is_said_to_lie_in_the_store_lies_there(desk: EvidenceDesk, tmp_path: Path) -> None:
    there, elsewhere = desk.take(written(tmp_path, video())).evidence, Evidence(uri="https://a/b", sha256="1" * 64)
    desk.check([elsewhere, there])
    with pytest.raises(Fault, match="no file with this SHA-256 is in the store: send the file first") as unknown:
        desk.check([there, stored_evidence("2" * 64)])
    assert (unknown.value.status, unknown.value.field) == (409, "evidence.1.sha256")
    with pytest.raises(Fault, match=f"is not evidence:{there.sha256}") as other:
        desk.check([Evidence(uri=f"evidence:{'3' * 64}", sha256=there.sha256)])
    assert other.value.field == "evidence.0.uri"


def named(sha256: str, uri: str = "") -> Named:
    return Named(RECORD, 3, sha256, uri or f"evidence:{sha256}")


def test_an_audit_tells_what_is_missing_changed_or_infected(store: FolderStore, tmp_path: Path) -> None:
    audit = EvidenceAudit(store)
    good, changed = (put(store, Room.ORIGINALS, data, tmp_path) for data in (b"good", b"changed"))
    ill, waits = put(store, Room.INFECTED, b"ill", tmp_path), put(store, Room.HELD, b"waits", tmp_path)
    file = next((tmp_path / "store").rglob(changed))
    file.chmod(0o600)
    file.write_bytes(b"chanGed")
    assert audit.lack(named(good)) is None
    assert audit.lack(named(waits)) is None
    assert "was changed in the store" in str(audit.lack(named(changed)))
    assert "was found infected later" in str(audit.lack(named(ill)))
    gone = audit.lack(named("0" * 64))
    assert str(gone) == f"{'0' * 64} is missing in the store ({RECORD} version 3, evidence:{'0' * 64})"
    # Each file once, and what is kept elsewhere is not missing here.
    assert [audit.lack(named(seal)) for seal in (good, "0" * 64)] == [None, None]
    assert audit.lack(named("1" * 64, "https://photos.example/1")) is None
    assert (audit.good, audit.held, audit.elsewhere) == (2, 1, 1)


def test_a_file_that_was_elsewhere_is_missed_once_somebody_says_that_we_have_it(store: FolderStore) -> None:
    audit = EvidenceAudit(store)
    assert audit.lack(named("1" * 64, "https://photos.example/1")) is None
    assert audit.lack(named("1" * 64)) is not None


def test_evidence_is_found_wherever_an_event_speaks_of_it() -> None:
    piece = {"uri": "evidence:a", "sha256": "a", "title": "t"}
    body = {"change": {"filed": {"report": {"evidence": [piece]}}, "checks": [{"evidence": [{**piece, "uri": "b"}]}]}}
    assert list(pieces(body)) == [("evidence:a", "a"), ("b", "a")]
    assert list(pieces({"hash": {"sha256": "a"}, "more": [1, None, "x"]})) == []


# The commands, on a store without an engine.


@pytest.fixture
def duban(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("DUBAN_EVIDENCE", str(tmp_path / "store"))
    monkeypatch.setenv("NO_COLOR", "1")
    return lambda *words: CliRunner().invoke(app, ["evidence", *map(str, words)])


def test_files_are_put_listed_and_given_back_byte_for_byte(duban: Callable[..., Result], tmp_path: Path) -> None:
    data, page = video(), written(tmp_path, b"<html>", "page.mp4")
    done = duban("put", written(tmp_path, data), page, "--json")
    assert done.exit_code == ExitCode.CONFLICT
    good, bad = map(json.loads, done.stdout.splitlines())
    assert (good["uri"], good["title"], good["type"]) == (f"evidence:{seal(data)}", "photo.mp4", "video/mp4")
    assert (bad["file"], bad["code"]) == (str(page), "unsupported_type")
    [listed] = map(json.loads, duban("ls", "--json").stdout.splitlines())
    assert (listed["sha256"], listed["size"]) == (seal(data), len(data))
    assert duban("get", good["uri"]).stdout_bytes == data
    assert duban("get", good["sha256"], "--to", tmp_path / "given.mp4").exit_code == ExitCode.OK
    assert (tmp_path / "given.mp4").read_bytes() == data


def test_what_was_changed_or_is_infected_is_not_given(duban: Callable[..., Result], tmp_path: Path) -> None:
    store, data = FolderStore(tmp_path / "store"), video()
    duban("put", written(tmp_path, data))
    file = next((tmp_path / "store").rglob(seal(data)))
    file.chmod(0o600)
    file.write_bytes(b"other")
    changed = duban("get", seal(data), "--to", tmp_path / "given.mp4")
    assert (changed.exit_code, "was changed in the store" in changed.stderr) == (ExitCode.FAILURE, True)
    assert not (tmp_path / "given.mp4").exists()
    put(store, Room.INFECTED, b"ill", tmp_path)
    for words, code, said in (
        ((seal(b"ill"),), ExitCode.NOT_FOUND, "found it infected"),
        (("0" * 64,), ExitCode.NOT_FOUND, "no file with this SHA-256"),
        (("photo.mp4",), ExitCode.USAGE, "photo.mp4 is no SHA-256"),
    ):
        refused = duban("get", *words)
        assert (refused.exit_code, refused.stdout_bytes) == (code, b"")
        assert said in refused.stderr


def test_without_a_store_the_commands_say_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path))
    refused = CliRunner().invoke(app, ["evidence", "ls"])
    assert (refused.exit_code, "set DUBAN_EVIDENCE" in refused.stderr) == (ExitCode.USAGE, True)


def test_evidence_of_an_action_lies_in_the_store_where_one_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DUBAN_FOLDER", str(tmp_path))
    file = written(tmp_path, video())
    assert sealed([file]) == [{"uri": file.as_uri(), "sha256": seal(video()), "title": "photo.mp4"}]
    (tmp_path / "evidence").mkdir()  # that of an engine which runs here
    assert sealed([file]) == [{"uri": f"evidence:{seal(video())}", "sha256": seal(video()), "title": "photo.mp4"}]
    monkeypatch.setenv("DUBAN_KAFKA", "elsewhere:9092")
    assert sealed([file])[0]["uri"] == file.as_uri()
    monkeypatch.setenv("DUBAN_EVIDENCE", str(tmp_path / "evidence"))
    with pytest.raises(InvalidAction, match="taken are"):
        sealed([written(tmp_path, b"<html>")])


def test_what_was_good_is_kept_apart_when_a_scanner_finds_something_later(
    duban: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, other = video(), video(noise="ill")
    duban("put", written(tmp_path, data), written(tmp_path, other, "ill.mp4"))
    assert (duban("scan").exit_code, duban("scan", "--all").exit_code) == (ExitCode.USAGE, ExitCode.USAGE)
    finds = f"import sys; sys.exit({seal(other)!r} in sys.argv[1])".replace("'", '"')
    monkeypatch.setenv("DUBAN_EVIDENCE_SCANNER", f"{sys.executable} -c '{finds}'")
    assert duban("scan").exit_code == ExitCode.OK  # nothing is held
    found = duban("scan", "--all", "--json")
    assert (found.exit_code, json.loads(found.stdout)) == (
        ExitCode.FAILURE,
        {"sha256": seal(other), "was": "originals", "found": "it says no more"},
    )
    assert (duban("get", seal(other)).exit_code, duban("get", seal(data)).exit_code) == (
        ExitCode.NOT_FOUND,
        ExitCode.OK,
    )
    monkeypatch.setenv("DUBAN_EVIDENCE_SCANNER", "/no/such/scanner")
    assert duban("scan", "--all").exit_code == ExitCode.UNAVAILABLE
