//! The one method this connector calls: `ConditionRefresh`. It asks the server to tell again which alarms
//! stand, to this subscription alone, and changes nothing there (OPC UA Part 9, 5.5.7).

use std::sync::Arc;

use opcua::{
    client::{UARequest, services::Call},
    types::{CallMethodRequest, MethodId, ObjectTypeId, StatusCode, Variant},
};

use crate::client::Core;

/// Asks for the conditions that stand; a server without the method tells only of changes.
pub(crate) async fn refresh(core: Arc<Core>, subscription: u32) {
    core.meter.count(1);
    let request = CallMethodRequest {
        object_id: ObjectTypeId::ConditionType.into(),
        method_id: MethodId::ConditionType_ConditionRefresh.into(),
        input_arguments: Some(vec![Variant::from(subscription)]),
    };
    let answer = Call::new(&core.session)
        .method(request)
        .send(core.session.channel())
        .await;
    let status = match answer {
        Ok(answer) => answer
            .results
            .and_then(|results| Some(results.first()?.status_code))
            .unwrap_or(StatusCode::Good),
        Err(error) => error.status(),
    };
    if status.is_bad() {
        tracing::info!(%status, "the server does not repeat standing conditions");
    }
}
