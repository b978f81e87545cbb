-- Tamper evidence: one log per tenant, epoch and stream, written in the transaction of what it records.
-- These tables reference nothing outside themselves, so that they can be read when all else is gone.
-- An epoch is begun by an installation, a restored or copied store, and a log that was found cut.
CREATE TABLE evidence_epochs (
    tenant_id TEXT    NOT NULL,
    epoch_no  INTEGER NOT NULL CHECK (epoch_no >= 1),
    epoch     BLOB    NOT NULL CHECK (length(epoch) = 16),
    appliance BLOB    NOT NULL CHECK (length(appliance) = 16),
    -- Digest of the machine's own id, where it has one: a copy on another machine is noticed.
    machine   BLOB             CHECK (length(machine) = 32),
    reason    TEXT    NOT NULL CHECK (reason IN ('installation', 'restored', 'moved', 'cut', 'altered')),
    opened_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, epoch_no)
) STRICT;
CREATE TRIGGER evidence_epochs_keep_update BEFORE UPDATE ON evidence_epochs
BEGIN SELECT RAISE(ABORT, 'append only: evidence_epochs'); END;
CREATE TRIGGER evidence_epochs_keep_delete BEFORE DELETE ON evidence_epochs
BEGIN SELECT RAISE(ABORT, 'append only: evidence_epochs'); END;

-- Source 0 is the log itself, 1 industrial_events, 2 evidence_entries, 3 audit; source_row is the row
-- there, numbered in the order of the commits. One row is recorded once, in whatever epoch.
CREATE TABLE evidence_log (
    tenant_id  TEXT    NOT NULL,
    epoch_no   INTEGER NOT NULL,
    stream     INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 5),
    seq        INTEGER NOT NULL CHECK (seq >= 1),
    source     INTEGER NOT NULL CHECK (source BETWEEN 0 AND 3),
    source_row INTEGER,
    leaf       BLOB    NOT NULL CHECK (length(leaf) = 32),
    record     BLOB    NOT NULL,
    salt       BLOB             CHECK (length(salt) = 16),
    PRIMARY KEY (tenant_id, epoch_no, stream, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX evidence_log_by_source ON evidence_log (tenant_id, source, source_row)
    WHERE source_row IS NOT NULL;
CREATE TRIGGER evidence_log_keep_update
BEFORE UPDATE OF tenant_id, epoch_no, stream, seq, source, source_row, leaf, record ON evidence_log
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;
-- A salt can be erased by law, never replaced; no proof is touched by that.
CREATE TRIGGER evidence_log_keep_salt BEFORE UPDATE OF salt ON evidence_log WHEN NEW.salt IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;
CREATE TRIGGER evidence_log_keep_delete BEFORE DELETE ON evidence_log
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;

-- Signed notes; the same stand in the file "checkpoints" beside the store. The frontier holds the
-- roots of the complete subtrees, so that the log goes on without being read again.
CREATE TABLE evidence_checkpoints (
    tenant_id TEXT    NOT NULL,
    epoch_no  INTEGER NOT NULL,
    stream    INTEGER NOT NULL,
    size      INTEGER NOT NULL CHECK (size >= 1),
    at        INTEGER NOT NULL,
    note      TEXT    NOT NULL,
    frontier  BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, epoch_no, stream, size)
) STRICT;
CREATE TRIGGER evidence_checkpoints_keep_update BEFORE UPDATE ON evidence_checkpoints
BEGIN SELECT RAISE(ABORT, 'append only: evidence_checkpoints'); END;
CREATE TRIGGER evidence_checkpoints_keep_delete BEFORE DELETE ON evidence_checkpoints
BEGIN SELECT RAISE(ABORT, 'append only: evidence_checkpoints'); END;

-- Signing keys; the private half is sealed with the master key.
CREATE TABLE evidence_keys (
    tenant_id  TEXT    NOT NULL,
    key_no     INTEGER NOT NULL CHECK (key_no >= 1),
    public     BLOB    NOT NULL CHECK (length(public) = 32),
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_no)
) STRICT;
CREATE TRIGGER evidence_keys_keep_update BEFORE UPDATE ON evidence_keys
BEGIN SELECT RAISE(ABORT, 'append only: evidence_keys'); END;
CREATE TRIGGER evidence_keys_keep_delete BEFORE DELETE ON evidence_keys
BEGIN SELECT RAISE(ABORT, 'append only: evidence_keys'); END;

-- What is recorded besides events and audit: what became of incidents, frozen raw windows (hash of
-- their bytes), what a freeze took and left, and exports (hash of their manifest).
CREATE TABLE evidence_entries (
    tenant_id   TEXT NOT NULL,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('incident', 'window', 'freeze', 'export')),
    incident_id TEXT NOT NULL,
    -- Absent for what a trigger wrote: the moment of its record is meant.
    at          INTEGER,
    hash        BLOB          CHECK (length(hash) = 32),
    detail      TEXT NOT NULL CHECK (json_valid(detail)),
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX evidence_entries_by_incident ON evidence_entries (tenant_id, incident_id, kind);
CREATE TRIGGER evidence_entries_keep_update BEFORE UPDATE ON evidence_entries
BEGIN SELECT RAISE(ABORT, 'append only: evidence_entries'); END;
CREATE TRIGGER evidence_entries_keep_delete BEFORE DELETE ON evidence_entries
BEGIN SELECT RAISE(ABORT, 'append only: evidence_entries'); END;

-- Canonical bytes of a raw window; retention and compaction of the historian don't reach them.
CREATE TABLE evidence_windows (
    tenant_id TEXT NOT NULL,
    entry_id  TEXT NOT NULL,
    bytes     BLOB NOT NULL,
    PRIMARY KEY (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES evidence_entries (tenant_id, id)
) STRICT;
CREATE TRIGGER evidence_windows_keep_update BEFORE UPDATE ON evidence_windows
BEGIN SELECT RAISE(ABORT, 'append only: evidence_windows'); END;
CREATE TRIGGER evidence_windows_keep_delete BEFORE DELETE ON evidence_windows
BEGIN SELECT RAISE(ABORT, 'append only: evidence_windows'); END;

-- Whoever opens or moves an incident, the log hears of it.
CREATE TRIGGER incidents_recorded_on_open AFTER INSERT ON incidents
BEGIN
    INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), 'incident', NEW.id, json_object(
        'number', NEW.number, 'status', NEW.status, 'asset_id', NEW.asset_id,
        'type', NEW.incident_type, 'severity', NEW.severity, 'started_at', NEW.started_at,
        'ended_at', NEW.ended_at));
END;
CREATE TRIGGER incidents_recorded_on_change AFTER UPDATE OF status ON incidents
WHEN NEW.status <> OLD.status
BEGIN
    INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), 'incident', NEW.id, json_object(
        'number', NEW.number, 'status', NEW.status, 'asset_id', NEW.asset_id,
        'type', NEW.incident_type, 'severity', NEW.severity, 'started_at', NEW.started_at,
        'ended_at', NEW.ended_at));
END;
