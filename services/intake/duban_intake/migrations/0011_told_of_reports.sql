-- What a reporter is told by the code of the receipt: what became of the report, and what is kept of it until when. Nothing
-- here says who anybody is.
create view published_receipts as
    select key, source, id, received_at, outcome, problem_id, code, reason, handle from receipts;
create view published_contacts as select key, kept_at, forgotten_at from vault_contacts;
create or replace view published_report_keys as
    select key, key_id, wrapped, erased_at, why, contact_until, content_until, evidence_until from report_keys;
