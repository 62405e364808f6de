-- Whose account is a provider's: who that is, and by what it knows them, which it gives to nobody else.
alter table accounts
    add column issuer text,
    add column subject text,
    add check ((issuer is null) = (subject is null)),
    add check (issuer is null or password is null);
create unique index accounts_by_identity on accounts (issuer, subject);
