-- Systems of the customer's that are told what happened, and what is on its way to them. None means off.

-- secret is sealed bytes. kinds says for each kind since when: what came to be known before is not sent, so
-- that whoever switches a target on does not get the past.
CREATE TABLE webhooks (
    tenant_id         TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                TEXT    NOT NULL,
    name              TEXT    NOT NULL,
    url               TEXT    NOT NULL,
    kinds             TEXT    NOT NULL CHECK (json_valid(kinds)),
    tls_ca            TEXT,
    accept_plain_http INTEGER NOT NULL CHECK (accept_plain_http IN (0, 1)),
    is_enabled        INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    secret            BLOB,
    secret_version    INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- cause names what happened: a target is told once. The text is made when it is sent. Kept for a year.
CREATE TABLE webhook_deliveries (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    webhook_id   TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    cause        TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    params       TEXT    NOT NULL CHECK (json_valid(params)),
    link         TEXT    NOT NULL,
    happened_at  INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    next_at      INTEGER NOT NULL,
    tried_at     INTEGER,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    created_at   INTEGER NOT NULL,
    sent_at      INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, cause),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, state, next_at);
