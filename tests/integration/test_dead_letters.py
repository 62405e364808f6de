"""Dead letters on the real broker: looked at, sent back once and as they came; who did it and why stands for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from duban.clock import SystemClock
from duban.errors import Unavailable
from duban.io.dead_letters import DeadLetter, dead_letter, dead_letter_topic, without_value
from duban.io.publisher import Publisher
from duban.io.settings import Settings
from duban.messages.audit import LetterReplayed
from duban_console.kafka.audit import audit_lines, audit_trail
from duban_console.kafka.letter_replay import Errand, Fate, LetterReplay, Passage, letters
from duban_console.kafka.topic_reader import Raw, partition_counts, records
from duban_local import topics
from duban_local.accounts import our_name
from tests.commanding import Run, command_on, lines

GROUP = "duban-router"
SAID = ("--reason", "mended")
ME = f"local:{our_name()}"
#: Names, values and order of headers that no tidying survives; ``None`` is a value too.
ODD = (("ce_id", b"7"), ("trace", b"\x00\xff"), ("trace", b"again"), ("void", None), ("duban.replay.by", b"wang"))
ESCAPES = b'{"title": "\\u001b[2J\xe2\x80\xae", "level": 3}'


@dataclass(frozen=True)
class Letters:
    """A topic of its own, with its dead letters."""

    settings: Settings
    topic: str
    kafka: str

    @property
    def dlq(self) -> str:
        return dead_letter_topic(self.topic, GROUP)

    async def come(self, *sent: tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]) -> list[Raw]:
        """Records on the topic, as any client may write them."""
        before = len(await self.held(self.topic))
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, max_request_size=8_000_000, compression_type="lz4")
        await producer.start()
        try:
            for key, value, headers in sent:
                await producer.send_and_wait(self.topic, value, key, headers=list(headers))
        finally:
            await producer.stop()
        return (await self.held(self.topic))[before:]

    async def die(self, *came: Raw, code: str = "fault", words: str = "it broke", most: int = 1_000_000) -> None:
        """Lay ``came`` aside, as a service does."""
        await self.publish(
            [
                dead_letter(record, GROUP, ValueError(words), code=code, attempts=1, retryable=True, most_bytes=most)
                for record in came
            ]
        )

    async def publish(self, laid: Sequence[DeadLetter]) -> None:
        publisher = Publisher(self.settings, "test")
        await publisher.start()
        await publisher.publish(laid)
        await publisher.stop()

    async def held(self, topic: str) -> list[Raw]:
        return [record async for record in records(self.settings, [topic])]

    async def audit(self) -> list[LetterReplayed]:
        """Its lines about these letters: the topic is everybody's."""
        return [line async for line in audit_lines(self.settings) if line.letter.topic == self.dlq]


@pytest.fixture
async def given(stack: Any, topic: Callable[..., Awaitable[str]]) -> Letters:
    name = await topic("letters", **{"max.message.bytes": "100000"})
    await topic(dead_letter_topic(name, GROUP), exact=True, **{"max.message.bytes": "2000000"})
    await topics.apply(
        stack.kafka, [declared for declared in topics.declared() if declared.name == LetterReplayed.TOPIC]
    )
    return Letters(Settings(kafka=stack.kafka, database=stack.database), name, stack.kafka)


@pytest.fixture
def duban(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    if stack.server is None:
        pytest.skip("the broker runs elsewhere: no stack of this machine says who we are")
    return command_on(stack, monkeypatch)


async def test_letters_are_counted_by_reason_and_shown_with_all_that_is_known_of_them(
    given: Letters, duban: Run
) -> None:
    shown, raw, other = await given.come((b"k", ESCAPES, ODD), (None, b"\xff\x00\x1b", ()), (b"", None, ()))
    await given.die(shown, raw, words="no area 17 in small@3")
    await given.die(other, code="empty", words="the record has no value")
    counted = [one for one in lines(await duban("dlq", "ls", "--json")) if one["topic"] == given.dlq]
    assert [(one["code"], one["reason"], one["letters"], one["sent_back"]) for one in counted] == [
        ("fault", "no area # in small@#", 2, 0),
        ("empty", "the record has no value", 1, 0),
    ]
    assert counted[0]["first_at"] <= counted[0]["last_at"]
    for narrowed, count in (("--code", "empty"), 1), (("--because", "NO AREA 17"), 2), (("--since", "90m"), 3):
        assert len(lines(await duban("dlq", "show", given.dlq, *narrowed, "--json"))) == count
    assert lines(await duban("dlq", "ls", "--since", "2199-01-01T00:00Z", "--json")) == []
    await duban("dlq", "ls", "--since", "yesterday", code=2)

    first, second, _ = lines(await duban("dlq", "show", given.dlq, "--json"))
    assert first["data"] == {"title": "\x1b[2J\u202e", "level": 3}
    assert (first["reason"]["topic"], first["reason"]["offset"], first["sent_back"]) == (given.topic, 0, None)
    assert first["headers"][: len(ODD)] == [["ce_id", "7"], ["trace", "base64:AP8="], ["trace", "again"],
                                            ["void", None], ["duban.replay.by", "wang"]]  # fmt: skip
    assert second["data"] == "base64:/wAb"
    text = (await duban("dlq", "show", given.dlq, "--offset", 0)).stdout
    assert '"title": "\\u001b[2J\\u202e"' in text
    assert "\x1b" not in text
    assert "ValueError: no area 17" in text
    assert "00000000  ff 00 1b" in (await duban("dlq", "show", given.dlq, "--offset", 1)).stdout


async def test_a_letter_goes_back_once_as_it_came_and_says_that_it_was_sent_back(given: Letters, duban: Run) -> None:
    [came] = await given.come((b"\xffkey", b'{"not": "ours"\x00\xfe', ODD))
    await given.die(came)
    would = await duban("dlq", "replay", given.dlq, "--all", *SAID, "--dry-run", "--json")
    assert len(await given.held(given.topic)) == 1
    assert await given.audit() == []
    await given.publish([DeadLetter(LetterReplayed.TOPIC, b"\xff", b"no line of the audit", (("ce_id", None),))])
    [sent] = lines(await duban("dlq", "replay", given.dlq, "--offset", 0, *SAID, "--json"))
    _, back = await given.held(given.topic)
    marks = [
        ("duban.replay.id", sent["replay"].encode()),
        ("duban.replay.by", ME.encode()),
        ("duban.replay.reason", b"mended"),
    ]
    assert (back.key, back.value, list(back.headers)) == (came.key, came.value, [*ODD, *marks])
    [planned] = lines(would)
    assert planned["record"] | {"headers": sent["record"]["headers"]} == sent["record"]
    assert planned["record"]["value_sha256"] == sha256(came.value or b"").hexdigest()

    assert f"sent back by {ME}" in (await duban("dlq", "replay", given.dlq, "--offset", 0, *SAID, code=4)).stdout
    await duban("dlq", "replay", given.dlq, "--all", *SAID)
    assert len(await given.held(given.topic)) == 2
    await duban("dlq", "replay", given.dlq, "--all", "--again", "--reason", "once more")
    assert len(await given.held(given.topic)) == 3

    told = [one for one in lines(await duban("dlq", "audit", "--json")) if one["letter"]["topic"] == given.dlq]
    assert [(one["step"], one["by"], one["reason"]) for one in told] == [
        ("begun", ME, "mended"),
        ("sent", ME, "mended"),
        ("begun", ME, "once more"),
        ("sent", ME, "once more"),
    ]
    assert (told[1]["letter"]["topic"], told[1]["origin"]["offset"], told[1]["to"]) == (given.dlq, 0, given.topic)
    assert "sent back: 0 not noted, 0 sent" in (await duban("dlq", "audit", "--by", "li")).stderr
    assert len(lines(await duban("dlq", "audit", "--by", ME, "--json"))) >= len(told)
    assert f"sent back by {ME}" in (await duban("dlq", "show", given.dlq)).stdout
    counted = [one for one in lines(await duban("dlq", "ls", "--json")) if one["topic"] == given.dlq]
    assert [one["sent_back"] for one in counted] == [1]


async def test_what_goes_back_is_chosen_by_its_reason_and_never_by_accident(given: Letters, duban: Run) -> None:
    came = await given.come(*((b"%d" % n, b"v", ()) for n in range(4)))
    await given.die(*came[:2], code="not_arrived", words="the pack small@9 has not arrived")
    await given.die(came[2], code="fault", words="broke at small@9")
    await given.die(came[3], code="not_arrived", words="the pack other@1 has not arrived")
    await duban("dlq", "replay", given.dlq, *SAID, code=2)
    await duban("dlq", "replay", given.dlq, "--all", "--code", "fault", *SAID, code=2)
    await duban("dlq", "replay", given.dlq, "--all", "--reason", " ", code=2)
    await duban("dlq", "replay", given.dlq, "--all", "--by", "li", "--reason", "x", code=2)
    await duban("dlq", "replay", given.dlq, "--code", "not_arrived", "--because", "small@9", *SAID)
    assert [one.key for one in (await given.held(given.topic))[4:]] == [b"0", b"1"]


async def test_a_letter_that_was_cut_goes_back_whole_from_where_it_came_or_not_at_all(
    given: Letters, duban: Run
) -> None:
    large = b"x" * 300_000  # compressed by its producer, so that the topic takes it
    whole, bare, changed, gone = await given.come(
        (b"k", large, ODD), (b"k2", b"small", ODD), (b"k3", large, ()), (b"k4", large, ())
    )
    await given.die(whole, changed, gone, most=100_000)
    await given.publish([without_value(_laid(bare))])
    *_, forged, lost, _ = [letter.raw async for letter in letters(given.settings, [given.dlq])]
    elsewhere = {"__streams.errors.offset": b"0"}, {"__streams.errors.offset": b"999"}
    await given.publish([_told(raw, given.dlq, **other) for raw, other in zip((forged, lost), elsewhere, strict=True)])

    shown = (await duban("dlq", "show", given.dlq, "--offset", 0)).stdout
    assert "cut: 65536 of 300000 bytes" in shown
    result = await duban("dlq", "replay", given.dlq, "--all", *SAID, "--json", code=4)
    fates = [(one["offset"], one["fate"]) for one in lines(result)]
    assert sorted(fates) == [(0, "sent"), (1, "sent"), (2, "sent"), (3, "sent"), (4, "refused"), (5, "refused")]
    words = {one["offset"]: one["words"] for one in lines(result)}
    assert "another record" in words[4]
    assert "no longer holds" in words[5]
    back = (await given.held(given.topic))[4:]
    assert {(one.key, one.value) for one in back} == {
        (b"k", large), (b"k2", b"small"), (b"k3", large), (b"k4", large)
    }  # fmt: skip
    assert [list(one.headers)[: len(ODD)] for one in back if one.key in (b"k", b"k2")] == [list(ODD)] * 2


async def test_what_the_topic_does_not_take_is_named_and_keeps_no_other_from_going(given: Letters, duban: Run) -> None:
    large, small = await given.come((b"k", bytes(range(256)) * 300, ()), (b"k2", b"small", ()))
    await given.die(large, small)
    await given.publish([replace(_laid(large), key=b"odd", value=_noise(200_000)), replace(_laid(small), headers=())])
    result = await duban("dlq", "replay", given.dlq, "--all", *SAID, "--json", code=4)
    fates = {one["offset"]: one["fate"] for one in lines(result)}
    assert fates == {0: "sent", 1: "sent", 2: "refused", 3: "refused"}
    assert [line.step for line in await given.audit() if line.letter.offset == 2] == ["begun", "failed"]
    # What failed may be tried again without ado.
    assert (
        lines(await duban("dlq", "replay", given.dlq, "--offset", 2, *SAID, "--json", code=4))[0]["fate"] == "refused"
    )


async def test_of_two_who_send_the_same_letters_at_once_one_does(given: Letters) -> None:
    await given.die(*await given.come(*((b"%d" % n, b"v", ()) for n in range(300))))
    fates = await asyncio.gather(*(_replayed(given, by) for by in ("li", "wang", "zhao")))
    assert len(await given.held(given.topic)) == 600
    assert sorted(fate for each in fates for fate in each) == [Fate.KEPT] * 600 + [Fate.SENT] * 300


async def test_a_letter_of_which_nobody_knows_whether_it_went_waits_for_a_word(given: Letters, duban: Run) -> None:
    await given.die(*await given.come((b"k", b"v", ())))

    class Dies(Publisher):
        async def publish(self, records: Sequence[Any]) -> None:
            if records[0].topic == given.topic:
                raise Unavailable("the broker went away")
            await super().publish(records)

    with pytest.raises(Unavailable):
        await _replayed(given, "li", Dies)
    assert "nobody noted that it went" in (await duban("dlq", "replay", given.dlq, "--offset", 0, *SAID, code=4)).stdout
    assert [line.step for line in await given.audit()] == ["begun"]
    assert "not noted" in (await duban("dlq", "audit")).stdout
    counted = [one for one in lines(await duban("dlq", "ls", "--json")) if one["topic"] == given.dlq]
    assert [(one["letters"], one["sent_back"]) for one in counted] == [(1, 0)]
    await duban("dlq", "replay", given.dlq, "--offset", 0, "--again", *SAID)
    assert len(await given.held(given.topic)) == 2


async def _replayed(given: Letters, by: str, kind: type[Publisher] = Publisher) -> list[Fate]:
    publisher = kind(given.settings, by)
    await publisher.start()
    try:
        counts = await partition_counts(given.settings)
        async with audit_trail(given.settings) as trail:
            replay = LetterReplay(given.settings, trail, Errand(uuid4(), by, "mended"), counts, SystemClock())
            passages: list[Passage] = [
                passage async for passage in replay.sent(letters(given.settings, [given.dlq]), publisher)
            ]
    finally:
        await publisher.stop()
    return [passage.fate for passage in passages]


def _laid(record: Raw) -> DeadLetter:
    return dead_letter(record, GROUP, ValueError("odd"), code="fault", attempts=1, retryable=True, most_bytes=1_000_000)


def _told(raw: Raw, topic: str, **other: bytes) -> DeadLetter:
    """``raw`` as it lies, but saying something else in some headers."""
    return DeadLetter(topic, raw.key, raw.value, tuple((name, other.get(name, held)) for name, held in raw.headers))


def _noise(size: int) -> bytes:
    """Bytes that no compression makes smaller."""
    return b"".join(sha256(b"%d" % n).digest() for n in range(size // 32))
