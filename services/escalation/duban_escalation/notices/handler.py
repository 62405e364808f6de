"""A batch of notices, each seen off once; what cannot go now comes again, what nobody will have is set aside."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol
from uuid import UUID

from duban.errors import Unavailable
from duban.io.backoff import backoff
from duban.messages.delivery import Delivery, SetAside
from duban.messages.envelope import Message
from duban.messages.notices import Notice
from duban_escalation.metrics import NOTICES
from duban_escalation.notices.journal import NoticeOutcome, Outlet
from duban_escalation.notices.webhook import NoticeRefused, PutOff

#: A receiver may ask for more time than our own back-off gives it, but not for any.
_LONGEST_ASKED: Final = 300.0
#: Seconds of answers that are noted together: a transaction for each costs more than the notice.
_NOTED_TOGETHER: Final = 0.1


class Deliveries(Protocol):
    """Which notices have gone out."""

    async def known(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of ``ids`` that have gone out."""

    async def record(self, outcomes: Mapping[UUID, NoticeOutcome]) -> None:
        """Note that these have gone out, and how."""


@dataclass(slots=True)
class _Rest:
    """A recipient whose last notice was put off: nothing goes to it before ``until``.

    ``since`` is when it began to be the only one.
    """

    delays: Iterator[float]
    since: float
    until: float = 0.0


class NoticeHandler:
    """Sends notices through ``outlet``: at most ``concurrency`` at once, one after another to the same recipient.

    Each is noted as gone a tenth of a second after its answer at most, so a batch that comes again, after a kill too,
    sends next to nothing that has gone. A recipient whose notice is put off rests for the next of its ``delays`` while
    the others go on. A call begins no notice once it has lasted ``seconds``: the rest of the batch waits for the next
    call, so that the group hears of the member in between. When a single recipient is put off for longer than
    ``patience``, while others are taken, what there is for it is set aside, each notice after one more try.
    """

    def __init__(
        self,
        outlet: Outlet,
        deliveries: Deliveries,
        concurrency: int = 16,
        seconds: float = 10.0,
        patience: float = 900.0,
        delays: Callable[[], Iterator[float]] = partial(backoff, 0.5, 60.0),
    ) -> None:
        self._outlet = outlet
        self._deliveries = deliveries
        self._free = asyncio.Semaphore(concurrency)
        self._seconds = seconds
        self._patience = patience
        self._gone: dict[UUID, NoticeOutcome] = {}
        self._noting = asyncio.Lock()
        self._noted_at = 0.0
        self._delays = delays
        self._rests: dict[str, _Rest] = {}
        self._under_way: set[str] = set()
        self._unwanted: dict[str, tuple[str, str]] = {}
        self._taken_at = 0.0

    async def __call__(self, batch: Sequence[Delivery[Notice]]) -> list[SetAside]:
        """Send what has not gone out yet; the answer is what the receiver will not have.

        Raises:
            Unavailable: not everything is settled yet; what did go out is noted, the rest is to come again.
        """
        notices: dict[str, Delivery[Notice]] = {}
        for delivered in batch:
            notices.setdefault(delivered.message.id, delivered)
        await self._note()
        known = await self._deliveries.known([UUID(id_) for id_ in notices])
        if notices.keys() != self._under_way:  # else it is the batch of the last call, which goes on
            NOTICES.labels("repeated").inc(len(known) + len(batch) - len(notices))
        self._under_way = set(notices)
        self._unwanted = {id_: why for id_, why in self._unwanted.items() if id_ in notices}
        recipients = {delivered.message.data.recipient for delivered in notices.values()}
        self._rests = {recipient: rest for recipient, rest in self._rests.items() if recipient in recipients}
        queues: defaultdict[str, list[Message[Notice]]] = defaultdict(list)
        for id_, delivered in notices.items():
            if UUID(id_) not in known and id_ not in self._unwanted:
                queues[delivered.message.data.recipient].append(delivered.message)
        until = self._now() + self._seconds
        sendings = (self._one_recipient(recipient, queue, until) for recipient, queue in queues.items())
        outcomes = await asyncio.gather(*sendings, return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        for failure in sorted(failures, key=lambda failure: isinstance(failure, Unavailable)):
            raise failure
        self._under_way = set()
        return [SetAside(notices[id_], code, reason) for id_, (code, reason) in self._unwanted.items()]

    async def _one_recipient(self, recipient: str, queue: Sequence[Message[Notice]], until: float) -> None:
        """Send ``queue`` in order, as far as the receiver takes it and the time goes."""
        try:
            for notice in queue:
                async with self._free:
                    now, rest = self._now(), self._rests.get(recipient)
                    if rest is not None and now < rest.until:
                        raise Unavailable(f"the receiver put off a notice to {recipient}; it is asked again later")
                    if now >= until:
                        raise Unavailable(f"notices to {recipient} are under way")
                    await self._send(notice)
                if self._now() - self._noted_at >= _NOTED_TOGETHER:
                    await self._note()
        finally:
            await self._note()

    async def _send(self, notice: Message[Notice]) -> None:
        """See ``notice`` off, or note that nobody will have it.

        Raises:
            Unavailable: it is to be sent again.
        """
        begun_at = self._now()
        try:
            outcome = await self._outlet.send(notice)
        except NoticeRefused as error:
            self._set_aside(notice, "refused", error)
        except (Unavailable, OSError) as error:
            NOTICES.labels("put_off").inc()
            rest = self._rest(notice.data.recipient, begun_at)
            if not self._out_of_patience(rest):
                retry_after = (error.retry_after or 0.0) if isinstance(error, PutOff) else 0.0
                rest.until = self._now() + max(next(rest.delays), min(retry_after, _LONGEST_ASKED))
                raise
            self._set_aside(notice, "put_off", error)
        else:
            self._gone[UUID(notice.id)] = outcome
            self._taken_at = self._now()
            self._rests.pop(notice.data.recipient, None)
            NOTICES.labels(outcome).inc()

    def _rest(self, recipient: str, begun_at: float) -> _Rest:
        rest = self._rests.setdefault(recipient, _Rest(self._delays(), begun_at))
        if len(self._rests) > 1:  # the receiver may be away for all
            rest.since = begun_at
        return rest

    def _out_of_patience(self, rest: _Rest) -> bool:
        """Whether this recipient alone holds up the others: the receiver is there, and has taken what is not its."""
        return self._now() - rest.since > self._patience and self._taken_at > rest.since

    def _set_aside(self, notice: Message[Notice], code: str, error: Exception) -> None:
        self._unwanted[notice.id] = (code, str(error))
        NOTICES.labels("refused").inc()

    async def _note(self) -> None:
        """Write down what has gone out, together with what others were answered meanwhile; kept if that fails."""
        async with self._noting:
            if gone := dict(self._gone):
                await self._deliveries.record(gone)
                for id_ in gone:
                    del self._gone[id_]
            self._noted_at = self._now()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
