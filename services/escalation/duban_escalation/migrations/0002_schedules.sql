-- Up to when the duties of each jurisdiction have been opened.
create table schedules (
    jurisdiction text primary key,
    opened_until timestamptz not null
);
