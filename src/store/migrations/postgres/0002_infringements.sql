-- The first moment at which doing an obligation counts; until when something is to be kept up.
ALTER TABLE obligation ADD COLUMN not_before BIGINT;

CREATE TABLE infringement (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    participant TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    agreement TEXT COLLATE "C" NOT NULL,
    counterparty TEXT COLLATE "C" NOT NULL,
    clause TEXT COLLATE "C" NOT NULL,
    actions TEXT COLLATE "C" NOT NULL,
    infringed BIGINT NOT NULL,
    note TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    reported BIGINT NOT NULL,
    settled BIGINT,
    settled_note TEXT COLLATE "C"
);
CREATE INDEX infringement_agreement ON infringement (agreement, id);
CREATE INDEX infringement_state ON infringement (state, id);
