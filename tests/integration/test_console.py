"""The console on the real broker, database and router: what people and systems see when they act and look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from duban.io.publisher import Publisher
from duban.messages import commands as do
from duban.messages.envelope import Message, Record, encode
from duban.messages.events import GENESIS, chained
from duban.messages.report import Filed, Report
from duban_cli.accounts_desk import ourselves
from duban_cli.system import System, running
from duban_console.kafka.topic_reader import records
from tests.commanding import Run, command_on, lines
from tests.conftest import eventually
from tests.given import ROOT, SMALL

DLQ = "duban.commands.v1.duban-router.dlq"


@dataclass(frozen=True)
class Given:
    """A running engine, and a publisher to lead it into any state."""

    system: System
    publisher: Publisher

    @property
    def database(self) -> str:
        return self.system.superuser

    async def registered(self, title: str = "Black water", category: str = "river", **said: Any) -> UUID:
        """A problem in the ledger, dispatched to its unit."""
        problem_id = uuid4()
        fields = {"jurisdiction": "smallville", "channel": "hotline", "area": "north-town", **said}
        report = Report(title=title, category=category, **fields)
        filed = Filed(source="test", id=str(problem_id), received_at=datetime.now(UTC), report=report)
        command = do.Register(actor=do.Actor(unit=do.ENGINE), filed=filed)
        key = str(problem_id)
        message = Message(f"register {key}", "test", key, datetime.now(UTC), "smallville", key, command)
        await self.publisher.publish([encode(message)])
        await self.until(problem_id)
        return problem_id

    async def until(self, problem_id: UUID, **wanted: Any) -> dict[str, Any]:
        """The problem, as soon as it stands as wanted."""
        async with asyncio.timeout(60):
            while True:
                answer = await self.get(f"/v1/problems/{problem_id}")
                if answer.status_code == 200 and wanted.items() <= answer.json().items():
                    found: dict[str, Any] = answer.json()
                    return found
                await asyncio.sleep(0.02)

    async def get(self, path: str, **query: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(
            base_url=self.system.urls["api"], headers=self.system.bearer, timeout=60
        ) as client:
            return await client.get(path, params=query)

    async def act(self, problem_id: object, body: Any, *, wait: float = 30, **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"content-type": "application/json"} | {n.replace("_", "-").lower(): v for n, v in headers.items()}
        url, bearer = self.system.urls["api"], self.system.bearer
        async with httpx2.AsyncClient(base_url=url, timeout=60, headers=bearer) as client:
            path = f"/v1/problems/{problem_id}/actions"
            return await client.post(path, params={"wait": wait} if wait else {}, content=content, headers=named)


@pytest.fixture(scope="module")
async def given() -> AsyncIterator[Given]:
    packs = [SMALL, ROOT / "deploy/calendars/cn.yaml"]
    async with running(services=["router", "api"], publish=packs) as system:
        publisher = Publisher(system.settings, "test")
        await publisher.start()
        try:
            yield Given(system, publisher)
        finally:
            await publisher.stop()


@pytest.fixture
def duban(given: Given, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the engine of this module."""
    return command_on(given.system, monkeypatch)


ACKNOWLEDGE = {"action": "acknowledge", "actor": {"unit": "water", "person": "local:li"}, "reason": "ours"}


class TestActions:
    async def test_an_action_is_accepted_once_the_broker_has_it_and_its_outcome_is_found_under_its_id(
        self, given: Given
    ) -> None:
        problem_id = await given.registered()
        answer = await given.act(problem_id, {**ACKNOWLEDGE, "id": f"a-{problem_id}"}, wait=0)
        assert answer.status_code == 202
        assert answer.json()["command"] == f"a-{problem_id}"
        await given.until(problem_id, status="underway")
        outcome = await given.get(answer.json()["status_url"])
        assert outcome.json()["status"] == "done"
        assert outcome.json()["events"][0]["reason"] == "ours"
        assert (await given.get(f"/v1/commands/a-{problem_id}")).json() == outcome.json()

    async def test_who_waits_gets_the_events_and_the_state(self, given: Given) -> None:
        problem_id = await given.registered()
        answer = await given.act(problem_id, ACKNOWLEDGE)
        assert answer.status_code == 200
        assert [event["change"]["kind"] for event in answer.json()["events"]] == ["acknowledged"]
        assert answer.json()["problem"]["status"] == "underway"

    async def test_who_waits_for_a_refused_action_gets_its_code_and_reason(self, given: Given) -> None:
        problem_id = await given.registered()
        answer = await given.act(problem_id, {**ACKNOWLEDGE, "actor": {"unit": "south"}})
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "not_permitted"
        assert "south" in answer.json()["error"]["message"]

    async def test_which_reports_wait_for_a_reply_is_shown_until_they_have_one(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        filed = [
            Filed(source="test", id=f"{n}-{problem_id}", received_at=datetime.now(UTC), report=Report(
                jurisdiction="smallville", channel="hotline", title="Black water again", category="river",
            )) for n in range(2)
        ]  # fmt: skip
        key, engine = str(problem_id), do.Actor(unit=do.ENGINE)
        attach = [
            Message(
                f"attach {one.id}", "test", key, one.received_at, "smallville", key, do.Attach(actor=engine, filed=one)
            )
            for one in filed
        ]
        await given.publisher.publish([encode(message) for message in attach])
        await given.until(problem_id, reports=3)
        reply = {"action": "reply", "actor": {"unit": "water"}, "source": "test", "id": key, "text": "dug"}
        answer = await given.act(problem_id, reply)
        assert (answer.json()["problem"]["reports"], answer.json()["problem"]["answered"]) == (3, 1)
        first = (await given.get(f"/v1/problems/{problem_id}/unanswered", limit=1)).json()
        assert first == {"reports": [{"source": "test", "id": filed[0].id, "version": 3}], "cursor": "3"}
        last = (await given.get(f"/v1/problems/{problem_id}/unanswered", cursor=first["cursor"])).json()
        assert last == {"reports": [{"source": "test", "id": filed[1].id, "version": 4}]}
        shown = json.loads((await duban("problem", "show", key, "--json")).stdout)
        assert shown["unanswered"] == first["reports"] + last["reports"]
        told = (await duban("problem", "show", key)).stdout
        assert f"without a reply: test {filed[0].id}, test {filed[1].id}" in " ".join(told.split())
        assert (await given.get(f"/v1/problems/{uuid4()}/unanswered")).status_code == 404

    async def test_the_same_id_is_the_same_action(self, given: Given) -> None:
        problem_id = await given.registered()
        key = f"key-{problem_id}"
        first = await given.act(problem_id, ACKNOWLEDGE, Idempotency_Key=key)
        again = await given.act(problem_id, ACKNOWLEDGE, Idempotency_Key=key)
        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json()["events"] == first.json()["events"]
        history = (await given.get(f"/v1/problems/{problem_id}/history")).json()
        assert [event["change"]["kind"] for event in history["events"]].count("acknowledged") == 1

    async def test_an_id_that_another_problem_has_taken_is_a_conflict(self, given: Given) -> None:
        one, other = await given.registered(), await given.registered()
        await given.act(one, ACKNOWLEDGE, Idempotency_Key=f"taken-{one}")
        answer = await given.act(other, ACKNOWLEDGE, Idempotency_Key=f"taken-{one}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_taken")

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            (b"{", "not_json", None),
            (b"[]", "invalid", None),
            ({"action": "acknowledge"}, "invalid", "actor"),
            ({"actor": {"unit": "water"}}, "invalid", "action"),
            ({"action": "attach", "actor": {"unit": "water"}}, "invalid", "action"),
            ({"action": "escalate", "actor": {"unit": "duban"}}, "invalid", "action"),
            ({**ACKNOWLEDGE, "actor": {"unit": ""}}, "invalid", "actor.unit"),
            ({**ACKNOWLEDGE, "reason": "a\0b"}, "invalid", "reason"),
            ({**ACKNOWLEDGE, "speed": 9}, "invalid", "speed"),
            ({**ACKNOWLEDGE, "id": "no blanks"}, "invalid", "id"),
            ({**ACKNOWLEDGE, "action": "complete"}, "invalid", "outcome"),
            (
                {
                    **ACKNOWLEDGE,
                    "action": "plan",
                    "plan": {"person": "Li", "target": "x", "measures": [], "due_at": "2030-01-01T00:00:00Z"},
                },
                "invalid",
                "plan.measures",
            ),
        ],
    )
    async def test_a_faulty_action_is_answered_with_the_field(
        self, given: Given, body: Any, code: str, field: str | None
    ) -> None:
        answer = await given.act(await given.registered(), body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"].get("field") == field

    async def test_a_body_that_is_not_said_to_be_json_is_not_read(self, given: Given) -> None:
        problem_id = await given.registered()
        for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
            answer = await given.act(problem_id, ACKNOWLEDGE, Content_Type=kind)
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_type")
        assert (await given.get(f"/v1/problems/{problem_id}")).json()["status"] == "dispatched"

    async def test_two_ids_that_differ_are_refused(self, given: Given) -> None:
        answer = await given.act(await given.registered(), {**ACKNOWLEDGE, "id": "one"}, Idempotency_Key="two")
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "id")

    async def test_an_unknown_problem_and_an_unknown_command_are_not_found(self, given: Given) -> None:
        assert (await given.act(uuid4(), ACKNOWLEDGE)).status_code == 404
        assert (await given.get(f"/v1/problems/{uuid4()}")).json()["error"]["code"] == "unknown_problem"
        assert (await given.get(f"/v1/problems/{uuid4()}/history")).status_code == 404
        assert (await given.get("/v1/commands/duban/cli/nobody")).json()["error"]["code"] == "unknown_command"

    async def test_a_body_beyond_the_limit_is_turned_away_whether_or_not_it_says_its_length(self, given: Given) -> None:
        problem_id = await given.registered()
        large = {**ACKNOWLEDGE, "reason": "x" * 1_100_000}
        assert (await given.act(problem_id, large)).status_code == 413

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 65_536

        async with httpx2.AsyncClient(
            base_url=given.system.urls["api"], headers=given.system.bearer, timeout=60
        ) as client:
            answer = await client.post(
                f"/v1/problems/{problem_id}/actions", content=chunks(), headers={"content-type": "application/json"}
            )
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


class TestProblems:
    async def test_pages_hold_every_problem_once_in_the_order_of_registration(self, given: Given) -> None:
        made = [await given.registered("page", "noise") for _ in range(5)]
        found: list[str] = []
        query: dict[str, Any] = {"category": "noise", "limit": 2}
        while True:
            page = (await given.get("/v1/problems", **query)).json()
            found += [one["id"] for one in page["problems"]]
            if "cursor" not in page:
                break
            query["cursor"] = page["cursor"]
        assert found == [str(one) for one in made]

    async def test_filters_leave_out_what_does_not_pass(self, given: Given) -> None:
        waiting, underway = await given.registered(), await given.registered()
        await given.act(underway, ACKNOWLEDGE)
        page = (await given.get("/v1/problems", status="underway", lead_unit="water", limit=500)).json()
        ids = {one["id"] for one in page["problems"]}
        assert str(underway) in ids
        assert str(waiting) not in ids
        assert not (await given.get("/v1/problems", jurisdiction="nowhere")).json()["problems"]

    async def test_what_concerns_one_enterprise_channel_sponsor_or_matter_is_found(
        self, given: Given, duban: Run
    ) -> None:
        """LY-05: what an enterprise was reported for; MY-13a: what a leader has taken."""
        mine = await given.registered(enterprise="城东电镀厂", channel="patrol", matter="question")
        other = await given.registered()
        await given.act(mine, {"action": "sponsor", "actor": {"unit": "office"}, "sponsor": "副市长"})
        corrected = {"action": "classify", "actor": {"unit": "office"}, "category": "other", "reason": "no river"}
        await given.act(mine, corrected)
        for query in (
            {"enterprise": "城东电镀厂"}, {"channel": "patrol", "kind": "problem"}, {"sponsor": "副市长"},
            {"matter": "question"}, {"category": "other"},
        ):  # fmt: skip
            ids = {one["id"] for one in (await given.get("/v1/problems", limit=500, **query)).json()["problems"]}
            assert str(mine) in ids
            assert str(other) not in ids
        shown = lines(await duban("problem", "ls", "--enterprise", "城东电镀厂", "--sponsor", "副市长", "--json"))
        assert [one["id"] for one in shown] == [str(mine)]

    async def test_overdue_are_the_open_ones_past_a_running_limit(self, given: Given) -> None:
        late, in_time = await given.registered(), await given.registered()
        connection = await asyncpg.connect(given.database)
        state = json.loads(await connection.fetchval("select state from router.records where id = $1", late))
        for deadline in state["deadlines"]:
            deadline["lapse_at"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        await connection.execute("update router.records set state = $2 where id = $1", late, json.dumps(state))
        await connection.close()
        page = (await given.get("/v1/problems", overdue="true", limit=500)).json()
        ids = {one["id"] for one in page["problems"]}
        assert str(late) in ids
        assert str(in_time) not in ids

    @pytest.mark.parametrize(
        ("query", "field"),
        [({"cursor": "bogus"}, "cursor"), ({"status": "sleeping"}, "status"), ({"limit": 0}, "limit"),
         ({"category": "a\0"}, "category")],
    )  # fmt: skip
    async def test_a_faulty_query_is_answered_with_its_field(
        self, given: Given, query: dict[str, Any], field: str
    ) -> None:
        answer = await given.get("/v1/problems", **query)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)

    async def test_a_history_that_was_tampered_with_says_where(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        await given.act(problem_id, ACKNOWLEDGE)
        whole = (await given.get(f"/v1/problems/{problem_id}/history")).json()
        assert (whole["verified"], len(whole["events"])) == (True, 3)
        connection = await asyncpg.connect(given.database)
        await connection.execute("alter table router.events disable trigger user")
        await connection.execute(
            "update router.events set body = replace(body, 'water', 'north') where problem_id = $1 and version = 2",
            problem_id,
        )
        await connection.execute("alter table router.events enable trigger user")
        await connection.close()
        broken = (await given.get(f"/v1/problems/{problem_id}/history")).json()
        assert (broken["verified"], broken["first_broken_version"]) == (False, 2)
        shown = await duban("problem", "show", problem_id, "--json", code=1)
        assert json.loads(shown.stdout)["first_broken_version"] == 2


async def test_each_service_comes_into_the_database_by_its_own_role_and_none_as_superuser(given: Given) -> None:
    if given.system.stack.server is None:
        pytest.skip("the database runs elsewhere: its roles are not ours")
    connection = await asyncpg.connect(given.database)
    services = [
        ("duban-api", "duban_reader"), ("duban-console", "duban_console"), ("duban-router", "duban_router"),
    ]  # fmt: skip

    async def only_they_are_in() -> bool:  # whoever was here before them may still be on the way out
        rows = await connection.fetch(
            "select distinct application_name, usename from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid() order by 1"
        )
        return [tuple(row) for row in rows] == services

    try:
        await eventually(only_they_are_in)
    finally:
        await connection.close()


class TestAudit:
    async def test_history_written_anew_with_the_rights_of_the_database_is_found(
        self, given: Given, duban: Run, tmp_path: Path
    ) -> None:
        """Every hash is computed anew, and the chain is whole: the topic and the heads noted before tell."""
        problem_id = await given.registered()
        await given.act(problem_id, ACKNOWLEDGE)
        noted = tmp_path / "heads.jsonl"
        noted.write_text((await duban("ledger", "heads")).stdout)
        before = {str(one["record"]) for one in map(json.loads, noted.read_text().splitlines())}
        assert str(problem_id) in before
        connection = await asyncpg.connect(given.database)
        rows = await connection.fetch(
            "select version, body from router.events where problem_id = $1 order by version", problem_id
        )
        with pytest.raises(asyncpg.RaiseError, match="stands for ever"):
            await connection.execute("update router.events set body = '' where problem_id = $1", problem_id)
        await connection.execute("alter table router.events disable trigger user")
        head = GENESIS
        for row in rows:
            body = row["body"].replace("Black water", "Clear water")
            hash_ = chained(head, body.encode())
            await connection.execute(
                "update router.events set body = $3, hash = decode($4, 'hex') where problem_id = $1 and version = $2",
                problem_id, row["version"], body, hash_,
            )  # fmt: skip
            head = hash_
        await connection.execute("alter table router.events enable trigger user")
        await connection.execute("update router.records set head = decode($2, 'hex') where id = $1", problem_id, head)
        await connection.close()
        assert (await given.get(f"/v1/problems/{problem_id}/history")).json()["verified"], "the chain alone is whole"
        by_topic = await duban("ledger", "verify", "--json", code=1)
        assert (str(problem_id), 1, "the topic") in [
            (one["record"], one["version"], one["evidence"]) for one in lines(by_topic)
        ]
        by_file = await duban("ledger", "verify", "--no-topic", "--against", noted, "--json", code=1)
        assert (str(problem_id), 3) in [(one["record"], one["version"]) for one in lines(by_file)]
        noted.write_text("no head")
        assert "line 1" in (await duban("ledger", "verify", "--against", noted, code=2)).stderr


class TestCommand:
    async def test_act_goes_to_the_router_and_says_what_came_of_it(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        number = (await given.until(problem_id))["number"]
        done = await duban("act", number, "acknowledge", "--unit", "water", "--reason", "ours", "--json")
        assert lines(done)[0]["events"][0]["change"]["kind"] == "acknowledged"
        plan = {"person": "Li", "target": "clear", "measures": ["dredge"], "due_at": "2030-01-01T00:00:00Z"}
        await duban("act", problem_id, "plan", "--unit", "water", "--data", json.dumps({"plan": plan}))
        refused = await duban("act", problem_id, "acknowledge", "--unit", "south", "--json", code=4)
        assert lines(refused)[0]["refused"]["code"] == "not_permitted"
        taken = await duban("act", problem_id, "take_step", "--unit", "water", "--step", "visit", "--json")
        assert lines(taken)[0]["events"][0]["change"] == {"kind": "step_taken", "step": "visit", "unit": "water"}
        said = ("--step", "sample", "--field", "place=the weir", "--field", "sort=muddy")
        refused = await duban("act", problem_id, "take_step", "--unit", "water", *said, code=4)
        assert "fields.sort should be one of grab, mixed" in " ".join(refused.stderr.split())
        waiver = {"action": "waive_step", "actor": {"unit": "office"}, "step": "sample", "reason": "the bed is dry"}
        answer = await given.act(problem_id, waiver)
        assert list(answer.json()["problem"]["steps_waived"]) == ["sample"]
        await duban("act", problem_id, "complete", "--unit", "water", "--outcome", "rectified")
        await duban("act", problem_id, "verify", "--unit", "office", "--passed")
        shown = await duban("problem", "show", number)
        assert "ours" in shown.stdout
        assert "rectified" in shown.stdout
        assert "step visit taken" in shown.stdout
        assert "hashes recomputed" in shown.stdout

    async def test_a_faulty_act_is_usage_and_an_unknown_problem_not_found(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        wrong = await duban("act", problem_id, "complete", "--unit", "water", code=2)
        assert "outcome" in wrong.stderr
        await duban("act", problem_id, "acknowledge", "--unit", "water", "--data", "{", code=2)
        await duban("act", "SV-1999-0001", "acknowledge", "--unit", "water", code=3)
        await duban("problem", "show", "SV-1999-0001", code=3)

    async def test_tail_shows_what_concerns_a_problem(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        shown: list[str] = []

        async def lie_on_the_topic() -> bool:  # they stand in the ledger before
            tailed = await duban("tail", "problems", "--no-follow", "--problem", problem_id, "--json")
            shown[:] = [one["type"] for one in lines(tailed)]
            return len(shown) > 1

        await eventually(lie_on_the_topic)
        assert shown == ["duban.problem.registered", "duban.problem.dispatched"]
        plain = await duban("tail", "commands", "--from-beginning", "--problem", problem_id, "-n", 1)
        assert "command.register" in plain.stdout
        await duban("tail", "duban.nothing.v1", code=3)

    async def test_tail_shows_no_code_with_which_a_reward_is_collected(self, given: Given, duban: Run) -> None:
        problem_id = await given.registered()
        collect = {"action": "collect", "actor": {"unit": "water"}, "code": "7K3M-9XQ2-TR5A-0WZD"}
        assert (await given.act(problem_id, collect)).status_code == 409
        for form in ((), ("--json",)):
            shown = await duban("tail", "commands", "--no-follow", "--from-beginning", "--problem", problem_id, *form)
            assert "collect" in shown.stdout
            assert "9XQ2" not in shown.stdout

    async def test_lag_is_what_lies_between_the_committed_offset_and_the_end(self, given: Given, duban: Run) -> None:
        await given.registered()
        router = [one for one in lines(await duban("lag", "--json")) if one["group"] == "duban-router"]
        assert router
        assert all(one["lag"] == one["end"] - one["committed"] for one in router)

    async def test_topics_that_stand_as_declared_are_left_alone(self, duban: Run) -> None:
        assert lines(await duban("topics", "apply", "--json")) == []
        listed = {one["topic"]: one for one in lines(await duban("topics", "ls", "--json"))}
        assert listed["duban.commands.v1"]["partitions"] == 4

    async def test_sent_reports_lie_in_their_topic_under_their_identity(
        self, given: Given, duban: Run, tmp_path: Path
    ) -> None:
        body = {"jurisdiction": "smallville", "channel": "hotline", "title": "Smoke", "category": "other"}
        event = {
            "specversion": "1.0", "id": "e-1", "source": "city/app", "type": "duban.report.submitted", "data": body,
        }  # fmt: skip
        file = tmp_path / "reports.json"
        file.write_text(json.dumps([body, event]))
        first, second = lines(await duban("report", "send", file, "--json"))
        assert (second["source"], second["id"]) == ("city/app", "e-1")
        again = lines(await duban("report", "send", "-", "--json", stdin=json.dumps(body)))
        assert again[0]["id"] == first["id"]
        tailed = lines(await duban("tail", "reports", "--no-follow", "--json"))
        assert {one["id"] for one in tailed} == {first["id"], "e-1"}
        bad = await duban("report", "send", "-", code=1, stdin=json.dumps({**body, "title": ""}))
        assert "title" in bad.stderr

    async def test_an_import_sends_every_good_row_and_names_every_bad_one(self, duban: Run, tmp_path: Path) -> None:
        rows = tmp_path / "rows.csv"
        rows.write_text("number,what\n7001,Smoke\n7002,\n7003,Noise\n")
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text(
            "source: city/csv\nid: number\ncolumns: {title: what}\n"
            "constants: {jurisdiction: smallville, channel: hotline}\n"
        )
        dry = await duban("report", "import", rows, "--mapping", mapping, "--dry-run", "--json", code=1)
        assert lines(dry)[-1] == {"file": str(rows), "good": 2, "bad": 1, "sent": 0}
        wet = await duban("report", "import", rows, "--mapping", mapping, "--json", code=1)
        assert lines(wet)[-1]["sent"] == 2
        assert lines(wet)[0]["line"] == 3
        tailed = lines(await duban("tail", "reports", "--no-follow", "--json"))
        assert {one["id"] for one in tailed if one["source"] == "city/csv"} == {"7001", "7003"}

    async def test_a_file_in_another_encoding_is_refused_with_the_byte(self, duban: Run, tmp_path: Path) -> None:
        rows, mapping = tmp_path / "rows.csv", tmp_path / "mapping.yaml"
        rows.write_bytes("number,what\n1,烟\n".encode("gb18030"))
        mapping.write_text(
            "source: city/csv\nid: number\ncolumns: {title: what}\n"
            "constants: {jurisdiction: smallville, channel: hotline}\n"
        )
        told = await duban("report", "import", rows, "--mapping", mapping, "--dry-run", code=1)
        assert "the byte 0xD1" in told.stderr
        assert "encoding: gb18030" in told.stderr

    async def test_a_broker_that_is_away_is_said_to_be_away(self, duban: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DUBAN_KAFKA", "127.0.0.1:1")
        away = await duban("lag", code=5)
        assert "DUBAN_KAFKA" in away.stderr
        monkeypatch.setenv("DUBAN_DATABASE", "postgresql://postgres@127.0.0.1:1/postgres")
        assert "DUBAN_DATABASE" in (await duban("problem", "ls", code=5)).stderr


class TestPacks:
    async def test_a_pack_that_stands_is_left_alone_and_a_changed_one_needs_a_new_version(
        self, duban: Run, tmp_path: Path
    ) -> None:
        same = lines(await duban("pack", "publish", SMALL, "--json"))
        assert [one["action"] for one in same] == ["unchanged"]
        changed = tmp_path / "small.yaml"
        changed.write_text(SMALL.read_text("utf-8").replace("at_most: 2", "at_most: 3"))
        assert "new version" in (await duban("pack", "publish", changed, code=4)).stderr
        changed.write_text(changed.read_text("utf-8").replace("\nversion: 1", "\nversion: 2"))
        assert lines(await duban("pack", "publish", changed, "--json"))[0]["key"] == "small@2"
        assert {"small@1", "small@2", "calendar:cn"} <= {
            one["key"] for one in lines(await duban("pack", "ls", "--json"))
        }

    async def test_one_bad_file_keeps_all_from_being_published(self, duban: Run, tmp_path: Path) -> None:
        bad, good = tmp_path / "bad.yaml", tmp_path / "good.yaml"
        text = SMALL.read_text("utf-8").replace("\nversion: 1", "\nversion: 9")
        good.write_text(text)
        bad.write_text(text.replace("id: small", "id: other").replace("lead: water", "lead: fire"))
        assert "bad.yaml" in (await duban("pack", "publish", good, bad, code=1)).stderr
        assert "small@9" not in {one["key"] for one in lines(await duban("pack", "ls", "--json"))}


class TestDeadLetters:
    async def test_a_replayed_letter_is_byte_for_byte_what_came_without_its_error_headers(
        self, given: Given, duban: Run, eventually: Callable[..., Awaitable[None]]
    ) -> None:
        key, value = b"\xffkey", b'{"not": "ours"\x00\xfe'
        headers = (("ce_type", b"duban.command.verify"), ("trace", b"\x00\x01"))
        await given.publisher.publish([Record("duban.commands.v1", key, value, headers)])

        async def dead() -> bool:
            return bool([one async for one in records(given.system.settings, [DLQ]) if one.key == key])

        await eventually(dead)
        letter = next(
            one for one in lines(await duban("dlq", "show", DLQ, "--json")) if one["key"] == "base64:/2tleQ=="
        )
        assert letter["reason"]["topic"] == "duban.commands.v1"
        counted = [one for one in lines(await duban("dlq", "ls", "--json")) if one["topic"] == DLQ]
        assert letter["reason"]["code"] in {one["code"] for one in counted}

        say = ("--offset", letter["offset"], "--reason", "mended")
        await duban("dlq", "replay", DLQ, *say, "--dry-run")
        [before] = [one async for one in records(given.system.settings, ["duban.commands.v1"]) if one.key == key]
        [replayed] = lines(await duban("dlq", "replay", DLQ, *say, "--json"))
        _, back = [one async for one in records(given.system.settings, ["duban.commands.v1"]) if one.key == key]
        assert (back.key, back.value, back.partition) == (key, value, before.partition)
        said = (("id", replayed["replay"]), ("by", ourselves()), ("reason", "mended"))
        assert back.headers == (*headers, *((f"duban.replay.{name}", text.encode()) for name, text in said))

    async def test_what_is_not_there_is_not_found(self, duban: Run) -> None:
        await duban("dlq", "show", DLQ, "--offset", 999, code=3)
        await duban("dlq", "show", "duban.nothing.dlq", code=3)
        await duban("dlq", "show", "duban.commands.v1", code=2)
        await duban("dlq", "replay", DLQ, "--reason", "x", code=2)
