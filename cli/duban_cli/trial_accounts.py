"""The accounts that an engine on one machine begins with: an administrator, and for a trial one of each role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from duban.io.settings import Settings
from duban_cli.accounts_desk import account_store
from duban_console.accounts.account import LOCAL, Appointment, Role
from duban_console.accounts.desk import AccountDesk

if TYPE_CHECKING:
    from duban_console.accounts.desk import Given

_ADMINISTRATOR: Final = "admin"


async def first_administrator(database: str) -> Given | None:
    """An administrator, with the password that was made; None where somebody keeps the accounts already."""
    async with account_store(_at(database)) as (store, clock):
        accounts = await store.accounts()
        if any(account.administers or account.name == _ADMINISTRATOR for account in accounts):
            return None
        desk = AccountDesk(store, clock)
        return await desk.add(_ADMINISTRATOR, "Administrator", [Appointment(role=Role.ADMINISTRATOR)], by=LOCAL)


def _at(database: str) -> Settings:
    return Settings(database=SecretStr(database), pool_size=1)
