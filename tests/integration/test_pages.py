"""Pages in a real browser: each looked at by axe under its policy, and a story of unit and office on the stack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import pyotp
import pytest
from aiokafka import AIOKafkaProducer
from openpyxl import load_workbook
from PIL import Image
from playwright.async_api import Browser, Page, Route

from duban.io.publisher import Publisher
from duban.io.tail import Tail
from duban.messages import commands as do
from duban.messages.envelope import Message, encode
from duban.messages.notices import NOTICES, Notice
from duban.messages.report import Filed, Report
from duban_cli.system import System
from duban_console.accounts.account import OF_INSTALLATION, WITHOUT_UNIT, Appointment, Role
from duban_console.contacts import registered, rotas
from duban_console.kafka.letter_replay import Letter, letters
from duban_console.packs.publication import published
from tests.accounts import OWN, signed_in
from tests.browser import DESKTOP, PHONE, Reader, chromium, reading
from tests.commanding import command_on, lines
from tests.conftest import eventually, fetchval
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
                  "/bulletins/issues", "/lists?all=on", "/rota?unit=ecology", "/account", "/find?name=x"),
    Role.CLERK: ("/mine", "/preferences", "/ledger", "/records/{6}?act=acknowledge", "/records/{0}",
                 "/account/password", "/account/factor"),
    Role.HEAD: ("/mine?stake=lead", "/preferences", "/rota", "/inbox", "/records/{6}?act=hand_back"),
    Role.LEADER: ("/wall/screens", "/leader", "/comparison?period=yearly", "/records/{4}"),
    Role.SOCIAL_SUPERVISOR: ("/ledger", "/records/{0}", "/bulletins"),
    Role.ADMINISTRATOR: ("/accounts", "/accounts/demo-unit-clerk", "/account-log"),
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
async def people(system: System) -> dict[Role, str]:
    """Who is what in the city of the engine that runs, by the name with which they sign in."""
    units = {Role.CLERK: "water", Role.HEAD: "water", Role.LEADER: "north"}
    names = {}
    for role in Role:
        unit = None if role in WITHOUT_UNIT else units.get(role, "office")
        where = {} if role in OF_INSTALLATION else {"jurisdiction": CITY, "unit": unit}
        names[role] = f"story-{role.value.replace('_', '-')}"
        await signed_in(system, names[role], Appointment(role=role, **where))
    return names


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
    async with httpx2.AsyncClient(base_url=system.urls["api"], headers=system.bearer, timeout=60) as client:

        async def stands() -> bool:
            return (await client.get(f"/v1/problems/{id_}")).status_code == 200

        await eventually(stands)
    return id_


@pytest.fixture(scope="module")
def picture() -> dict[str, Any]:
    """A photo as a browser hands it in."""
    photo = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(photo, "JPEG")
    return {"name": "现场.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}


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

    @pytest.mark.parametrize(("size", "script"), [(DESKTOP, True), (PHONE, False)], ids=["desktop", "without a script"])
    async def test_a_draft_is_played_over_the_past(
        self, browser: Browser, city: tuple[str, SampleCity], size: tuple[int, int], script: bool
    ) -> None:
        url, town = city
        draft = (ROOT / "deploy/packs/mianyang-2022.yaml").read_text("utf-8").replace("version: 1", "version: 2", 1)
        async with reading(browser, url, f"experiment-{size[0]}", size=size, script=script) as reader:
            await reader.sign_in(town.names[Role.OFFICE], OWN)
            await reader.go("/drafts")
            await reader.page.fill("#text", draft.replace("within: {working_days: 1}", "within: {hours: 1}"))
            await reader.page.click('form[action="/drafts"] button')
            await reader.page.fill("#since", "2026-10-12")
            if script:
                await reader.check()
            await reader.page.route("**/hx-sse*", partial(_after_htmx, reader.page))
            await reader.page.click('form[action="/experiments"] button')
            await reader.page.locator("h2", has_text="各单位负担").wait_for(timeout=60_000)
            assert await reader.page.get_by_text("当时未逾期、按草稿会逾期: 3").count() == 1
            if script:
                await reader.check()

    async def test_the_wall_screen_follows_what_happens(self, browser: Browser, city: tuple[str, SampleCity]) -> None:
        url, town = city
        async with reading(browser, url, "wall") as reader:
            await reader.sign_in(town.names[Role.OFFICE], OWN)
            await reader.page.route("**/hx-sse*", partial(_after_htmx, reader.page))
            await reader.go("/wall")
            tiles = reader.page.locator(".tiles")
            before = await tiles.inner_text()
            report = Report(jurisdiction="mianyang", channel="visit", title="新发现的问题", category="road-dust")
            town.register(report, town.clock.now())

            async def has_changed() -> bool:
                return await tiles.inner_text() != before

            await eventually(has_changed)
            await reader.check()

    async def test_a_screen_on_a_wall_follows_what_happens_without_a_session_until_it_is_ended(
        self, browser: Browser, city: tuple[str, SampleCity]
    ) -> None:
        url, town = city
        async with reading(browser, url, "screens") as leader, reading(browser, url, "screen") as screen:
            await leader.sign_in(town.names[Role.LEADER], OWN)
            await leader.go("/wall/screens")
            await leader.page.fill("#place", "一楼大厅")
            await leader.page.click("main form.sheet button")
            address = await leader.page.input_value("#address")
            await leader.check()
            await screen.page.goto(address)
            tiles = screen.page.locator(".tiles")
            before = await tiles.inner_text()
            await screen.check()
            report = Report(jurisdiction="mianyang", channel="visit", title="不该在墙上看到", category="road-dust")
            town.register(report, town.clock.now())

            async def has_changed() -> bool:
                return await tiles.inner_text() != before

            await eventually(has_changed)
            assert "不该在墙上看到" not in await screen.page.content()
            assert await screen.page.context.cookies() == []
            await leader.page.locator("tr", has_text="一楼大厅").locator("button").click()
            await screen.page.locator(".notice.bad").wait_for()
            await screen.check()


class TestAPolicy:
    """Two people publish that of another city on the real broker and database; a draft is played over the ledger."""

    async def test_one_proposes_another_says_yes_and_it_is_on_the_topic(self, browser: Browser, system: System) -> None:
        url = system.urls["api"]
        for name, role in (("zhao", Role.OFFICE), ("sun", Role.LEADER)):
            await signed_in(system, name, Appointment(role=role, jurisdiction="newtown", unit="office"))
        draft = SMALL.read_text("utf-8").replace("id: small", "id: newtown", 1)
        draft = draft.replace("jurisdiction: smallville", "jurisdiction: newtown", 1)
        async with reading(browser, url, "proposal-first") as first:
            await first.sign_in("zhao", OWN)
            await first.go("/drafts")
            await first.page.fill("#text", draft)
            await first.page.click('form[action="/drafts"] button')
            await first.page.fill("#reason", "原定时限过长")
            await first.page.click('form[action="/proposals"] button')
            await first.page.get_by_text("等待第二人").first.wait_for()
            await first.check()
            where = first.page.url.removeprefix(url)
            own = await first.page.request.post(f"{url}{where}/approval", headers={"origin": url})
            assert own.status == 403
        assert "newtown@1" not in await published(system.settings)
        async with reading(browser, url, "proposal-second", size=PHONE) as second:
            await second.sign_in("sun", OWN)
            await second.go("/packs")
            await second.check()
            await second.page.click(f'a[href="{where}"]')
            await second.check()
            await second.page.click(f'form[action="{where}/approval"] button')
            await second.page.get_by_text("已发布").first.wait_for()
            await second.check()
        assert "newtown@1" in await published(system.settings)
        lines = await fetchval(
            system.stack.owner,
            "select string_agg(body::jsonb ->> 'kind', ' ' order by number) "
            "from console.account_log where body::jsonb ->> 'kind' like 'policy%'",
        )
        assert lines == "policy_proposed policy_published"

    async def test_a_draft_is_played_over_the_ledger(self, browser: Browser, system: System, problem: UUID) -> None:
        """By the real API, from the real database, in a process of its own."""
        url = system.urls["api"]
        await signed_in(system, "zhou", Appointment(role=Role.SUPERVISOR, jurisdiction=CITY, unit="office"))
        draft = SMALL.read_text("utf-8").replace("version: 1", "version: 9", 1)
        async with reading(browser, url, "experiment-of-the-ledger") as reader:
            await reader.sign_in("zhou", OWN)
            await reader.go("/drafts")
            await reader.page.fill("#text", draft)
            await reader.page.click('form[action="/drafts"] button')
            await reader.page.click('form[action="/experiments"] button')
            await reader.page.locator("h2", has_text="各单位负担").wait_for(timeout=60_000)
            await reader.check()
            rows = await reader.page.locator("tbody tr", has_text="问题").first.inner_text()
            then, now = rows.split()[-2:]
            assert then == now != "0"


class TestAStory:
    """What each role does in a day, on the real broker, database and router."""

    async def test_from_receipt_to_strike_off_in_the_browser(
        self, browser: Browser, system: System, people: dict[Role, str], problem: UUID, picture: dict[str, Any]
    ) -> None:
        url, path = system.urls["api"], f"/records/{problem}"
        async with reading(browser, url, "story-head", size=PHONE) as head:
            await head.sign_in(people[Role.HEAD], OWN)
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
            await office.sign_in(people[Role.OFFICE], OWN)
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
                await clerk.sign_in(people[Role.CLERK], OWN)
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

    async def test_a_leader_follows_what_they_sponsor_and_who_checks_signs_in_the_browser(
        self, browser: Browser, system: System, people: dict[Role, str], problem: UUID, picture: dict[str, Any]
    ) -> None:
        """A leader's wall chart, a supervisor who verifies, an inspector who signs, each by a browser of their own."""
        url, path = system.urls["api"], f"/records/{problem}"
        due_at = datetime.now(UTC) + timedelta(days=40)
        plan = {
            "person": "Wang", "target": "clear water", "measures": ["dig"], "due_at": due_at.isoformat(),
            "rectification": "phased",
            "milestones": [{"title": "half of it", "due_at": (due_at - timedelta(days=9)).isoformat()}],
        }  # fmt: skip
        await acts(system, problem, "water", {"action": "acknowledge"}, {"action": "plan", "plan": plan})
        await acts(system, problem, "office", {"action": "sponsor", "sponsor": "north"})
        async with reading(browser, url, "story-leader", size=PHONE) as leader:
            await leader.sign_in(people[Role.LEADER], OWN)
            assert leader.page.url == f"{url}/inbox"
            link = leader.page.locator(f'.chart a[href="{path}"]')

            async def stands_on_the_chart() -> bool:
                await leader.go("/leader")
                return await link.count() == 1

            await eventually(stands_on_the_chart)
            assert "half of it" in await leader.page.locator(".chart").inner_text()
            await leader.check()
            await link.click()
            await leader.page.wait_for_url(f"**{path}")
            assert await leader.page.locator(".story li").count() >= 4
            await leader.go("/comparison")
            assert await leader.page.locator("svg").count() > 0
        await acts(system, problem, "water", {"action": "complete", "outcome": "rectified"})
        async with reading(browser, url, "story-supervisor") as supervisor:
            await supervisor.sign_in(people[Role.SUPERVISOR], OWN)
            await supervisor.go(path)
            await supervisor.open("verify")
            await supervisor.field("verify", "passed").first.check()
            await supervisor.send("verify")
            assert "done=verify" in supervisor.page.url
            assert await supervisor.page.locator('[id="act-strike_off"]').count() == 0
        async with reading(browser, url, "story-inspector", size=PHONE) as inspector:
            await inspector.sign_in(people[Role.INSPECTOR], OWN)
            await inspector.go(path)
            await inspector.open("check")
            await inspector.field("check", "check").select_option("clear")
            await inspector.field("check", "evidence").set_input_files([picture])
            await inspector.send("check")
            assert "done=check" in inspector.page.url
            await inspector.check()

    async def test_who_only_looks_sees_what_is_for_them_and_is_offered_nothing(
        self, browser: Browser, system: System, people: dict[Role, str], problem: UUID
    ) -> None:
        """An auditor sees all, and takes the ledger along; a social supervisor no history; others nothing."""
        url, path = system.urls["api"], f"/records/{problem}"
        async with reading(browser, url, "story-auditor") as auditor:
            await auditor.sign_in(people[Role.AUDITOR], OWN)
            link = auditor.page.locator(f'main a[href="{path}"]')

            async def stands_in_the_ledger() -> bool:
                await auditor.go(f"/ledger?city={CITY}&order=number")
                return await link.count() == 1

            await eventually(stands_in_the_ledger)
            async with auditor.page.expect_download() as awaited:
                await auditor.page.click('a[href^="/ledger/xlsx"]')
            book = load_workbook(BytesIO((await (await awaited.value).path()).read_bytes()))
            assert "Black water" in {str(cell.value) for row in book.worksheets[0].iter_rows() for cell in row}
            await link.click()
            await auditor.page.wait_for_url(f"**{path}")
            assert await auditor.page.locator(".story li").count() >= 2
            assert await auditor.page.locator(".acts").count() == 0
            await auditor.check()
        async with reading(browser, url, "story-social-supervisor", size=PHONE) as onlooker:
            await onlooker.sign_in(people[Role.SOCIAL_SUPERVISOR], OWN)
            await onlooker.go(path)
            assert await onlooker.page.locator(".bars li").count() >= 1
            assert await onlooker.page.locator(".story, .acts").count() == 0
            await onlooker.check()
        for role in (Role.ADMINISTRATOR, Role.CUSTODIAN):
            async with reading(browser, url, f"story-{role}") as nobody:
                await nobody.sign_in(people[role], OWN)
                ways = await nobody.page.locator("nav.ways a").evaluate_all("all => all.map(way => way.pathname)")
                assert "/ledger" not in ways
                await nobody.go(path)
                assert await nobody.page.locator("h1").inner_text() != "Black water"
                await nobody.check()

    async def test_a_view_is_saved_and_a_bulletin_signed_and_sent_in_the_browser(
        self, browser: Browser, system: System, people: dict[Role, str]
    ) -> None:
        """Without a script; who is told is told by the engine's own notices."""
        number = f"督办〔2026〕{uuid4().hex[:6]}号"
        async with reading(browser, system.urls["api"], "story-bulletin", script=False) as office:
            page = office.page
            await office.sign_in(people[Role.OFFICE], OWN)
            await office.go("/ledger?status=registered&near=5")
            await page.fill("#view-name", "五日内到期的")
            await page.click('form[action^="/ledger/views?"] button')
            assert await page.locator('.views a[aria-current="page"]').inner_text() == "五日内到期的"
            await page.click('form[action^="/ledger/views/removal"] button')
            assert await page.locator(".views a", has_text="五日内到期的").count() == 0
            await office.go("/bulletins")
            await page.select_option("#bulletin", "bulletin")
            await page.click('form[action="/bulletins"] button')
            await page.fill("#number", number)
            await page.click('form[action^="/bulletins/signature"] button')
            await page.wait_for_url("**/bulletins/issues/*")
            await page.click('form[action$="/sending"] button')
            assert await page.locator('form[action$="/sending"]').count() == 0
            assert number in await page.locator("main").inner_text()
            seal = await page.locator("dd.seal").inner_text()
            assert sha256(await (await page.request.get(f"{page.url}/json")).body()).hexdigest() == seal
        notices = await Tail(system.settings, [Notice.TOPIC], NOTICES).present()
        [sent] = [each.message.data for each in notices if each.message.data.number == number]
        assert (sent.recipient, sent.event) == ("office", "bulletin_sent")

    async def test_the_keeper_of_a_list_puts_somebody_on_it_in_the_browser(
        self, browser: Browser, system: System, people: dict[Role, str], picture: dict[str, Any]
    ) -> None:
        name, key = f"绿源 {uuid4().hex[:8]} Works", "put_on_list.exemplary"
        async with reading(browser, system.urls["api"], "story-list", size=PHONE) as office:
            await office.sign_in(people[Role.OFFICE], OWN)
            await office.go("/lists")
            await office.open(key)
            await office.field(key, "of").fill(name)
            await office.field(key, "ground").select_option("clean")
            await office.field(key, "evidence").set_input_files([picture])
            await office.check()
            await office.send(key)
            assert "state=done" in office.page.url
            await office.check()
            await office.page.fill("#name", name.upper())
            await _pressed(office, 'main form[action="/lists"] button')
            assert "在名单上" in await office.page.locator(".notice.bad").inner_text()
            await _pressed(office, 'main a[href^="/records/"]')
            assert name in await office.page.locator("main").inner_text()

    async def test_an_administrator_lets_somebody_in_who_keeps_their_own_credentials_and_bars_them(
        self, browser: Browser, system: System, people: dict[Role, str]
    ) -> None:
        """A password that is shown once, one of their own, a second factor with its recovery codes, and the end."""
        url, name = system.urls["api"], f"new-{uuid4().hex[:8]}"
        own, newer = "four words of mine", "five words of my own"
        async with (
            reading(browser, url, "story-administrator") as keeper,
            reading(browser, url, "story-newcomer", size=PHONE, script=False) as person,
        ):
            await keeper.sign_in(people[Role.ADMINISTRATOR], OWN)
            await keeper.go("/accounts")
            await keeper.page.locator("details.sheet > summary").click()
            await keeper.page.fill("#name", name)
            await keeper.page.select_option("#role", "unit_clerk")
            await keeper.page.select_option("#place", f"{CITY}:water")
            await _pressed(keeper, 'form[action="/accounts"] button.main')
            given = await keeper.page.locator('.notice[role="status"] code').inner_text()
            await keeper.check()
            await _tried(person, name, given)
            await person.page.fill("#password", given)
            await person.page.fill("#new_password", own)
            await _pressed(person, "main button.main")
            await person.go("/account")
            await _pressed(person, 'a[href="/account/password"]')
            for field, word in (("password", own), ("new", newer), ("again", newer)):
                await person.page.fill(f"#{field}", word)
            await _pressed(person, "main button.main")
            assert person.page.url == f"{url}/account?done=password"
            await _pressed(person, 'a[href="/account/factor"]')
            await _pressed(person, 'form[action="/account/factor"] button')
            link = await person.page.get_attribute('a[href^="otpauth:"]', "href")
            totp = pyotp.parse_uri(link or "")
            assert isinstance(totp, pyotp.TOTP)
            await person.page.fill("#code", totp.now())
            await person.page.fill("#password", newer)
            await _pressed(person, 'form[action="/account/factor/confirmation"] button')
            recovery = await person.page.locator(".notice.good li code").all_inner_texts()
            assert len(recovery) == 10
            await _pressed(person, ".who button")
            await _tried(person, name, own, recovery[0])
            assert await person.page.locator("#flaw").count() == 1
            await _tried(person, name, newer, recovery[0])
            assert person.page.url == f"{url}/mine"
            await keeper.go(f"/accounts/{name}")
            await _pressed(keeper, f'form[action="/accounts/{name}/steps/off"] button')
            await keeper.check()
            await person.go("/mine")
            assert "/sign-in" in person.page.url
            await _tried(person, name, newer, recovery[1])
            assert "/sign-in" in person.page.url
            assert await person.page.locator("#flaw").count() == 1
            await keeper.go(f"/account-log?of={name}")
            log = await keeper.page.locator("tbody").inner_text()
            for act in ("设置密码", "二次验证已绑定", "停用", "登录被拒"):
                assert act in log

    async def test_an_operator_looks_at_a_dead_letter_and_sends_it_back_once(
        self, browser: Browser, system: System, people: dict[Role, str]
    ) -> None:
        url, key = system.urls["api"], uuid4().hex.encode()
        since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"  # what others have laid aside may fill a page
        producer = AIOKafkaProducer(bootstrap_servers=system.kafka)
        await producer.start()
        await producer.send_and_wait("duban.commands.v1", b"<b>no json</b>", key)
        await producer.stop()
        laid: list[Letter] = []

        async def laid_aside() -> bool:
            laid[:] = [letter async for letter in letters(system.settings, [DLQ]) if letter.raw.key == key]
            return bool(laid)

        await eventually(laid_aside)
        place = laid[0].place
        async with reading(browser, url, "story-operator", script=False) as operator:
            page = operator.page
            await operator.sign_in(people[Role.OPERATOR], OWN)
            assert page.url == f"{url}/operation"
            assert "router" in await page.locator("main").inner_text()
            await page.click('main a[href="/operation/letters"]')
            await page.locator(f'main a[href^="/operation/letters/{DLQ}?"]').first.click()
            await operator.go(f"/operation/letters/{DLQ}?since={since}")
            await page.click(f'main a[href="/operation/letters/{DLQ}/{place.partition}/{place.offset}"]')
            assert "<b>no json</b>" in await page.locator("pre").inner_text()
            for step, notice in (("look", ""), ("send", ".good"), ("send", ".bad")):
                await page.fill("#why-now", "the sender was mended")
                async with page.expect_navigation():
                    await page.click(f'button[value="{step}"]')
                assert await page.locator(f".notice{notice}").count() == 1, step
            assert people[Role.OPERATOR] in await page.locator("main .facts").inner_text()
        async with reading(browser, url, "story-operator-look", size=PHONE) as operator:
            await operator.sign_in(people[Role.OPERATOR], OWN)
            for path in ("", "/letters", f"/letters/{DLQ}/{place.partition}/{place.offset}", "/deadlines", "/anchors"):
                await operator.go(f"/operation{path}")
                await operator.check()

    async def test_two_custodians_open_who_reported_and_neither_does_alone(
        self, browser: Browser, system: System, people: dict[Role, str]
    ) -> None:
        """The second one works without a script; an auditor reads in the log who did what, and may do nothing."""
        url, id_, (asking, agreeing) = system.urls["api"], uuid4().hex, (people[Role.CUSTODIAN], "story-custodian-2")
        await signed_in(system, agreeing, Appointment(role=Role.CUSTODIAN))
        confided = {"name": "王小明", "phone": "13800138000"}
        report = {
            "jurisdiction": CITY,
            "channel": "hotline",
            "title": "黑臭水体",
            "category": "river",
            "area": "north-town",
        }
        async with httpx2.AsyncClient(base_url=system.urls["gateway"], timeout=60) as gateway:
            sent = {**report, "source": "stories", "id": id_, "secret": uuid4().hex, "contact": confided}
            assert (await gateway.post("/v1/reports", json=sent)).status_code == 202
        async with reading(browser, url, "story-custodian") as first:
            page, card = first.page, first.page.locator(".cards li", has_text=id_)
            await first.sign_in(asking, OWN)
            assert page.url == f"{url}/vault"
            for name, text in (("source", "stories"), ("id", id_), ("reason", "核发举报奖励")):
                await page.fill(f"#{name}", text)
            async with page.expect_navigation():
                await page.click('form[action="/vault/asks"] button')
            assert "等待另一名保管员" in await card.inner_text()
            assert await card.locator('form[action$="/approval"], form[action$="/opening"]').count() == 0
            await first.check()
            refusal = await card.locator("form").get_attribute("action")
            assert refusal is not None
            ask = url + refusal.removesuffix("/refusal")
            for step in ("opening", "approval"):
                alone = await page.request.post(f"{ask}/{step}", headers={"origin": url})
                assert (alone.status, confided["phone"] in await alone.text()) == (409, False)
            async with reading(browser, url, "story-custodian-2", size=PHONE, script=False) as second:
                await second.sign_in(agreeing, OWN)
                async with second.page.expect_navigation():
                    await (
                        second.page.locator(".cards li", has_text=id_)
                        .locator('form[action$="/approval"] button')
                        .click()
                    )
                waiting = second.page.locator(".cards li", has_text=id_)
                assert await waiting.locator('form[action$="/approval"], form[action$="/opening"]').count() == 0
                other = await second.page.request.post(f"{ask}/opening", headers={"origin": url})
                assert (other.status, confided["phone"] in await other.text()) == (409, False)
            await first.go("/vault")
            async with page.expect_navigation():
                await card.locator('form[action$="/opening"] button').click()
            shown = await page.locator("main").inner_text()
            assert all(text in shown for text in confided.values())
            await first.check()
            again = await page.request.post(f"{ask}/opening", headers={"origin": url})
            assert (again.status, confided["phone"] in await again.text()) == (409, False)
        async with reading(browser, url, "story-vault-auditor", size=PHONE) as auditor:
            await auditor.sign_in(people[Role.AUDITOR], OWN)
            await auditor.go("/vault")
            rows = await auditor.page.locator("tbody tr", has_text=id_).all()
            steps = [(await row.locator("td").all_inner_texts())[2:4] for row in rows]
            assert steps == [[asking, "查看"], [agreeing, "同意"], [asking, "申请"]]
            assert await auditor.page.locator("main form").count() == 0
            await auditor.check()

    async def test_somebody_says_how_they_are_told_and_subscribes_to_what_is_due(
        self, browser: Browser, system: System, people: dict[Role, str], problem: UUID
    ) -> None:
        url, name = system.urls["api"], people[Role.CLERK]
        async with reading(browser, url, "story-told", size=PHONE) as clerk:
            await clerk.sign_in(name, OWN)
            await clerk.go("/preferences")
            await clerk.page.locator(f'[id="contact-{name}-mail"]').fill("li@water.example")
            async with clerk.page.expect_navigation():
                await clerk.page.click(f'[id="contact-{name}"] button[value=change]')
            await clerk.check()
            contact = (await registered(system.settings))[f"{CITY}/water/{name}"]
            assert [way.to for way in contact.ways] == ["li@water.example"]
            async with clerk.page.expect_navigation():
                await clerk.page.click('form[action="/preferences/calendar"] button')
            address = await clerk.page.input_value("#address")
        async with httpx2.AsyncClient(timeout=60) as program:

            async def is_due() -> bool:
                return f"URL:{url}/records/{problem}\r\n" in (await program.get(address)).text

            await eventually(is_due)

    async def test_a_rota_is_the_same_in_the_browser_and_at_the_command_line(
        self, browser: Browser, system: System, people: dict[Role, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The head makes it without a script, of themselves and of a telephone on duty, which has no account."""
        unit, name, phone = f"{CITY}/water", people[Role.HEAD], f"duty-{uuid4().hex[:6]}"
        duban = command_on(system, monkeypatch)
        now = datetime.now(UTC)
        await duban("contact", "set", f"{unit}/{name}", "--mail", "zhao@water.example")
        async with reading(browser, system.urls["api"], "story-rota", script=False) as head:
            page = head.page
            await head.sign_in(name, OWN)
            await head.go("/preferences")
            await page.click("#new-contact summary")
            await page.fill("#new-contact-person", phone)
            await page.fill("#new-contact-sms", "+8608162212345")
            async with page.expect_navigation():
                await page.click("#new-contact button.main")

            async def is_followed() -> bool:
                await head.go("/rota")
                return await page.locator("#person-1 option", has_text=name).count() == 1

            await eventually(is_followed)
            for number, person in enumerate((name, phone), start=1):
                await page.locator(f"#person-{number}").select_option(person)
            await page.fill("#since", f"{now - timedelta(days=1):%Y-%m-%dT09:00}")
            await page.fill("#days", "30")
            async with page.expect_navigation():
                await page.click('form[action="/rota"] button')
            assert "done=changed" in page.url
            rota = (await rotas(system.settings))[unit]
            assert (rota.persons, rota.days, rota.zone) == ((name, phone), 30, "Asia/Shanghai")
            times = "--from", (now - timedelta(hours=1)).isoformat(), "--until", (now + timedelta(days=9)).isoformat()
            await duban("contact", "relieve", unit, phone, *times)
            since = (now - timedelta(days=2)).isoformat()
            await duban("contact", "rota", unit, "--person", name, "--since", since, "--days", 9)
            every = lines(await duban("contact", "oncall", "--json"))
            [standing] = [each for each in every if (each["jurisdiction"], each["unit"]) == (CITY, "water")]
            assert (standing["persons"], standing["on_call"]["person"]) == ([name], phone)

            async def shows_who_stands_in() -> bool:
                await head.go("/rota")
                return "代班" in await page.locator("#turns tbody tr").first.inner_text()

            await eventually(shows_who_stands_in)
            assert phone in await page.locator("#turns tbody tr").first.inner_text()
            await duban("contact", "rota", unit, "--no-rota")
        async with reading(browser, system.urls["api"], "story-rota-ended", size=PHONE) as clerk:
            await clerk.sign_in(people[Role.CLERK], OWN)

            async def has_ended() -> bool:
                await clerk.go("/rota")
                return await clerk.page.locator("#turns table").count() == 0

            await eventually(has_ended)
            await clerk.check()


async def acts(system: System, problem: UUID, unit: str, *bodies: dict[str, Any]) -> None:
    """What others do meanwhile, by the API."""
    async with httpx2.AsyncClient(base_url=system.urls["api"], headers=system.bearer, timeout=60) as client:
        for body in bodies:
            path = f"/v1/problems/{problem}/actions?wait=30"
            answer = await client.post(path, json={**body, "actor": {"unit": unit}})
            assert answer.status_code == 200, answer.text


async def _after_htmx(page: Page, route: Route) -> None:
    """What follows the stream comes when htmx has begun: so it is where the network is slow."""
    await eventually(lambda: page.evaluate("Boolean(window.htmx)"))
    await route.continue_()


async def _tried(person: Reader, name: str, password: str, code: str = "") -> None:
    """Have them try to sign in, wherever that leads."""
    await person.go("/sign-in")
    for field, word in (("name", name), ("password", password), ("code", code)):
        await person.page.fill(f"#{field}", word)
    await _pressed(person, "main button.main")


async def _pressed(reader: Reader, selector: str) -> None:
    """Have them press or follow what is there, and be where it leads."""
    async with reader.page.expect_navigation():
        await reader.page.click(selector)
