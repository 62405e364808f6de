"""The laws of templates: what a text for people may mention. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter

from duban.policy.laws.names import Breach
from duban.policy.model.ladder import TEXT_FIELDS
from duban.policy.model.listing import LISTING_FIELDS
from duban.policy.model.pack import PolicyPack
from duban.policy.template import overdone
from duban.sentence import Sentence, listed


def texts_can_be_filled(pack: PolicyPack) -> Iterator[Breach]:
    for index, measure in enumerate(pack.measures):
        yield from _fields(f"measures.{index}.text", measure.text, dict.fromkeys(TEXT_FIELDS, "some words"))
    for index, list_rule in enumerate(pack.lists):
        for name, text in list_rule.texts:
            yield from _fields(f"lists.{index}.texts.{name}", text, dict.fromkeys(LISTING_FIELDS, "some words"))
    faults = list(_fields("number", pack.number, {"year": 2000, "serial": 1}))
    yield from faults
    if not faults and pack.number.format(year=2000, serial=1) == pack.number.format(year=2000, serial=2):
        law = Sentence(
            "names no {serial}: all problems would get the same number", "没有 {serial}：所有问题将得到同一个编号"
        )
        yield "number", law
    if not faults and pack.number.format(year=2000, serial=1) == pack.number.format(year=2001, serial=1):
        law = Sentence(
            "names no {year}: serials begin anew each year, and numbers would repeat",
            "没有 {year}：序号每年重新开始，编号将会重复",
        )
        yield "number", law


def _fields(path: str, template: str, known: Mapping[str, object]) -> Iterator[Breach]:
    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        strange = [field for field in fields if field not in known]
        wide = list(overdone(template))
        if not strange and not wide:
            template.format(**known)
    except (ValueError, LookupError) as error:
        yield path, Sentence(f"is no template: {error}", f"模板写法有误：{error}")
        return
    for field in strange:
        names = listed(known)
        yield (
            path,
            Sentence(f"mentions {{{field}}}; it may mention {names}", f"用到了 {{{field}}}；可以使用 {names.chinese}"),
        )
    for field in wide:
        law = Sentence(
            f"formats {field}; a field takes a width of at most two digits, as in {{serial:04d}}",
            f"{field} 的格式有误；宽度至多两位数字，如 {{serial:04d}}",
        )
        yield path, law


LAWS = (texts_can_be_filled,)
