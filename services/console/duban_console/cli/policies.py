"""``duban pack``: policy packs and calendars, checked and published."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from duban.calendar import CalendarNotice
from duban.errors import PackError
from duban.io.publishing import Publisher
from duban.io.settings import Settings
from duban.policy import PolicyPack, PublishedCalendar
from duban_console import packs
from duban_console.cli.output import AsJson, Code, command, err, fail, out, write_json
from duban_console.cli.reaching import asking, present, publishing, settings
from duban_console.recomputing import recompute

pack_app = typer.Typer(no_args_is_help=True, help="Policy packs and holiday calendars: check, publish, list.")

Files = Annotated[list[Path], typer.Argument(help="Packs and calendars, YAML.", exists=True, dir_okay=False)]


@pack_app.command("lint")
@command
async def lint(files: Files, as_json: AsJson = False) -> None:
    """Check packs and calendars against every law; ends with 1 if one is broken.

    A pack is also compiled on its calendar, taken from the files given or from ../calendars beside the pack.

    Example: duban pack lint deploy/packs/mianyang.yaml
    """
    broken = 0
    for path in files:
        fault = _fault(path, files)
        broken += fault is not None
        if as_json:
            where = {"path": fault.path, "law": fault.law} if fault else {}
            write_json({"file": str(path), "ok": fault is None, **where})
        elif fault:
            out().print(f"[red]✗[/] {escape(str(fault))}")
        else:
            out().print(f"[green]✓[/] {escape(str(path))}")
    if broken:
        fail(Code.FAILURE, f"{broken} of {len(files)} files cannot be published")


def _fault(path: Path, files: list[Path]) -> PackError | None:
    """The first law that the file breaks."""
    try:
        missing = packs.check_together([(path, packs.load(path))], _notices(path, files))
    except PackError as error:
        return error
    if missing:
        err().print(
            f"[yellow]![/] {escape(str(path))}: calendar {missing[0]} not at hand, so working time is unchecked"
        )
    return None


def _notices(path: Path, files: list[Path]) -> list[CalendarNotice]:
    """The calendars at hand; one that is itself broken is no calendar, and is told when its own turn comes."""
    found = []
    for one in [*path.resolve().parent.parent.glob("calendars/*.yaml"), *files]:
        try:
            loaded = packs.load(one)
        except PackError:
            continue
        if isinstance(loaded, PublishedCalendar):
            found.append(loaded.notice)
    return found


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
    for one in notices:
        assert isinstance(one, PublishedCalendar)
        async with asking(known) as reading:
            sent = await recompute(reading, publisher, one.notice, standing, at)
        err().print(f"the deadlines of {sent} open problems are evaluated again")


@pack_app.command("ls")
@command
async def ls(as_json: AsJson = False) -> None:
    """Every pack and calendar that is published.

    Example: duban pack ls
    """
    table = Table("key", "version", "jurisdiction", "title", box=None, pad_edge=False, header_style="dim")
    for key, one in sorted((await packs.published(settings())).items()):
        pack = one if isinstance(one, PolicyPack) else None
        version = pack.version if pack else one.notice.version if isinstance(one, PublishedCalendar) else 0
        jurisdiction, title = (pack.jurisdiction, pack.title.en) if pack else ("–", "holiday calendar")
        if as_json:
            write_json({"key": key, "version": version, "jurisdiction": pack and pack.jurisdiction, "title": title})
        table.add_row(escape(key), str(version), escape(jurisdiction), escape(title))
    if not as_json:
        out().print(table)
