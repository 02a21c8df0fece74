CREATE TABLE obligation (
    id TEXT NOT NULL PRIMARY KEY,
    participant TEXT NOT NULL,
    role TEXT NOT NULL,
    agreement TEXT NOT NULL,
    counterparty TEXT NOT NULL,
    clause TEXT NOT NULL,
    uid TEXT,
    follows TEXT,
    actions TEXT NOT NULL,
    timing TEXT,
    deadline BIGINT,
    state TEXT NOT NULL,
    performed BIGINT,
    note TEXT,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    UNIQUE (participant, role, agreement, clause)
);
CREATE INDEX obligation_agreement ON obligation (agreement, id);
CREATE INDEX obligation_state ON obligation (state, id);

CREATE TABLE obligation_history (
    id INTEGER PRIMARY KEY,
    obligation TEXT NOT NULL REFERENCES obligation (id),
    event TEXT NOT NULL,
    state TEXT NOT NULL,
    performed BIGINT,
    note TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX obligation_history_obligation ON obligation_history (obligation, id);
