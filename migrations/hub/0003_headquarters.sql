-- How headquarters looks at what the plants sent: by kind and time, and all about one incident.
CREATE INDEX synced_records_by_kind ON synced_records (tenant_id, kind, event_time_ms DESC, seq DESC);
CREATE INDEX synced_records_by_incident ON synced_records (tenant_id, appliance_id, (body ->> '2'))
  WHERE kind IN ('incident', 'freeze', 'window', 'export');
