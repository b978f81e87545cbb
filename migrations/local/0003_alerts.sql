-- Alert rules, alerts after ISA-18.2, and one row per assessment of an asset.
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
CREATE INDEX alert_rules_by_signal ON alert_rules (tenant_id, signal_id);
CREATE INDEX alert_rules_by_asset ON alert_rules (tenant_id, asset_id);

-- No foreign keys from here on into the plant: what happened stays on record when the machine, the
-- rule or the signal is taken out of the tree.
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
    incident_id     TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX alerts_by_time ON alerts (tenant_id, activated_at);
CREATE INDEX alerts_by_asset ON alerts (tenant_id, asset_id, activated_at);
CREATE INDEX alerts_not_over ON alerts (tenant_id, rule_id) WHERE state <> 'cleared';
CREATE INDEX alerts_by_incident ON alerts (tenant_id, incident_id) WHERE incident_id IS NOT NULL;

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
    withheld_params TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;
-- The same moment scored twice by the same model is one assessment: scoring may be repeated.
CREATE UNIQUE INDEX asset_metrics_snapshot_by_time
    ON asset_metrics_snapshot (tenant_id, asset_id, at, model);
