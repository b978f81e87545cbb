-- What plants send at the fourth level: sealed pieces of their series. They stand in a log of their own,
-- beside that of the evidence, because they are large; what is needed to find one stands beside its bytes.
-- The serving role may add to the log and never edit it.

CREATE TABLE raw_cursors (
  tenant_id     uuid NOT NULL,
  appliance_id  uuid NOT NULL,
  epoch         bytea NOT NULL CHECK (length(epoch) = 16),
  acked_seq     bigint NOT NULL DEFAULT 0,
  acked_hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  updated_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch),
  FOREIGN KEY (tenant_id, appliance_id) REFERENCES appliances (tenant_id, appliance_id)
);

CREATE TABLE raw_log (
  tenant_id      uuid NOT NULL,
  appliance_id   uuid NOT NULL,
  epoch          bytea NOT NULL CHECK (length(epoch) = 16),
  seq            bigint NOT NULL CHECK (seq >= 1),
  leaf           bytea NOT NULL CHECK (length(leaf) = 32),
  -- Of which signal and time it is; null where the record tells of no piece that is known.
  signal_id      uuid,
  asset_id       uuid,
  metric         text,
  unit           text,
  from_ms        bigint,
  to_ms          bigint,
  samples        bigint,
  is_demo        boolean NOT NULL DEFAULT false,
  -- The exact bytes of the record.
  rec            bytea NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, appliance_id, epoch, seq),
  FOREIGN KEY (tenant_id, appliance_id) REFERENCES appliances (tenant_id, appliance_id)
);
CREATE INDEX raw_log_by_signal ON raw_log (tenant_id, appliance_id, asset_id, signal_id, from_ms);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['raw_cursors', 'raw_log'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I
      USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)$p$, name);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON raw_cursors TO optria_hub;
GRANT SELECT, INSERT ON raw_log TO optria_hub;
