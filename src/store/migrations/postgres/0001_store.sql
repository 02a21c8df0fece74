-- As the embedded store's, with claims on processes in their rows and numbers that grow with what running calls must know.
-- Texts compare by their bytes, as they do there.
CREATE TABLE process (
    pid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    participant TEXT COLLATE "C" NOT NULL,
    counterparty TEXT COLLATE "C" NOT NULL,
    peer_pid TEXT COLLATE "C",
    peer_address TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    dataset TEXT COLLATE "C" NOT NULL,
    agreement TEXT COLLATE "C",
    detail TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    step TEXT COLLATE "C",
    step_at BIGINT,
    retry_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT,
    delivery_failure TEXT COLLATE "C",
    lease_token TEXT COLLATE "C",
    lease_until BIGINT
);
CREATE UNIQUE INDEX process_peer ON process (kind, participant, role, counterparty, peer_pid) WHERE peer_pid IS NOT NULL;
CREATE INDEX process_due ON process (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX process_agreement ON process (agreement, kind) WHERE agreement IS NOT NULL;

CREATE TABLE outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pid TEXT COLLATE "C" NOT NULL REFERENCES process (pid),
    message TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX outbox_pid ON outbox (pid, id);

CREATE TABLE history (
    pid TEXT COLLATE "C" NOT NULL REFERENCES process (pid),
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (pid, version)
);

CREATE TABLE agreement (
    participant TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    counterparty TEXT COLLATE "C" NOT NULL,
    dataset TEXT COLLATE "C" NOT NULL,
    policy TEXT COLLATE "C" NOT NULL,
    negotiation TEXT COLLATE "C",
    peer_address TEXT COLLATE "C",
    signed BIGINT NOT NULL,
    live BIGINT NOT NULL,
    -- Grows whenever a call under it must ask again what is known.
    news BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (participant, role, id)
);
CREATE INDEX agreement_id ON agreement (id);

CREATE TABLE obligation (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    participant TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    agreement TEXT COLLATE "C" NOT NULL,
    counterparty TEXT COLLATE "C" NOT NULL,
    clause TEXT COLLATE "C" NOT NULL,
    uid TEXT COLLATE "C",
    follows TEXT COLLATE "C",
    actions TEXT COLLATE "C" NOT NULL,
    timing TEXT COLLATE "C",
    deadline BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    performed BIGINT,
    note TEXT COLLATE "C",
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    UNIQUE (participant, role, agreement, clause)
);
CREATE INDEX obligation_agreement ON obligation (agreement, id);
CREATE INDEX obligation_state ON obligation (state, id);

CREATE TABLE obligation_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    obligation TEXT COLLATE "C" NOT NULL REFERENCES obligation (id),
    event TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    performed BIGINT,
    note TEXT COLLATE "C",
    at BIGINT NOT NULL
);
CREATE INDEX obligation_history_obligation ON obligation_history (obligation, id);

CREATE TABLE document (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, id)
);

-- One row: grows with every change of a document that says what is offered or what is known of consumers.
CREATE TABLE revision (
    one BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (one),
    documents BIGINT NOT NULL DEFAULT 0
);
INSERT INTO revision DEFAULT VALUES;

-- What all replicas must have in common, as the first one said it.
CREATE TABLE common (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);
