"""What each route of the gateway asks of who comes: the key of a source, or nothing. No body says who acts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Asks(StrEnum):
    """What a route asks for."""

    KEY = "the key of a source"  #: in the header, or where the protocol has its place; one that is open needs none here
    SIGNATURE = "the key of that source, or its signature"  #: of the source that the path names
    CODE = "the code of the report"  #: which its reporter alone was told
    NOTHING = "nothing"  #: it shows what everybody may read, or what the server can


_UPLOADS: Final = "/v1/evidence/uploads"
_OPEN311: Final = "/open311/v2"
#: What each route asks for.
ROUTES: Final[Mapping[tuple[str, str], Asks]] = MappingProxyType(
    {
        ("POST", "/v1/reports"): Asks.KEY,
        ("GET", "/v1/reports/{source}/{id}"): Asks.KEY,
        ("OPTIONS", "/v1/reports"): Asks.KEY,
        ("POST", "/v1/erasures"): Asks.CODE,
        ("POST", "/v1/sources/{name}"): Asks.SIGNATURE,
        ("OPTIONS", "/v1/sources/{name}"): Asks.SIGNATURE,
        ("POST", "/v1/tables/{name}"): Asks.SIGNATURE,
        ("POST", "/v2/enqueue"): Asks.KEY,
        ("OPTIONS", _UPLOADS): Asks.NOTHING,
        ("POST", _UPLOADS): Asks.KEY,
        ("HEAD", _UPLOADS + "/{id}"): Asks.KEY,
        ("PATCH", _UPLOADS + "/{id}"): Asks.KEY,
        ("GET", _UPLOADS + "/{id}"): Asks.KEY,
        ("DELETE", _UPLOADS + "/{id}"): Asks.KEY,
        ("GET", "/open311/discovery.{form}"): Asks.NOTHING,
        ("GET", _OPEN311 + "/services.{form}"): Asks.NOTHING,
        ("GET", _OPEN311 + "/services/{service_code}.{form}"): Asks.NOTHING,
        ("POST", _OPEN311 + "/requests.{form}"): Asks.KEY,
        ("GET", _OPEN311 + "/tokens/{token}.{form}"): Asks.NOTHING,
        ("GET", _OPEN311 + "/requests.{form}"): Asks.NOTHING,
        ("GET", _OPEN311 + "/requests/{service_request_id}.{form}"): Asks.NOTHING,
    }
)
_CITY: Final = "/city/{city}"
#: The same of the pages for the public, which have no sessions.
SITE_ROUTES: Final[Mapping[tuple[str, str], Asks]] = MappingProxyType(
    {
        ("GET", "/"): Asks.NOTHING,
        ("GET", "/assets/{digest}/{name}"): Asks.NOTHING,
        ("GET", "/language/{language}"): Asks.NOTHING,
        ("GET", _CITY): Asks.NOTHING,
        ("GET", _CITY + "/report"): Asks.NOTHING,
        ("POST", _CITY + "/report"): Asks.NOTHING,
        ("GET", _CITY + "/follow"): Asks.NOTHING,
        ("POST", _CITY + "/follow"): Asks.CODE,
        ("POST", _CITY + "/rate"): Asks.CODE,
        ("GET", _CITY + "/problems"): Asks.NOTHING,
        ("GET", _CITY + "/problems.{form}"): Asks.NOTHING,
        ("GET", _CITY + "/problems/{id}"): Asks.NOTHING,
        ("GET", _CITY + "/board"): Asks.NOTHING,
        ("GET", _CITY + "/publications"): Asks.NOTHING,
        ("GET", _CITY + "/publications/{id}"): Asks.NOTHING,
        ("GET", _CITY + "/publications/{id}.csv"): Asks.NOTHING,
    }
)
