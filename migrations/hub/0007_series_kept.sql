-- How long pieces of series are kept here is up to whoever runs the hub: older ones are taken out of their
-- log, in small parts, by the serving role. Cursors stay as they are, and with them what a plant was told.

-- A piece is as old as its newest value, one that tells of none as old as its arrival.
CREATE INDEX raw_log_by_age ON raw_log (tenant_id, (LEAST(to_ms, received_at_ms)));

-- Narrows what own_tenant allows: rows go only in a transaction that said up to when, and none younger
-- than that, whatever a program does.
CREATE POLICY past_its_time ON raw_log AS RESTRICTIVE FOR DELETE
  USING (LEAST(to_ms, received_at_ms) < NULLIF(current_setting('app.series_before', true), '')::bigint);

GRANT DELETE ON raw_log TO optria_hub;
