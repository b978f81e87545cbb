-- How the people of a tenant sign in, or for the platform's own, its owners.

CREATE TABLE sign_in_rules (
  tenant_id      uuid NOT NULL REFERENCES tenants (tenant_id),
  -- Passwords are for emergencies alone, while a provider is enabled.
  sso_only       boolean NOT NULL,
  -- The one account with a password that comes in then.
  emergency_user uuid,
  changed_at_ms  bigint NOT NULL,
  PRIMARY KEY (tenant_id),
  FOREIGN KEY (tenant_id, emergency_user) REFERENCES users (tenant_id, user_id),
  CHECK (sso_only = (emergency_user IS NOT NULL))
);

-- When a session ends however much it is used, where that is sooner than for others.
ALTER TABLE sessions ADD COLUMN ends_by_ms bigint;

ALTER TABLE sign_in_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_in_rules FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON sign_in_rules
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);

GRANT SELECT, INSERT, UPDATE ON sign_in_rules TO optria_hub;
