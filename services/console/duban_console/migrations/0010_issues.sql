-- Bulletins as they were signed off. What was signed stands as it is: nobody may change it, but for that it was sent.
create table issues (
    id uuid primary key,
    jurisdiction text collate "C" not null,
    bulletin text not null,
    title text not null,
    number text not null,               -- of the document (发文字号); empty: none
    pack text not null,
    period text not null,
    first_day date not null,
    last_day date not null,
    as_of timestamptz not null,
    language text not null,
    document text not null,             -- the very JSON that the hash covers
    sha256 text not null,
    recipients text[] not null,
    public boolean not null,            -- the pack lets everybody read it, once it was sent
    signed_by text not null references accounts,
    signer text not null,               -- the name of the account then
    signed_for text not null,           -- the unit
    signed_at timestamptz not null,
    sent_by text references accounts,
    sent_at timestamptz,
    check ((sent_by is null) = (sent_at is null))
);
create index issues_of_city on issues (jurisdiction, signed_at desc, id);

-- What everybody may read of it, for the pages of a city for the public.
create view published_issues as
    select id, jurisdiction, bulletin, title, number, pack, first_day, last_day, language, document, sha256, signed_for,
        signed_at, sent_at
    from issues where public and sent_at is not null;
