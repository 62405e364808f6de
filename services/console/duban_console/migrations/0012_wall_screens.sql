-- What a screen on a wall shows without a session: the hash of the secret in its address, never the secret itself.
create table wall_screens (
    hash text primary key,
    jurisdiction text not null,
    place text not null,                -- where it hangs, as whoever made it says
    made_by text not null references accounts,
    made_at timestamptz not null,
    seen_at timestamptz                 -- to the hour
);
create index wall_screens_by_city on wall_screens (jurisdiction, made_at);
