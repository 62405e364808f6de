"""What a time zone is called on pages. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import get_timezone_name

from duban.pages.words import PageLanguage

#: The territory of what lies in none.
_NOWHERE: Final = "ZZ"


def zone_words(zone: ZoneInfo, at: datetime, language: PageLanguage) -> str:
    """``zone`` in words, with its id and how far it is from UTC ``at`` then: ``China Time (Asia/Shanghai, UTC+8)``.

    One that lies nowhere (``Etc/GMT-8``) has no name: it is told by the distance alone.
    """
    hours, minutes = (each := at.astimezone(zone).isoformat()[-6:])[:3], each[3:]
    offset = "UTC" if int(hours) == int(minutes[1:]) == 0 else f"UTC{int(hours):+d}{minutes.removesuffix(':00')}"
    name = get_timezone_name(zone, locale=language)
    if Locale.parse(language).territories[_NOWHERE] in name:
        return offset
    return f"{name}（{zone.key}，{offset}）" if language == "zh" else f"{name} ({zone.key}, {offset})"
