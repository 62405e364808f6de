"""The anchors of each chain: whether they follow on one another, are signed, and say what the ledger holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from duban.messages.anchors import Anchor, Anchored, Head
from duban_console.anchor_audit import AnchorAudit
from duban_console.ledger import LedgerReader
from duban_console.ledger_audit import Finding
from duban_console.witnesses import anchors_on_topic, signed_with

if TYPE_CHECKING:
    from duban.io.settings import Settings

#: So many of the heads that were anchored last are compared with the ledger.
MOST_COMPARED: Final = 1_000


@dataclass(frozen=True, slots=True)
class ChainState:
    """The anchors of one chain: the number of the latest, what is wrong, and how many heads were compared.

    ``anchored`` are all heads that the anchors hold; the latest ``compared`` of them were looked up in the ledger.
    """

    chain: Anchored
    last: int
    last_at: datetime | None
    keys: tuple[str, ...]
    anchored: int
    compared: int
    findings: list[Finding]


class AnchorWatch:
    """Reads the anchors of all chains, and compares the latest of the ledger's with the ledger."""

    def __init__(self, settings: Settings, ledger: LedgerReader, keys: Sequence[str] = ()) -> None:
        self._settings = settings
        self._ledger = ledger
        self._keys = keys

    async def states(self) -> list[ChainState]:
        """How each chain is.

        Raises:
            Unavailable: the brokers or the ledger are away.
        """
        audits = {chain: AnchorAudit(chain, signed_with(self._keys)) for chain in Anchored}
        last: dict[Anchored, Anchor] = {}
        keys: dict[Anchored, dict[str, None]] = {chain: {} for chain in Anchored}
        heads: list[Head] = []
        anchored: Counter[Anchored] = Counter()
        async with aclosing(anchors_on_topic(self._settings)) as anchors:
            async for where, anchor in anchors:
                believed = audits[anchor.chain].take(anchor, where, on_topic=True)
                keys[anchor.chain][anchor.key or ""] = None
                anchored[anchor.chain] += len(anchor.heads)
                if anchor.chain not in last or anchor.number > last[anchor.chain].number:
                    last[anchor.chain] = anchor
                if believed and anchor.chain is Anchored.LEDGER:
                    heads = [*heads, *anchor.heads][-MOST_COMPARED:]
        return [await self._state(chain, audits[chain], last.get(chain), tuple(filter(None, keys[chain])),
                                  anchored[chain], heads if chain is Anchored.LEDGER else [])
                for chain in Anchored]  # fmt: skip

    async def _state(
        self, chain: Anchored, audit: AnchorAudit, last: Anchor | None, keys: tuple[str, ...], anchored: int,
        heads: Sequence[Head],
    ) -> ChainState:  # fmt: skip
        audit.topic = True
        findings = list(audit.findings(keys=bool(self._keys)))
        holds = await self._ledger.hashes([(head.record, head.version) for head in heads])
        for head in heads:
            if holds.get((head.record, head.version)) != head.hash:
                what = "has another hash in the ledger than was anchored, or is not there"
                findings.append(Finding(record=head.record, version=head.version, what=what, evidence="the anchors"))
        number, at = (last.number, last.at) if last else (0, None)
        return ChainState(chain, number, at, keys, anchored, len(heads), findings)
