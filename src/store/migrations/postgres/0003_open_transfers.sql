-- Transfers that have not ended, counted for each consumer before one more is taken on.
CREATE INDEX process_open_transfer ON process (counterparty)
    WHERE kind = 'transfer' AND role = 'provider' AND state IN ('REQUESTED', 'STARTED', 'SUSPENDED');
