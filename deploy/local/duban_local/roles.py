"""Who may log in to the embedded database: a role for each process, and an owner as whom nobody does.

The superuser has no password, and one door: a socket in a folder that is closed to everybody else, through which the
account that runs the stack comes in by its name. Over TCP the roles below come in by their passwords, which are made
anew at every start and written down nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

SUPERUSER: Final = "postgres"
#: Owns every schema, so that what a service may do is what it was granted, and no service can lift a trigger.
OWNER: Final = "duban_owner"
#: Who speaks to the database: the services by their names; the reader, whom API and commands are.
READER: Final = "reader"
#: Whoever keeps the accounts.
CONSOLE: Final = "console"
NAMES: Final = ("intake", "gateway", "vault", "router", "escalation", READER, CONSOLE)

#: pg_hba.conf and pg_ident.conf; the first line that fits a connection decides, and what fits none is refused.
_DOORS = f"""\
# Written anew at every start.
local  all  {SUPERUSER}                peer  map=account
host   all  {SUPERUSER}  all           reject
host   all  all          127.0.0.1/32  scram-sha-256
"""
_ACCOUNTS = """\
# Written anew at every start: who runs the stack is the superuser.
account  "{account}"  {superuser}
"""
#: What stands in the schemas from before there was an owner; where all is the owner's, this changes nothing.
_ADOPT = f"""
do $$
declare
    statement text;
begin
    for statement in
        select format('alter schema %I owner to {OWNER}', nspname)
        from pg_namespace where nspname = any('{{intake,router,escalation,console}}') and nspowner <> '{OWNER}'::regrole
        union all
        select format('alter table %s owner to {OWNER}', oid::regclass)
        from pg_class where relnamespace::regnamespace::text = any('{{intake,router,escalation,console}}')
            and relkind in ('r', 'v') and relowner <> '{OWNER}'::regrole
        union all
        select format('alter function %s owner to {OWNER}', oid::regprocedure)
        from pg_proc where pronamespace::regnamespace::text = any('{{intake,router,escalation,console}}')
            and proowner <> '{OWNER}'::regrole
    loop
        execute statement;
    end loop;
end
$$
"""  # noqa: S608 - constant


def role_of(name: str) -> str:
    """The role of the process ``name``, one of :data:`NAMES`."""
    return f"duban_{name}"


def doors(account: str) -> dict[str, str]:
    """The files that say who may come in how, by their names; ``account`` is that of the system who runs the stack."""
    return {"pg_hba.conf": _DOORS, "pg_ident.conf": _ACCOUNTS.format(account=account, superuser=SUPERUSER)}


async def set_up(connection: asyncpg.Connection[asyncpg.Record], passwords: Mapping[str, str]) -> None:
    """Have the owner, and the role of each name in ``passwords`` with that password; as the superuser."""
    there = {row[0] for row in await connection.fetch("select rolname from pg_roles")}
    if OWNER not in there:
        await connection.execute(f"create role {OWNER} nologin")
    for name, password in passwords.items():
        verb = "alter" if role_of(name) in there else "create"
        await connection.execute(f"{verb} role {role_of(name)} login password '{password}'")


async def open_to_owner(connection: asyncpg.Connection[asyncpg.Record], database: str) -> None:
    """Let the owner make schemas in the ``database`` connected to, and take over those that are there; nobody else."""
    await connection.execute(
        f'grant create on database "{database}" to {OWNER}; revoke temporary on database "{database}" from public'
    )
    await connection.execute(_ADOPT)
