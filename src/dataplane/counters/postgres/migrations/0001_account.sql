-- What the calls under an agreement took of its limits. Times are microseconds since 1970 by this database's clock.
CREATE TABLE agreement_account (
    key TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    full_at BIGINT NOT NULL DEFAULT 0,
    earlier BIGINT
) WITH (fillfactor = 50);

-- The calls of the last minute: those that were taken down together make one row.
CREATE TABLE agreement_call (
    key TEXT NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (key, version)
);
