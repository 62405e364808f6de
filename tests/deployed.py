"""What each service is told, for the tests of everything that deploys it."""

from __future__ import annotations

from typing import Final

from duban.io.settings import Settings, variable
from duban_cli.system import SERVICES
from duban_console.api.settings import ApiSettings
from duban_detector.settings import DetectorSettings
from duban_escalation.settings import EscalationSettings
from duban_intake.gateway.settings import GatewaySettings
from duban_intake.hj212.settings import Hj212Settings
from duban_intake.mail.settings import MailSettings
from duban_intake.mqtt.settings import MqttSettings
from duban_intake.settings import IntakeSettings
from duban_intake.vault.settings import VaultSettings
from duban_local import ROOT
from duban_router.settings import RouterSettings

DEPLOY: Final = ROOT / "deploy"

SETTINGS: Final[dict[str, type[Settings]]] = {
    "escalation": EscalationSettings, "router": RouterSettings, "intake": IntakeSettings, "detector": DetectorSettings,
    "gateway": GatewaySettings, "vault": VaultSettings, "api": ApiSettings, "hj212": Hj212Settings,
    "mqtt": MqttSettings, "mail": MailSettings,
}  # fmt: skip
assert SETTINGS.keys() == SERVICES.keys()


def unknown_settings(service: str, named: set[str]) -> set[str]:
    """Those of the variables ``named`` that tell the service nothing; ``migrate`` is told where the database is."""
    fields = SETTINGS[service].model_fields if service in SETTINGS else {"database": Settings.model_fields["database"]}
    known = {variable(name) for name in fields}
    known |= {"SSL_CERT_FILE", "SSL_CERT_DIR"}  # of OpenSSL
    known |= {f"{variable(name)}_FILE" for name, field in fields.items() if "Secret" in str(field.annotation)}
    return named - known
