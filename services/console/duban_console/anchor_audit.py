"""Whether the anchors of a chain are all there, follow each on the one before, and bear the right signature. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from duban.messages.anchors import VAULT_LOG, Anchor, Anchored
from duban.messages.events import GENESIS
from duban_console.ledger_audit import Claim, Finding, Where, unlike

#: Whether an anchor bears a good signature of a key that is trusted.
Signed = Callable[[Anchor], bool]


@dataclass(slots=True)
class _Known:
    """What is remembered of an anchor."""

    hash: str
    previous: str
    signed: bool
    on_topic: bool
    where: str


class AnchorAudit:
    """Anchors of one chain, taken in in any order and from several places, and what is wrong with them.

    ``topic``: whether all of their topic has been taken in, so that what only a file has is missing there.
    """

    def __init__(self, chain: Anchored, signed: Signed) -> None:
        self._chain = chain
        self._signed = signed
        self.topic = False
        self._known: dict[int, _Known] = {}
        self._doubts: dict[str, list[tuple[int, str]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, anchor: Anchor, where: str, *, on_topic: bool) -> bool:
        """Take in an anchor that stands ``where``; whether it may be believed, so that what it claims counts.

        One of another chain is passed over.
        """
        if anchor.chain is not self._chain:
            return False
        signed = anchor.signature is not None and self._signed(anchor)
        if anchor.signature is not None and not signed:
            return self._doubted(anchor, "is signed with another key, or was changed since", where)
        known = self._known.get(anchor.number)
        if known is not None and known.hash != anchor.hash:
            return self._doubted(anchor, f"stands twice, and differently: in {known.where} too", where)
        if known is None:
            known = _Known(anchor.hash, anchor.previous, signed, on_topic, where)
            self._known[anchor.number] = known
        known.signed |= signed
        known.on_topic |= on_topic
        return True

    def _doubted(self, anchor: Anchor, what: str, where: str) -> bool:
        self._doubts.setdefault(what, []).append((anchor.number, where))
        return False

    def findings(self, *, keys: bool) -> Iterator[Finding]:
        """What is wrong with the anchors together; ``keys``: there are some to trust.

        An anchor that is not signed itself is vouched for by a later one that is: its hash stands in that one's chain.
        """
        for what, places in self._doubts.items():
            number, where = min(places)
            others = f", and so are {len(places) - 1} others" if len(places) > 1 else ""
            yield self._finding(number, what + others, where)
        last_signed = max((number for number, known in self._known.items() if known.signed), default=0)
        last = max(self._known, default=0)
        at, hash_ = 0, GENESIS
        for number, known in sorted(self._known.items()):
            if number != at + 1:
                yield self._finding(at + 1, "is missing", "the anchors after it")
            elif known.previous != hash_:
                yield self._finding(number, "does not follow on the one before it", known.where)
            if self.topic and not known.on_topic:
                yield self._finding(number, "is not on the topic", known.where)
            at, hash_ = number, known.hash
        if last > last_signed and keys:
            where = next(known.where for number, known in sorted(self._known.items()) if number > last_signed)
            yield self._finding(last_signed + 1, "and those after it bear no signature of a key that was given", where)

    def nothing(self) -> Finding | None:
        """That nothing at all is anchored, where something should be: then no signature was looked at."""
        if self._known or self._doubts:
            return None
        return self._finding(1, "is not there: nothing is anchored", "the anchors")

    def _finding(self, number: int, what: str, where: str) -> Finding:
        return Finding(anchor=f"{self._chain}/{number}", what=what, evidence=where)


def log_differences(hashes: Mapping[int, str], anchors: Iterable[Anchor], log: UUID = VAULT_LOG) -> list[Finding]:
    """The first line of ``log``, ``hashes`` by number, that is not the one that an anchor holds."""
    in_order = sorted(anchors, key=lambda anchor: anchor.number)
    claims = (Claim.of(head, Where.ANCHOR, anchor.number) for anchor in in_order for head in anchor.heads)
    return [*filter(None, [unlike(log, hashes, claims)])]
