"""The laws of what is sealed, and of the claim code that stands for a report without naming anyone."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from duban.errors import SettingsError
from duban.messages.handle import ALPHABET, handle_of, normalised, written
from duban.seal import Unsealable
from duban_intake.vault.contact import Bound, Contact
from duban_intake.vault.seal import Keyring, MasterKey, Sealed
from duban_intake.vault.settings import VaultSettings

CONTACT = Contact(name="王小明", phone="13800138000", email="wang@example.com", other="after six only")
BOUND = Bound("hotline", "42", "smallville", b"\x01" * 32)
API = "http://127.0.0.1:8320"


def key(number: int) -> str:
    return b64encode(bytes([number]) * 32).decode()


def keyring(*numbers: int) -> Keyring:
    return Keyring.parse(", ".join(map(key, numbers or (1,))))


def test_what_was_sealed_opens_for_its_report_and_shows_nothing_before() -> None:
    sealed = keyring().seal(CONTACT, BOUND)
    assert keyring().unseal(sealed, BOUND) == CONTACT
    plain = [one.encode() for one in CONTACT.model_dump().values()]
    assert len(plain) == 4
    for part in (sealed.wrapped, sealed.body, sealed.fingerprint, repr(sealed).encode()):
        assert not any(one in part for one in plain)


def test_the_same_contact_is_sealed_differently_each_time_and_its_length_says_little() -> None:
    one, other = (keyring().seal(CONTACT, BOUND) for _ in range(2))
    assert (one.wrapped, one.body) != (other.wrapped, other.body)
    assert not {one.wrapped, one.body} & {other.wrapped, other.body}
    assert len(keyring().seal(Contact(phone="1"), BOUND).body) == len(one.body)


@pytest.mark.parametrize(
    "other",
    [
        replace(BOUND, source="mail"),
        replace(BOUND, id="43"),
        replace(BOUND, jurisdiction="elsewhere"),
        replace(BOUND, digest=b"\x02" * 32),
    ],
)
def test_what_belongs_to_one_report_opens_for_no_other_my_02d(other: Bound) -> None:
    sealed = keyring().seal(CONTACT, BOUND)
    with pytest.raises(Unsealable, match="sealed for another one, or it has changed"):
        keyring().unseal(sealed, other)
    # Not even with the data key that was wrapped for the other one.
    with pytest.raises(Unsealable):
        keyring().unseal(replace(sealed, wrapped=keyring().seal(CONTACT, other).wrapped), other)


@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    sealed = keyring().seal(CONTACT, BOUND)
    part = data.draw(st.sampled_from(["wrapped", "body"]))
    held: bytes = getattr(sealed, part)
    bit = data.draw(st.integers(0, len(held) * 8 - 1))
    flipped = bytearray(held)
    flipped[bit // 8] ^= 1 << bit % 8
    parts = {"wrapped": sealed.wrapped, "body": sealed.body, part: bytes(flipped)}
    with pytest.raises(Unsealable):
        keyring().unseal(Sealed(sealed.key_id, sealed.fingerprint, parts["wrapped"], parts["body"]), BOUND)


@pytest.mark.parametrize("part", [b"", b"\x00" * 5, b"\x00" * 12])
def test_what_was_cut_off_is_refused_like_what_was_changed(part: bytes) -> None:
    sealed = keyring().seal(CONTACT, BOUND)
    with pytest.raises(Unsealable):
        keyring().unseal(replace(sealed, body=part), BOUND)


def test_what_an_earlier_release_has_sealed_opens_and_its_codes_hold() -> None:
    held = keyring(1)
    wrapped = (
        "7b4744cda374f3ae70af402a822e1f4bcf93a26e82f902c68f5b5f0aac38fe4a545bd49c7111de350cc7aa66cd7d69648a417b33cb71ccfc"
        "4b36e270"
    )
    assert MasterKey(b"\x01" * 32).unwrap(bytes.fromhex(wrapped), BOUND)
    letter = b"ZHViYW4tc2VhbGVkLWxldHRlci0xIDAzOTgxN2ZiMTljZTVmYzkKPv4cJhONg4gPwvMiUz/PHwbeS4zijnABjN6YQ0MHiIf7CQ=="
    assert held.open_letter(b64decode(letter)) == b"letter"
    assert held.alias("hotline", "42") == "c4451527a69abae42bcf9b0a05c6984f"
    assert held.code("hotline", "42", b"\x01" * 32) == "TXQX-HQ0K-VAX9-ZPMA"
    fingerprint = held.seal(Contact(phone="1"), BOUND).fingerprint.hex()
    assert fingerprint == "cb2429c2114520844336cc108719dfd09d0b877de04d665d01d5fc36a407518e"


def test_the_first_key_seals_and_all_open() -> None:
    old = keyring(1).seal(CONTACT, BOUND)
    new = keyring(2, 1).seal(CONTACT, BOUND)
    assert keyring(2, 1).unseal(old, BOUND) == keyring(2, 1).unseal(new, BOUND) == CONTACT
    assert keyring(2).unseal(new, BOUND) == CONTACT
    assert (old.key_id == new.key_id, old.fingerprint == new.fingerprint) == (False, False)


def test_the_wrong_key_is_refused_and_the_key_that_is_wanted_is_named() -> None:
    sealed = keyring(1).seal(CONTACT, BOUND)
    with pytest.raises(Unsealable, match=f"sealed by the key {sealed.key_id}, and DUBAN_VAULT_KEY holds"):
        keyring(2).unseal(sealed, BOUND)
    # A row that was made to look as if the other key had sealed it.
    forged = replace(sealed, key_id=keyring(2).seal(CONTACT, BOUND).key_id)
    with pytest.raises(Unsealable, match="does not open"):
        keyring(2).unseal(forged, BOUND)


def test_a_repeated_contact_is_known_without_opening_the_first() -> None:
    sealed = keyring(1).seal(CONTACT, BOUND)
    closed = Sealed(sealed.key_id, sealed.fingerprint, b"", b"")
    assert keyring(2, 1).same(CONTACT, closed, BOUND)
    assert not keyring(2, 1).same(Contact(phone="13800138001"), closed, BOUND)
    assert not keyring(2, 1).same(CONTACT, closed, replace(BOUND, id="43"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not base64!", "key 1 is no base64"),
        ("钥匙", "key 1 is no base64"),
        (b64encode(b"x" * 31).decode(), "key 1 has 31 bytes"),
        (f"{key(1)},", "key 2 has 0 bytes"),
        (f"{key(1)},{key(1)}", "twice"),
    ],
)
def test_an_unusable_key_is_refused_by_its_place_and_never_shown(
    text: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBAN_VAULT_KEY", text)
    with pytest.raises(SettingsError, match=says) as caught:
        VaultSettings.load(vault_accounts=API)
    assert "DUBAN_VAULT_KEY" in str(caught.value)
    assert text.strip(",") not in str(caught.value)


def test_an_empty_variable_is_no_key() -> None:
    assert VaultSettings(vault_key=SecretStr(""), vault_accounts=API).rules().keyring is None


def test_settings_do_not_show_the_key() -> None:
    settings = VaultSettings(vault_key=SecretStr(key(7)), vault_accounts=API)
    assert settings.rules().keyring is not None
    assert key(7) not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "given_",
    [{}, {"name": None}, {"name": ""}, {"name": "x" * 121}, {"phone": 138}, {"email": "nobody"}, {"wechat": "x"},
     {"name": "a\nb"}, {"other": "x" * 2001}, {"other": "\x00"}],
)  # fmt: skip
def test_a_contact_is_strict_and_its_faults_show_nothing(given_: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        Contact.model_validate(given_)
    assert not any(str(one) in str(caught.value) for one in given_.values() if one and len(str(one)) > 1)


def test_a_contact_does_not_show_in_its_representation_or_in_the_words_of_a_fault() -> None:
    shown = f"{CONTACT!r} {CONTACT}"
    assert not any(one in shown for one in CONTACT.model_dump().values())


TOLD = sha256(b"body").digest()


def test_the_same_request_gives_the_same_code_and_any_other_another() -> None:
    code = keyring().code("hotline", "42", TOLD)
    assert keyring().code("hotline", "42", TOLD) == code
    others = [
        keyring().code("hotline", "43", TOLD),
        keyring().code("hotlin", "e42", TOLD),
        keyring().code("hotline", "42", sha256(b"other").digest()),
        keyring(2).code("hotline", "42", TOLD),
    ]
    assert len({code, *others}) == 5


def test_a_new_key_put_in_front_changes_no_code() -> None:
    assert keyring(2, 1).code("hotline", "42", TOLD) == keyring(1).code("hotline", "42", TOLD)


def test_a_code_is_sixteen_characters_of_crockford_in_groups_of_four() -> None:
    assert written(b"\x00" * 10) == "0000-0000-0000-0000"
    assert written(b"\xff" * 10) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert written(bytes(range(10))) == "000G-40R4-0M30-E209"


@given(st.binary(min_size=10, max_size=10))
def test_different_secrets_give_different_codes(secret: bytes) -> None:
    plain = written(secret).replace("-", "")
    number = 0
    for one in plain:
        number = number * 32 + ALPHABET.index(one)
    assert number == int.from_bytes(secret, "big")


def test_a_handle_is_the_hash_of_the_code_without_its_hyphens() -> None:
    assert handle_of("0123-4567-89AB-CDEF") == "sha256:" + sha256(b"0123456789ABCDEF").hexdigest()


@pytest.mark.parametrize(
    "typed",
    [
        "7k3m-q0z1-10ab-cdef",
        "7K3MQ0Z110ABCDEF",
        " 7k3m q0z1\t10ab cdef\n",
        "7K3M-QOZI-LOAB-CDEF",
        "7k3m-qozi-loab-cdef",
        "７Ｋ３Ｍ－Ｑ０Ｚ１－１０ａｂ－ｃｄｅｆ",
        "7K3M–Q0Z1—10AB‐CDEF\u200b",
    ],
)
def test_a_code_typed_carelessly_gives_the_same_handle(typed: str) -> None:
    assert normalised(typed) == "7K3MQ0Z110ABCDEF"
    assert handle_of(typed) == handle_of("7K3M-Q0Z1-10AB-CDEF")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("7K3M-Q0Z1-10AB-CDE", "this has 15"),
        ("", "this has 0"),
        ("7K3M-Q0Z1-10AB-CDEF-0", "17"),
        ("UK3M-Q0Z1-10AB-CDEF", "character 1 "),
        ("7K3M-Q0Z1-10AB-CDE督", "character 16 "),
    ],
)
def test_what_is_no_code_is_refused_and_not_repeated(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        handle_of(typed)
    assert "7K3M" not in str(caught.value).upper()
