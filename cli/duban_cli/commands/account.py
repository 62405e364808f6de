"""``duban account``: who may sign in, with which roles, and what they did as such."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban.errors import Unavailable
from duban_cli.accounts_desk import desk, ourselves, roster_desk
from duban_cli.anchor_options import Against, PublicKey, anchored, tell_verified, trusted
from duban_cli.connection import settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, shown_at, write_json
from duban_cli.session import asked_for

if TYPE_CHECKING:
    from duban_console.accounts.account import Account, Appointment
    from duban_console.accounts.desk import AccountDesk, Given
    from duban_console.accounts.roster import Roster
    from duban_console.accounts.roster_desk import RosterChange

account_app = typer.Typer(
    no_args_is_help=True, help="Accounts: who may sign in, with which roles, and the log of what they did as such."
)

Name = Annotated[str, typer.Argument(help="The account: a-z, 0-9 and . _ @ -", show_default=False)]
Ask = Annotated[
    bool, typer.Option("--ask", help="Ask for the password, else the first line of stdin, instead of making one.")
]


@account_app.command("add")
@command
async def add(
    name: Name,
    full_name: Annotated[str | None, typer.Option("--full-name", help="Of the person or the system.")] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--as", help="ROLE:JURISDICTION:UNIT, or for the installation ROLE alone; repeatable."),
    ] = None,
    system: Annotated[bool, typer.Option("--system", help="A system, which has keys and no password.")] = False,
    ask: Ask = False,
    as_json: AsJson = False,
) -> None:
    """Add an account; a password that is made is shown this once, and changed at the first sign-in.

    The first administrator is made so, too: whoever may write to the schema console of the database is believed.

    Example: duban account add li.na --full-name 李娜 --as unit_clerk:linyi:市生态环境局
    """
    if ask and system:
        fail(ExitCode.USAGE, "--ask: a system has no password; `duban key add` makes it a key")
    appointments = [_appointment(role) for role in roles or []]
    password = _password() if ask else None
    async with desk() as accounts:
        given = await accounts.add(
            name, full_name or name, appointments, by=ourselves(), is_system=system, password=password
        )
    _tell(given, "added", as_json)


@account_app.command("apply")
@command
async def apply(
    file: Annotated[
        Path,
        typer.Argument(help="`accounts:`, a list of them, YAML; or CSV by its name.", exists=True, dir_okay=False),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    passwords: Annotated[
        Path | None,
        typer.Option(help="A new file for the passwords that are made, readable by its owner alone.", dir_okay=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add the accounts of a file that are missing, and give each the appointments that stand there and no others.

    All of it is done, or nothing. Passwords that are made are shown this once, or written into --passwords. Accounts
    that are not in the file stay as they are. Units that no published pack has are told.

    Example: duban account apply accounts.csv --dry-run
    """
    from duban_console.accounts.account import folded_name

    roster = _roster(file)
    if passwords is not None and passwords.exists():
        fail(ExitCode.USAGE, f"--passwords {passwords}: is there already; nothing was done: name a new file")
    for doubt in await _unit_doubts(roster):
        err().print(f"[yellow]![/] {escape(doubt)}")
    made: dict[str, str] = {}
    async with roster_desk() as accounts:
        if dry_run:
            changes = await accounts.changes(roster)
        else:
            with _kept_in(passwords) if passwords else nullcontext(made.update) as keep:
                changes = await accounts.apply(roster, ourselves(), keep)
    for change in changes:
        name = folded_name(change.entry.name)
        _tell(Made(name, made.get(name)), _words(change, dry_run=dry_run), as_json)
    if passwords is not None and not dry_run:
        err().print(f"the passwords stand in {passwords}: hand each to its person, and remove the file")


@account_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every account with its appointments, whether it has a second factor, whether it is off, and whose it is.

    One of a provider of sign-in has its appointments from that, anew at every sign-in; here it can only be turned off.

    Example: duban account ls
    """
    async with desk() as accounts:
        every = await accounts.accounts()
    table = Table("account", "name", "appointments", "", box=None, pad_edge=False, header_style="dim")
    for account in every:
        if as_json:
            write_json(_plain(account))
        states = (
            "system" * account.is_system,
            "off" * (account.off_at is not None),
            "2nd factor" * account.has_factor,
            f"of {account.identity.issuer}" if account.identity else "",
        )
        cells = (account.name, account.full_name, _listed(account.appointments), ", ".join(filter(None, states)))
        table.add_row(*map(escape, cells))
    if every and not as_json:
        out().print(table)
    err().print(f"{len(every)} accounts")


@account_app.command("off")
@command
async def off(name: Name, as_json: AsJson = False) -> None:
    """Let nobody in as this account: its sessions end at once, its keys do not hold. `duban account on` takes it back.

    Example: duban account off li.na
    """
    async with desk() as accounts:
        _tell(await accounts.turn_off(name, by=ourselves()), "turned off", as_json)


@account_app.command("on")
@command
async def on(name: Name, as_json: AsJson = False) -> None:
    """Take an account back that was turned off, with the password, second factor and keys that it had.

    Example: duban account on li.na
    """
    async with desk() as accounts:
        _tell(await accounts.turn_on(name, by=ourselves()), "turned on", as_json)


@account_app.command("reset")
@command
async def reset(
    name: Name,
    factor: Annotated[bool, typer.Option("--factor", help="Take away the second factor that was lost.")] = False,
    ask: Ask = False,
    as_json: AsJson = False,
) -> None:
    """Give a new password in the place of a forgotten one, shown this once; or take a lost second factor away.

    Its sessions end at once. The password is changed at the next sign-in.

    Example: duban account reset li.na
    """
    if factor and ask:
        fail(ExitCode.USAGE, "--factor leaves the password as it is; call it once more without, for that")
    password = _password() if ask else None
    async with desk() as accounts:
        if factor:
            _tell(await accounts.take_factor(name, by=ourselves()), "lets in without a second factor", as_json)
            return
        _tell(await accounts.reset_password(name, by=ourselves(), password=password), "has a new password", as_json)


@account_app.command("factor")
@command
async def factor(
    name: Name,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask for the first code, else the first line of stdin.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Begin a second factor: what an authenticator app reads. With --confirm it counts, and recovery codes are shown.

    Example: duban account factor li.na
    """
    code = asked_for("Code that the device shows") if confirm else None
    async with desk() as accounts:
        if code is None:
            uri = await accounts.begin_factor(name, by=ourselves())
            words, label = [uri], "uri"
            say = "have an authenticator app read this, then call it with --confirm"
        else:
            words, label = list(await accounts.confirm_factor(name, code, by=ourselves())), "recovery_codes"
            say = "each of these stands once for a code when the device is lost; they are shown this once"
    if as_json:
        write_json({"account": name, label: words if confirm else words[0]})
    else:
        out().print("\n".join(map(escape, words)))
    err().print(say)


@account_app.command("audit")
@command
async def audit(
    verify: Annotated[bool, typer.Option("--verify", help="Say whether the log is whole; ends with 1 if not.")] = False,
    head: Annotated[list[str] | None, typer.Option(help="A head noted earlier; repeatable.")] = None,
    against: Against = None,
    public_key: PublicKey = None,
    as_json: AsJson = False,
) -> None:
    """Every sign-in, refusal, denial and change of an account, a session or a key, in order, as a chain of hashes.

    With --verify it compares the log with the anchors on the topic, where a broker is known, and with those that an
    auditor kept: only so does a log show that was cut off or written anew as a whole. With a public key every anchor
    must bear its signature.

    Example: duban account audit --verify --against anchors-2026-11-29.jsonl --public-key anchors.pub
    """
    async with desk() as accounts:
        if verify or head or against or public_key:
            await _verified(accounts, head or [], against, trusted(public_key), as_json)
            return
        lines = await accounts.log()
    table = Table("no.", "at", "act", "by", "account", "", box=None, pad_edge=False, header_style="dim")
    for line in lines:
        act = line.act
        if as_json:
            write_json({**line.fields, "hash": line.hash})
        cells = (shown_at(act.at, None, "seconds"), act.kind, act.by or "nobody", act.account or "–", act.detail)
        table.add_row(str(line.number), *map(escape, cells))
    if lines and not as_json:
        out().print(table)
    err().print(f"{len(lines)} lines")


async def _verified(
    accounts: AccountDesk, noted: list[str], against: Path | None, keys: list[str], as_json: bool
) -> None:
    from duban.messages.anchors import ACCOUNT_LOG, Anchored
    from duban_console.accounts.log import log_audit
    from duban_console.anchor_audit import log_differences

    of_anchors, anchors = await anchored(Anchored.ACCOUNTS, against, keys)
    findings = list(of_anchors.findings(keys=bool(keys)))
    lines = await accounts.log()  # after the anchors, which are never ahead of it
    audit = log_audit(lines, noted)
    findings += log_differences({line.number: line.hash for line in lines}, anchors, ACCOUNT_LOG)
    if keys and lines and (nothing := of_anchors.nothing()) is not None:
        findings.append(nothing)
    document = {
        "whole": audit.broken is None, "lines": audit.lines, "head": audit.head,
        "broken": audit.broken, "reason": audit.reason,
    }  # fmt: skip
    tell_verified(document, findings, len(anchors), as_json=as_json)


@dataclass(frozen=True, slots=True)
class Made:
    """An account by its name, and the password that was made for it."""

    name: str
    password: str | None


def _words(change: RosterChange, *, dry_run: bool) -> str:
    if change.is_none:
        return "stands as it is"
    return "would be " * dry_run + ("added" if change.is_new else "given its appointments")


def _roster(file: Path) -> Roster:
    """What stands in ``file``, CSV by its name, else YAML."""
    from duban.policy.plain_data import Unreadable, plain_data
    from duban_cli.yaml_file import read_yaml
    from duban_console.accounts.roster import roster_in, roster_of_table

    try:
        text = read_yaml(file)
        return roster_of_table(text) if file.suffix.lower() == ".csv" else roster_in(plain_data(text))
    except (Unreadable, ValueError) as error:
        flaws = str(error).splitlines() or [""]
        fail(ExitCode.USAGE, "\n".join(f"{file}: {flaw}" for flaw in flaws))


@contextmanager
def _kept_in(file: Path) -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Keeps passwords in a new ``file``, for its owner alone; it is removed where they come to nothing."""

    def keep(made: Mapping[str, str]) -> None:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as rows:
            writer = csv.writer(rows, lineterminator="\n")
            writer.writerow(("name", "password"))
            writer.writerows(made.items())
            rows.flush()
            os.fsync(rows.fileno())

    try:
        yield keep
    except BaseException:
        file.unlink(missing_ok=True)
        raise


async def _unit_doubts(roster: Roster) -> list[str]:
    """Cities and units of ``roster`` that no published pack has; nothing where no broker is known."""
    from duban.policy import PolicyPack
    from duban_console.accounts.roster import unit_doubts
    from duban_console.packs.publication import published

    try:
        standing = await published(settings())
    except Unavailable as error:
        return [f"units were not compared with the packs: {error}"]
    units: dict[str, set[str]] = {}
    for pack in standing.values():
        if isinstance(pack, PolicyPack):
            units.setdefault(pack.jurisdiction, set()).update(unit.id for unit in pack.units)
    return unit_doubts(roster, units)


def _tell(done: Account | Given | Made, words: str, as_json: bool) -> None:
    from duban_console.accounts.desk import Given

    name = done.account.name if isinstance(done, Given) else done.name
    password = done.password if isinstance(done, Given | Made) else None
    if as_json:
        write_json({"account": name, "action": words, **({"password": password} if password else {})})
        return
    err().print(f"{escape(name)} {words}")
    if password:
        out().print(password)
        err().print("this is its password, shown this once; it is changed at the first sign-in")


def _appointment(text: str) -> Appointment:
    from duban_console.accounts.roster import appointment_in

    try:
        return appointment_in(text)
    except ValueError as error:
        fail(ExitCode.USAGE, f"--as {text}: {error}")


def _password() -> str:
    return asked_for("Password")


def _plain(account: Account) -> dict[str, Any]:
    from duban.messages.struct import plain

    return {
        "account": account.name,
        "full_name": account.full_name,
        "system": account.is_system,
        "appointments": [plain(appointment) for appointment in account.appointments],
        "second_factor": account.has_factor,
        "provider": account.identity.issuer if account.identity else None,
        "subject": account.identity.subject if account.identity else None,
        "made_at": account.made_at,
        "off_at": account.off_at,
    }


def _listed(appointments: Iterable[Appointment]) -> str:
    return " ".join(map(str, appointments)) or "–"
