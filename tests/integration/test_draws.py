"""Random draws on the real broker, database and router: what the command draws, opens, spares and says."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, Payload, derived_id, encode
from duban.messages.notices import Tick
from duban.messages.records import AnyRecord
from duban.messages.report import Evidence, Filed
from duban.messages.struct import from_data
from duban.moves import Kind, Status
from duban.policy.plain_data import plain_data
from duban_cli.connection import asking
from duban_cli.system import System, running
from duban_console.inspection_draw import SOURCE, command_id, rank
from duban_console.ledger import Filters
from tests.commanding import Run, command_on
from tests.given import ROOT, SEAL, SMALL, report, small_rules

pytestmark = pytest.mark.stack

#: A Wednesday, 10:00 in the small city.
BEGINS = datetime(2022, 4, 6, 2, tzinfo=UTC)
SEED = "02 08 11 18 26 33"
DRAW = ("draw", "smallville", "spot-checks")


@dataclass
class Town:
    """The running router of the small city, with eight problems struck off: five found by patrols, three complained of.

    Two of the first and one of the others are of an enterprise that stands on the list that spares.
    """

    system: System
    publisher: Publisher

    async def send(self, key: str, *data: Payload, at: datetime = BEGINS) -> None:
        messages = [Message(str(uuid4()), "test", key, at, "smallville", key, one) for one in data]
        await self.publisher.publish([encode(one) for one in messages])

    async def struck_off(self, name: str, at: datetime = BEGINS, **said: Any) -> None:
        id_ = str(derived_id("draws", name))
        filed = Filed(source="test", id=name, received_at=at, report=report(title=name, area="north", **said))
        water, office = do.Actor(unit="water"), do.Actor(unit="office")
        checks = [
            do.Check(actor=office, check=check, evidence=(from_data(SEAL, Evidence),))
            for check in ("clear", "satisfied")
        ]
        await self.send(
            id_, do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed), do.Acknowledge(actor=water),
            do.Complete(actor=water, outcome="rectified"), do.Verify(actor=office, passed=True), *checks,
            do.StrikeOff(actor=office), at=at,
        )  # fmt: skip

    async def records(self, kind: Kind, *statuses: Status) -> list[AnyRecord]:
        async with asking(self.system.settings) as ledger:
            return (await ledger.page(Filters(kind, "smallville", statuses), 1000)).records

    async def until(self, many: int, kind: Kind, *statuses: Status) -> list[AnyRecord]:
        """The records, as soon as there are so many."""
        async with asyncio.timeout(60):
            while True:
                found = await self.records(kind, *statuses)
                if len(found) >= many:
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def town() -> AsyncIterator[Town]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router"], publish=packs, clock="driven") as system:
        publisher = Publisher(system.settings, "test")
        await publisher.start()
        try:
            found = Town(system, publisher)
            await found.send("clock", Tick(at=BEGINS))
            good = do.PutOnList(actor=do.Actor(unit="office"), list="exemplary", of="Clean Works", ground="clean",
                                evidence=(from_data(SEAL, Evidence),))  # fmt: skip
            await found.send(str(uuid4()), good)
            for n in range(8):
                firm = "Clean Works" if n in (0, 1, 7) else f"Works {n}"
                await found.struck_off(f"case {n}", channel="hotline" if n > 4 else "patrol", enterprise=firm)
            await found.until(8, Kind.PROBLEM, Status.STRUCK_OFF)
            await found.until(1, Kind.LISTING, Status.LISTED)
            yield found
        finally:
            await publisher.stop()


@pytest.fixture
def duban(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the engine of this module."""
    return command_on(town.system, monkeypatch, DUBAN_CLOCK="driven")


async def drawn(duban: Run, *options: str, seed: str = SEED, code: int = 0) -> dict[str, Any]:
    waits = ("--wait", "60") if "--open" in options and "--wait" not in options else ()
    result = await duban(*DRAW, "--seed", seed, "--json", *options, *waits, code=code)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


async def test_a_draw_shows_and_opens_nothing_and_is_what_anybody_can_compute(town: Town, duban: Run) -> None:
    """Six candidates: the exemplary are spared, but for what somebody complained of. LY-13, MY-13b"""
    found = await drawn(duban)
    candidates = [derived_id("draws", f"case {n}") for n in range(2, 8)]
    assert (found["pack"], found["candidates"]) == ("small@1", 6)
    assert [UUID(one["id"]) for one in found["drawn"]] == sorted(candidates, key=lambda id_: rank(SEED, id_))[:2]
    assert {one["id"] for one in found["spared"]} == {str(derived_id("draws", f"case {n}")) for n in (0, 1)}
    assert await drawn(duban) == found
    assert await town.records(Kind.DUTY) == []
    told = await duban(*DRAW, "--seed", SEED)
    assert found["drawn"][0]["number"] in told.stdout
    assert f"spared: {found['spared'][0]['number']} of Clean Works, on exemplary as" in told.stderr
    words = "2 drawn of 6 candidates, 2 spared"
    assert f"with the seed {SEED} as of 2022-04-06T10:00:00+08:00: {words}" in told.stderr
    told = await duban(*DRAW, "--seed", SEED, "--utc")
    assert f"with the seed {SEED} as of 2022-04-06T02:00:00+00:00: {words}" in told.stderr


async def test_a_draw_once_opened_is_owed_and_opens_nothing_twice(town: Town, duban: Run) -> None:
    """Each check is a duty of the unit that checks, with its limit, its cause and all that it takes to draw again."""
    found = await drawn(duban, "--open")
    numbers = [one["number"] for one in found["drawn"]]
    assert {number: one["status"] for number, one in found["checks"].items()} == dict.fromkeys(numbers, "owed")
    owed = await town.records(Kind.DUTY)
    assert {str(one.id) for one in owed} == {one["record"] for one in found["checks"].values()}
    assert {one.number for one in owed} == {f"spot-check/office/{n}/8" for n in numbers}
    assert all(one.deadlines and one.holder == "office" for one in owed)
    async with asking(town.system.settings) as ledger:
        history = await ledger.history(owed[0].id)
    assert history is not None
    assert (history.first_broken, len(history.lines)) == (None, 1)
    event = history.lines[0].event
    assert (event.actor.unit, event.actor.person) == ("duban", "draw")
    assert f"with the seed {SEED}" in event.reason
    assert "2 drawn of 6 candidates, 2 spared" in event.reason

    again = await drawn(duban, "--open")
    assert (again["drawn"], again["checks"]) == (found["drawn"], found["checks"])
    assert await town.records(Kind.DUTY) == owed
    other = await drawn(duban, seed="another")
    assert {one["number"] for one in other["checked"]} == set(numbers)
    assert {one["number"] for one in other["drawn"]}.isdisjoint(numbers)


async def test_a_draw_of_the_past_is_the_same_whatever_has_happened_since(town: Town, duban: Run) -> None:
    before = await drawn(duban, "--as-of", BEGINS.isoformat(), seed="past")
    later = BEGINS + timedelta(days=1)
    await town.send("clock", Tick(at=later))
    await town.struck_off("case 8", later, channel="patrol")
    await town.until(9, Kind.PROBLEM, Status.STRUCK_OFF)
    assert await drawn(duban, "--as-of", BEGINS.isoformat(), seed="past") == before
    assert (await drawn(duban, seed="past"))["candidates"] == before["candidates"] + 1


async def test_checks_that_are_undecided_are_told_and_asked_for_again(town: Town, duban: Run) -> None:
    """While the router stands still, the checks wait with the broker; the same draw again finds them."""
    router = town.system.pids["router"]
    os.kill(router, signal.SIGSTOP)
    try:
        waiting = await drawn(duban, "--open", "--wait", "0.3", seed="late", code=5)
        unasked = await drawn(duban, "--open", "--wait", "0", seed="late")
    finally:
        os.kill(router, signal.SIGCONT)
    assert {one["status"] for one in waiting["checks"].values()} == {"accepted"}
    assert unasked["checks"] == waiting["checks"]
    found = await drawn(duban, "--open", "--wait", "60", seed="late")
    assert {one["status"] for one in found["checks"].values()} == {"owed"}
    assert [one["record"] for one in found["checks"].values()] == [one["record"] for one in waiting["checks"].values()]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("atlantis", "spot-checks", "--seed", "1"), 3, "no pack atlantis is published"),
        (("small@1", "lottery", "--seed", "1"), 3, "small@1 has no draw lottery; it has: spot-checks"),
        (("small", "spot-checks", "--seed", " "), 2, "--seed"),
        (("small", "spot-checks", "--seed", "1" * 501), 2, "--seed"),
        (("small", "spot-checks", "--seed", "1", "--as-of", "2030-01-01T00:00+08:00"), 2, "has not passed yet"),
        (("small", "spot-checks", "--seed", "1", "--as-of", "2022-04-06T10:00"), 2, "says no offset"),
        (("small", "spot-checks", "--seed", "1", "--as-of", "yesterday"), 2, "is no instant"),
    ],
)
async def test_what_cannot_be_drawn_is_told(duban: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    assert words in (await duban("draw", *arguments, code=code)).stderr


async def test_nobody_there_to_be_drawn_is_no_failure(town: Town, duban: Run) -> None:
    found = await drawn(duban, "--as-of", (BEGINS - timedelta(days=1)).isoformat(), "--open")
    assert (found["candidates"], found["drawn"], "checks" in found) == (0, [], False)


async def test_a_check_that_the_router_refuses_ends_with_its_code(town: Town, duban: Run) -> None:
    """Whatever came first under the id of a check, came of it: here a command that the router could not carry out."""
    found = await drawn(duban, seed="refused")
    first = found["drawn"][0]
    id_ = command_id(small_rules().pack.draws[0], "smallville", "refused", UUID(first["id"]))
    key = str(uuid4())
    burnt = do.Open(actor=do.Actor(unit=do.ENGINE), duty="nothing", unit="office", opens_at=BEGINS)
    await town.publisher.publish([encode(Message(id_, SOURCE, key, BEGINS, "smallville", key, burnt))])
    async with asking(town.system.settings) as ledger:
        assert await ledger.awaited(SOURCE, id_, 60) is not None
    refused = await duban(*DRAW, "--seed", "refused", "--open", "--wait", "60", code=4)
    assert f"refused: {first['number']} (unknown_duty): " in refused.stderr
    assert "refused" in refused.stdout


async def test_a_draw_is_opened_under_its_own_pack_and_not_under_a_newer_one(
    town: Town, duban: Run, tmp_path: Path
) -> None:
    pack = plain_data(SMALL.read_text("utf-8"))
    pack |= {"version": 2, "draws": [], "duties": [one for one in pack["duties"] if one["id"] != "spot-check"]}
    newer = tmp_path / "small-2.yaml"
    newer.write_text(yaml.safe_dump(pack, allow_unicode=True), "utf-8")
    await duban("pack", "publish", newer)
    async with asyncio.timeout(60):
        for n in range(10**9):
            await town.struck_off(f"newer {n}", channel="patrol")
            if any(one.pack == "small@2" for one in await town.records(Kind.PROBLEM)):
                break
            await asyncio.sleep(0.05)
    assert "small@2 has no draw spot-checks" in (await duban(*DRAW, "--seed", "own", code=3)).stderr
    own = await duban("draw", "small@1", "spot-checks", "--seed", "own", "--open", "--wait", "60", "--json")
    checks = {one["record"] for one in json.loads(own.stdout)["checks"].values()}
    assert {one.pack for one in await town.records(Kind.DUTY) if str(one.id) in checks} == {"small@1"}
