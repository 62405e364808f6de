"""A ledger that lacks its last part is decided again as it was told: with the numbers that were told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import chain

import pytest

from duban.clock import SystemClock
from duban.errors import DubanError
from duban.messages.commands import COMMANDS, Command
from duban.messages.delivery import Delivery
from duban.messages.envelope import Record, decode
from duban.messages.events import PROBLEMS, LedgerEvent
from duban_cli.bench import load
from duban_cli.bench.path import library_of
from duban_router.handlers import CommandHandler
from duban_router.memory import MemoryLedger
from duban_router.recovery import Telling, ordered, year_and_serial

LIBRARY = library_of(load.PACK.read_text("utf-8"))
PARTITIONS = 3


def commands(problems: int) -> list[Delivery[Command]]:
    """Of each problem its registration and all that people do, as they lie in the partitions of their topic."""
    records = chain.from_iterable(
        (load.registration(number), *load.way_to_strike_off(number, load.BEGINS_AT)) for number in range(problems)
    )
    deliveries = []
    for offset, record in enumerate(records):
        message = decode(record.key, record.value, record.headers, COMMANDS)
        at = load.BEGINS_AT + timedelta(milliseconds=offset)
        deliveries.append(Delivery(message, record.topic, record.key[0] % PARTITIONS, offset, at))
    return deliveries


def by_partition(deliveries: Sequence[Delivery[Command]], first: int) -> list[Delivery[Command]]:
    """``deliveries`` as a router reads them that begins with the partition ``first``."""
    return [one for turn in range(PARTITIONS) for one in deliveries if one.partition == (first + turn) % PARTITIONS]


async def decided(ledger: MemoryLedger, deliveries: Sequence[Delivery[Command]]) -> list[LedgerEvent]:
    records = await CommandHandler(ledger, LIBRARY, SystemClock())(deliveries)
    return [told for record in records if isinstance(told := _told(record), LedgerEvent)]


def _told(record: Record) -> object:
    return decode(record.key, record.value, record.headers, PROBLEMS).data


def what(told: Iterable[LedgerEvent]) -> Telling:
    noted = Telling()
    for event in told:
        noted.take(event, LIBRARY)
    return noted


async def test_what_is_decided_again_comes_out_as_it_was_told_numbers_too() -> None:
    deliveries = commands(40)
    first = what(await decided(MemoryLedger(), by_partition(deliveries, 1)))
    otherwise = what(await decided(MemoryLedger(), by_partition(deliveries, 2)))
    assert first.hashes != otherwise.hashes, "numbers follow from the order of reading"
    again = what(await decided(MemoryLedger(), ordered(deliveries, first)))
    assert again.hashes == first.hashes


async def test_what_stands_is_left_and_the_rest_is_added_behind_it() -> None:
    deliveries, ledger = commands(40), MemoryLedger()
    read = by_partition(deliveries, 1)
    stood = what(await decided(ledger, read[:60]))
    assert 0 < len(stood.serials) < 40
    told = what(await decided(MemoryLedger(), read))
    await decided(ledger, ordered(deliveries, told))
    assert what(await decided(ledger, read)).hashes == told.hashes


async def test_a_number_that_was_not_told_goes_to_a_problem_that_was_not() -> None:
    """The router may have ended between writing and telling; the others keep their numbers."""
    deliveries = commands(10)
    told = what(await decided(MemoryLedger(), by_partition(deliveries, 1)))
    untold = next(id_ for id_, (_, serial) in told.serials.items() if serial == 4)
    known = {id_: place for id_, place in told.serials.items() if id_ != untold}
    again = what(await decided(MemoryLedger(), ordered(deliveries, Telling(serials=known))))
    assert again.serials == told.serials


async def test_a_registration_that_was_refused_takes_no_number_that_was_not_told() -> None:
    deliveries = commands(10)
    told = what(await decided(MemoryLedger(), by_partition(deliveries, 1)))
    untold = next(id_ for id_, (_, serial) in told.serials.items() if serial == 4)
    # Of a category that no pack knows, and first of all to come.
    odd = load.registration(99, at=load.BEGINS_AT)
    message = decode(odd.key, odd.value.replace(b'"river"', b'"nosuch"'), odd.headers, COMMANDS)
    deliveries.append(Delivery(message, odd.topic, 0, 0, load.BEGINS_AT - timedelta(seconds=1)))
    known = {id_: place for id_, place in told.serials.items() if id_ != untold}
    again = what(await decided(MemoryLedger(), ordered(deliveries, Telling(serials=known, refused={message.id}))))
    assert again.serials == told.serials


async def test_a_number_that_was_told_of_two_problems_stays_with_one_and_none_is_lost() -> None:
    """As after services have gone on beside a standby that lacked the last seconds."""
    deliveries = commands(10)
    serials = dict(what(await decided(MemoryLedger(), by_partition(deliveries, 1))).serials)
    one, two = list(serials)[3:5]
    serials[two] = serials[one]
    again = what(await decided(MemoryLedger(), ordered(deliveries, Telling(serials=serials))))
    assert sorted(serial for _, serial in again.serials.values()) == list(range(1, 11))
    assert again.serials[one] == serials[one] or again.serials[two] == serials[two]


async def test_a_city_in_which_nothing_was_told_is_decided_as_it_came() -> None:
    deliveries = commands(5)
    again = what(await decided(MemoryLedger(), ordered(deliveries, Telling())))
    assert [serial for _, serial in again.serials.values()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("form", "number", "parts"),
    [
        ("MY-{year}-{serial:04d}", "MY-2026-0012", (2026, 12)),
        ("MY-{year}-{serial:04d}", "MY-2026-12345", (2026, 12345)),
        ("{year}年第{serial}号", "2026年第700号", (2026, 700)),
        ("{serial}/{year}", "7/2020", (2020, 7)),
        ("{year}{serial:05d}", "202000010", (2020, 10)),
        ("{year}/{serial:03d} ({year}.)", "2026/007 (2026.)", (2026, 7)),
    ],
)
def test_a_number_is_read_by_the_form_that_its_pack_gives_it(form: str, number: str, parts: tuple[int, int]) -> None:
    assert form.format(year=parts[0], serial=parts[1]) == number
    assert year_and_serial(form, number) == parts


def test_a_number_of_another_form_is_named() -> None:
    with pytest.raises(DubanError, match="X-7 was told as a number, and its pack writes them MY-"):
        year_and_serial("MY-{year}-{serial}", "X-7")
