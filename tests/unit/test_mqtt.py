"""The laws of MQTT: which topics are whose, what a message means, and when it is done with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from duban.clock import DrivenClock
from duban.errors import Fault, SettingsError, Unavailable
from duban.io.dead_letters import DeadLetter
from duban.io.secrets_file import SecretsFile
from duban.messages import struct
from duban.messages.envelope import Message, Record
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.sources import RegisteredSource
from duban_console.sources import key_as_registered
from duban_intake.channels.columns import MappingError
from duban_intake.channels.items import Parsed
from duban_intake.channels.kinds import check, measured, spoken
from duban_intake.channels.mqtt import carried
from duban_intake.channels.readings import read_readings
from duban_intake.channels.table import BadRow
from duban_intake.gateway.door import ReportDoor
from duban_intake.mqtt.door import MqttDoor, MqttMessage
from duban_intake.mqtt.settings import MqttSettings
from duban_intake.mqtt.subscription import matches
from duban_intake.source_journal import SourceJournal
from duban_intake.sources.registry import SourceRegistry
from duban_intake.vault.desk import DeskSettings, Vault
from duban_intake.vault.memory import MemoryVault
from tests.given import ROOT

AT = datetime(2026, 3, 1, tzinfo=UTC)
BINS = RegisteredSource(
    name="bins", kind="mqtt", jurisdiction="smallville", channel="hotline",
    mapping=yaml.safe_load((ROOT / "docs/example-mqtt.yaml").read_text("utf-8")),
)  # fmt: skip
AIR = RegisteredSource(
    name="air", kind="mqtt-readings", jurisdiction="smallville",
    mapping=yaml.safe_load((ROOT / "docs/example-mqtt-readings.yaml").read_text("utf-8")),
)  # fmt: skip
TOLD: dict[str, Any] = {"ts": 1772323200000, "pm25": 81.5, "pm10": {"avg": 120, "max": 160, "state": "N"}}


def mapped(source: RegisteredSource, **changed: Any) -> RegisteredSource:
    return struct.replace(source, mapping={**(source.mapping or {}), **changed})


def reports(source: RegisteredSource, payload: object, topic: str = "city/north-town/reports") -> Parsed:
    dialect, mapping = spoken(source) or pytest.fail("no dialect")
    return dialect.parse(carried(topic, json.dumps(payload).encode()), mapping, AT)


def readings(source: RegisteredSource, payload: object) -> list[Message[StationReadings] | BadRow]:
    told = json.dumps(payload).encode()
    return read_readings(carried("air/0001/readings", told), told, measured(source))


def one(source: RegisteredSource, payload: object) -> Message[StationReadings]:
    [read] = readings(source, payload)
    assert isinstance(read, Message), read
    return read


@pytest.mark.parametrize(
    ("wanted", "topic", "is_heard"),
    [
        ("a/b", "a/b", True), ("a/b", "a/b/c", False), ("a/b/c", "a/b", False), ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False), ("a/#", "a/b/c", True), ("a/#", "a", True), ("#", "a/b", True), ("+", "", True),
        ("a/+/c", "a//c", True),
    ],
)  # fmt: skip
def test_a_filter_stands_for_topics_as_the_standard_says(wanted: str, topic: str, is_heard: bool) -> None:
    assert matches(wanted, topic) is is_heard


def test_the_levels_of_a_topic_are_fields_and_a_message_without_an_id_is_known_by_its_bytes() -> None:
    [entry] = reports(BINS, {"id": "B-1", "title": "full", "type": "噪声"}).entries
    assert (entry.message.id, entry.message.data.area, entry.message.data.category) == ("B-1", "north-town", "noise")
    nameless = mapped(BINS, id="mqtt.id", items="all")
    payload = {"all": [{"title": "full"}, {"title": "full"}]}
    ids = [entry.message.id for entry in reports(nameless, payload).entries]
    assert len(set(ids)) == 2
    assert ids == [entry.message.id for entry in reports(nameless, payload).entries]
    assert ids != [entry.message.id for entry in reports(nameless, payload, "city/south-town/reports").entries]


def test_a_bare_value_is_the_field_value() -> None:
    text = struct.replace(BINS, mapping={"topics": ["alarm/#"], "columns": {"text": "value", "area": "mqtt.topic.1"}})
    [entry] = reports(text, "the pump stands still", "alarm/north-town").entries
    assert (entry.message.data.title, entry.message.data.area) == ("the pump stands still", "north-town")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (mapped(BINS, topics=[]), "topics"),
        (mapped(BINS, topics=["a/#/b"]), "# stands for all further levels, at the end alone"),
        (mapped(BINS, topics=["a/b+"]), "+ for one whole level"),
        (mapped(BINS, topics=["$SYS/#"]), "the broker's own"),
        (mapped(BINS, contact={"phone": "tel"}), "contact is of nobody here"),
        (struct.replace(BINS, mapping=None), "topics"),
        (mapped(AIR, columns={"station": "mqtt.topic.1"}), "nothing says when it was measured"),
        (mapped(AIR, columns={"observed_at": "ts"}), "nothing fills station"),
        (mapped(AIR, factors={}), "names no factor"),
        (mapped(AIR, columns={**(AIR.mapping or {})["columns"], "title": "t"}), "columns"),
        (struct.replace(BINS, signature="github"), "comes by mqtt"),
        (struct.replace(AIR, keys=(key_as_registered("x", AT),)), "comes by mqtt"),
        (struct.replace(AIR, is_open=True), "comes by mqtt"),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_listened_to_is_refused_with_the_reason(source: RegisteredSource, says: str) -> None:
    check(BINS)
    check(AIR)
    with pytest.raises(MappingError, match=says.replace("+", r"\+").replace("$", r"\$")):
        check(source)


def test_readings_have_their_numbers_their_limits_and_the_bytes_that_were_sent() -> None:
    message = one(AIR, TOLD)
    assert message.data.factors == (
        FactorReading(factor="a34004", value=81.5, high=75.0),
        FactorReading(factor="a34002", value=120.0, maximum=160.0, flag="N"),
    )
    assert (message.data.station, message.data.site, message.data.at, message.data.span) == (
        "0001",
        "0001",
        AT,
        "moment",
    )
    assert json.loads(message.data.frame) == TOLD
    assert one(AIR, TOLD).id == message.id != one(AIR, {**TOLD, "ts": TOLD["ts"] + 1}).id


def test_factors_that_name_themselves_are_read_from_their_list() -> None:
    listed = mapped(
        AIR, factors={}, factor_list={"items": "data", "name": "code", "value": "val"}, names={"PM25": "a34004"}
    )
    told = {"ts": TOLD["ts"], "data": [{"code": "PM25", "val": "81.5"}, {"code": "o3", "val": None}]}
    assert one(listed, told).data.factors == (FactorReading(factor="a34004", value=81.5, high=75.0),)
    [twice] = readings(listed, {**told, "data": 2 * told["data"]})
    assert isinstance(twice, BadRow)
    assert twice.reason == "a34004 stands twice; a factor has one value at an instant"


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"ts": "soon"}, "ts", "soon is not of the form unix_ms"),
        ({"ts": None}, "ts", "is empty; fill it"),
        ({"ts": 10**30}, "ts", "is not of the form"),
        ({"pm25": "much"}, "pm25", "much is no number"),
        ({"pm25": "nan"}, "pm25", "nan is no number"),
        ({"pm25": None, "pm10": None}, "factors", "none of the factors stands there"),
        ({"more": "x" * 20_000}, "(item)", "may have 20000"),
    ],
)
def test_what_is_no_reading_is_named_by_its_field(changed: dict[str, Any], field: str, says: str) -> None:
    [bad] = readings(AIR, {**TOLD, **changed})
    assert isinstance(bad, BadRow)
    assert bad.field == field
    assert says in bad.reason


@pytest.mark.parametrize("payload", [b"\xff", b"", b"{", b"[" * 300 + b"]" * 300])
def test_a_payload_that_is_no_json_or_nests_too_deep_is_refused(payload: bytes) -> None:
    with pytest.raises(Fault) as caught:
        carried("a", payload)
    assert caught.value.code == "not_json"


class Broker:
    """Our broker, as the door knows it: it takes what it is given, once it is there."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.away = 0

    async def put(self, record: Record) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("the broker is away")
        self.records.append(record)

    async def publish(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters


def door(broker: Broker, *sources: RegisteredSource) -> MqttDoor:
    registry = SourceRegistry()
    for source in sources:
        registry.put(source)
    clock = DrivenClock()
    clock.tick(AT)
    unasked: Any = None
    vault = Vault(MemoryVault(), clock, DeskSettings(None))
    reports = ReportDoor(
        broker.put, lambda record: None, clock, vault, registry, lambda: 0.0, unasked, SecretsFile(None),
        SourceJournal(None, clock),
    )  # fmt: skip
    made = MqttDoor(reports, broker.put, broker.publish, 2_000_000)
    made.renew()
    return made


def message(topic: str, payload: object) -> MqttMessage:
    return MqttMessage(topic, json.dumps(payload).encode())


def code(letter: DeadLetter) -> str:
    return (dict(letter.headers)["duban.dlq.code"] or b"").decode()


async def test_a_message_is_done_with_once_our_broker_has_it_however_long_that_takes() -> None:
    broker = Broker()
    broker.away = 2
    taking = door(broker, BINS).take(message("city/a/reports", {"id": "1", "title": "full"}))
    await asyncio.wait_for(taking, 30)
    assert (broker.away, len(broker.records), broker.letters) == (0, 1, [])


async def test_a_message_is_every_sources_that_names_its_topic() -> None:
    broker = Broker()
    other = struct.replace(BINS, name="other")
    await door(broker, BINS, other).take(message("city/a/reports", {"id": "1", "title": "full"}))
    assert sorted(dict(record.headers)["ce_source"] for record in broker.records) == [b"bins", b"other"]


async def test_what_cannot_be_read_is_laid_aside_as_it_came_and_what_can_be_goes_on() -> None:
    broker = Broker()
    listening = door(broker, BINS, mapped(AIR, items="all"))
    await listening.take(MqttMessage("city/a/reports", b"\xff"))
    await listening.take(message("nobody/s", 1))
    await listening.take(message("air/1/readings", {"all": [TOLD, {**TOLD, "ts": "soon"}]}))
    await listening.take(MqttMessage("city/a/reports", b""))  # takes back what was retained
    assert [code(letter) for letter in broker.letters] == ["not_json", "no_source", "invalid"]
    assert broker.letters[0].value == b"\xff"
    assert dict(broker.letters[0].headers)["duban.mqtt.topic"] == b"city/a/reports"
    assert "2.ts: soon is not" in (dict(broker.letters[2].headers)["__streams.errors.message"] or b"").decode()
    assert len(broker.records) == 1


async def test_a_source_that_is_off_is_unsubscribed_and_nothing_of_it_is_taken() -> None:
    broker = Broker()
    silenced = door(broker, BINS, struct.replace(AIR, is_off=True))
    assert silenced.renew() == ({"city/+/reports"}, {"air/+/readings"})
    await silenced.take(message("air/1/readings", TOLD))
    assert ([code(letter) for letter in broker.letters], broker.records) == (["no_source"], [])


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://u:p@x", "mqtt://x/topic", "x:1883"])
def test_an_address_that_is_none_is_refused_with_the_variable(url: str) -> None:
    with pytest.raises(SettingsError, match="DUBAN_MQTT_BROKER"):
        MqttSettings.load(mqtt_broker=url)


def test_a_certificate_that_is_not_there_is_told_and_an_address_without_a_port_has_the_usual(
    tmp_path: Path,
) -> None:
    with pytest.raises(SettingsError, match="DUBAN_MQTT_CA"):
        MqttSettings.load(mqtt_broker="mqtts://x", mqtt_ca=tmp_path / "none").tls()
    assert MqttSettings.load(mqtt_broker="mqtt://x").address == ("x", 1883)
    assert MqttSettings.load(mqtt_broker="mqtts://x").address == ("x", 8883)
