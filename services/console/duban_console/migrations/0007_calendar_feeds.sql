-- What somebody's calendar reads without a session: the hash of the secret in its address, never the secret itself.
create table calendar_feeds (
    account text primary key references accounts,
    hash text not null unique,
    made_at timestamptz not null,
    read_at timestamptz                 -- to the hour
);
