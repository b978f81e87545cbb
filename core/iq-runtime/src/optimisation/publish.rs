//! From advice to work orders, when a person says so: an order that waits here is given its time, else one
//! is written, one for each visit to the job, with its crew, and another plan moves them; either goes through
//! the outbox of the maintenance system where one is named. What changed since the plan was made is looked at
//! first: work whose order has ended, or whose people are away by now, is left with its reason. A second press
//! finds everything done.

use iq_domain::{
    CodedError, IntegrationId, Message, RecommendationId, ScenarioId, TechnicianId, TenantId,
    Timestamp, WorkOrderId, WorkOrderKind, WorkOrderPriority,
};
use iq_optimiser::priority::PriorityClass;
use iq_store::{
    Page, StoreError, Transaction,
    recommendations::{self, RecommendationRow},
    scenarios::{self, ScenarioState},
    technicians, work_order_plans,
    work_orders::{self, WorkOrder, WorkOrderFilter},
};

use super::{
    events, gather,
    outcome::{Advice, Visit},
};
use crate::{
    Runtime,
    alerts::{Changed, Work, publish as publish_changes},
    maintenance::{
        Actor, NewWorkOrder, PlanChange, PushTarget, assign, reschedule, tell_crew, tell_moved,
        write_order,
    },
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
    /// Who does each visit, in words; before the long text.
    pub crews: Vec<String>,
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
                        (row, run.as_of),
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
    (row, as_of): (&RecommendationRow, Timestamp),
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
    if let Some(code) = out_of_plan(&advice) {
        let error = CodedError::conflict(code);
        published.left.push((row.id, Message::from(&error)));
        return Ok(());
    }
    let own = own_order(tx, work, row, as_of)?;
    let (needed, in_outage) = asked_of_all(tx, work, own)?;
    if let Some(why) = left_by_now(tx, work, (row, own), &advice, &needed)? {
        published.left.push((row.id, why));
        return Ok(());
    }
    let visits = visits_of(&advice);
    let (job, known) = orders_of_before(tx, work, own)?;
    let mut orders = Vec::new();
    for (n, visit) in visits.iter().enumerate() {
        let crew = one.crews.get(n).map_or("", String::as_str);
        let change = PlanChange {
            technician_id: Some(visit.technicians.first().copied()),
            due_at: Some(visit.span.1),
            estimated_hours: visit.hours.map(Some),
            ..PlanChange::default()
        };
        let order = match known.get(n).copied() {
            Some(id) => match reschedule(tx, work, id, visit.span, actor, changed) {
                Ok((order, before)) => {
                    give(tx, work, (&order, before), change, actor, told)?;
                    published.moved.push(order.id);
                    order
                }
                // Its system keeps it, or it is on its way there: a second one would be a double.
                Err(StoreError::Coded(error)) => {
                    published.left.push((row.id, Message::from(&error)));
                    if n == 0 {
                        return Ok(());
                    }
                    orders.push(id);
                    continue;
                }
                Err(other) => return Err(other),
            },
            None => {
                let mut new = order_of(row, &one, &advice, visit);
                new.title = part_title(&one.title, n, visits.len());
                new.description = format!("{crew}\n{}", one.description).trim().to_owned();
                // One order stands for the advice; the other visits go on with its job.
                new.recommendation_id = (n == 0).then_some(row.id);
                new.visit_of = job.or_else(|| orders.first().copied());
                // Another visit of an order needs what the order asks for.
                new.plan = PlanChange {
                    certificates: Some(needed.clone()),
                    needs_outage: Some(in_outage),
                    ..change
                };
                let order = write_order(tx, work, new, actor, (&mut *changed, &mut *told))?;
                published.written.push(order.id);
                order
            }
        };
        let others = visit.technicians.get(1..).unwrap_or_default();
        let (tenant, now) = (work.tenant.tenant.id, work.context.now);
        tell_crew(tx, tenant, &order, others, now, told)?;
        orders.push(order.id);
    }
    note_published(tx, work, row, &orders, actor)
}

/// Why advice has nothing to publish.
const fn out_of_plan(advice: &Advice) -> Option<&'static str> {
    if !advice.is_advised {
        Some("optimization.not_in_plan")
    } else if advice.planned_start.is_none() {
        Some("optimization.no_place")
    } else {
        None
    }
}

/// The order the work waited in when the plan was made, else the one that another plan of the same time was
/// published as since: of two plans that are compared, the second does not write its work again.
fn own_order(
    tx: &Transaction<'_>,
    work: &Work,
    row: &RecommendationRow,
    as_of: Timestamp,
) -> Result<Option<WorkOrderId>, StoreError> {
    if row.order_id.is_some() {
        return Ok(row.order_id);
    }
    let filter = WorkOrderFilter {
        asset_ids: vec![row.asset_id],
        ..WorkOrderFilter::default()
    };
    let orders = work_orders::list_work_orders(tx, work.tenant.tenant.id, &filter, Page::MAX)?;
    let since = orders
        .rows
        .iter()
        .filter(|order| order.recommendation_id.is_some() && order.opened_at >= as_of);
    Ok(since
        .min_by_key(|order| (order.opened_at, order.id))
        .map(|order| order.id))
}

/// The first order of the job, and the orders that stand for its visits already, in their order: that of the
/// work and those that go with it, as far as they are open. Without them another plan would write the later
/// visits again.
fn orders_of_before(
    tx: &Transaction<'_>,
    work: &Work,
    own: Option<WorkOrderId>,
) -> Result<(Option<WorkOrderId>, Vec<WorkOrderId>), StoreError> {
    let Some(own) = own else {
        return Ok((None, Vec::new()));
    };
    let tenant = work.tenant.tenant.id;
    let order = work_orders::get_work_order(tx, tenant, own)?;
    let first = order.and_then(|order| order.visit_of).unwrap_or(own);
    let visits = work_orders::list_visits(tx, tenant, first)?;
    let open = visits.iter().filter(|order| gather::is_open(order));
    let open: Vec<WorkOrderId> = open.map(|order| order.id).collect();
    let known = if open.contains(&own) { open } else { vec![own] };
    Ok((Some(first), known))
}

/// The advice is published as its first order; those of the other visits are found from it.
fn note_published(
    tx: &Transaction<'_>,
    work: &Work,
    row: &RecommendationRow,
    orders: &[WorkOrderId],
    actor: &Actor,
) -> Result<(), StoreError> {
    let Some(first) = orders.first() else {
        return Ok(());
    };
    let by = (actor.username.as_str(), work.context.now);
    recommendations::publish_recommendation(tx, work.tenant.tenant.id, row.id, *first, by)?;
    Ok(())
}

/// Gives an order its people. Who had it already and keeps it hears of its new time.
fn give(
    tx: &Transaction<'_>,
    work: &Work,
    (order, before): (&WorkOrder, (Option<Timestamp>, Option<Timestamp>)),
    change: PlanChange,
    actor: &Actor,
    told: &mut Told,
) -> Result<(), StoreError> {
    let (tenant, now) = (work.tenant.tenant.id, work.context.now);
    let is_moved = before != (order.planned_start, order.planned_end);
    // A deadline that a plan gave moves with the next plan: else the work would be overdue before its time. One
    // of the order's own stays; without people of the plan it keeps its own.
    let is_of_plan = order.recommendation_id.is_some() || order.visit_of.is_some();
    let had = work_order_plans::get_work_order_plan(tx, tenant, order.id)?.and_then(|p| p.due_at);
    let is_given = is_of_plan && had.is_some() && had == before.1;
    let change = PlanChange {
        due_at: change.due_at.filter(|_| is_given),
        technician_id: change.technician_id.filter(Option::is_some),
        ..change
    };
    let kept = assign(tx, tenant, order, change, actor, now, told)?;
    match kept.filter(|_| is_moved) {
        Some(lead) => tell_moved(tx, tenant, order, lead, now, told),
        None => Ok(()),
    }
}

/// An order for a visit, as it is before its words and its people.
fn order_of(
    row: &RecommendationRow,
    one: &PublishRequest,
    advice: &Advice,
    visit: &Turn,
) -> NewWorkOrder {
    NewWorkOrder {
        asset_id: Some(row.asset_id),
        kind: WorkOrderKind::Order,
        title: one.title.clone(),
        description: one.description.clone(),
        priority: match advice.class {
            PriorityClass::Critical | PriorityClass::High => WorkOrderPriority::High,
            PriorityClass::Medium => WorkOrderPriority::Medium,
            PriorityClass::Low => WorkOrderPriority::Low,
        },
        order_type: None,
        planned_start: visit.span.0,
        planned_end: visit.span.1,
        malfunction_at: None,
        is_down: false,
        alert_id: None,
        incident_id: None,
        recommendation_id: None,
        visit_of: None,
        recommendation: None,
        plan: PlanChange::default(),
    }
}

/// What one order is written for.
struct Turn {
    span: (Option<Timestamp>, Option<Timestamp>),
    technicians: Vec<TechnicianId>,
    hours: Option<f64>,
}

/// One order for each visit; where nobody was assigned one for the whole.
fn visits_of(advice: &Advice) -> Vec<Turn> {
    #[allow(clippy::cast_precision_loss, reason = "hours of a job")]
    let turn = |visit: &Visit| Turn {
        span: (Some(visit.start), Some(visit.end)),
        technicians: visit.technicians.clone(),
        hours: Some((visit.end.since_ms(visit.start) as f64 / 36_000.0).round() / 100.0),
    };
    if advice.visits.is_empty() {
        return vec![Turn {
            span: (advice.planned_start, advice.planned_end),
            technicians: advice.technicians.clone(),
            hours: None,
        }];
    }
    advice.visits.iter().map(turn).collect()
}

/// The title of a visit; that of the job where there is only one.
fn part_title(title: &str, n: usize, of: usize) -> String {
    if of == 1 {
        title.to_owned()
    } else {
        format!("{title} ({}/{of})", n + 1)
    }
}

/// What the order of the work asks of each of its visits: certificates of everybody on it, a planned outage.
fn asked_of_all(
    tx: &Transaction<'_>,
    work: &Work,
    own: Option<WorkOrderId>,
) -> Result<(Vec<String>, bool), StoreError> {
    let Some(id) = own else {
        return Ok((Vec::new(), false));
    };
    let plan = work_order_plans::get_work_order_plan(tx, work.tenant.tenant.id, id)?;
    let asked = plan.map(|plan| (plan.certificates, plan.needs_outage));
    Ok(asked.unwrap_or_default())
}

/// Why work of the plan is not published any more: what it was made for has changed.
fn left_by_now(
    tx: &Transaction<'_>,
    work: &Work,
    (row, own): (&RecommendationRow, Option<WorkOrderId>),
    advice: &Advice,
    needed: &[String],
) -> Result<Option<Message>, StoreError> {
    let (tenant, now) = (work.tenant.tenant.id, work.context.now);
    let entry = work.tenant.assets.get(&row.asset_id);
    if entry.is_none_or(|e| e.asset.effective_to.is_some_and(|end| end <= now)) {
        let error = CodedError::conflict("optimization.asset_gone");
        return Ok(Some(Message::from(&error)));
    }
    if let Some(id) = own {
        let order = work_orders::get_work_order(tx, tenant, id)?;
        if !order.is_some_and(|order| gather::is_open(&order)) {
            let error = CodedError::conflict("optimization.order_ended");
            return Ok(Some(Message::from(&error)));
        }
    }
    for turn in visits_of(advice) {
        for id in turn.technicians {
            let Some(person) = technicians::get_technician(tx, tenant, id)? else {
                let error = CodedError::conflict("optimization.technician_gone");
                return Ok(Some(Message::from(&error)));
            };
            let (from, to) = turn.span;
            let is_away = from.zip(to).is_some_and(|(from, to)| {
                let mut absences = person.technician.absences.iter();
                absences.any(|away| away.from < to && from < away.to)
            });
            let holds = |name: &String| {
                let held = &person.technician.certificates;
                held.iter().any(|one| {
                    let lasts = one.valid_until.zip(to).is_none_or(|(end, to)| end >= to);
                    one.name == *name && lasts
                })
            };
            let code = if !needed.iter().all(holds) {
                "optimization.technician_certificate"
            } else if !person.technician.is_active {
                "optimization.technician_inactive"
            } else if is_away {
                "optimization.technician_away"
            } else {
                continue;
            };
            let error = CodedError::conflict(code).with("code", &person.code);
            return Ok(Some(Message::from(&error)));
        }
    }
    Ok(None)
}
