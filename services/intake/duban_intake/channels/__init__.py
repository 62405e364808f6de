"""One module a channel: from what a source sends to reports. Pure.

columns       a mapping: what the columns of a table mean, or the fields of JSON; table: the rows of a table
table_file    CSV and workbooks, of this machine or uploaded
items         the reports of a JSON document, by the same mapping
coordinates   from the maps of China to the earth
dialect       what a channel is; kinds: every one there is
orders        work orders of a hotline
alertmanager  alerts of Prometheus' Alertmanager; grafana: those of Grafana, which have the same form
pagerduty     events of PagerDuty's Events API
open311       service requests of Open311's GeoReport
"""
