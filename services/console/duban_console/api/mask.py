"""Where each facet stands in an answer, and an answer without those that somebody does not see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, get_args

import msgspec

from duban.messages import changes as c
from duban.messages.commands import Milestone, RectificationPlan
from duban.messages.records import AnyRecord, Duty, LedgerRecord, Listing, Problem, Reward
from duban.messages.report import Filed, Report
from duban.messages.struct import Frozen
from duban_console.accounts.facets import Facet
from duban_console.api.responses import EventLine
from duban_console.listings import Entry, NameCheck, SameName

_Place = tuple[type[Frozen], str]

#: What stands where a text had to stand.
MASK: Final = "***"
#: In which fields of which part of an answer each facet stands.
STANDS_IN: Final[Mapping[Facet, frozenset[_Place]]] = {
    Facet.PLACE: frozenset({(Report, "location"), (Problem, "location")}),
    Facet.ENTERPRISE: frozenset(
        {
            (Report, "enterprise"), (Problem, "enterprise"), (c.Opened, "of"), (c.Noticed, "of"), (Duty, "of"),
            (Listing, "of"), (Entry, "of"), (SameName, "of"), (NameCheck, "of"),
        }
    ),
    Facet.TEXT: frozenset(
        {
            (Report, "title"), (Report, "text"), (Report, "attributes"), (Report, "evidence"), (Filed, "sealed"),
            (Problem, "title"),
            (Duty, "title"), (c.Opened, "title"), (EventLine, "reason"), (c.Progressed, "note"), (c.Replied, "text"),
            (c.Appealed, "text"), (c.StepTaken, "fields"), (c.MilestoneReached, "title"), (Milestone, "title"),
            (RectificationPlan, "target"), (RectificationPlan, "measures"), (c.RewardOwed, "worker"),
            (Reward, "worker"),
            *((change, "evidence") for change in get_args(c.Change) if "evidence" in change.__struct_fields__),
        }
    ),
    Facet.REPORTER: frozenset(
        {(Report, "reporter"), (Problem, "handle"), (c.RewardOwed, "handle"), (Reward, "handle")}
    ),
}  # fmt: skip


def masked(answer: Any, hidden: frozenset[Facet], of: Callable[[AnyRecord], frozenset[Facet]]) -> Any:
    """``answer`` without the facets that are ``hidden``; in a record that it holds, without those that are ``of`` it.

    What need not be there is left out, a text that must be is :data:`MASK`. So is every hash of a history of which
    anything is masked: whoever guesses what that was could see by them that the guess was right.
    """
    if isinstance(answer, LedgerRecord):
        hidden = of(answer)  # type: ignore[arg-type]  # each such record is one of them
        if not hidden:
            return answer
    if isinstance(answer, Frozen):
        return _masked_struct(answer, hidden, of)
    if isinstance(answer, (list, tuple)):
        return type(answer)(masked(part, hidden, of) for part in answer)
    if isinstance(answer, dict):
        return {key: masked(part, hidden, of) for key, part in answer.items()}
    return answer


def _masked_struct(part: Frozen, hidden: frozenset[Facet], of: Callable[[AnyRecord], frozenset[Facet]]) -> Frozen:
    model, changed = type(part), {}
    blanked = _blanked(model, hidden)
    for name in part.__struct_fields__:
        before = getattr(part, name)
        after = _blank(model, name) if name in blanked else masked(before, hidden, of)
        if after is not before:
            changed[name] = after
    return msgspec.structs.replace(part, **changed) if changed else part


@cache
def _blanked(model: type[Frozen], hidden: frozenset[Facet]) -> frozenset[str]:
    """The fields of ``model`` in which something stands that is hidden."""
    names = {name for facet in hidden for stands_in, name in STANDS_IN[facet] if stands_in is model}
    return frozenset(names | {"hash"} if hidden and model is EventLine else names)


@cache
def _blank(model: type[Frozen], name: str) -> Any:
    """What stands in a masked field: its default, else what says that it is masked."""
    field = next(field for field in msgspec.structs.fields(model) if field.name == name)
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return MASK if _is_text(field.type) else (MASK,)


def _is_text(model: Any) -> bool:
    return isinstance(msgspec.inspect.type_info(model), msgspec.inspect.StrType | msgspec.inspect.Metadata)
