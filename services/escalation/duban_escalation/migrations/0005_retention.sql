-- When the newest version of a record was taken in; for those that are there, when this was applied. No index: it would
-- be written with every event, and what is old is looked for in small steps along the primary key.
alter table heads add column at timestamptz not null default now();
