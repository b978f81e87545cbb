//! When jobs run by themselves. The next run stands in the store: a program that was off when it came
//! runs it once when it is back, however many were missed, and a clock that jumps makes neither a storm
//! nor a gap longer than one cadence.

use std::{sync::Arc, time::Duration};

use iq_domain::{Cadence, CodedError, JobId, Message, TenantId, Timestamp};
use iq_store::schedules::{self as table, Schedule};
use jiff::{SignedDuration, Zoned, civil::Weekday, tz::TimeZone};
use tokio::sync::Notify;
use tracing::error;

use crate::{Inner, Runtime, optimisation::PlanRequest};

/// How often the clock is looked at.
const EVERY: Duration = Duration::from_secs(20);
/// Who starts what runs by itself.
const ACTOR: &str = "system";

/// Kinds of schedules, and how they run until somebody says otherwise: reading and scoring by hand,
/// drift every hour, models every night, plans only where somebody wants them.
const KINDS: [(&str, bool, Cadence); 4] = [
    ("run", false, Cadence::Day { minute: 120 }),
    ("drift", true, Cadence::Hours { hours: 1 }),
    ("train", true, Cadence::Day { minute: 180 }),
    ("optimise", false, Cadence::Day { minute: 240 }),
];

/// Rung when a schedule was changed.
#[derive(Default)]
pub(crate) struct Schedules(Notify);

/// A change of a schedule.
#[derive(Clone, Debug)]
pub struct ScheduleChange {
    /// What runs.
    pub kind: String,
    /// Whether it runs by itself.
    pub is_enabled: bool,
    /// How often.
    pub cadence: Cadence,
    /// Zone whose clock it follows.
    pub time_zone: String,
}

/// The first moment after `after` that a cadence names. A local time that a change of the clock leaves
/// out runs right after it; one that comes twice runs the first time.
pub(crate) fn next_after(cadence: Cadence, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let step = |zoned: Zoned, days: i64, minute: u16| -> Option<Timestamp> {
        let day = zoned
            .date()
            .checked_add(jiff::Span::new().days(days))
            .ok()?;
        let clock = day
            .at(0, 0, 0, 0)
            .checked_add(SignedDuration::from_mins(minute.into()))
            .ok()?;
        let at = clock.to_zoned(zone.clone()).ok()?;
        Some(Timestamp(at.timestamp().as_millisecond()))
    };
    let now = jiff::Timestamp::from_millisecond(after.0)
        .ok()?
        .to_zoned(zone.clone());
    match cadence {
        Cadence::Hours { hours } => {
            let length = i64::from(hours.max(1)) * 3_600_000;
            Some(Timestamp((after.0.div_euclid(length) + 1) * length))
        }
        Cadence::Day { minute } => (0..=2)
            .filter_map(|days| step(now.clone(), days, minute))
            .find(|at| *at > after),
        Cadence::Week { weekday, minute } => {
            let wanted = Weekday::from_monday_one_offset(i8::try_from(weekday).ok()?).ok()?;
            (0..=8)
                .filter(|days| {
                    let day = now.date().checked_add(jiff::Span::new().days(*days));
                    day.is_ok_and(|day| day.weekday() == wanted)
                })
                .filter_map(|days| step(now.clone(), days, minute))
                .find(|at| *at > after)
        }
    }
}

/// What becomes of a schedule when the clock shows `now`: whether it runs, and the row as it stands then.
fn tick(schedule: &Schedule, now: Timestamp) -> (bool, Schedule) {
    let mut next = schedule.clone();
    if !schedule.is_enabled {
        next.next_at = None;
        return (false, next);
    }
    let zone = TimeZone::get(&schedule.time_zone).unwrap_or(TimeZone::UTC);
    let coming = next_after(schedule.cadence, &zone, now);
    let runs = schedule.next_at.is_some_and(|at| at <= now);
    // A clock that was put back: what stands there is further away than a cadence ever is.
    let is_too_far = schedule
        .next_at
        .zip(coming)
        .is_some_and(|(at, coming)| at > coming);
    if runs || is_too_far || schedule.next_at.is_none() {
        next.next_at = coming;
    }
    if runs {
        next.last_at = Some(now);
        next.job_id = None;
        next.error = None;
    }
    (runs, next)
}

/// The task that looks at the clock.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        if let Err(error) = Runtime(Arc::clone(&inner)).run_what_is_due().await {
            error!(%error, "Schedules could not be looked at; it is tried again in a moment.");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = inner.schedules.0.notified() => {}
            () = inner.cancel.cancelled() => return,
        }
    }
}

impl Runtime {
    /// Starts what is due now, instead of at the next look.
    pub async fn run_what_is_due(&self) -> Result<(), CodedError> {
        let tenants: Vec<TenantId> = self.index().tenants.keys().copied().collect();
        for tenant in tenants {
            for schedule in self.schedules(tenant).await? {
                let (runs, next) = tick(&schedule, self.0.clock.now());
                if next != schedule {
                    // Before it runs: a program that is stopped now does not run it twice.
                    self.keep_schedule(tenant, next.clone()).await?;
                }
                if runs {
                    self.start_scheduled(tenant, next).await?;
                }
            }
        }
        Ok(())
    }

    /// All schedules of a tenant, those nobody has changed yet among them.
    pub async fn schedules(&self, tenant: TenantId) -> Result<Vec<Schedule>, CodedError> {
        let plant = self.tenant(tenant)?;
        let zone = plant.sites.values().map(|s| s.time_zone.as_str()).min();
        let zone = zone.unwrap_or("UTC").to_owned();
        let stored = self
            .0
            .store
            .read(move |conn| table::list_schedules(conn, tenant))
            .await?;
        let of_kind = |(kind, is_enabled, cadence): (&str, bool, Cadence)| {
            let found = stored.iter().find(|s| s.kind == kind);
            found.cloned().unwrap_or_else(|| Schedule {
                kind: kind.to_owned(),
                is_enabled,
                cadence,
                time_zone: zone.clone(),
                next_at: None,
                last_at: None,
                job_id: None,
                error: None,
                changed_by: ACTOR.to_owned(),
                changed_at: plant.tenant.created_at,
            })
        };
        Ok(KINDS.into_iter().map(of_kind).collect())
    }

    /// Changes a schedule; its next run is counted from now.
    pub async fn change_schedule(
        &self,
        tenant: TenantId,
        change: ScheduleChange,
        actor: &str,
    ) -> Result<Schedule, CodedError> {
        let known = self.schedules(tenant).await?;
        let mut schedule = known
            .into_iter()
            .find(|s| s.kind == change.kind)
            .ok_or(CodedError::not_found("schedules.not_found"))?;
        let now = self.0.clock.now();
        schedule.is_enabled = change.is_enabled;
        schedule.cadence = change.cadence;
        schedule.time_zone = change.time_zone;
        schedule.next_at = None;
        actor.clone_into(&mut schedule.changed_by);
        schedule.changed_at = now;
        let (_, schedule) = tick(&schedule, now);
        self.keep_schedule(tenant, schedule.clone()).await?;
        self.0.schedules.0.notify_one();
        Ok(schedule)
    }

    async fn keep_schedule(&self, tenant: TenantId, schedule: Schedule) -> Result<(), CodedError> {
        let write =
            move |tx: &iq_store::Transaction<'_>| table::put_schedule(tx, tenant, &schedule);
        Ok(self.0.store.write(write).await?)
    }

    /// Starts one kind of work, and notes what came of it.
    async fn start_scheduled(
        &self,
        tenant: TenantId,
        mut schedule: Schedule,
    ) -> Result<(), CodedError> {
        let started: Result<Option<JobId>, CodedError> = match schedule.kind.as_str() {
            "run" => self
                .start_run(tenant, None, ACTOR)
                .await
                .map(|job| Some(job.id)),
            "train" => self
                .start_training(tenant, None, ACTOR)
                .await
                .map(|job| Some(job.id))
                // A plant that is still empty has nothing to train, which is no fault.
                .or_else(|error| match error.code {
                    "models.no_assets" => Ok(None),
                    _ => Err(error),
                }),
            "optimise" => self
                .start_optimisation(tenant, PlanRequest::default(), ACTOR)
                .await
                .map(|(job, _)| Some(job.id)),
            _ => {
                let runtime = self.clone();
                let task = tokio::spawn(async move {
                    if let Err(error) = runtime.look_by_itself(tenant).await {
                        error!(%error, "Drift could not be looked for; it is tried again at the next time.");
                    }
                });
                self.0.tasks.lock().push(task);
                Ok(None)
            }
        };
        match started {
            Ok(job) => schedule.job_id = job,
            Err(error) => schedule.error = Some(Message::from(&error)),
        }
        self.keep_schedule(tenant, schedule).await
    }
}

#[cfg(test)]
#[path = "schedules_tests.rs"]
mod tests;
