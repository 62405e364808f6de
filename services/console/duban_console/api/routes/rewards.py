"""The route of rewards: whoever has the code of a report asks what became of the reward for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from duban.errors import Fault
from duban.messages.handle import handle_of
from duban.messages.records import Reward
from duban.policy.library import Library
from duban_console.api.responses import as_json
from duban_console.ledger import LedgerReader
from duban_console.rewards import RewardTold, reward_told


class Code(BaseModel):
    """The code that the reporter was told; in a body, so that it stands in no address and no log."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    code: str = Field(max_length=60)


class RewardsTold(BaseModel):
    """Every reward for the report of the code."""

    rewards: list[RewardTold]


def serve_rewards(app: FastAPI, ledger: LedgerReader, library: Library) -> None:
    """Add the route to ``app``."""

    @app.post("/v1/rewards/lookup", response_model=RewardsTold, tags=["rewards"])
    async def lookup(body: Annotated[Code, Body()]) -> JSONResponse:
        """The rewards for the report of the code: how much, until when, and which unit pays; never to whom."""
        try:
            handle = handle_of(body.code)
        except ValueError as error:
            raise Fault(400, "invalid", str(error), "code") from None
        rewards = [await told(reward) for reward in await ledger.rewards(handle)]
        if not rewards:
            raise Fault(404, "unknown_reward", "no reward is known under this code")
        return JSONResponse(as_json(RewardsTold(rewards=rewards)))

    async def told(reward: Reward) -> RewardTold:
        rules = library.rules(reward.pack)
        return reward_told(reward, rules.pack if rules else None, await ledger.why_declined(reward))
