"""``duban pack``: policy packs and calendars, checked and published."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from duban.calendar import CalendarNotice
from duban.errors import PackError
from duban.policy import PolicyPack, PublishedCalendar
from duban.policy.advice import Advice
from duban.policy.language import in_language, refusal
from duban.texts import printable
from duban_cli.connection import asking, present, publishing, settings
from duban_cli.output import AsJson, ExitCode, command, err, fail, out, write_json
from duban_console.pack_text import Language, differences, explained, in_words, section_name
from duban_console.packs import publication as packs
from duban_console.packs.lint import linted
from duban_console.packs.recomputation import recompute
from duban_local import ROOT

if TYPE_CHECKING:
    from duban.io.publisher import Publisher
    from duban.io.settings import Settings

pack_app = typer.Typer(no_args_is_help=True, help="Policy packs and calendars: check, explain, compare, publish, list.")

#: The calendars that come with Duban.
_SHIPPED: Final = ROOT / "deploy/calendars"

APack = Annotated[str, typer.Argument(help="A file, or a published pack as id@version.", show_default=False)]
Files = Annotated[list[Path], typer.Argument(help="Packs and calendars, YAML.", exists=True, dir_okay=False)]


@pack_app.command("lint")
@command
async def lint(
    files: Files,
    strict: Annotated[bool, typer.Option("--strict", help="Let a warning count as a broken law.")] = False,
    lang: Annotated[Language, typer.Option(help="The language of laws and advice.")] = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Check packs and calendars against every law; ends with 1 if one is broken.

    A pack is also compiled on its calendar, taken from the files given, from ../calendars beside the pack, or from
    those that come with Duban. What breaks no law and still looks like a slip is a warning; a note may be meant so.

    Example: duban pack lint deploy/packs/mianyang-2022.yaml
    """
    broken = warned = 0
    for path in files:
        fault, entries = _checked(path, files, lang)
        broken += fault is not None
        warned += any(entry.severity == "warning" for entry in entries)
        if as_json:
            where = {"path": in_language(fault.path, lang), "law": in_language(fault.law, lang)} if fault else {}
            write_json(
                {"file": str(path), "ok": fault is None, **where, "advice": [asdict(entry) for entry in entries]}
            )
        else:
            _tell(path, refusal(fault, lang) if fault else None, entries)
    if broken:
        fail(ExitCode.FAILURE, f"{broken} of {len(files)} files cannot be published")
    if warned and strict:
        fail(ExitCode.FAILURE, f"{warned} of {len(files)} files have warnings")


def _checked(path: Path, files: list[Path], lang: Language) -> tuple[PackError | None, list[Advice]]:
    """The first law that the file breaks; else what there is to say about it."""
    try:
        loaded = packs.load(path)
    except PackError as error:
        return error, []
    lint_ = linted(loaded, str(path), _notices(path, files), lang)
    if lint_.missing:
        err().print(
            f"[yellow]![/] {escape(str(path))}: calendar {lint_.missing} not at hand, so working time is unchecked"
        )
    return lint_.fault, list(lint_.advice)


def _tell(path: Path, fault: str | None, entries: list[Advice]) -> None:
    console = out()
    console.print(f"[red]✗[/] {escape(fault)}" if fault else f"[green]✓[/] {escape(str(path))}")
    for entry in entries:
        mark, style = ("[yellow]![/]", "") if entry.severity == "warning" else ("[dim]·[/]", "[dim]")
        console.print(f"  {mark} {style}{escape(f'{entry.path}: {entry.words}')} [dim]({entry.code})[/]")


def _notices(path: Path, files: list[Path]) -> list[CalendarNotice]:
    """The calendars at hand, the nearest of each id; one that is itself broken is told when its own turn comes."""
    notices: dict[str, CalendarNotice] = {}
    shipped = _SHIPPED.glob("*.yaml")
    for file in [*shipped, *path.resolve().parent.parent.glob("calendars/*.yaml"), *files]:
        try:
            loaded = packs.load(file)
        except PackError:
            continue
        if isinstance(loaded, PublishedCalendar):
            notices[loaded.notice.id] = loaded.notice
    return list(notices.values())


@pack_app.command("explain")
@command
async def explain(
    pack: APack,
    lang: Annotated[Language, typer.Option(help="The language of the sentences.")] = Language.EN,
) -> None:
    """Tell a pack in sentences, as Markdown: who answers for what, what is due when, and what follows if not.

    Example: duban pack explain deploy/packs/mianyang-2022.yaml --lang zh
    """
    sys.stdout.write(printable(explained(await _pack(pack), lang), but="\n"))


@pack_app.command("diff")
@command
async def diff(
    before: APack,
    after: APack,
    lang: Annotated[Language, typer.Option(help="The language of the pack's own texts.")] = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two packs, entry by entry; ends with 0 if nothing did, with 1 if something did.

    Example: duban pack diff mianyang-2022@1 deploy/packs/mianyang-2022.yaml
    """
    try:
        changes = differences(await _pack(before), await _pack(after), lang)
    except PackError as error:
        fail(ExitCode.USAGE, str(error))  # 1 would say that they differ
    section = None
    for change in changes:
        if as_json:
            write_json(asdict(change))
            continue
        if change.section != section:
            section = change.section
            out().print(f"[bold]{escape(section_name(section, lang))}[/]")
        out().print(f"  {escape(in_words(change))}")
    if changes:
        raise typer.Exit(ExitCode.FAILURE)


async def _pack(name: str) -> PolicyPack:
    """The pack in the file ``named``, or the published pack ``id@version``; ends the command where there is none."""
    is_file = "@" not in name or Path(name).exists()  # noqa: ASYNC240 - nothing else runs
    pack = packs.load(Path(name)) if is_file else (await packs.published(settings())).get(name)
    if pack is None:
        fail(ExitCode.NOT_FOUND, f"{name} is neither a file nor a published pack: see `duban pack ls`")
    if not isinstance(pack, PolicyPack):
        fail(ExitCode.USAGE, f"{name} is a calendar, and no pack")
    return pack


@pack_app.command("publish")
@command
async def publish(
    files: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be published.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish packs and calendars to every service: all of the files, or none.

    A bad file is refused with 1; a pack that changed under an unchanged version with 4. What stands already stays.
    After a new version of a calendar, the deadlines of every open problem that counts by it are evaluated again.

    Example: duban pack publish deploy/packs/mianyang.yaml deploy/calendars/cn.yaml
    """
    known = settings()
    async with publishing(known) as publisher:
        at = await present(known)
        changes = await packs.publish(known, publisher, files, at, dry_run=dry_run)
        renewed = {change.key for change in changes if change.action == "publish" and not dry_run}
        await _recompute(known, publisher, renewed, at)
    for change in changes:
        if as_json:
            write_json({"key": change.key, "action": change.action, "file": change.file, "dry_run": dry_run})
        else:
            word = (
                "stands as it is" if change.action == "unchanged" else "would be published" if dry_run else "published"
            )
            out().print(f"{escape(change.key)} {word}")


async def _recompute(known: Settings, publisher: Publisher, renewed: set[str], at: datetime) -> None:
    """Have the deadlines that count by one of the calendars ``renewed`` evaluated again."""
    standing = await packs.published(known)
    notices = [standing[key] for key in renewed if isinstance(standing.get(key), PublishedCalendar)]
    for document in notices:
        assert isinstance(document, PublishedCalendar)
        async with asking(known) as ledger:
            sent = await recompute(ledger, publisher, document.notice, standing, at)
        err().print(f"the deadlines of {sent} open problems are evaluated again")


@pack_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every pack and calendar that is published.

    Example: duban pack ls
    """
    table = Table("key", "version", "jurisdiction", "title", box=None, pad_edge=False, header_style="dim")
    for key, document in sorted((await packs.published(settings())).items()):
        pack = document if isinstance(document, PolicyPack) else None
        version = pack.version if pack else document.notice.version if isinstance(document, PublishedCalendar) else 0
        jurisdiction, title = (pack.jurisdiction, pack.title.en) if pack else ("–", "holiday calendar")
        if as_json:
            write_json({"key": key, "version": version, "jurisdiction": pack and pack.jurisdiction, "title": title})
        table.add_row(escape(key), str(version), escape(jurisdiction), escape(title))
    if not as_json:
        out().print(table)
