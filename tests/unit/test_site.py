"""The pages for the public over HTTP: reporting, what is near already, following by a code, what everybody reads."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4
from xml.etree.ElementTree import fromstring

import httpx2
import orjson
import pytest
from fastapi.routing import APIRoute

from duban.clock import DrivenClock
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.reception import Reception
from duban.io.evidence.settings import EvidenceSettings
from duban.io.evidence.uploads import Uploads
from duban.io.secrets_file import SecretsFile
from duban.messages.commands import COMMANDS, Cause
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, decode, derived_id
from duban.messages.handle import handle_of
from duban.messages.ratings import RATINGS, RatedReport
from duban.messages.records import Deadline, Mark, Reward
from duban.messages.report import Location, Report
from duban.messages.sources import RegisteredSource
from duban.moves import Status
from duban.pages.look import POLICY
from duban.pages.maps import maps_in
from duban_intake.domain import SOURCE, Receipt, ReportOutcome, own_problem
from duban_intake.gateway.access import SITE_ROUTES
from duban_intake.gateway.door import ReportDoor
from duban_intake.gateway.open311.requests import PublicProblem, RequestFilter
from duban_intake.gateway.open311.routes import PublicFace
from duban_intake.ratings import RatingHandler
from duban_intake.site.app import create_site, site_look
from duban_intake.site.exposures import Exposure
from duban_intake.site.publications import PublicTable, PublishedIssue, public_table
from duban_intake.site.reporter_views import GivenReply, RatingOutcome, ReporterReward
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from duban_intake.vault.seal import Keyring, MasterKey
from tests.accounts import AT
from tests.given import ROOT, small_library
from tests.site_pages import code_on, hidden

CITY: Final = "/city/smallville"
MAPS: Final = ROOT / "tests/data/maps"
ENGLISH: Final = {"accept-language": "en"}
HERE: Final = Location(latitude=30.27, longitude=120.15)
PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0f01f0005000201a5d8c2c10000000049454e44ae426082"
)


@dataclass
class Shown:
    """What the ledger shows everybody."""

    held: list[PublicProblem] = field(default_factory=list)
    exposed: list[Exposure] = field(default_factory=list)
    told: dict[tuple[UUID, str, str], list[GivenReply]] = field(default_factory=dict)
    rated: dict[UUID, RatingOutcome] = field(default_factory=dict)
    owed: dict[str, list[ReporterReward]] = field(default_factory=dict)
    signed: dict[UUID, tuple[PublishedIssue, PublicTable]] = field(default_factory=dict)

    async def problems(self, city: str, names: tuple[str, ...], only: RequestFilter) -> list[PublicProblem]:
        assert (city, names) == ("smallville", ("smallville/site", "app"))
        return [
            each for each in self.held
            if (only.ids is None or each.id in only.ids)
            and (only.statuses is None or each.status in only.statuses)
            and (only.categories is None or each.category in only.categories)
        ]  # fmt: skip

    async def replies(self, problem: UUID, source: str, report: str) -> list[GivenReply]:
        return self.told.get((problem, source, report), [])

    async def ratings(self, keys: Sequence[UUID]) -> dict[UUID, RatingOutcome]:
        return {key: self.rated[key] for key in keys if key in self.rated}

    async def rewards(self, handle: str) -> list[ReporterReward]:
        return self.owed.get(handle, [])

    async def publications(self, city: str) -> list[PublishedIssue]:
        return [publication for publication, _ in self.signed.values()]

    async def publication(self, city: str, id_: UUID) -> tuple[PublishedIssue, PublicTable] | None:
        return self.signed.get(id_)

    async def exposures(self, city: str, since: datetime) -> list[Exposure]:
        assert city == "smallville"
        return [each for each in self.exposed if each.at >= since]


def problem(title: str | None = "Foam below the weir", **changed: Any) -> PublicProblem:
    fields: dict[str, Any] = {
        "id": uuid4(), "number": "S-2026-0001", "begun_at": AT, "updated_at": AT + timedelta(hours=1),
        "status": Status.UNDERWAY, "category": "other", "lead_unit": None, "title": title, "pack": "",
        "location": HERE, "limits": (), "ground": None,
    }  # fmt: skip
    return PublicProblem(**{**fields, **changed})


class Gateway:
    """The site of one city, what goes to the broker, and the receipts that come of it."""

    def __init__(self, folder: Path, *, keyring: Keyring | None, maps: Path | None = MAPS) -> None:
        self.records: list[Record] = []
        self.shown = Shown()
        self.receipts: dict[UUID, Receipt] = {}
        self.vault = MemoryVault()
        registry, clock = SourceRegistry(), DrivenClock(AT)
        for source in (
            RegisteredSource(name="smallville/site", kind="site", jurisdiction="smallville", channel="hotline"),
            RegisteredSource(name="app", kind="open311", jurisdiction="smallville", channel="hotline"),
            RegisteredSource(name="else", kind="site", jurisdiction="elsewhere", channel="hotline"),
        ):
            registry.put(source)
        store = EvidenceDesk(FolderStore(folder / "store"), EvidenceSettings().types, 100_000)
        ours: Any = self
        door = ReportDoor(
            self.put, lambda _: None, clock, Vault(self.vault, clock, DeskSettings(keyring)), registry, lambda: 0.0,
            ours, SecretsFile(None), SourceJournal(None, clock), Reception(store, Uploads(folder / "up", 24)),
        )  # fmt: skip
        shown: Any = self.shown
        face = PublicFace(small_library(), shown)
        self.app = create_site(site_look(maps_in(maps)), door, face, shown, shown, shown, 100_000)
        transport = httpx2.ASGITransport(self.app, client=("203.0.113.7", 4711))
        self.browser = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=ENGLISH)

    async def put(self, record: Record) -> None:
        self.records.append(record)

    async def receipt(self, key: UUID) -> Receipt | None:
        return self.receipts.get(key)

    @property
    def reports(self) -> list[Report]:
        return [decode(each.key, each.value, each.headers, {Report.TYPE: Report}).data for each in self.records]

    async def reported(self) -> tuple[UUID, dict[str, str]]:
        """The key of a report that was taken, whose problem is struck off, and what its reporter types to follow it."""
        blank = await self.blank()
        code = code_on((await self.report(**blank)).text)
        key = own_problem("smallville/site", blank["number"])
        self.receipts[key] = Receipt(
            "smallville/site", blank["number"], key, b"", AT, ReportOutcome.ACCEPTED, key, handle=handle_of(code)
        )
        self.shown.held = [problem(id=key, status=Status.STRUCK_OFF)]
        self.records.clear()
        return key, {"number": blank["number"], "code": code}

    async def blank(self) -> dict[str, str]:
        """What an empty form brings along."""
        return hidden((await self.browser.get(f"{CITY}/report")).text)

    async def report(self, **answers: Any) -> httpx2.Response:
        filled = {**await self.blank(), "category": "other", "title": "Foam", "address": "below the weir", **answers}
        return await self.browser.post(f"{CITY}/report", data=filled)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(tmp_path, keyring=Keyring([MasterKey(b"k" * 32)]))
    async with gateway.browser:
        yield gateway


def test_every_route_stands_in_the_table(tmp_path: Path) -> None:
    app = Gateway(tmp_path, keyring=None).app
    served = {
        (method, route.path) for route in app.routes if isinstance(route, APIRoute) for method in route.methods or ()
    }
    assert served == SITE_ROUTES.keys()


async def test_who_reports_gets_a_receipt_with_a_code_that_is_the_reports_own(gateway: Gateway) -> None:
    answer = await gateway.report(name="Li Lei", phone="13800000000", latitude="30.27", longitude="120.15")
    assert answer.status_code == 200, answer.text
    [report] = gateway.reports
    assert (report.jurisdiction, report.channel, report.category, report.title) == (
        "smallville", "hotline", "other", "Foam",
    )  # fmt: skip
    assert report.location == HERE
    assert report.attributes == {"address": "below the weir"}
    code = code_on(answer.text)
    assert report.reporter.handle == handle_of(code)
    assert b"Li Lei" not in (gateway.records[0].value or b"")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"


async def test_sent_twice_it_is_one_report(gateway: Gateway) -> None:
    blank = await gateway.blank()
    first, second = [await gateway.report(**blank) for _ in range(2)]
    assert (first.status_code, second.text) == (200, first.text)
    assert len({each.key for each in gateway.records}) == 1
    assert gateway.records[0].value == gateway.records[1].value


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"title": ""}, "Say in a few words what you saw."),
        ({"title": "x" * 301}, "Say it in 300 characters; the rest"),
        ({"category": "nothing"}, "Choose what it is about."),
        ({"area": "nowhere"}, "Choose one of the list, or none."),
        ({"address": ""}, "Say where it is"),
        ({"homepage": "http://spam.example"}, "Leave this field empty"),
        ({"email": "no address"}, "is no e-mail address"),
        ({"title": "a\0b"}, "NUL"),
    ],
)
async def test_what_is_wrong_stands_beside_the_field_and_nothing_is_lost(
    gateway: Gateway, answers: dict[str, str], words: str
) -> None:
    answer = await gateway.report(**{"text": "since this morning", **answers})
    assert answer.status_code == 400
    assert words in answer.text
    assert "since this morning" in answer.text
    assert gateway.records == []


async def test_a_form_that_is_none_of_ours_is_refused(gateway: Gateway) -> None:
    answer = await gateway.report(number="1; drop", secret="x")
    assert (answer.status_code, gateway.records) == (400, [])


async def test_a_page_of_somewhere_else_reports_and_asks_nothing(gateway: Gateway) -> None:
    for path in ("report", "follow"):
        answer = await gateway.browser.post(f"{CITY}/{path}", data={}, headers={"origin": "http://elsewhere.example"})
        assert answer.status_code == 403
    assert gateway.records == []


async def test_photos_lie_in_the_store_before_the_report_names_them(gateway: Gateway) -> None:
    filled = {**await gateway.blank(), "category": "other", "title": "Foam", "address": "weir"}
    files = [("photos", ("weir.png", PNG, "image/png"))]
    assert (await gateway.browser.post(f"{CITY}/report", data=filled, files=files)).status_code == 200
    [[photo]] = [report.evidence for report in gateway.reports]
    assert (photo.is_ours, photo.title) == (True, "weir.png")


async def test_a_file_that_is_not_taken_is_told_beside_the_photos(gateway: Gateway) -> None:
    filled = {**await gateway.blank(), "category": "other", "title": "Foam", "address": "weir"}
    files = [("photos", ("run.exe", b"MZ" + b"\0" * 100, "image/png"))]
    answer = await gateway.browser.post(f"{CITY}/report", data=filled, files=files)
    assert answer.status_code >= 400
    assert 'id="photos-flaw"' in answer.text
    assert gateway.records == []


async def test_what_is_near_already_is_shown_before_and_the_photo_is_kept_meanwhile(gateway: Gateway) -> None:
    near, far = problem(), problem("Far away", location=Location(latitude=31.0, longitude=120.15))
    closed = problem("Long done", status=Status.STRUCK_OFF)
    gateway.shown.held = [near, far, closed]
    filled = {
        **await gateway.blank(), "category": "other", "title": "Foam", "latitude": "30.2701", "longitude": "120.15",
    }  # fmt: skip
    answer = await gateway.browser.post(f"{CITY}/report", data=filled, files=[("photos", ("a.png", PNG, "image/png"))])
    assert near.title is not None
    assert near.title in answer.text
    assert not any(words in answer.text for words in ("Far away", "Long done"))
    assert gateway.records == []
    assert (await gateway.browser.post(f"{CITY}/report", data=hidden(answer.text))).status_code == 200
    assert len(gateway.reports[0].evidence) == 1


async def test_a_report_is_followed_by_its_number_and_its_code_alone(gateway: Gateway) -> None:
    blank = await gateway.blank()
    code = code_on((await gateway.report(**blank)).text)
    key = own_problem("smallville/site", blank["number"])

    async def follow(typed: str) -> httpx2.Response:
        return await gateway.browser.post(f"{CITY}/follow", data={"number": blank["number"].upper(), "code": typed})

    assert (await follow(code)).status_code == 400, "intake has not come to it yet"
    gateway.receipts[key] = Receipt(
        "smallville/site", blank["number"], key, b"", AT, ReportOutcome.ACCEPTED, key, handle=handle_of(code)
    )
    assert "It is being registered" in (await follow(code.lower().replace("-", " "))).text
    gateway.shown.held = [problem(id=key, title="Foam")]
    assert "The unit responsible is at work" in (await follow(code)).text
    for other in ("", "0000-0000-0000-0000", "123"):
        refused = await follow(other)
        assert (refused.status_code, "at work" in refused.text) == (400, False)


async def test_a_reporter_says_once_whether_they_are_satisfied_and_nobody_without_the_code_does(
    gateway: Gateway,
) -> None:
    blank = await gateway.blank()
    code = code_on((await gateway.report(**blank)).text)
    key = own_problem("smallville/site", blank["number"])
    gateway.receipts[key] = Receipt(
        "smallville/site", blank["number"], key, b"", AT, ReportOutcome.ACCEPTED, key, handle=handle_of(code)
    )
    own = {"number": blank["number"], "code": code}
    for status, offered in ((Status.UNDERWAY, False), (Status.STRUCK_OFF, True)):
        gateway.shown.held = [problem(id=key, status=status)]
        page = (await gateway.browser.post(f"{CITY}/follow", data=own)).text
        assert ("Are you satisfied" in page) is offered
    vote = hidden(page)["vote"]
    gateway.records.clear()
    for answers, words in (
        ({}, "Say whether you are satisfied."),
        ({"satisfied": "false"}, "Say in a few words why you are not satisfied."),
    ):
        refused = await gateway.browser.post(f"{CITY}/rate", data={**own, "vote": vote, **answers})
        assert (refused.status_code, words in refused.text) == (400, True)
    for wrong in ({"code": "0000-0000-0000-0000"}, {"code": ""}, {"vote": "x"}, {"vote": "10"}):
        refused = await gateway.browser.post(f"{CITY}/rate", data={**own, "vote": vote, "satisfied": "true", **wrong})
        assert refused.status_code == 400
    assert gateway.records == []
    for _ in range(2):
        said = await gateway.browser.post(f"{CITY}/rate", data={**own, "vote": vote, "satisfied": "true"})
        assert "Thank you." in said.text
    unhappy = {**own, "vote": "2", "satisfied": "false", "reason": "nobody came, ring 13812345678"}
    await gateway.browser.post(f"{CITY}/rate", data=unhappy)
    first, again, other = [decode(each.key, each.value, each.headers, RATINGS) for each in gateway.records]
    assert first.id == again.id != other.id
    assert other.data.reason == "nobody came, ring ***"
    assert (first.data.handle, first.data.satisfied) == (handle_of(code), True)


class Taken:
    """The receipts, as intake asks for them."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def receipts(self, keys: Collection[UUID]) -> dict[UUID, Receipt]:
        return {key: self._gateway.receipts[key] for key in keys}


async def test_whoever_rates_is_told_whether_it_counts_and_may_rate_anew(gateway: Gateway) -> None:
    _, own = await gateway.reported()

    async def followed() -> str:
        return (await gateway.browser.post(f"{CITY}/follow", data=own)).text

    async def said(satisfied: str) -> UUID:
        """Under which key the ledger has what comes of it."""
        rating = {**own, "vote": hidden(await followed())["vote"], "satisfied": satisfied, "reason": "nobody came"}
        assert "See whether it stands" in (await gateway.browser.post(f"{CITY}/rate", data=rating)).text
        message = decode(gateway.records[-1].key, gateway.records[-1].value, gateway.records[-1].headers, RATINGS)
        delivery = Delivery(message, RatedReport.TOPIC, 0, 0, AT)
        [answer] = await RatingHandler(Taken(gateway))([delivery])
        assert isinstance(answer, Record)
        return derived_id(SOURCE, decode(answer.key, answer.value, answer.headers, COMMANDS).id)

    first = await said("false")
    assert first == await said("false"), "while nothing has come of it, it is the same vote"
    gateway.shown.rated[first] = RatingOutcome(None, "illegal_move")
    page = await followed()
    assert "does not count. The problem stands where nothing" in page
    second = await said("true")
    assert second != first
    gateway.shown.rated[second] = RatingOutcome(satisfied=True, refused=None)
    page = await followed()
    assert ("that you are satisfied." in page, "does not count" in page) == (True, False)
    for _ in range(7):
        gateway.shown.rated[await said("false")] = RatingOutcome(satisfied=False, refused=None)
    page = await followed()
    assert ("that you are not satisfied." in page, 'name="vote"' in page) == (True, False), "nine times are enough"


async def test_whoever_reported_reads_what_they_were_told_and_nobody_elses(gateway: Gateway) -> None:
    key, own = await gateway.reported()
    gateway.shown.told = {
        (key, "smallville/site", own["number"]): [GivenReply(AT, "We were there.\n\nRing 13812345678, <b>Ms Li</b>.")],
        (key, "smallville/site", "another0rep0"): [GivenReply(AT, "This is for somebody else.")],
    }
    page = (await gateway.browser.post(f"{CITY}/follow", data=own)).text
    assert "We were there.\n\nRing ***, &lt;b&gt;Ms Li" in page
    assert "somebody else" not in page
    assert "What you were told" not in (await gateway.browser.get(f"{CITY}/problems/{key}")).text


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"status": Status.OWED}, None, ("amount is not fixed yet", "1,000–30,000 CNY", "Fixed until", "2026-12-01")),
        (
            {"status": Status.AWARDED, "amount": 5000}, None,
            ("A reward waits for you", "5,000 CNY", "to whoever shows the code", "Paid out until", "2026-12-08"),
        ),
        ({"status": Status.SETTLED, "amount": 5000, "marks": ("awarded", "collected")}, None, ("was paid out",)),
        ({"status": Status.SETTLED, "marks": ("declined",)}, "ask 13812345678", ("No reward is", "ask ***")),
        ({"status": Status.SETTLED, "amount": 5000, "marks": ("awarded", "expired")}, None, ("was forfeited",)),
    ],
)  # fmt: skip
async def test_a_reward_is_seen_by_the_code_with_how_to_receive_it(
    gateway: Gateway, changed: dict[str, Any], reason: str | None, words: tuple[str, ...]
) -> None:
    key, own = await gateway.reported()
    rules = small_library().current("smallville", AT)
    assert rules is not None

    def due(obligation: str, days: int) -> Deadline:
        at = AT + timedelta(days=days)
        return Deadline(obligation=obligation, generation=1, level=0, measure="m", due_at=at, lapse_at=at)

    reward = Reward(
        id=uuid4(), jurisdiction="smallville", pack=rules.pack.ref, number="tip/S-1", title="Reward", version=2,
        reward="tip", fixed_by="office", handle=handle_of(own["code"]),
        cause=Cause(problem_id=key, number="S-1", version=1, pack=rules.pack.ref),
        deadlines=(due("amount", 2), due("collect", 9)),
        **{**changed, "marks": {kind: Mark(at=AT, version=2) for kind in changed.get("marks", ())}},
    )  # fmt: skip
    gateway.shown.owed = {handle_of(own["code"]): [ReporterReward(reward, reason)]}
    page = (await gateway.browser.post(f"{CITY}/follow", data=own)).text
    assert [each for each in (*words, "Reward for a report", "tip/S-1") if each not in page] == []
    assert "tip/S-1" not in (await gateway.browser.post(f"{CITY}/follow", data={**own, "code": ""})).text


async def test_everybody_reads_what_the_public_reported_and_no_telephone_in_it(gateway: Gateway) -> None:
    gateway.shown.held = [problem("Ring 13812345678 about the foam"), problem(None, status=Status.REJECTED)]
    for path in (CITY, f"{CITY}/problems?state=all", f"{CITY}/problems/{gateway.shown.held[0].id}"):
        page = (await gateway.browser.get(path)).text
        assert "about the foam" in page
        assert "13812345678" not in page
    assert "about the foam" not in (await gateway.browser.get(f"{CITY}/problems?state=closed")).text


async def test_what_stands_on_the_map_of_a_city_stands_beside_it_in_words(gateway: Gateway, tmp_path: Path) -> None:
    gateway.shown.held = [problem("Foam"), problem("Nowhere", location=None)]
    page = (await gateway.browser.get(f"{CITY}/problems")).text
    assert page.count('data-point="120.15,30.27"') == page.count("data-point") == 1
    assert "An invented map: there is no such town." in page
    assert "smallville.geojson" in page
    one = (await gateway.browser.get(f"{CITY}/problems/{gateway.shown.held[1].id}")).text
    assert "data-map" not in one, "it has no place"
    bare = Gateway(tmp_path / "bare", keyring=None, maps=None)
    bare.shown.held = gateway.shown.held
    async with bare.browser as browser:
        for path in ("problems", "report", f"problems/{bare.shown.held[0].id}"):
            assert "map" not in (await browser.get(f"{CITY}/{path}")).text


async def test_the_board_says_against_whom_a_public_measure_stands(gateway: Gateway) -> None:
    assert "Nobody stands on the board." in (await gateway.browser.get(f"{CITY}/board")).text
    stands = Exposure(uuid4(), "S-2026-0001", "breach", "water", AT, None)
    gateway.shown.exposed = [
        stands,
        replace(stands, number="S-2026-0002", measure="forgotten", owner="nobody", ended_at=AT + timedelta(days=1)),
        replace(stands, number="S-2025-0001", at=AT - timedelta(days=91)),
    ]
    page = (await gateway.browser.get(f"{CITY}/board")).text
    rules = small_library().current("smallville", AT)
    assert rules is not None
    for words in (
        "S-2026-0001",
        rules.measures["breach"].title.en,
        rules.units["water"].title.en,
        "stands",
        "forgotten",
    ):
        assert words in page
    assert "S-2025-0001" not in page


async def test_what_was_signed_and_is_for_everybody_is_read_with_the_figures_that_were_signed(gateway: Gateway) -> None:
    assert "Nothing was published yet." in (await gateway.browser.get(f"{CITY}/publications")).text
    document = {
        "columns": [
            {"key": "unit", "title": "Unit"},
            {"key": "open", "title": "Open"},
            {"key": "title", "title": "What"},
        ],
        "rows": [
            {"unit_id": "water", "unit": "=Water", "open": 3, "title": "Ring 13812345678"},
            {"unit_id": "north", "unit": "North", "open": 13812345678, "title": None},
        ],
    }
    publication = PublishedIssue(
        uuid4(), "Bulletin of the quarter", "No. 3", "smallville@1", date(2026, 7, 1), date(2026, 9, 30), "en",
        "ab" * 32, "office", AT, AT,
    )  # fmt: skip
    table = public_table(orjson.dumps(document).decode())
    gateway.shown.signed = {publication.id: (publication, table)}
    assert "Bulletin of the quarter" in (await gateway.browser.get(f"{CITY}/publications")).text
    page = (await gateway.browser.get(f"{CITY}/publications/{publication.id}")).text
    for words in ("No. 3", "2026-09-30", "The office", "ab" * 32, "Ring ***", ">3<", ">13812345678<"):
        assert words in page, words
    file = (await gateway.browser.get(f"{CITY}/publications/{publication.id}.csv")).content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(file))) == [
        ["Unit", "Open", "What"], ["'=Water", "3", "Ring ***"], ["North", "13812345678", ""],
    ]  # fmt: skip
    for id_ in (uuid4(), "x", f"{uuid4()}.csv"):
        assert (await gateway.browser.get(f"{CITY}/publications/{id_}")).status_code == 404


async def test_programs_read_the_same_as_places_as_a_table_and_as_a_feed(gateway: Gateway) -> None:
    gateway.shown.held = [problem('=HYPERLINK("x")'), problem(location=None)]
    places = orjson.loads((await gateway.browser.get(f"{CITY}/problems.geojson")).content)
    assert [place["geometry"]["coordinates"] for place in places["features"]] == [[120.15, 30.27]]
    table = (await gateway.browser.get(f"{CITY}/problems.csv")).content.decode("utf-8-sig")
    assert next(line["title"] for line in csv.DictReader(io.StringIO(table))).startswith("'=")
    feed = await gateway.browser.get(f"{CITY}/problems.rss")
    assert feed.headers["content-type"].startswith("application/rss+xml")
    links = [link.text for link in fromstring(feed.text).findall("channel/item/link")]
    assert links == [f"http://127.0.0.1{CITY}/problems/{each.id}" for each in gateway.shown.held]


async def test_a_city_without_a_source_or_a_pack_has_no_pages(gateway: Gateway) -> None:
    for path in ("/city/elsewhere", "/city/nowhere/report", f"{CITY}/problems/{uuid4()}", f"{CITY}/problems/x"):
        assert (await gateway.browser.get(path)).status_code == 404
    assert (await gateway.browser.get("/")).headers["location"] == CITY


async def test_without_a_vault_no_contact_is_asked_for_and_the_number_alone_follows(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, keyring=None)
    async with gateway.browser:
        assert 'name="phone"' not in (await gateway.browser.get(f"{CITY}/report")).text
        blank = await gateway.blank()
        assert (await gateway.report(**blank)).status_code == 200
        key = own_problem("smallville/site", blank["number"])
        gateway.receipts[key] = Receipt(
            "smallville/site",
            blank["number"],
            key,
            b"",
            AT,
            ReportOutcome.REFUSED,
            None,
            "blank",
            "title: says nothing",
        )
        page = await gateway.browser.post(f"{CITY}/follow", data={"number": blank["number"], "code": ""})
        assert "says nothing" in page.text
