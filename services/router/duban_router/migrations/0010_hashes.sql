-- A hash is 32 bytes here, and text for whoever reads; the hash before it is that of the line before it.
drop view published_events, published_records, published_problems, published_duties, published_listings, published_rewards;
alter table events drop column previous, alter column hash type bytea using decode(hash, 'hex');
alter table records alter column head type bytea using decode(head, 'hex');

create view published_events as
    select problem_id, version, at, kind, body, encode(hash, 'hex') as hash from events;
create view published_records as
    select id, kind, version, jurisdiction, number, begun_at, status, rule, holder, subject, due_at, lapses,
        encode(head, 'hex') as head, state
    from records;
create view published_problems as
    select id, version, jurisdiction, number, begun_at as registered_at, status, rule as category, holder as lead_unit,
        due_at, lapses, head, state
    from published_records where kind = 'problem';
create view published_duties as
    select id, version, jurisdiction, number, begun_at as opens_at, status, rule as duty, holder as unit, due_at, lapses,
        head, state
    from published_records where kind = 'duty';
create view published_listings as
    select id, version, jurisdiction, number, begun_at as noticed_at, status, rule as list, holder as keeper,
        subject as of, due_at, lapses, head, state
    from published_records where kind = 'listing';
create view published_rewards as
    select id, version, jurisdiction, number, begun_at as owed_at, status, rule as reward, holder as fixed_by,
        subject, due_at, lapses, head, state
    from published_records where kind = 'reward';
