"""How each service is, by its own word: what it answers at its health port, and the figures that Prometheus takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx2
from prometheus_client.parser import text_string_to_metric_families

#: Seconds that a service has to answer.
_PATIENCE: Final = 3.0
INFO: Final = "duban_service_info"
READY: Final = "duban_ready"
#: What is shown of a service besides, by its name in Prometheus, and how several samples are put together.
FIGURES: Final[dict[str, Callable[[Iterable[float]], float]]] = {
    "duban_lag_records": sum,
    "duban_oldest_in_hand_seconds": max,
    "duban_dead_letters_total": sum,
    "duban_retries_total": sum,
    "duban_faults_total": sum,
    "duban_waiting_notices": sum,
    "duban_oldest_waiting_notice_seconds": max,
    "duban_oldest_overdue_seconds": max,
    "duban_silent_sources": max,
}


@dataclass(frozen=True, slots=True)
class ServiceState:
    """How the service at ``url`` is; ``away`` says why nothing is known of it.

    ``checks`` are those of /readyz, and ``figures`` those of :data:`FIGURES` that it exports.
    """

    url: str
    name: str = ""
    version: str = ""
    checks: dict[str, bool] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    away: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it answers, and every check holds."""
        return not self.away and all(self.checks.values())


class ServiceWatch:
    """Asks the services at ``urls`` how they are, all at once."""

    def __init__(self, client: httpx2.AsyncClient, urls: Sequence[str]) -> None:
        self._client = client
        self._urls = urls

    async def states(self) -> list[ServiceState]:
        """How each is, in the order in which they were named."""
        return list(await asyncio.gather(*map(self._state, self._urls)))

    async def _state(self, url: str) -> ServiceState:
        try:
            answer = await self._client.get(f"{url}/metrics", timeout=_PATIENCE)
            answer.raise_for_status()
            return state_in(url, answer.text)
        except (httpx2.HTTPError, ValueError) as error:
            return ServiceState(url, away=type(error).__name__)


def state_in(url: str, metrics: str) -> ServiceState:
    """How the service at ``url`` is by its ``metrics``, in the text format of Prometheus.

    Raises:
        ValueError: they are none.
    """
    name = version = ""
    checks: dict[str, bool] = {}
    samples: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name == INFO:
                name, version = sample.labels["service"], sample.labels["version"]
            elif sample.name == READY:
                checks[sample.labels["check"]] = sample.value == 1
            elif sample.name in FIGURES:
                samples.setdefault(sample.name, []).append(sample.value)
    figures = {figure: put(samples[figure]) for figure, put in FIGURES.items() if figure in samples}
    return ServiceState(url, name, version, checks, figures)


def worst(states: Iterable[ServiceState], figure: str) -> float | None:
    """The largest of a figure over all services; None where none exports it."""
    return max((state.figures[figure] for state in states if figure in state.figures), default=None)
