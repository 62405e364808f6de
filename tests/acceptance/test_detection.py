"""What stations measure becomes problems of a city, with what citizens and other instruments say of the same.

In 2022 April 6 is a Wednesday.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from duban.messages.changes import Attached
from duban.messages.readings import FactorReading, StationReadings
from duban.messages.report import Location
from tests.acceptance.timeline import City, expect, local

AT = "2022-04-06 09:00"
HERE = (31.467, 104.679)


def readings(
    city: City, station: str, after: float, factor: str, value: float | None, **fields: Any
) -> StationReadings:
    """What a station said ``after`` so many hours."""
    at: datetime = local(AT) + timedelta(hours=after)
    measured = {name: fields.pop(name) for name in ("flag", "high", "converted") if name in fields}
    usual: dict[str, Any] = {
        "span": "hour",
        "location": Location(latitude=HERE[0], longitude=HERE[1]),
        "area": "fucheng",
    }
    return StationReadings(
        jurisdiction=city.rules.pack.jurisdiction, station=station, site=f"{station}号排口", protocol="hj212", at=at,
        frame="", factors=(FactorReading(factor=factor, value=value, **measured),), **{**usual, **fields},
    )  # fmt: skip


def outfall(city: City, station: str, *cod: float, flag: str = "N", begin: float = 0) -> list[StationReadings]:
    """An outfall of waste water whose own limit is 50, hour by hour."""
    return [
        readings(city, station, begin + n, "w01018", value, flag=flag, high=50, system="32", enterprise="某化工厂")
        for n, value in enumerate(cod)
    ]


def test_an_outfall_beyond_its_limits_is_one_problem_that_citizens_and_a_second_instrument_join_my_06a() -> None:
    city = City.of("mianyang-2022", at=AT)
    (found,) = city.measure(*outfall(city, "A", 40, 60, 70, 80))
    expect(found, status="dispatched", lead_unit="ecology", channel="auto-monitoring", reports=1)
    assert found.problem is not None
    assert found.problem.enterprise == "某化工厂"
    citizen = city.report("industrial-wastewater", "河水发黑", area="fucheng", at=HERE, channel="duty-line")
    (second,) = city.measure(*outfall(city, "B", 90, 95, begin=3))
    assert {citizen.id, second.id} == {found.id}
    expect(found, reports=3)
    city.measure(*outfall(city, "A", *[60] * 30, begin=5))
    *_, over = city.measure(*outfall(city, "A", 40, 40, 40, 40, begin=35))
    assert over.id == found.id
    expect(found, reports=3, status="dispatched")  # what lasts is no further report, and what is over closes nothing
    attached = [event.change.filed.report for event in found.events if isinstance(event.change, Attached)]
    assert attached[-1].ended_at == local(AT) + timedelta(hours=35)


def test_what_a_monitor_says_out_of_order_is_a_matter_of_the_equipment_my_06a() -> None:
    city = City.of("mianyang-2022", at=AT)
    (faulty,) = city.measure(*outfall(city, "A", 90, 90, 90, 91, flag="D"))
    expect(faulty, category="other", lead_unit="ecology")
    began, over = city.measure(*outfall(city, "A", 10, begin=12))
    assert (began.id, over.id) == (began.id, began.id)
    expect(began, category="other", title="自动监测设备失联：A号排口")


def test_a_treatment_plant_without_power_is_reported_my_06a() -> None:
    city = City.of("mianyang-2022", at=AT)
    data = [readings(city, "P", n / 60, "facility_power", 0.2, span="minute") for n in range(10)]
    (found,) = city.measure(*data)
    expect(found, category="industrial-air", channel="power-use", lead_unit="ecology")


def test_a_sudden_jump_at_a_water_station_is_a_sudden_incident_my_07() -> None:
    city = City.of("mianyang-2022", at=AT)
    data = [readings(city, "W", n, "w21003", value, system="21") for n, value in enumerate((0.5, 0.6, 14.0))]
    (found,) = city.measure(*data)
    expect(found, category="sudden", channel="water-station")


def test_each_level_of_toxic_gas_is_a_warning_of_its_own_and_heavy_pollution_another_ly_11b_ly_12() -> None:
    city = City.of("linyi-2021", at=AT)
    gas = [
        readings(city, "G", n / 60, "a21028", value, span="minute", area=None)
        for n, value in enumerate((0.1, 0.1, 0.1, 12))
    ]
    low, high = city.measure(*gas)
    expect(low, category="toxic-gas-low")
    expect(high, category="toxic-gas-high")
    haze = [readings(city, "H", n, "a34004", 180, system="22", area=None) for n in range(20)]
    (warning,) = city.measure(*haze)
    expect(warning, category="air-warning")
