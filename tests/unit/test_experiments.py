"""What if another policy had held: played in a process beside, for one person at a time, until they have left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from functools import partial
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest

from duban.calendar import Within
from duban.messages.records import Event
from duban.messages.struct import from_json
from duban.policy import PolicyPack, Rules
from duban.policy.library import Library
from duban_console.accounts.account import Appointment, Role
from duban_console.policies.experiment_process import is_installed, order, played
from duban_console.policies.experiments import ExperimentDesk, ExperimentRefused, PolicyExperiment
from duban_local import ROOT
from duban_simulation.what_if import Experiment, differences
from tests.conftest import eventually
from tests.page_town import browser
from tests.sample_city import BEGINS, CITY, SampleCity

PACK: Final = (ROOT / "deploy/packs/mianyang-2022.yaml").read_text("utf-8")
DRAFT: Final = PACK.replace("version: 1", "version: 2", 1)
UNTIL: Final = BEGINS + timedelta(days=42)


@pytest.fixture(scope="module")
def city() -> SampleCity:
    return SampleCity()


def stricter(rules: Rules) -> PolicyPack:
    """The pack with an hour for everything that the lead owes."""
    changed = (
        obligation.model_copy(update={"within": Within(hours=1)})
        if obligation.within is not None and obligation.owner == "@lead"
        else obligation
        for obligation in rules.pack.obligations
    )
    return rules.pack.model_copy(update={"version": 2, "obligations": tuple(changed)})


def library_of(city: SampleCity) -> Library:
    return city._library


async def lines_of(city: SampleCity) -> AsyncIterator[bytes]:
    async for bodies in city.past(CITY, BEGINS, UNTIL):
        yield b"".join(body + b"\n" for body in bodies)


def in_this_process(city: SampleCity, pack: PolicyPack) -> dict[str, Any]:
    """The same without a process beside."""
    events = [from_json(line.body, Event) for lines in city.lines.values() for line in lines]
    rules = Rules.compile(pack, city.rules.calendar.notice)
    return differences(Experiment(rules, library_of(city), CITY, UNTIL), events, lambda: None)


async def test_under_its_own_policy_nothing_is_otherwise(city: SampleCity) -> None:
    came = in_this_process(city, city.rules.pack)
    assert came["problems"]["then"] == came["problems"]["now"] == 24
    assert came["lapsed"]["then"] == came["lapsed"]["now"] > 0
    assert [came[kind]["total"] for kind in ("lapses", "no_longer", "otherwise")] == [0, 0, 0]
    assert all(row["then"] == row["now"] for row in came["units"])


async def test_a_process_beside_says_how_far_it_is_and_comes_to_the_same(city: SampleCity) -> None:
    assert is_installed()
    said: list[dict[str, Any]] = []
    pack = stricter(city.rules)
    await played(order(pack, library_of(city), UNTIL), lines_of(city), said.append)
    assert said[-1]["differences"] == in_this_process(city, pack)
    assert said[-1]["differences"]["lapses"]["total"] > 0
    far = [words["done"] for words in said[:-1]]
    assert far == sorted(far)
    assert all(0 < words["done"] <= words["of"] for words in said[:-1])


async def test_a_history_whose_pack_is_not_here_cannot_be_played(city: SampleCity) -> None:
    said: list[dict[str, Any]] = []
    library = Library()
    library._add_calendar(city.rules.calendar.notice)
    await played(order(city.rules.pack, library, UNTIL), lines_of(city), said.append)
    assert said[-1]["fault"] == "unplayable"
    assert "mianyang-2022@1" in said[-1]["why"]


async def test_whoever_ends_it_ends_the_process(city: SampleCity) -> None:
    async def without_end() -> AsyncIterator[bytes]:
        while True:
            async for lines in lines_of(city):
                yield lines

    playing = asyncio.create_task(played(order(city.rules.pack, library_of(city), UNTIL), without_end(), print))
    await asyncio.sleep(0)
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing


class Held:
    """Plays until it is told what to say."""

    def __init__(self) -> None:
        self.says: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.ended = False

    async def __call__(self, order: bytes, events: AsyncIterator[bytes], say: Callable[[dict[str, Any]], None]) -> None:
        try:
            say(await self.says)
        finally:
            self.ended = True


def desk_of(city: SampleCity, play: Any, patience: float = 3600) -> ExperimentDesk:
    ledger: Any = city
    return ExperimentDesk(ledger, library_of(city), city.clock, play, patience=patience, most=5)


async def test_one_is_played_at_a_time_and_seen_by_who_asked_for_it(city: SampleCity) -> None:
    held = Held()
    desk = desk_of(city, held)
    first = desk.begin("li.na", city.rules.pack, BEGINS, UNTIL)
    with pytest.raises(ExperimentRefused) as refused:
        desk.begin("wang", city.rules.pack, BEGINS, UNTIL)
    assert refused.value.code == "busy"
    assert desk.seen("li.na", first.id) is first
    assert desk.seen("wang", first.id) is None
    held.says.set_result({"fault": "unplayable", "why": "so"})
    await eventually(lambda: first.is_over)
    assert (first.fault, first.why) == ("unplayable", "so")
    await eventually(lambda: held.ended)
    second = desk.begin("wang", city.rules.pack, BEGINS, UNTIL)
    await desk.stop(second)
    assert second.fault == "stopped"


async def test_it_ends_when_nobody_looks_any_more(city: SampleCity) -> None:
    held = Held()
    experiment = desk_of(city, held, patience=0).begin("li.na", city.rules.pack, BEGINS, UNTIL)
    await eventually(lambda: experiment.fault == "left")
    await eventually(lambda: held.ended)


def broken(experiment: PolicyExperiment) -> bool:
    return experiment.fault == "broken"


async def test_what_breaks_off_is_said_to_have_broken(city: SampleCity) -> None:
    async def breaks(*_: object) -> None:
        raise OSError("no process")

    async def says_nothing(*_: object) -> None:
        return

    for play in (breaks, says_nothing):
        experiment = desk_of(city, play).begin("li.na", city.rules.pack, BEGINS, UNTIL)
        await eventually(partial(broken, experiment))


async def test_of_a_period_that_is_too_long_the_latest_are_played(city: SampleCity) -> None:
    held = Held()
    desk = desk_of(city, held)
    experiment = desk.begin("li.na", city.rules.pack, BEGINS, UNTIL)
    await eventually(lambda: experiment.begun_after is not None)
    assert experiment.begun_after is not None
    assert experiment.begun_after > BEGINS
    await desk.stop(experiment)


async def test_a_draft_without_its_calendar_is_not_played(city: SampleCity) -> None:
    marsian = city.rules.pack.model_copy(update={"time": city.rules.pack.time.model_copy(update={"calendar": "mars"})})
    with pytest.raises(ExperimentRefused) as refused:
        desk_of(city, None).begin("li.na", marsian, BEGINS, UNTIL)
    assert refused.value.code == "no_calendar"


async def reader(city: SampleCity, role: Role, **headers: str) -> httpx2.AsyncClient:
    unit = "ecology" if role is Role.CLERK else "pollution-office"
    token = await city.room.person(f"p-{uuid4()}", Appointment(role=role, jurisdiction=CITY, unit=unit))
    return browser(city.app(), token, **headers)


PERIOD: Final = {"since": str(date(2026, 10, 12)), "until": str(date(2026, 11, 23))}


async def test_the_page_of_a_draft_leads_to_what_would_have_been(city: SampleCity) -> None:
    async with await reader(city, Role.OFFICE, accept_language="en") as office:
        assert "What if it had held?" in (await office.post("/drafts", data={"text": DRAFT})).text
        begun = await office.post("/experiments", data={"text": DRAFT, **PERIOD})
        assert begun.status_code == 303, begun.text
        where = begun.headers["location"]
        page = await office.get(where)
        assert "It is being played" in page.text

        async def over() -> bool:
            return "The load of each unit" in (await office.get(where)).text

        await eventually(over)
        page = await office.get(where)
        assert "Would have lapsed, and did not: 0" in page.text
        assert re.search(r"Problems</th><td class=\"number\">24</td><td class=\"number\">24</td>", page.text)
        stream = await office.get(f"{where}/stream")
        assert "The load of each unit" in stream.text
        assert stream.text.endswith("event: over\ndata: over\n\n")
        assert "各单位负担" in (await office.get(where, headers={"accept-language": "zh-CN"})).text
        assert (await office.get(f"/experiments/{uuid4()}")).status_code == 404
    async with await reader(city, Role.LEADER) as leader:
        assert (await leader.get(where)).status_code == 404


async def test_the_page_says_how_far_it_is_and_how_it_ended(city: SampleCity) -> None:
    held = Held()
    theirs, city.experiments = city.experiments, desk_of(city, held)
    try:
        async with await reader(city, Role.OFFICE, accept_language="en") as office:
            where = (await office.post("/experiments", data={"text": DRAFT, **PERIOD})).headers["location"]
            [experiment] = city.experiments._known.values()
            await eventually(lambda: experiment.begun_after is not None)
            experiment.hear({"done": 1, "of": 4})
            page = (await office.get(where)).text
            assert "25% of 0 events" in page
            assert "more than 20000 records" in page
            assert 'http-equiv="refresh"' in page
            busy = await office.post("/experiments", data={"text": DRAFT, **PERIOD})
            assert (busy.status_code, "another experiment is played" in busy.text) == (409, True)
            assert (await office.post(f"{where}/end")).status_code == 303
            assert "It was stopped." in (await office.get(where)).text
    finally:
        city.experiments = theirs


async def test_it_is_for_those_who_see_a_city_as_a_whole_and_for_their_own(city: SampleCity) -> None:
    elsewhere = DRAFT.replace("jurisdiction: mianyang", "jurisdiction: elsewhere", 1)
    async with await reader(city, Role.OFFICE, accept_language="en") as office:
        assert (await office.post("/experiments", data={"text": elsewhere, **PERIOD})).status_code == 403
        assert "What if it had held?" not in (await office.post("/drafts", data={"text": elsewhere})).text
        broken = DRAFT.replace("office: pollution-office", "office: nowhere", 1)
        assert (await office.post("/experiments", data={"text": broken, **PERIOD})).status_code == 400
        backwards = {"since": PERIOD["until"], "until": PERIOD["since"]}
        assert (await office.post("/experiments", data={"text": DRAFT, **backwards})).status_code == 400
    async with await reader(city, Role.CLERK, accept_language="en") as clerk:
        assert (await clerk.post("/experiments", data={"text": DRAFT, **PERIOD})).status_code == 403
        assert "What if it had held?" not in (await clerk.post("/drafts", data={"text": DRAFT})).text
