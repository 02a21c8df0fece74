-- The first moment at which doing an obligation counts; until when something is to be kept up.
ALTER TABLE obligation ADD COLUMN not_before BIGINT;

CREATE TABLE infringement (
    id TEXT NOT NULL PRIMARY KEY,
    participant TEXT NOT NULL,
    role TEXT NOT NULL,
    agreement TEXT NOT NULL,
    counterparty TEXT NOT NULL,
    clause TEXT NOT NULL,
    actions TEXT NOT NULL,
    infringed BIGINT NOT NULL,
    note TEXT,
    state TEXT NOT NULL,
    reported BIGINT NOT NULL,
    settled BIGINT,
    settled_note TEXT
);
CREATE INDEX infringement_agreement ON infringement (agreement, id);
CREATE INDEX infringement_state ON infringement (state, id);
