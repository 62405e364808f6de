"""The laws of targets of the environment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from duban.policy.laws.names import Breach, twice, unknown
from duban.policy.model.assessment import Bulletin, BulletinKind
from duban.policy.model.pack import PolicyPack
from duban.policy.model.target import Target
from duban.sentence import Sentence


def targets_name_what_is_known(pack: PolicyPack) -> Iterator[Breach]:
    yield from strangers(pack.targets, pack.bulletins, units=[unit.id for unit in pack.units])


def strangers(
    targets: tuple[Target, ...], bulletins: tuple[Bulletin, ...], *, units: Iterable[str]
) -> Iterator[Breach]:
    """Every unit that the rest of the pack does not know: where it stands, and what is wrong there.

    A repeated id, and a bulletin of targets where there are none, are told too.
    """
    known = {*units}
    for i, target in enumerate(targets):
        if target.id in {other.id for other in targets[:i]}:
            yield f"targets.{i}.id", twice(target.id)
        references = [("lead", target.lead), *((f"co.{j}", unit) for j, unit in enumerate(target.co))]
        yield from unknown(((f"targets.{i}.{path}", unit) for path, unit in references), known, "units")
    for i, bulletin in enumerate(bulletins):
        if bulletin.kind is BulletinKind.TARGETS and not targets:
            law = Sentence(
                "there is nothing to hold readings against without `targets`", "没有 `targets`，实测值无可对照"
            )
            yield f"bulletins.{i}.kind", law


LAWS = (targets_name_what_is_known,)
