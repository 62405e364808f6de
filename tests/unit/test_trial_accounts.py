"""The accounts of a trial: one of each role, for units of the packs, with one password that is another each time."""

from __future__ import annotations

from duban.clock import DrivenClock
from duban.policy import PolicyPack
from duban_cli.system import deployed_packs
from duban_cli.trial_accounts import tried
from duban_console.accounts.account import OF_INSTALLATION, Role
from duban_console.accounts.memory import MemoryAccounts
from duban_console.packs.publication import load
from tests.accounts import AT, Room, fast, refused

PACKS = [pack for pack in map(load, deployed_packs()) if isinstance(pack, PolicyPack)]


async def test_each_role_has_an_account_for_a_unit_of_each_city_and_one_password_for_all() -> None:
    room = Room(MemoryAccounts(), DrivenClock(AT))
    trial = await tried(room.store, room.clock, PACKS, fast())
    accounts = await room.desk.accounts()
    assert sorted(trial.names) == [account.name for account in accounts]
    assert sorted(each.role for account in accounts for each in account.appointments[:1]) == sorted(
        [*Role, "custodian"]
    )
    units = {pack.jurisdiction: {unit.id for unit in pack.units} for pack in PACKS}
    for account in accounts:
        roles = {each.role for each in account.appointments}
        assert len(roles) == 1
        if not roles & OF_INSTALLATION:
            assert {each.jurisdiction for each in account.appointments} == units.keys()
        for each in account.appointments:
            assert each.unit is None or each.unit in units[each.jurisdiction or ""]
    for name in trial.names:
        token, _ = await room.door.sign_in(name, trial.password)
        assert (await room.door.principal(token)).account.name == name
    assert trial.password not in repr(trial)


async def test_the_next_trial_has_another_password_and_ends_what_the_last_one_began() -> None:
    room = Room(MemoryAccounts(), DrivenClock(AT))
    first = await tried(room.store, room.clock, PACKS, fast())
    token, _ = await room.door.sign_in("demo-clerk", first.password)
    second = await tried(room.store, room.clock, PACKS, fast())
    assert second.names == first.names
    assert await refused(room.door.principal(token)) == "no_session"
    assert await refused(room.door.sign_in("demo-clerk", first.password)) == "not_signed_in"
    await room.door.sign_in("demo-clerk", second.password)
    kinds = [kind for kind, _, account in await room.acts() if account == "demo-clerk"]
    assert kinds[:3] == ["account_added", "signed_in", "password_set"]
