//! Every route as every role: the matrix is committed, nobody without a session, another tenant's
//! object is not there.

use anyhow::Result;
use axum::http::{Method, StatusCode};
use iq_domain::Role;
use iq_hub::Access;
use serde_json::json;

use crate::rig::Rig;

#[test]
fn the_committed_matrix_is_what_the_routes_declare() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/permissions.txt");
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        committed,
        iq_hub::permission_matrix(),
        "run `cargo xtask codegen`"
    );
}

/// Whether the route of a tenant's own reads fields out of a body.
fn takes_fields(route: &iq_hub::RouteInfo) -> bool {
    let is_bare = route.path.ends_with("/test") || route.path.ends_with("/preview");
    matches!(route.method, Method::POST | Method::PUT) && !is_bare
}

/// A path with something in place of its names.
fn filled(path: &str, tenant: &str, other: &str) -> String {
    path.split('/')
        .map(|part| match part {
            "{tenant_id}" => tenant,
            part if part.starts_with('{') => other,
            part => part,
        })
        .collect::<Vec<_>>()
        .join("/")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_as_nobody_and_as_every_role_of_a_tenant() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let own = hub.tenant(&owner, "own").await?;
    let foreign = hub.tenant(&owner, "foreign").await?;
    let (_, stranger) = hub.user(&owner, (&foreign, "foreign"), "viewer").await?;
    let mut people = Vec::new();
    for role in Role::ALL
        .into_iter()
        .filter(|role| *role != Role::PlatformOwner)
    {
        let (person, id) = hub.user(&owner, (&own, "own"), role.as_str()).await?;
        people.push((role, person, id));
    }
    for route in iq_hub::route_list() {
        let Access::May(permission) = route.access else {
            continue;
        };
        // Signing out and changing the own password would end the session this test works with.
        let ends_session = route.path.starts_with("/api/session") && route.method != Method::GET;
        for tenant in [&own, &foreign] {
            let path = filled(route.path, tenant, &stranger);
            let body = (route.method != Method::GET).then(|| json!({}));
            let nobody = hub
                .send(None, route.method.clone(), &path, body.clone())
                .await?;
            assert_eq!(
                nobody.status,
                StatusCode::UNAUTHORIZED,
                "{} {path}",
                route.method
            );
            for (role, person, _) in people.iter().filter(|_| !ends_session) {
                let reply = hub
                    .send(Some(person), route.method.clone(), &path, body.clone())
                    .await?;
                if role.may(permission) {
                    // A body without its fields is told so. Else, as no plant has sent anything and no
                    // provider is set up, what one is asked about is not there.
                    let names_one = ["{appliance_id}", "{provider_id}"]
                        .iter()
                        .any(|name| route.path.contains(name));
                    let expected = if takes_fields(&route) {
                        StatusCode::UNPROCESSABLE_ENTITY
                    } else if names_one {
                        StatusCode::NOT_FOUND
                    } else {
                        StatusCode::OK
                    };
                    assert_eq!(reply.status, expected, "{role} {path} {reply:?}");
                    let text = reply.body.to_string();
                    // The own audit repeats what the own people typed into an address, and only that.
                    let is_own_word = route.path == "/api/audit";
                    assert!(
                        is_own_word || !(text.contains(&foreign) || text.contains(&stranger)),
                        "{path}"
                    );
                } else {
                    assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role} {path}");
                    assert_eq!(reply.code(), "request.forbidden", "{role} {path}");
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_under_another_tenants_id_is_not_there_and_leaves_no_trace() -> Result<()> {
    let rig = Rig::new().await?;
    let hub = rig.instance(1).await?;
    let owner = hub.owner().await?;
    let own = hub.tenant(&owner, "own").await?;
    let foreign = hub.tenant(&owner, "foreign").await?;
    let (_, stranger) = hub.user(&owner, (&foreign, "foreign"), "viewer").await?;
    let change = json!({"name": "x", "role": "viewer", "is_active": false});
    for (method, path, body) in [
        (
            Method::PUT,
            format!("/api/admin/users/{own}/{stranger}"),
            change,
        ),
        (
            Method::POST,
            format!("/api/admin/users/{own}/{stranger}/reset-password"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/admin/appliances/{own}/{stranger}/revoke"),
            json!({}),
        ),
        (
            Method::GET,
            format!("/api/admin/tenants/{stranger}"),
            json!({}),
        ),
        (
            Method::GET,
            format!("/api/admin/appliances/codes/{stranger}"),
            json!({}),
        ),
        (
            Method::POST,
            format!("/api/admin/tenants/{stranger}/suspend"),
            json!({}),
        ),
    ] {
        let reply = hub.send(Some(&owner), method, &path, Some(body)).await?;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path} {reply:?}");
        assert_eq!(reply.code(), "request.not_found", "{path}");
    }
    let users = hub
        .get(&owner, &format!("/api/admin/users?tenant={foreign}"))
        .await?;
    assert_eq!(users.body[0]["is_active"], true, "{users:?}");
    assert_eq!(users.body[0]["must_change_password"], false);
    Ok(())
}
