-- That what a report told of has ended, as its source said: how often, and when last. Nothing is closed by it. Where a source uses
-- one id for whatever comes again, the count tells which time this is, so it is never forgotten; it grows no faster than receipts.
create table endings (
    source text not null,
    told text not null,                 -- the id that the source uses
    times int not null default 1,
    at timestamptz not null,
    primary key (source, told)
) with (fillfactor = 80);
