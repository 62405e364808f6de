"""By what the log of the vault has grown since an anchor: its last line, which covers every line before it."""

from __future__ import annotations

from typing import Final

import asyncpg
import structlog

from duban.io.anchors import Growth
from duban.messages.anchors import VAULT_LOG, Anchor, Head

_log = structlog.get_logger(__name__)

_LAST: Final = "select number, hash from intake.vault_log order by number desc limit 1"
_HASH: Final = "select hash from intake.vault_log where number = $1"


class VaultGrowth:
    """The last line of the log, where it is not the one that was anchored; a log that lost that one is told at once."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def __call__(self, latest: Anchor | None) -> Growth:
        """What has grown since ``latest``, or since the beginning."""
        anchored = latest.heads[0] if latest else None
        if anchored and await self._pool.fetchval(_HASH, anchored.version) != anchored.hash:
            _log.error("the vault's log is not what was anchored", line=anchored.version, cure="duban vault verify")
        last = await self._pool.fetchrow(_LAST)
        if last is None or (anchored and last["number"] <= anchored.version):
            return Growth()
        return Growth((Head(record=VAULT_LOG, version=last["number"], hash=last["hash"]),))
