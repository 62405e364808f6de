"""Mails of people: bytes of RFC 5322 to a letter with its text and files, told apart from what programs answer. Pure.

Nothing of it is trusted: what is declared otherwise than it is, is read as what it is most likely; Chinese mails name
``gb2312`` and mean its successor. Ids and threads are hashes: a Message-ID often names the machine of who wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message as RawMail
from email.utils import getaddresses, parsedate_to_datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final

from bs4 import BeautifulSoup
from pydantic import Field, StringConstraints

from duban.errors import Fault
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Note, Parsed, read_items

_MOST_PARTS: Final = 500
_MOST_FILES: Final = 50
#: How much of a text a report may have, and how much of HTML is read.
_LONGEST: Final = 8_000
_MOST_HTML: Final = 2_000_000
_ADDRESS: Final = re.compile(r"[^\s@<>,;:]+@[^\s@<>,;:]+")
_ID: Final = re.compile(r"<[^<>\s]{1,900}>")
#: Charsets by what is meant where they are named.
_MEANT: Final = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030",
                 "us-ascii": "utf-8", "ascii": "utf-8", "unknown-8bit": "utf-8", "big5": "big5hkscs"}  # fmt: skip
#: Where what an answer quotes begins: a line of the programs that are met.
_QUOTED: Final = re.compile(
    r"^[ \t]*(?:-{2,} ?(?:原始邮件|回复的原邮件|Original Message|Original) ?-{2,}"
    r"|(?:On|在|于) ?[^\n]{6,200}(?:wrote|写道|写道)[ \t]*[:：]"
    r"|发件人[:：][^\n]*\n[ \t]*(?:发送时间|发送日期|日期|时间|收件人)[:：]"
    r"|From:[^\n]*\n[ \t]*(?:Sent|Date|To):)",
    re.MULTILINE,
)
_BLOCKS: Final = ("address", "blockquote", "br", "div", "dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p",
                  "pre", "table", "tr", "ul", "ol")  # fmt: skip


class MailSort(StrEnum):
    """Who wrote a mail."""

    LETTER = "letter"  #: a person
    AUTO_REPLY = "auto_reply"  #: a program, because it got a mail
    BOUNCE = "bounce"  #: the post, because a mail did not arrive, or did


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail: what its sender calls it, and its bytes."""

    name: str
    type: str
    data: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """That of its bytes."""
        return sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail: ``fields``: what a mapping may name, ``thread`` the ids of the mails before it, from the first on."""

    id: str
    sort: MailSort
    fields: dict[str, Any] = field(repr=False)
    thread: tuple[str, ...] = ()
    files: tuple[Attachment, ...] = ()


class MailMapping(ItemMapping):
    """How mails become reports; ``addresses``: whose mails are this source's, by the address that they came to."""

    addresses: Annotated[
        tuple[Annotated[str, StringConstraints(to_lower=True, pattern=r"^[^\s@]+@[^\s@]+$", max_length=254)], ...],
        Field(min_length=1, max_length=50),
    ]


MAPPING: Final = {
    "id": "id",
    "columns": {"title": "subject", "text": "text", "continues": "thread"},
    "contact": {"name": "from.name", "email": "from.address", "other": "from.other"},
}


def read_mail(raw: bytes, return_path: str | None = None) -> Mail:
    """The mail in ``raw``; ``return_path``: that of its envelope, where it is known.

    Raises:
        Fault: 400, nothing can be read in it.
    """
    try:
        mail = message_from_bytes(raw)
        parts = list(_parts(mail))
    except RecursionError:
        raise Fault(400, "unreadable", "its parts lie deeper in each other than is looked into") from None
    if not mail.keys():
        raise Fault(400, "unreadable", "has no header; a mail begins with header fields")
    sort = _sort(mail, return_path)
    subject, text = _line(_text_of(mail, "Subject")), _body(parts)
    thread = _thread(mail)
    name, address = _sender(mail)
    if thread:
        text = _new_in(text)
    if not text and not subject and sort is MailSort.LETTER:
        raise Fault(400, "unreadable", "shows neither a subject nor a text; look whether its parts are whole")
    files = tuple(_files(parts))
    if len(files) > _MOST_FILES:
        raise Fault(400, "too_many_files", f"has {len(files)} files, and {_MOST_FILES} are taken; send it in parts")
    if len(text) > _LONGEST:
        files = (*files, Attachment("text.txt", "text/plain", text.encode()))[-_MOST_FILES:]
        text = f"{text[: _LONGEST - 1]}…"
    own = _ID.search(_text_of(mail, "Message-ID"))
    fields: dict[str, Any] = {
        "id": _id_of(own[0].encode() if own else raw),
        "subject": _without(subject, address) or None,
        "text": _without(text, address) or None,
        "from": _contact(name, address),
        "to": [to.lower() for _, to in getaddresses([_text_of(mail, "To"), _text_of(mail, "Cc")]) if to][:50],
        "date": _date(mail),
        "thread": thread[0] if thread else None,
    }
    return Mail(fields["id"], sort, fields, thread, files)


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The report in the mail ``body``; what a program wrote is noted."""
    mail = read_mail(body)
    if mail.sort is not MailSort.LETTER:
        return Parsed(notes=(Note(mail.id, mail.sort),))
    return read_items([mail.fields], mapping, at)


def _sort(mail: RawMail, return_path: str | None) -> MailSort:
    """Who wrote ``mail``: RFC 3834 for programs, RFC 3462 and 3464 for the post."""
    if mail.get_content_type() == "multipart/report":
        return MailSort.BOUNCE
    path = _text_of(mail, "Return-Path") if return_path is None else return_path
    auto = _text_of(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    if path.strip() == "<>" or (return_path is not None and not path.strip()):
        return MailSort.AUTO_REPLY if auto == "auto-replied" else MailSort.BOUNCE
    if auto not in ("", "no") or _text_of(mail, "Precedence").strip().lower() == "auto_reply":
        return MailSort.AUTO_REPLY
    if any(mail.get(name) is not None for name in ("X-Autoreply", "X-Autorespond")):
        return MailSort.AUTO_REPLY
    return MailSort.LETTER


def _parts(mail: RawMail) -> Iterator[RawMail]:
    """Every part that holds something, in order; a mail within the mail is one part, as it came."""
    waiting, count = [mail], 0
    while waiting:
        part = waiting.pop(0)
        count += 1
        if count > _MOST_PARTS:
            raise Fault(400, "unreadable", f"has more than {_MOST_PARTS} parts")
        if part.get_content_maintype() == "multipart" and isinstance(inner := part.get_payload(), list):
            waiting[:0] = [child for child in inner if isinstance(child, RawMail)]
        else:
            yield part


def _is_file(part: RawMail) -> bool:
    return (
        part.get_content_disposition() == "attachment"
        or part.get_content_maintype() != "text"
        or part.get_filename() is not None
    )


def _files(parts: list[RawMail]) -> Iterator[Attachment]:
    for number, part in enumerate(parts, 1):
        if not _is_file(part):
            continue
        data = _bytes(part)
        if part.get_content_maintype() == "message":
            inner = part.get_payload()
            held = (
                [child.as_bytes() for child in inner if isinstance(child, RawMail)] if isinstance(inner, list) else []
            )
            data = b"\n".join(held) or data
        if data:
            name = _line(_decoded(part.get_filename() or "")) or f"{part.get_content_type().replace('/', '-')}-{number}"
            yield Attachment(name[:200], part.get_content_type(), data)


def _body(parts: list[RawMail]) -> str:
    """The text: that of the plain parts, or of those in HTML where no plain one shows anything."""
    for kind, read in (("text/plain", str), ("text/html", _from_html)):
        texts = [read(_text(part)) for part in parts if part.get_content_type() == kind and not _is_file(part)]
        text = "\n".join(filter(None, (text.strip() for text in texts)))
        if text:
            return re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n").replace("\0", ""))
    return ""


def _from_html(text: str) -> str:
    soup = BeautifulSoup(text[:_MOST_HTML], "html.parser")
    for tag in soup.find_all(["script", "style", "head", "title"]):
        tag.decompose()
    for tag in soup.find_all(list(_BLOCKS)):
        tag.insert_before("\n")
        if tag.name != "br":
            tag.append("\n")
    lines = (" ".join(line.split()) for line in soup.get_text().splitlines())
    return "\n".join(lines)


def _text(part: RawMail) -> str:
    return _as_text(_bytes(part), str(part.get_content_charset() or ""))


def _bytes(part: RawMail) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _as_text(data: bytes, charset: str) -> str:
    """``data`` in ``charset``, or in what it is most likely, where that does not fit."""
    named = _MEANT.get(charset.lower(), charset.lower())
    for candidate in (named, "utf-8", "gb18030"):
        try:
            return data.decode(candidate or "utf-8")
        except (LookupError, ValueError):
            continue
    try:
        return data.decode(named or "utf-8", errors="replace")
    except LookupError:
        return data.decode("utf-8", errors="replace")


def _text_of(mail: RawMail, name: str) -> str:
    """The header field ``name``, decoded, all of them where there are several; empty where there is none."""
    values = [str(value) for field_name, value in mail.raw_items() if field_name.lower() == name.lower()]
    return " ".join(_decoded(value) for value in values)


def _decoded(value: str) -> str:
    """A header as people read it: encoded words, or bytes that are of no charset by right."""
    try:
        value.encode("ascii")
    except UnicodeEncodeError:
        try:
            value = _as_text(value.encode("ascii", "surrogateescape"), "")
        except UnicodeEncodeError:
            return value
        if "=?" not in value:
            return value
    try:
        words = decode_header(value)
    except HeaderParseError:
        return value
    return "".join(
        word if isinstance(word, str) else _as_text(word, charset or "latin-1" if charset is None else charset)
        for word, charset in words
    )


def _line(text: str) -> str:
    """``text`` on one line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _sender(mail: RawMail) -> tuple[str, str]:
    """Name and address of who wrote it."""
    for name, address in getaddresses([_text_of(mail, "From")]):
        if address:
            return _line(name), address.strip()
    return "", ""


def _contact(name: str, address: str) -> dict[str, str]:
    """Where who wrote it is found, as the vault takes it."""
    is_address = bool(_ADDRESS.fullmatch(address)) and len(address) <= 254
    shown = {
        "name": name[:120],
        "address": address if is_address else "",
        "other": "" if is_address else address[:2000],
    }
    return {key: text for key, text in shown.items() if text}


def _without(text: str, address: str) -> str:
    """``text`` without the address of who wrote it: that goes into the vault alone."""
    return re.sub(re.escape(address), "***", text, flags=re.IGNORECASE) if "@" in address else text


def _new_in(text: str) -> str:
    """What an answer says itself, without what it quotes; all of it, where that would be nothing."""
    begins = _QUOTED.search(text)
    own = text[: begins.start()] if begins else text
    lines = own.rstrip().splitlines()
    while lines and (lines[-1].startswith(">") or not lines[-1].strip()):
        lines.pop()
    return "\n".join(lines).strip() or text


def _thread(mail: RawMail) -> tuple[str, ...]:
    """The ids of the mails that this one goes on with, the first one first."""
    references = _ID.findall(_text_of(mail, "References"))[:200]
    answers = _ID.findall(_text_of(mail, "In-Reply-To"))[:5]
    return tuple(dict.fromkeys(_id_of(named.encode()) for named in (*references, *answers)))


def _id_of(named: bytes) -> str:
    return sha256(b"mail\0" + named).hexdigest()[:32]


def _date(mail: RawMail) -> str | None:
    try:
        at = parsedate_to_datetime(_text_of(mail, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


MAIL: Final = Dialect(parse, MAPPING, carrier="mail", model=MailMapping)
