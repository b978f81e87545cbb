-- What tells an old message of an appliance from a new one, and what an appliance takes up here.

ALTER TABLE appliances
  -- The latest time by its own clock that a hello of it said: one that says no later one may have been sent
  -- before, by anybody who saw it.
  ADD COLUMN hello_said_ms bigint,
  -- Bytes of its records in the logs, and 128 for what stands beside each.
  ADD COLUMN stored_bytes bigint NOT NULL DEFAULT 0,
  -- How many epochs its logs have.
  ADD COLUMN epochs integer NOT NULL DEFAULT 0;

-- What is there is counted once. The role that migrates is bound by the policies as everybody else is, but for
-- this one statement; nobody else comes in between, as all of it is one transaction.
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['appliances', 'sync_log', 'raw_log', 'sync_cursors', 'raw_cursors'] LOOP
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;

UPDATE appliances a SET
  stored_bytes =
    coalesce((SELECT sum(octet_length(l.rec) + 128) FROM sync_log l
      WHERE l.tenant_id = a.tenant_id AND l.appliance_id = a.appliance_id), 0)
    + coalesce((SELECT sum(octet_length(l.rec) + 128) FROM raw_log l
      WHERE l.tenant_id = a.tenant_id AND l.appliance_id = a.appliance_id), 0),
  epochs = (
    SELECT count(*) FROM (
      SELECT c.epoch FROM sync_cursors c
      WHERE c.tenant_id = a.tenant_id AND c.appliance_id = a.appliance_id
      UNION
      SELECT c.epoch FROM raw_cursors c
      WHERE c.tenant_id = a.tenant_id AND c.appliance_id = a.appliance_id) AS of_logs);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['appliances', 'sync_log', 'raw_log', 'sync_cursors', 'raw_cursors'] LOOP
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
