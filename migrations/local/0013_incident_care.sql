-- What people do with incidents: merge, split, take back; and what they add: statements, photos,
-- documents. Everything is appended. A link of an event to an incident says by which change it came and
-- by which it went; it is never removed.
ALTER TABLE incidents ADD COLUMN merged_into TEXT;
ALTER TABLE incident_events ADD COLUMN joined_by TEXT;
ALTER TABLE incident_events ADD COLUMN left_by TEXT;
CREATE INDEX incidents_by_survivor ON incidents (tenant_id, merged_into)
    WHERE merged_into IS NOT NULL;

CREATE TABLE incident_changes (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    incident_id TEXT    NOT NULL,
    other_id    TEXT    NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('merge', 'split', 'undo')),
    undoes      TEXT,
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    before      TEXT    NOT NULL CHECK (json_valid(before)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, undoes),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id),
    FOREIGN KEY (tenant_id, other_id) REFERENCES incidents (tenant_id, id)
) STRICT;
CREATE INDEX incident_changes_by_incident ON incident_changes (tenant_id, incident_id);
CREATE INDEX incident_changes_by_other ON incident_changes (tenant_id, other_id);
CREATE TRIGGER incident_changes_keep_update BEFORE UPDATE ON incident_changes
BEGIN SELECT RAISE(ABORT, 'append only: incident_changes'); END;
CREATE TRIGGER incident_changes_keep_delete BEFORE DELETE ON incident_changes
BEGIN SELECT RAISE(ABORT, 'append only: incident_changes'); END;

CREATE TABLE incident_attachments (
    tenant_id   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    incident_id TEXT    NOT NULL,
    statement   TEXT,
    name        TEXT    NOT NULL,
    media_type  TEXT    NOT NULL,
    size_bytes  INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256      TEXT    NOT NULL CHECK (length(sha256) = 64),
    author      TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id)
) STRICT;
CREATE INDEX incident_attachments_by_incident ON incident_attachments (tenant_id, incident_id, at);
CREATE TRIGGER incident_attachments_keep_update BEFORE UPDATE ON incident_attachments
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachments'); END;
CREATE TRIGGER incident_attachments_keep_delete BEFORE DELETE ON incident_attachments
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachments'); END;

CREATE TABLE incident_attachment_removals (
    tenant_id     TEXT    NOT NULL,
    attachment_id TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    actor         TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, attachment_id),
    FOREIGN KEY (tenant_id, attachment_id) REFERENCES incident_attachments (tenant_id, id)
) STRICT;
CREATE TRIGGER incident_attachment_removals_keep_update BEFORE UPDATE ON incident_attachment_removals
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachment_removals'); END;
CREATE TRIGGER incident_attachment_removals_keep_delete BEFORE DELETE ON incident_attachment_removals
BEGIN SELECT RAISE(ABORT, 'append only: incident_attachment_removals'); END;
