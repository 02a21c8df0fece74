-- Claims on processes live in the memory of the one process that has this store.
ALTER TABLE process DROP COLUMN lease_token;
ALTER TABLE process DROP COLUMN lease_until;
