-- Connections to source systems, their sealed secrets, where reading stands, what was done to them,
-- the certificates their servers showed, and the mapping of their tags.
CREATE TABLE integrations (
    tenant_id      TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id             TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    config         TEXT    NOT NULL,
    is_enabled     INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    is_demo_origin INTEGER NOT NULL CHECK (is_demo_origin IN (0, 1)),
    status         TEXT    NOT NULL CHECK (status IN ('active', 'inactive', 'error', 'streaming')),
    status_code    TEXT,
    status_params  TEXT    NOT NULL,
    status_at      INTEGER,
    last_value_at  INTEGER,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
) STRICT;

-- Only ciphertext. The version is part of what the seal covers and grows with every write, so an
-- older ciphertext put back by hand does not open.
CREATE TABLE integration_secrets (
    tenant_id      TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    field          TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    sealed         BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, integration_id, field),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE integration_cursors (
    tenant_id      TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    position       TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, integration_id, name),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE integration_action_logs (
    tenant_id      TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    action_type    TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('success', 'failure', 'pending')),
    message_code   TEXT    NOT NULL,
    details        TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX integration_action_logs_by_time
    ON integration_action_logs (tenant_id, integration_id, at);

CREATE TABLE trusted_certificates (
    tenant_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    integration_id  TEXT    NOT NULL,
    der             BLOB    NOT NULL,
    sha256          TEXT    NOT NULL,
    sha1            TEXT    NOT NULL,
    subject         TEXT    NOT NULL,
    issuer          TEXT    NOT NULL,
    application_uri TEXT,
    hosts           TEXT    NOT NULL,
    not_before      INTEGER NOT NULL,
    not_after       INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'trusted', 'rejected')),
    first_seen_at   INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    decided_by      TEXT,
    decided_at      INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, integration_id, sha256),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE external_signal_mappings (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    external_tag   TEXT    NOT NULL,
    asset_id       TEXT    NOT NULL,
    metric_name    TEXT    NOT NULL,
    signal_id      TEXT    NOT NULL,
    unit           TEXT    NOT NULL,
    scaling_factor REAL    NOT NULL,
    offset_value   REAL    NOT NULL,
    metadata_json  TEXT    NOT NULL,
    is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, integration_id, external_tag),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id),
    FOREIGN KEY (tenant_id, signal_id) REFERENCES signals (tenant_id, id)
) STRICT;
-- Two sources writing one series would interleave two truths; an inactive row may wait beside it.
CREATE UNIQUE INDEX external_signal_mappings_one_writer
    ON external_signal_mappings (tenant_id, signal_id) WHERE is_active = 1;
CREATE INDEX external_signal_mappings_by_asset ON external_signal_mappings (tenant_id, asset_id);
