"""What citizens have written, as the public may read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duban.masks import MASK, masked

PHONES = [
    "13000000000",
    "+86 130 0000 0000",
    "0086-13912345678",
    "139-1234-5678",
    "１３９１２３４５６７８",
    "139 1234 5678",
]
OTHERS = [
    "0816-2345678", "(0816)2345678", "（010）62345678", "08162345678", "010-62345678-801",
    "+44 20 7946 0958", "(617) 555-0123", "617-555-0123", "zhang.san@example.com", "zhang＠example.com.cn",
    "一三九一二三四五六七八", "1\u200b3\u200b912345678", "1️⃣3️⃣9️⃣1️⃣2️⃣3️⃣4️⃣5️⃣6️⃣7️⃣8️⃣", "１３９　１２３４　５６７８",
    "11010519491231002X", "110105 19491231 002x", "000000190001010000", "110105491231002",
    "１１０１０５１９４９１２３１００２Ｘ",
]  # fmt: skip


@pytest.mark.parametrize("personal", [*PHONES, *OTHERS])
@pytest.mark.parametrize("around", ["举报人电话{}，反映冒黑烟", "{}", "call {} now", "请致电：{}。"])
def test_numbers_and_addresses_of_persons_are_not_told(personal: str, around: str) -> None:
    assert masked(around.format(personal)) == around.format(MASK)


def test_the_case_of_a_title_with_both_numbers() -> None:
    told = masked("举报人电话13000000000，身份证号000000190001010000，反映冒黑烟")
    assert told == "举报人电话***，身份证号***，反映冒黑烟"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("举报人：张三，反映冒黑烟", "举报人：***，反映冒黑烟"), ("我叫李小明，家住河边", "我叫***，家住河边"),
        ("联系人 : 欧阳小红 电话 6234567", "联系人 : *** 电话 ***"), ("姓名：王五", "姓名：***"),
        ("联系人是赵六", "联系人是***"),
        ("Name: John Smith, smoke", "Name: ***, smoke"), ("My name is Ann Lee. Smoke", "My name is ***. Smoke"),
        ("微信号abc12345", "微信号***"), ("QQ：123456789", "QQ：***"), ("座机2345678", "座机***"),
    ],
)  # fmt: skip
def test_what_is_said_to_be_a_name_or_a_number_of_a_person_is_not_told(written: str, told: str) -> None:
    assert masked(written) == told


@pytest.mark.parametrize(
    "text",
    [
        "临环督〔2026〕6号", "SV-2022-0001", "20260000123", "2026-11-29 10:44前", "订单202611290000000124",
        "临江测试水泥有限公司冒黑烟", "举报人要求保密", "联系人未接电话", "3号楼1单元201室", "pH 6.5, 300 mg/L",
        "2026年11月29日", "联系人是谁", "业主为维权堵路", "当事人是邻居", "phone box", "用水名称",
        "一三五单号限行", "311 Service Request 101002345678", "110 120 119", "100000.00元", "电话无人接听", "",
    ],
)  # fmt: skip
def test_what_is_of_no_person_is_told_as_it_is_written(text: str) -> None:
    assert masked(text) == text


@given(st.text(max_size=60))
def test_what_is_masked_is_masked_already(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@given(
    st.text("反映冒黑烟，。 ", max_size=12),
    st.sampled_from([*PHONES, *OTHERS]),
    st.text("，。反映冒黑烟 ", max_size=12),
)
def test_no_number_is_told_wherever_it_stands(before: str, personal: str, after: str) -> None:
    assert personal not in masked(before + personal + after)
