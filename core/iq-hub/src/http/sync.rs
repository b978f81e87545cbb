//! `/sync/v1`: what appliances send. Bytes in, bytes out; an appliance is believed for its signature.

use axum::{
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use iq_sync_proto::{MAX_MESSAGE, hello};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    body::Query,
    guard::Audit,
    route::{Access, Route, get, post},
};
use crate::{
    app::sync::{self, Proof},
    failure::{Answer, Failure},
    state::Hub,
};

const CBOR: &str = "application/cbor";

pub(super) fn routes() -> Vec<Route> {
    let signed = Access::Signed;
    vec![
        post("/sync/v1/enrol", signed, enrol)
            .other_body(CBOR)
            .other_answer(CBOR)
            .audits("appliances.enrol")
            .says("Enrols an appliance by a one-time code"),
        post("/sync/v1/hello", signed, say_hello)
            .other_body(CBOR)
            .other_answer(CBOR)
            .takes(MAX_MESSAGE)
            .says("How an appliance fares; where the hub's copies of its logs stand"),
        post("/sync/v1/batch", signed, take_batch)
            .other_body(CBOR)
            .other_answer(CBOR)
            .takes(MAX_MESSAGE)
            .says("Records of a log, for a signed receipt"),
        get("/sync/v1/changes", signed, get_changes)
            .query::<ChangesQuery>()
            .other_answer(CBOR)
            .says("People, flags and profile of the tenant for its appliance"),
    ]
}

fn cbor(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, CBOR)], bytes).into_response()
}

async fn enrol(State(hub): State<Hub>, audit: Audit, body: Bytes) -> Answer<Response> {
    let ((tenant, appliance), answer) = sync::enrol(&hub, &body).await?;
    audit.by(tenant, "appliance");
    audit.object("appliance", appliance);
    Ok(cbor(answer))
}

async fn say_hello(State(hub): State<Hub>, body: Bytes) -> Answer<Response> {
    Ok(cbor(sync::hello(&hub, &body).await?))
}

async fn take_batch(State(hub): State<Hub>, body: Bytes) -> Answer<Response> {
    Ok(cbor(sync::batch(&hub, &body).await?))
}

#[derive(Deserialize, IntoParams)]
struct ChangesQuery {
    /// The change the appliance applied last.
    after: u64,
}

async fn get_changes(
    State(hub): State<Hub>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(query): Query<ChangesQuery>,
) -> Answer<Response> {
    let malformed = || Failure::invalid("sync.malformed").with_status(StatusCode::BAD_REQUEST);
    let bytes = |name: &str| {
        let text = headers.get(name).and_then(|value| value.to_str().ok());
        text.and_then(unhex).ok_or_else(malformed)
    };
    let target = uri
        .path_and_query()
        .map_or(uri.path(), |path| path.as_str());
    let proof = Proof {
        appliance: bytes(hello::APPLIANCE_HEADER)?
            .try_into()
            .map_err(|_| malformed())?,
        challenge: bytes(hello::CHALLENGE_HEADER)?,
        signature: bytes(hello::SIGNATURE_HEADER)?
            .try_into()
            .map_err(|_| malformed())?,
        target: format!("GET {target}"),
    };
    Ok(cbor(sync::changes(&hub, &proof, query.after).await?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > 2 * hello::MAX_CHALLENGE || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len() / 2)
        .map(|n| u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok())
        .collect()
}
