"""What somebody fills in to report something: to a report, or to what is wrong with which field. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from duban.errors import Fault
from duban.messages.report import MOST_OF_TITLE, Location
from duban.pages.words import msgid
from duban_intake.body import JSON
from duban_intake.gateway.request import Handed, read
from duban_intake.site.city import CitySite

#: What a person fills in; what browsers send beside is passed over.
FIELDS: Final = (
    "category",
    "matter",
    "area",
    "title",
    "text",
    "address",
    "latitude",
    "longitude",
    "name",
    "phone",
    "email",
)
#: A field that no person sees: whoever fills it in is a program that fills in everything.
TRAP: Final = "homepage"
#: The number of a report, and what its reporter alone knows, as the page gave them out.
_NUMBER: Final = re.compile(r"[0-9a-hjkmnp-tv-z]{12}")
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MOST_OF_ADDRESS: Final = 300


@dataclass(frozen=True, slots=True)
class PublicForm:
    """A form as it was sent: ``number`` and ``secret`` of the page, what was filled in, and the photos in the store."""

    number: str
    secret: str
    answers: Mapping[str, str]
    photos: tuple[tuple[str, str], ...] = ()
    flaws: Mapping[str, str] = field(default_factory=dict)

    @property
    def location(self) -> Location | None:
        """Where it is, if that was given as a point."""
        try:
            return Location(latitude=float(self.answers["latitude"]), longitude=float(self.answers["longitude"]))
        except (KeyError, ValueError):
            return None


def filled_in(pairs: Sequence[tuple[str, str]], site: CitySite) -> PublicForm:
    """The form in ``pairs``, with what is wrong in it.

    Raises:
        Fault: 400, it is none of our pages'.
    """
    sent: dict[str, str] = {name: text.strip() for name, text in pairs}
    number, secret = sent.get("number", ""), sent.get("secret", "")
    if _NUMBER.fullmatch(number) is None or _SECRET.fullmatch(secret) is None:
        raise Fault(400, "invalid", "the form is none of this page; open it anew", "number")
    photos = tuple(
        (sha256, title) for name, text in pairs if name == "photo"
        for sha256, _, title in [text.partition(" ")] if _SHA256.fullmatch(sha256)
    )  # fmt: skip
    answers = {name: sent[name] for name in FIELDS if sent.get(name)}
    return PublicForm(number, secret, answers, photos, _flaws(answers, sent, site))


def _flaws(answers: Mapping[str, str], sent: Mapping[str, str], site: CitySite) -> dict[str, str]:
    flaws: dict[str, str] = {}
    if sent.get(TRAP):
        flaws[TRAP] = msgid("Leave this field empty: programs fill it in, people do not see it.")
    if answers.get("category", "") not in site.rules.categories:
        flaws["category"] = msgid("Choose what it is about.")
    for name, known in (("matter", site.rules.matters), ("area", site.rules.areas)):
        if name in answers and answers[name] not in known:
            flaws[name] = msgid("Choose one of the list, or none.")
    if not answers.get("title"):
        flaws["title"] = msgid("Say in a few words what you saw.")
    elif len(answers["title"]) > MOST_OF_TITLE:
        flaws["title"] = msgid("Say it in 300 characters; the rest goes into the description.")
    if len(answers.get("address", "")) > _MOST_OF_ADDRESS:
        flaws["address"] = msgid("Say it in 300 characters.")
    if not any(name in answers for name in ("address", "latitude", "area")):
        flaws["address"] = msgid("Say where it is: a place in words, or the place where you are.")
    return flaws


def handed(form: PublicForm, site: CitySite, now: datetime, *, takes_contacts: bool) -> Handed:
    """``form`` as what the site hands in.

    Raises:
        Fault: 400, the field that is wrong is named.
    """
    answers = form.answers
    location = form.location
    contact = {name: answers[name] for name in ("name", "phone", "email") if name in answers} if takes_contacts else {}
    report: dict[str, Any] = {
        "source": site.source.name,
        "id": form.number,
        "jurisdiction": site.id,
        "channel": site.channel,
        **{name: answers[name] for name in ("category", "matter", "area", "title", "text") if name in answers},
        "location": {"latitude": location.latitude, "longitude": location.longitude} if location else None,
        "attributes": {"address": answers["address"]} if "address" in answers else {},
        "evidence": [{"uri": f"evidence:{sha256}", "sha256": sha256, "title": title} for sha256, title in form.photos],
        "contact": contact or None,
        "secret": form.secret if takes_contacts else None,
    }
    return read({"content-type": JSON}, orjson.dumps(report), now, site.source)
