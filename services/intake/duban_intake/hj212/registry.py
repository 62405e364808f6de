"""Which devices may speak HJ 212 to us: who each is, what it must show, between which limits it should lie. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from duban.errors import SettingsError
from duban.messages.form import form_faults
from duban.messages.report import MOST_OF_NAME
from duban.messages.struct import NAME
from duban.policy.plain_data import Unreadable, plain_data
from duban_intake.channels.limits import Limit
from hj212 import FACTORS, Hj212Error, key_from

Name = Annotated[str, Field(min_length=1, max_length=MOST_OF_NAME, pattern=NAME)]
#: How the standard writes an MN since 2017.
_LENGTH_OF_MN: Final = 24


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Point(_Written):
    """A point on the earth, WGS 84, degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Device(_Written):
    """A device by its MN: where it stands, whose it is, what its frames must show.

    ``password``: the PW of its frames; left out, any will do. ``key``: SM4; with one, readings in plain are refused.
    ``passed_over``: commands (CN) that it sends and nobody needs: answered, and not kept.
    """

    mn: Annotated[str, Field(pattern=r"^[^\s;=&#@][^\s;=&#]{0,63}$")]
    site: Name
    jurisdiction: Name | None = None
    enterprise: Name | None = None
    area: Name | None = None
    location: Point | None = None
    password: SecretStr | None = None
    key: SecretStr | None = None
    limits: dict[Name, Limit] = {}
    passed_over: tuple[Annotated[str, Field(pattern=r"^\d{4}$")], ...] = ()

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            try:
                key_from(key.get_secret_value())
            except Hj212Error as error:
                raise ValueError(error.what) from None
        return key


class DeviceList(_Written):
    """The file as it is written; ``jurisdiction`` and ``passed_over`` are of every device that does not say its own."""

    jurisdiction: Name | None = None
    passed_over: tuple[Annotated[str, Field(pattern=r"^\d{4}$")], ...] = ()
    devices: Annotated[tuple[Device, ...], Field(min_length=1)]


class Registry:
    """The devices by their MN."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = {device.mn: device for device in devices}
        self._keys = {
            device.mn: key_from(device.key.get_secret_value()) for device in devices if device.key is not None
        }

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def device(self, mn: str) -> Device | None:
        """The device of that MN."""
        return self._devices.get(mn)

    def key_of(self, mn: str) -> bytes | None:
        """The SM4 key of that device, where it has one."""
        return self._keys.get(mn)


def load_registry(text: str, file: str) -> Registry:
    """The devices that ``text`` lists.

    Raises:
        SettingsError: naming ``file``, the place in it and what is wrong there.
    """
    try:
        listed = DeviceList.model_validate(plain_data(text))
    except Unreadable as error:
        raise SettingsError(": ".join(filter(None, (file, error.place, error.problem)))) from None
    except ValidationError as error:
        fault = form_faults(error, DeviceList)[0]
        raise SettingsError(f"{file}: {fault.path or '(root)'}: {fault.what}") from None
    for place, what in _faults(listed):
        raise SettingsError(f"{file}: {place}: {what}")
    usual = {"jurisdiction": listed.jurisdiction, "passed_over": listed.passed_over}
    return Registry(
        [
            device.model_copy(update={name: given for name, given in usual.items() if not getattr(device, name)})
            for device in listed.devices
        ]
    )


def _faults(listed: DeviceList) -> Iterator[tuple[str, str]]:
    times = Counter(device.mn for device in listed.devices)
    for number, device in enumerate(listed.devices):
        place = f"devices.{number}"
        if times[device.mn] > 1:
            yield f"{place}.mn", f"{device.mn} stands {times[device.mn]} times; an MN is one device"
        if not (device.jurisdiction or listed.jurisdiction):
            yield place, "says no jurisdiction, and neither does the file: whose is it?"


def advice(registry: Registry) -> Iterator[tuple[str, str]]:
    """What is allowed and may be a mistake: the MN, and words."""
    for device in registry:
        unknown = sorted(device.limits.keys() - FACTORS.keys())
        if unknown:
            yield device.mn, f"limits of {', '.join(unknown)}: no factor that is met often; is the code right?"
        if len(device.mn) != _LENGTH_OF_MN:
            yield device.mn, f"the MN has {len(device.mn)} characters; since 2017 the standard has {_LENGTH_OF_MN}"
        if device.password is None and device.key is None:
            yield device.mn, "neither password nor key: whoever knows the MN may speak for it"
