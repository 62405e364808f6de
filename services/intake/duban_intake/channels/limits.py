"""Between which values what is measured should lie, as files have it. Pure."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from duban.policy.model.entry import Written


class Limit(Written):
    """Between which values a factor should lie; one of the two may be left out."""

    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("a limit says low, high or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} lies above high {self.high:g}")
        return self
