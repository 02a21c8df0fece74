CREATE TABLE record (
    sequence INTEGER PRIMARY KEY,
    exchange TEXT,
    agreement TEXT,
    transfer TEXT,
    effect TEXT,
    segment BIGINT NOT NULL,
    position BIGINT NOT NULL,
    length BIGINT NOT NULL
);
CREATE INDEX record_exchange ON record (exchange);
CREATE INDEX record_agreement ON record (agreement, sequence);
CREATE INDEX record_transfer ON record (transfer, sequence);
