-- Distributes the hub's schema by tenant on a Citus cluster (12 or newer). Run as the owner on the
-- coordinator after `optria-hub migrate`, before the first tenant. Not run here.
--
-- Every primary key, unique index and foreign key begins with tenant_id, so that all of them stay on
-- one node. Row-level security and grants must exist on the workers too: Citus propagates both when the
-- role exists on every node (citus.enable_create_role_propagation, on by default).

BEGIN;
SELECT create_distributed_table('tenants', 'tenant_id');
SELECT create_distributed_table('users', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('user_credentials', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sessions', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sign_in_attempts', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('appliances', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('enrolment_codes', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('signing_keys', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('audit', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('changes', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sync_log', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sync_cursors', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sync_alerts', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('quarantine', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('synced_records', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('synced_figures', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('identity_providers', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('user_identities', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sso_attempts', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sso_previews', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('platform_people', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('raw_cursors', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('raw_log', 'tenant_id', colocate_with => 'tenants');
SELECT create_distributed_table('sign_in_rules', 'tenant_id', colocate_with => 'tenants');
COMMIT;

-- The policies read app.tenant of the session. Citus passes SET LOCAL on to the workers only when told:
ALTER SYSTEM SET citus.propagate_set_commands = 'local';
SELECT pg_reload_conf();
