"""Every kind of source: a line for each channel. Pure."""

from __future__ import annotations

from typing import Final

from duban.messages.sources import RegisteredSource
from duban_intake.channels.alertmanager import ALERTMANAGER
from duban_intake.channels.columns import MappingError
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.grafana import GRAFANA
from duban_intake.channels.items import ItemMapping, mapping_of
from duban_intake.channels.mail import MAIL
from duban_intake.channels.mqtt import MQTT
from duban_intake.channels.open311 import OPEN311
from duban_intake.channels.orders import ORDERS
from duban_intake.channels.pagerduty import PAGERDUTY
from duban_intake.channels.readings import ReadingMapping
from duban_intake.channels.sms import SMS
from duban_intake.channels.table_file import TABLE

#: Reports as we write them, plain or as CloudEvents, which need no mapping.
OUR_OWN: Final = "reports"
#: What people fill in on the gateway's own pages for the public of a city, which need no mapping either.
SITE: Final = "site"
#: What stations measure, which is no report.
READINGS: Final = "mqtt-readings"
KINDS: Final[dict[str, Dialect]] = {
    "orders": ORDERS,
    "alertmanager": ALERTMANAGER,
    "grafana": GRAFANA,
    "pagerduty": PAGERDUTY,
    "mqtt": MQTT,
    "mail": MAIL,
    "sms": SMS,
    "open311": OPEN311,
    "table": TABLE,
}


def spoken(source: RegisteredSource) -> tuple[Dialect, ItemMapping] | None:
    """The channel of ``source`` and how its fields are read; None where it speaks our own language.

    Raises:
        MappingError: there is no such kind of reports, or its mapping is none.
    """
    if source.kind in (OUR_OWN, SITE):
        if source.mapping is not None:
            raise MappingError(f"{source.name} sends reports as they are, which need no mapping; leave it out")
        return None
    channel = KINDS.get(source.kind)
    if channel is None:
        known = ", ".join((OUR_OWN, SITE, *KINDS, READINGS))
        what = (
            "hands in readings, and no reports"
            if source.kind == READINGS
            else f"is of the kind {source.kind}, which there is not"
        )
        raise MappingError(f"{source.name} {what}; use one of {known}")
    return channel, mapping_of(source, channel.mapping, channel.model)


def measured(source: RegisteredSource) -> ReadingMapping:
    """How the readings of ``source`` are read.

    Raises:
        MappingError: its mapping is none.
    """
    return mapping_of(source, {}, ReadingMapping)


def check(source: RegisteredSource) -> None:
    """Refuse ``source`` where no channel would understand it.

    Raises:
        MappingError: there is no such kind, its mapping is none, or it has a key where nothing shows one.
    """
    if source.kind == READINGS:
        measured(source)
    else:
        spoken(source)
    if not shows_key(source) and (source.keys or source.is_open or source.signature):
        say = "no key of ours, no signature, and is not open: nobody shows any there; leave them out"
        raise MappingError(f"{source.name} comes by {carrier_of(source)}: it has {say}")


def carrier_of(source: RegisteredSource) -> str:
    """By what ``source`` comes: http, mqtt, mail, or pages."""
    if source.kind == READINGS:
        return "mqtt"
    if source.kind == SITE:
        return "the gateway's own pages"
    return KINDS[source.kind].carrier if source.kind in KINDS else "http"


def shows_key(source: RegisteredSource) -> bool:
    """Whether ``source`` comes over HTTP, where it shows a key."""
    return carrier_of(source) == "http"
