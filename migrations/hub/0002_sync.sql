-- What appliances send: the raw log is the truth, everything else is made from it and can be made again.
-- The serving role may add to the log and never edit it.

CREATE TABLE sync_log (
  tenant_id      uuid NOT NULL,
  appliance_id   uuid NOT NULL,
  epoch          bytea NOT NULL CHECK (length(epoch) = 16),
  stream         smallint NOT NULL CHECK (stream BETWEEN 1 AND 5),
  seq            bigint NOT NULL CHECK (seq >= 1),
  leaf           bytea NOT NULL CHECK (length(leaf) = 32),
  -- The exact bytes of the record.
  rec            bytea NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch, stream, seq),
  FOREIGN KEY (tenant_id, appliance_id) REFERENCES appliances (tenant_id, appliance_id)
);

CREATE TABLE sync_cursors (
  tenant_id     uuid NOT NULL,
  appliance_id  uuid NOT NULL,
  epoch         bytea NOT NULL CHECK (length(epoch) = 16),
  stream        smallint NOT NULL CHECK (stream BETWEEN 1 AND 5),
  acked_seq     bigint NOT NULL DEFAULT 0,
  acked_hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  -- How far the log was made into what people read.
  projected_seq bigint NOT NULL DEFAULT 0,
  updated_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch, stream),
  FOREIGN KEY (tenant_id, appliance_id) REFERENCES appliances (tenant_id, appliance_id)
);

-- Two histories under one name; a person looks, nothing is overwritten.
CREATE TABLE sync_alerts (
  tenant_id    uuid NOT NULL,
  alert_id     uuid NOT NULL,
  appliance_id uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('fork', 'restored')),
  epoch        bytea NOT NULL,
  stream       smallint NOT NULL,
  seq          bigint NOT NULL,
  at_ms        bigint NOT NULL,
  PRIMARY KEY (tenant_id, alert_id),
  FOREIGN KEY (tenant_id, appliance_id) REFERENCES appliances (tenant_id, appliance_id)
);
-- The same fork is told once, however often the appliance tries.
CREATE UNIQUE INDEX sync_alerts_once ON sync_alerts (tenant_id, appliance_id, kind, epoch, stream, seq);

-- Records kept in the log that could not be made into anything readable; tried again by a later version.
CREATE TABLE quarantine (
  tenant_id    uuid NOT NULL,
  appliance_id uuid NOT NULL,
  epoch        bytea NOT NULL,
  stream       smallint NOT NULL,
  seq          bigint NOT NULL,
  reason       text NOT NULL,
  at_ms        bigint NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch, stream, seq),
  FOREIGN KEY (tenant_id, appliance_id, epoch, stream, seq)
    REFERENCES sync_log (tenant_id, appliance_id, epoch, stream, seq)
);

-- The log as people at headquarters read it.
CREATE TABLE synced_records (
  tenant_id     uuid NOT NULL,
  appliance_id  uuid NOT NULL,
  epoch         bytea NOT NULL,
  stream        smallint NOT NULL,
  seq           bigint NOT NULL,
  kind          text NOT NULL,
  event_time_ms bigint NOT NULL,
  source        text,
  actor         text,
  body          jsonb NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch, stream, seq),
  FOREIGN KEY (tenant_id, appliance_id, epoch, stream, seq)
    REFERENCES sync_log (tenant_id, appliance_id, epoch, stream, seq)
);
CREATE INDEX synced_records_by_time ON synced_records (tenant_id, event_time_ms DESC);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sync_log', 'sync_cursors', 'sync_alerts', 'quarantine', 'synced_records'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I
      USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)$p$, name);
  END LOOP;
END $$;

GRANT SELECT, INSERT ON sync_log, sync_alerts TO optria_hub;
GRANT SELECT, INSERT, UPDATE ON sync_cursors TO optria_hub;
GRANT SELECT, INSERT, UPDATE, DELETE ON quarantine, synced_records TO optria_hub;
