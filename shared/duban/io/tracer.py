"""What becomes of each message, for a collector of OpenTelemetry; nothing is done where none is set (DUBAN_TRACES)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from duban.errors import SettingsError

if TYPE_CHECKING:
    from duban.io.settings import Settings
    from duban.messages.envelope import Publishable

P = TypeVar("P", bound="Publishable")
#: A record by where it lies: topic, partition, offset.
Place: TypeAlias = tuple[str, int, int]


class TakenRecord(Protocol):
    """A record as it was taken from a topic."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


class Tracer(Protocol):
    """Whoever tells of messages; ``began`` is always when it began, in nanoseconds of the Unix epoch."""

    def carrying(self, records: Sequence[P]) -> list[P]:
        """``records`` with the context of each in its headers, where it has one."""

    def sent(self, records: Sequence[Publishable], began: int) -> None:
        """The broker has ``records``."""

    def handled(self, group: str, records: Sequence[TakenRecord], began: int, dead: Mapping[Place, str]) -> None:
        """``group`` is done with ``records``; those that are ``dead`` were set aside, with this code."""

    def posting(self, record: str, message: str) -> dict[str, str]:
        """The headers with which a ``message`` about a ``record`` goes out over HTTP."""

    def posted(self, record: str, message: str, began: int, status: int | None, error: str | None) -> None:
        """A ``message`` about a ``record`` was answered with ``status``, or not, because of ``error``."""

    def stop(self) -> None:
        """Tell what is left, for two seconds at most."""


def tracer_of(settings: Settings, service: str) -> Tracer | None:
    """What the settings ask for; None: nothing.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    if not settings.traces:
        return None
    try:
        from duban.io.otlp import OtlpTracer, exporting
    except ImportError as error:
        say = f"DUBAN_TRACES: {error.name} is not installed: pip install 'duban[traces]', or leave it empty"
        raise SettingsError(say) from None
    return OtlpTracer(service, exporting(settings.traces), settings.traces_share)
