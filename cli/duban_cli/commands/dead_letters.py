"""``duban dlq``: what could not be handled, why, back again, and who sent it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import typer
from rich.markup import escape
from rich.table import Table

from duban.clock import SystemClock
from duban.messages.audit import LetterReplayed, ReplayStep
from duban.messages.envelope import sendable
from duban.messages.struct import plain
from duban.texts import printable
from duban_cli.connection import publishing, settings
from duban_cli.identity import known_as
from duban_cli.output import AsJson, ExitCode, command, err, fail, instant_in, length_in, out, shown_at, write_json
from duban_console.kafka.audit import audit_lines, audit_trail
from duban_console.kafka.dead_letters import SUFFIX, LetterCounts, Which
from duban_console.kafka.letter_replay import Errand, Fate, Letter, LetterReplay, Passage, letters
from duban_console.kafka.record_format import shown, unpacked, written_out
from duban_console.kafka.topic_reader import partition_counts, topics_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from duban.io.settings import Settings

dlq_app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be handled, why, and back again.")

Topic = Annotated[str, typer.Argument(help="A topic of dead letters, <topic>.<group>.dlq.")]
Offset = Annotated[int | None, typer.Option(min=0, help="Only the letter at this offset.")]
Partition = Annotated[int, typer.Option(min=0, help="The partition of that offset.")]
Code = Annotated[str | None, typer.Option(help="Only letters that lie there under this code.")]
Because = Annotated[str | None, typer.Option(help="Only letters whose reason holds this text, capitals or not.")]
Since = Annotated[
    str | None, typer.Option(help="Only what came since: an age such as 90m, 24h or 7d, or an instant with its offset.")
]

#: The longest reason, in characters.
_LONGEST: Final = 2000
#: So much of what is no JSON is shown to people.
_SHOWN_BYTES: Final = 2000


@dlq_app.command("ls")
@command
async def ls(code: Code = None, because: Because = None, since: Since = None, as_json: AsJson = False) -> None:
    """How many dead letters lie in which topic, for which reason, since when, and how many were sent back.

    What is particular to one letter (ids, numbers) stands as # in the reason, so that letters of one kind are counted
    together.

    Example: duban dlq ls --since 24h
    """
    known, which = settings(), _which(code, because, since)
    topics = sorted(name for name in await topics_of(known) if name.endswith(SUFFIX))
    counts = LetterCounts()
    async with audit_trail(known) as trail, aclosing(letters(known, topics, which)) as meant:
        async for letter in meant:
            sent_back = trail.replays.sent_back(letter.place)
            counts.add(letter.place.topic, letter.reason, letter.laid_at, sent_back=sent_back)
    now = SystemClock().now()
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("topic", "code", "letters", "sent back", "first", "last", "reason"):
        table.add_column(title, justify="right" if title in ("letters", "sent back") else "left")
    kinds = counts.in_order()
    for kind in kinds:
        if as_json:
            write_json({"reason" if name == "gist" else name: held for name, held in asdict(kind).items()})
            continue
        instants = (f"{shown_at(at, None)} ({_age(now - at)})" for at in (kind.first_at, kind.last_at))
        cells = (kind.topic, kind.code, str(kind.letters), str(kind.sent_back), *instants, kind.gist)
        table.add_row(*(escape(printable(cell)) for cell in cells))
    if table.rows:
        out().print(table)
    err().print(f"{sum(kind.letters for kind in kinds)} dead letters in {len(topics)} topics")


@dlq_app.command("show")
@command
async def show(
    topic: Topic,
    offset: Offset = None,
    partition: Partition = 0,
    code: Code = None,
    because: Because = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """The dead letters of a topic: where each came from, why it lies there, what it holds, and who sent it back.

    Example: duban dlq show duban.commands.v1.duban-router.dlq --offset 3
    """
    known, which = settings(), _which(code, because, since)
    await _must_hold_letters(known, topic)
    count = 0
    async with audit_trail(known) as trail, aclosing(letters(known, [topic], which, _at(offset, partition))) as meant:
        async for letter in meant:
            count += 1
            latest = trail.replays.latest(letter.place)
            if as_json:
                write_json(_document(letter, latest))
            else:
                _print_letter(letter, latest, whole=offset is not None)
    _found(count, topic, offset, partition)


@dlq_app.command("replay")
@command
async def replay(
    topic: Topic,
    reason: Annotated[str, typer.Option(help="Why it will work now.")],
    offset: Offset = None,
    partition: Partition = 0,
    code: Code = None,
    because: Because = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter of the topic.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also letters that were sent back before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go where; nothing is sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to the topics they came from: key, value and headers as they came, and who sends them.

    That is who is signed in, on the engine of this machine the account under which the command runs. A letter goes
    back once; `duban dlq audit` tells by whom, when and why. The letters stay where they are. What was handled
    meanwhile changes nothing, for every effect has an id that follows from its cause. Ends with 4 when a letter cannot
    go, which keeps no other.

    Example: duban dlq replay duban.commands.v1.duban-router.dlq --code fault --reason "router 1.2 reads it"
    """
    which = _which(code, because, since)
    if sum((everything, offset is not None, not which.everything)) != 1:
        fail(ExitCode.USAGE, "say which: --offset N; or --code, --because, --since, together or alone; or --all")
    if not 0 < len(reason.strip()) <= _LONGEST:
        fail(ExitCode.USAGE, f"--reason: 1 to {_LONGEST} characters are taken; it stands in the audit for ever")
    known = settings()
    await _must_hold_letters(known, topic)
    errand = Errand(uuid4(), await known_as(), reason.strip(), again)
    fates = dict.fromkeys(Fate, 0)
    async with _passages(known, topic, which, _at(offset, partition), errand, dry_run=dry_run) as passages:
        async for passage in passages:
            fates[passage.fate] += 1
            _report(passage, errand, as_json=as_json, dry_run=dry_run)
    _found(sum(fates.values()), topic, offset, partition)
    went = f"{fates[Fate.WOULD_GO]} would go back" if dry_run else f"{fates[Fate.SENT]} went back"
    counts = (went, f"{fates[Fate.KEPT]} went before", f"{fates[Fate.REFUSED]} cannot go")
    err().print(", ".join(counts) + ("" if dry_run else f"; replay {errand.id}"))
    if fates[Fate.REFUSED] or (offset is not None and fates[Fate.KEPT]):
        raise typer.Exit(ExitCode.CONFLICT)


@dlq_app.command("audit")
@command
async def audit(
    by: Annotated[str | None, typer.Option(help="Only what this person sent back.")] = None,
    since: Since = None,
    as_json: AsJson = False,
) -> None:
    """Who sent which dead letter back, when, where to and why, in order.

    Example: duban dlq audit --since 7d
    """
    known, from_at = settings(), _since(since)
    every = [line async for line in audit_lines(known)]
    ended = {(line.replay, line.letter) for line in every if line.step is not ReplayStep.BEGUN}
    lines = [line for line in every if by in (None, line.by) and (from_at is None or line.at >= from_at)]
    table = Table("at", "by", "letter", "to", "code", "came of it", "reason", box=None, pad_edge=False,
                  header_style="dim")  # fmt: skip
    steps = dict.fromkeys(ReplayStep, 0)
    for line in lines:
        if as_json:
            write_json(plain(line))
        if line.step is not ReplayStep.BEGUN or (line.replay, line.letter) not in ended:
            steps[line.step] += 1
            came = {ReplayStep.SENT: "sent", ReplayStep.FAILED: f"failed: {line.error}"}.get(line.step, "not noted")
            cells = (shown_at(line.at, None, "seconds"), line.by, str(line.letter), line.to, line.code, came)
            table.add_row(*(escape(printable(cell)) for cell in (*cells, line.reason)))
    if table.rows and not as_json:
        out().print(table)
    words = (f"{steps[step]} {came}" for step, came in zip(ReplayStep, ("not noted", "sent", "failed"), strict=True))
    err().print(f"sent back: {', '.join(words)}")


@asynccontextmanager
async def _passages(
    known: Settings, topic: str, which: Which, at: tuple[int, int] | None, errand: Errand, *, dry_run: bool
) -> AsyncIterator[AsyncGenerator[Passage, None]]:
    """What becomes of each letter that is meant, as it comes."""
    counts = await partition_counts(known)
    if LetterReplayed.TOPIC not in counts:
        fail(ExitCode.NOT_FOUND, f"there is no topic {LetterReplayed.TOPIC} to note it in: run `duban topics apply`")
    async with audit_trail(known) as trail, aclosing(letters(known, [topic], which, at)) as meant:
        sending = LetterReplay(known, trail, errand, counts, SystemClock())
        if dry_run:
            async with aclosing(sending.considered(meant)) as passages:
                yield passages
            return
        async with publishing(known) as publisher, aclosing(sending.sent(meant, publisher)) as passages:
            yield passages


def _report(passage: Passage, errand: Errand, *, as_json: bool, dry_run: bool) -> None:
    place, record = passage.letter.place, passage.record
    if as_json:
        gone = None
        if record is not None:
            headers = [[name, shown(held)] for name, held in record.headers]
            gone = {"topic": record.topic, "partition": passage.partition, "key": shown(record.key),
                    "value_bytes": passage.value_bytes, "value_sha256": passage.value_sha256,
                    "headers": headers}  # fmt: skip
        write_json(
            {"replay": errand.id, "from": place.topic, "partition": place.partition, "offset": place.offset,
             "fate": passage.fate, "words": passage.words or None, "record": gone, "dry_run": dry_run}
        )  # fmt: skip
        return
    mark = f"{place.partition}/{place.offset}"
    if record is None:
        colour, arrow = ("red", "✗") if passage.fate is Fate.REFUSED else ("dim", "·")
        out().print(f"{mark} [{colour}]{arrow}[/] {escape(printable(passage.words))}")
        return
    key = printable(shown(record.key) or "–")
    out().print(
        f"{mark} → {escape(record.topic)} partition {passage.partition}, key {escape(key)}, "
        f"{passage.value_bytes} bytes, sha256 {passage.value_sha256[:16]}…"
    )
    for name, held in record.headers if dry_run else ():
        out().print(f"    [dim]{escape(printable(f'{name}: {shown(held)}'))}[/]")


def _document(letter: Letter, latest: LetterReplayed | None) -> dict[str, Any]:
    place, raw = letter.place, letter.raw
    return {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "laid_at": letter.laid_at,
        "reason": asdict(letter.reason),
        "key": shown(raw.key),
        "headers": [[sendable(name), shown(held)] for name, held in raw.headers],
        "data": unpacked(raw)["data"],
        "sent_back": plain(latest) if latest else None,
    }


def _print_letter(letter: Letter, latest: LetterReplayed | None, *, whole: bool) -> None:
    console, reason, raw = out(), letter.reason, letter.raw

    def line(text: str, style: str = "") -> None:
        words = escape(printable(text))
        console.print(f"  [{style}]{words}[/]" if style else f"  {words}")

    at = shown_at(letter.laid_at, None, "seconds")
    console.print(f"[bold]{raw.partition}/{raw.offset}[/] {at} [red]{escape(printable(reason.code))}[/]")
    line(f"reason: {reason.message or '–'}")
    line(
        f"came from: {letter.origin or reason.topic or '–'}, to the group {reason.group or '–'}; {reason.error or '–'}"
    )
    if latest is not None:
        came = "sent back" if latest.step is ReplayStep.SENT else "begun to be sent back"
        line(f"{came} by {latest.by} at {shown_at(latest.at, None, 'seconds')}: {latest.reason}", "yellow")
    line(f"key: {shown(raw.key) or '–'}")
    for name, held in raw.headers:
        if whole or not name.startswith(("__streams.errors.", "duban.dlq.")):
            line(f"{name}: {shown(held)}" if name != "__streams.errors.stacktrace" else f"{name}: below", "dim")
    if reason.cut is not None:
        line(f"cut: {len(raw.value or b'')} of {reason.cut.value_bytes} bytes are here; sha256 of the whole "
             f"{reason.cut.value_sha256}", "yellow")  # fmt: skip
    line("value:")
    for row in written_out(raw, None if whole else _SHOWN_BYTES):
        line(f"  {row}")
    for row in (reason.stacktrace or "").splitlines() if whole else ():
        line(row, "dim")


def _which(code: str | None, because: str | None, since: str | None) -> Which:
    return Which(code, because, _since(since))


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    age = length_in(text)
    return instant_in("--since", text) if age is None else SystemClock().now() - age


def _age(passed: timedelta) -> str:
    """``passed`` in its largest unit."""
    seconds = max(0, int(passed.total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _at(offset: int | None, partition: int) -> tuple[int, int] | None:
    return None if offset is None else (partition, offset)


async def _must_hold_letters(known: Settings, topic: str) -> None:
    """End the command where there is no such topic, or one that is none of dead letters."""
    if topic not in await topics_of(known):
        fail(ExitCode.NOT_FOUND, f"there is no topic {topic}; `duban dlq ls` lists them")
    if not topic.endswith(SUFFIX):
        fail(ExitCode.USAGE, f"{topic} holds no dead letters: their topics end in {SUFFIX}")


def _found(count: int, topic: str, offset: int | None, partition: int) -> None:
    if not count and offset is not None:
        fail(ExitCode.NOT_FOUND, f"{topic} holds no such letter at partition {partition}, offset {offset}")
