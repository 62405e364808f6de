"""Pages for whoever keeps the accounts: who is added, appointed, turned off, given passwords and keys; and the log."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx2
import pytest

from duban.clock import DrivenClock
from duban_console.accounts.account import Account, Appointment, Role, listed
from duban_console.accounts.labels import ACT_LABELS
from duban_console.accounts.log import AccountActKind
from duban_console.pages.routes.accounts import MOST_LINES
from tests.accounts import ADMIN, AT, CLERK, DAY, OWN
from tests.given import small_rules
from tests.page_town import Town, browser


class Keeping:
    """An administrator before their browser, and the accounts behind it."""

    def __init__(self, town: Town, before: httpx2.AsyncClient) -> None:
        self.town, self.browser = town, before

    async def send(self, path: str, **fields: str) -> httpx2.Response:
        return await self.browser.post(path, data=fields)

    async def account(self, name: str) -> Account:
        return await self.town.room.desk.account(name)

    async def appoint(self, name: str, **fields: str) -> httpx2.Response:
        stood = listed((await self.account(name)).appointments)
        return await self.send(f"/accounts/{name}/appointments", **{"stood": stood, **fields})


@pytest.fixture
async def keeping() -> AsyncIterator[Keeping]:
    town = Town(small_rules(), AT, DrivenClock(AT))
    token = await town.room.person("admin", ADMIN)
    async with browser(town.app(), token, **{"accept-language": "en"}) as before:
        yield Keeping(town, before)


async def test_who_is_added_signs_in_with_the_password_that_was_shown_and_is_in_the_list(keeping: Keeping) -> None:
    added = await keeping.send(
        "/accounts", name="Zhang.Wei", full_name="张伟", role="unit_clerk", place="smallville:water"
    )
    assert added.status_code == 200, added.text
    found = re.search(r'role="status">.*?<code>([^<]+)</code>', added.text, re.DOTALL)
    assert found is not None
    assert (await keeping.town.room.door.sign_in("zhang.wei", found[1], new=OWN))[0]
    account = await keeping.account("zhang.wei")
    assert account.appointments == (Appointment(role=Role.CLERK, jurisdiction="smallville", unit="water"),)
    whole = (await keeping.browser.get("/accounts")).text
    assert "张伟" in whole
    assert "Clerk of a unit" in whole
    some = (await keeping.browser.get("/accounts", params={"text": "ADMIN"})).text
    assert "张伟" not in some
    assert found[1] not in (await keeping.browser.get("/accounts/zhang.wei")).text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "-x"}, 409, "A name has up to 64"),
        ({"name": "admin"}, 409, "There is an account of this name already."),
        ({"name": "li.si", "role": "emperor"}, 400, "Choose the role."),
        ({"name": "li.si", "role": "unit_clerk"}, 400, "choose the city, or a unit of it"),
        ({"name": "li.si", "role": "unit_clerk", "place": "smallville"}, 400, "Choose the unit"),
        ({"name": "li.si", "role": "operator", "place": "smallville"}, 400, "choose no city"),
        ({"name": "li.si", "role": "unit_head", "place": "smallville:nowhere"}, 400, "Choose one of the places"),
        ({"name": "li.si", "role": "unit_head", "place": "*:*"}, 400, "Choose one of the places"),
    ],
)
async def test_what_cannot_be_added_stays_in_the_form_with_what_is_wrong_beside_it(
    keeping: Keeping, fields: dict[str, str], status: int, words: str
) -> None:
    answer = await keeping.send("/accounts", **fields)
    assert answer.status_code == status
    assert words in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert f'value="{fields["name"]}"' in answer.text
    assert [each.name for each in await keeping.town.room.desk.accounts()] == ["admin"]


async def test_appointments_are_given_and_taken_one_by_one_and_never_over_what_another_did(keeping: Keeping) -> None:
    await keeping.town.room.person("li.na", CLERK)
    given = await keeping.appoint("li.na", role="unit_head", place="smallville:north")
    assert (given.status_code, given.headers["location"]) == (303, "/accounts/li.na")
    head = Appointment(role=Role.HEAD, jurisdiction="smallville", unit="north")
    assert set((await keeping.account("li.na")).appointments) == {CLERK, head}
    taken = await keeping.appoint("li.na", loss=str(CLERK))
    assert taken.status_code == 303
    assert (await keeping.account("li.na")).appointments == (head,)
    assert await keeping.town.room.door.sessions("li.na") == []
    late = await keeping.appoint("li.na", stood="", role="unit_head", place="smallville:water")
    assert late.status_code == 409
    assert "Somebody changed this account meanwhile" in late.text
    assert (await keeping.account("li.na")).appointments == (head,)


async def test_the_last_administrator_stays_one(keeping: Keeping) -> None:
    for answer in (await keeping.send("/accounts/admin/steps/off"), await keeping.appoint("admin", loss=str(ADMIN))):
        assert answer.status_code == 409
        assert "This is the last administrator" in answer.text
    assert (await keeping.account("admin")).administers


async def test_an_account_is_turned_off_and_on_and_given_a_new_password(keeping: Keeping) -> None:
    token = await keeping.town.room.person("li.na", CLERK)
    assert (await keeping.send("/accounts/li.na/steps/off")).status_code == 303
    async with browser(keeping.town.app(), token) as hers:
        assert (await hers.get("/account")).status_code == 303
    assert "turned off" in (await keeping.browser.get("/accounts/li.na")).text
    assert (await keeping.send("/accounts/li.na/steps/on")).status_code == 303
    renewed = await keeping.send("/accounts/li.na/steps/password")
    found = re.search(r'role="status">.*?<code>([^<]+)</code>', renewed.text, re.DOTALL)
    assert found is not None
    assert (await keeping.town.room.door.sign_in("li.na", found[1], new=OWN))[0]
    assert (await keeping.send("/accounts/li.na/steps/nothing")).status_code == 404
    assert (await keeping.send("/accounts/nobody/steps/off")).status_code == 404
    assert "There is no second factor." in (await keeping.send("/accounts/li.na/steps/factor")).text


async def test_a_session_is_ended_by_whoever_keeps_the_accounts(keeping: Keeping) -> None:
    await keeping.town.room.person("li.na", CLERK)
    [session] = await keeping.town.room.door.sessions("li.na")
    assert (await keeping.send(f"/accounts/li.na/sessions/{session.id}")).status_code == 303
    assert await keeping.town.room.door.sessions("li.na") == []
    assert (await keeping.send(f"/accounts/li.na/sessions/{session.id}")).status_code == 404


async def test_a_system_has_keys_that_are_shown_once_hold_for_their_days_and_are_revoked(keeping: Keeping) -> None:
    await keeping.send("/accounts", name="hotline", kind="system", role="office", place="smallville:office")
    made = await keeping.send("/accounts/hotline/keys", scope="read", days="30")
    found = re.search(r"duban_key_[A-Za-z0-9_-]+", made.text)
    assert found is not None
    assert (await keeping.town.room.door.principal(found[0])).account.name == "hotline"
    [key] = await keeping.town.room.keys.keys()
    assert key.ends_at == AT + 30 * DAY
    page = (await keeping.browser.get("/accounts/hotline")).text
    assert key.id in page
    assert found[0] not in page
    await keeping.town.room.person("li.na", CLERK)
    assert (await keeping.send(f"/accounts/li.na/keys/{key.id}")).status_code == 404
    refused = await keeping.send("/accounts/li.na/keys", scope="read", days="30")
    assert (refused.status_code, "Keys are for systems" in refused.text) == (409, True)
    assert (await keeping.send(f"/accounts/hotline/keys/{key.id}")).status_code == 303
    assert await keeping.town.room.keys.keys() == []


async def test_the_log_says_who_did_what_and_an_auditor_reads_it_who_keeps_nothing(keeping: Keeping) -> None:
    await keeping.send("/accounts", name="li.na", role="unit_clerk", place="smallville:water")
    await keeping.send("/accounts/li.na/steps/off")
    page = (await keeping.browser.get("/account-log", params={"of": "li.na"})).text
    rows = re.findall(r"<tr><td.*?</tr>", page)
    assert [("Turned off" in row, "Account added" in row) for row in rows] == [(True, False), (False, True)]
    assert all("<td>admin</td>" in row for row in rows)
    token = await keeping.town.room.person("audit", Appointment(role=Role.AUDITOR))
    async with browser(keeping.town.app(), token, **{"accept-language": "en"}) as auditor:
        theirs = await auditor.get("/account-log")
        assert theirs.status_code == 200
        assert 'href="/accounts"' not in theirs.text
        assert 'href="/account-log"' in theirs.text


def test_every_act_of_the_log_is_called_something() -> None:
    assert ACT_LABELS.keys() == {kind.value for kind in AccountActKind}


async def test_of_a_long_log_the_latest_lines_are_read(keeping: Keeping) -> None:
    for number in range(MOST_LINES + 5):
        await keeping.town.room.desk.add(f"a{number}", "A", (), by="admin", is_system=True)
    page = (await keeping.browser.get("/account-log")).text
    assert len(re.findall(r"<tr><td", page)) == MOST_LINES
    assert f"<td>a{MOST_LINES + 4}</td>" in page
    assert "<td>a0</td>" not in page
