-- Authorities that issue certificates to the plant's servers, each with its latest list of what it revoked.
CREATE TABLE certificate_authorities (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id            TEXT    NOT NULL,
    der           BLOB    NOT NULL,
    sha256        TEXT    NOT NULL CHECK (length(sha256) = 64),
    subject       TEXT    NOT NULL,
    issuer        TEXT    NOT NULL,
    not_before    INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    is_trusted    INTEGER NOT NULL CHECK (is_trusted IN (0, 1)),
    added_by      TEXT    NOT NULL,
    added_at      INTEGER NOT NULL,
    decided_by    TEXT,
    decided_at    INTEGER,
    crl           BLOB,
    crl_issued_at INTEGER,
    crl_next_at   INTEGER,
    crl_revoked   INTEGER,
    crl_added_by  TEXT,
    crl_added_at  INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, sha256)
) STRICT;

-- The authority that vouched for a server's certificate when it was presented last.
ALTER TABLE trusted_certificates ADD COLUMN authority TEXT;
