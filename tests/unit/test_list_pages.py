"""Lists in the browser: who stands on them, whether somebody does, and an entry by hand of the keeper."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Final

import httpx2
import pytest

from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.reception import Reception
from duban.io.evidence.uploads import Uploads
from duban.messages import commands as do
from duban.messages.envelope import Message, derived_id
from duban.messages.records import Listing
from duban.messages.report import Evidence
from duban.messages.struct import from_data
from duban_console.accounts.account import Appointment, Role
from tests.evidence import photo
from tests.given import SEAL, small_rules
from tests.page_staff import AT, CITY, CLERK, OFFICE
from tests.page_town import Town, browser

WATER: Final = Appointment(role=Role.HEAD, jurisdiction=CITY, unit="water")
DESK: Final = Appointment(role=Role.DESK, jurisdiction=CITY, unit="office")
PROOF: Final = {"evidence": ("proof.jpg", photo(), "image/jpeg")}
CLEAN: Final = {"key": "put_on_list.exemplary", "unit": "office", "of": "Clean Works", "ground": "clean"}


@pytest.fixture
def town() -> Town:
    return Town(small_rules(), AT)


@pytest.fixture
def visitor(town: Town, tmp_path: Path) -> Callable[..., httpx2.AsyncClient]:
    store = EvidenceDesk(FolderStore(tmp_path / "store"), {"image/jpeg"}, 100_000)
    app = town.app(Reception(store, Uploads(tmp_path / "uploads", 24)))
    return lambda token: browser(app, token, accept_language="en")


def listings(town: Town) -> list[Listing]:
    return [record for record in town.records.values() if isinstance(record, Listing)]


async def test_the_keeper_puts_somebody_on_a_list_with_evidence_and_sees_every_entry_of_the_name(
    town: Town, visitor: Callable[..., httpx2.AsyncClient]
) -> None:
    async with visitor(await town.room.person("chen", OFFICE)) as chen:
        page = (await chen.get("/lists")).text
        assert re.findall(r'id="act-put_on_list\.(\w+)"', page) == ["blacklist", "record", "exemplary"]
        assert "Nobody stands here" in page
        answer = await chen.post(f"/lists?city={CITY}", data=CLEAN, files=PROOF)
        assert answer.status_code == 303, answer.text
        [entry] = listings(town)
        assert (entry.list, entry.of, entry.ground, entry.keeper) == ("exemplary", "Clean Works", "clean", "office")
        assert town.lines[entry.id][0].event.actor.person == "chen"
        page = (await chen.get(answer.headers["location"])).text
        assert "Done." in page
        assert "<strong>Clean Works</strong>: stands on a list" in page
        assert f'href="/records/{entry.id}"' in page
        # The same name written otherwise is found, and the whole list has both.
        await chen.post("/lists", data={**CLEAN, "of": "CLEAN  works"}, files=PROOF)
        checked = (await chen.get("/lists?name=clean+works")).text
        assert [checked.count(each.number) for each in listings(town)] == [1, 1]
        assert "CLEAN  works" in (await chen.get("/lists?list=exemplary")).text
        assert "Nobody stands here" in (await chen.get("/lists?list=blacklist")).text
        assert "stands on no list" in (await chen.get("/lists?name=Acme")).text


async def test_what_counts_only_after_notice_stands_among_all_until_then(
    town: Town, visitor: Callable[..., httpx2.AsyncClient]
) -> None:
    noticed = {"key": "put_on_list.blacklist", "unit": "office", "of": "Acme", "ground": "repeated"}
    async with visitor(await town.room.person("chen", OFFICE)) as chen:
        await chen.post("/lists", data=noticed, files=PROOF)
        assert "Acme" not in (await chen.get("/lists")).text
        assert "Acme" in (await chen.get("/lists?all=on")).text
        assert "stands on no list" in (await chen.get("/lists?name=acme")).text
        assert "stands on no list" in (await chen.get("/lists?name=acme&all=on")).text


async def test_a_form_that_is_not_taken_says_why_beside_its_field_and_keeps_what_was_sent(
    town: Town, visitor: Callable[..., httpx2.AsyncClient]
) -> None:
    async with visitor(await town.room.person("chen", OFFICE)) as chen:
        without = await chen.post("/lists", data=CLEAN)
        blank = await chen.post("/lists", data={**CLEAN, "of": "\u200b"}, files=PROOF)
        kept = re.search(r'name="kept_sha256" value="(\w+)"', blank.text)
        assert kept is not None
        again = {"kept_sha256": kept[1], "kept_title": "proof"}
        assert listings(town) == []
        answer = await chen.post("/lists", data={**CLEAN, **again})
    assert (without.status_code, 'id="put_on_list.exemplary-evidence-flaw"' in without.text) == (409, True)
    assert 'value="Clean Works"' in without.text
    assert (blank.status_code, 'id="put_on_list.exemplary-of-flaw"' in blank.text) == (400, True)
    assert (answer.status_code, len(listings(town))) == (303, 1)


async def test_another_unit_keeps_no_list_here_and_sees_only_what_it_has_a_part_in(
    town: Town, visitor: Callable[..., httpx2.AsyncClient]
) -> None:
    async with visitor(await town.room.person("chen", OFFICE)) as chen:
        await chen.post("/lists", data=CLEAN, files=PROOF)
    for name, appointment in (("li", CLERK), ("zhao", WATER), ("sun", DESK)):
        async with visitor(await town.room.person(name, appointment)) as reader:
            page = (await reader.get("/lists")).text
            assert "Clean Works" not in page
            assert ("ask for a name" in page) is (name == "sun")
            assert "stands on a list" in (await reader.get("/lists?name=clean+works")).text
            forged = await reader.post("/lists", data=CLEAN, files=PROOF)
            assert forged.status_code == (403 if name == "sun" else 409)
    assert len(listings(town)) == 1


async def test_a_long_list_goes_on_where_a_page_ended(town: Town, visitor: Callable[..., httpx2.AsyncClient]) -> None:
    for number in range(101):
        put = do.PutOnList(actor=do.Actor(unit="office"), list="exemplary", of=f"Works {number}", ground="clean",
                           evidence=(from_data(SEAL, Evidence),))  # fmt: skip
        id_ = str(derived_id("entry", number))
        town.send(Message(f"put {number}", "tests", id_, AT, CITY, id_, put))
    async with visitor(await town.room.person("chen", OFFICE)) as chen:
        first = (await chen.get("/lists")).text
        onwards = re.search(r'href="(/lists\?[^"]*after=[^"]*)"', first)
        assert onwards is not None
        later = (await chen.get(unescape(onwards[1]))).text
        assert (await chen.get("/lists?after=nonsense")).status_code == 400
    assert [page.count("Works ") for page in (first, later)] == [100, 1]
    assert "Later entries" not in later
