-- What each role may do here. Granted anew by every `duban migrate`: what does not stand below is taken away.
revoke all on all tables in schema intake from duban_intake, duban_gateway, duban_vault, duban_reader;
grant usage on schema intake to duban_intake, duban_gateway, duban_vault;
grant select on migrations to duban_intake, duban_gateway, duban_vault;

grant select, insert, update, delete on receipts, turns, places to duban_intake;
grant select, insert, delete on refusals to duban_intake;
-- It anchors the log of the vault, for which it needs no more than the hashes.
grant select, insert, update on anchors to duban_intake;
grant select (number, hash) on vault_log to duban_intake;

-- It seals reports; who shows them opens what is sealed, if they have the master key.
grant select, insert, update (problem_id, content_until, contact_until, evidence_until) on report_keys to duban_intake;
grant select, insert on report_files to duban_intake;
grant select, insert, update on file_keys to duban_intake;

-- The gateway says what became of a report, seals who sent it, and notes when its source says that it is over.
grant select on receipts to duban_gateway;
grant select, insert, update on endings to duban_gateway;
-- Both note when a source was heard, and intake looks who is silent; the commands show it.
grant select, insert, update on source_journal to duban_gateway, duban_intake;
grant usage on schema intake to duban_reader;
grant select on published_sources, published_report_keys, published_file_keys to duban_reader;
grant select on published_receipts, published_contacts to duban_reader;
grant select, insert on vault_contacts to duban_gateway;
-- It takes the request of a reporter, who shows the code of the receipt, to have the report erased.
grant select, insert on erasure_requests to duban_gateway;

-- The vault opens a contact or forgets it; its log is only added to.
grant select (key, digest), update (digest) on receipts to duban_vault;
grant select, update (digest, key_id, fingerprint, wrapped, sealed, forgotten_at) on vault_contacts to duban_vault;
-- It destroys the keys of reports, which it cannot use.
grant select, update (key_id, wrapped, erased_at, why, content_until, contact_until, evidence_until)
    on report_keys to duban_vault;
grant select, delete on report_files to duban_vault;
grant select, update (key_id, wrapped, erased_at) on file_keys to duban_vault;
grant select, delete on erasure_requests to duban_vault;
grant select, insert on vault_log to duban_vault;
