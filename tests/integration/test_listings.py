"""Lists and rewards on the real broker, database and services, on the driven clock: who stands where, who gets what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, Payload, encode
from duban.messages.handle import handle_of
from duban.messages.notices import Tick
from duban.messages.report import Filed, Identity, Report, Reporter
from duban_cli.system import System, running
from duban_console.ledger import LISTINGS, REWARDS
from tests.commanding import Run, command_on, lines
from tests.given import CODE, ROOT, SEAL, SMALL

#: A Wednesday, 10:00 in the small city.
BEGINS = datetime(2022, 4, 6, 2, tzinfo=UTC)
#: A code that was given for another report, and one that nobody was ever given.
OTHER_CODE, NO_CODE = "0000-0000-0000-0001", "0000-0000-0000-0002"
#: For the command line: as long as the API waits at most.
WAIT = ("--wait", 30)


@dataclass
class Town:
    """The running engine of the small city, and what time it is there."""

    system: System
    publisher: Publisher
    client: httpx2.AsyncClient
    #: The kinds of what was opened beside problems, as the paths name them, by id.
    plurals: dict[str, str] = field(default_factory=dict)
    now: datetime = BEGINS

    async def send(self, key: str, data: Payload) -> None:
        await self.publisher.publish([encode(Message(str(uuid4()), "test", key, self.now, "smallville", key, data))])

    async def advance(self, **by: float) -> None:
        """Let time pass; returns when the API has noticed."""
        self.now += timedelta(**by)
        await self.send("clock", Tick(at=self.now))
        async with asyncio.timeout(60):
            while True:
                if datetime.fromisoformat((await self.listings("–"))["at"]) >= self.now:
                    return
                await asyncio.sleep(0.02)

    async def registered(self, code: str | None = None, **said: Any) -> UUID:
        problem_id = uuid4()
        handle = handle_of(code) if code else None
        reporter = Reporter(identity=Identity.ANONYMOUS, handle=handle)
        fields = {"title": "Black water", "channel": "hotline", "category": "river", "area": "north-town", **said}
        report = Report(jurisdiction="smallville", reporter=reporter, **fields)
        filed = Filed(source="test", id=str(problem_id), received_at=self.now, report=report)
        await self.send(str(problem_id), do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed))
        await self.until(problem_id, status="dispatched")
        return problem_id

    def path(self, id_: object) -> str:
        """Where the API has the record: by its kind, which is that of a problem unless it was opened as another."""
        return f"/v1/{self.plurals.get(str(id_), 'problems')}/{id_}"

    async def until(self, id_: object, **wanted: Any) -> dict[str, Any]:
        """The record, as soon as it stands as wanted."""
        async with asyncio.timeout(60):
            while True:
                answer = await self.client.get(self.path(id_))
                if answer.status_code == 200 and wanted.items() <= answer.json().items():
                    found: dict[str, Any] = answer.json()
                    return found
                await asyncio.sleep(0.02)

    async def done(self, id_: object, action: str, unit: str, **said: Any) -> dict[str, Any]:
        answer = await self.act(id_, action, unit, **said)
        assert answer.status_code == 200, answer.text
        kinds = {"problems": "problem", "duties": "duty", "listings": "listing", "rewards": "reward"}
        found: dict[str, Any] = answer.json()[kinds[self.plurals.get(str(id_), "problems")]]
        return found

    async def act(self, id_: object, action: str, unit: str, **said: Any) -> httpx2.Response:
        body = {"action": action, "actor": {"unit": unit}, **said}
        return await self.client.post(f"{self.path(id_)}/actions", params={"wait": 30}, json=body)

    async def put(self, of: str, *, wait: float = 30, **said: Any) -> httpx2.Response:
        body = {
            "list": "blacklist", "of": of, "ground": "repeated", "jurisdiction": "smallville",
            "actor": {"unit": "office"}, "reason": "again", "evidence": [SEAL], **said,
        }  # fmt: skip
        answer = await self.client.post("/v1/listings", params={"wait": wait} if wait else {}, json=body)
        if answer.is_success:
            self.plurals[answer.json()["problem_id"]] = "listings"
        return answer

    async def listings(self, of: str, **query: Any) -> dict[str, Any]:
        answer = await self.client.get("/v1/listings", params={"of": of, **query})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def lookup(self, code: str) -> httpx2.Response:
        return await self.client.post("/v1/rewards/lookup", json={"code": code})

    async def opened(self, plural: str, of: UUID) -> dict[str, Any]:
        """The record that a measure of the problem ``of`` has opened, as soon as it is there."""
        async with asyncio.timeout(60):
            while True:
                path = "/v1/listings/entries" if plural == "listings" else f"/v1/{plural}"
                page = (await self.client.get(path, params={"limit": 500})).json()
                for one in page[plural]:
                    if one.get("cause", {}).get("problem_id") == str(of):
                        found: dict[str, Any] = one
                        self.plurals[one["id"]] = plural
                        return found
                await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
async def town() -> AsyncIterator[Town]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["escalation", "router", "api"], publish=packs, clock="driven") as system:
        publisher = Publisher(system.settings, "test")
        await publisher.start()
        try:
            async with httpx2.AsyncClient(base_url=system.urls["api"], timeout=60, headers=system.bearer) as client:
                found = Town(system, publisher, client)
                await found.advance()
                yield found
        finally:
            await publisher.stop()


@pytest.fixture
def duban(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the engine of this module."""
    return command_on(town.system, monkeypatch, DUBAN_CLOCK="driven")


async def put_to_rights(town: Town, problem: UUID) -> None:
    """A suspected crime of a river problem, completed and verified."""
    await town.done(problem, "acknowledge", "water")
    await town.done(problem, "flag", "office", flag="criminal")
    await town.done(problem, "complete", "water", outcome="rectified")
    await town.done(problem, "verify", "office", passed=True)


class TestLists:
    async def test_a_name_is_told_first_and_counts_when_nobody_has_answered_in_time_go_11(
        self, town: Town, duban: Run
    ) -> None:
        entry = (await town.put("格尔木某某公司")).json()["listing"]
        assert entry["status"] == "noticed"
        assert await town.listings("格尔木某某公司") == {
            "of": "格尔木某某公司", "at": town.now.isoformat().replace("+00:00", "Z"), "listed": False, "entries": [],
        }  # fmt: skip
        [told] = (await town.listings("格尔木某某公司", all=True))["entries"]
        assert (told["status"], told["number"]) == ("noticed", entry["number"])
        await duban("listing", "check", "格尔木某某公司")

        await town.advance(days=5)
        await town.until(entry["id"], status="listed")
        found = await town.listings("　格尔木某某公司 ", jurisdiction="smallville", list="blacklist")
        assert found["listed"] is True
        [told] = found["entries"]
        assert (told["list"], told["title"], told["ground"], told["bars"], told["public"]) == (
            "blacklist", "Blacklist", "repeated", ["new projects", "subsidies"], True,
        )  # fmt: skip
        assert (told["since"], told["until"]) == ("2022-04-11T02:00:00Z", "2024-04-11T02:00:00Z")
        assert lines(await duban("listing", "check", "格尔木某某公司", "--json", code=6)) == [found]
        assert "stands on a list" in (await duban("listing", "check", "格尔木某某公司", code=6)).stderr

    async def test_a_name_is_found_however_it_is_written_and_shown_as_it_was(
        self, town: Town, duban: Run, tmp_path: Path
    ) -> None:
        first = await town.put("Ｎｏｒｔｈ　Works ")
        assert "alike" not in first.json()
        asked = {"North Works": 1, " Ｎorth\u200b Works": 1, "NORTH  works\ufe0f": 1, "North": 0, "NorthWorks": 0}
        for of, many in asked.items():
            answer = await town.listings(of, all=True)
            assert (answer["of"], len(answer["entries"])) == (of.strip(), many), of
            assert {entry["of"] for entry in answer["entries"]} <= {"Ｎｏｒｔｈ　Works"}
        second = await town.put("north works")
        same = {
            "of": "Ｎｏｒｔｈ　Works", "number": first.json()["listing"]["number"], "id": first.json()["problem_id"],
            "status": "noticed",
        }  # fmt: skip
        assert second.json()["alike"] == [same]
        third = (await town.put("NORTH WORKS", wait=0)).json()["alike"]
        assert same in third
        assert {entry["of"] for entry in third} == {"Ｎｏｒｔｈ　Works", "north works"}
        proof = tmp_path / "proof.txt"
        proof.write_text("three notices")
        told = await duban(
            "listing", "put", "North\u200bWorks", "--list", "blacklist", "--ground", "repeated", "--unit", "office",
            "--jurisdiction", "smallville", "--evidence", proof, *WAIT,
        )  # fmt: skip
        assert "of the same name" not in told.stderr
        told = await duban(
            "listing", "put", "NorthWorks", "--list", "blacklist", "--ground", "repeated", "--unit", "office",
            "--jurisdiction", "smallville", "--evidence", proof, "--json", *WAIT,
        )  # fmt: skip
        assert r"of the same name, written otherwise: North\u200bWorks" in told.stderr
        [answer] = lines(told)
        assert [entry["of"] for entry in answer["alike"]] == ["North\u200bWorks"]

    async def test_another_list_or_another_city_says_nothing_of_a_name(self, town: Town) -> None:
        entry = (await town.put("Elsewhere Ltd")).json()["listing"]
        await town.advance(days=6)
        await town.until(entry["id"], status="listed")
        assert (await town.listings("Elsewhere Ltd"))["listed"] is True
        assert (await town.listings("Elsewhere Ltd", list="record"))["listed"] is False
        assert (await town.listings("Elsewhere Ltd", jurisdiction="boston"))["listed"] is False

    async def test_whoever_has_made_good_is_off_and_stood_on_it_before_ly_22(
        self, town: Town, duban: Run, tmp_path: Path
    ) -> None:
        entry = (await town.put("Contrite Ltd")).json()["listing"]
        await town.advance(days=6)
        await town.until(entry["id"], status="listed")
        stood_at = town.now
        await town.advance(days=30)
        proof = tmp_path / "proof.txt"
        proof.write_text("all is made good")
        early = ("act", entry["number"], "take_off_list", "--unit", "office", "--reason", "made good", *WAIT)
        await duban(*early, code=4)
        await duban(*early, "--evidence", proof)
        await duban("listing", "check", "Contrite Ltd")
        await duban("listing", "check", "Contrite Ltd", "--at", stood_at.isoformat(), code=6)
        assert (await town.listings("Contrite Ltd", at=stood_at.isoformat()))["listed"] is True
        await duban("listing", "check", "Contrite Ltd", "--at", "2022-05-01", code=2)

    async def test_an_appeal_keeps_a_name_off_until_another_unit_has_decided_ly_22(self, town: Town) -> None:
        entry = (await town.put("Innocent Ltd")).json()["listing"]
        await town.done(entry["id"], "appeal", "office", text="it was our neighbour")
        await town.advance(days=20)
        refused = await town.act(entry["id"], "decide_appeal", "office", upheld=True, reason="so it was")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_permitted")
        assert (await town.listings("Innocent Ltd"))["listed"] is False
        await town.done(entry["id"], "decide_appeal", "water", upheld=True, reason="so it was")
        [told] = (await town.listings("Innocent Ltd", all=True))["entries"]
        assert told["status"] == "delisted"

    async def test_a_measure_puts_the_enterprise_of_its_problem_on_the_list_go_11(self, town: Town, duban: Run) -> None:
        problem = await town.registered(enterprise="Ａｃｍｅ　")  # as a report may spell it
        await put_to_rights(town, problem)
        await town.done(problem, "refer", "office", to="police", evidence=[SEAL])
        await town.done(problem, "receive", "police")
        for check in ("clear", "satisfied"):
            await town.done(problem, "check", "office", check=check, evidence=[SEAL])
        await town.done(problem, "strike_off", "office")
        verdict = {"truthful": True, "timely": True, "effective": True, "rebound": True}
        number = (await town.done(problem, "look_back", "office", **verdict, reason="it is back"))["number"]
        entry = await town.opened("listings", problem)
        await town.advance(days=5)
        await town.until(entry["id"], status="listed")
        [told] = (await town.listings("Acme"))["entries"]
        assert told["cause"]["number"] == number
        shown = (await duban("problem", "show", entry["number"])).stdout
        for words in ("on the ground repeated", "barred from new projects, subsidies", f"because of {number}"):
            assert words in shown
        assert "kept by office" in shown
        assert "noticed · " in shown

    async def test_the_same_id_is_the_same_entry_also_where_the_command_line_sends_it(
        self, town: Town, duban: Run
    ) -> None:
        first = (await town.put("Twice Ltd", id="case-7")).json()
        again = (await town.put("Twice Ltd", id="case-7")).json()
        assert (again["problem_id"], again["events"]) == (first["problem_id"], first["events"])
        put = ("listing", "put", "Twice Ltd", "--list", "blacklist", "--ground", "repeated", "--unit", "office", *WAIT)
        same = await duban(*put, "--jurisdiction", "smallville", "--evidence", SMALL, "--id", "case-7", "--json")
        assert [event["command"] for event in lines(same)[0]["events"]] == [one["command"] for one in first["events"]]
        assert len((await town.listings("Twice Ltd", all=True))["entries"]) == 1

    async def test_who_does_not_wait_is_told_where_the_entry_will_be(self, town: Town) -> None:
        answer = await town.put("Later Ltd", wait=0, id="later")
        assert answer.status_code == 202
        assert (await town.until(answer.json()["problem_id"]))["of"] == "Later Ltd"
        assert (await town.client.get(answer.json()["status_url"])).json()["status"] == "done"

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            ({"actor": {"unit": "water"}}, "not_permitted"),
            ({"evidence": []}, "missing_evidence"),
            ({"list": "redlist"}, "unknown_list"),
            ({"ground": "dislike"}, "unknown_ground"),
            ({"jurisdiction": "nowhere"}, "unknown_jurisdiction"),
        ],
    )
    async def test_an_entry_that_the_pack_does_not_allow_is_refused(
        self, town: Town, said: dict[str, Any], code: str
    ) -> None:
        answer = await town.put("Nobody Ltd", **said)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
        assert (await town.listings("Nobody Ltd", all=True))["entries"] == []

    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"actor": {"unit": "duban"}}, "actor"),
            ({"cause": {"problem_id": str(uuid4()), "number": "SV-1", "version": 1}}, "cause"),
            ({"of": "　"}, "of"),
            ({"speed": 9}, "speed"),
        ],
    )
    async def test_a_faulty_entry_is_answered_with_its_field(
        self, town: Town, said: dict[str, Any], field: str
    ) -> None:
        answer = await town.put(**{"of": "Nobody Ltd", **said})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)

    @pytest.mark.parametrize(
        ("query", "field"),
        [({}, "of"), ({"of": "　"}, "of"), ({"of": "a\0"}, "of"), ({"of": "a", "at": "2022-05-01T00:00:00"}, "at")],
    )
    async def test_a_faulty_question_is_answered_with_its_field(
        self, town: Town, query: dict[str, str], field: str
    ) -> None:
        answer = await town.client.get("/v1/listings", params=query)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)

    async def test_putting_on_a_list_is_no_action_on_a_problem(self, town: Town) -> None:
        answer = await town.act(await town.registered(), "put_on_list", "office", list="blacklist")
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "action")

    async def test_ls_shows_what_counts_and_all_shows_the_rest(self, town: Town, duban: Run, tmp_path: Path) -> None:
        proof = tmp_path / "proof.txt"
        proof.write_text("three notices")
        put = ("listing", "put", "Shown Ltd", "--list", "blacklist", "--ground", "repeated", "--unit", "office", *WAIT)
        done = await duban(*put, "--jurisdiction", "smallville", "--evidence", proof, "--id", "shown")
        assert "noticed" in done.stdout
        assert "Shown Ltd" not in {one["of"] for one in lines(await duban("listing", "ls", "--json"))}
        everything = lines(await duban("listing", "ls", "--all", "--list", "blacklist", "--json"))
        assert {one["status"] for one in everything if one["of"] == "Shown Ltd"} == {"noticed"}
        assert lines(await duban("listing", "ls", "--all", "--list", "record", "--json")) == []
        assert "Shown Ltd" in (await duban("listing", "ls", "--all")).stdout
        assert "Shown Ltd" in (await duban("listing", "ls", "--all")).stdout

    async def test_an_instant_to_ask_for_is_written_as_one(self, town: Town) -> None:
        for at in ("20261231", "1798675200", "2022-05-01"):
            answer = await town.client.get("/v1/listings", params={"of": "Acme", "at": at})
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["field"] == "at"

    async def test_names_are_looked_up_along_an_index(self, town: Town) -> None:
        connection = await asyncpg.connect(town.system.superuser)
        try:
            await connection.execute("set enable_seqscan = off")
            for question, said, indexes in (
                (LISTINGS, ("acme", None, None), {"records_by_folded", "records_unfolded"}),
                (REWARDS, ("Acme",), {"records_by_subject"}),
            ):
                plan = "\n".join(row[0] for row in await connection.fetch(f"explain {question}", *said))
                assert all(index in plan for index in indexes), plan
        finally:
            await connection.close()


class TestMitigation:
    async def test_a_measure_is_withheld_with_a_reason_and_opens_nothing(self, town: Town) -> None:
        problem = await town.registered()
        await town.done(problem, "acknowledge", "water")
        await town.done(problem, "flag", "office", flag="criminal")
        await town.done(problem, "complete", "water", outcome="rectified")
        standing = await town.done(problem, "verify", "office", passed=False, reason="still foul")
        [version] = map(int, standing["awaiting_approval"])
        refused = await town.act(problem, "withhold", "police", version=version)
        assert refused.json()["error"]["code"] == "missing_reason"
        after = await town.done(problem, "withhold", "police", version=version, reason="an honest mistake")
        assert "awaiting_approval" not in after


class TestRewards:
    async def test_whoever_has_the_code_learns_what_is_owed_and_collects_it_without_a_name_go_13(
        self, town: Town, duban: Run
    ) -> None:
        problem = await town.registered(code=CODE)
        await put_to_rights(town, problem)
        reward = await town.opened("rewards", problem)
        [owed] = (await town.lookup(CODE.lower())).json()["rewards"]
        assert (owed["status"], owed["at_least"], owed["at_most"], owed["currency"]) == ("owed", 1000, 30000, "CNY")
        assert owed["fixes"] == {"unit": "office", "title": {"en": "The office"}}
        await town.done(reward["id"], "award", "office", amount=3000)
        [awarded] = (await town.lookup(CODE)).json()["rewards"]
        assert (awarded["amount"], awarded["pays"]["unit"]) == (3000, "water")
        assert datetime.fromisoformat(awarded["until"]) == town.now + timedelta(days=90)
        assert handle_of(CODE) not in json.dumps(awarded)
        told = await duban("reward", "status", stdin=f"{CODE}\n")
        assert "3,000 CNY, paid out by Water bureau until" in told.stdout
        assert reward["number"] in (await duban("reward", "ls")).stdout
        assert (
            f"amount 3000 · because of {reward['cause']['number']}"
            in (await duban("problem", "show", reward["number"])).stdout
        )

        collect = ("act", reward["number"], "collect", "--unit", "water", "--code-file", "-", *WAIT)
        wrong = await duban(*collect, code=4, stdin=f"{NO_CODE}\n")
        assert "wrong_code" in wrong.stderr
        await duban(*collect, stdin=f"{CODE}\n")
        [settled] = (await town.lookup(CODE)).json()["rewards"]
        assert (settled["status"], settled["ended"]) == ("settled", "collected")
        assert reward["number"] not in (await duban("reward", "ls")).stdout
        assert "settled (collected)" in (await duban("reward", "ls", "--all")).stdout

    async def test_a_declined_reward_says_why(self, town: Town, duban: Run) -> None:
        code = "0000-0000-0000-0003"
        problem = await town.registered(code=code)
        await put_to_rights(town, problem)
        reward = await town.opened("rewards", problem)
        await town.done(reward["id"], "decline", "office", reason="an official's own duty")
        [told] = (await town.lookup(code)).json()["rewards"]
        assert (told["ended"], told["reason"]) == ("declined", "an official's own duty")
        assert "declined by The office: an official's own duty" in (await duban("reward", "status", stdin=code)).stdout

    async def test_a_code_without_a_reward_is_not_told_from_one_that_was_never_given(
        self, town: Town, duban: Run
    ) -> None:
        await town.registered(code=OTHER_CODE)
        answers = [await town.lookup(code) for code in (OTHER_CODE, NO_CODE)]
        assert [one.status_code for one in answers] == [404, 404]
        assert answers[0].json() == answers[1].json()
        told = [await duban("reward", "status", stdin=code, code=3) for code in (OTHER_CODE, NO_CODE)]
        assert told[0].output == told[1].output

    @pytest.mark.parametrize("code", ["7K3M", "7K3M-9XQ2-TR5A-0WZU", "7" * 80, "", None, 7])
    async def test_a_mistyped_code_is_not_repeated(self, town: Town, code: Any) -> None:
        answer = await town.client.post("/v1/rewards/lookup", json={"code": code})
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "code")
        assert "7K3M" not in answer.text
        assert "777" not in answer.text

    async def test_a_code_stands_in_no_log_and_in_no_record(self, town: Town) -> None:
        code = "0000-0000-0000-0004"
        problem = await town.registered(code=code)
        await put_to_rights(town, problem)
        reward = await town.opened("rewards", problem)
        await town.done(reward["id"], "award", "office", amount=1000)
        await town.lookup(code)
        await town.done(reward["id"], "collect", "water", code=code)
        logs = "".join(one.read_text() for one in (town.system.folder / "logs").glob("*.log"))
        assert logs
        history = (await town.client.get(f"/v1/rewards/{reward['id']}/history")).text
        for plain in (code, code.replace("-", "")):
            assert plain not in logs
            assert plain not in history


class TestKinds:
    async def test_a_record_is_found_under_the_path_of_its_kind_and_the_others_say_where(self, town: Town) -> None:
        entry = (await town.put("Found Ltd")).json()["listing"]
        assert (entry["kind"], entry["list"], entry["keeper"]) == ("listing", "blacklist", "office")
        assert (await town.client.get(f"/v1/listings/{entry['id']}")).json() == entry
        assert (await town.client.get(f"/v1/listings/{entry['id']}/history")).json()["verified"]
        for path in ("problems", "duties", "rewards"):
            for rest in ("", "/history"):
                elsewhere = await town.client.get(f"/v1/{path}/{entry['id']}{rest}")
                assert elsewhere.status_code == 404
                assert f"/v1/listings/{entry['id']}" in elsewhere.json()["error"]["message"]

    async def test_what_the_calendar_opens_is_a_duty_of_its_unit_which_submits_it(self, town: Town, duban: Run) -> None:
        await town.advance(days=1)
        async with asyncio.timeout(60):
            while True:
                answer = await town.client.get("/v1/duties", params={"unit": "north", "status": "underway"})
                if (page := answer.json())["duties"]:
                    break
                await asyncio.sleep(0.05)
        duty = page["duties"][0]
        assert (duty["kind"], duty["duty"], duty["unit"]) == ("duty", "daily-report", "north")
        assert {one["unit"] for one in page["duties"]} == {"north"}
        assert duty["number"] in (await duban("duty", "ls", "--unit", "north", "--limit", 500)).stdout
        assert "owed by north" in (await duban("problem", "show", duty["number"])).stdout
        town.plurals[duty["id"]] = "duties"
        handed_back = await town.act(duty["id"], "hand_back", "north", reason="not ours", evidence=[SEAL])
        assert (handed_back.status_code, handed_back.json()["error"]["code"]) == (409, "is_a_duty")
        submitted = await town.done(duty["id"], "complete", "north", outcome="submitted", evidence=[SEAL])
        assert submitted["status"] == "struck_off"
        problems = (await town.client.get("/v1/problems", params={"limit": 500})).json()["problems"]
        assert {one["kind"] for one in problems} <= {"problem"}
