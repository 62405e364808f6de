"""The forms in which GeoReport answers: XML, and the same as JSON. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

#: What the elements of a list are called, by the name of the list.
_ONE_OF: Final = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
#: What XML 1.0 has no way to say.
_UNSAYABLE: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Form(StrEnum):
    """What the end of a path asks for."""

    XML = "xml"
    JSON = "json"

    @property
    def content_type(self) -> str:
        """How an answer in it is labelled."""
        return {Form.XML: "text/xml", Form.JSON: "application/json"}[self]


def body(form: Form, root: str, content: Any) -> bytes:
    """``content``, a list or a mapping, called ``root`` where the form has a place for that."""
    if form is Form.JSON:
        return orjson.dumps(content)
    element = Element(root)
    _fill(element, content)
    text: str = tostring(element, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}'.encode()


def _fill(element: Element, content: Any) -> None:
    match content:
        case Mapping():
            for name, inner in content.items():
                _fill(SubElement(element, name), inner)
        case list():
            for inner in content:
                _fill(SubElement(element, _ONE_OF[element.tag]), inner)
        case None:
            pass
        case bool():
            element.text = str(content).lower()
        case _:
            element.text = _UNSAYABLE.sub("\ufffd", str(content))
