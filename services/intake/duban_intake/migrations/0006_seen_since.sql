-- When the reports of a problem were seen: from here to latest_at, which is when the latest was seen. Where an earlier
-- release has written nothing, all were seen at latest_at.
alter table places add column earliest_at timestamptz;
