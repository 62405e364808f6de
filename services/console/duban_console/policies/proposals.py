"""Publishing by two people: one proposes a draft, another says yes, and it is published as by `duban pack publish`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from duban.clock import Clock
from duban.errors import DubanError, PackError
from duban.policy import PolicyPack
from duban.policy.language import Language, refusal
from duban.refusal import Refusal
from duban.sentence import Sentence
from duban_console.accounts.log import AccountAct, AccountActKind
from duban_console.packs.publication import Contradiction, parsed_pack, prepared, published
from duban_console.policies.draft import DRAFT
from duban_console.policies.proposal import PolicyProposal, ProposalState
from duban_console.policies.proposal_rows import ProposalStore

if TYPE_CHECKING:
    from duban.io.publisher import Publisher
    from duban.io.settings import Settings

#: So many that wait are shown.
MOST_WAITING: Final = 100
#: A reason has no more characters.
MOST_OF_REASON: Final = 2_000
_ACTS: Final = {
    ProposalState.PUBLISHED: AccountActKind.POLICY_PUBLISHED,
    ProposalState.REFUSED: AccountActKind.POLICY_REFUSED,
    ProposalState.WITHDRAWN: AccountActKind.POLICY_WITHDRAWN,
}


class ProposalRefused(DubanError):
    """What is not done with a proposal: ``code``, a short stable word, and a sentence with what to do.

    The sentence brings its Chinese along where the code alone does not say it.
    """

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.reason)
        self.code = why.code
        self.reason = why.reason


class PackTopic:
    """The topic of packs, where a draft is looked at beside what stands there, and published."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._settings = settings
        self._publisher = publisher

    async def check(self, pack: PolicyPack, at: datetime) -> bool:
        """Whether there is anything to publish.

        Raises:
            PackError: its calendar cannot carry the pack.
            Contradiction: it changed under its version, or its calendar is not published.
        """
        changes, _ = prepared([(Path(DRAFT), pack)], await published(self._settings), at)
        return changes[0].action == "publish"

    async def publish(self, pack: PolicyPack, at: datetime) -> None:
        """Publish it, unless it stands there already; raises as :meth:`check` does."""
        _, records = prepared([(Path(DRAFT), pack)], await published(self._settings), at)
        await self._publisher.publish(records)


class ProposalDesk:
    """Each step raises ProposalRefused where it is not done; ``by`` is who is signed in, from that ``address``."""

    def __init__(self, store: ProposalStore, topic: PackTopic, accounts: Clock, engine: Clock) -> None:
        self._store = store
        self._topic = topic
        self._accounts = accounts
        self._engine = engine

    async def waiting(self) -> list[PolicyProposal]:
        """The proposals that wait, the oldest first."""
        return await self._store.proposals(MOST_WAITING)

    async def proposal(self, id_: UUID) -> PolicyProposal | None:
        """The proposal."""
        return await self._store.proposal(id_)

    async def propose(self, pack: PolicyPack, text: str, reason: str, by: str, address: str) -> PolicyProposal:
        """Propose ``pack``, whose very text is ``text``; it breaks no law."""
        if not reason.strip():
            raise ProposalRefused(Refusal("no_reason", "say why it is to be published"))
        if not await _checked(self._topic.check(pack, self._engine.now())):
            raise ProposalRefused(Refusal("unchanged", f"{pack.ref} is published, and says the same"))
        now = self._accounts.now()
        proposal = PolicyProposal(uuid4(), pack.ref, pack.jurisdiction, text, reason.strip(), by, now)
        async with self._store.change() as change:
            if (other := await change.waiting(pack.ref)) is not None:
                say = f"{other.proposed_by} has proposed a draft of {pack.ref}, which waits: decide on it first"
                raise ProposalRefused(Refusal("waits_already", say))
            await change.put(proposal)
            detail = f"{pack.ref} of {pack.jurisdiction}, {proposal.id}"
            await change.append(AccountAct(AccountActKind.POLICY_PROPOSED, now, by, by, address, detail))
        return proposal

    async def approve(self, id_: UUID, by: str, address: str) -> PolicyProposal:
        """Say yes to it: it is published, by the same checks as by the command, and then this stands in the log."""

        async def publish(proposal: PolicyProposal) -> None:
            await self._topic.publish(parsed_pack(proposal.text, DRAFT), self._engine.now())

        return await self._decided(id_, ProposalState.PUBLISHED, by, address, "", publish)

    async def refuse(self, id_: UUID, by: str, address: str, why: str) -> PolicyProposal:
        """Say no to it, with the reason."""
        if not why.strip():
            raise ProposalRefused(Refusal("no_reason", "say why it is not to be published"))
        return await self._decided(id_, ProposalState.REFUSED, by, address, why.strip())

    async def withdraw(self, id_: UUID, by: str, address: str) -> PolicyProposal:
        """Take one's own back."""
        return await self._decided(id_, ProposalState.WITHDRAWN, by, address, "")

    async def _decided(
        self,
        id_: UUID,
        to: ProposalState,
        by: str,
        address: str,
        why: str,
        first: Callable[[PolicyProposal], Awaitable[None]] | None = None,
    ) -> PolicyProposal:
        """Bring it to the state ``to``. What comes ``first`` is done while nobody else can decide on it.

        Where that is done and the store fails then, it waits on, and the next yes finds it published already.
        """
        async with self._store.change() as change:
            proposal = await change.held(id_)
            if proposal is None:
                raise ProposalRefused(Refusal("unknown_proposal", "there is no such proposal"))
            if (refusal := proposal.refusal(to, by)) is not None:
                raise ProposalRefused(refusal)
            if first is not None:
                await _checked(first(proposal))
            now = self._accounts.now()
            decided = proposal.decided(to, by, now, why)
            await change.put(decided)
            detail = f"{proposal.ref} of {proposal.jurisdiction}, {proposal.id}" + (f": {why}" if why else "")
            await change.append(AccountAct(_ACTS[to], now, by, proposal.proposed_by, address, detail))
        return decided


async def _checked(publishing: Awaitable[bool | None]) -> bool | None:
    """What ``publishing`` says; what cannot be published is refused."""
    try:
        return await publishing
    except PackError as error:
        say = Sentence(str(error), refusal(error, Language.ZH))
        raise ProposalRefused(Refusal("unpublishable", say)) from None
    except Contradiction as error:
        raise ProposalRefused(Refusal("unpublishable", error.args[0])) from None
