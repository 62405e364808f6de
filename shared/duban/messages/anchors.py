"""What is anchored outside the database: heads of chains, as they stood at an instant.

Every anchor names the hash of the one before it, so one that is left out, changed or put in between is seen. What an
anchor says stays true whatever is appended later: the line at that version has that hash.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256
from typing import Annotated, ClassVar, Final
from uuid import UUID

import orjson
from msgspec import Meta

from duban.messages.envelope import Message, Payload, Record, derived_id, encode
from duban.messages.events import MOST_LINES
from duban.messages.report import Sha256
from duban.messages.struct import AwareDatetime, Frozen, plain

#: Stands for the vault's log where a record would stand: it is one chain, and its lines are numbered.
VAULT_LOG: Final = derived_id("duban/intake", "the vault's log")
#: The same for the log of accounts.
ACCOUNT_LOG: Final = derived_id("duban/api", "the log of accounts")
#: What such a chain is called.
LOGS: Final = {VAULT_LOG: "the vault's log", ACCOUNT_LOG: "the log of accounts"}


class Anchored(StrEnum):
    """What is anchored: the records of the ledger, the log of the vault, or that of accounts."""

    LEDGER = "ledger"
    VAULT = "vault"
    ACCOUNTS = "accounts"


class Head(Frozen):
    """The latest line of a record when it was noted: its hash covers every line before it."""

    record: UUID
    version: Annotated[int, Meta(ge=1, le=MOST_LINES)]
    hash: Sha256


class Anchor(Payload):
    """The heads that are new since the anchor before it, over that one's hash, signed where there is a key (Ed25519).

    The router anchors the ledger, intake the log of the vault, the API that of accounts; ``duban ledger verify`` and
    auditors read it.
    ``offsets``: by partition of ``duban.problems.v1``, before which everything is in this anchor or an earlier one.
    ``key`` is the public key in base64; ``signature`` is over the same bytes as the hash: JSON of all other fields in
    UTF-8, keys sorted, no white space.
    """

    TOPIC: ClassVar[str] = "duban.anchors.v1"

    chain: Anchored
    number: Annotated[int, Meta(ge=1, le=MOST_LINES)]
    previous: Sha256
    at: AwareDatetime
    heads: tuple[Head, ...]
    offsets: dict[int, int]
    key: str | None = None
    signature: str | None = None

    @property
    def ce_type(self) -> str:
        return f"duban.{self.chain}.anchored"

    @property
    def covered(self) -> bytes:
        """The bytes that hash and signature cover."""
        # Fields at their defaults are left out, so that one which is added later changes no anchor of before.
        fields = {name: value for name, value in plain(self).items() if name not in ("key", "signature")}
        return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)

    @property
    def hash(self) -> str:
        """What the next anchor holds as ``previous``."""
        return sha256(self.covered).hexdigest()


#: What stands on ``duban.anchors.v1``, by CloudEvents type.
ANCHORS: Final[dict[str, type[Anchor]]] = {f"duban.{chain}.anchored": Anchor for chain in Anchored}


def anchor_record(anchor: Anchor, source: str) -> Record:
    """The record that publishes ``anchor``. Its key is its own: compaction drops what is published twice, no more."""
    hash_, subject = anchor.hash, f"{anchor.chain}/{anchor.number}"
    id_ = str(derived_id("anchor", subject, hash_))
    return encode(Message(id_, source, subject, anchor.at, "", f"{subject}/{hash_[:16]}", anchor))
