"""A policy is published by two people: one proposes a draft, another one says yes, and nobody both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import httpx2
import pytest

from duban.policy import load_pack
from duban_console.accounts.account import Appointment, Role
from duban_console.accounts.log import AccountActKind
from tests.given import SMALL, small_rules
from tests.page_town import Town, browser

AT: Final = datetime(2022, 4, 6, 2, tzinfo=UTC)
CITY: Final = "smallville"
TEXT: Final = SMALL.read_text("utf-8")
DRAFT: Final = TEXT.replace("version: 1", "version: 2", 1).replace("hours: 72", "hours: 48", 1)
WHY: Final = "The limits were too long"


@pytest.fixture
def town() -> Town:
    return Town(small_rules(), AT)


async def reader(town: Town, role: Role, name: str = "", city: str = CITY) -> httpx2.AsyncClient:
    unit = "water" if role in (Role.CLERK, Role.HEAD) else "office"
    token = await town.room.person(name or f"p-{uuid4()}", Appointment(role=role, jurisdiction=city, unit=unit))
    return browser(town.app(), token, accept_language="en")


async def proposed(client: httpx2.AsyncClient, text: str = DRAFT) -> str:
    answer = await client.post("/proposals", data={"text": text, "reason": WHY})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def acts(town: Town) -> list[tuple[str, str, str]]:
    """What the log of accounts says of policies: what, by whom, whose."""
    lines = [line.act for line in await town.room.store.log()]
    return [(act.kind, act.by, act.account) for act in lines if act.kind.startswith("policy_")]


async def test_what_one_proposes_and_another_says_yes_to_is_published(town: Town) -> None:
    office, leader = await reader(town, Role.OFFICE, "li.na"), await reader(town, Role.LEADER, "wang")
    where = await proposed(office)
    assert town.packs.published == []
    assert "Proposed, and waiting for a second person" in (await leader.get("/packs")).text
    page = (await leader.get(where)).text
    for passage in (WHY, "li.na", "small@2 breaks no law.", "48", "Yes, publish it", "The text that is decided on"):
        assert passage in page
    assert (await leader.post(f"{where}/approval")).status_code == 303
    assert town.packs.published == ["small@2"]
    assert "It is published." in (await leader.get(where)).text
    assert "small@2" in (await office.get("/packs")).text
    assert "waiting for a second person" not in (await leader.get("/packs")).text
    assert await acts(town) == [
        (AccountActKind.POLICY_PROPOSED, "li.na", "li.na"),
        (AccountActKind.POLICY_PUBLISHED, "wang", "li.na"),
    ]


async def test_the_inbox_has_it_for_whoever_may_agree_and_not_for_its_author(town: Town) -> None:
    async def waits_for(client: httpx2.AsyncClient, query: str = "") -> bool:
        page = (await client.get(f"/inbox{query}")).text
        assert (WHY in page) == ("proposed by li.na" in page)
        return f'href="{where}">small@2' in page

    office, leader = await reader(town, Role.OFFICE, "li.na"), await reader(town, Role.LEADER)
    assert "second person" not in (await leader.get("/inbox")).text
    where = await proposed(office)
    assert await waits_for(leader)
    assert await waits_for(leader, "?unit=*")
    assert await waits_for(await reader(town, Role.OFFICE))
    assert not await waits_for(office)
    assert not await waits_for(leader, "?wait=unrouted")  # its count stands there, and leads back
    assert "<strong>1</strong>A policy waits" in (await leader.get("/inbox?wait=unrouted")).text
    for role in (Role.HEAD, Role.SUPERVISOR, Role.DESK):
        assert not await waits_for(await reader(town, role))
    assert (await leader.post(f"{where}/approval")).status_code == 303
    assert not await waits_for(leader)
    assert "Nothing waits here." in (await leader.get("/inbox")).text


async def test_nobody_says_yes_or_no_to_their_own(town: Town) -> None:
    office = await reader(town, Role.OFFICE)
    where = await proposed(office)
    page = (await office.get(where)).text
    assert "Yes, publish it" not in page
    assert "nobody says yes to their own" in page
    for step in ("approval", "refusal"):
        answer = await office.post(f"{where}/{step}", data={"why": "no"})
        assert answer.status_code == 403
        assert "nobody says yes to their own" in answer.text
    assert town.packs.published == []
    assert [kind for kind, _, _ in await acts(town)] == [AccountActKind.POLICY_PROPOSED]


async def test_one_is_refused_with_a_reason_and_decided_once(town: Town) -> None:
    office, leader = await reader(town, Role.OFFICE), await reader(town, Role.LEADER, "wang")
    where = await proposed(office)
    assert (await leader.post(f"{where}/refusal", data={"why": " "})).status_code == 400
    assert (await leader.post(f"{where}/refusal", data={"why": "The council has not met"})).status_code == 303
    page = (await office.get(where)).text
    assert "It was refused." in page
    assert "The council has not met" in page
    for step in ("approval", "refusal"):
        answer = await leader.post(f"{where}/{step}", data={"why": "again"})
        assert (answer.status_code, "It is decided already." in answer.text) == (409, True)
    assert (await office.post(f"{where}/withdrawal")).status_code == 409
    assert town.packs.published == []
    assert [kind for kind, _, _ in await acts(town)] == ["policy_proposed", "policy_refused"]


async def test_who_has_proposed_it_withdraws_it_and_nobody_else(town: Town) -> None:
    office, leader = await reader(town, Role.OFFICE), await reader(town, Role.LEADER)
    where = await proposed(office)
    assert (await leader.post(f"{where}/withdrawal")).status_code == 403
    assert (await office.post(f"{where}/withdrawal")).status_code == 303
    assert (await leader.post(f"{where}/approval")).status_code == 409
    assert town.packs.published == []
    await proposed(office)  # and anew
    assert [kind for kind, _, _ in await acts(town)] == ["policy_proposed", "policy_withdrawn", "policy_proposed"]


async def test_what_cannot_be_published_is_not_proposed(town: Town) -> None:
    office = await reader(town, Role.OFFICE)
    for text, status in (
        (TEXT, 409),  # it stands there
        (DRAFT.replace("version: 2", "version: 1", 1), 409),  # it changed under its version
        (DRAFT.replace("calendar: cn", "calendar: mars", 1), 409),
        (DRAFT.replace("office: office", "office: nowhere", 1), 400),
    ):
        answer = await office.post("/proposals", data={"text": text, "reason": WHY})
        assert answer.status_code == status, answer.text
    assert (await office.post("/proposals", data={"text": DRAFT, "reason": " "})).status_code == 400
    await proposed(office)
    assert (await office.post("/proposals", data={"text": DRAFT, "reason": WHY})).status_code == 409


async def test_what_has_become_unpublishable_waits_on(town: Town) -> None:
    office, leader = await reader(town, Role.OFFICE), await reader(town, Role.LEADER)
    where = await proposed(office)
    town._library.add(load_pack(DRAFT.replace("hours: 48", "hours: 24", 1), "other"))
    answer = await leader.post(f"{where}/approval")
    assert (answer.status_code, "published already and differs" in answer.text) == (409, True)
    answer = await leader.post(f"{where}/approval", headers={"accept-language": "zh-CN"})
    assert (answer.status_code, "已发布且内容不同" in answer.text) == (409, True)
    assert "It waits for a second person." in (await leader.get(where)).text


async def test_it_is_for_office_and_leaders_of_the_city(town: Town) -> None:
    where = await proposed(await reader(town, Role.OFFICE))
    for role in (Role.CLERK, Role.HEAD, Role.SUPERVISOR, Role.INSPECTOR, Role.DESK):
        client = await reader(town, role)
        assert (await client.post("/proposals", data={"text": DRAFT, "reason": WHY})).status_code == 403
        assert (await client.get(where)).status_code == 403
        assert (await client.post(f"{where}/approval")).status_code == 403
        assert "waiting for a second person" not in (await client.get("/packs")).text
        assert "Propose it" not in (await client.post("/drafts", data={"text": DRAFT})).text
    elsewhere = await reader(town, Role.LEADER, city="elsewhere")
    assert (await elsewhere.post("/proposals", data={"text": DRAFT, "reason": WHY})).status_code == 403
    for path in (where, f"{where}/approval", f"{where}/refusal"):
        answer = await elsewhere.request("GET" if path == where else "POST", path)
        assert answer.status_code == 403
    assert "waiting for a second person" not in (await elsewhere.get("/packs")).text
    assert town.packs.published == []


async def test_the_page_of_a_draft_offers_to_propose_it(town: Town) -> None:
    office = await reader(town, Role.OFFICE)
    assert 'action="/proposals"' in (await office.post("/drafts", data={"text": DRAFT})).text
    broken = DRAFT.replace("office: office", "office: nowhere", 1)
    assert 'action="/proposals"' not in (await office.post("/drafts", data={"text": broken})).text
    assert (await office.get(f"/proposals/{uuid4()}")).status_code == 404
