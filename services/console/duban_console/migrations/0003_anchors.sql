-- The latest anchor of a chain: where the next one goes on. The anchors themselves stay on duban.anchors.v1.
create table anchors (
    chain text primary key,
    number bigint not null default 0,
    body text,                          -- as published; null before the first
    published boolean not null default true,
    member uuid not null,               -- whose turn it is to anchor, and until when unless it goes on
    turn_until timestamptz not null
);

-- As it lies: its secret sealed under a key that the database does not have, bound to the account.
comment on column accounts.factor is 'the second factor: sealed secret, last step that was used, hashes of recovery codes';
