-- The newest version of each problem that was taken in: what is older or the same changes nothing.
create table heads (
    problem_id uuid primary key,
    version int not null
) with (fillfactor = 80);

-- What is waited for: at most one deadline per obligation of a problem. Firing does not touch it; the next state does.
create table deadlines (
    problem_id uuid not null,
    obligation text collate "C" not null,
    generation int not null,
    level int not null,
    due_at timestamptz not null,
    fire_at timestamptz not null,  -- later than due_at only where the broker's clock was behind ours
    command uuid not null,         -- the id under which it is sent
    partition int not null,        -- of the problem's events: its owner fires it
    jurisdiction text not null,
    primary key (problem_id, obligation)
);

-- The sweep goes along this index from where it last was, so the rows that are gone behind it cost nothing.
create index deadlines_by_time on deadlines (fire_at, problem_id, obligation);

-- The acts that the ladders took, one per event.
create table measures_taken (
    problem_id uuid not null,
    version int not null,
    kind text not null,
    measure text not null,
    owner text not null,
    level int not null,
    obligation text not null,
    at timestamptz not null,
    public boolean not null,       -- the pack lets everybody read it
    board text,                    -- the list on which it stands
    standing boolean not null,     -- it stands there until the problem is closed
    ended_at timestamptz,
    number text not null,
    jurisdiction text not null,
    primary key (problem_id, version)
);

-- The boards are read along this index.
create index measures_on_boards on measures_taken (jurisdiction, board, at) where board is not null or public;

-- Which notices have gone out, so that a notice that comes again is not sent again.
create table deliveries (
    notice_id uuid primary key,
    at timestamptz not null,
    outcome text not null          -- posted, or logged
);

-- What others may read: the exposure board, the list of supervised problems, and every other public measure.
-- A board that everybody sees shows only what is public.
create view published_measures as
    select problem_id, version, kind, measure, owner, level, obligation, at, public, board, ended_at, number, jurisdiction
    from measures_taken
    where board is not null or public;
