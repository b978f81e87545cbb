-- What plants tell at the third level, by its newest record: assets with their state, key figures of days
-- and hours, the newest published plan. Made from the log and can be made again.

CREATE TABLE synced_figures (
  tenant_id     uuid NOT NULL,
  appliance_id  uuid NOT NULL,
  kind          text NOT NULL CHECK (kind IN ('asset', 'kpi', 'plan')),
  -- Its name among its kind.
  key           text NOT NULL,
  at_ms         bigint NOT NULL,
  is_demo       boolean NOT NULL,
  -- The record it stands in.
  epoch         bytea NOT NULL,
  stream        smallint NOT NULL,
  seq           bigint NOT NULL,
  body          jsonb NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, kind, key),
  FOREIGN KEY (tenant_id, appliance_id, epoch, stream, seq)
    REFERENCES sync_log (tenant_id, appliance_id, epoch, stream, seq)
);
CREATE INDEX synced_figures_by_kind ON synced_figures (tenant_id, kind, at_ms DESC);

ALTER TABLE synced_figures ENABLE ROW LEVEL SECURITY;
ALTER TABLE synced_figures FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON synced_figures
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE, DELETE ON synced_figures TO optria_hub;
