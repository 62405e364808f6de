"""Work orders of a hotline such as 12345 or 12369: JSON whose fields a mapping explains. Pure."""

from __future__ import annotations

from datetime import datetime

from duban.errors import Fault
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, document, inside, read_items


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The orders in ``body``: one, a list of them, or a list at the mapping's ``items``."""
    orders = document(body)
    if mapping.items is not None:
        orders = inside(orders, mapping.items)
        if not isinstance(orders, list):
            say = f"no list stands at {mapping.items}, where the mapping has the orders; correct one of them"
            raise Fault(400, "invalid", say, mapping.items)
    return read_items(orders if isinstance(orders, list) else [orders], mapping, at)


ORDERS = Dialect(parse)
