-- What the reports of a problem want: those that want something else are no part of it. Null where nothing is said, and
-- where an earlier release has written.
alter table places add column matter text;
