CREATE TABLE process (
    pid TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    role TEXT NOT NULL,
    participant TEXT NOT NULL,
    counterparty TEXT NOT NULL,
    peer_pid TEXT,
    peer_address TEXT NOT NULL,
    state TEXT NOT NULL,
    dataset TEXT NOT NULL,
    agreement TEXT,
    detail TEXT NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    step TEXT,
    step_at BIGINT,
    retry_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT,
    lease_token TEXT,
    lease_until BIGINT,
    delivery_failure TEXT
);
CREATE UNIQUE INDEX process_peer ON process (kind, participant, role, counterparty, peer_pid) WHERE peer_pid IS NOT NULL;
CREATE INDEX process_due ON process (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX process_agreement ON process (agreement, kind) WHERE agreement IS NOT NULL;

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    pid TEXT NOT NULL REFERENCES process (pid),
    message TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX outbox_pid ON outbox (pid, id);

CREATE TABLE history (
    pid TEXT NOT NULL REFERENCES process (pid),
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    event TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (pid, version)
);

CREATE TABLE agreement (
    participant TEXT NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    counterparty TEXT NOT NULL,
    dataset TEXT NOT NULL,
    policy TEXT NOT NULL,
    negotiation TEXT,
    peer_address TEXT,
    signed BIGINT NOT NULL,
    live BIGINT NOT NULL,
    PRIMARY KEY (participant, role, id)
);

CREATE TABLE document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
