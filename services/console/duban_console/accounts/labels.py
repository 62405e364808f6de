"""What the pages of accounts call acts and refusals, in English; the catalogue has it in Chinese. Pure."""

from __future__ import annotations

from typing import Final

from duban.pages.words import msgid

#: Each act of the log.
ACT_LABELS: Final = {
    "signed_in": msgid("Signed in"),
    "sign_in_refused": msgid("Sign-in refused"),
    "denied": msgid("Denied"),
    "original_opened": msgid("Original of evidence opened"),
    "session_ended": msgid("Session ended"),
    "account_added": msgid("Account added"),
    "appointments_set": msgid("Appointments changed"),
    "turned_off": msgid("Turned off"),
    "turned_on": msgid("Turned on"),
    "password_set": msgid("Password set"),
    "factor_begun": msgid("Second factor begun"),
    "factor_confirmed": msgid("Second factor confirmed"),
    "factor_taken": msgid("Second factor taken away"),
    "key_made": msgid("Key made"),
    "key_ended": msgid("Key ended"),
    "calendar_made": msgid("Address of a calendar made"),
    "calendar_ended": msgid("Address of a calendar ended"),
    "screen_made": msgid("Address of a screen made"),
    "screen_ended": msgid("Address of a screen ended"),
    "contact_changed": msgid("Contact or turn changed"),
    "policy_proposed": msgid("Policy proposed"),
    "policy_published": msgid("Policy published"),
    "policy_refused": msgid("Policy refused"),
    "policy_withdrawn": msgid("Policy withdrawn"),
    "bulletin_signed": msgid("Bulletin signed off"),
    "bulletin_sent": msgid("Bulletin sent"),
}
#: Why something is not done with an account.
ACCOUNT_REFUSALS: Final = {
    "bad_name": msgid("A name has up to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or a digit."),
    "name_taken": msgid("There is an account of this name already."),
    "reserved_name": msgid("This name is kept for the machine itself: take another."),
    "reserved_unit": msgid("Name the city and the unit."),
    "last_administrator": msgid("This is the last administrator: make another one first."),
    "of_provider": msgid("The provider of sign-in says this of the account: change it there."),
    "is_system": msgid("A system has keys, and no password."),
    "is_person": msgid("Keys are for systems: a person signs in."),
    "no_factor": msgid("There is no second factor."),
    "too_many_keys": msgid("Two keys hold already: revoke one first."),
    "unknown_key": msgid("This key holds no more."),
    "unknown_session": msgid("This session has ended already."),
    "no_role": msgid("Choose the role."),
    "unknown_place": msgid("Choose one of the places of the list."),
    "role": msgid("This role is for the whole installation: choose no city."),
    "jurisdiction": msgid("This role is one of a city: choose the city, or a unit of it."),
    "unit": msgid("Choose the unit for which this role acts."),
    "moved_on": msgid("Somebody changed this account meanwhile: look again."),
}
#: Beside which field of the form of a new account a refusal stands; others stand at the place.
REFUSED_NAMES: Final = frozenset({"bad_name", "name_taken", "reserved_name"})
_NOT_PROVEN: Final = msgid(
    "The password or the code is wrong, or there were too many tries: check them, and wait a quarter of an hour after "
    "several."
)
#: Beside which field of the pages of one's own password and second factor a refusal stands, and what it says.
CREDENTIAL_REFUSALS: Final = {
    "not_signed_in": ("password", _NOT_PROVEN),
    "code_needed": ("code", msgid("Give the code that your device shows now, and the password once more.")),
    "wrong_code": ("code", msgid("The code is wrong: check the clock of the device, and take the next one.")),
    "weak_password": ("new", msgid("Choose another one: it does not keep to what stands above.")),
    "unequal": ("again", msgid("The two are not the same: write the new password twice.")),
    "of_provider": ("password", ACCOUNT_REFUSALS["of_provider"]),
    "has_factor": ("factor", msgid("You have a second factor already: end it first.")),
    "no_factor_begun": ("factor", msgid("No second factor waits for its first code: begin one.")),
    "no_factor": ("factor", ACCOUNT_REFUSALS["no_factor"]),
    "no_accounts_key": ("factor", msgid(
        "This server has no key to seal secrets with, and keeps none without: the operator gives it one in "
        "DUBAN_ACCOUNTS_KEY."
    )),
}  # fmt: skip
#: Why no address is made for a screen.
SCREEN_REFUSALS: Final = {
    "no_place": msgid("Say in up to 80 characters where the screen hangs."),
    "too_many_screens": msgid("This city has as many screens as it may: end one first."),
}
