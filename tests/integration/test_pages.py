"""Pages in a real browser: each looked at by axe under its policy, and a story of unit and office on the stack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Final
from uuid import UUID, uuid4

import httpx2
import pytest
from PIL import Image
from playwright.async_api import Browser, Route

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.messages.report import Filed, Report
from duban_cli.system import System, running
from duban_console.accounts.account import Appointment, Role
from tests.accounts import OWN, signed_in
from tests.browser import DESKTOP, PHONE, chromium, reading
from tests.conftest import eventually
from tests.given import ROOT, SMALL
from tests.page_server import served
from tests.sample_city import SampleCity
from tests.sample_operation import DLQ, heard, operation_of

pytestmark = pytest.mark.stack

CITY: Final = "smallville"
#: What each role opens in a day; ``{0}`` and so on are problems of the city.
PAGES: Final = {
    Role.OFFICE: ("/inbox", "/ledger?lamp=red&text=a", "/leader", "/comparison", "/wall", "/records/{2}?act=dispatch",
                  "/bulletins?bulletin=bulletin&day=2026-11-20", "/bulletins?bulletin=scores&day=2026-11-20",
                  "/account", "/find?name=x"),
    Role.CLERK: ("/mine", "/preferences", "/ledger", "/records/{6}?act=acknowledge", "/records/{0}"),
    Role.HEAD: ("/mine?stake=lead", "/preferences", "/inbox", "/records/{6}?act=hand_back"),
    Role.LEADER: ("/leader", "/comparison?period=yearly", "/records/{4}"),
    Role.SOCIAL_SUPERVISOR: ("/ledger", "/records/{0}", "/bulletins"),
    Role.OPERATOR: ("/", "/preferences", "/operation/topics", "/operation/letters", f"/operation/letters/{DLQ}",
                    f"/operation/letters/{DLQ}/0/1", "/operation/deadlines", "/operation/sources", "/operation/anchors",
                    "/ledger", "/nowhere"),
}  # fmt: skip


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
async def city() -> AsyncIterator[tuple[str, SampleCity]]:
    city = SampleCity()
    await city.settle()
    city.heard = heard(city.clock.now())
    async with served(city.app(operation=operation_of(city.clock))) as url:
        yield url, city


@pytest.fixture(scope="module")
async def system() -> AsyncIterator[System]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "api"], publish=packs) as system:
        for name, role, unit in (
            ("li.na", Role.CLERK, "water"), ("wang", Role.HEAD, "water"), ("chen", Role.OFFICE, "office"),
        ):  # fmt: skip
            await signed_in(system, name, Appointment(role=role, jurisdiction=CITY, unit=unit))
        yield system


@pytest.fixture
async def problem(system: System) -> UUID:
    id_ = uuid4()
    report = Report(jurisdiction=CITY, channel="hotline", title="Black water", category="river", area="north-town")
    filed = Filed(source="test", id=str(id_), received_at=datetime.now(UTC), report=report)
    command = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
    message = Message(f"register {id_}", "test", str(id_), datetime.now(UTC), CITY, str(id_), command)
    publisher = Publisher(system.settings, "test")
    await publisher.start()
    await publisher.publish([encode(message)])
    await publisher.stop()
    async with httpx2.AsyncClient(base_url=system.urls["api"], headers=system.bearer) as client:

        async def stands() -> bool:
            return (await client.get(f"/v1/problems/{id_}")).status_code == 200

        await eventually(stands)
    return id_


class TestEveryPage:
    @pytest.mark.parametrize("role", PAGES)
    @pytest.mark.parametrize(("size", "locale"), [(DESKTOP, "zh-CN"), (PHONE, "en-GB")], ids=["desktop", "phone"])
    async def test_nothing_stands_against_a_page(
        self, browser: Browser, city: tuple[str, SampleCity], role: Role, size: tuple[int, int], locale: str
    ) -> None:
        url, town = city
        async with reading(browser, url, f"{role}-{size[0]}", size=size, locale=locale) as reader:
            await reader.go("/sign-in")
            await reader.check()
            await reader.sign_in(town.names[role], OWN)
            for path in PAGES[role]:
                await reader.go(path.format(*town.ids))
                await reader.check()

    async def test_the_wall_screen_follows_what_happens(self, browser: Browser, city: tuple[str, SampleCity]) -> None:
        url, town = city

        async def after_htmx(route: Route) -> None:
            """What follows the stream comes when htmx has begun: so it is where the network is slow."""
            await reader.page.wait_for_function("window.htmx", polling=20)
            await route.continue_()

        async with reading(browser, url, "wall") as reader:
            await reader.sign_in(town.names[Role.OFFICE], OWN)
            await reader.page.route("**/hx-sse*", after_htmx)
            await reader.go("/wall")
            tiles = reader.page.locator(".tiles")
            before = await tiles.inner_text()
            report = Report(jurisdiction="mianyang", channel="visit", title="新发现的问题", category="road-dust")
            town.register(report, town.clock.now())

            async def has_changed() -> bool:
                return await tiles.inner_text() != before

            await eventually(has_changed)
            await reader.check()


class TestAStory:
    """A unit and the office carry one problem from receipt to strike-off, on the real broker, database and router."""

    async def test_from_receipt_to_strike_off_in_the_browser(
        self, browser: Browser, system: System, problem: UUID
    ) -> None:
        url, path = system.urls["api"], f"/records/{problem}"
        photo = BytesIO()
        Image.new("RGB", (64, 48), "teal").save(photo, "JPEG")
        picture = {"name": "现场.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}
        async with reading(browser, url, "story-head", size=PHONE) as head:
            await head.sign_in("wang", OWN)
            await head.go(path)
            await head.open("hand_back")
            await head.field("hand_back", "reason").fill("不是本单位的职责")
            await head.send("hand_back")
            assert await head.field("hand_back", "reason").input_value() == "不是本单位的职责"
            assert await head.page.locator('[id="act-hand_back"] .flaw').count() == 1
            await head.check()
            await head.field("hand_back", "clause").fill("art. 2")
            await head.field("hand_back", "evidence").set_input_files([picture])
            await head.send("hand_back")
            assert "done=hand_back" in head.page.url
        async with reading(browser, url, "story-office") as office:
            await office.sign_in("chen", OWN)
            link = office.page.locator(f'main a[href^="{path}"]')

            async def waits() -> bool:
                await office.go("/inbox?wait=handed_back")
                return await link.count() == 1

            await eventually(waits)
            await office.check()
            await link.click()
            await office.page.wait_for_url(f"**{path}*")
            shown = office.page.locator('.evidence img[alt="现场.jpg"]')
            assert await shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
            await office.open("dispatch")
            await office.field("dispatch", "lead_unit").select_option("water")
            await office.send("dispatch")
            await office.check()
            async with reading(browser, url, "story-clerk", size=PHONE, script=False) as clerk:
                await clerk.sign_in("li.na", OWN)
                await clerk.go(path)
                await clerk.open("acknowledge")
                await clerk.send("acknowledge")
                await clerk.open("complete")
                await clerk.field("complete", "outcome").select_option("rectified")
                await clerk.field("complete", "evidence").set_input_files([picture])
                await clerk.send("complete")
                assert "done=complete" in clerk.page.url
            await office.go(path)
            await office.open("verify")
            await office.field("verify", "passed").first.check()
            await office.send("verify")
            for check in ("clear", "satisfied"):
                await office.open("check")
                await office.field("check", "check").select_option(check)
                await office.field("check", "evidence").set_input_files([picture])
                await office.send("check")
            await office.open("strike_off")
            await office.send("strike_off")
            assert "done=strike_off" in office.page.url
            assert "已销号" in await office.page.locator(".state").inner_text()
            await office.check()
            told = [await each.inner_text() for each in await office.page.locator(".story h3").all()]
            assert len(told) == 10
            await office.page.click(".who button")
            await office.page.wait_for_url("**/sign-in")
