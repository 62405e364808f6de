"""Whatever a timeline shows on the engine of the simulation holds for the services too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.timeline import CITIES


@pytest.fixture(autouse=True)
def the_services_decide_the_same() -> Iterator[None]:
    """Play every timeline of a test again to the services' own handlers, and hold what stands against it."""
    CITIES.clear()
    yield
    for city in CITIES:
        services = city.again()
        assert services.records == city.engine.records
        assert services.receipts == city.engine.receipts
