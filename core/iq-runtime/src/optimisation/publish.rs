//! From advice to work orders, when a person says so: an order that waits here is given its time, else one
//! is written; either goes through the outbox of the maintenance system where one is named. A second press
//! finds everything done.

use iq_domain::{
    CodedError, IntegrationId, Message, RecommendationId, ScenarioId, TenantId, WorkOrderId,
    WorkOrderKind, WorkOrderPriority,
};
use iq_optimiser::priority::PriorityClass;
use iq_store::{
    StoreError, Transaction,
    recommendations::{self, RecommendationRow},
    scenarios::{self, ScenarioState},
};

use super::{events, outcome::Advice};
use crate::{
    Runtime,
    alerts::{Changed, Work, publish as publish_changes},
    maintenance::{Actor, NewWorkOrder, PlanChange, PushTarget, reschedule, write_order},
    notices::Told,
};

/// Advice that is to become a work order, with its words in the language of who publishes it.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    /// The advice.
    pub id: RecommendationId,
    /// Short text.
    pub title: String,
    /// Long text.
    pub description: String,
}

/// What became of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Written.
    pub written: Vec<WorkOrderId>,
    /// Given another time.
    pub moved: Vec<WorkOrderId>,
    /// Done before.
    pub done_before: Vec<WorkOrderId>,
    /// Left as they are, and why.
    pub left: Vec<(RecommendationId, Message)>,
    /// Handed to the outbox of the maintenance system.
    pub handed_in: Vec<WorkOrderId>,
    /// Not handed in, and why.
    pub not_handed_in: Vec<(WorkOrderId, Message)>,
}

impl Runtime {
    /// Turns advice into work orders.
    pub async fn publish_plan(
        &self,
        tenant: TenantId,
        scenario: ScenarioId,
        wanted: Vec<PublishRequest>,
        target: Option<IntegrationId>,
        actor: Actor,
    ) -> Result<Published, CodedError> {
        self.optimiser_is_on()?;
        let work = self.work(tenant)?;
        let who = actor.clone();
        let mails = self.0.mailer.is_on();
        let (mut published, changed, told) = self
            .0
            .store
            .write(move |tx| {
                let (mut changed, mut told) = (Changed::default(), Told::new(mails));
                let mut published = Published::default();
                let run = scenarios::get_scenario(tx, tenant, scenario)?
                    .ok_or(CodedError::not_found("optimization.not_found"))?;
                if matches!(run.state, ScenarioState::Running | ScenarioState::Failed) {
                    return Err(CodedError::conflict("optimization.not_finished").into());
                }
                if run.state == ScenarioState::Infeasible {
                    return Err(CodedError::conflict("optimization.no_plan").into());
                }
                let rows = recommendations::list_recommendations(tx, tenant, scenario)?;
                for one in wanted {
                    let row = rows
                        .iter()
                        .find(|row| row.id == one.id)
                        .ok_or(CodedError::not_found("optimization.not_found"))?;
                    publish_one(
                        tx,
                        &work,
                        row,
                        one,
                        &who,
                        (&mut published, &mut changed, &mut told),
                    )?;
                }
                let count = published.written.len() + published.moved.len();
                if count > 0 {
                    let event = events::published(&work.context, &run, count, &who.username);
                    work.append(tx, &event, &mut changed)?;
                }
                Ok((published, changed, told))
            })
            .await?;
        publish_changes(&self.0, tenant, changed);
        told.publish(&self.0, tenant);
        if let Some(integration_id) = target {
            let target = PushTarget {
                integration_id,
                kind: WorkOrderKind::Order,
            };
            let fresh: Vec<WorkOrderId> = [&published.written[..], &published.moved[..]].concat();
            for id in fresh {
                match self
                    .push_work_order(tenant, id, target, actor.clone())
                    .await
                {
                    Ok(_) => published.handed_in.push(id),
                    Err(error) => published.not_handed_in.push((id, Message::from(&error))),
                }
            }
        }
        Ok(published)
    }
}

fn publish_one(
    tx: &Transaction<'_>,
    work: &Work,
    row: &RecommendationRow,
    one: PublishRequest,
    actor: &Actor,
    (published, changed, told): (&mut Published, &mut Changed, &mut Told),
) -> Result<(), StoreError> {
    if let Some(done) = row.work_order_id {
        published.done_before.push(done);
        return Ok(());
    }
    let advice: Advice = serde_json::from_value(row.advice.clone())
        .map_err(|_| CodedError::invalid("optimization.inputs_unreadable"))?;
    if !advice.is_advised {
        let error = CodedError::conflict("optimization.not_in_plan");
        published.left.push((row.id, Message::from(&error)));
        return Ok(());
    }
    let span = (advice.planned_start, advice.planned_end);
    let order = match row.order_id {
        Some(id) => match reschedule(tx, work, id, span, actor, changed) {
            Ok(order) => {
                published.moved.push(order.id);
                order
            }
            // Its system keeps it, or it is on its way there: a second one would be a double.
            Err(error) => {
                let error = CodedError::from(error);
                published.left.push((row.id, Message::from(&error)));
                return Ok(());
            }
        },
        None => {
            let new = NewWorkOrder {
                asset_id: Some(row.asset_id),
                kind: WorkOrderKind::Order,
                title: one.title,
                description: one.description,
                priority: match advice.class {
                    PriorityClass::Critical | PriorityClass::High => WorkOrderPriority::High,
                    PriorityClass::Medium => WorkOrderPriority::Medium,
                    PriorityClass::Low => WorkOrderPriority::Low,
                },
                order_type: None,
                planned_start: span.0,
                planned_end: span.1,
                malfunction_at: None,
                is_down: false,
                alert_id: None,
                incident_id: None,
                recommendation_id: Some(row.id),
                recommendation: None,
                plan: PlanChange {
                    technician_id: Some(advice.technicians.first().copied()),
                    due_at: Some(span.1),
                    ..PlanChange::default()
                },
            };
            let order = write_order(tx, work, new, actor, (changed, told))?;
            published.written.push(order.id);
            order
        }
    };
    let by = (actor.username.as_str(), work.context.now);
    recommendations::publish_recommendation(tx, work.tenant.tenant.id, row.id, order.id, by)?;
    Ok(())
}
