-- The Black Box: canonical events, incidents, and what belongs to them. These tables reference
-- nothing outside themselves, so that they can be read when everything else is gone.
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
CREATE INDEX industrial_events_by_time ON industrial_events (tenant_id, event_time, id);
CREATE INDEX industrial_events_by_asset ON industrial_events (tenant_id, asset_id, event_time);
CREATE TRIGGER industrial_events_keep_update BEFORE UPDATE ON industrial_events
BEGIN SELECT RAISE(ABORT, 'append only: industrial_events'); END;
CREATE TRIGGER industrial_events_keep_delete BEFORE DELETE ON industrial_events
BEGIN SELECT RAISE(ABORT, 'append only: industrial_events'); END;

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
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, number)
) STRICT;
CREATE INDEX incidents_by_time ON incidents (tenant_id, started_at);
CREATE INDEX incidents_by_asset ON incidents (tenant_id, asset_id, started_at);

-- The last number given out per year; numbers of a year are never given twice.
CREATE TABLE incident_numbers (
    tenant_id   TEXT    NOT NULL,
    year        INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, year)
) STRICT;

CREATE TABLE incident_events (
    tenant_id   TEXT NOT NULL,
    incident_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    relation    TEXT NOT NULL CHECK (relation IN ('trigger', 'same_asset', 'neighbour')),
    PRIMARY KEY (tenant_id, incident_id, event_id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id),
    FOREIGN KEY (tenant_id, event_id) REFERENCES industrial_events (tenant_id, id)
) STRICT;
CREATE INDEX incident_events_by_event ON incident_events (tenant_id, event_id);

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
CREATE INDEX incident_notes_by_incident ON incident_notes (tenant_id, incident_id, at);
CREATE TRIGGER incident_notes_keep_update BEFORE UPDATE ON incident_notes
BEGIN SELECT RAISE(ABORT, 'append only: incident_notes'); END;
CREATE TRIGGER incident_notes_keep_delete BEFORE DELETE ON incident_notes
BEGIN SELECT RAISE(ABORT, 'append only: incident_notes'); END;
