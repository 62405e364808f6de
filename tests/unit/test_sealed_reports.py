"""What of a report is sealed on its way to the router, under a key that intake keeps; keys of memory, no broker."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from duban.clock import SystemClock
from duban.errors import SettingsError, Unavailable
from duban.io.report_keys import ReportKeys
from duban.messages import commands as do
from duban.messages import struct
from duban.messages.delivery import SetAside
from duban.messages.envelope import Message
from duban.messages.events import Refused
from duban.messages.report import Evidence, Filed, Location, Report, SealedField, stored_evidence
from duban.messages.sealed import WrappedKey, joined, parted, report_key
from duban.messages.struct import to_json
from duban.moves import Status
from duban.policy.advice import advice
from duban.policy.laws import breaches
from duban.policy.library import Library
from duban.policy.model.pack import PolicyPack, PublishedCalendar
from duban.refusal import Refusal
from duban.seal import Unsealable
from duban_intake.domain import ACTOR, Receipt, ReportOutcome, command_id, digest
from duban_intake.handlers import AnswerHandler, ReportHandler
from duban_intake.memory import MemoryStore
from duban_intake.report_seal import ReportTerms, Why
from duban_simulation.engine import Engine
from tests.given import Case, rules_with, small_rules
from tests.unit.test_intake_handlers import AT, answered, delivery, event

ALL = tuple(SealedField)
SEALED = {"basis": "practice", "seal": ["title", "text", "attributes", "evidence"]}
PHOTO = stored_evidence("ab" * 32, "王小明家.jpg")
LINK = Evidence(uri="https://photos.example/wang", sha256="cd" * 32)
SAID = Report(
    jurisdiction="smallville", channel="hotline", title="王小明的井", text="我叫王小明，13800138000", category="river",
    area="north-town", evidence=(PHOTO, LINK), attributes={"家": "北街7号"},
)  # fmt: skip
PRIVATE = ("王小明", "13800138000", "北街", "photos.example")


def library_of(privacy: object) -> Library:
    library, rules = Library(), rules_with(privacy=privacy)
    library.add(PublishedCalendar(notice=rules.calendar.notice))
    library.add(rules.pack)
    return library


@pytest.fixture
def keys() -> ReportKeys:
    return ReportKeys.parse(b64encode(b"\x05" * 32).decode())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def handler(store: MemoryStore, keys: ReportKeys) -> ReportHandler:
    return ReportHandler(store, library_of(SEALED), SystemClock(), sealer=keys)


async def registered(handler: ReportHandler, report: Report = SAID) -> Message[do.Register | do.Attach]:
    [sent] = await handler.decide([delivery(1, report)])
    assert isinstance(sent, Message)
    return sent


def opened(filed: Filed, store: MemoryStore, keys: ReportKeys) -> Report:
    key = report_key(filed.source, filed.id)
    held = store.keys[key].wrapped
    assert filed.sealed is not None
    assert held is not None
    return joined(filed.report, keys.open(held, key, b64decode(filed.sealed.body)))


@pytest.mark.parametrize("fields", [ALL, (SealedField.TEXT,), (SealedField.LOCATION, SealedField.EVIDENCE)])
def test_what_is_parted_is_put_together_again(fields: tuple[SealedField, ...]) -> None:
    given = struct.replace(SAID, location=Location(latitude=30.0, longitude=120.0))
    rest, part = parted(given, fields, "河道")
    assert part is not None
    assert joined(rest, part + b"   ") == given
    for field in fields:
        assert getattr(rest, field) != getattr(given, field)


def test_of_a_report_that_has_none_of_the_fields_nothing_is_sealed() -> None:
    bare = Report(jurisdiction="smallville", channel="hotline", title="x")
    assert parted(bare, (SealedField.TEXT, SealedField.EVIDENCE), "河道") == (bare, None)


async def test_what_the_pack_has_sealed_goes_to_the_router_in_no_other_form_and_opens_by_its_key(
    handler: ReportHandler, store: MemoryStore, keys: ReportKeys
) -> None:
    sent = await registered(handler)
    wire = to_json(sent.data).decode()
    assert not [word for word in PRIVATE if word in wire]
    filed = sent.data.filed
    assert (filed.report.title, filed.report.category, filed.report.area) == (
        small_rules().categories["river"].title.native, "river", "north-town",
    )  # fmt: skip
    assert [piece.sha256 for piece in filed.report.evidence] == [PHOTO.sha256]
    assert opened(filed, store, keys) == SAID


async def test_a_batch_that_comes_again_seals_to_the_very_same_bytes(handler: ReportHandler) -> None:
    first = await registered(handler)
    assert await registered(handler) == first


async def test_two_reports_of_the_same_words_look_different(handler: ReportHandler) -> None:
    sent = await handler.decide([delivery(1, SAID), delivery(2, SAID)])
    bodies = {one.data.filed.sealed.body for one in sent if isinstance(one, Message) and one.data.filed.sealed}
    assert len(bodies) == 2


async def test_short_and_long_names_cannot_be_told_apart_by_their_length(handler: ReportHandler) -> None:
    short, long = (struct.replace(SAID, text=text) for text in ("王", "王" * 20))
    sent = await handler.decide([delivery(1, short), delivery(2, long)])
    lengths = {len(one.data.filed.sealed.body) for one in sent if isinstance(one, Message) and one.data.filed.sealed}
    assert len(lengths) == 1


async def test_a_report_that_was_taken_before_the_pack_said_so_stays_as_it_was(
    store: MemoryStore, keys: ReportKeys
) -> None:
    plain = await registered(ReportHandler(store, library_of(None), SystemClock()))
    assert await registered(ReportHandler(store, library_of(SEALED), SystemClock(), sealer=keys)) == plain


async def test_one_that_was_sealed_stays_sealed_when_a_later_pack_does_not_say_so(
    handler: ReportHandler, store: MemoryStore, keys: ReportKeys
) -> None:
    first = await registered(handler)
    again = await registered(ReportHandler(store, library_of(None), SystemClock(), sealer=keys))
    assert again.data.filed.sealed == first.data.filed.sealed


async def test_without_a_key_to_seal_with_the_report_waits_and_nothing_is_written(store: MemoryStore) -> None:
    with pytest.raises(Unavailable, match="DUBAN_REPORT_KEY"):
        await ReportHandler(store, library_of(SEALED), SystemClock()).decide([delivery(1, SAID)])
    assert (store.receipts, store.keys) == ({}, {})


async def test_once_its_key_is_destroyed_the_same_report_says_nothing_again(
    handler: ReportHandler, store: MemoryStore
) -> None:
    first = await registered(handler)
    key = report_key("hotline", "1")
    store.keys[key] = replace(store.keys[key], wrapped=None, erased_at=AT, why=Why.REQUEST)
    store.receipts[key] = replace(store.receipts[key], digest=b"\x00" * 32)
    again = await registered(handler)
    assert again.id == first.id
    assert again.data.filed.sealed is not None
    assert again.data.filed.sealed.body == ""
    assert not [word for word in PRIVATE if word in to_json(again.data).decode()]


async def test_what_the_router_did_not_attach_is_registered_under_the_same_seal(
    store: MemoryStore, keys: ReportKeys
) -> None:
    library = library_of(SEALED)
    sent = await registered(ReportHandler(store, library, SystemClock(), sealer=keys))
    key, elsewhere = report_key("hotline", "1"), UUID(int=9)
    store.receipts[key] = replace(store.receipts[key], outcome=ReportOutcome.ATTACHED, problem_id=elsewhere)
    store.keys[key] = replace(store.keys[key], problem_id=elsewhere)
    refused = Refused(
        command=command_id("hotline", "1", do.Attach), command_type=do.Attach.TYPE, actor=ACTOR, at=AT, code="illegal",
        reason="a problem that is closed cannot be attached", filed=sent.data.filed,
    )  # fmt: skip
    [again] = await AnswerHandler(store, library).decide([answered(refused, str(elsewhere))])
    assert isinstance(again.data, do.Register)
    assert again.data.filed == sent.data.filed
    held: Receipt = store.receipts[key]
    assert (held.outcome, held.problem_id, held.digest) == (ReportOutcome.ACCEPTED, key, digest(SAID))
    assert store.keys[key].problem_id == key


async def test_a_report_that_would_be_too_large_once_sealed_is_refused_before(
    store: MemoryStore, keys: ReportKeys
) -> None:
    large = struct.replace(SAID, attributes={f"字段{number}": "长" * 8000 for number in range(4)})
    size = len(to_json(large))
    for library, is_taken in ((library_of(None), True), (library_of(SEALED), False)):
        handler = ReportHandler(MemoryStore(), library, SystemClock(), size + 1000, sealer=keys)
        [answer] = await handler.decide([delivery(1, large)])
        assert isinstance(answer, Message) is is_taken
        assert isinstance(answer, SetAside) is not is_taken


def test_a_key_opens_its_own_report_alone_and_a_change_is_seen(keys: ReportKeys) -> None:
    about, other = UUID(int=1), UUID(int=2)
    key = keys.fresh(about)
    sealed = keys.seal(key, about, b"words")
    assert keys.open(key, about, sealed).rstrip() == b"words"
    for wrong in (
        (key, other, sealed),
        (key, about, sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (WrappedKey(key.key_id, key.wrapped[:-1]), about, sealed),
    ):
        with pytest.raises(Unsealable):
            keys.open(*wrong)


def test_a_new_master_key_in_front_seals_and_the_old_one_still_opens(keys: ReportKeys) -> None:
    key = keys.fresh(UUID(int=1))
    old = b64encode(b"\x05" * 32).decode()
    both = ReportKeys.parse(f"{b64encode(bytes(32)).decode()},{old}\n")
    assert both.unwrapped(key, UUID(int=1)) == keys.unwrapped(key, UUID(int=1))
    assert both.fresh(UUID(int=1)).key_id != key.key_id
    with pytest.raises(Unsealable, match=key.key_id):
        ReportKeys.parse(b64encode(bytes(32)).decode()).unwrapped(key, UUID(int=1))


@pytest.mark.parametrize(
    ("text", "says"), [("", "key 1 has 0 bytes"), ("!!", "key 1 is no base64"), ("YWJj", "3 bytes")]
)
def test_a_file_without_a_usable_key_is_refused_with_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "reports.key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match=f"{says}.*openssl rand"):
        ReportKeys.load(file)


def test_a_file_that_others_may_read_is_refused_and_one_is_made_that_they_may_not(tmp_path: Path) -> None:
    made = ReportKeys.made(tmp_path / "reports.key")
    assert ReportKeys.made(tmp_path / "reports.key").unwrapped(made.fresh(UUID(int=1)), UUID(int=1))
    (tmp_path / "reports.key").chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        ReportKeys.load(tmp_path / "reports.key")


def test_a_location_that_nearness_reads_is_not_sealed() -> None:
    pack = small_rules().pack
    data = {**pack.model_dump(exclude_none=True), "privacy": {"basis": "practice", "seal": ["text", "location"]}}
    [(path, law)] = breaches(PolicyPack.model_validate(data))
    assert path == "privacy.seal.1"
    assert "`near`" in law
    data["near"] = "never"
    for section in ("categories", "matters"):
        data[section] = [{**entry, "near": "never"} for entry in data.get(section, ())]
    assert not list(breaches(PolicyPack.model_validate(data)))


def test_whoever_seals_texts_is_told_that_titles_stay_open_and_what_is_kept_without_end() -> None:
    rules = rules_with(privacy={"basis": "practice", "seal": ["text"], "keep": {"contact": {"years": 3}}})
    told = {entry.code: entry.words for entry in advice(rules.pack, rules.calendar)}
    assert "title" in told["title_in_clear"]
    assert "content" in told["kept_without_end"]
    assert "contact" not in told["kept_without_end"]


def test_a_rehearsal_keeps_nothing_of_what_is_sealed() -> None:
    engine = Engine(rules_with(privacy=SEALED))
    receipt = engine.submit(delivery(1, SAID).message)
    assert not isinstance(receipt, Refusal)
    assert not [word for word in PRIVATE if word in to_json(engine.records[receipt.key]).decode()]


def test_terms_are_of_days_at_least() -> None:
    for keep in ({"contact": {"hours": 3}}, {}):
        with pytest.raises(ValueError, match=r"term of days|names nothing"):
            rules_with(privacy={"basis": "practice", "seal": ["text"], "keep": keep})


@pytest.mark.parametrize("status", [Status.STRUCK_OFF, Status.REJECTED])
async def test_terms_run_from_the_closing_and_stop_when_the_problem_is_opened_again(
    store: MemoryStore, keys: ReportKeys, status: Status
) -> None:
    privacy = {**SEALED, "keep": {"contact": {"months": 6}, "content": {"years": 20}, "evidence": {"years": 1}}}
    library = library_of(privacy)
    handler, answers = ReportHandler(store, library, SystemClock(), sealer=keys), AnswerHandler(store, library)
    sent = await registered(handler)
    key = report_key("hotline", "1")
    assert store.terms == {}
    case = Case.in_status(status, AT, privacy=privacy)
    await answers.decide([event(case, sent.subject)])
    closed_at = case.events[-1].at
    kept = store.terms[key]
    assert kept.contact is not None
    assert kept.content is not None
    assert timedelta(days=180) <= kept.contact - closed_at < timedelta(days=190)
    assert timedelta(days=7300) <= kept.content - closed_at < timedelta(days=7320)
    case.done(do.Reopen, "office", reason="it is back")
    await answers.decide([event(case, sent.subject)])
    assert store.terms[key] == ReportTerms()
