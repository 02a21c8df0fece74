-- A message's number is never given again: who has just delivered one that was forgotten meanwhile must not take a later one with it.
CREATE TABLE outbox_numbered (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pid TEXT NOT NULL REFERENCES process (pid),
    message TEXT NOT NULL,
    created BIGINT NOT NULL
);
INSERT INTO outbox_numbered (id, pid, message, created) SELECT id, pid, message, created FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_numbered RENAME TO outbox;
CREATE INDEX outbox_pid ON outbox (pid, id);
