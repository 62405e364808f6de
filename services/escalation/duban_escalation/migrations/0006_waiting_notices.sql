-- A notice stands here from when it is taken in; while it has no outcome it waits, with what is to be sent. Whoever holds
-- its partition of the topic sends it, one after another per recipient, in the order of the topic.
alter table deliveries
    alter column outcome drop not null,  -- posted, logged, or set aside as a dead letter
    add column partition int,
    add column recipient text,
    add column "offset" bigint,
    add column headers bytea,            -- a JSON object; gone with the outcome, like the value
    add column value bytea,
    -- What waits is written twice, so a hundredth of the table is soon out of date.
    set (autovacuum_vacuum_scale_factor = 0.01);

-- What waits for a recipient is read along this index from behind what went out last.
create index deliveries_waiting on deliveries (partition, recipient, "offset") where outcome is null;
