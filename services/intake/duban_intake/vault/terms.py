"""What a pack keeps no longer is destroyed by the vault itself, a page of reports at a time."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from duban_intake.vault.desk import Vault


class TermWalk:
    """The reports of which something was to be kept until now, as the walk of retention goes through them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def forget(self, age: timedelta, after: UUID, limit: int) -> tuple[UUID | None, int]:
        """Destroy what is due; ``age`` says nothing, for each report has its own term."""
        return await self._vault.forget_due(after, limit)
