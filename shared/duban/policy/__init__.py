"""Policy packs: what a city's document demands, as data. Pure."""

from duban.policy.loader import load_calendar, load_pack
from duban.policy.model.pack import PACKS, PolicyPack, PublishedCalendar
from duban.policy.rules import Rules

__all__ = ["PACKS", "PolicyPack", "PublishedCalendar", "Rules", "load_calendar", "load_pack"]
