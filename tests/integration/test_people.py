"""People are reached by the real process: a lapse ends as a mail, and a call goes on until the ledger has an answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from duban.messages import commands as do
from duban.messages.contacts import ChannelKind, ContactWay, QuietHours, RegisteredContact, RegisteredRota
from duban.messages.events import GENESIS, LedgerEvent
from duban.messages.notices import Tick
from duban.policy.model.pack import PolicyPack
from duban_console.contacts import trial_ids, tried
from duban_escalation.measures import notices_for
from duban_router.domain.decision import Decided
from tests.conftest import Migrated, eventually
from tests.given import Case, report
from tests.http_stub import Post, http_stub
from tests.integration.test_escalation_service import World, escalation, world
from tests.mail_stub import Inbox, mail_server
from tests.unit.test_rota import CALL, TRIGGER, plain

__all__ = ["world"]

pytestmark = pytest.mark.stack

AT = datetime(2022, 4, 6, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALL_DAY = QuietHours(begins="00:00", ends="23:59")


def contact(unit: str, person: str | None = None, *ways: tuple[str, str], **more: Any) -> RegisteredContact:
    listed = tuple(ContactWay(by=ChannelKind(by), to=to) for by, to in ways)
    return RegisteredContact(jurisdiction="smallville", unit=unit, person=person, ways=listed, **more)


async def rows_of(database: str, query: str, *args: object) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(database)
    try:
        return [tuple(row) for row in await connection.fetch(query, *args)]
    finally:
        await connection.close()


async def told(world: World, outcome: object, case: Case) -> None:
    """What came of a command, as the router publishes it."""
    assert isinstance(outcome, Decided)
    for event, record in outcome.steps:
        await world.publish(LedgerEvent(event=event, hash=GENESIS, problem=record), case.now, case.id)  # type: ignore[arg-type]


async def test_a_lapse_ends_as_a_mail_and_who_is_on_call_is_called_until_it_is_acknowledged_my_11(
    world: World, migrated: Migrated, tmp_path: Path
) -> None:
    pack = Case(AT).rules.pack
    categories = [{**each, "urgent": each["id"] == "river"} for each in plain(pack.categories)]
    measures, triggers = [*plain(pack.measures), CALL], [*plain(pack.triggers), TRIGGER]
    case = Case(AT, categories=categories, measures=measures, triggers=triggers)
    loud = PolicyPack.model_validate(case.rules.pack.model_dump(exclude_none=True))
    await world.publish(loud, AT)
    for each in (
        contact("water", "li", ("mail", "li@water.example"), quiet=ALL_DAY),
        contact("water", "wang", ("mail", "wang@water.example")),
        contact("office", None, ("wecom", "office"), ("mail", "nobody@office.example")),
    ):
        await world.publish(each, AT, each.key)
    rota = RegisteredRota(
        jurisdiction="smallville", unit="water", persons=("li", "wang"), since=AT - MINUTE, zone="Asia/Shanghai"
    )
    await world.publish(rota, AT, rota.key)
    await world.publish(Tick(at=AT), AT)

    def wecom(post: Post) -> tuple[int, object]:
        return 200, {"errcode": 0, "errmsg": "ok"}

    inbox = Inbox(unknown=("nobody@office.example",))
    with http_stub(wecom) as chat:
        async with mail_server(inbox) as port:
            file = tmp_path / "channels.yaml"
            file.write_text(json.dumps({"robots": {"office": {"kind": "wecom", "url": f"{chat.url}/send?key=k"}}}))
            more = {
                "DUBAN_CLOCK": "driven", "DUBAN_SMTP_HOST": "127.0.0.1", "DUBAN_SMTP_PORT": str(port),
                "DUBAN_SMTP_SECURITY": "none", "DUBAN_SMTP_FROM": "duban@example.org", "DUBAN_CHANNELS": str(file),
                "DUBAN_WEBHOOK_ALLOW_PRIVATE": "true",
            }  # fmt: skip
            async with escalation(world, migrated.url_of("escalation"), "", **more):
                await told(world, case.registered(report(category="river")), case)

                def mails_to(address: str) -> list[str]:
                    return [mail.get_content() for mail in inbox.mails if mail["to"] == address]

                async def called(count: int) -> None:
                    await eventually(lambda: sum("次呼叫" in text for text in mails_to("li@water.example")) == count)

                await eventually(lambda: any("turn out" in text for text in mails_to("li@water.example")))
                await world.publish(Tick(at=AT + 5 * MINUTE), AT)
                await called(1)
                for _ in range(2):  # a reminder to the unit, and the bulletin of which the office is told too
                    lapse = case.deadline("acknowledge")
                    case.now = lapse.due_at
                    await world.publish(Tick(at=lapse.due_at), AT)
                    await told(world, case.escalate(lapse), case)
                event = LedgerEvent(event=case.events[-1], hash=GENESIS, problem=case.problem)
                (text,) = {one.data.text for one in notices_for(event, case.rules) if one.key == "water"}
                await eventually(lambda: any(text in mail for mail in mails_to("li@water.example")))
                await told(world, case.apply(do.Acknowledge(actor=do.Actor(unit="water"))), case)
                await world.quiet("", Tick.TOPIC)  # who calls looks every few seconds, and may have just before
                before = sum("次呼叫" in text for text in mails_to("wang@water.example"))
                await world.publish(Tick(at=lapse.due_at + 600 * MINUTE), AT)
                trial = tried(contact("water", "wang", ("mail", "wang@water.example")), datetime.now(UTC))
                await world.publish(trial, AT, trial.key)
                await eventually(lambda: any("TEST" in text for text in mails_to("wang@water.example")))
                assert sum("次呼叫" in text for text in mails_to("wang@water.example")) == before
                # What does not arrive at the office by mail, it is told by its robot.
                await eventually(lambda: any("通知未送达" in post.json["text"]["content"] for post in chat.posts))
                (trial_id,) = trial_ids(trial).values()
                query = "select outcome from escalation.published_deliveries where notice_id = $1"

                async def settled() -> bool:
                    return await rows_of(migrated.superuser, query, trial_id) == [("posted",)]

                await eventually(settled)
    assert await rows_of(migrated.superuser, "select count(*) from escalation.calls") == [(0,)]
