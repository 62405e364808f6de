-- Who an entry on a list is of, as names are compared (duban.texts.folded). SQL cannot fold so: the router fills what
-- stands here when it starts. Until then, and for what an earlier release still writes beside it, it is null, and whoever
-- looks a name up compares those entries by itself.
alter table records add column folded text;
create index records_by_folded on records (folded) where folded is not null;
create index records_unfolded on records (id) where kind = 'listing' and folded is null;

create or replace view published_records as
    select id, kind, version, jurisdiction, number, begun_at, status, rule, holder, subject, due_at, lapses,
        encode(head, 'hex') as head, state, folded
    from records;
