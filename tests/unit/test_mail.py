"""The laws of mail: who wrote it, what it says in whatever charset, what it goes on with, and what is never shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from duban.clock import DrivenClock
from duban.errors import Fault, SettingsError, Unavailable
from duban.io.dead_letters import DeadLetter
from duban.io.evidence.desk import EvidenceDesk
from duban.io.evidence.folder import FolderStore
from duban.io.evidence.reception import Reception
from duban.io.evidence.store import standing
from duban.io.evidence.uploads import Uploads
from duban.io.secrets_file import SecretsFile
from duban.messages import struct
from duban.messages.envelope import Record, decode
from duban.messages.report import Identity, Report
from duban.messages.sources import RegisteredSource
from duban.seal import Unsealable
from duban_intake.channels.columns import MappingError
from duban_intake.channels.items import mapping_of
from duban_intake.channels.kinds import check, shows_key
from duban_intake.channels.mail import MAIL, Mail, MailSort, read_mail
from duban_intake.domain import own_problem
from duban_intake.gateway.door import ReportDoor
from duban_intake.mail.door import MailDoor
from duban_intake.mail.settings import MailSettings
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from duban_intake.vault.seal import Keyring, MasterKey
from tests.evidence import photo
from tests.given import ROOT

AT = datetime(2026, 3, 1, tzinfo=UTC)
KEYRING = Keyring([MasterKey(b"k" * 32)])
BOX = RegisteredSource(
    name="box", kind="mail", jurisdiction="smallville", channel="hotline",
    mapping=yaml.safe_load((ROOT / "docs/example-mail.yaml").read_text("utf-8")),
)  # fmt: skip


def raw(text: bytes = b"It smells.", **headers: str | None) -> bytes:
    """A mail as it travels; underscores stand for hyphens."""
    fields = {
        "From": "=?gb2312?B?zfXQocP3?= <wang@example.org>", "To": "report@city.example.org",
        "Subject": "=?gb2312?B?utPLrreis/Q=?=", "Message-ID": "<1@pc-of-wang>", **headers,
    }  # fmt: skip
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + text


def fields(mail: bytes) -> dict[str, Any]:
    return read_mail(mail).fields


@pytest.mark.parametrize(
    ("charset", "coded"),
    [
        ("gb2312", "碶河水发臭".encode("gb18030")),  # a sign that gb2312 itself has not
        ("gbk", "碶河水发臭".encode("gbk")),
        ("gb18030", "碶河水发臭".encode("gb18030")),
        ("utf-8", "碶河水发臭".encode()),
        ("big5", "碶河水發臭".encode("big5hkscs")),
        ("no-such-charset", "碶河水发臭".encode()),
        ("utf-8", "碶河水发臭".encode("gb18030")),  # says the one and is the other
        (None, "碶河水发臭".encode("gb18030")),
    ],
)
def test_chinese_text_is_read_in_whatever_charset_it_is_named_or_not(charset: str | None, coded: bytes) -> None:
    kind = "text/plain" + (f"; charset={charset}" if charset else "")
    assert fields(raw(coded, Content_Type=kind, Content_Transfer_Encoding="8bit"))["text"].startswith("碶河水")


def word(coded: bytes, charset: str) -> str:
    return f"=?{charset}?B?{b64encode(coded).decode()}?="


SUBJECT = "河水发臭"


@pytest.mark.parametrize(
    "subject",
    [
        word(SUBJECT.encode("gb2312"), "gb2312"),
        "=?GBK?Q?=BA=D3=CB=AE=B7=A2=B3=F4?=",
        f"{word(SUBJECT[:2].encode(), 'utf-8')} {word(SUBJECT[2:].encode(), 'UTF-8')}",
        # One sign cut in two, as some programs do.
        f"{word(SUBJECT.encode()[:4], 'utf-8')}\r\n {word(SUBJECT.encode()[4:], 'utf-8')}",
        SUBJECT,
        SUBJECT.encode("gb18030").decode("utf-8", "surrogateescape"),
    ],
)
def test_a_subject_is_read_in_encoded_words_and_in_bytes_that_should_be_such(subject: str) -> None:
    assert fields(raw(Subject=subject))["subject"] == SUBJECT


def test_a_mail_is_a_report_whose_sender_is_the_vaults_alone() -> None:
    mail = read_mail(raw(b"Call me, wang@example.org or WANG@example.org"))
    assert mail.fields["from"] == {"name": "王小明", "address": "wang@example.org"}
    assert mail.fields["text"] == "Call me, *** or ***"
    assert mail.id == sha256(b"mail\0<1@pc-of-wang>").hexdigest()[:32]
    assert mail.fields["to"] == ["report@city.example.org"]


def test_a_mail_without_an_id_is_known_by_its_bytes() -> None:
    nameless = raw(Message_ID=None).replace(b"Message-ID: <1@pc-of-wang>\r\n", b"")
    assert read_mail(nameless).id == read_mail(nameless).id != read_mail(nameless + b"!").id


@pytest.mark.parametrize(
    ("headers", "path", "sort"),
    [
        ({}, None, MailSort.LETTER),
        ({}, "wang@example.org", MailSort.LETTER),
        ({"Auto_Submitted": "no"}, None, MailSort.LETTER),
        ({"Precedence": "bulk"}, None, MailSort.LETTER),
        ({"Auto_Submitted": "auto-replied (vacation)"}, None, MailSort.AUTO_REPLY),
        ({"Auto_Submitted": "auto-generated; x=y"}, None, MailSort.AUTO_REPLY),
        ({"Auto_Submitted": "auto-replied"}, "<>", MailSort.AUTO_REPLY),
        ({"X_Autoreply": "yes"}, None, MailSort.AUTO_REPLY),
        ({"Precedence": "auto_reply"}, None, MailSort.AUTO_REPLY),
        ({}, "<>", MailSort.BOUNCE),
        ({}, "", MailSort.BOUNCE),
        ({"Return_Path": "<>"}, None, MailSort.BOUNCE),
        ({"Content_Type": "multipart/report; report-type=delivery-status; boundary=x"}, None, MailSort.BOUNCE),
    ],
)
def test_what_programs_write_is_told_from_letters(headers: dict[str, Any], path: str | None, sort: MailSort) -> None:
    assert read_mail(raw(**headers), path).sort is sort


def test_html_alone_is_read_as_text_and_beside_plain_text_not_at_all() -> None:
    mail = EmailMessage()
    mail["Subject"] = "x"
    mail.set_content(
        "<style>p{}</style><p>The <b>river</b>&nbsp;smells.<br>Badly.</p><script>alert(1)</script><div>Help</div>",
        subtype="html",
    )
    assert fields(mail.as_bytes())["text"] == "The river smells.\nBadly.\n\nHelp"
    both = EmailMessage()
    both["Subject"] = "x"
    both.set_content("plain")
    both.add_alternative("<p>html</p>", subtype="html")
    assert fields(both.as_bytes())["text"] == "plain"


def test_files_are_sealed_by_their_hashes_and_named_as_they_came() -> None:
    mail = EmailMessage()
    mail["Subject"] = "photos"
    mail.set_content("see there")
    mail.add_attachment(b"\xff\xd8photo", maintype="image", subtype="jpeg", filename="现场照片.jpg")
    mail.add_attachment(b"long", maintype="application", subtype="pdf")
    inner = EmailMessage()
    inner["Subject"] = "earlier"
    inner.set_content("what I wrote before")
    mail.add_attachment(inner)
    files = read_mail(mail.as_bytes()).files
    assert [(file.name, file.type) for file in files] == [
        ("现场照片.jpg", "image/jpeg"),
        ("application-pdf-3", "application/pdf"),
        ("message-rfc822-4", "message/rfc822"),
    ]
    assert files[0].sha256 == sha256(b"\xff\xd8photo").hexdigest()
    assert b"what I wrote before" in files[2].data
    many = EmailMessage()
    many["Subject"] = "too many"
    for number in range(51):
        many.add_attachment(b"x", maintype="image", subtype="png", filename=f"{number}.png")
    assert fault(many.as_bytes()) == "too_many_files"


def test_an_answer_says_what_is_new_and_names_what_it_goes_on_with() -> None:
    references = {"In_Reply_To": "<2@office>", "References": "<1@pc-of-wang> <2@office>"}
    quoted = "又臭了\r\n\r\n------------------ 原始邮件 ------------------\r\n发件人: 王 <wang@example.org>\r\n河水发臭"
    answer = read_mail(raw(quoted.encode(), **references))
    assert answer.fields["text"] == "又臭了"
    assert answer.fields["thread"] == answer.thread[0] == read_mail(raw()).id
    assert len(answer.thread) == 2
    [entry] = MAIL.parse(raw(quoted.encode(), **references), mapping_of(BOX, MAIL.mapping, MAIL.model), AT).entries
    assert entry.message.data.continues == read_mail(raw()).id
    assert entry.message.key == f"box/{read_mail(raw()).id}"
    quotations = (
        "\n\nOn Mon, 2 Mar 2026, office wrote:\n> old",
        "\n> old\n> older",
        "\n在2026年3月2日,办公室 写道:\n旧",
        "\n发件人: 办公室\n发送时间: 2026年3月2日\n旧",
    )
    for quotation in quotations:
        assert fields(raw(f"new{quotation}".encode(), **references))["text"] == "new"
    # Whoever answers with nothing but the quotation, or forwards, has all of it.
    assert "old" in fields(raw(b"> old", **references))["text"]
    assert "old" in fields(raw(b"see\n-----Original Message-----\nold"))["text"]


def test_a_long_text_is_cut_and_is_whole_among_the_files() -> None:
    mail = read_mail(raw("水".encode() * 9_000, Content_Type="text/plain; charset=utf-8"))
    assert len(mail.fields["text"]) == 8_000
    assert mail.files[0].data == "水".encode() * 9_000


def fault(mail: bytes) -> str:
    with pytest.raises(Fault) as caught:
        read_mail(mail)
    return caught.value.code


def test_what_shows_nothing_or_hides_in_itself_is_no_mail() -> None:
    assert fault(b"") == "unreadable"
    assert fault(b"\x00\x01\x02") == "unreadable"
    assert fault(raw(b"", Subject="")) == "unreadable"
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(3_000))
    assert fault(nested) == "unreadable"
    wide = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n\r\ny\r\n" * 600
    assert fault(wide) == "unreadable"


@given(st.binary(max_size=300), st.sampled_from(["Subject", "From", "Content-Type", "References", "Date", "To"]))
def test_no_bytes_break_the_code(noise: bytes, name: str) -> None:
    mail = raw(noise) if name == "Subject" else f"{name}: ".encode() + noise + b"\r\nSubject: x\r\n\r\nbody"
    with suppress(Fault):
        assert isinstance(read_mail(mail), Mail)


def test_a_source_of_mail_names_its_addresses_and_has_no_key() -> None:
    check(BOX)
    assert not shows_key(BOX)
    with pytest.raises(MappingError, match="addresses"):
        check(struct.replace(BOX, mapping={}))
    with pytest.raises(MappingError, match="comes by mail"):
        check(struct.replace(BOX, signature="github"))


class Broker:
    """Our broker, as the door knows it."""

    def __init__(self) -> None:
        self.reports: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.is_away = False

    async def put(self, record: Record) -> None:
        if self.is_away:
            raise Unavailable("the broker is away")
        self.reports.append(record)

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters


def door(broker: Broker, vault: MemoryVault, reception: Reception | None = None) -> MailDoor:
    registry = SourceRegistry()
    registry.put(BOX)
    clock = DrivenClock()
    clock.tick(AT)
    unasked: Any = None
    reports = ReportDoor(
        broker.put, lambda record: None, clock, Vault(vault, clock, DeskSettings(KEYRING)), registry, lambda: 0.0,
        unasked, SecretsFile(None), SourceJournal(None, clock), reception,
    )  # fmt: skip
    return MailDoor(reports, broker.publish, KEYRING, 100_000)


async def test_who_wrote_goes_into_the_vault_and_nowhere_else() -> None:
    broker, vault = Broker(), MemoryVault()
    taking = door(broker, vault)
    source = taking.source("Report@City.Example.org")
    assert source == BOX
    mail = raw(b"I am wang@example.org")
    assert await taking.take(source, mail) == "report"
    assert await taking.take(source, mail) == "report"
    first, again = [decode(one.key, one.value, one.headers, {Report.TYPE: Report}) for one in broker.reports]
    assert (first.id, first.data) == (again.id, again.data)
    assert (first.data.title, first.data.category, first.data.reporter.identity) == (
        "河水发臭",
        "other",
        Identity.NAMED,
    )
    assert b"wang" not in b"".join(one.value for one in broker.reports)
    held = vault.rows[own_problem("box", first.id)]
    assert held.sealed is not None
    assert KEYRING.unseal(held.sealed, held.bound).email == "wang@example.org"


async def test_files_lie_in_the_store_before_their_report_and_one_that_it_does_not_take_lies_with_its_mail(
    tmp_path: Path,
) -> None:
    broker = Broker()
    reception = Reception(EvidenceDesk(FolderStore(tmp_path), {"image/jpeg"}, 100_000), Uploads(tmp_path, 1))
    mail = EmailMessage()
    mail["Subject"] = "photos"
    mail.set_content("see there")
    mail.add_attachment(photo(), maintype="image", subtype="jpeg", filename="a/b.jpg")
    mail.add_attachment(b"no photo", maintype="image", subtype="jpeg", filename="c.jpg")
    assert await door(broker, MemoryVault(), reception).take(BOX, mail.as_bytes()) == "report"
    [record] = broker.reports
    evidence = decode(record.key, record.value, record.headers, {Report.TYPE: Report}).data.evidence
    assert [(piece.title, piece.is_ours) for piece in evidence] == [("b.jpg", True), ("c.jpg", False)]
    assert standing(reception.desk.store, evidence[0].sha256) is not None
    assert evidence[1].sha256 == sha256(b"no photo").hexdigest()
    [letter] = broker.letters
    assert dict(letter.headers)["duban.dlq.code"] == b"files_left_out"
    assert KEYRING.open_letter(letter.value or b"") == mail.as_bytes()


async def test_what_is_no_report_is_a_dead_letter_that_the_key_of_the_vault_opens() -> None:
    broker = Broker()
    taking = door(broker, MemoryVault())
    unreadable, vacation = raw(b"", Subject=""), raw(b"I am away", Auto_Submitted="auto-replied")
    assert await taking.take(BOX, unreadable) == "unreadable"
    assert await taking.take(BOX, vacation) == "auto_reply"
    assert await taking.take(BOX, raw(b"x" * 200_000, Content_Type="multipart/report; boundary=x")) == "bounce"
    assert [(dict(letter.headers)["duban.dlq.code"]) for letter in broker.letters] == [
        b"unreadable", b"auto_reply", b"bounce",
    ]  # fmt: skip
    for letter, mail in zip(broker.letters, (unreadable, vacation), strict=False):
        assert b"wang" not in (letter.value or b"") + repr(letter.headers).encode()
        assert KEYRING.open_letter(letter.value or b"") == mail
    cut = KEYRING.open_letter(broker.letters[2].value or b"")
    assert len(cut) < 100_000
    assert int(dict(broker.letters[2].headers)["duban.mail.bytes"] or b"0") > 200_000
    with pytest.raises(Unsealable):
        Keyring([MasterKey(b"o" * 32)]).open_letter(broker.letters[0].value or b"")
    with pytest.raises(Unsealable, match="no sealed letter"):
        KEYRING.open_letter(b"From: x")


async def test_while_our_broker_is_away_a_mail_is_not_done_with() -> None:
    broker = Broker()
    broker.is_away = True
    with pytest.raises(Unavailable):
        await door(broker, MemoryVault()).take(BOX, raw())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mail_imap": "pop3://x"}, "DUBAN_MAIL_IMAP"),
        ({"mail_imap": "imaps://u:p@x"}, "DUBAN_MAIL_USER"),
    ],
)
def test_a_mailbox_that_cannot_be_opened_is_told_by_its_variable(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        MailSettings.load(**given)
    with pytest.raises(SettingsError, match="DUBAN_MAIL_USER"):
        MailSettings.load(mail_imap="imaps://x").mailbox()
    assert MailSettings.load(mail_imap="imaps://x").server == ("x", 993, True)
