-- What an operator asks of a source: when it spoke, what was refused and why, what its last payload looked like. One row a source,
-- bounded, written by the gateway in batches; nothing is decided by it.
create table source_journal (
    source text primary key,
    spoke_at timestamptz not null,
    accepted bigint not null,
    refused bigint not null,
    refusals jsonb not null,            -- the latest ten: at, code, field, message
    shape jsonb,                        -- of the last payload: the names of its fields and the sorts of what they hold, no values
    made jsonb                          -- what its mapping made of it, with whoever is named in it masked
) with (fillfactor = 50);

create view published_sources as
    select source, spoke_at, accepted, refused, refusals, shape, made from source_journal;
