"""``duban kafka``: who may come to the brokers, and what each may do there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from duban_cli.connection import settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json

if TYPE_CHECKING:
    from duban.io.settings import Settings
    from duban_local.rights import Right

kafka_app = typer.Typer(no_args_is_help=True, help="Kafka: who may come to the brokers, and what each may do there.")
acl_app = typer.Typer(no_args_is_help=True, help="What each may do, exactly as deploy/topics.yaml says.")
users_app = typer.Typer(no_args_is_help=True, help="Who comes with a password (SCRAM).")
kafka_app.add_typer(acl_app, name="acl")
kafka_app.add_typer(users_app, name="users")

Diff = Annotated[bool, typer.Option("--diff", help="Only say what would change; ends with 1 if anything would.")]

#: What a principal of a source may write to.
_OF_SOURCES = "duban.reports.v1"


@acl_app.command("apply")
@command
async def apply_acls(diff: Diff = False, as_json: AsJson = False) -> None:
    """Give every principal of ours the rights that it has in deploy/topics.yaml, and take all others from it.

    Sources with a principal of their own may write reports (`duban source add --principal`) until they are turned off.
    What others may do to our topics is told, and left as it is. As an administrator of the brokers, whom the settings
    of Kafka name.

    Example: duban kafka acl apply --diff
    """
    from duban_cli.kafka_admin import KafkaAdministration
    from duban_local.rights import changes, of_producers, principal_of, rights
    from duban_local.topics import declaration

    known, table = settings(), declaration()
    on, off = await _producers(known)
    administration = KafkaAdministration(known)
    declared_rights = rights(table, known.group_suffix, on)
    own = {principal_of(name) for name in table.principals}
    planned = changes(declared_rights, await administration.rights(), own, of_producers(off))
    if not diff:
        # What is given comes first: nobody who has it under both is without it in between.
        await administration.grant(change.right for change in planned if change.action == "grant")
        await administration.revoke(change.right for change in planned if change.action == "revoke")
    for change in planned:
        if as_json:
            write_json({"action": change.action, **_plain(change.right), "diff": diff})
        else:
            out().print(f"{change.action:8} {escape(str(change.right))}")
    count = sum(change.action != "foreign" for change in planned)
    _tell(count, diff)


@users_app.command("apply")
@command
async def apply_users(
    passwords: Annotated[
        str, typer.Option(help="Where the password of each lies: a path with NAME in it, as router, intake, api.")
    ],
    renew: Annotated[list[str] | None, typer.Option(help="Set the password of this one anew, too.")] = None,
    diff: Diff = False,
    as_json: AsJson = False,
) -> None:
    """Have a user with a password (SCRAM) for each principal of deploy/topics.yaml whose file is there.

    Who is there already keeps the password, for nobody can ask the brokers what it is, unless `--renew` names it. Who
    has no file is passed over: it may come with a certificate.

    Example: duban kafka users apply --passwords /etc/duban/secrets/NAME/kafka-password --diff
    """
    from duban_cli.kafka_admin import KafkaAdministration
    from duban_local.rights import PREFIX
    from duban_local.topics import declaration

    known, names = settings(), list(declaration().principals)
    if "NAME" not in passwords:
        fail(ExitCode.USAGE, f"--passwords: {passwords} should have NAME in it, which becomes router, intake and so on")
    if strangers := sorted(set(renew or []) - set(names)):
        fail(ExitCode.USAGE, f"--renew: {strangers[0]} is none of {', '.join(names)}")
    files = {name: Path(passwords.replace("NAME", name)) for name in names}
    words = {f"{PREFIX}{name}": _password(file) for name, file in files.items() if file.exists()}
    administration = KafkaAdministration(known)
    there = await administration.users()
    again = {f"{PREFIX}{name}" for name in renew or []}
    planned = {
        user: "renew" if known.kafka_mechanism in there.get(user, ()) else "create"
        for user in words
        if user in again or known.kafka_mechanism not in there.get(user, ())
    }
    if not diff:
        await administration.set_passwords({user: words[user] for user in planned}, known.kafka_mechanism)
    for user, action in planned.items():
        if as_json:
            write_json({"action": action, "user": user, "mechanism": known.kafka_mechanism, "diff": diff})
        else:
            out().print(f"{action:8} {escape(user)} {known.kafka_mechanism}")
    _tell(len(planned), diff)


async def _producers(known: Settings) -> tuple[dict[str, str], dict[str, str]]:
    """The topic to which each principal of a source may write that is on, and those of sources that are all off."""
    from duban_console import sources

    registered = (await sources.registered(known)).values()
    on = {source.principal: _OF_SOURCES for source in registered if source.principal and not source.is_off}
    off = {source.principal: _OF_SOURCES for source in registered if source.principal and source.principal not in on}
    return on, off


def _password(file: Path) -> str:
    try:
        word = file.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        fail(ExitCode.USAGE, f"{file} cannot be read: {error}")
    if len(word) < 16:
        fail(ExitCode.USAGE, f"{file} holds {len(word)} characters: a password of a service is random, 16 or more")
    return word


def _plain(right: Right) -> dict[str, str]:
    return {
        "principal": right.principal, "operation": right.operation, "resource": right.resource, "name": right.name,
        "pattern": right.pattern, "host": right.host, "permission": right.permission,
    }  # fmt: skip


def _tell(count: int, diff: bool) -> None:
    err().print(f"{count} {'would change' if diff else 'changed'}")
    if diff and count:
        raise typer.Exit(ExitCode.FAILURE)
