-- Files handed over by people: what was found out about them, how far reading them has come, and the
-- tags that occur in them. The files lie in the data folder; history read from them stays when they go.
CREATE TABLE imports (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    size_bytes     INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256         TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN
                   ('needs_layout', 'scanning', 'ready', 'running', 'done', 'failed', 'cancelled')),
    profile        TEXT    NOT NULL,
    scan           TEXT    NOT NULL,
    run            TEXT    NOT NULL,
    run_id         TEXT,
    imported_key   TEXT,
    error_code     TEXT,
    error_params   TEXT    NOT NULL,
    created_by     TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX imports_by_integration ON imports (tenant_id, integration_id, created_at);
-- Finds out whether the same content was imported with the same layout and mappings.
CREATE INDEX imports_by_key ON imports (tenant_id, integration_id, imported_key);

CREATE TABLE import_tags (
    tenant_id  TEXT    NOT NULL,
    import_id  TEXT    NOT NULL,
    tag        TEXT    NOT NULL,
    unit       TEXT,
    samples    INTEGER NOT NULL CHECK (samples >= 0),
    first_at   INTEGER,
    last_at    INTEGER,
    last_value TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, import_id, tag),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
) STRICT;
