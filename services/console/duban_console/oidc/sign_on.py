"""Sign-in by the provider of a city: what it says of somebody, and what follows from that here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from duban.clock import Clock
from duban.errors import SettingsError, Unavailable
from duban_console.accounts.admission import Admission
from duban_console.accounts.provider_admissions import ClaimMapping, claim_mapping
from duban_console.accounts.provider_door import NotLetIn, ProviderDoor
from duban_console.accounts.rows import AccountRefused, AccountStore
from duban_console.accounts.session import AccountSession, Principal
from duban_console.ledger import asking
from duban_console.oidc.provider import Client, Provider
from duban_console.oidc.round_trip import RoundTrip
from duban_console.oidc.settings import CALLBACK, OidcSettings


@dataclass(frozen=True, slots=True)
class SignOn:
    """The provider, the door for whom it knows, and the URL to which it sends browsers back."""

    provider: Provider
    door: ProviderDoor
    clock: Clock
    url: str

    async def sign_in(self, code: str, trip: RoundTrip, address: str, agent: str) -> tuple[str, AccountSession]:
        """The token of a session of whoever has brought ``code`` back from ``trip``; who is refused is written down.

        Raises:
            NotLetIn: the provider knows them, and they do not come in.
            AccountRefused: it does not.
            Unavailable: it is away.
        """
        try:
            identity, claims = await self.provider.person(code, trip)
            async with asking():
                return await self.door.sign_in(identity, claims, address=address, agent=agent)
        except NotLetIn:
            raise
        except AccountRefused as refused:
            async with asking():
                await self.door.write_refusal(refused.code, address)
            raise

    async def sign_out_url(self) -> str | None:
        """Where the browser ends its sign-in at the provider, too; None where that has no such place, or is away."""
        try:
            return await self.provider.sign_out_url()
        except Unavailable:
            return None

    async def principal(self, token: str, address: str) -> Principal:
        """The system that shows ``token``, an access token of the provider.

        Raises:
            NotLetIn, AccountRefused, Unavailable: likewise.
        """
        identity, claims = await self.provider.system(token)
        async with asking():
            return await self.door.principal(identity, claims, token, address)


def sign_on_of(settings: OidcSettings, store: AccountStore, admission: Admission, clock: Clock) -> SignOn | None:
    """Sign-in as ``settings`` say, or None where they name no provider.

    Raises:
        SettingsError: the mapping cannot be read, or says what cannot be; naming file and place.
    """
    if settings.oidc_issuer is None:
        return None
    file, url, client = settings.oidc_mapping, settings.api_url, settings.oidc_client
    assert file is not None
    assert url is not None
    assert client is not None
    secret = settings.oidc_secret.get_secret_value() if settings.oidc_secret else None
    known_as = Client(client, secret, f"{url}{CALLBACK}", settings.oidc_scope, settings.oidc_audience)
    provider = Provider(settings.oidc_issuer, known_as, clock)
    return SignOn(provider, ProviderDoor(store, clock, admission, _mapping(file)), clock, url)


def _mapping(file: Path) -> ClaimMapping:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"DUBAN_OIDC_MAPPING: {file} cannot be read: {error}") from None
    return claim_mapping(text, str(file))


def is_foreign(token: str) -> bool:
    """Whether ``token`` is none of ours, but may be one of a provider: a signed one has three parts."""
    return token.count(".") == 2
