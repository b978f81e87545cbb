-- A journal that is read anew with other columns does not change an event: it appends one that says which it
-- corrects. Few events do, so the index is empty in most stores.
CREATE INDEX industrial_events_corrections ON industrial_events (tenant_id, payload ->> '$.corrects')
    WHERE payload ->> '$.corrects' IS NOT NULL;
