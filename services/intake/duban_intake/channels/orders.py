"""Work orders of a hotline such as 12345 or 12369: JSON whose fields a mapping explains. Pure."""

from __future__ import annotations

from datetime import datetime

from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, document, listed, read_items


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The orders in ``body``: one, a list of them, or a list at the mapping's ``items``."""
    return read_items(listed(document(body), mapping.items), mapping, at)


ORDERS = Dialect(parse)
