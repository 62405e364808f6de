"""The pages for the public on the running engine: a report by a form becomes a problem, and is followed by its code."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from duban.io.publisher import Publisher
from duban.messages.envelope import Message, encode
from duban.messages.handle import handle_of
from duban.messages.ratings import RatedReport
from duban_cli.system import System
from duban_console.accounts.account import Appointment, Role
from duban_intake.domain import own_problem
from tests.accounts import signed_in
from tests.browser import DESKTOP, PHONE, chromium, reading
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import SMALL
from tests.rewards import owe
from tests.site_pages import code_on, hidden
from tests.snippets import snippet

pytestmark = pytest.mark.stack

CITY = "/city/smallville"
#: Another city, whose bulletin is for everybody.
SPRINGVILLE: Final = (
    SMALL.read_text("utf-8").replace("id: small", "id: springville", 1)
    .replace("jurisdiction: smallville", "jurisdiction: springville", 1)
    + 'bulletins: [{id: state, kind: bulletin, title: {en: "State of September"}, period: monthly, '
    'recipients: ["@units"], public: true, basis: practice}]\n'
)  # fmt: skip


@pytest.fixture
def duban(system: System, monkeypatch: pytest.MonkeyPatch) -> Run:
    return command_on(system, monkeypatch)


async def opened(duban: Run, system: System) -> None:
    """See to it that the city has its pages."""
    async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as browser:

        async def is_there() -> bool:
            return (await browser.get(CITY)).status_code == 200

        if not await is_there():
            instead = {"mianyang/site": "smallville/site", "mianyang": "smallville", "report-platform": "hotline"}
            await duban(*shlex.split(snippet("integrating.md", "site", instead))[1:])
            await eventually(is_there)


async def test_what_is_reported_by_a_form_is_in_the_ledger_and_followed_by_its_code(duban: Run, system: System) -> None:
    await opened(duban, system)
    async with httpx2.AsyncClient(
        base_url=system.urls["gateway"], headers={"accept-language": "en"}, timeout=60
    ) as browser:
        answers = hidden((await browser.get(f"{CITY}/report")).text)
        answers |= {"category": "noise", "title": "Drilling at night", "area": "north", "address": "Mill Lane"}
        receipt = await browser.post(f"{CITY}/report", data=answers)
        assert receipt.status_code == 200, receipt.text
        own = {"number": answers["number"], "code": code_on(receipt.text)}

        async def is_given_out() -> bool:
            page = await browser.post(f"{CITY}/follow", data=own)
            return page.status_code == 200 and "Given to the unit responsible" in page.text

        await eventually(is_given_out)
        assert "Drilling at night" in (await browser.get(f"{CITY}/problems")).text
        feed = (await browser.get(f"{CITY}/problems.rss")).text
        assert "Drilling at night: Given to the unit responsible" in feed
        assert (await browser.get(f"{CITY}/board")).status_code == 200, "the gateway's role may read the view"


async def test_who_has_the_code_says_whether_they_are_satisfied_and_it_stands_in_the_ledger(
    duban: Run, system: System
) -> None:
    await opened(duban, system)
    async with httpx2.AsyncClient(
        base_url=system.urls["gateway"], headers={"accept-language": "en"}, timeout=60
    ) as browser:
        answers = hidden((await browser.get(f"{CITY}/report")).text)
        answers |= {"category": "noise", "title": "A fair in the night", "area": "north", "address": "Fair Ground"}
        receipt = await browser.post(f"{CITY}/report", data=answers)
        own = {"number": answers["number"], "code": code_on(receipt.text)}
        key = str(own_problem("smallville/site", answers["number"]))

        async def is_there() -> bool:
            page = await browser.post(f"{CITY}/follow", data=own)
            return page.status_code == 200 and "Registered" in page.text

        await eventually(is_there)
        await duban("act", key, "acknowledge", "--unit", "north", "--wait", 30)
        await duban("act", key, "reject", "--unit", "office", "--reason", "it is allowed", "--wait", 30)
        page = (await browser.post(f"{CITY}/follow", data=own)).text
        rating = {**own, "vote": hidden(page)["vote"], "satisfied": "false", "reason": "nobody asked us"}
        assert "Thank you." in (await browser.post(f"{CITY}/rate", data=rating)).text

        async def is_rated() -> bool:
            [shown] = lines(await duban("problem", "show", key, "--json"))
            marks: dict[str, object] = shown["problem"]["rated"]
            return "unsatisfied" in marks

        await eventually(is_rated)
        assert "that you are not satisfied." in (await browser.post(f"{CITY}/follow", data=own)).text


async def test_who_has_the_code_reads_the_answer_why_a_rating_does_not_count_and_what_is_owed(
    duban: Run, system: System
) -> None:
    await opened(duban, system)
    async with (
        httpx2.AsyncClient(base_url=system.urls["gateway"], headers={"accept-language": "en"}, timeout=60) as browser,
        publishing(system) as publisher,
    ):
        answers = hidden((await browser.get(f"{CITY}/report")).text)
        answers |= {"category": "noise", "title": "Blasting at dawn", "area": "north", "address": "Quarry"}
        receipt = await browser.post(f"{CITY}/report", data=answers)
        number, code = answers["number"], code_on(receipt.text)
        key = own_problem("smallville/site", number)

        async def is_shown(words: str) -> bool:
            return words in (await browser.post(f"{CITY}/follow", data={"number": number, "code": code})).text

        await eventually(lambda: is_shown("Registered"))
        reply = json.dumps({"source": "smallville/site", "id": number, "text": "We were there.\nCall 13812345678."})
        await duban("act", str(key), "reply", "--unit", "office", "--data", reply, "--wait", 30)
        await eventually(lambda: is_shown("We were there.\nCall ***."))
        # As an older page would say it, by a policy that lists grounds.
        handle, at = handle_of(code), datetime.now(UTC)
        rated = RatedReport(source="smallville/site", id=number, handle=handle, satisfied=True, ground="noise")
        said = Message(f"{number}/1", "smallville/site", str(key), at, "smallville", f"smallville/site/{number}", rated)
        [shown] = lines(await duban("problem", "show", str(key), "--json"))
        await publisher.publish([encode(said)])
        id_ = await owe(system, shown["problem"], handle)
        await eventually(lambda: is_shown("asks for a ground of its list"))
        await eventually(lambda: is_shown("its amount is not fixed yet"))
        await duban("act", id_, "award", "--unit", "office", "--data", '{"amount": 5000}', "--wait", 30)
        await eventually(lambda: is_shown("A reward waits for you."))


async def test_everybody_reads_what_was_signed_and_sent_and_is_public_and_nothing_else(
    duban: Run, system: System
) -> None:
    await opened(duban, system)
    cells = {"unit_id": "north", "unit": "North town", "open": 4711}
    columns = [{"key": "unit", "title": "Unit"}, {"key": "open", "title": "Open"}]
    document = json.dumps({"columns": columns, "rows": [cells]})
    id_ = uuid4()
    connection = await asyncpg.connect(system.superuser)
    try:
        for key, title, public, sent in (
            (id_, "Sent to all", True, True), (uuid4(), "Not sent", True, False), (uuid4(), "Inside", False, True),
        ):  # fmt: skip
            await connection.execute(
                """
                insert into console.issues
                select $1, 'smallville', 'b', $2, '', 'p@1', 'monthly', '2026-09-01', '2026-09-30', now(), 'en', $3,
                    $4, '{}', $5, name, name, 'office', now(), case when $6 then name end, case when $6 then now() end
                from console.accounts order by name limit 1
                """, key, title, document, "ab" * 32, public, sent,
            )  # fmt: skip
    finally:
        await connection.close()
    async with httpx2.AsyncClient(
        base_url=system.urls["gateway"], headers={"accept-language": "en"}, timeout=60
    ) as browser:
        page = (await browser.get(f"{CITY}/publications")).text
        assert [title in page for title in ("Sent to all", "Not sent", "Inside")] == [True, False, False]
        assert "4711" in (await browser.get(f"{CITY}/publications/{id_}")).text
        assert "North town,4711" in (await browser.get(f"{CITY}/publications/{id_}.csv")).text


async def test_what_is_signed_and_sent_in_the_console_is_what_everybody_reads(
    duban: Run, system: System, tmp_path: Path
) -> None:
    """From the form that signs to the page for the public, by the views between them, in a city of its own."""
    pack, city = tmp_path / "springville.yaml", "/city/springville"
    pack.write_text(SPRINGVILLE, "utf-8")
    await duban("pack", "publish", str(pack))
    instead = {"mianyang/site": "springville/site", "mianyang": "springville", "report-platform": "hotline"}
    await duban(*shlex.split(snippet("integrating.md", "site", instead))[1:])
    token = await signed_in(system, "signer", Appointment(role=Role.OFFICE, jurisdiction="springville", unit="office"))
    async with (
        httpx2.AsyncClient(
            base_url=system.urls["api"], cookies={"duban": token}, timeout=60,
            headers={"accept-language": "en", "origin": system.urls["api"]},
        ) as office,
        httpx2.AsyncClient(base_url=system.urls["gateway"], headers={"accept-language": "en"}, timeout=60) as citizen,
    ):  # fmt: skip
        pages: dict[str, str] = {}

        async def is_shown(browser: httpx2.AsyncClient, path: str) -> bool:
            answer = await browser.get(path)
            pages[path] = answer.text
            return answer.status_code == 200

        chosen, publications = "/bulletins?bulletin=state&day=2026-09-30", f"{city}/publications"
        await eventually(lambda: is_shown(office, chosen))
        await eventually(lambda: is_shown(citizen, publications))
        form = r'action="(/bulletins/signature[^"]*)".*?value="(\w{64})"'
        [(signature, seal)] = re.findall(form, pages[chosen], re.DOTALL)
        signed = await office.post(unescape(signature), data={"number": "[2026] 7", "sha256": seal})
        assert signed.status_code == 303, signed.text
        issue = signed.headers["location"]
        assert "State of September" not in (await citizen.get(publications)).text, "it is signed, and not sent"
        assert (await office.post(f"{issue}/sending")).status_code == 303
        assert "State of September" in (await citizen.get(publications)).text
        published = (await citizen.get(f"{publications}/{issue.rpartition('/')[2]}")).text
        assert [words in published for words in ("State of September", "[2026] 7", seal)] == [True, True, True]
        document = (await office.get(f"{issue}/json")).content
        assert sha256(document).hexdigest() == seal
        figures = (await citizen.get(f"{publications}/{issue.rpartition('/')[2]}.csv")).text.splitlines()
        assert len(figures) == 1 + len(json.loads(document)["rows"])


@asynccontextmanager
async def publishing(system: System) -> AsyncIterator[Publisher]:
    """What goes onto topics as from anywhere."""
    publisher = Publisher(system.settings, "test")
    await publisher.start()
    yield publisher
    await publisher.stop()


@pytest.mark.parametrize(("size", "locale"), [(DESKTOP, "zh-CN"), (PHONE, "en-GB")], ids=["desktop", "phone"])
async def test_a_citizen_reports_follows_and_reads_in_a_browser_and_nothing_stands_against_a_page(
    duban: Run, system: System, size: tuple[int, int], locale: str
) -> None:
    await opened(duban, system)
    url, name = system.urls["gateway"], f"citizen-{size[0]}"
    async with chromium() as browser, reading(browser, url, name, size=size, locale=locale) as reader:
        page = reader.page
        await reader.go(f"{CITY}/report")
        await reader.check()
        await page.select_option("#category", "noise")
        await page.fill("#title", f"Drilling, heard by {name}")
        await page.fill("#address", "Mill Lane")
        async with page.expect_navigation():
            await page.click("main button.main")
        await reader.check()
        number, code = [await fact.inner_text() for fact in await page.locator("dl.facts dd").all()]
        await reader.go(f"{CITY}/follow")
        await reader.check()

        async def is_followed() -> bool:
            await reader.go(f"{CITY}/follow")
            await page.fill("#number", number)
            await page.fill("#code", code)
            async with page.expect_navigation():
                await page.click("main button.main")
            return number in await page.inner_text("h1")

        await eventually(is_followed)
        await reader.check()
        for path in ("", "/problems?state=all", "/board", "/publications", "/nowhere"):
            await reader.go(CITY + path)
            await reader.check()
