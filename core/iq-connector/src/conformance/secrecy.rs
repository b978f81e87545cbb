//! What a connector says about a source that repeats everything it is sent.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, watch};

use crate::{BrowseRequest, Connector, ConnectorContext, StreamPhase};

/// None of these texts is in a report, an error, a state or a printed context.
pub async fn check_secrets_kept(
    connector: &dyn Connector,
    ctx: &ConnectorContext,
    tags: &[String],
    secrets: &[String],
) {
    let report = connector.test(ctx, &|_| ()).await;
    let mut said = vec![
        format!("{report:?}"),
        format!("{ctx:?}"),
        ctx.config.to_string(),
    ];
    let request = BrowseRequest {
        limit: 10,
        ..Default::default()
    };
    said.push(format!("{:?}", connector.browse(ctx, request).await));
    said.push(format!("{:?}", connector.preview(ctx, tags).await));
    said.push(format!("{:?}", connector.sample_rows(ctx, 5).await));
    let list = tags.iter().map(|t| Arc::from(t.as_str())).collect();
    let (_tags, tag_set) = watch::channel(Arc::new(list));
    let (sink, _batches) = mpsc::channel(1);
    let running = connector.start(ctx.clone(), tag_set, sink);
    let mut state = running.state.clone();
    let failing = state.wait_for(|s| matches!(s.phase, StreamPhase::Error(_)));
    match tokio::time::timeout(Duration::from_secs(60), failing).await {
        Ok(Ok(state)) => said.push(format!("{:?}", *state)),
        _ => panic!("a source that refuses everybody is no error"),
    }
    running.stop().await;
    for text in said {
        for secret in secrets {
            assert!(!text.contains(secret), "a secret is told: {text}");
        }
    }
}
