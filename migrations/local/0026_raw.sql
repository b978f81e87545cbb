-- The fourth level of what leaves: sealed pieces of the historian, in logs of their own beside the
-- evidence, because they are large and go again once the hub holds them.

-- One log per time for which the level was chosen. Values from begins_at on may leave, none before it.
-- A log that is closed writes nothing more; what stands in it still leaves.
CREATE TABLE raw_logs (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (tenant_id),
    epoch_no   INTEGER NOT NULL,
    epoch      BLOB    NOT NULL CHECK (length(epoch) = 16),
    appliance  BLOB    NOT NULL CHECK (length(appliance) = 16),
    begins_at  INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    closed_at  INTEGER,
    acked_seq  INTEGER NOT NULL DEFAULT 0 CHECK (acked_seq >= 0),
    acked_hash BLOB    NOT NULL CHECK (length(acked_hash) = 32),
    acked_at   INTEGER,
    PRIMARY KEY (tenant_id, epoch_no)
) STRICT, WITHOUT ROWID;

-- The bytes of a record go when a receipt covers it; its leaf stays, to be compared with the hub's word.
CREATE TABLE raw_records (
    tenant_id TEXT    NOT NULL,
    epoch_no  INTEGER NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq >= 1),
    leaf      BLOB    NOT NULL CHECK (length(leaf) = 32),
    from_ms   INTEGER NOT NULL,
    size      INTEGER NOT NULL CHECK (size >= 0),
    record    BLOB,
    PRIMARY KEY (tenant_id, epoch_no, seq),
    FOREIGN KEY (tenant_id, epoch_no) REFERENCES raw_logs (tenant_id, epoch_no)
) STRICT;

-- How far a signal was taken: the key of the last piece of it that stands in the log.
CREATE TABLE raw_places (
    tenant_id TEXT    NOT NULL,
    epoch_no  INTEGER NOT NULL,
    signal_no INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, epoch_no, signal_no),
    FOREIGN KEY (tenant_id, epoch_no) REFERENCES raw_logs (tenant_id, epoch_no)
) STRICT, WITHOUT ROWID;
