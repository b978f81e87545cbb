CREATE TRIGGER audit_keep_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'append only: audit'); END;

CREATE TRIGGER audit_keep_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'append only: audit'); END;

CREATE TRIGGER evidence_checkpoints_keep_delete BEFORE DELETE ON evidence_checkpoints
BEGIN SELECT RAISE(ABORT, 'append only: evidence_checkpoints'); END;

CREATE TRIGGER evidence_checkpoints_keep_update BEFORE UPDATE ON evidence_checkpoints
BEGIN SELECT RAISE(ABORT, 'append only: evidence_checkpoints'); END;

CREATE TRIGGER evidence_entries_keep_delete BEFORE DELETE ON evidence_entries
BEGIN SELECT RAISE(ABORT, 'append only: evidence_entries'); END;

CREATE TRIGGER evidence_entries_keep_update BEFORE UPDATE ON evidence_entries
BEGIN SELECT RAISE(ABORT, 'append only: evidence_entries'); END;

CREATE TRIGGER evidence_epochs_keep_delete BEFORE DELETE ON evidence_epochs
BEGIN SELECT RAISE(ABORT, 'append only: evidence_epochs'); END;

CREATE TRIGGER evidence_epochs_keep_update BEFORE UPDATE ON evidence_epochs
BEGIN SELECT RAISE(ABORT, 'append only: evidence_epochs'); END;

CREATE TRIGGER evidence_handovers_keep_delete BEFORE DELETE ON evidence_handovers
BEGIN SELECT RAISE(ABORT, 'append only: evidence_handovers'); END;

CREATE TRIGGER evidence_handovers_keep_update BEFORE UPDATE ON evidence_handovers
BEGIN SELECT RAISE(ABORT, 'append only: evidence_handovers'); END;

CREATE TRIGGER evidence_keys_keep_delete BEFORE DELETE ON evidence_keys
BEGIN SELECT RAISE(ABORT, 'append only: evidence_keys'); END;

CREATE TRIGGER evidence_keys_keep_update BEFORE UPDATE ON evidence_keys
BEGIN SELECT RAISE(ABORT, 'append only: evidence_keys'); END;

CREATE TRIGGER evidence_log_keep_delete BEFORE DELETE ON evidence_log
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;

CREATE TRIGGER evidence_log_keep_salt BEFORE UPDATE OF salt ON evidence_log WHEN NEW.salt IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;

CREATE TRIGGER evidence_log_keep_update
BEFORE UPDATE OF tenant_id, epoch_no, stream, seq, source, source_row, leaf, record ON evidence_log
BEGIN SELECT RAISE(ABORT, 'append only: evidence_log'); END;

CREATE TRIGGER evidence_windows_keep_delete BEFORE DELETE ON evidence_windows
BEGIN SELECT RAISE(ABORT, 'append only: evidence_windows'); END;

CREATE TRIGGER evidence_windows_keep_update BEFORE UPDATE ON evidence_windows
BEGIN SELECT RAISE(ABORT, 'append only: evidence_windows'); END;

CREATE TRIGGER incident_attachment_removals_keep_delete BEFORE DELETE ON incident_attachment_removals
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachment_removals'); END;

CREATE TRIGGER incident_attachment_removals_keep_update BEFORE UPDATE ON incident_attachment_removals
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachment_removals'); END;

CREATE TRIGGER incident_attachments_keep_delete BEFORE DELETE ON incident_attachments
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachments'); END;

CREATE TRIGGER incident_attachments_keep_update BEFORE UPDATE ON incident_attachments
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachments'); END;

CREATE TRIGGER incident_changes_keep_delete BEFORE DELETE ON incident_changes
BEGIN SELECT RAISE(ABORT, 'append only: incident_changes'); END;

CREATE TRIGGER incident_changes_keep_update BEFORE UPDATE ON incident_changes
BEGIN SELECT RAISE(ABORT, 'append only: incident_changes'); END;

CREATE TRIGGER incident_events_newest AFTER INSERT ON incident_events
BEGIN
    UPDATE incidents SET last_event_at = MAX(last_event_at, COALESCE((
        SELECT e.event_time FROM industrial_events e
        WHERE e.tenant_id = NEW.tenant_id AND e.id = NEW.event_id), 0))
    WHERE tenant_id = NEW.tenant_id AND id = NEW.incident_id;
END;

CREATE TRIGGER incident_events_newest_unsure AFTER UPDATE OF left_by ON incident_events
BEGIN
    UPDATE incidents SET last_event_at = NULL
    WHERE tenant_id = NEW.tenant_id AND id = NEW.incident_id AND last_event_at IS NOT NULL;
END;

CREATE TRIGGER incident_notes_keep_delete BEFORE DELETE ON incident_notes
BEGIN SELECT RAISE(ABORT, 'append only: incident_notes'); END;

CREATE TRIGGER incident_notes_keep_update BEFORE UPDATE ON incident_notes
BEGIN SELECT RAISE(ABORT, 'append only: incident_notes'); END;

CREATE TRIGGER incidents_recorded_on_change AFTER UPDATE OF status ON incidents
WHEN NEW.status <> OLD.status
BEGIN
    INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), 'incident', NEW.id, json_object(
        'number', NEW.number, 'status', NEW.status, 'asset_id', NEW.asset_id,
        'type', NEW.incident_type, 'severity', NEW.severity, 'started_at', NEW.started_at,
        'ended_at', NEW.ended_at));
END;

CREATE TRIGGER incidents_recorded_on_open AFTER INSERT ON incidents
BEGIN
    INSERT INTO evidence_entries (tenant_id, id, kind, incident_id, detail)
    VALUES (NEW.tenant_id, lower(hex(randomblob(16))), 'incident', NEW.id, json_object(
        'number', NEW.number, 'status', NEW.status, 'asset_id', NEW.asset_id,
        'type', NEW.incident_type, 'severity', NEW.severity, 'started_at', NEW.started_at,
        'ended_at', NEW.ended_at));
END;

CREATE TRIGGER industrial_events_keep_delete BEFORE DELETE ON industrial_events
BEGIN SELECT RAISE(ABORT, 'append only: industrial_events'); END;

CREATE TRIGGER industrial_events_keep_update BEFORE UPDATE ON industrial_events
BEGIN SELECT RAISE(ABORT, 'append only: industrial_events'); END;

CREATE TRIGGER signal_numbers_keep_delete BEFORE DELETE ON signal_numbers
BEGIN SELECT RAISE(ABORT, 'append only: signal_numbers'); END;

CREATE TRIGGER signal_numbers_keep_update BEFORE UPDATE ON signal_numbers
BEGIN SELECT RAISE(ABORT, 'append only: signal_numbers'); END;

CREATE TRIGGER tenant_cost_models_keep_delete BEFORE DELETE ON tenant_cost_models
BEGIN SELECT RAISE(ABORT, 'append only: tenant_cost_models'); END;

CREATE TRIGGER tenant_cost_models_keep_update BEFORE UPDATE ON tenant_cost_models
BEGIN SELECT RAISE(ABORT, 'append only: tenant_cost_models'); END;

CREATE TRIGGER work_order_changes_keep_delete BEFORE DELETE ON work_order_changes
BEGIN SELECT RAISE(ABORT, 'append only: work_order_changes'); END;

CREATE TRIGGER work_order_changes_keep_update BEFORE UPDATE ON work_order_changes
BEGIN SELECT RAISE(ABORT, 'append only: work_order_changes'); END;

CREATE TABLE alert_rules (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    asset_id     TEXT    NOT NULL,
    signal_id    TEXT    NOT NULL,
    metric       TEXT    NOT NULL,
    condition    TEXT    NOT NULL,
    on_delay_s   INTEGER NOT NULL,
    off_delay_s  INTEGER NOT NULL,
    deadband     REAL    NOT NULL,
    is_enabled   INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    is_confirmed INTEGER NOT NULL CHECK (is_confirmed IN (0, 1)),
    source       TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, signal_id) REFERENCES signals (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE alerts (
    tenant_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    asset_id        TEXT    NOT NULL,
    signal_id       TEXT,
    rule_id         TEXT,
    severity        TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    state           TEXT    NOT NULL CHECK (state IN (
        'active_unacknowledged', 'active_acknowledged', 'cleared_unacknowledged', 'cleared')),
    code            TEXT    NOT NULL,
    params          TEXT    NOT NULL,
    activated_at    INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    comment         TEXT,
    cleared_at      INTEGER,
    incident_id     TEXT, recorded_at INTEGER, cleared_recorded_at INTEGER, before_worse TEXT CHECK (before_worse IS NULL OR json_valid(before_worse)),
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE api_tokens (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    token_hash   BLOB    NOT NULL UNIQUE,
    permissions  TEXT    NOT NULL CHECK (json_valid(permissions)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    last_used_by TEXT,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE asset_metrics_snapshot (
    tenant_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    asset_id        TEXT    NOT NULL,
    at              INTEGER NOT NULL,
    health          REAL,
    anomaly         REAL,
    coverage        REAL    NOT NULL,
    input_age_ms    INTEGER,
    contributors    TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    withheld_code   TEXT,
    withheld_params TEXT    NOT NULL, recorded_at INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE asset_models (
    tenant_id       TEXT    NOT NULL REFERENCES tenants (tenant_id),
    asset_id        TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 1),
    state           TEXT    NOT NULL CHECK (state IN ('candidate', 'promoted', 'retired', 'withheld')),
    model           TEXT    CHECK (model IS NULL OR json_valid(model)),
    alarm_limit     REAL,
    alarms_per_week REAL    NOT NULL,
    -- The figures of the version and of the one in force then, on a window neither was learned from.
    comparison      TEXT    CHECK (comparison IS NULL OR json_valid(comparison)),
    withheld        TEXT    CHECK (withheld IS NULL OR json_valid(withheld)),
    is_demo         INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    promoted_by     TEXT,
    promoted_at     INTEGER,
    PRIMARY KEY (tenant_id, asset_id, version),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE,
    CHECK ((model IS NULL) = (withheld IS NOT NULL)),
    CHECK ((model IS NULL) = (state = 'withheld'))
) STRICT;

CREATE TABLE assets (
    tenant_id           TEXT NOT NULL,
    id                  TEXT NOT NULL,
    unit_id             TEXT NOT NULL,
    code                TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_ar             TEXT NOT NULL,
    family              TEXT NOT NULL,
    criticality         TEXT NOT NULL CHECK (criticality IN ('low', 'medium', 'high', 'critical')),
    equipment_number    TEXT,
    functional_location TEXT,
    parent_id           TEXT,
    upstream            TEXT NOT NULL,
    downstream          TEXT NOT NULL,
    note                TEXT NOT NULL,
    effective_from      INTEGER,
    effective_to        INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES assets (tenant_id, id)
) STRICT;

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

CREATE TABLE certificate_authorities (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id            TEXT    NOT NULL,
    der           BLOB    NOT NULL,
    sha256        TEXT    NOT NULL CHECK (length(sha256) = 64),
    subject       TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    not_before    INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    is_trusted    INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
    added_by      TEXT    NOT NULL,
    added_at      INTEGER NOT NULL,
    decided_by    TEXT,
    decided_at    INTEGER,
    crl           BLOB,
    crl_issued_at INTEGER,
    crl_next_at   INTEGER,
    crl_revoked   INTEGER,
    crl_added_by  TEXT,
    crl_added_at  INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, sha256)
) STRICT;

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

CREATE TABLE evidence_keys (
    tenant_id  TEXT    NOT NULL,
    key_no     INTEGER NOT NULL CHECK (key_no >= 1),
    public     BLOB    NOT NULL CHECK (length(public) = 32),
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key_no)
) STRICT;

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

CREATE TABLE evidence_windows (
    tenant_id TEXT NOT NULL,
    entry_id  TEXT NOT NULL,
    bytes     BLOB NOT NULL,
    PRIMARY KEY (tenant_id, entry_id),
    FOREIGN KEY (tenant_id, entry_id) REFERENCES evidence_entries (tenant_id, id)
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

CREATE TABLE incident_attachment_removals (
    tenant_id     TEXT    NOT NULL,
    attachment_id TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, attachment_id),
    FOREIGN KEY (tenant_id, attachment_id) REFERENCES incident_attachments (tenant_id, id)
) STRICT;

CREATE TABLE incident_attachments (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    incident_id TEXT    NOT NULL,
    statement   TEXT,
    name        TEXT    NOT NULL,
    media_type  TEXT    NOT NULL,
    size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256      TEXT    NOT NULL CHECK (length(sha256) = 64),
    author      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id)
) STRICT;

CREATE TABLE incident_changes (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    incident_id TEXT    NOT NULL,
    other_id    TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('merge', 'split', 'undo')),
    undoes      TEXT,
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    before      TEXT    NOT NULL CHECK (json_valid(before)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, undoes),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id),
    FOREIGN KEY (tenant_id, other_id) REFERENCES incidents (tenant_id, id)
) STRICT;

CREATE TABLE incident_events (
    tenant_id   TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    relation    TEXT NOT NULL CHECK (relation IN ('trigger', 'same_asset', 'neighbour')), joined_by TEXT, left_by TEXT,
    PRIMARY KEY (tenant_id, incident_id, event_id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES industrial_events (tenant_id, id)
) STRICT;

CREATE TABLE incident_notes (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    incident_id TEXT    NOT NULL,
    author      TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id)
) STRICT;

CREATE TABLE incident_numbers (
    tenant_id   TEXT    NOT NULL,
    year        INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, year)
) STRICT;

CREATE TABLE incidents (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    number        TEXT    NOT NULL,
    asset_id      TEXT    NOT NULL,
    incident_type TEXT    NOT NULL CHECK (incident_type IN ('trip', 'critical_alert', 'failure')),
    severity      TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    title_code    TEXT    NOT NULL,
    title_params  TEXT    NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('open', 'investigating', 'resolved', 'closed')),
    assignee      TEXT,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    created_at    INTEGER NOT NULL, merged_into TEXT, last_event_at INTEGER DEFAULT 0,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, number)
) STRICT;

CREATE TABLE industrial_events (
    tenant_id           TEXT    NOT NULL,
    id                  TEXT    NOT NULL,
    asset_id            TEXT,
    source_system       TEXT    NOT NULL,
    source_type         TEXT    NOT NULL,
    source_id           TEXT    NOT NULL,
    event_time          INTEGER NOT NULL,
    ingest_time         INTEGER NOT NULL,
    recorded_at         INTEGER NOT NULL,
    time_offset_ms      INTEGER NOT NULL,
    time_uncertainty_ms INTEGER NOT NULL,
    severity            TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    event_category      TEXT    NOT NULL CHECK (event_category IN (
        'SENSOR', 'ALERT', 'MAINTENANCE', 'OPERATOR_ACTION', 'OPTIMISATION', 'SYSTEM')),
    summary             TEXT    NOT NULL,
    payload             TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, source_system, source_id)
) STRICT;

CREATE TABLE integration_action_logs (
    tenant_id      TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    action_type    TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('success', 'failure', 'pending')),
    message_code   TEXT    NOT NULL,
    details        TEXT    NOT NULL,
    at             INTEGER NOT NULL, actor TEXT NOT NULL DEFAULT 'system', ms INTEGER CHECK (ms >= 0),
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

CREATE TABLE integration_secrets (
    tenant_id      TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    field          TEXT    NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    sealed         BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, integration_id, field),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

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
    finished_at      INTEGER, integration_id TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE late_values (
    tenant_id   TEXT    NOT NULL,
    signal_id   TEXT    NOT NULL,
    minute      INTEGER NOT NULL,
    from_time   INTEGER NOT NULL,
    to_time     INTEGER NOT NULL,
    arrived_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, signal_id, minute),
    CHECK (to_time >= from_time)
) STRICT, WITHOUT ROWID;

CREATE TABLE mails (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    params       TEXT    NOT NULL CHECK (json_valid(params)),
    link         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    next_at      INTEGER NOT NULL,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    created_at   INTEGER NOT NULL,
    sent_at      INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE mapping_change_rows (
    tenant_id  TEXT    NOT NULL,
    change_id  TEXT    NOT NULL,
    place      INTEGER NOT NULL CHECK (place >= 0),
    mapping_id TEXT    NOT NULL,
    before     TEXT,
    after      TEXT,
    PRIMARY KEY (tenant_id, change_id, place),
    CHECK (before IS NOT NULL OR after IS NOT NULL),
    FOREIGN KEY (tenant_id, change_id) REFERENCES mapping_changes (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE mapping_changes (
    tenant_id TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id        TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    origin    TEXT    NOT NULL CHECK (origin IN ('form', 'bulk', 'import', 'drift', 'undo')),
    added     INTEGER NOT NULL CHECK (added >= 0),
    changed   INTEGER NOT NULL CHECK (changed >= 0),
    removed   INTEGER NOT NULL CHECK (removed >= 0),
    undo_of   TEXT,
    undone_by TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE mapping_drift (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id            TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('renamed', 'vanished', 'flat_lined', 'swapped', 'unit_changed', 'reused')),
    mapping_id    TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('open', 'accepted', 'dismissed', 'gone')),
    finding       TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    decided_by    TEXT,
    decided_at    INTEGER,
    change_id     TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, fingerprint)
) STRICT;

CREATE TABLE mapping_lessons (
    tenant_id TEXT    NOT NULL REFERENCES tenants (tenant_id),
    feature   TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    confirmed INTEGER NOT NULL CHECK (confirmed >= 0),
    rejected  INTEGER NOT NULL CHECK (rejected >= 0),
    at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, feature, target)
) STRICT;

CREATE TABLE notification_choices (
    tenant_id TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    in_app    INTEGER NOT NULL CHECK (in_app IN (0, 1)),
    by_mail   INTEGER NOT NULL CHECK (by_mail IN (0, 1)),
    PRIMARY KEY (tenant_id, user_id, kind),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE notifications (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    cause     TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    params    TEXT    NOT NULL CHECK (json_valid(params)),
    link      TEXT    NOT NULL,
    in_app    INTEGER NOT NULL CHECK (in_app IN (0, 1)),
    at        INTEGER NOT NULL,
    read_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_id, cause),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE optimization_recommendations (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    scenario_id   TEXT    NOT NULL,
    rank          INTEGER NOT NULL CHECK (rank >= 1),
    asset_id      TEXT    NOT NULL,
    -- The order the advice is about, where there is one already.
    order_id      TEXT,
    advice        TEXT    NOT NULL CHECK (json_valid(advice)),
    work_order_id TEXT,
    published_by  TEXT,
    published_at  INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, scenario_id, rank),
    FOREIGN KEY (tenant_id, scenario_id) REFERENCES optimization_scenarios (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE optimization_scenarios (
    tenant_id          TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                 TEXT    NOT NULL,
    job_id             TEXT    NOT NULL,
    run_key            TEXT    NOT NULL,
    name               TEXT    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('running', 'done', 'infeasible', 'failed', 'cancelled')),
    as_of              INTEGER NOT NULL,
    seed               INTEGER NOT NULL,
    iterations         INTEGER NOT NULL,
    program            TEXT    NOT NULL,
    cost_model_version INTEGER,
    is_demo            INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    request            TEXT    NOT NULL CHECK (json_valid(request)),
    input              TEXT    NOT NULL CHECK (json_valid(input)),
    outcome            TEXT    NOT NULL CHECK (json_valid(outcome)),
    created_by         TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    finished_at        INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE outages (
    tenant_id  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    site_id    TEXT    NOT NULL,
    unit_id    TEXT,
    asset_id   TEXT,
    title      TEXT    NOT NULL,
    from_at    INTEGER NOT NULL,
    to_at      INTEGER NOT NULL CHECK (to_at > from_at),
    note       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    CHECK (unit_id IS NULL OR asset_id IS NULL),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE
) STRICT;

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

CREATE TABLE raw_places (
    tenant_id TEXT    NOT NULL,
    epoch_no  INTEGER NOT NULL,
    signal_no INTEGER NOT NULL,
    place     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, epoch_no, signal_no),
    FOREIGN KEY (tenant_id, epoch_no) REFERENCES raw_logs (tenant_id, epoch_no)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE root_causes (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (tenant_id),
    incident_id TEXT    NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    inputs_hash TEXT    NOT NULL CHECK (length(inputs_hash) = 64),
    computed_at INTEGER NOT NULL,
    result      TEXT    NOT NULL CHECK (json_valid(result)),
    PRIMARY KEY (tenant_id, incident_id, version),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE schedules (
    tenant_id    TEXT    NOT NULL REFERENCES tenants (tenant_id),
    kind         TEXT    NOT NULL,
    is_enabled   INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    cadence      TEXT    NOT NULL CHECK (json_valid(cadence)),
    time_zone    TEXT    NOT NULL,
    next_at      INTEGER,
    last_at      INTEGER,
    job_id       TEXT,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    changed_by   TEXT    NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT;

CREATE TABLE schema_migrations (
    number     INTEGER NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    program    TEXT    NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    tenant_id        TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    -- Keyed hash of the token; the token itself is only in the browser.
    token_hash       BLOB    NOT NULL UNIQUE,
    -- The tenant a platform owner acts in, where it is not the own one.
    acting_tenant_id TEXT REFERENCES tenants (tenant_id),
    created_at       INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER,
    address          TEXT,
    user_agent       TEXT, ends_by INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE sign_in_attempts (
    kind            TEXT    NOT NULL CHECK (kind IN ('account', 'address')),
    key             TEXT    NOT NULL,
    failures        INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;

CREATE TABLE signal_numbers (
    tenant_id TEXT    NOT NULL,
    signal_no INTEGER NOT NULL UNIQUE CHECK (signal_no >= 0 AND signal_no < 524288),
    signal_id TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, signal_id)
) STRICT;

CREATE TABLE signals (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    asset_id  TEXT    NOT NULL,
    metric    TEXT    NOT NULL,
    unit      TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('measured', 'derived')),
    signal_no INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, asset_id, metric),
    UNIQUE (tenant_id, signal_no),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE sites (
    tenant_id TEXT NOT NULL REFERENCES tenants (tenant_id),
    id        TEXT NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_ar   TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
) STRICT;

CREATE TABLE spare_parts (
    tenant_id         TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    site_id           TEXT    NOT NULL,
    code              TEXT    NOT NULL,
    title             TEXT    NOT NULL,
    on_hand           REAL    NOT NULL CHECK (on_hand >= 0),
    expected_quantity REAL    CHECK (expected_quantity > 0),
    expected_at       INTEGER,
    lead_time_days    INTEGER CHECK (lead_time_days >= 0),
    note              TEXT    NOT NULL,
    changed_at        INTEGER NOT NULL,
    CHECK ((expected_quantity IS NULL) = (expected_at IS NULL)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, site_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;

CREATE TABLE sync_cursors (
    tenant_id   TEXT    NOT NULL,
    epoch_no    INTEGER NOT NULL,
    stream      INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 5),
    acked_seq   INTEGER NOT NULL CHECK (acked_seq >= 0),
    acked_hash  BLOB    NOT NULL CHECK (length(acked_hash) = 32),
    acked_at    INTEGER,
    forked_at   INTEGER,
    fork_seen   TEXT,
    written_seq INTEGER NOT NULL DEFAULT 0 CHECK (written_seq >= 0),
    PRIMARY KEY (tenant_id, epoch_no, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_flags (
    tenant_id TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    is_on     INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    rev       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE sync_links (
    tenant_id        TEXT    NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
    hub_url          TEXT    NOT NULL,
    allow_plain_http INTEGER NOT NULL CHECK (allow_plain_http IN (0, 1)),
    tls_ca           TEXT,
    appliance        BLOB    NOT NULL CHECK (length(appliance) = 16),
    public_key       BLOB    NOT NULL CHECK (length(public_key) = 32),
    sealed_key       BLOB    NOT NULL,
    hub_tenant       BLOB             CHECK (length(hub_tenant) = 16),
    hub_tenant_name  TEXT    NOT NULL,
    hub_key          BLOB             CHECK (length(hub_key) = 32),
    hub_recipient    TEXT    NOT NULL,
    enrolled_at      INTEGER,
    enrolled_by      TEXT    NOT NULL,
    -- 1 status, 2 and incidents and events.
    level            INTEGER NOT NULL CHECK (level BETWEEN 1 AND 4),
    includes_audit   INTEGER NOT NULL CHECK (includes_audit IN (0, 1)),
    cap_kbit         INTEGER          CHECK (cap_kbit >= 1),
    -- Minutes of the day in the time zone; equal ends are the whole day.
    hours_from       INTEGER NOT NULL CHECK (hours_from BETWEEN 0 AND 1439),
    hours_to         INTEGER NOT NULL CHECK (hours_to BETWEEN 0 AND 1439),
    time_zone        TEXT    NOT NULL,
    is_paused        INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
    changes_rev      INTEGER NOT NULL CHECK (changes_rev >= 0),
    last_receipt_at  INTEGER,
    -- line: over the network; courier: files with receipts; one_way: files, and nothing comes back.
    way              TEXT    NOT NULL DEFAULT 'line' CHECK (way IN ('line', 'courier', 'one_way')),
    bundle_no        INTEGER NOT NULL DEFAULT 0 CHECK (bundle_no >= 0)
) STRICT;

CREATE TABLE sync_questions (
    tenant_id  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('confirm', 'conflict', 'taken', 'refused')),
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    rev        INTEGER NOT NULL,
    here       TEXT    CHECK (json_valid(here)),
    wanted     TEXT    NOT NULL CHECK (json_valid(wanted)),
    at         INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    decision   TEXT    CHECK (decision IN ('applied', 'kept')),
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE sync_users (
    tenant_id TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    rev       INTEGER NOT NULL,
    role      TEXT    NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE technical_objects (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    integration_id TEXT    NOT NULL,
    kind           TEXT    NOT NULL CHECK (kind IN ('equipment', 'functional_location')),
    number         TEXT    NOT NULL,
    number_key     TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    location       TEXT,
    location_key   TEXT,
    parent         TEXT,
    plant          TEXT,
    is_active      INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    changed_at     INTEGER,
    payload        TEXT    NOT NULL,
    asset_id       TEXT,
    match_state    TEXT    NOT NULL CHECK (match_state IN ('matched', 'unmatched', 'ambiguous', 'settled')),
    match_reason   TEXT,
    candidates     TEXT    NOT NULL,
    settled_by     TEXT,
    settled_at     INTEGER,
    recorded_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, integration_id, kind, number),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE technicians (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    name_ar      TEXT    NOT NULL,
    site_id      TEXT    NOT NULL,
    user_id      TEXT,
    skills       TEXT    NOT NULL CHECK (json_valid(skills)),
    certificates TEXT    NOT NULL CHECK (json_valid(certificates)),
    shifts       TEXT    NOT NULL CHECK (json_valid(shifts)),
    absences     TEXT    NOT NULL CHECK (json_valid(absences)),
    hourly_cost  REAL    CHECK (hourly_cost >= 0),
    is_active    INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    note         TEXT    NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;

CREATE TABLE tenant_cost_models (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (tenant_id),
    version    INTEGER NOT NULL CHECK (version >= 1),
    model      TEXT    NOT NULL CHECK (json_valid(model)),
    comment    TEXT    NOT NULL,
    is_demo    INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, version)
) STRICT;

CREATE TABLE tenant_identity_providers (
    tenant_id         TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                TEXT    NOT NULL,
    provider_type     TEXT    NOT NULL CHECK (provider_type IN ('azure_ad', 'okta', 'google')),
    display_name      TEXT    NOT NULL,
    client_id         TEXT    NOT NULL,
    -- Sealed under the version; 0 while there is none.
    client_secret     BLOB,
    secret_version    INTEGER NOT NULL DEFAULT 0,
    -- The directory of Entra ID.
    directory_id      TEXT,
    issuer_url        TEXT,
    -- The organisation of Google.
    hosted_domain     TEXT,
    scopes            TEXT    NOT NULL,
    group_claim       TEXT    NOT NULL,
    group_roles       TEXT    NOT NULL CHECK (json_valid(group_roles)),
    default_role      TEXT CHECK (default_role IS NULL OR default_role IN (
        'viewer', 'engineer', 'optimization_engineer', 'tenant_admin')),
    tls_ca            TEXT,
    accept_plain_http INTEGER NOT NULL CHECK (accept_plain_http IN (0, 1)),
    -- Documents of the provider, where the network does not reach them.
    pinned_metadata   TEXT,
    pinned_keys       TEXT,
    is_enabled        INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE tenant_settings (
    tenant_id TEXT NOT NULL REFERENCES tenants (tenant_id),
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT;

CREATE TABLE tenants (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    name_ar    TEXT    NOT NULL,
    is_demo    INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

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
    decided_at      INTEGER, authority TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, integration_id, sha256),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE units (
    tenant_id TEXT NOT NULL,
    id        TEXT NOT NULL,
    site_id   TEXT NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_ar   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, site_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;

CREATE TABLE user_identities (
    tenant_id   TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject),
    UNIQUE (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE user_settings (
    tenant_id TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    language  TEXT NOT NULL,
    theme     TEXT NOT NULL,
    digits    TEXT NOT NULL,
    calendar  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE users (
    tenant_id            TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                   TEXT    NOT NULL,
    username             TEXT    NOT NULL,
    -- The name folded to lower case by the program: SQLite's own folding knows ASCII only.
    username_key         TEXT    NOT NULL UNIQUE,
    email                TEXT,
    name                 TEXT    NOT NULL,
    role                 TEXT    NOT NULL CHECK (role IN (
        'viewer', 'engineer', 'optimization_engineer', 'tenant_admin', 'platform_owner')),
    is_active            INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    auth_source          TEXT    NOT NULL CHECK (auth_source IN ('local', 'sso')),
    must_change_password INTEGER NOT NULL CHECK (must_change_password IN (0, 1)),
    last_sign_in_at      INTEGER,
    created_at           INTEGER NOT NULL,
    password_hash        TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE webhook_deliveries (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    webhook_id   TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    cause        TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    params       TEXT    NOT NULL CHECK (json_valid(params)),
    link         TEXT    NOT NULL,
    happened_at  INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    next_at      INTEGER NOT NULL,
    tried_at     INTEGER,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    created_at   INTEGER NOT NULL,
    sent_at      INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, cause),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE webhooks (
    tenant_id         TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    url               TEXT    NOT NULL,
    kinds             TEXT    NOT NULL CHECK (json_valid(kinds)),
    tls_ca            TEXT,
    accept_plain_http INTEGER NOT NULL CHECK (accept_plain_http IN (0, 1)),
    is_enabled        INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    secret            BLOB,
    secret_version    INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE work_order_changes (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    work_order_id TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    fields        TEXT    NOT NULL CHECK (json_valid(fields)),
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE work_order_outbox (
    tenant_id           TEXT    NOT NULL,
    id                  TEXT    NOT NULL,
    work_order_id       TEXT    NOT NULL,
    integration_id      TEXT    NOT NULL,
    state               TEXT    NOT NULL CHECK (state IN ('draft', 'awaiting_approval', 'queued', 'sending',
                                                         'sent', 'unknown', 'dead_letter', 'rejected')),
    draft               TEXT    NOT NULL,
    plan                TEXT    NOT NULL,
    author              TEXT    NOT NULL,
    author_id           TEXT    NOT NULL,
    approver            TEXT,
    approver_id         TEXT,
    approved_at         INTEGER,
    may_exist           INTEGER NOT NULL CHECK (may_exist IN (0, 1)),
    sends               INTEGER NOT NULL CHECK (sends >= 0),
    failures            INTEGER NOT NULL CHECK (failures >= 0),
    absences            INTEGER NOT NULL CHECK (absences >= 0),
    next_at             INTEGER,
    last_send_at        INTEGER,
    error_code          TEXT,
    error_params        TEXT    NOT NULL,
    number              TEXT,
    version             TEXT,
    resolved_by         TEXT,
    created_at          INTEGER NOT NULL,
    changed_at          INTEGER NOT NULL,
    sent_at             INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id)
) STRICT;

CREATE TABLE work_order_plans (
    tenant_id       TEXT    NOT NULL,
    work_order_id   TEXT    NOT NULL,
    technician_id   TEXT,
    due_at          INTEGER,
    estimated_hours REAL    CHECK (estimated_hours >= 0),
    actual_hours    REAL    CHECK (actual_hours >= 0),
    failure_mode    TEXT,
    failure_cause   TEXT,
    recommendation  TEXT,
    parts           TEXT    NOT NULL CHECK (json_valid(parts)),
    changed_at      INTEGER NOT NULL, certificates TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(certificates)), needs_outage INTEGER NOT NULL DEFAULT 0 CHECK (needs_outage IN (0, 1)),
    PRIMARY KEY (tenant_id, work_order_id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id)
) STRICT;

CREATE TABLE work_orders (
    tenant_id           TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                  TEXT    NOT NULL,
    reference           TEXT,
    integration_id      TEXT,
    source_system       TEXT,
    kind                TEXT    NOT NULL CHECK (kind IN ('notification', 'order')),
    number              TEXT,
    title               TEXT    NOT NULL,
    description         TEXT    NOT NULL,
    order_type          TEXT,
    priority            TEXT    CHECK (priority IN ('low', 'medium', 'high', 'very_high')),
    status              TEXT    NOT NULL CHECK (status IN ('draft', 'open', 'released', 'in_progress',
                                                          'on_hold', 'completed', 'closed', 'cancelled')),
    source_status       TEXT    NOT NULL,
    asset_id            TEXT,
    match_state         TEXT    NOT NULL CHECK (match_state IN ('matched', 'unmatched', 'ambiguous', 'settled')),
    equipment_number    TEXT,
    functional_location TEXT,
    plant               TEXT,
    work_center         TEXT,
    related_number      TEXT,
    planned_start       INTEGER,
    planned_end         INTEGER,
    actual_start        INTEGER,
    actual_end          INTEGER,
    malfunction_at      INTEGER,
    is_down             INTEGER NOT NULL CHECK (is_down IN (0, 1)),
    origin              TEXT    NOT NULL CHECK (origin IN ('source', 'manual', 'alert', 'incident')),
    alert_id            TEXT,
    incident_id         TEXT,
    version             TEXT,
    payload             TEXT    NOT NULL,
    created_by          TEXT,
    opened_at           INTEGER NOT NULL,
    changed_at          INTEGER NOT NULL,
    recorded_at         INTEGER NOT NULL, recommendation_id TEXT, visit_of TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE write_probe (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    counter INTEGER NOT NULL
) STRICT;

CREATE INDEX alert_rules_by_asset ON alert_rules (tenant_id, asset_id);

CREATE INDEX alert_rules_by_signal ON alert_rules (tenant_id, signal_id);

CREATE INDEX alerts_by_asset ON alerts (tenant_id, asset_id, activated_at);

CREATE INDEX alerts_by_incident ON alerts (tenant_id, incident_id) WHERE incident_id IS NOT NULL;

CREATE INDEX alerts_by_time ON alerts (tenant_id, activated_at);

CREATE INDEX alerts_not_over ON alerts (tenant_id, rule_id) WHERE state <> 'cleared';

CREATE INDEX api_tokens_by_user ON api_tokens (tenant_id, user_id);

CREATE UNIQUE INDEX asset_metrics_snapshot_by_time
    ON asset_metrics_snapshot (tenant_id, asset_id, at, model);

CREATE UNIQUE INDEX asset_models_in_force ON asset_models (tenant_id, asset_id) WHERE state = 'promoted';

CREATE INDEX assets_by_parent ON assets (tenant_id, parent_id);

CREATE INDEX assets_by_unit ON assets (tenant_id, unit_id);

CREATE INDEX audit_by_time ON audit (tenant_id, at, id);

CREATE INDEX evidence_entries_by_incident ON evidence_entries (tenant_id, incident_id, kind);

CREATE UNIQUE INDEX evidence_log_by_source ON evidence_log (tenant_id, source, source_row)
    WHERE source_row IS NOT NULL;

CREATE INDEX external_signal_mappings_by_asset ON external_signal_mappings (tenant_id, asset_id);

CREATE UNIQUE INDEX external_signal_mappings_one_writer
    ON external_signal_mappings (tenant_id, signal_id) WHERE is_active = 1;

CREATE INDEX imports_by_integration ON imports (tenant_id, integration_id, created_at);

CREATE INDEX imports_by_key ON imports (tenant_id, integration_id, imported_key);

CREATE INDEX incident_attachments_by_incident ON incident_attachments (tenant_id, incident_id, at);

CREATE INDEX incident_changes_by_incident ON incident_changes (tenant_id, incident_id);

CREATE INDEX incident_changes_by_other ON incident_changes (tenant_id, other_id);

CREATE INDEX incident_events_by_event ON incident_events (tenant_id, event_id);

CREATE INDEX incident_events_in_order ON incident_events (tenant_id, incident_id);

CREATE INDEX incident_events_left ON incident_events (tenant_id, incident_id) WHERE left_by IS NOT NULL;

CREATE INDEX incident_notes_by_incident ON incident_notes (tenant_id, incident_id, at);

CREATE INDEX incidents_by_asset ON incidents (tenant_id, asset_id, started_at);

CREATE INDEX incidents_by_survivor ON incidents (tenant_id, merged_into)
    WHERE merged_into IS NOT NULL;

CREATE INDEX incidents_by_time ON incidents (tenant_id, started_at);

CREATE INDEX industrial_events_by_asset ON industrial_events (tenant_id, asset_id, event_time);

CREATE INDEX industrial_events_by_time ON industrial_events (tenant_id, event_time, id);

CREATE INDEX industrial_events_corrections ON industrial_events (tenant_id, payload ->> '$.corrects')
    WHERE payload ->> '$.corrects' IS NOT NULL;

CREATE INDEX integration_action_logs_by_time
    ON integration_action_logs (tenant_id, integration_id, at);

CREATE INDEX jobs_by_integration ON jobs (tenant_id, integration_id, created_at)
    WHERE integration_id IS NOT NULL;

CREATE INDEX jobs_by_state ON jobs (tenant_id, state, created_at);

CREATE INDEX jobs_by_time ON jobs (tenant_id, created_at);

CREATE INDEX late_values_by_time ON late_values (tenant_id, from_time);

CREATE INDEX mails_due ON mails (tenant_id, state, next_at);

CREATE INDEX mapping_changes_by_time ON mapping_changes (tenant_id, at, id);

CREATE INDEX mapping_drift_by_state ON mapping_drift (tenant_id, state, last_seen_at);

CREATE INDEX mapping_lessons_by_time ON mapping_lessons (tenant_id, at);

CREATE INDEX notifications_by_user ON notifications (tenant_id, user_id, at);

CREATE INDEX optimization_scenarios_by_time ON optimization_scenarios (tenant_id, created_at, id);

CREATE INDEX outages_by_asset ON outages (tenant_id, asset_id) WHERE asset_id IS NOT NULL;

CREATE INDEX outages_by_site ON outages (tenant_id, site_id);

CREATE INDEX outages_by_time ON outages (tenant_id, from_at, id);

CREATE INDEX outages_by_unit ON outages (tenant_id, unit_id) WHERE unit_id IS NOT NULL;

CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);

CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (last_failure_at);

CREATE INDEX sync_questions_open ON sync_questions (tenant_id, at) WHERE decided_at IS NULL;

CREATE INDEX technical_objects_by_asset ON technical_objects (tenant_id, asset_id)
    WHERE asset_id IS NOT NULL;

CREATE INDEX technical_objects_by_key
    ON technical_objects (tenant_id, integration_id, kind, number_key);

CREATE INDEX technical_objects_by_location
    ON technical_objects (tenant_id, integration_id, location_key) WHERE location_key IS NOT NULL;

CREATE INDEX technicians_by_site ON technicians (tenant_id, site_id);

CREATE UNIQUE INDEX technicians_by_user ON technicians (tenant_id, user_id)
    WHERE user_id IS NOT NULL;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, state, next_at);

CREATE INDEX work_order_changes_by_work_order ON work_order_changes (tenant_id, work_order_id, at);

CREATE INDEX work_order_outbox_by_time ON work_order_outbox (tenant_id, created_at, id);

CREATE INDEX work_order_outbox_by_work_order ON work_order_outbox (tenant_id, work_order_id, created_at);

CREATE INDEX work_order_outbox_due ON work_order_outbox (tenant_id, state, next_at);

CREATE UNIQUE INDEX work_order_outbox_under_way ON work_order_outbox (tenant_id, work_order_id)
    WHERE state NOT IN ('sent', 'rejected');

CREATE INDEX work_order_plans_by_due ON work_order_plans (tenant_id, due_at)
    WHERE due_at IS NOT NULL;

CREATE INDEX work_order_plans_by_technician ON work_order_plans (tenant_id, technician_id)
    WHERE technician_id IS NOT NULL;

CREATE INDEX work_orders_by_alert ON work_orders (tenant_id, alert_id) WHERE alert_id IS NOT NULL;

CREATE INDEX work_orders_by_asset ON work_orders (tenant_id, asset_id, opened_at);

CREATE INDEX work_orders_by_incident ON work_orders (tenant_id, incident_id)
    WHERE incident_id IS NOT NULL;

CREATE UNIQUE INDEX work_orders_by_number ON work_orders (tenant_id, integration_id, kind, number)
    WHERE number IS NOT NULL;

CREATE UNIQUE INDEX work_orders_by_recommendation ON work_orders (tenant_id, recommendation_id)
    WHERE recommendation_id IS NOT NULL;

CREATE UNIQUE INDEX work_orders_by_reference ON work_orders (tenant_id, reference)
    WHERE reference IS NOT NULL;

CREATE INDEX work_orders_by_time ON work_orders (tenant_id, opened_at, id);

CREATE INDEX work_orders_by_visit ON work_orders (tenant_id, visit_of) WHERE visit_of IS NOT NULL;
