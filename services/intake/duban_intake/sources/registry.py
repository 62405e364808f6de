"""The sources that are registered: whose a key is, and what it may hand in. Pure; fed from ``duban.sources.v1``."""

from __future__ import annotations

from hashlib import sha256

from duban.errors import Fault
from duban.messages.report import Report
from duban.messages.sources import RegisteredSource

_HOW = "send it as `Authorization: Bearer KEY`; `duban source add` gives a source its key"


class SourceRegistry:
    """The sources by name, by key, and by the names under which they speak."""

    def __init__(self) -> None:
        self._sources: dict[str, RegisteredSource] = {}
        self._by_key: dict[str, RegisteredSource] = {}
        self._by_spoken: dict[str, RegisteredSource] = {}

    def put(self, source: RegisteredSource) -> None:
        """Take ``source`` as it is now."""
        self._sources[source.name] = source
        sources = self._sources.values()
        self._by_key = {key.sha256: owner for owner in sources for key in owner.keys}
        # The name of a source is its own, whoever else would speak under it.
        self._by_spoken = {name: owner for owner in sources for name in owner.names} | self._sources

    def named(self, name: str) -> RegisteredSource | None:
        """The source ``name``."""
        return self._sources.get(name)

    @property
    def sources(self) -> list[RegisteredSource]:
        """Every source as it is now."""
        return list(self._sources.values())

    def owner(self, spoken: str) -> RegisteredSource | None:
        """Whose the name ``spoken`` is, under which a report came."""
        return self._by_spoken.get(spoken)

    def of_kind(self, kind: str) -> list[RegisteredSource]:
        """Those of ``kind`` of which something is taken."""
        return [source for source in self._sources.values() if source.kind == kind and not source.is_off]

    def names(self, kind: str, jurisdiction: str | None = None) -> tuple[str, ...]:
        """Under which names those of ``kind`` speak, of one jurisdiction or of all."""
        some = (source for source in self.of_kind(kind) if jurisdiction in (None, source.jurisdiction))
        return tuple(name for source in some for name in (source.name, *source.names))

    def speaker(self, key: str | None, *, is_near: bool) -> RegisteredSource:
        """Whose ``key`` it is; without one the open source, for whoever ``is_near``: on this machine.

        Raises:
            Fault: 401 or 403.
        """
        if key is None:
            source = next((open_ for open_ in self._sources.values() if open_.is_open and not open_.is_off), None)
            if source is None or not is_near:
                raise Fault(401, "no_key", f"a key is needed: {_HOW}", "authorization")
        elif (source := self._by_key.get(sha256(key.encode()).hexdigest())) is None:
            raise Fault(401, "unknown_key", f"the key is no source's: {_HOW}, and `duban source ls` shows whose hold")
        if source.is_off:
            raise off(source)
        return source

    def permit(self, source: RegisteredSource, spoken: str) -> None:
        """Let ``source`` speak under the name ``spoken``.

        Raises:
            Fault: 403, the name is not its own, or of an open source: it is another's.
        """
        owner = self._by_spoken.get(spoken)
        if owner is not source and (owner is not None or not source.is_open):
            own = ", ".join((source.name, *source.names))
            say = f"{spoken} is not what {source.name} speaks under; use one of: {own}"
            raise Fault(403, "other_source", say, "source")


def off(source: RegisteredSource) -> Fault:
    """Why nothing is taken of ``source``."""
    return Fault(403, "source_off", f"{source.name} is off; `duban source on {source.name}` takes it back")


def permit_report(source: RegisteredSource, report: Report) -> None:
    """Let ``source`` hand in ``report``.

    Raises:
        Fault: 403, it is for another jurisdiction.
    """
    if source.jurisdiction is not None and report.jurisdiction != source.jurisdiction:
        say = f"{source.name} reports for {source.jurisdiction}, not for {report.jurisdiction}; register another source"
        raise Fault(403, "other_jurisdiction", say, "jurisdiction")
