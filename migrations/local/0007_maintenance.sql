-- Maintenance: work orders of the plant's systems and our own, the technical objects they name, and
-- the outbox through which a work order leaves the program.

-- A work order outlives the connection it came through: no reference to integrations, and the system
-- is kept by name.
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
    recorded_at         INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE UNIQUE INDEX work_orders_by_reference ON work_orders (tenant_id, reference)
    WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX work_orders_by_number ON work_orders (tenant_id, integration_id, kind, number)
    WHERE number IS NOT NULL;
CREATE INDEX work_orders_by_time ON work_orders (tenant_id, opened_at, id);
CREATE INDEX work_orders_by_asset ON work_orders (tenant_id, asset_id, opened_at);
CREATE INDEX work_orders_by_alert ON work_orders (tenant_id, alert_id) WHERE alert_id IS NOT NULL;
CREATE INDEX work_orders_by_incident ON work_orders (tenant_id, incident_id)
    WHERE incident_id IS NOT NULL;

-- number_key is the number as it is compared: trimmed, upper case, without padding. What a person
-- settled has settled_by and wins over what the program finds.
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
CREATE INDEX technical_objects_by_key
    ON technical_objects (tenant_id, integration_id, kind, number_key);
CREATE INDEX technical_objects_by_location
    ON technical_objects (tenant_id, integration_id, location_key) WHERE location_key IS NOT NULL;
CREATE INDEX technical_objects_by_asset ON technical_objects (tenant_id, asset_id)
    WHERE asset_id IS NOT NULL;

-- may_exist: something of this work order may have reached the other side, so that it is searched
-- before anything is sent. A row in state 'sending' was written before the call: one that is found
-- there after a start may have been sent.
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
-- A work order is on its way once at most.
CREATE UNIQUE INDEX work_order_outbox_under_way ON work_order_outbox (tenant_id, work_order_id)
    WHERE state NOT IN ('sent', 'rejected');
CREATE INDEX work_order_outbox_by_work_order ON work_order_outbox (tenant_id, work_order_id, created_at);
CREATE INDEX work_order_outbox_due ON work_order_outbox (tenant_id, state, next_at);
CREATE INDEX work_order_outbox_by_time ON work_order_outbox (tenant_id, created_at, id);
