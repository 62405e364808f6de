"""The schemas of the engine, and the package that carries the migrations of each."""

from __future__ import annotations

from typing import Final

from duban.io.migrations import Migrated, Migration, migrate, pending

#: By the service that owns the schema, which has its name.
SCHEMAS: Final = {
    "intake": "duban_intake.migrations",
    "router": "duban_router.migrations",
    "escalation": "duban_escalation.migrations",
    "console": "duban_console.migrations",
}


async def migrate_all(owner: str) -> dict[str, Migrated]:
    """Bring every schema to what this release needs, as ``owner``, the URL of who may; what was done, by schema."""
    return {schema: await migrate(owner, schema, package) for schema, package in SCHEMAS.items()}


async def pending_in_all(database: str) -> dict[str, list[Migration]]:
    """What every schema lacks; changes nothing."""
    return {schema: await pending(database, schema, package) for schema, package in SCHEMAS.items()}
