-- When a problem was last closed or opened again; for those that are there, when this was applied. No index: what is old
-- is looked for in small steps along the primary key.
alter table turns add column at timestamptz not null default now();
