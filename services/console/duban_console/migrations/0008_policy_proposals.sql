-- Drafts of packs that somebody has proposed: they are published once a second person says yes. A row stays.
create table policy_proposals (
    id uuid primary key,
    ref text not null,                  -- the pack, id@version
    jurisdiction text not null,
    text text not null,                 -- the very draft that is decided on
    reason text not null,               -- why it is proposed
    proposed_by text not null references accounts,
    proposed_at timestamptz not null,
    state text not null check (state in ('waiting', 'published', 'refused', 'withdrawn')),
    decided_by text references accounts,
    decided_at timestamptz,
    why text not null default '',       -- why it was refused or withdrawn
    check ((state = 'waiting') = (decided_by is null)),
    -- Nobody says yes or no to their own.
    check (state not in ('published', 'refused') or decided_by <> proposed_by)
);
-- Of one pack one draft waits at a time.
create unique index policy_proposals_waiting on policy_proposals (ref) where state = 'waiting';
create index policy_proposals_by_time on policy_proposals (proposed_at);
