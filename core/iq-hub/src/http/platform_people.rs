//! `/api/admin/identity-providers/{provider_id}/people`: who may come in as platform owner.

use axum::{Json, extract::State, http::StatusCode};
use iq_api_types::{NamedBy, PlatformPerson, PlatformPersonInput};
use iq_domain::{IdentityProviderId, Permission, PlatformPersonId};

use super::{
    body::{Body, Id},
    guard::Audit,
    route::{Access, Route, delete, get, post},
};
use crate::{
    app::{platform_people, session::Caller},
    failure::Answer,
    state::Hub,
};

pub(super) fn routes() -> Vec<Route> {
    let manage = Access::May(Permission::TenantsManage);
    let all = "/api/admin/identity-providers/{provider_id}/people";
    vec![
        get(all, manage, list_people)
            .list::<PlatformPerson>()
            .says("Who may come in as platform owner through a provider of the platform"),
        post(all, manage, create_person)
            .body::<PlatformPersonInput>()
            .status(StatusCode::CREATED)
            .answer::<PlatformPerson>()
            .audits("platform_people.create")
            .says("Lets somebody in as platform owner"),
        delete(
            "/api/admin/identity-providers/{provider_id}/people/{person_id}",
            manage,
            delete_person,
        )
        .status(StatusCode::NO_CONTENT)
        .audits("platform_people.delete")
        .says("Takes somebody out; the sessions end"),
    ]
}

async fn list_people(
    State(hub): State<Hub>,
    Id(provider): Id<IdentityProviderId>,
) -> Answer<Json<Vec<PlatformPerson>>> {
    Ok(Json(platform_people::list(&hub, provider).await?))
}

async fn create_person(
    State(hub): State<Hub>,
    caller: Caller,
    audit: Audit,
    Id(provider): Id<IdentityProviderId>,
    Body(input): Body<PlatformPersonInput>,
) -> Answer<(StatusCode, Json<PlatformPerson>)> {
    let by = &caller.user.username;
    let made = platform_people::create(&hub, provider, input, by).await?;
    recorded(&audit, &made);
    Ok((StatusCode::CREATED, Json(made)))
}

async fn delete_person(
    State(hub): State<Hub>,
    audit: Audit,
    Id(provider): Id<IdentityProviderId>,
    Id(person): Id<PlatformPersonId, 1>,
) -> Answer<StatusCode> {
    let gone = platform_people::delete(&hub, provider, person).await?;
    recorded(&audit, &gone);
    Ok(StatusCode::NO_CONTENT)
}

fn recorded(audit: &Audit, person: &PlatformPerson) {
    audit.object("platform_person", person.id);
    let named_by = match person.named_by {
        NamedBy::Subject => "subject",
        NamedBy::Email => "email",
    };
    audit.detail("named_by", named_by);
    audit.detail("value", person.value.clone());
}
