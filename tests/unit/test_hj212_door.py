"""The connections of the gateway of HJ 212: nothing is answered that the broker has not, and nothing is lost."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from duban.errors import SettingsError, Unavailable
from duban.io.dead_letters import DeadLetter
from duban.messages.envelope import Record, decode
from duban.messages.readings import READINGS, StationReadings
from duban_cli.devices.device import SimulatedDevice, frames
from duban_cli.devices.fleet import Fleet
from duban_cli.devices.series import load_series
from duban_intake.gateway.batcher import Batching
from duban_intake.hj212 import door
from duban_intake.hj212.door import MOST_GARBAGE, Door
from duban_intake.hj212.registry import Registry, load_registry
from duban_intake.hj212.settings import Hj212Settings
from duban_intake.hj212.translation import FrameVerdict, judge
from duban_local import ROOT
from hj212 import Frame, Stream, encode
from tests.conftest import eventually
from tests.unit.test_hj212_frame import MN
from tests.unit.test_hj212_translation import AT, DEVICES, KEY

SERIES = load_series(ROOT / "deploy/demo/hj212/air.csv")


class Broker:
    """A broker in memory, which may be closed for a while."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.records: list[Record] = []
        self.letters: list[DeadLetter] = []
        self.asked = 0

    async def publish(self, records: Sequence[Record]) -> None:
        self.asked += 1
        await self.open.wait()
        self.records += records

    async def lay_aside(self, letters: Sequence[DeadLetter]) -> None:
        await self.open.wait()
        self.letters += letters

    @property
    def readings(self) -> list[StationReadings]:
        return [decode(record.key, record.value, record.headers, READINGS).data for record in self.records]

    def codes(self) -> list[str]:
        return [dict(letter.headers)["duban.dlq.code"].decode() for letter in self.letters]  # type: ignore[union-attr]


@asynccontextmanager
async def listening(broker: Broker, registry: Registry = DEVICES, **changed: object) -> AsyncIterator[Door]:
    """The door before ``broker``, stopped in order at the end."""
    settings = Hj212Settings(hj212_port=0, drain_timeout=60, **changed)  # type: ignore[arg-type]
    batching = Batching(broker.publish, 5)
    one = Door(settings, lambda: registry, batching.put, broker.lay_aside, beside=batching)
    running = asyncio.create_task(one.run())
    await eventually(lambda: one.listening or running.done())
    try:
        yield one
    finally:
        one.stop()
        await running
        while CLIENTS:
            await CLIENTS.pop().close()


#: Who has connected, to be closed at the end.
CLIENTS: list[Client] = []


class Client:
    """A device by its bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self._stream = reader, writer, Stream()

    @classmethod
    async def of(cls, to: Door) -> Client:
        client = cls(*await asyncio.open_connection("127.0.0.1", to.port))
        CLIENTS.append(client)
        return client

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def send(self, *sent: Frame | bytes, key: bytes | None = None) -> None:
        self.writer.write(b"".join(one if isinstance(one, bytes) else encode(one, key) for one in sent))

    async def answers(self, count: int) -> list[Frame]:
        found: list[Frame] = []
        async with asyncio.timeout(30):
            while len(found) < count:
                data = await self.reader.read(4096)
                assert data, "hung up"
                found += [arrival for arrival in self._stream.feed(data) if isinstance(arrival, Frame)]
        return found

    async def is_hung_up_on(self) -> None:
        async with asyncio.timeout(30):
            with suppress(ConnectionError):  # what was on its way as it was hung up
                assert await self.reader.read() == b""


def reading(number: int, flag: int = 5, pnum: int | None = None, pno: int | None = None) -> Frame:
    cp = f"DataTime=20260301080000;a34004-Rtd={number}"
    qn = f"20260301080000{number:03d}"
    return Frame(qn=qn, st="22", cn="2011", mn="MK130502VQ0162", flag=flag, cp=cp, pnum=pnum, pno=pno)


async def test_what_the_broker_has_is_answered_and_nothing_sooner() -> None:
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        broker.open.clear()
        client.send(reading(1))
        await eventually(lambda: broker.asked == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.reader.read(1)
        broker.open.set()
        [answer] = await client.answers(1)
        assert (answer.cn, answer.qn, answer.st, answer.flag) == ("9014", reading(1).qn, "91", 4)
    [only] = broker.readings
    assert (only.station, only.site, only.factors[0].value) == ("MK130502VQ0162", "roof", 1.0)
    assert only.frame.encode("latin-1") + b"\r\n" == encode(reading(1))


async def test_what_comes_together_is_answered_in_order_and_what_asks_for_nothing_is_kept_silently() -> None:
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(*(reading(number, 4 if number % 2 else 5) for number in range(20)))
        answers = await client.answers(10)
    assert [answer.qn for answer in answers] == [reading(number).qn for number in range(0, 20, 2)]
    assert [one.factors[0].value for one in broker.readings] == list(range(20))


async def test_whatever_is_no_reading_of_a_device_that_is_known_is_laid_aside_with_its_bytes() -> None:
    broker = Broker()
    stranger = Frame(qn="1", st="22", cn="2011", mn="nobody", flag=5, cp="DataTime=20260301080000;a-Rtd=1")
    boot = Frame(qn="2", st="22", cn="2081", mn="MK130502VQ0162", flag=5, cp="DataTime=20260301080000")
    secret = Frame(qn="3", st="32", cn="2011", pw="123456", mn=MN, flag=9, cp="DataTime=20260301080000;w01018-Rtd=1")
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(b"AT+CSQ", stranger, encode(secret), boot)
        client.send(secret, key=KEY)
        answers = await client.answers(2)
    assert [(answer.mn, answer.qn) for answer in answers] == [("MK130502VQ0162", "2"), (MN, "3")]
    assert [one.station for one in broker.readings] == [MN]
    assert broker.codes() == ["garbage", "unknown_device", "not_encrypted", "not_readings"]
    assert [letter.value for letter in broker.letters] == [
        b"AT+CSQ", *(encode(frame)[:-2] for frame in (stranger, secret, boot))
    ]  # fmt: skip
    assert {letter.topic for letter in broker.letters} == {"duban.hj212.v1.duban-hj212.dlq"}


async def test_a_frame_that_breaks_the_code_is_laid_aside_and_the_device_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(frame: Frame, *rest: Any) -> FrameVerdict:
        if frame.qn == reading(1).qn:
            raise RuntimeError("broken")
        return judge(frame, *rest)

    monkeypatch.setattr(door, "judge", breaks)
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(reading(1), reading(2))
        await client.answers(2)
    assert broker.codes() == ["fault"]
    assert len(broker.records) == 1


async def test_heartbeats_are_answered_and_kept_nowhere() -> None:
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(Frame(qn="1", st="22", cn="9015", mn="MK130502VQ0162", flag=9))
        [answer] = await client.answers(1)
    assert (answer.cn, answer.flag) == ("9013", 8)
    assert not broker.records
    assert not broker.letters


async def test_each_part_is_answered_and_a_later_one_has_the_time_of_the_first() -> None:
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        second = Frame(qn="2", st="22", cn="2011", mn="MK130502VQ0162", flag=7, pnum=2, pno=2, cp="b-Rtd=2")
        client.send(reading(1, 7, pnum=2, pno=1), second)
        await client.answers(2)
    assert [one.at for one in broker.readings] == [AT, AT]


async def test_a_broker_that_is_away_holds_the_device_up_and_loses_nothing() -> None:
    broker = Broker()
    times = 0

    async def publish(records: Sequence[Record]) -> None:
        nonlocal times
        times += 1
        if times < 3:
            raise Unavailable("away")
        await Broker.publish(broker, records)

    broker.publish = publish  # type: ignore[method-assign]
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(reading(1))
        await client.answers(1)
    assert times == 3
    assert len(broker.records) == 1


async def test_a_stop_lets_what_is_in_hand_be_kept_and_answered_and_hangs_up_on_who_waits() -> None:
    broker = Broker()
    async with listening(broker) as to:
        busy, idle = await Client.of(to), await Client.of(to)
        await eventually(lambda: to.connected == 2)
        port = to.port
        idle.send(b"AT+CSQ")
        broker.open.clear()
        busy.send(reading(1))
        await eventually(lambda: broker.asked == 1)
        to.stop()
        await idle.is_hung_up_on()
        broker.open.set()
        [answer] = await busy.answers(1)
        await busy.is_hung_up_on()
    assert answer.cn == "9014"
    assert [letter.value for letter in broker.letters] == [b"AT+CSQ"]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_what_came_before_a_connection_broke_is_laid_aside() -> None:
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(reading(1), b"##0300QN=1;ST=22")
        await client.answers(1)
        client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await eventually(lambda: to.connected == 0)
    assert [letter.value for letter in broker.letters] == [b"##0300QN=1;ST=22"]


async def test_a_false_beginning_gives_way_when_the_device_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "FRAME_SECONDS", 0.05)
    broker = Broker()
    async with listening(broker) as to:
        client = await Client.of(to)
        client.send(b"##9000", reading(1))
        await client.answers(1)
    assert broker.codes() == ["garbage"]


async def test_who_speaks_another_protocol_or_is_silent_or_one_too_many_is_hung_up_on() -> None:
    broker = Broker()
    async with listening(broker, hj212_max_connections=1) as to:
        client = await Client.of(to)
        await eventually(lambda: to.connected == 1)
        await (await Client.of(to)).is_hung_up_on()
        client.send(b"x" * (MOST_GARBAGE + 4096))
        await client.is_hung_up_on()
        await eventually(lambda: to.connected == 0)
    async with listening(broker, hj212_idle=0.05) as to:
        await (await Client.of(to)).is_hung_up_on()
    assert b"".join(letter.value or b"" for letter in broker.letters).startswith(b"x" * MOST_GARBAGE)


async def test_a_port_that_is_taken_is_named() -> None:
    async with listening(Broker()) as to:
        broker = Broker()
        batching = Batching(broker.publish, 1)
        settings = Hj212Settings(hj212_port=to.port)
        other = Door(settings, lambda: DEVICES, batching.put, broker.lay_aside, batching)
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{to.port}"):
            await other.run()


async def test_a_fleet_plays_a_series_and_counts_its_answers() -> None:
    broker = Broker()
    fleet = Fleet(SERIES, 30, 0, "123456", 60)
    async with listening(broker, load_registry(fleet.registry("city"), "fleet")) as to:
        tally = await fleet.play("127.0.0.1", to.port, AT, 4)
    assert (tally.sent, tally.answered, tally.sent_again, tally.broken) == (120, 120, 0, 0)
    assert len({record.headers[1] for record in broker.records}) == 120
    stations = {one.station for one in broker.readings}
    assert len(stations) == 30
    assert {"Tiantan-0001", "Tiantan-0002"} <= stations


async def test_the_device_of_the_handbook_is_answered_by_the_registry_of_the_handbook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (ROOT / "docs/integrating.md").read_text("utf-8")
    [registry] = re.findall(r"```yaml\n(jurisdiction.*?)```", text, re.DOTALL)
    [device] = re.findall(r"```python\n(import socket\nfrom hj212.*?)```", text, re.DOTALL)
    broker = Broker()
    async with listening(broker, load_registry(registry, "integrating.md")) as to:
        await asyncio.to_thread(exec, device.replace("8340", str(to.port)), {})
    assert capsys.readouterr().out == "9014\n"
    [readings] = broker.readings
    assert (readings.site, readings.factors[0].value, readings.factors[0].high) == ("north outfall", 31.5, 50.0)


async def test_a_device_sends_again_what_is_not_answered_and_gives_up_after_the_third_time() -> None:
    broker = Broker()
    [frame, *_] = frames("nobody", SERIES["Tiantan"], "1", None, AT)
    async with listening(broker) as to:
        device = SimulatedDevice("127.0.0.1", to.port, patience=0.05)
        assert not await device.send(frame)
        await device.close()
    assert (device.tally.sent, device.tally.sent_again, device.tally.unanswered) == (1, 3, 1)
    assert broker.codes() == ["unknown_device"] * 4
