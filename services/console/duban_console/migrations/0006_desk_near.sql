-- How long before its limit a problem counts as yellow in the lamps of weeks.
alter table desk_state add column near interval not null default '2 days';
