"""``duban source``: who may hand in reports and readings, and how they speak."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import orjson
import typer
from rich.markup import escape
from rich.table import Table

from duban.messages import struct
from duban.messages.sources import RegisteredSource
from duban.messages.struct import flaw_of, from_data, plain
from duban_cli.connection import database, present, publishing, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, length_in, out, shown_at, write_json
from duban_console import sources
from duban_console.source_journal import activity

source_app = typer.Typer(
    no_args_is_help=True, help="Sources: who may hand in reports and readings, how they speak, and with which key."
)

Name = Annotated[str, typer.Argument(help="The source: lower case, digits and . / -", show_default=False)]


Callback = Annotated[
    str | None,
    typer.Option(help="Where it is told what becomes of its reports: registered, dispatched, answered, closed."),
]

#: What was done, as it is told of what is only planned.
_PLANNED: Final = {"registered": "would be registered"}


@dataclass(frozen=True, slots=True)
class _SourceChange:
    """What was done to a source, its new key, if it was given one, and the secret that signs what it is told."""

    source: RegisteredSource
    action: str
    key: str | None = None
    secret: str | None = None


@source_app.command("add")
@command
async def add(
    name: Name,
    jurisdiction: Annotated[str | None, typer.Option(help="For which it reports, and for no other.")] = None,
    channel: Annotated[str | None, typer.Option(help="Of the pack, for reports that name none.")] = None,
    kind: Annotated[str, typer.Option(help="How it speaks; docs/integrating.md lists the kinds.")] = "reports",
    category: Annotated[str | None, typer.Option(help="Of the pack, for reports that name none.")] = None,
    also: Annotated[
        list[str] | None, typer.Option("--as", help="A further name that its reports bear as their source.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="What its fields mean, YAML.", exists=True, dir_okay=False)
    ] = None,
    signature: Annotated[
        str | None,
        typer.Option(help="How its requests are signed, in place of a key: standard, github, grafana or twilio."),
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Most reports a minute.", min=1)] = None,
    max_body: Annotated[int | None, typer.Option(help="Largest body of a request, in bytes.", min=1024)] = None,
    keeper: Annotated[str | None, typer.Option(help="The unit of the policy that keeps it going.")] = None,
    quiet: Annotated[
        str | None, typer.Option(help="For how long it may be silent before its keeper owes a duty: 30m, 6h, 2d.")
    ] = None,
    callback: Callback = None,
    principal: Annotated[
        str | None, typer.Option(help="As whom it comes to the brokers itself; `duban kafka acl apply` lets it write.")
    ] = None,
    is_open: Annotated[bool, typer.Option("--open", help="Take it without a key, from this machine alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Register a source; its key is shown this once, and kept nowhere.

    A source that signs has no key: its secret goes into the file that DUBAN_SOURCE_SECRETS names to the gateway. What a
    source is told is signed by a secret that is shown this once and goes into the file of DUBAN_CALLBACK_SECRETS.

    Example: duban source add hotline --kind reports --jurisdiction mianyang --channel mayor-hotline
    """
    given = {
        "name": name, "kind": kind, "jurisdiction": jurisdiction, "channel": channel, "category": category,
        "names": also or [], "is_open": is_open, "signature": signature, "rate": rate, "max_body": max_body,
        "mapping": _yaml(mapping) if mapping else None, "keeper": keeper,
        "quiet": None if quiet is None else _seconds(quiet),
        "callback": callback, "principal": principal,
    }  # fmt: skip
    source = _source(given, "--")
    if source.name in await sources.registered(settings()):
        say = f"{name} is registered already; `duban source rotate` gives it a new key, `set` and `apply` change it"
        fail(ExitCode.CONFLICT, say)
    _tell(await _apply([source]), as_json)


@source_app.command("set")
@command
async def set_(
    name: Name,
    callback: Callback = None,
    no_callback: Annotated[bool, typer.Option("--no-callback", help="Tell it nothing any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell a source what becomes of the reports that it hands in from now on, or tell it nothing any more.

    The secret that signs is shown once, where it was told nothing before; another address keeps it.

    Example: duban source set hotline --callback https://hotline.example.org/duban
    """
    if no_callback == (callback is not None):
        fail(ExitCode.USAGE, "give one of --callback and --no-callback")
    source = plain(await _registered(name))
    _tell(await _apply([_source({**source, "callback": callback}, "--")]), as_json)


@source_app.command("apply")
@command
async def apply(
    file: Annotated[Path, typer.Argument(help="`sources:`, a list of them, YAML.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Register the sources in a file as they stand there: all of them, or none; what stands already stays.

    A source that names no keys keeps those that it has; one that never had any is given one, shown this once. A file
    holds hashes of keys, never keys: `duban source key` makes both. Sources that are not in the file stay as they are.

    Example: duban source apply deploy/sources.yaml --dry-run
    """
    entries = _yaml(file)
    if not isinstance(entries, dict) or entries.keys() != {"sources"} or not isinstance(entries["sources"], list):
        fail(ExitCode.USAGE, f"{file}: should have one entry, `sources:`, with a list of sources")
    planned = [_source(entry, f"{file}: sources.{place}.") for place, entry in enumerate(entries["sources"])]
    names = [source.name for source in planned]
    if twice := next((name for name in names if names.count(name) > 1), None):
        fail(ExitCode.USAGE, f"{file}: {twice} stands there twice; keep one")
    _tell(await _apply(planned, dry_run=dry_run), as_json)


@source_app.command("key")
@command
async def key(as_json: AsJson = False) -> None:
    """Make a key and its hash, for a file of sources; nothing is registered.

    Example: duban source key
    """
    made = sources.new_key()
    known = sources.key_as_registered(made, await present(settings()))
    if as_json:
        write_json({"key": made, **plain(known)})
        return
    out().print(f"key:    {made}\nsha256: {known.sha256}\nsince:  {known.since.isoformat(timespec='seconds')}")


@source_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every source: how it speaks, for whom, and since when its keys hold.

    Example: duban source ls
    """
    table = Table("source", "kind", "jurisdiction", "channel", "keys", "", box=None, pad_edge=False, header_style="dim")
    for name, source in sorted((await sources.registered(settings())).items()):
        if as_json:
            write_json(plain(source))
        keys = " ".join(f"{key.sha256[:8]}…@{key.since:%Y-%m-%d}" for key in source.keys)
        state = "off" if source.is_off else "open" if source.is_open else ""
        cells = (name, source.kind, source.jurisdiction or "any", source.channel or "–", keys or "–", state)
        table.add_row(*map(escape, cells))
    if not as_json:
        out().print(table)


@source_app.command("rotate")
@command
async def rotate(name: Name, as_json: AsJson = False) -> None:
    """Give a source a new key, shown this once; the newest of its keys holds beside it until the next rotation.

    So: rotate, give every sender the new key, and rotate once more if the old one must not hold any longer.

    Example: duban source rotate hotline
    """
    from duban_intake.channels.kinds import carrier_of, shows_key

    source = await _registered(name)
    if source.is_open:
        fail(ExitCode.CONFLICT, f"{name} is open: it has no key. Register another source, and turn this one off")
    if not shows_key(source):
        fail(
            ExitCode.CONFLICT,
            f"{name} comes by {carrier_of(source)}: it has no key, and nobody shows one there",
        )
    made = sources.new_key()
    keyed = sources.rotated(source, sources.key_as_registered(made, await present(settings())))
    await _publish([keyed])
    _tell([_SourceChange(keyed, "rotated", made)], as_json)


@source_app.command("off")
@command
async def off(name: Name, as_json: AsJson = False) -> None:
    """Take nothing of a source any more; its names stay its own, and `duban source on` takes it back.

    Example: duban source off hotline
    """
    await _turn(name, as_json, is_off=True)


@source_app.command("on")
@command
async def on(name: Name, as_json: AsJson = False) -> None:
    """Take a source back that was turned off, with the keys that it had.

    Example: duban source on hotline
    """
    await _turn(name, as_json, is_off=False)


@source_app.command("doctor")
@command
async def doctor(name: Name, as_json: AsJson = False) -> None:
    """Tell how a source does: when it spoke, what was refused and why, what its mapping made of the last payload.

    Of the payload the names of its fields are shown, and no values; who is named in a report is masked. What happened
    in the last seconds may be missing.

    Example: duban source doctor hotline
    """
    from duban_intake.channels.kinds import carrier_of, shows_key

    source = await _registered(name)
    known = settings()
    async with database(known) as pool:
        seen = await activity(pool, name)
    if as_json:
        write_json({"source": plain(source), "activity": None if seen is None else asdict(seen)})
        return
    console = out()
    keys = f"{len(source.keys)} keys" if shows_key(source) else f"by {carrier_of(source)}"
    state = "off" if source.is_off else "open" if source.is_open else keys
    console.print(escape(f"{name}: {source.kind}, {source.jurisdiction or 'any jurisdiction'}, {state}"))
    if seen is None:
        console.print("it was never heard: it has not sent anything yet, or not as it should")
        return
    ago = await present(known) - seen.spoke_at
    too_long = source.quiet is not None and ago.total_seconds() > source.quiet
    silent = f": too long, it may be silent for {timedelta(seconds=source.quiet or 0)}" if too_long else ""
    console.print(f"last heard {shown_at(seen.spoke_at, None)}, {str(ago).partition('.')[0]} ago{silent}")
    console.print(f"{seen.accepted} taken, {seen.refused} refused")
    for refusal in seen.refusals:
        place = f" {refusal['field']}:" if refusal["field"] else ""
        console.print(escape(f"  {refusal['at'][:19]}Z {refusal['code']}:{place} {refusal['message']}"))
    for title, part in (("fields of the last payload", seen.shape), ("made of it", seen.made)):
        if part is not None:
            console.print(f"{title}:\n{escape(orjson.dumps(part, option=orjson.OPT_INDENT_2).decode())}")


async def _turn(name: str, as_json: bool, *, is_off: bool) -> None:
    source = struct.replace(await _registered(name), is_off=is_off)
    await _publish([source])
    _tell([_SourceChange(source, "turned off" if is_off else "turned on")], as_json)


async def _registered(name: str) -> RegisteredSource:
    source = (await sources.registered(settings())).get(name)
    if source is None:
        fail(ExitCode.NOT_FOUND, f"{name} is not registered: see `duban source ls`")
    return source


async def _apply(planned: list[RegisteredSource], *, dry_run: bool = False) -> list[_SourceChange]:
    """Register ``planned``, each with a key of its own if it has none and shows one."""
    from duban_intake.channels.kinds import shows_key

    known = settings()
    at = await present(known)
    done: list[_SourceChange] = []
    standing = await sources.registered(known)
    for source, differs in sources.changes(planned, standing):
        before = standing.get(source.name)
        is_new = source.callback is not None and (before is None or before.callback is None)
        secret = sources.new_secret() if is_new and not dry_run else None
        if source.keys or source.is_open or source.signature or not shows_key(source):
            done.append(_SourceChange(source, "registered" if differs else "stands as it is", secret=secret))
        else:
            made = sources.new_key()
            keyed = struct.replace(source, keys=(sources.key_as_registered(made, at),))
            done.append(_SourceChange(keyed, "registered", None if dry_run else made, secret))
    if not dry_run:
        await _publish([change.source for change in done if change.action == "registered"])
        return done
    return [_SourceChange(change.source, _PLANNED.get(change.action, change.action)) for change in done]


async def _publish(changed: list[RegisteredSource]) -> None:
    known = settings()
    at = await present(known)
    async with publishing(known) as publisher:
        await publisher.publish([sources.record(source, at) for source in changed])


def _tell(done: list[_SourceChange], as_json: bool) -> None:
    for change in done:
        name = change.source.name
        if as_json:
            shown_once = {"key": change.key, "callback_secret": change.secret}
            given = {shown: text for shown, text in shown_once.items() if text}
            write_json({"source": name, "action": change.action, **given})
            continue
        err().print(f"{escape(name)} {change.action}")
        if change.source.signature and change.action == "registered":
            err().print(f"it signs: put `{escape(name)}: SECRET` into the gateway's file DUBAN_SOURCE_SECRETS")
        if change.key:
            out().print(change.key)
            err().print("this is its key, shown this once; it goes with each request: Authorization: Bearer KEY")
        if change.secret:
            out().print(f"{escape(name)}: {change.secret}")
            err().print(
                "what it is told is signed by this secret, shown this once: put the line into escalation's file "
                "DUBAN_CALLBACK_SECRETS"
            )


def _seconds(age: str) -> int:
    length = length_in(age)
    if length is None:
        fail(ExitCode.USAGE, f"--quiet: {age} is no length of time; write it as 30m, 6h or 2d")
    return round(length.total_seconds())


def _yaml(file: Path) -> Any:
    from duban.policy.plain_data import Unreadable, plain_data
    from duban_cli.yaml_file import read_yaml

    try:
        return plain_data(read_yaml(file))
    except Unreadable as error:
        fail(ExitCode.USAGE, f"{file}: {error}")


def _source(given: Any, where: str) -> RegisteredSource:
    """The source that ``given`` says; ends the command where it says none, naming the place after ``where``."""
    try:
        present_fields = {name: value for name, value in given.items() if value is not None}
        return _understood(from_data(present_fields, RegisteredSource))
    except AttributeError:
        fail(ExitCode.USAGE, f"{where.rstrip('.')}: should be a source, with its name")
    except msgspec.ValidationError as error:
        flaw = flaw_of(error, RegisteredSource)
        fail(ExitCode.USAGE, f"{where}{'.'.join(flaw.place)}: {flaw.what}")


def _understood(source: RegisteredSource) -> RegisteredSource:
    """``source``, if there is a channel that would understand it; ends the command where there is none."""
    from duban_intake.channels.columns import MappingError
    from duban_intake.channels.kinds import check

    try:
        check(source)
    except MappingError as error:
        fail(ExitCode.USAGE, str(error))
    return source
