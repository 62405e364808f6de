"""``duban account``: who may sign in, with which roles, and what they did as such."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from duban_cli.accounts_desk import desk, ourselves
from duban_cli.anchor_options import Against, PublicKey, anchored, trusted
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, shown_at, write_json
from duban_cli.session import asked_for

if TYPE_CHECKING:
    from duban_console.accounts.account import Account, Appointment
    from duban_console.accounts.desk import AccountDesk, Given
    from duban_console.accounts.roster import RosterEntry

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
    file: Annotated[Path, typer.Argument(help="`accounts:`, a list of them, YAML.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add the accounts of a file that are missing, and give each the appointments that stand there and no others.

    Passwords that are made are shown this once. Accounts that are not in the file stay as they are.

    Example: duban account apply accounts.yaml --dry-run
    """
    from duban.policy.plain_data import Unreadable, plain_data
    from duban_cli.yaml_file import read_yaml
    from duban_console.accounts.roster import roster_in

    try:
        roster = roster_in(plain_data(read_yaml(file)))
    except (Unreadable, ValueError) as error:
        fail(ExitCode.USAGE, f"{file}: {error}")
    async with desk() as accounts:
        standing = {account.name: account for account in await accounts.accounts()}
        for entry in roster.accounts:
            _of_one_kind(entry, standing)
        for entry in roster.accounts:
            _tell(*await _applied(accounts, entry, standing, dry_run=dry_run), as_json)


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
    if as_json:
        write_json(
            {"whole": audit.broken is None, "lines": audit.lines, "head": audit.head,
             "broken": audit.broken, "reason": audit.reason, "anchors": len(anchors),
             "findings": [finding.model_dump(mode="json", exclude_none=True) for finding in findings]}
        )  # fmt: skip
    if audit.broken is not None:
        fail(ExitCode.FAILURE, f"line {audit.broken} of the log: {audit.reason}")
    if findings:
        fail(ExitCode.FAILURE, "; ".join(map(str, findings)))
    if not as_json:
        out().print(audit.head)
    err().print(f"[green]✓[/] {audit.lines} lines, each follows on the one before it; {len(anchors)} anchors")


def _of_one_kind(entry: RosterEntry, standing: dict[str, Account]) -> None:
    from duban_console.accounts.account import folded_name

    account = standing.get(folded_name(entry.name))
    if account is not None and account.is_system is not entry.system:
        kind = "a system" if account.is_system else "a person"
        fail(ExitCode.CONFLICT, f"{account.name} is {kind}, which does not change: turn it off, and add another")


async def _applied(
    accounts: AccountDesk, entry: RosterEntry, standing: dict[str, Account], *, dry_run: bool
) -> tuple[Account | Given | str, str]:
    """What was done to the account of ``entry``, or would be."""
    from duban_console.accounts.account import folded_name

    name = folded_name(entry.name)
    account = standing.get(name)
    if account is not None and set(account.appointments) == set(entry.appointments):
        return account, "stands as it is"
    done = "added" if account is None else "given its appointments"
    if dry_run:
        return name, f"would be {done}"
    if account is not None:
        return await accounts.appoint(name, entry.appointments, by=ourselves()), done
    return await accounts.add(name, entry.full_name, entry.appointments, by=ourselves(), is_system=entry.system), done


def _tell(done: Account | Given | str, words: str, as_json: bool) -> None:
    from duban_console.accounts.desk import Given

    account = done.account if isinstance(done, Given) else done
    password = done.password if isinstance(done, Given) else None
    name = account if isinstance(account, str) else account.name
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
