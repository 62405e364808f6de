"""``duban contact``: by which ways units, and persons there, are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from duban.messages.contacts import ChannelKind, RegisteredContact, RegisteredRota, Relief
from duban.messages.struct import flaw_of, from_data, plain
from duban_cli.connection import database, present, publishing, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, instant_in, out, shown_at, write_json
from duban_cli.zones import zones
from duban_console import contacts

contact_app = typer.Typer(no_args_is_help=True, help="Contacts: by which ways units, and persons there, are told.")

Key = Annotated[
    str,
    typer.Argument(
        help="The contact: CITY/UNIT, or CITY/UNIT/PERSON with an id of the person, no name.", show_default=False
    ),
]
Unit = Annotated[str, typer.Argument(help="The unit: CITY/UNIT.", show_default=False)]
#: Seconds that a trial is waited for, and between two looks.
_TRIAL_SECONDS: Final = 30.0
_BETWEEN_LOOKS: Final = 0.5
#: What became of a notice, in a person's words.
_BECAME: Final = {
    "posted": "delivered",
    "set_aside": "refused: see `duban dlq ls`, and the log of escalation",
    "logged": "not sent: the contact has changed meanwhile",
}


@contact_app.command("set")
@command
async def set_(
    key: Key,
    mail: Annotated[list[str] | None, typer.Option(help="An address of mail.")] = None,
    webhook: Annotated[
        list[str] | None, typer.Option(help="An address that is posted to; its secret goes into DUBAN_CHANNELS.")
    ] = None,
    dingtalk: Annotated[list[str] | None, typer.Option(help="A robot of DingTalk (钉钉) in DUBAN_CHANNELS.")] = None,
    wecom: Annotated[list[str] | None, typer.Option(help="A robot of WeCom (企业微信) in DUBAN_CHANNELS.")] = None,
    feishu: Annotated[list[str] | None, typer.Option(help="A robot of Feishu (飞书) in DUBAN_CHANNELS.")] = None,
    sms: Annotated[list[str] | None, typer.Option(help="A telephone number for short messages.")] = None,
    quiet: Annotated[
        str | None, typer.Option(help="Hours in which nothing is sent that can wait, as 22:00-07:00.")
    ] = None,
    digest: Annotated[
        list[str] | None, typer.Option(help="A time of day for all that waited since the last, as 08:30.")
    ] = None,
    zone: Annotated[str | None, typer.Option(help="By whose clock, if not the city's, as Asia/Shanghai.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say by which ways a unit, or a person there, is told from now on: by these, and by no others.

    What comes in quiet hours waits for their end, what comes between two times of --digest for the next of them, and
    goes out as one message; what is urgent waits for neither. What waits for a way goes to its new address. No secret
    is given here: robots are named, and stand in the file that DUBAN_CHANNELS names to escalation.

    Example: duban contact set mianyang/ecology/li --mail li@ecology.example.cn --quiet 22:00-07:00
    """
    given = {"mail": mail, "webhook": webhook, "dingtalk": dingtalk, "wecom": wecom, "feishu": feishu, "sms": sms}
    ways = [{"by": by, "to": to} for by in ChannelKind for to in given[by] or ()]
    if not ways:
        fail(ExitCode.USAGE, "give at least one way, as --mail; `duban contact rm` removes a contact")
    given_hours: dict[str, Any] = {"digest": digest or [], **({"zone": zone} if zone else {})}
    if quiet is not None:
        begins, _, ends = quiet.partition("-")
        given_hours["quiet"] = {"begins": begins, "ends": ends}
    await _publish([_contact({**_named(key), "ways": ways, **given_hours}, "")], as_json)


@contact_app.command("apply")
@command
async def apply(
    file: Annotated[Path, typer.Argument(help="`contacts:`, a list of them, YAML.", exists=True, dir_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Register the contacts in a file as they stand there: all of them, or none; others stay as they are.

    Example: duban contact apply docs/example-contacts.yaml
    """
    from duban.policy.plain_data import Unreadable, plain_data
    from duban_cli.yaml_file import read_yaml

    try:
        entries = plain_data(read_yaml(file))
    except Unreadable as error:
        fail(ExitCode.USAGE, f"{file}: {error}")
    listed = entries.get("contacts") if isinstance(entries, dict) and entries.keys() == {"contacts"} else None
    if not isinstance(listed, list):
        fail(ExitCode.USAGE, f"{file}: should have one entry, `contacts:`, with a list of contacts")
    planned = [_contact(entry, f"{file}: contacts.{place}.") for place, entry in enumerate(listed)]
    names = [contact.key for contact in planned]
    if twice := next((name for name in names if names.count(name) > 1), None):
        fail(ExitCode.USAGE, f"{file}: {twice} stands there twice; keep one")
    standing = await contacts.registered(settings())
    await _publish([contact for contact in planned if standing.get(contact.key) != contact], as_json)


@contact_app.command("ls")
@command
async def ls(
    city: Annotated[str | None, typer.Option(help="Of this city alone.")] = None, as_json: AsJson = False
) -> None:
    """Every contact, with its ways.

    Example: duban contact ls --city mianyang
    """
    table = Table("contact", "by", "to", "quiet", "digest", box=None, pad_edge=False, header_style="dim")
    for key, contact in sorted((await contacts.registered(settings())).items()):
        if city is not None and contact.jurisdiction != city:
            continue
        if as_json:
            write_json({"contact": key, **plain(contact)})
        quiet = f"{contact.quiet.begins}–{contact.quiet.ends}" if contact.quiet else "–"
        for way in contact.ways:
            table.add_row(*map(escape, (key, way.by, way.to, quiet, " ".join(contact.digest) or "–")))
    if not as_json:
        out().print(table)


@contact_app.command("rm")
@command
async def rm(key: Key, as_json: AsJson = False) -> None:
    """Remove a contact: nobody is told by it any more, and its record is gone from the topic with its compaction.

    Example: duban contact rm mianyang/ecology/li
    """
    await _publish([contacts.removed(await _registered(key))], as_json)


@contact_app.command("test")
@command
async def test(key: Key, as_json: AsJson = False) -> None:
    """Have escalation send a trial notice by each way of a contact, and say what came of it; ends with 1 if one failed.

    Example: duban contact test mianyang/ecology/li
    """
    known = settings()
    contact = contacts.tried(await _registered(key), await present(known))
    async with publishing(known) as publisher:
        await publisher.publish(contacts.published(contact, await present(known)))
    ids = contacts.trial_ids(contact)
    became: dict[str, str] = {}
    until = time.monotonic() + _TRIAL_SECONDS
    async with database(known) as pool:
        while len(became) < len(ids) and time.monotonic() < until:
            settled = await contacts.outcomes(pool, list(ids.values()))
            became = {name: settled[id_] for name, id_ in ids.items() if id_ in settled}
            await asyncio.sleep(_BETWEEN_LOOKS if len(became) < len(ids) else 0)
    for name in ids:
        if as_json:
            write_json({"contact": key, "way": name, "outcome": became.get(name, "waiting")})
        else:
            words = _BECAME.get(became.get(name, ""), "still waits: the log of escalation says why")
            out().print(escape(f"{name}: {words}"))
    if any(became.get(name) != "posted" for name in ids):
        raise typer.Exit(ExitCode.FAILURE)


@contact_app.command("rota")
@command
async def rota(
    unit: Unit,
    person: Annotated[
        list[str] | None, typer.Option(help="Who takes turns, in this order: contacts of the unit, by their ids.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="When the first takes over; others at that time of day.")] = None,
    days: Annotated[int, typer.Option(help="Days of a turn.", min=1, max=366)] = 7,
    every: Annotated[int, typer.Option(help="Minutes between two calls.", min=1, max=120)] = 5,
    no_rota: Annotated[bool, typer.Option("--no-rota", help="Have nobody of the unit on call.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say who of a unit is on call, in turn: who has the turn is called out, again and again until somebody answers.

    Who stands in for somebody stays, as `duban contact relieve` said.

    Example: duban contact rota mianyang/ecology --person li --person wang --since 2026-12-01T09:00+08:00
    """
    known = settings()
    city, of_unit = _unit(unit)
    standing = (await contacts.rotas(known)).get(unit)
    if no_rota:
        if standing is None:
            fail(ExitCode.NOT_FOUND, f"{unit} has no rota: see `duban contact oncall`")
        await _publish([contacts.ended(standing)], as_json)
        return
    if not person or since is None:
        fail(ExitCode.USAGE, "give --person, once for each who takes turns, and --since; or --no-rota")
    unknown = {f"{unit}/{name}" for name in person} - (await contacts.registered(known)).keys()
    if unknown:
        fail(
            ExitCode.NOT_FOUND,
            f"{min(unknown)} is no contact, and could not be called: `duban contact set` makes it one",
        )
    zone = (await zones(known, utc=False)).get(city)
    if zone is None:
        fail(ExitCode.NOT_FOUND, f"no pack of {city} is published, by whose clock turns would change")
    given = {
        "jurisdiction": city, "unit": of_unit, "persons": person, "since": instant_in("--since", since).isoformat(),
        "days": days, "minutes": every, "zone": zone.key,
    }  # fmt: skip
    await _publish([_rota(given, standing)], as_json)


@contact_app.command("relieve")
@command
async def relieve(
    unit: Unit,
    person: Annotated[str, typer.Argument(help="Who stands in, by the id.", show_default=False)],
    begins: Annotated[str, typer.Option("--from", help="From when, as 2026-12-24T18:00+08:00.")],
    until: Annotated[str, typer.Option(help="Until when.")],
    as_json: AsJson = False,
) -> None:
    """Have somebody stand in on the rota of a unit, whoever has the turn; what is over is left out from then on.

    Example: duban contact relieve mianyang/ecology wang --from 2026-12-24T18:00+08:00 --until 2026-12-26T09:00+08:00
    """
    known = settings()
    standing = (await contacts.rotas(known)).get(unit)
    if standing is None:
        fail(ExitCode.NOT_FOUND, f"{unit} has no rota: `duban contact rota` makes one")
    await _registered(f"{unit}/{person}")
    now = await present(known)
    given = {
        "person": person, "begins": instant_in("--from", begins).isoformat(),
        "ends": instant_in("--until", until).isoformat(),
    }  # fmt: skip
    try:
        relief = from_data(given, Relief)
    except msgspec.ValidationError as error:
        fail(ExitCode.USAGE, str(flaw_of(error, Relief)))
    changed = contacts.relieved(standing, relief, now)
    await _publish([_rota(plain(changed), changed)], as_json)


@contact_app.command("oncall")
@command
async def oncall(as_json: AsJson = False) -> None:
    """Who is on call now, for each unit with a rota, and until when.

    Example: duban contact oncall
    """
    known = settings()
    now = await present(known)
    table = Table("unit", "on call", "until", "in turn", box=None, pad_edge=False, header_style="dim")
    for unit, standing in sorted((await contacts.rotas(known)).items()):
        turn = standing.stint(now)
        if as_json:
            write_json({**plain(standing), "on_call": None if turn is None else plain(turn)})
        until = shown_at(turn.ends, standing.shown_in) if turn else "–"
        table.add_row(*map(escape, (unit, turn.person if turn else "–", until, " ".join(standing.persons))))
    if not as_json:
        out().print(table)


async def _registered(key: str) -> RegisteredContact:
    contact = (await contacts.registered(settings())).get(key)
    if contact is None:
        fail(ExitCode.NOT_FOUND, f"{key} is no contact: see `duban contact ls`")
    return contact


async def _publish(changed: Sequence[contacts.Registered], as_json: bool) -> None:
    known = settings()
    at = await present(known)
    async with publishing(known) as publisher:
        await publisher.publish([record for contact in changed for record in contacts.published(contact, at)])
    for contact in changed:
        action = "registered" if contacts.stands(contact) else "removed"
        if as_json:
            write_json({"contact": contact.key, "action": action})
        else:
            err().print(escape(f"{contact.key} {action}"))


def _named(key: str) -> dict[str, str]:
    """The fields that ``key`` names; ends the command where it names no contact."""
    parts = key.split("/")
    if not 2 <= len(parts) <= 3:
        fail(ExitCode.USAGE, f"{key}: should be CITY/UNIT or CITY/UNIT/PERSON, as mianyang/ecology/li")
    return dict(zip(("jurisdiction", "unit", "person"), parts, strict=False))


def _unit(key: str) -> tuple[str, str]:
    """City and unit of ``key``; ends the command where it names no unit."""
    parts = key.split("/")
    if len(parts) != 2:
        fail(ExitCode.USAGE, f"{key}: should be CITY/UNIT, as mianyang/ecology")
    return parts[0], parts[1]


def _rota(given: Mapping[str, Any], standing: RegisteredRota | None) -> RegisteredRota:
    try:
        return contacts.rota_of(given, standing)
    except msgspec.ValidationError as error:
        fail(ExitCode.USAGE, str(flaw_of(error, RegisteredRota)))


def _contact(given: Any, where: str) -> RegisteredContact:
    """The contact that ``given`` says; ends the command where it says none, naming the place after ``where``."""
    try:
        contact = from_data(given, RegisteredContact)
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, RegisteredContact)
        fail(ExitCode.USAGE, f"{where}{'.'.join(flaw.place)}: {flaw.what}")
    if not contact.ways:
        fail(ExitCode.USAGE, f"{where}ways: is empty; say how {contact.key} is reached")
    return contact
