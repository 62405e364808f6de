"""Reports at a pace, and what people do about each problem: in time, around the deadline, late, or never."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from duban.messages import commands as do
from duban_cli.chaos.client import JURISDICTION, ChaosClient, Sending
from duban_cli.chaos.policy import ACKNOWLEDGE_S, RESOLVE_S, UNITS

#: What stands in every contact, and may stand nowhere else.
IDENTITY: Final = "PLAIN-{seed:08x}"
#: Shares of the problems: handled in time; around the deadlines; handed back first; when everything has lapsed.
IN_TIME, RACING, HANDED_BACK, LATE = 0.2, 0.2, 0.1, 0.25
#: Shares of the reports: sent twice; another body under the same key afterwards; over HTTP; of those with a contact.
TWICE, ANOTHER_BODY, HTTP, WITH_CONTACT = 0.1, 0.03, 0.25, 0.2


class Load:
    """Sends ``rate`` reports a second while it runs, and acts on the problems that :meth:`heard` tells it of.

    Who acts when everything has lapsed acts ``late_s`` seconds after the problem was given to him.
    """

    def __init__(self, client: ChaosClient, seed: int, rate: float, late_s: float) -> None:
        self._client = client
        self._seed, self._rate, self._late_s = seed, rate, late_s
        self._random = random.Random(seed)  # noqa: S311 no secret
        self._tasks: set[asyncio.Task[Any]] = set()
        self._seen: set[str] = set()
        self.sent = 0
        self.identity = IDENTITY.format(seed=seed)

    async def run(self, stop: asyncio.Event) -> None:
        """Send reports until ``stop``, at an even pace whatever the engine does."""
        begun, paced = time.monotonic(), 0
        while not stop.is_set():
            while paced < (time.monotonic() - begun) * self._rate:
                self._begin(self._hand_in(self.sending()))
                paced += 1
            await asyncio.sleep(0.02)

    def burst(self, reports: int) -> None:
        """Send so many at once: their deadlines fall due together."""
        for _ in range(reports):
            self._begin(self._hand_in(self.sending(via_http=False)))

    @property
    def at_work(self) -> int:
        """How many calls and people are under way."""
        return len(self._tasks)

    def sending(self, *, via_http: bool | None = None) -> Sending:
        """The next report."""
        number, draw = self.sent, self._random
        self.sent += 1
        http = draw.random() < HTTP if via_http is None else via_http
        contact = f"{self.identity} {number}" if http and draw.random() < WITH_CONTACT else None
        report = {
            "jurisdiction": JURISDICTION, "channel": "hotline", "category": "river",
            "area": f"area-{1 + number % UNITS}",
            "title": f"foul water {number}", "text": "Foul water runs into the river below the bridge, every evening.",
        }  # fmt: skip
        return Sending(str(number), report, "http" if http else "kafka", contact)

    async def _hand_in(self, sending: Sending) -> None:
        draw = random.Random(f"{self._seed}/{sending.id}")  # noqa: S311 no secret
        accepted = await self._client.report(sending)
        if draw.random() < TWICE:
            await self._client.report(sending)
        elif accepted and draw.random() < ANOTHER_BODY:
            await self._client.report(sending.another_body())

    def heard(self, tale: dict[str, Any]) -> None:
        """An event on the topic: whoever a problem was given to gets to work on it."""
        event = tale["event"]
        if event["change"]["kind"] == "dispatched" and event["problem_id"] not in self._seen:
            self._seen.add(event["problem_id"])
            at = datetime.fromisoformat(event["at"])
            self._begin(self._handle(event["problem_id"], event["change"]["lead_unit"], at))

    async def _handle(self, problem: str, unit: str, at: datetime) -> None:
        draw = random.Random(f"{self._seed}/{problem}")  # noqa: S311 no secret
        kind, lead, office = draw.random(), do.Actor(unit=unit), do.Actor(unit="office")
        if kind < IN_TIME:
            await _until(at, draw.uniform(0.2, ACKNOWLEDGE_S - 0.8))
            await self._send(problem, do.Acknowledge(actor=lead), do.Complete(actor=lead, outcome="rectified"))
        elif kind < IN_TIME + RACING:
            await _until(at, ACKNOWLEDGE_S + draw.uniform(-0.3, 0.3))
            await self._send(problem, do.Acknowledge(actor=lead))
            await _until(at, RESOLVE_S + draw.uniform(-0.3, 0.3))
            await self._send(problem, do.Complete(actor=lead, outcome="rectified"))
        elif kind < IN_TIME + RACING + HANDED_BACK:
            await _until(at, draw.uniform(0.5, 5.0))
            await self._send(problem, do.HandBack(actor=lead, reason="not ours"))
            await _until(at, draw.uniform(5.5, 8.0))
            await self._send(problem, do.Dispatch(actor=office, lead_unit=unit))
        elif kind < IN_TIME + RACING + HANDED_BACK + LATE:
            await _until(at, self._late_s + draw.uniform(1.0, 4.0))
            await self._send(problem, do.Complete(actor=lead, outcome="rectified"))
        else:
            return
        if draw.random() < 0.5:
            await self._send(problem, do.Verify(actor=office, passed=True), do.StrikeOff(actor=office))

    async def _send(self, problem: str, *commands: do.Command) -> None:
        for command in commands:
            kind = command.TYPE.rpartition(".")[2]
            await self._client.act(problem, command, f"{kind}-{problem}")

    def _begin(self, action: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(action)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _until(at: datetime, seconds: float) -> None:
    """Wait until so many seconds after ``at``; not at all when they have passed."""
    left = at + timedelta(seconds=seconds) - datetime.now(UTC)
    await asyncio.sleep(max(0.0, left.total_seconds()))
