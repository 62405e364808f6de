"""Anchors: one over the other, signed, and what is left out, changed, forged or put in between is seen."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from duban.errors import SettingsError
from duban.io.anchor_key import AnchorKey, is_signed_with, public_key
from duban.messages import struct
from duban.messages.anchors import VAULT_LOG, Anchor, Anchored, Head, anchor_record
from duban.messages.events import GENESIS
from duban.messages.struct import from_json, to_json
from duban_console.anchor_audit import AnchorAudit, log_differences
from duban_console.witnesses import UnusableFile, kept, signed_with

AT = datetime(2026, 11, 29, 2, tzinfo=UTC)
KEY, OTHER = (AnchorKey(Ed25519PrivateKey.from_private_bytes(byte * 32)) for byte in (b"\1", b"\2"))


def chain_of(count: int, key: AnchorKey | None = KEY, chain: Anchored = Anchored.VAULT) -> list[Anchor]:
    anchors: list[Anchor] = []
    for number in range(1, count + 1):
        head = Head(record=VAULT_LOG, version=number, hash=sha256(b"%d" % number).hexdigest())
        anchor = Anchor(
            chain=chain,
            number=number,
            previous=anchors[-1].hash if anchors else GENESIS,
            at=AT,
            heads=(head,),
            offsets={},
        )
        anchors.append(key.signed(anchor) if key else anchor)
    return anchors


CHAIN = chain_of(4)


def findings(anchors: list[Anchor], *keys: AnchorKey, on_topic: bool = True) -> list[tuple[str | None, str]]:
    audit = AnchorAudit(Anchored.VAULT, signed_with([key.public for key in keys]))
    audit.topic = True
    for anchor in anchors:
        audit.take(anchor, "there", on_topic=on_topic)
    return [(finding.anchor, finding.what) for finding in audit.findings(keys=bool(keys))]


def test_anchors_as_they_were_published_are_whole_once_or_twice_with_a_key_or_without() -> None:
    assert findings(CHAIN, KEY) == []
    assert findings([*CHAIN, *CHAIN[1:]], OTHER, KEY) == []
    assert findings(chain_of(4, None)) == []


@pytest.mark.parametrize("left_out", [1, 2, 3])
def test_an_anchor_that_is_left_out_is_seen(left_out: int) -> None:
    anchors = [anchor for anchor in CHAIN if anchor.number != left_out]
    assert findings(anchors, KEY) == [(f"vault/{left_out}", "is missing")]


def test_a_number_that_is_far_off_is_one_gap() -> None:
    far = KEY.signed(struct.replace(CHAIN[3], number=2**31 - 1))
    assert findings([*CHAIN[:3], far], KEY) == [("vault/4", "is missing")]


def test_an_anchor_that_was_changed_since_it_was_signed_is_seen_even_without_a_key() -> None:
    changed = struct.replace(CHAIN[1], heads=CHAIN[2].heads)
    for keys in ((), (KEY,)):
        assert ("vault/2", "is signed with another key, or was changed since") in findings(
            [CHAIN[0], changed, *CHAIN[2:]], *keys
        )


def test_an_anchor_of_another_key_is_seen_and_claims_nothing() -> None:
    forged = OTHER.signed(CHAIN[3])
    assert findings([*CHAIN[:3], forged], KEY) == [("vault/4", "is signed with another key, or was changed since")]


def test_of_many_with_another_key_the_first_is_named_and_the_others_are_counted() -> None:
    audit = AnchorAudit(Anchored.VAULT, signed_with([OTHER.public]))
    assert [audit.take(anchor, "there", on_topic=True) for anchor in CHAIN] == [False] * 4
    (finding,) = audit.findings(keys=True)
    assert finding.anchor == "vault/1"
    assert finding.what.endswith("and so are 3 others")


def test_an_unsigned_anchor_is_vouched_for_by_a_later_one_that_is_signed_and_by_nothing_else() -> None:
    unsigned = [struct.replace(anchor, key=None, signature=None) for anchor in CHAIN]
    assert findings([*unsigned[:3], CHAIN[3]], KEY) == []
    ((place, what),) = findings([*CHAIN[:2], *unsigned[2:]], KEY)
    assert place == "vault/3"
    assert "no signature" in what


def test_that_nothing_is_anchored_is_said_where_something_should_be() -> None:
    audit = AnchorAudit(Anchored.VAULT, signed_with([KEY.public]))
    finding = audit.nothing()
    assert finding is not None
    assert (finding.anchor, finding.what) == ("vault/1", "is not there: nothing is anchored")
    assert list(audit.findings(keys=True)) == []
    audit.take(CHAIN[0], "there", on_topic=True)
    assert audit.nothing() is None


def test_a_history_of_anchors_that_was_made_anew_does_not_follow_on_what_is_kept() -> None:
    anew = struct.replace(chain_of(4, OTHER)[2], previous="f" * 64)
    assert ("vault/3", "does not follow on the one before it") in findings([*CHAIN[:2], OTHER.signed(anew)], OTHER, KEY)


def test_two_anchors_of_one_number_are_seen() -> None:
    other = KEY.signed(struct.replace(CHAIN[3], heads=CHAIN[2].heads))
    ((place, what),) = findings([*CHAIN, other], KEY)
    assert place == "vault/4"
    assert "stands twice" in what


def test_an_anchor_that_only_the_auditor_has_is_seen() -> None:
    assert findings(CHAIN[:1], KEY, on_topic=False) == [("vault/1", "is not on the topic")]


def test_the_first_line_of_the_log_that_no_longer_has_the_hash_of_an_anchor_is_named() -> None:
    hashes = {anchor.heads[0].version: anchor.heads[0].hash for anchor in CHAIN}
    assert log_differences(hashes, CHAIN) == []
    (changed,) = log_differences({**hashes, 3: "0" * 64, 4: "0" * 64}, CHAIN)
    assert str(changed) == "line 3 of the vault's log is another than anchor 3 has (anchor 3)"
    (cut,) = log_differences({number: hashes[number] for number in (1, 2)}, CHAIN)
    assert str(cut) == "line 3 of the vault's log is missing, but anchor 3 has it (anchor 3)"


def test_an_anchor_keeps_its_hash_through_its_topic_and_through_a_file(tmp_path: Path) -> None:
    anchor = KEY.signed(struct.replace(CHAIN[0], offsets={0: 5, 10: 2, 2: 9}))
    assert from_json(anchor_record(anchor, "test").value, Anchor).hash == anchor.hash
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"{to_json(anchor).decode()}\n{to_json(anchor.heads[0]).decode()}\n")
    assert [line for _, line in kept(file)] == [anchor, anchor.heads[0]]
    assert is_signed_with(anchor, KEY.public)


def test_two_anchors_of_one_number_have_keys_of_their_own_so_that_compaction_drops_neither() -> None:
    other = struct.replace(CHAIN[0], heads=CHAIN[2].heads)
    assert anchor_record(CHAIN[0], "test").key != anchor_record(other, "test").key
    assert anchor_record(CHAIN[0], "test") == anchor_record(chain_of(1)[0], "test")


@pytest.mark.parametrize("text", ["{", "no head", '{"chain":"vault"}', "\xff"])
def test_a_file_with_something_else_in_it_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "anchors.jsonl"
    file.write_text(f"{to_json(CHAIN[0]).decode()}\n{text}\n", "latin-1")
    with pytest.raises(UnusableFile, match=r"anchors.jsonl, line 2: .*`duban ledger anchors`"):
        list(kept(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="No such file"):
        list(kept(tmp_path / "none"))


def test_a_key_is_drawn_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "anchors.pem"
    key = AnchorKey.made(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert AnchorKey.made(file).public == key.public == AnchorKey.load(file).public
    file.chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        AnchorKey.load(file)


def test_a_file_that_holds_no_key_of_the_kind_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    file = tmp_path / "anchors.pem"
    elliptic = ec.generate_private_key(ec.SECP256R1())
    for text in (b"", b"no key", elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        file.write_bytes(text)
        file.chmod(0o600)
        with pytest.raises(SettingsError, match="openssl genpkey -algorithm ed25519"):
            AnchorKey.load(file)
    with pytest.raises(SettingsError, match="openssl genpkey"):
        AnchorKey.load(tmp_path / "none")


def test_a_public_key_is_taken_in_base64_and_in_pem_and_nothing_else_is(tmp_path: Path) -> None:
    AnchorKey.made(tmp_path / "anchors.pem")
    private = load_pem_private_key((tmp_path / "anchors.pem").read_bytes(), None)
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert public_key(pem) == AnchorKey.load(tmp_path / "anchors.pem").public
    assert public_key(f"{KEY.public}\n") == KEY.public
    for text in ("", "no key", b64encode(b"short").decode(), "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(ValueError, match="duban ledger key"):
            public_key(text)
