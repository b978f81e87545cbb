-- When we learned of something, beside when it happened: "what was known at that moment" is answered from
-- these columns. A row without one was written down when it happened.
ALTER TABLE alerts ADD COLUMN recorded_at INTEGER;
ALTER TABLE alerts ADD COLUMN cleared_recorded_at INTEGER;
-- What the alert said before it became worse, from when on it says more, and when that was written down.
ALTER TABLE alerts ADD COLUMN before_worse TEXT CHECK (before_worse IS NULL OR json_valid(before_worse));

ALTER TABLE asset_metrics_snapshot ADD COLUMN recorded_at INTEGER;

-- Stretches of a signal whose values arrived long after their time: filled in after an outage, or kept by
-- a gateway. One row per signal and minute of arrival.
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
CREATE INDEX late_values_by_time ON late_values (tenant_id, from_time);

-- The newest event of an incident, kept so that no event that is written reads all of them. 0: it has
-- none; NULL: some were taken out, to be looked up again.
ALTER TABLE incidents ADD COLUMN last_event_at INTEGER DEFAULT 0;
UPDATE incidents SET last_event_at = COALESCE((
    SELECT MAX(e.event_time) FROM incident_events i
    JOIN industrial_events e ON e.tenant_id = i.tenant_id AND e.id = i.event_id
    WHERE i.tenant_id = incidents.tenant_id AND i.incident_id = incidents.id
      AND i.left_by IS NULL), 0);
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
