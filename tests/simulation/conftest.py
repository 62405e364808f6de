"""Every test here runs in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.world import in_memory


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with in_memory() as patch:
        yield patch
