"""Names that the rest of a pack does not know. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from duban.policy.model.pack import PolicyPack
from duban.sentence import Sentence, in_chinese, listed

#: Where in the pack, and what is wrong there.
Breach = tuple[str, Sentence]


def unknown(references: Iterable[tuple[str, str]], known: set[str], section: str) -> Iterator[Breach]:
    """Each of ``named`` (where it stands, and the name) that is not among ``known``, which make up ``section``."""
    for path, name in references:
        if name not in known:
            yield path, not_among(name, section)


def not_among(name: str, section: str) -> Sentence:
    """That ``section`` has no such ``name``."""
    return Sentence(f"{name} is not among the {section}", f"{in_chinese(section)} 中没有 {in_chinese(name)}")


def nobody(name: str, relative: Iterable[str]) -> Sentence:
    """That ``name`` is neither a unit, nor a role of one, nor one of ``relative``."""
    others = listed(relative)
    return Sentence(
        f"{name} is neither a unit nor a role of one, nor one of {others}",
        f"{name} 既不是单位或单位角色，也不是 {others.chinese} 之一",
    )


def repeated(path: str, ids: Iterable[str]) -> Iterator[Breach]:
    """Each of ``ids``, which stand in one list at ``path``, that stands further up already."""
    seen: dict[str, int] = {}
    for index, id_ in enumerate(ids):
        first = seen.setdefault(id_, index)
        if first != index:
            place = f"{path}.{first}"
            law = Sentence(f"the id {id_} stands at {place} already", f"编号 {id_} 已用于 {place}")
            yield f"{path}.{index}", law


def twice(id_: str) -> Sentence:
    """That something else of its kind has this id too."""
    return Sentence(f"the id {id_} stands twice", f"编号 {id_} 出现了两次")


def unknown_signers(path: str, signers: Iterable[str], known: set[str], relative: Sequence[str]) -> Iterator[Breach]:
    """Each of ``signers``, which stand at ``path``, that is neither a unit or role ``known``, nor ``relative``."""
    for index, signer in enumerate(signers):
        if signer not in known and signer not in relative:
            either = " or ".join((", ".join(relative[:-1]), relative[-1]))
            yield (
                f"{path}.{index}",
                Sentence(
                    f"{signer} is neither a unit nor a role of one, nor {either}",
                    f"{signer} 既不是单位或单位角色，也不是 {listed(relative).chinese} 之一",
                ),
            )


def unknown_in(path: str, names: Iterable[str], known: set[str], section: str) -> Iterator[Breach]:
    """The same for ``names`` that stand in one list, at ``path``."""
    yield from unknown(((f"{path}.{index}", name) for index, name in enumerate(names)), known, section)


#: By what a rule may say for which problems it holds; the sections of a pack in which these stand.
_SCOPE: Final = ("categories", "matters", "channels")


def unknown_scope(path: str, rule: Any, pack: PolicyPack) -> Iterator[Breach]:
    """The categories, matters and channels that ``rule`` is for, and that the pack does not have."""
    for section in _SCOPE:
        if names := getattr(rule, section, ()):
            known = {entry.id for entry in getattr(pack, section)}
            yield from unknown_in(f"{path}.{section}", names, known, section)
