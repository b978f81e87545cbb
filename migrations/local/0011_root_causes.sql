-- Answers to "why did this happen", one version after the other. They live as long as their incident.
CREATE TABLE root_causes (
    tenant_id   TEXT    NOT NULL REFERENCES tenants (tenant_id),
    incident_id TEXT    NOT NULL,
    version     INTEGER NOT NULL CHECK (version >= 1),
    inputs_hash TEXT    NOT NULL CHECK (length(inputs_hash) = 64),
    computed_at INTEGER NOT NULL,
    result      TEXT    NOT NULL CHECK (json_valid(result)),
    PRIMARY KEY (tenant_id, incident_id, version),
    FOREIGN KEY (tenant_id, incident_id) REFERENCES incidents (tenant_id, id) ON DELETE CASCADE
) STRICT;
