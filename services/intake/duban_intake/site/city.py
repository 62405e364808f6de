"""Which cities have pages for the public: those for which a source of this kind is registered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from duban.messages.sources import RegisteredSource
from duban.policy.library import Library
from duban.policy.rules import Rules
from duban_intake.channels.kinds import SITE
from duban_intake.channels.open311 import KIND as OPEN311_KIND
from duban_intake.sources.registry import SourceRegistry


@dataclass(frozen=True, slots=True)
class CitySite:
    """A city with its rules, the source as which its site speaks, and the names whose reports the public sees."""

    id: str
    rules: Rules
    source: RegisteredSource
    public_names: tuple[str, ...]

    @property
    def channel(self) -> str | None:
        """The channel of the pack by which reports of the site come; None where the source names none that there is."""
        return self.source.channel if self.source.channel in self.rules.channels else None


def city_sites(registry: SourceRegistry, library: Library, now: datetime) -> Mapping[str, CitySite]:
    """The cities by their ids, in the order of these: with a pack in force, and the first source of the kind."""
    sites: dict[str, CitySite] = {}
    for source in sorted(registry.of_kind(SITE), key=lambda source: (source.jurisdiction or "", source.name)):
        rules = library.current(source.jurisdiction, now) if source.jurisdiction else None
        if source.jurisdiction and rules is not None and source.jurisdiction not in sites:
            names = (*registry.names(SITE, source.jurisdiction), *registry.names(OPEN311_KIND, source.jurisdiction))
            sites[source.jurisdiction] = CitySite(source.jurisdiction, rules, source, names)
    return sites
