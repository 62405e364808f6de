"""What a time zone is called on pages. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_name

from duban.pages.words import PageLanguage


def zone_words(zone: ZoneInfo, at: datetime, language: PageLanguage) -> str:
    """``zone`` in words, with its id and how far it is from UTC ``at`` then: ``China Time (Asia/Shanghai, UTC+8)``."""
    if zone.key == "UTC":
        return "UTC"
    hours, minutes = (each := at.astimezone(zone).isoformat()[-6:])[:3], each[3:]
    offset = f"UTC{int(hours):+d}{minutes.removesuffix(':00')}"
    name = get_timezone_name(zone, locale=language)
    return f"{name}（{zone.key}，{offset}）" if language == "zh" else f"{name} ({zone.key}, {offset})"
