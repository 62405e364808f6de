"""Every kind of source: a line for each channel. Pure."""

from __future__ import annotations

from typing import Final

from duban.messages.sources import RegisteredSource
from duban_intake.channels.alertmanager import ALERTMANAGER
from duban_intake.channels.columns import MappingError
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.grafana import GRAFANA
from duban_intake.channels.items import ItemMapping, mapping_of
from duban_intake.channels.open311 import OPEN311
from duban_intake.channels.orders import ORDERS
from duban_intake.channels.pagerduty import PAGERDUTY

#: Reports as we write them, plain or as CloudEvents, which need no mapping.
OUR_OWN: Final = "reports"
KINDS: Final[dict[str, Dialect]] = {
    "orders": ORDERS,
    "alertmanager": ALERTMANAGER,
    "grafana": GRAFANA,
    "pagerduty": PAGERDUTY,
    "open311": OPEN311,
}


def spoken(source: RegisteredSource) -> tuple[Dialect, ItemMapping] | None:
    """The channel of ``source`` and how its fields are read; None where it speaks our own language.

    Raises:
        MappingError: there is no such kind, or its mapping is none.
    """
    if source.kind == OUR_OWN:
        if source.mapping is not None:
            raise MappingError(f"{source.name} sends reports as they are, which need no mapping; leave it out")
        return None
    channel = KINDS.get(source.kind)
    if channel is None:
        known = ", ".join((OUR_OWN, *KINDS))
        raise MappingError(f"{source.name} is of the kind {source.kind}, which there is not; use one of {known}")
    return channel, mapping_of(source, channel.mapping)
