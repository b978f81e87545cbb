//! Sending an approved work order, once, and finding it again after a lost reply.

use std::sync::Arc;

use async_trait::async_trait;
use iq_connector::{ConnectorContext, MaintenanceSystem, PushError, PushPlan, Pushed};
use iq_domain::{CodedError, WorkOrderDraft};
use iq_http::{Budget, Response};
use serde_json::Value;

use crate::{
    config::Settings,
    dialect::{Dialect, checked_reference},
    error::{Verdict, cancelled, is_before_sending, upstream, verdict},
    link::{Csrf, Link, REQUESTS_PER_SECOND},
    token::Tokens,
};

/// The side of a connector that takes work orders.
pub(crate) struct Pusher {
    pub(crate) dialect: Dialect,
    pub(crate) tokens: Tokens,
}

impl Pusher {
    fn link(&self, ctx: &ConnectorContext) -> Result<Link, CodedError> {
        let budget = Budget::new(REQUESTS_PER_SECOND);
        Link::new(ctx, self.dialect, &self.tokens, budget)
    }

    /// Checks everything that can be checked before a word is sent.
    fn prepare(&self, ctx: &ConnectorContext, plan: &PushPlan) -> Result<Link, CodedError> {
        let link = self.link(ctx)?;
        if !link.settings.may_push {
            return Err(CodedError::invalid("eam.push_switched_off"));
        }
        let set = self.dialect.set_of(plan);
        let body = plan.payload.as_object();
        let carries = body.is_some_and(|row| {
            self.dialect
                .carries(&link.settings, set, row, &plan.reference)
        });
        // An edited plan must still be one that only creates, here, and that can be found again.
        if !self.dialect.is_own_plan(&link.settings, plan)
            || checked_reference(&plan.reference, 60).is_err()
            || !carries
        {
            return Err(CodedError::invalid("eam.plan_not_ours"));
        }
        Ok(link)
    }

    async fn deliver(&self, link: &Link, plan: &PushPlan) -> Result<Pushed, PushError> {
        let mut authorization = link.sign_in(false).await.map_err(PushError::NotSent)?;
        let mut csrf = self.csrf(link, plan).await?;
        // Each is renewed once: the answers that ask for it say that nothing was done.
        let (mut may_renew_csrf, mut may_sign_in) = (csrf.is_some(), link.is_token());
        loop {
            let answer = link
                .create(&plan.path, &plan.payload, csrf.as_ref(), &authorization)
                .await
                .map_err(|error| lost_or_not_sent(error, link.host()))?;
            let header = answer.header("x-csrf-token");
            match verdict(self.dialect, answer.status, header) {
                Verdict::Created => return self.created(link, &answer),
                Verdict::TokenWanted if may_renew_csrf => {
                    may_renew_csrf = false;
                    csrf = self.csrf(link, plan).await?;
                }
                Verdict::SignInWanted if may_sign_in => {
                    may_sign_in = false;
                    authorization = link.sign_in(true).await.map_err(PushError::NotSent)?;
                }
                Verdict::TokenWanted => {
                    let error = upstream("eam.csrf_refused", link.host());
                    return Err(PushError::NotSent(error));
                }
                Verdict::SignInWanted | Verdict::Busy => {
                    return Err(PushError::NotSent(link.error_of(&answer)));
                }
                Verdict::Refused => return Err(PushError::Refused(link.error_of(&answer))),
                Verdict::Unknown => {
                    let error = upstream("eam.outcome_unknown", link.host())
                        .with("detail", format!("HTTP {}", answer.status));
                    return Err(PushError::Unknown(error));
                }
            }
        }
    }

    async fn csrf(&self, link: &Link, plan: &PushPlan) -> Result<Option<Csrf>, PushError> {
        if self.dialect != Dialect::Sap {
            return Ok(None);
        }
        let set = self.dialect.set_of(plan);
        link.csrf(set).await.map(Some).map_err(PushError::NotSent)
    }

    fn created(&self, link: &Link, answer: &Response) -> Result<Pushed, PushError> {
        let unreadable = || {
            let error = upstream("eam.outcome_unknown", link.host());
            PushError::Unknown(error.with("detail", format!("HTTP {}", answer.status)))
        };
        let body: Value = answer.json().map_err(|_| unreadable())?;
        self.dialect.created(&body).ok_or_else(unreadable)
    }
}

/// What a request that brought no answer means.
fn lost_or_not_sent(error: CodedError, host: &str) -> PushError {
    if is_before_sending(&error) {
        PushError::NotSent(error)
    } else {
        PushError::Unknown(upstream("eam.outcome_unknown", host).with("detail", error.code))
    }
}

#[async_trait]
impl MaintenanceSystem for Pusher {
    fn plan(&self, ctx: &ConnectorContext, draft: &WorkOrderDraft) -> Result<PushPlan, CodedError> {
        let settings = Settings::from_context(ctx)?;
        self.dialect.plan(&settings, draft)
    }

    async fn find_by_reference(
        &self,
        ctx: &ConnectorContext,
        reference: &str,
    ) -> Result<Vec<Pushed>, CodedError> {
        let reference = checked_reference(reference, 60)?;
        let link = self.link(ctx)?;
        let search = async {
            let mut found = Vec::new();
            for (set, path) in self.dialect.searches(&link.settings, reference) {
                let answer = link.get(path, 1).await?;
                let page = self.dialect.read_page(&answer.body).ok_or_else(|| {
                    upstream("eam.answer_unexpected", link.host())
                        .with("protocol", self.dialect.protocol())
                })?;
                for row in page.rows {
                    let number = self.dialect.number(set, &row);
                    let is_match = self.dialect.carries(&link.settings, set, &row, reference);
                    // A source that does not search would make us believe that nothing is there.
                    let (true, Some(number)) = (is_match, number) else {
                        return Err(upstream("eam.search_unreliable", link.host()));
                    };
                    found.push(Pushed {
                        number,
                        version: None,
                    });
                }
            }
            Ok(found)
        };
        tokio::select! {
            outcome = search => outcome,
            () = ctx.cancel.cancelled() => Err(cancelled()),
        }
    }

    /// Sends it, once. It is not broken off half-way: whoever has begun to send wants the answer.
    async fn push(&self, ctx: &ConnectorContext, plan: &PushPlan) -> Result<Pushed, PushError> {
        if ctx.cancel.is_cancelled() {
            return Err(PushError::NotSent(cancelled()));
        }
        let link = self.prepare(ctx, plan).map_err(PushError::NotSent)?;
        self.deliver(&link, plan).await
    }
}

/// As the contract hands it out.
pub(crate) fn system(dialect: Dialect, tokens: &Tokens) -> Arc<dyn MaintenanceSystem> {
    Arc::new(Pusher {
        dialect,
        tokens: tokens.clone(),
    })
}
