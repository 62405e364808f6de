"""The migrations of each schema, as they are carried; what a database makes of them is asked of a real one."""

from __future__ import annotations

import pytest

from duban.io.migrations import carried_by
from duban_cli.schemas import SCHEMAS
from duban_local import ROOT


def test_every_package_of_migrations_belongs_to_a_schema() -> None:
    found = {f"{folder.parent.name}.{folder.name}" for folder in ROOT.glob("services/*/*/migrations")}
    assert found == set(SCHEMAS.values())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_two_branches_that_take_the_same_number_are_noticed_where_they_meet(schema: str) -> None:
    assert carried_by(SCHEMAS[schema])
