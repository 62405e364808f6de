"""The laws of assessments and bulletins. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from duban.policy.laws.names import Breach, twice, unknown_in
from duban.policy.laws.problems import ROLES_OF_UNITS
from duban.policy.model.assessment import Assessment, Bulletin, BulletinKind
from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence

#: Who signs a bulletin: a unit, and not all of them.
_SIGNING: Final = Sentence("signing units", "签发单位（units）")


def bulletins_name_what_is_known(pack: PolicyPack) -> Iterator[Breach]:
    units, categories = [unit.id for unit in pack.units], [category.id for category in pack.categories]
    yield from strangers(
        pack.assessment,
        pack.bulletins,
        units=units,
        categories=categories,
        matters=[matter.id for matter in pack.matters],
        channels=[channel.id for channel in pack.channels],
        duties=[duty.id for duty in pack.duties],
        targets=[target.id for target in pack.targets],
        roles=[role for unit in pack.units for role in unit.roles],
        measures=[measure.id for measure in pack.measures],
    )


def strangers(
    assessment: Assessment | None,
    bulletins: tuple[Bulletin, ...],
    *,
    units: Iterable[str],
    categories: Iterable[str],
    channels: Iterable[str],
    duties: Iterable[str],
    targets: Iterable[str],
    roles: Iterable[str],
    measures: Iterable[str],
    matters: Iterable[str] = (),
) -> Iterator[Breach]:
    """Every name that the rest of the pack does not know: where it stands, and what is wrong there.

    A repeated id, and scores without an assessment, are told too.
    """
    known = {
        "units": {*units, "@units"}, _SIGNING: {*units},
        "categories": {*categories}, "matters": {*matters}, "channels": {*channels},
        "duties": {*duties},
        "targets": {*targets}, ROLES_OF_UNITS: {*roles}, "measures": {*measures},
    }  # fmt: skip
    references: list[tuple[str, str, Iterable[str]]] = []
    if assessment is not None:
        references += [("assessment.units", "units", assessment.units)]
        references += [("assessment.roles", ROLES_OF_UNITS, assessment.roles)]
        references += [("assessment.own_channels", "channels", assessment.own_channels)]
        for i, indicator in enumerate(assessment.indicators):
            references += [(f"assessment.indicators.{i}.duties", "duties", indicator.duties)]
            references += [(f"assessment.indicators.{i}.targets", "targets", indicator.targets)]
        for i, deduction in enumerate(assessment.deductions):
            references += [(f"assessment.deductions.{i}.measures", "measures", deduction.measures)]
    for i, bulletin in enumerate(bulletins):
        references += [(f"bulletins.{i}.recipients", "units", bulletin.recipients)]
        signing = [bulletin.signed_by] if bulletin.signed_by is not None else []
        references += [(f"bulletins.{i}.signed_by", _SIGNING, signing)]
        references += [(f"bulletins.{i}.only.categories", "categories", bulletin.only.categories)]
        references += [(f"bulletins.{i}.only.matters", "matters", bulletin.only.matters)]
        if bulletin.kind is BulletinKind.SCORES and assessment is None:
            law = Sentence("there are no scores without an `assessment`", "没有 `assessment` 就没有得分")
            yield f"bulletins.{i}.kind", law
        if bulletin.id in {other.id for other in bulletins[:i]}:
            yield f"bulletins.{i}.id", twice(bulletin.id)
    for path, section, names in references:
        yield from unknown_in(path, names, known[section], section)


LAWS = (bulletins_name_what_is_known,)
