"""The file with the key by which the command line of this machine is known to the engine that runs here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from duban.io.backoff import until_available
from duban.io.key_file import write_private_file
from duban.io.settings import Settings
from duban_cli.accounts_desk import account_store
from duban_cli.identity import NotSignedIn, secret_in
from duban_console.accounts.account import LOCAL
from duban_console.accounts.local_key import LocalKeys

_EVERY: Final = 3600.0


class LocalKeyFile:
    """Sees to it that ``file`` holds a key that holds, by the accounts in ``database``."""

    def __init__(self, file: Path, database: str) -> None:
        self._file = file
        self._settings = Settings(database=SecretStr(database), pool_size=1)

    async def renew(self) -> None:
        """Have a key in the file that will hold for days; nobody but its owner may read it."""
        async with account_store(self._settings) as (store, clock):
            held = self._held()
            key = await LocalKeys(store, clock, LOCAL).renewed(held)
        if key != held:
            write_private_file(self._file, f"{key}\n".encode())

    async def keep(self) -> None:
        """Renew it for as long as the engine runs, also when the database was away."""
        while True:
            await asyncio.sleep(_EVERY)
            await until_available("accounts", self.renew)

    def _held(self) -> str | None:
        try:
            return secret_in(self._file)
        except NotSignedIn:  # there is none, or it is no secret any more
            return None
