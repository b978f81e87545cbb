-- The events of an incident in the order in which they came to it, and those that people took out of it:
-- both are read for each of its heads (see table/incident_heads.rs).
CREATE INDEX incident_events_in_order ON incident_events (tenant_id, incident_id);
CREATE INDEX incident_events_left ON incident_events (tenant_id, incident_id) WHERE left_by IS NOT NULL;
