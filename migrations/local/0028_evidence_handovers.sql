-- Where a log says that a new signing key took over from the one before it, and what both signed. Each
-- epoch of the same installation says it again, so that a file of one log proves its keys.
CREATE TABLE evidence_handovers (
    tenant_id  TEXT    NOT NULL,
    epoch_no   INTEGER NOT NULL,
    -- The new key.
    key_no     INTEGER NOT NULL CHECK (key_no >= 2),
    seq        INTEGER NOT NULL CHECK (seq >= 1),
    -- The signatures of the old and of the new key.
    signatures BLOB    NOT NULL CHECK (length(signatures) = 128),
    PRIMARY KEY (tenant_id, epoch_no, key_no)
) STRICT;
CREATE TRIGGER evidence_handovers_keep_update BEFORE UPDATE ON evidence_handovers
BEGIN SELECT RAISE(ABORT, 'append only: evidence_handovers'); END;
CREATE TRIGGER evidence_handovers_keep_delete BEFORE DELETE ON evidence_handovers
BEGIN SELECT RAISE(ABORT, 'append only: evidence_handovers'); END;
