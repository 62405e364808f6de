"""Files that sealed reports speak of: whole under their key, worthless without it, found out when they are touched."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from duban.errors import Fault
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.sealed_file import is_sealed, opened, seal_file, size_of
from duban.io.evidence.store import Room
from duban.io.report_keys import ReportKeys
from duban.messages.sealed import WrappedKey
from duban.seal import Unsealable
from duban_console.evidence_audit import EvidenceAudit, Named
from duban_console.ledger import HeldKey
from duban_console.sealed_evidence import EvidenceOpener
from duban_intake.evidence_seal import EvidenceSeal
from tests.evidence import seal, written
from tests.unit.test_evidence import RECORD, held
from tests.unit.test_intake_handlers import AT

KEY = bytes(range(32))
PIECE = 64 * 1024


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def keys() -> ReportKeys:
    return ReportKeys.parse(b64encode(b"\x05" * 32).decode())


@dataclass
class Known:
    """What is known of the keys of files."""

    held: dict[str, HeldKey]

    async def file_key(self, sha256: str) -> HeldKey | None:
        return self.held.get(sha256)


def sealed(folder: Path, data: bytes, key: bytes = KEY) -> bytes:
    seal_file(written(folder, data), folder / "sealed", key, seal(data))
    return (folder / "sealed").read_bytes()


def in_parts(data: bytes, length: int) -> list[bytes]:
    return [data[at : at + length] for at in range(0, len(data), length)]


@pytest.mark.parametrize("size", [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
@pytest.mark.parametrize("length", [1000, PIECE + 16, 10 * PIECE])
def test_a_sealed_file_opens_to_the_same_bytes_in_whatever_parts_it_comes(
    tmp_path: Path, size: int, length: int
) -> None:
    data = bytes(number % 251 for number in range(size))
    there = sealed(tmp_path, data)
    assert is_sealed(there)
    assert size_of(there) == size
    assert size < 50 or data[:50] not in there
    assert b"".join(opened(in_parts(there, length), KEY, seal(data))) == data
    assert sealed(tmp_path, data) == there


def test_what_is_cut_off_exchanged_or_of_another_file_does_not_open(tmp_path: Path) -> None:
    data = bytes(3 * PIECE)
    there, head, step = sealed(tmp_path, data), 28, PIECE + 16
    first, second = there[head : head + step], there[head + step : head + 2 * step]
    for wrong in (
        there[: head + 2 * step],
        there[:head] + second + first + there[head + 2 * step :],
        there[:-1],
        there[:head],
        there[:-1] + bytes([there[-1] ^ 1]),
    ):
        with pytest.raises(Unsealable):
            list(opened([wrong], KEY, seal(data)))
    for key, sha256 in ((bytes(32), seal(data)), (KEY, seal(b"other"))):
        with pytest.raises(Unsealable):
            list(opened([there], key, sha256))


def test_wherever_a_file_lies_it_is_sealed_once_and_stays_what_it_is(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    data, copy = b"a photo of somebody", b"the same, without who took it"
    sha256 = seal(data)
    store.put(Room.ORIGINALS, sha256, written(tmp_path, data))
    store.put(Room.PUBLISHED, sha256, written(tmp_path, copy))
    before, wrapped, seals = store.find(Room.ORIGINALS, sha256), keys.fresh_of_file(sha256), EvidenceSeal(store, keys)
    assert seals.seal(sha256, wrapped)
    there = {room: held(store, room, sha256) or b"" for room in (Room.ORIGINALS, Room.PUBLISHED)}
    assert data not in there[Room.ORIGINALS]
    assert copy not in there[Room.PUBLISHED]
    key = keys.key_of_file(wrapped, sha256)
    assert b"".join(opened([there[Room.ORIGINALS]], key, sha256)) == data
    assert b"".join(opened([there[Room.PUBLISHED]], key, sha256)) == copy
    after = store.find(Room.ORIGINALS, sha256)
    assert before is not None
    assert after is not None
    assert after.at == before.at
    assert seals.seal(sha256, wrapped)
    assert held(store, Room.ORIGINALS, sha256) == there[Room.ORIGINALS]
    seals.erase(sha256)
    assert [held(store, room, sha256) for room in Room] == [None] * 4


def test_what_waits_for_a_scanner_stays_as_it_is_and_is_not_done_with(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    sha256 = seal(b"x")
    wrapped, seals = keys.fresh_of_file(sha256), EvidenceSeal(store, keys)
    assert not seals.seal(sha256, wrapped)  # not there at all
    store.put(Room.HELD, sha256, written(tmp_path, b"x"))
    assert not seals.seal(sha256, wrapped)
    assert held(store, Room.HELD, sha256) == b"x"
    store.move(sha256, Room.HELD, Room.ORIGINALS)
    assert seals.seal(sha256, wrapped)


def test_what_lies_under_a_key_that_was_destroyed_is_taken_out(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    sha256, seals = seal(b"x"), EvidenceSeal(store, keys)
    store.put(Room.ORIGINALS, sha256, written(tmp_path, b"x"))
    assert seals.seal(sha256, keys.fresh_of_file(sha256))
    anew = keys.fresh_of_file(sha256)
    assert not seals.seal(sha256, anew)
    assert held(store, Room.ORIGINALS, sha256) is None
    store.put(Room.ORIGINALS, sha256, written(tmp_path, b"x"))
    assert seals.seal(sha256, anew)


class Crossing(FolderStore):
    """A store in which another member seals the file, or takes it out, just before it is read to be sealed."""

    def __init__(self, folder: Path, meanwhile: Callable[[], object]) -> None:
        super().__init__(folder)
        self._meanwhile, self._reads = meanwhile, 0

    def read(self, room: Room, sha256: str) -> Iterator[bytes] | None:
        self._reads += room is Room.ORIGINALS
        if self._reads == 2:
            self._meanwhile()
        return super().read(room, sha256)


def test_two_members_that_seal_the_same_file_at_once_seal_it_once(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    data = b"a photo"
    sha256, wrapped = seal(data), keys.fresh_of_file(seal(data))
    store.put(Room.ORIGINALS, sha256, written(tmp_path, data))
    other = EvidenceSeal(store, keys)
    crossing = Crossing(tmp_path / "store", lambda: other.seal(sha256, wrapped))
    assert EvidenceSeal(crossing, keys).seal(sha256, wrapped)
    there = held(store, Room.ORIGINALS, sha256) or b""
    assert b"".join(opened([there], keys.key_of_file(wrapped, sha256), sha256)) == data


def test_what_is_taken_out_meanwhile_or_was_changed_is_not_sealed(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    data = b"a photo"
    sha256, wrapped = seal(data), keys.fresh_of_file(seal(data))
    store.put(Room.ORIGINALS, sha256, written(tmp_path, data))
    crossing = Crossing(tmp_path / "store", lambda: store.erase(Room.ORIGINALS, sha256))
    assert not EvidenceSeal(crossing, keys).seal(sha256, wrapped)
    assert store.find(Room.ORIGINALS, sha256) is None
    store.put(Room.ORIGINALS, sha256, written(tmp_path, b"something else"))
    assert not EvidenceSeal(store, keys).seal(sha256, wrapped)
    assert held(store, Room.ORIGINALS, sha256) == b"something else"


def test_without_its_master_key_nothing_is_sealed_or_taken_out(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    sha256 = seal(b"x")
    store.put(Room.ORIGINALS, sha256, written(tmp_path, b"x"))
    with pytest.raises(Unsealable):
        EvidenceSeal(store, keys).seal(sha256, WrappedKey("another", b""))
    assert held(store, Room.ORIGINALS, sha256) == b"x"


def test_the_audit_compares_the_bytes_that_lie_sealed_and_tells_what_was_erased(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    named = {}
    for data in (b"good", b"changed", b"erased"):
        sha256 = seal(data)
        store.put(Room.ORIGINALS, sha256, written(tmp_path, data))
        named[data] = Named(RECORD, 1, sha256, f"evidence:{sha256}")
    wrapped = {one.sha256: keys.fresh_of_file(one.sha256) for one in named.values()}
    for sha256, key in wrapped.items():
        assert EvidenceSeal(store, keys).seal(sha256, key)
    changed = named[b"changed"].sha256
    [file] = (tmp_path / "store" / "originals").rglob(changed)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    EvidenceSeal(store, keys).erase(named[b"erased"].sha256)
    known = {sha256: HeldKey(key) for sha256, key in wrapped.items()}
    known[named[b"erased"].sha256] = HeldKey(None, AT)
    audit = EvidenceAudit(store, known, keys)
    lacks = {data: audit.lack(one) for data, one in named.items()}
    assert (lacks[b"good"], lacks[b"erased"], audit.good, audit.erased) == (None, None, 1, 1)
    assert "was changed in the store" in str(lacks[b"changed"])
    blind = EvidenceAudit(store, known)
    assert blind.lack(named[b"good"]) is None
    assert (blind.good, blind.sealed) == (0, 1)
    assert "no key of it" in str(EvidenceAudit(store, {}, keys).lack(named[b"good"]))


async def test_whoever_asks_is_told_that_a_file_was_erased_or_that_nobody_here_has_the_key(
    store: FolderStore, keys: ReportKeys, tmp_path: Path
) -> None:
    data = b"a photo"
    sha256, wrapped = seal(data), keys.fresh_of_file(seal(data))
    there = sealed(tmp_path, data, keys.key_of_file(wrapped, sha256))
    ask = Known({sha256: HeldKey(wrapped)})
    plain, size = await EvidenceOpener(ask, keys).bytes_of(sha256, [there])
    assert (b"".join(plain), size) == (data, len(data))
    plain, size = await EvidenceOpener(ask, None).bytes_of(sha256, [data])
    assert (b"".join(plain), size) == (data, None)
    with pytest.raises(Fault) as fault:
        await EvidenceOpener(ask, None).bytes_of(sha256, [there])
    assert (fault.value.status, fault.value.code) == (403, "sealed")
    ask.held[sha256] = HeldKey(None, AT)
    with pytest.raises(Fault) as fault:
        await EvidenceOpener(ask, keys).bytes_of(sha256, [there])
    assert (fault.value.status, fault.value.code) == (410, "erased")
