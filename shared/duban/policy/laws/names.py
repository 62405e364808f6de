"""Names that the rest of a pack does not know. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

#: Where in the pack, and what is wrong there.
Breach = tuple[str, str]


def unknown(references: Iterable[Breach], known: set[str], section: str) -> Iterator[Breach]:
    """Each of ``named`` (where it stands, and the name) that is not among ``known``, which make up ``section``."""
    for path, name in references:
        if name not in known:
            yield path, f"{name} is not among the {section}"


def unknown_signers(path: str, signers: Iterable[str], known: set[str], relative: Sequence[str]) -> Iterator[Breach]:
    """Each of ``signers``, which stand at ``path``, that is neither a unit or role ``known``, nor ``relative``."""
    for index, signer in enumerate(signers):
        if signer not in known and signer not in relative:
            either = " or ".join((", ".join(relative[:-1]), relative[-1]))
            yield f"{path}.{index}", f"{signer} is neither a unit nor a role of one, nor {either}"


def unknown_in(path: str, names: Iterable[str], known: set[str], section: str) -> Iterator[Breach]:
    """The same for ``names`` that stand in one list, at ``path``."""
    yield from unknown(((f"{path}.{index}", name) for index, name in enumerate(names)), known, section)
