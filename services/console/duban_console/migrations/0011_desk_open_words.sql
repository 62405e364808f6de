-- What is open, by the pairs of characters in its number and title: lamps are counted of it whatever text is looked for.
create index desk_records_open_words on desk_records using gin (grams) where kind = 'problem' and closed_at is null;
