"""Policy packs and calendars: checked as files, told apart from what is published, and published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duban.calendar import CalendarNotice
from duban.errors import CalendarError, DubanError, PackError
from duban.io.decode import delivery
from duban.messages.envelope import Message, Record, derived_id, encode
from duban.policy import PACKS, PolicyPack, PublishedCalendar, Rules, load_calendar, load_pack
from duban.policy.plain_data import MOST_CHARACTERS, Unreadable, plain_data
from duban.sentence import Sentence
from duban_console.kafka.topic_reader import records

if TYPE_CHECKING:
    from duban.io.publisher import Publisher
    from duban.io.settings import Settings

SOURCE = "duban/console"
Published = PolicyPack | PublishedCalendar


class Contradiction(DubanError):
    """What is to be published contradicts what is published already; what it says brings its Chinese along."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing a file does: its ``key`` on the topic, and whether it is there already."""

    key: str
    action: Literal["publish", "unchanged"]
    file: str


def key_of(published: Published) -> str:
    """The Kafka key: every version of a pack is kept, a calendar takes the place of its older version."""
    return published.ref if isinstance(published, PolicyPack) else f"calendar:{published.notice.id}"


def load(path: Path) -> Published:
    """The pack or the calendar in the file; a mapping with ``years`` is a calendar.

    Raises:
        PackError: naming file, place and the law that is broken.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except (OSError, UnicodeDecodeError) as error:
        law = Sentence(f"cannot be read: {error}", f"无法读取：{error}")
        raise PackError(str(path), "", law) from None
    return parsed(text, str(path))


def parsed(text: str, file: str) -> Published:
    """The same of the ``text`` of a file that people know as ``file``."""
    try:
        shape = plain_data(text)
    except Unreadable:
        shape = None  # the loader below says where
    if isinstance(shape, dict) and "years" in shape:
        return PublishedCalendar(notice=load_calendar(text, file))
    return load_pack(text, file)


def parsed_pack(text: str, file: str) -> PolicyPack:
    """The same where it is to be a pack; raises PackError also for a calendar."""
    document = parsed(text, file)
    if not isinstance(document, PolicyPack):
        raise PackError(file, "", Sentence("is a calendar, and no pack", "是日历，不是政策包"))
    return document


def check_together(loaded: Iterable[tuple[Path, Published]], known: Iterable[CalendarNotice]) -> list[str]:
    """Compile every pack on its calendar, among ``loaded`` or ``known``; the calendars that are in neither.

    Raises:
        PackError: a pack that its calendar cannot carry.
    """
    loaded = list(loaded)
    notices = {notice.id: notice for notice in known}
    notices |= {
        document.notice.id: document.notice for _, document in loaded if isinstance(document, PublishedCalendar)
    }
    missing: list[str] = []
    for path, document in loaded:
        if isinstance(document, PolicyPack):
            notice = notices.get(document.time.calendar)
            if notice is None:
                missing.append(document.time.calendar)
                continue
            try:
                Rules.compile(document, notice)
            except CalendarError as error:
                raise PackError(str(path), "time", error.args[0]) from None
    return sorted(set(missing))


async def published(settings: Settings) -> dict[str, Published]:
    """What stands on ``duban.packs.v1``, the newest of each key."""
    by_key: dict[str, Published] = {}
    async for record in records(settings, [PolicyPack.TOPIC]):
        if record.value is not None:
            message = delivery(record, PACKS).message
            by_key[message.key] = message.data
    return by_key


async def publish(
    settings: Settings, publisher: Publisher, paths: Sequence[Path], at: datetime, *, dry_run: bool = False
) -> list[Publication]:
    """Publish the files that are not published yet, all or none; what was done with each.

    Raises:
        PackError: a file that is no pack and no calendar, or breaks a law.
        Contradiction: a pack or calendar changed without a new version, or a pack whose calendar is not published.
    """
    loaded = [(path, load(path)) for path in paths]
    changes, records = prepared(loaded, await published(settings), at)
    if not dry_run:
        await publisher.publish(records)
    return changes


def prepared(
    loaded: Sequence[tuple[Path, Published]], standing: Mapping[str, Published], at: datetime
) -> tuple[list[Publication], list[Record]]:
    """What publishing ``loaded`` beside ``standing`` does to each, and what is written to the topic for it.

    Raises:
        PackError: a pack that its calendar cannot carry.
        Contradiction: as :func:`publish` says.
    """
    notices = [document.notice for document in standing.values() if isinstance(document, PublishedCalendar)]
    missing = check_together(loaded, notices)
    if missing:
        raise Contradiction(
            Sentence(
                f"the calendar {missing[0]} is not published: publish its file too",
                f"日历 {missing[0]} 尚未发布：请一并发布其文件",
            )
        )
    changes = [_change(path, document, standing.get(key_of(document))) for path, document in loaded]
    new = [document for (_, document), change in zip(loaded, changes, strict=True) if change.action == "publish"]
    # Calendars first: no pack is ever read before the calendar that it counts by.
    new.sort(key=lambda document: isinstance(document, PolicyPack))
    return changes, [_record(document, at) for document in new]


def _change(path: Path, document: Published, standing: Published | None) -> Publication:
    if standing == document:
        return Publication(key_of(document), "unchanged", str(path))
    if standing is not None:
        if isinstance(document, PolicyPack):
            raise Contradiction(
                Sentence(
                    f"{path}: {document.ref} is published already and differs; give the changed pack a new version",
                    f"{path}: {document.ref} 已发布且内容不同；修改后的政策包须使用新版本号",
                )
            )
        assert isinstance(standing, PublishedCalendar)
        if document.notice.version <= standing.notice.version:
            raise Contradiction(
                Sentence(
                    f"{path}: calendar {document.notice.id} is published as version {standing.notice.version}; "
                    "give the changed calendar a higher one",
                    f"{path}: 日历 {document.notice.id} 已发布为第 {standing.notice.version} 版；"
                    "修改后的日历须使用更高的版本号",
                )
            )
    return Publication(key_of(document), "publish", str(path))


def _record(document: Published, at: datetime) -> Record:
    key = key_of(document)
    version = document.version if isinstance(document, PolicyPack) else document.notice.version
    return encode(
        Message(
            id=str(derived_id("published", key, version)),
            source=SOURCE,
            subject=key,
            time=at,
            jurisdiction=document.jurisdiction if isinstance(document, PolicyPack) else "",
            key=key,
            data=document,
        )
    )
