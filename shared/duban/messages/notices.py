"""Notices and ticks: what must be told to whom, and what time the driven clock shows."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from duban.messages.envelope import Payload
from duban.messages.struct import AwareDatetime
from duban.moves import Kind


class Concern(StrEnum):
    """What a notice is to its recipient."""

    TOLD = "told"  #: something happened, or a measure was taken
    ASKED = "asked"  #: a measure is not taken yet: it waits for the recipient's approval


class Notice(Payload):
    """What must be told to whom. Escalation writes it, of bulletins the API; the deliverer reads it, once by its id.

    ``kind``, ``problem_id``, ``number`` and ``title`` are of the record that it is about, or stand for what is none: a
    rota, a trial, a bulletin (``bulletin_sent``), of which ``problem_id`` is its own. ``event`` is what happened to it;
    where that took a measure, ``measure`` says which, and ``obligation`` on what ground. ``provisional``: no holiday
    notice covers all of the limit that ends at ``lapse_at``. ``concern``: whether the recipient is told of it or asked
    to approve it, which is done by the ``version`` of the event. Of an entry on a list, ``of`` says who stands there
    and ``ground`` why. ``urgent``: it waits for nobody's quiet hours. What is told a source of one of its reports
    names it: ``source`` and ``report`` are its source and its id there. Where it is for one ``person`` of the unit,
    that one alone is told.
    """

    TOPIC: ClassVar[str] = "duban.notices.v1"
    TYPE: ClassVar[str] = "duban.notice.issued"

    recipient: str
    kind: Kind
    event: str
    measure: str | None = None
    measure_kind: str | None = None
    level: int = 0
    obligation: str | None = None
    part: str | None = None
    problem_id: UUID
    number: str
    title: str
    owner: str
    lapse_at: AwareDatetime
    provisional: bool = False
    public: bool = False
    text: str
    issued_at: AwareDatetime
    concern: Concern = Concern.TOLD
    version: int | None = None
    of: str | None = None
    ground: str | None = None
    source: str | None = None
    report: str | None = None
    urgent: bool = False
    person: str | None = None


class Tick(Payload):
    """The driven clock shows ``at``. The player writes it; every service on the driven clock reads it."""

    TOPIC: ClassVar[str] = "duban.clock.v1"
    TYPE: ClassVar[str] = "duban.clock.ticked"

    at: AwareDatetime


NOTICES: dict[str, type[Notice]] = {Notice.TYPE: Notice}
TICKS: dict[str, type[Tick]] = {Tick.TYPE: Tick}
