-- The audit log, background jobs, and the row the store writes to find out whether the disk is free
-- again.
CREATE TABLE audit (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    object    TEXT    NOT NULL,
    outcome   TEXT    NOT NULL,
    details   TEXT    NOT NULL,
    address   TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX audit_by_time ON audit (tenant_id, at, id);
CREATE TRIGGER audit_keep_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'append only: audit'); END;
CREATE TRIGGER audit_keep_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'append only: audit'); END;

CREATE TABLE jobs (
    tenant_id        TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id               TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    progress         REAL    NOT NULL CHECK (progress >= 0 AND progress <= 1),
    stage            TEXT    NOT NULL,
    payload          TEXT    NOT NULL,
    result           TEXT    NOT NULL,
    error_code       TEXT,
    error_params     TEXT    NOT NULL,
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    created_by       TEXT    NOT NULL,
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (tenant_id, state, created_at);
CREATE INDEX jobs_by_time ON jobs (tenant_id, created_at);

CREATE TABLE write_probe (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    counter INTEGER NOT NULL
) STRICT;
INSERT INTO write_probe (id, counter) VALUES (1, 0);
