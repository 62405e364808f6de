"""Alerts of Grafana: the form of Alertmanager, with where to look at them. Pure.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
"""

from __future__ import annotations

from typing import Final

from duban_intake.channels import alertmanager
from duban_intake.channels.dialect import Dialect

MAPPING: Final = {**alertmanager.MAPPING, "attributes": ["generatorURL", "dashboardURL", "panelURL", "valueString"]}

GRAFANA: Final = Dialect(alertmanager.parse, MAPPING, repeats=True, drops=True)
