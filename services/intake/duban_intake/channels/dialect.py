"""The dialect of a channel, in which sources speak: from the bytes of a request to reports. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from duban_intake.channels.items import ItemMapping, Parsed

#: What a note says of a report whose matter is over.
ENDED: Final = "ended"
#: ``parse(body, mapping, at)``: what a request holds; raises a Fault of 400 where it holds nothing that can be read.
Parse: TypeAlias = Callable[[bytes, ItemMapping, datetime], Parsed]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of source speaks. ``mapping``: what its fields mean, where the source says nothing else.

    ``repeats``: the same id again is the same report whatever it says then, for it is told anew while it lasts.
    ``recurs``: once it has ended, the same id is another report.
    ``drops``: its senders never send again what is refused with a status below 500, not even after 429.
    ``is_long``: reading takes so long that nobody else should wait for it.
    ``hides``: what a report of its kind is known by would tell who reported; its id is made anew by the vault's key.
    ``carrier``: by what it comes; only over HTTP does a source show a key of ours. ``model``: what its mapping may say.
    """

    parse: Parse
    mapping: Mapping[str, Any] = field(default_factory=dict)
    repeats: bool = False
    recurs: bool = False
    drops: bool = False
    is_long: bool = False
    hides: bool = False
    carrier: Literal["http", "mqtt", "mail"] = "http"
    model: type[ItemMapping] = ItemMapping
