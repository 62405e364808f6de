"""Service requests of Open311's GeoReport, version 2, as they are posted: a form. Pure.

The protocol gives a request no id of its sender's own, so it is known by what it says and the day: sent once more it is
the same report, and said again on another day it is another. https://wiki.open311.org/GeoReport_v2
"""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

from duban.errors import Fault
from duban.messages.struct import canonical_json
from duban_intake.channels.dialect import Dialect
from duban_intake.channels.items import ItemMapping, Parsed, read_items

#: Its name among the kinds of sources.
KIND: Final = "open311"
_MOST_FIELDS: Final = 200
_ATTRIBUTE: Final = re.compile(r"attribute\[([^\[\]]+)\](?:\[\])?")
#: What says who speaks and to whom, and nothing of what is reported.
_ADDRESS: Final = ("api_key", "jurisdiction_id")

#: ``id``, ``title`` and ``name`` are put beside what is sent. Which account or device it was is left behind.
MAPPING: Final = {
    "id": "id",
    "columns": {
        "category": "service_code", "title": "title", "text": "description", "latitude": "lat", "longitude": "long",
        "matter": "attribute.matter", "area": "attribute.area",
    },
    "contact": {"name": "name", "phone": "phone", "email": "email"},
    "attributes": ["address_string", "address_id", "media_url"],
}  # fmt: skip


def parse(body: bytes, mapping: ItemMapping, at: datetime) -> Parsed:
    """The request in ``body``."""
    form = {name: text for name, text in form_in(body).items() if name not in _ADDRESS}
    if not form.get("service_code"):
        raise Fault(400, "invalid", "is missing; it is a service_code of the list of services", "service_code")
    if not any(form.get(place) for place in ("lat", "long", "address_string", "address_id")):
        raise Fault(400, "invalid", "no place is given; send lat and long, address_string or address_id", "lat")
    content = sha256(canonical_json(form)).hexdigest()[:32]
    name = " ".join(filter(None, (form.get("first_name"), form.get("last_name"))))
    title = "" if form.get("description") else form["service_code"]
    return read_items([{**form, "id": f"{at:%Y%m%d}-{content}", "title": title, "name": name}], mapping, at)


def form_in(body: bytes) -> dict[str, Any]:
    """The fields of the form in ``body``, several of one name as one text, and by ``attribute`` those of a service.

    Raises:
        Fault: 400, it is no form.
    """
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        say = f"the body is no form in UTF-8 of at most {_MOST_FIELDS} fields: {error}"
        raise Fault(400, "not_a_form", say) from None
    fields: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for name, text in pairs:
        attribute = _ATTRIBUTE.fullmatch(name)
        into, key = (attributes, attribute[1]) if attribute else (fields, name.removesuffix("[]"))
        if text:
            into[key] = f"{into[key]}, {text}" if key in into else text
    return {**fields, "attribute": attributes}


OPEN311: Final = Dialect(parse, MAPPING)
