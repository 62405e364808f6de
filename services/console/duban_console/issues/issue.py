"""A bulletin as it was signed off: its figures, by whom, for whom, and what its recipients are told. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

from duban.errors import Fault
from duban.messages.envelope import Message, derived_id
from duban.messages.notices import Notice
from duban.moves import Kind
from duban.policy import PolicyPack, Rules
from duban.policy.model.assessment import Bulletin
from duban_console.accounts.access import appointments_for
from duban_console.accounts.session import Principal
from duban_console.assessment.selection import chosen
from duban_console.assessment.sheet import Sheet
from duban_console.assessment.sheet_formats import from_json, to_json
from duban_console.assessment.words import Language, said, texts, title_of

#: What happened, in the notice of an issue that was sent.
SENT: Final = "bulletin_sent"
_WORDS: Final = texts(
    {
        "sent": (
            "Bulletin {name}\n{unit} has signed it and sends it to you. It lies under Bulletins: {place}",
            "通报 {name}\n已由{unit}签发，现发送你单位，请在“通报”中查阅：{place}",
        ),
        "own": ("Of your unit: {cells}", "你单位情况：{cells}"),
    }
)


@dataclass(frozen=True, slots=True)
class Issue:
    """A bulletin that was signed. ``document`` is its JSON as ``duban bulletin`` writes it, under ``sha256``.

    ``number`` is that of the document (发文字号), if it has one. It was signed by the account ``signed_by``, whose
    name was ``signer``, for ``signed_for``. ``public``: the pack lets everybody read it, once it was sent.
    """

    id: UUID
    jurisdiction: str
    bulletin: str
    title: str
    number: str
    pack: str
    period: str
    first: date
    last: date
    as_of: datetime
    language: Language
    document: str
    sha256: str
    recipients: tuple[str, ...]
    public: bool
    signed_by: str
    signer: str
    signed_for: str
    signed_at: datetime
    sent_by: str | None = None
    sent_at: datetime | None = None

    def sheet(self, rules: Rules) -> Sheet:
        """The figures as they were signed; ``rules`` are those of its pack.

        Raises:
            LookupError: the pack has no such bulletin.
        """
        signed = chosen(rules.pack, self.bulletin).model_copy(update={"needs_approval": False})
        return from_json(self.document, signed, rules.zone)

    def concerns(self, units: frozenset[str]) -> bool:
        """Whether it was sent, and one of ``units`` is among those to whom; what is public is everybody's then."""
        return self.sent_at is not None and (self.public or not units.isdisjoint(self.recipients))


def issue_id(city: str, sheet: Sheet) -> UUID:
    """By what an issue is known: there is one of each bulletin, period and end."""
    stretch = sheet.stretch
    return derived_id("issue", city, sheet.bulletin.id, stretch.period.value, stretch.as_of.isoformat())


def digest(sheet: Sheet) -> str:
    """The SHA-256 of the figures, as ``duban bulletin --format json | sha256sum`` has it."""
    return sha256(to_json(sheet)).hexdigest()


def signed(
    sheet: Sheet, rules: Rules, language: Language, number: str, who: Principal, unit: str, at: datetime
) -> Issue:
    """``sheet``, signed by ``who`` for ``unit`` at ``at``."""
    stretch, city = sheet.stretch, rules.pack.jurisdiction
    return Issue(
        id=issue_id(city, sheet), jurisdiction=city, bulletin=sheet.bulletin.id, title=sheet.title, number=number,
        pack=sheet.pack, period=stretch.period.value, first=stretch.first, last=stretch.last, as_of=stretch.as_of,
        language=language, document=to_json(sheet).decode(), sha256=digest(sheet), recipients=sheet.recipients,
        public=sheet.bulletin.public, signed_by=who.account.name, signer=who.account.full_name or who.account.name,
        signed_for=unit, signed_at=at,
    )  # fmt: skip


def signing_unit(bulletin: Bulletin, pack: PolicyPack) -> str:
    """The unit that signs ``bulletin``: whom the pack names, else the office."""
    return bulletin.signed_by or pack.office


def acts_for(principal: Principal, deed: str, city: str, unit: str) -> bool:
    """Whether ``principal`` may do ``deed`` for ``unit`` in ``city``."""
    appointments = appointments_for(principal, deed, None, city)
    return any(each.everywhere or each.unit == unit for each in appointments)


def notices(issue: Issue, rules: Rules, source: str, url: str, at: datetime) -> Iterator[Message[Notice]]:
    """What each recipient is told as ``issue`` is sent: repeated, these are the same notices.

    ``url`` is where people reach the pages; empty, they know.
    """
    words = {name: said(text, issue.language) for name, text in _WORDS.items()}
    name = " ".join(filter(None, (issue.title, issue.number)))
    sender = title_of(issue.signed_for, rules, issue.language)
    place = f"{url}/bulletins/issues/{issue.id}"
    sheet = issue.sheet(rules)
    for unit in issue.recipients:
        text = [words["sent"].format(name=name, unit=sender, place=place)]
        for row in sheet.rows:
            if row["unit_id"] == unit:
                cells = "; ".join(f"{heading} {row[key]}" for key, heading in sheet.columns if row[key] is not None)
                text.append(words["own"].format(cells=cells))
        id_ = derived_id("issue sent", issue.id, unit)
        data = Notice(
            recipient=unit, kind=Kind.DUTY, event=SENT, problem_id=issue.id, title=issue.title,
            number=issue.number or f"{issue.bulletin}/{issue.last}", owner=issue.signed_for, lapse_at=at,
            text="\n".join(text), issued_at=at,
        )  # fmt: skip
        yield Message(str(id_), source, str(issue.id), at, issue.jurisdiction, unit, data)


def changed(sheet: Sheet, seen: str) -> Fault | None:
    """Why ``sheet`` is not signed by who has seen the figures ``seen``, if they are others."""
    if digest(sheet) == seen:
        return None
    return Fault(409, "changed", "these are not the figures that you have seen: look at the preview anew", "sha256")
