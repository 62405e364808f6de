"""What intake is told by its environment, beside the settings that all services share."""

from __future__ import annotations

from pydantic import Field

from duban.io.evidence.settings import EvidenceSettings
from duban.io.report_keys import ReportKeySettings
from duban.io.settings import AnchorSettings


class IntakeSettings(AnchorSettings, ReportKeySettings, EvidenceSettings):
    """Besides how the vault's log is anchored, how long is remembered what no problem rests on."""

    refusals_days: int = Field(
        365,
        ge=1,
        description="Days for which intake keeps the receipt of a report that it refused; then its id is free again. "
        "The receipt of a report that is in the ledger stands for ever",
    )
    turns_days: int = Field(
        180,
        ge=1,
        description="Days after a problem was closed or reopened for which intake knows at which version; an "
        "older event that comes again after them is believed until the next one",
    )
