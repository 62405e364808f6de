"""``duban key``: the keys by which systems are known to the API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban_cli.accounts_desk import key_desk, ourselves
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, shown_at, write_json

if TYPE_CHECKING:
    from duban_console.accounts.session import AccountKey, Scope

key_app = typer.Typer(no_args_is_help=True, help="Keys of systems: what each may, until when, when it was last used.")

System = Annotated[str, typer.Argument(help="The account of the system.", show_default=False)]
Days = Annotated[int | None, typer.Option(help="Days for which it holds.", min=1, max=730)]


@key_app.command("add")
@command
async def add(
    system: System,
    scope: Annotated[str, typer.Option(help="How much of what the system may: read, or act.")] = "read",
    days: Days = 365,
    as_json: AsJson = False,
) -> None:
    """Make a key of a system, shown this once; only its hash is kept.

    Example: duban key add city-app --scope act --days 90
    """
    length = timedelta(days=days or 365)
    async with key_desk() as desk:
        token, key = await desk.add(system, _scope(scope), length, by=ourselves())
    _show(token, key, as_json)


@key_app.command("rotate")
@command
async def rotate(system: System, days: Days = None, as_json: AsJson = False) -> None:
    """Make a key like the newest one, which holds on beside it until the next rotation; older ones end.

    Example: duban key rotate city-app
    """
    length = None if days is None else timedelta(days=days)
    async with key_desk() as desk:
        token, key = await desk.rotate(system, by=ourselves(), length=length)
    _show(token, key, as_json)


@key_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every key by the beginning of its hash: whose it is, what it may, until when, and when it was last used.

    Example: duban key ls
    """
    async with key_desk() as desk:
        keys = await desk.keys()
    table = Table("key", "system", "scope", "made", "until", "last used", box=None, pad_edge=False, header_style="dim")
    for key in keys:
        if as_json:
            write_json(_plain(key))
        used = shown_at(key.used_at, None) if key.used_at else "never"
        days = (f"{key.made_at:%Y-%m-%d}", f"{key.ends_at:%Y-%m-%d}")
        table.add_row(*map(escape, (key.id, key.account, key.scope, *days, used)))
    if keys and not as_json:
        out().print(table)
    err().print(f"{len(keys)} keys")


@key_app.command("revoke")
@command
async def revoke(
    key: Annotated[str, typer.Argument(help="The key by the beginning of its hash, as `duban key ls` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Let a key hold no more, from the next request on.

    Example: duban key revoke 3f9a0c
    """
    async with key_desk() as desk:
        revoked = await desk.revoke(key, by=ourselves())
    if as_json:
        write_json({**_plain(revoked), "action": "revoked"})
    err().print(f"the key {revoked.id} of {escape(revoked.account)} holds no more")


def _scope(text: str) -> Scope:
    from duban_console.accounts.session import Scope

    try:
        return Scope(text)
    except ValueError:
        fail(ExitCode.USAGE, f"--scope: {text} is none of {', '.join(Scope)}")


def _show(token: str, key: AccountKey, as_json: bool) -> None:
    if as_json:
        write_json({**_plain(key), "token": token})
        return
    out().print(token)
    err().print(
        f"this is the key {key.id} of {escape(key.account)} to {key.scope}, until {key.ends_at:%Y-%m-%d}, "
        "shown this once"
    )


def _plain(key: AccountKey) -> dict[str, Any]:
    return {
        "key": key.id,
        "account": key.account,
        "scope": key.scope,
        "made_at": key.made_at,
        "ends_at": key.ends_at,
        "used_at": key.used_at,
    }
