-- Who did something to an integration and how long it took, and which integration a job is about.
ALTER TABLE integration_action_logs ADD COLUMN actor TEXT NOT NULL DEFAULT 'system';
ALTER TABLE integration_action_logs ADD COLUMN ms INTEGER CHECK (ms >= 0);

-- A job outlives its integration: what was done stays known.
ALTER TABLE jobs ADD COLUMN integration_id TEXT;
CREATE INDEX jobs_by_integration ON jobs (tenant_id, integration_id, created_at)
    WHERE integration_id IS NOT NULL;
