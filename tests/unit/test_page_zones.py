"""What a time zone is called beside the hours that are meant by it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from duban.pages.words import PageLanguage
from duban.pages.zones import zone_words

WINTER, SUMMER = (datetime(2026, month, 15, tzinfo=UTC) for month in (1, 7))


@pytest.mark.parametrize(
    ("zone", "at", "language", "words"),
    [
        ("Asia/Shanghai", WINTER, "zh", "中国时间（Asia/Shanghai，UTC+8）"),
        ("Asia/Shanghai", WINTER, "en", "China Time (Asia/Shanghai, UTC+8)"),
        ("America/New_York", WINTER, "en", "Eastern Time (America/New_York, UTC-5)"),
        ("America/New_York", SUMMER, "en", "Eastern Time (America/New_York, UTC-4)"),
        ("America/St_Johns", WINTER, "en", "Newfoundland Time (America/St_Johns, UTC-3:30)"),
        ("UTC", SUMMER, "zh", "UTC"),
        ("Etc/UTC", SUMMER, "zh", "UTC"),
        ("Etc/GMT-8", SUMMER, "zh", "UTC+8"),
    ],
)
def test_a_zone_is_told_by_its_name_its_id_and_how_far_it_is_from_utc(
    zone: str, at: datetime, language: PageLanguage, words: str
) -> None:
    assert zone_words(ZoneInfo(zone), at, language) == words
