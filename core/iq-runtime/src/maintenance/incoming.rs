//! Takes in what maintenance systems and journals deliver: rows are put beside what is known of them,
//! their asset is found, and what is new about them becomes an event, all in one transaction.

use std::sync::Arc;

use iq_connector::Pushed;
use iq_domain::{
    ActionStatus, AssetId, CodedError, EventId, IndustrialEvent, IntegrationAction, IntegrationId,
    ObjectKind, SourceEvent, SourceObject, SourceRecord, SourceWorkOrder, TechnicalObjectId,
    TenantId, Timestamp, WorkOrderId, WorkOrderKind, WorkOrderStatus, is_clean_line, neutralise,
};
use iq_store::{
    StoreError, Transaction, events as stored_events, incidents, integration_actions,
    outbox::{self as rows, OutboxFilter, OutboxState},
    technical_objects::{self, TechnicalObject},
    work_order_plans,
    work_orders::{self, MatchState, WorkOrder, WorkOrderOrigin},
};
use serde_json::json;

use super::{
    events::{self, Origin, Step},
    lookup::Stored,
    matching::{AssetKeys, Found, Matcher, Mode, key, key_of},
    outbox,
};
use crate::{
    Inner,
    alerts::{Changed, Work, publish},
};

/// Records of one transaction: other writers share the one writer of the store.
const RECORDS_PER_WRITE: usize = 200;

/// Readings of one row of a journal: whoever corrects its columns more often has the last but few.
const MAX_READINGS: u32 = 50;

/// Longest number of an object or a work order.
pub(super) const NUMBER_CHARS: usize = 80;
const TITLE_CHARS: usize = 300;
const WORD_CHARS: usize = 120;

/// Times outside these years are a unit mistake of the source.
const EARLIEST: Timestamp = Timestamp(0);
const AHEAD_MS: i64 = 20 * 366 * 86_400_000;

/// Makes records durable. An error means that they are to be offered again; what was stored of them
/// already is recognised.
pub(crate) async fn store_records(
    inner: &Arc<Inner>,
    tenant: TenantId,
    integration: IntegrationId,
    records: Arc<[SourceRecord]>,
) -> Result<(), CodedError> {
    for from in (0..records.len()).step_by(RECORDS_PER_WRITE) {
        let Some(index) = inner.index.load().tenant(tenant) else {
            return Ok(());
        };
        // Deleted while its last batch was on its way: there is nothing to keep these with.
        let Some(row) = index.integrations.get(&integration) else {
            return Ok(());
        };
        let intake = Intake {
            mode: Mode::of(&row.config),
            system: row.name.clone(),
            integration,
            assets: AssetKeys::new(index.assets.values().map(|a| &a.asset)),
            work: Work::of_source(inner, &index, integration),
        };
        let records = Arc::clone(&records);
        let changed = inner
            .store
            .write(move |tx| {
                let to = records.len().min(from + RECORDS_PER_WRITE);
                intake.take(tx, &records[from..to])
            })
            .await?;
        publish(inner, tenant, changed);
    }
    if records
        .iter()
        .any(|r| matches!(r, SourceRecord::TechnicalObject(_)))
    {
        inner.maintenance.match_again(tenant);
    }
    Ok(())
}

/// One transaction's worth of records of one integration.
pub(super) struct Intake {
    pub(super) mode: Mode,
    pub(super) system: String,
    pub(super) integration: IntegrationId,
    pub(super) assets: AssetKeys,
    pub(super) work: Work,
}

impl Intake {
    fn tenant(&self) -> TenantId {
        self.work.tenant.tenant.id
    }

    fn now(&self) -> Timestamp {
        self.work.context.now
    }

    fn origin(&self) -> Origin {
        Origin::of(self.integration, &self.system)
    }

    fn take(&self, tx: &Transaction<'_>, records: &[SourceRecord]) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        let mut left_out = 0_u32;
        for record in records {
            let is_taken = match record {
                SourceRecord::WorkOrder(order) => self.work_order(tx, order, &mut changed)?,
                SourceRecord::TechnicalObject(object) => self.object(tx, object)?,
                SourceRecord::Event(event) => self.event(tx, event, &mut changed)?,
            };
            left_out += u32::from(!is_taken);
        }
        if left_out > 0 {
            let action = IntegrationAction {
                tenant_id: self.tenant(),
                integration_id: self.integration,
                action_type: "records_left_out".to_owned(),
                status: ActionStatus::Failure,
                message_code: "work_orders.records_left_out".to_owned(),
                details: json!({ "params": { "count": left_out } }),
                actor: "system".to_owned(),
                ms: None,
                at: self.now(),
            };
            integration_actions::create_integration_action(tx, self.tenant(), &action)?;
        }
        Ok(changed)
    }

    fn matcher<'a>(&'a self, objects: &'a Stored<'a>) -> Matcher<'a, Stored<'a>> {
        Matcher {
            mode: self.mode,
            assets: &self.assets,
            objects,
        }
    }

    fn stored<'a>(&self, tx: &'a Transaction<'_>) -> Stored<'a> {
        Stored {
            conn: tx,
            tenant: self.tenant(),
            integration: self.integration,
        }
    }

    /// A technical object, new or changed. False when it has no usable number.
    fn object(&self, tx: &Transaction<'_>, from: &SourceObject) -> Result<bool, StoreError> {
        if !is_clean_line(&from.number, NUMBER_CHARS) {
            return Ok(false);
        }
        let (tenant, number) = (self.tenant(), from.number.trim());
        let known = technical_objects::get_technical_object_by_number(
            tx,
            tenant,
            self.integration,
            from.kind,
            number,
        )?;
        let location = optional(from.location.as_deref());
        let mut row = TechnicalObject {
            name: neutralise(&from.name, TITLE_CHARS),
            location_key: key_of(location.as_deref()),
            location,
            parent: optional(from.parent.as_deref()),
            plant: optional(from.plant.as_deref()),
            is_active: from.is_active,
            changed_at: credible(from.changed_at, self.now()),
            payload: events::kept(&from.payload),
            recorded_at: self.now(),
            ..known.unwrap_or_else(|| self.bare_object(from.kind, number))
        };
        // Written before it is matched: others lead to it, and it may lead to itself.
        technical_objects::put_technical_object(tx, tenant, &row)?;
        let objects = self.stored(tx);
        let found = self.matcher(&objects).object(from.kind, number)?;
        if note(&mut row, &found) {
            technical_objects::put_technical_object(tx, tenant, &row)?;
        }
        Ok(true)
    }

    fn bare_object(&self, kind: ObjectKind, number: &str) -> TechnicalObject {
        TechnicalObject {
            id: TechnicalObjectId::new(),
            tenant_id: self.tenant(),
            integration_id: self.integration,
            kind,
            number: number.to_owned(),
            number_key: key(number),
            name: String::new(),
            location: None,
            location_key: None,
            parent: None,
            plant: None,
            is_active: true,
            changed_at: None,
            payload: serde_json::Value::Null,
            asset_id: None,
            match_state: MatchState::Unmatched,
            match_reason: None,
            candidates: Vec::new(),
            settled_by: None,
            settled_at: None,
            recorded_at: self.now(),
        }
    }

    /// What a work order names and nobody has described yet is listed too: a person can settle it.
    fn mention(
        &self,
        tx: &Transaction<'_>,
        kind: ObjectKind,
        number: Option<&str>,
        location: Option<&str>,
    ) -> Result<(), StoreError> {
        let Some(number) = number else { return Ok(()) };
        let (tenant, integration) = (self.tenant(), self.integration);
        let known = technical_objects::list_technical_objects_by_key(
            tx,
            tenant,
            integration,
            kind,
            &key(number),
        )?;
        if !known.is_empty() {
            return Ok(());
        }
        let mut row = self.bare_object(kind, number);
        row.location = location.map(str::to_owned);
        row.location_key = key_of(location);
        technical_objects::put_technical_object(tx, tenant, &row)?;
        let objects = self.stored(tx);
        let found = self.matcher(&objects).object(kind, number)?;
        if note(&mut row, &found) {
            technical_objects::put_technical_object(tx, tenant, &row)?;
        }
        Ok(())
    }

    /// A work order, new or changed. False when it has no usable number.
    fn work_order(
        &self,
        tx: &Transaction<'_>,
        from: &SourceWorkOrder,
        changed: &mut Changed,
    ) -> Result<bool, StoreError> {
        if !is_clean_line(&from.number, NUMBER_CHARS) {
            return Ok(false);
        }
        let (tenant, number) = (self.tenant(), from.number.trim());
        let known = self.known(tx, from, number)?;
        // Pages of one reading may overlap: an older version must not undo a newer one.
        if let Some(known) = known.as_ref().filter(|k| !k.payload.is_null())
            && from.changed_at.is_some_and(|at| at < known.changed_at)
        {
            return Ok(true);
        }
        let equipment = optional(from.equipment_number.as_deref());
        let location = optional(from.functional_location.as_deref());
        self.mention(
            tx,
            ObjectKind::FunctionalLocation,
            location.as_deref(),
            None,
        )?;
        self.mention(
            tx,
            ObjectKind::Equipment,
            equipment.as_deref(),
            location.as_deref(),
        )?;
        let mut row = self.row(known.as_ref(), from, number);
        if row.origin == WorkOrderOrigin::Source {
            let objects = self.stored(tx);
            let found = self
                .matcher(&objects)
                .work_order(equipment.as_deref(), location.as_deref())?;
            (row.asset_id, row.match_state) = (found.asset(), state_of(&found));
        }
        match &known {
            None => work_orders::create_work_order(tx, tenant, &row)?,
            Some(known) if *known == row => {}
            Some(_) => work_orders::update_work_order(tx, tenant, &row)?,
        }
        self.arrived(tx, &row)?;
        for (step, at) in steps(known.as_ref(), &row, from) {
            let step = step.as_step();
            let event =
                events::work_order(&self.work.context, &self.origin(), &row, step, at, None);
            self.work.append(tx, &event, changed)?;
        }
        Ok(true)
    }

    /// The row of this work order: under its number, else our own that carries the reference.
    fn known(
        &self,
        tx: &Transaction<'_>,
        from: &SourceWorkOrder,
        number: &str,
    ) -> Result<Option<WorkOrder>, StoreError> {
        let (tenant, integration) = (self.tenant(), self.integration);
        let by_number =
            work_orders::get_work_order_by_number(tx, tenant, integration, from.kind, number)?;
        let Some(reference) = from.reference.as_deref().map(str::trim) else {
            return Ok(by_number);
        };
        let ours = work_orders::get_work_order_by_reference(tx, tenant, reference)?;
        // The reference may have been copied to another record: it counts for one that has no number
        // yet and was meant to go there.
        let Some(ours) = ours.filter(|o| o.number.is_none()) else {
            return Ok(by_number);
        };
        if !self.is_under_way(tx, ours.id, from.kind)? {
            return Ok(by_number);
        }
        match by_number {
            // Another of ours has that number already: two of ours are never one over there.
            Some(other) if other.reference.is_some() => return Ok(Some(other)),
            Some(double) => {
                work_order_plans::move_work_order_plan(tx, tenant, double.id, ours.id)?;
                work_orders::delete_work_order(tx, tenant, double.id)?;
            }
            None => {}
        }
        Ok(Some(ours))
    }

    fn is_under_way(
        &self,
        tx: &Transaction<'_>,
        order: WorkOrderId,
        kind: WorkOrderKind,
    ) -> Result<bool, StoreError> {
        let filter = OutboxFilter {
            work_order_id: Some(order),
            integration_id: Some(self.integration),
            ..OutboxFilter::default()
        };
        let sent = rows::list_outbox_rows(tx, self.tenant(), &filter, 10)?;
        Ok(sent.iter().any(|o| o.may_exist && o.draft.kind == kind))
    }

    /// A work order that was read is there: whatever became of our answer, it arrived.
    fn arrived(&self, tx: &Transaction<'_>, order: &WorkOrder) -> Result<(), StoreError> {
        let (Some(number), true) = (&order.number, order.reference.is_some()) else {
            return Ok(());
        };
        let filter = OutboxFilter {
            work_order_id: Some(order.id),
            integration_id: Some(self.integration),
            ..OutboxFilter::default()
        };
        for mut row in rows::list_outbox_rows(tx, self.tenant(), &filter, 10)? {
            let is_over = matches!(row.state, OutboxState::Sent | OutboxState::Rejected);
            if is_over || !row.may_exist {
                continue;
            }
            let there = Pushed {
                number: number.clone(),
                version: order.version.clone(),
            };
            outbox::arrived(&mut row, &there, self.now());
            rows::update_outbox_row(tx, self.tenant(), &row)?;
        }
        Ok(())
    }

    /// The row as it is to be stored.
    fn row(&self, known: Option<&WorkOrder>, from: &SourceWorkOrder, number: &str) -> WorkOrder {
        let now = self.now();
        let time = |at| credible(at, now);
        let changed_at = time(from.changed_at).or_else(|| time(from.created_at));
        let source = WorkOrder {
            id: WorkOrderId::new(),
            tenant_id: self.tenant(),
            reference: None,
            integration_id: Some(self.integration),
            source_system: Some(self.system.clone()),
            kind: from.kind,
            number: Some(number.to_owned()),
            title: neutralise(&from.title, TITLE_CHARS),
            description: String::new(),
            order_type: optional(from.order_type.as_deref()),
            priority: from.priority,
            status: from.status,
            source_status: neutralise(&from.source_status, WORD_CHARS),
            asset_id: None,
            match_state: MatchState::Unmatched,
            equipment_number: optional(from.equipment_number.as_deref()),
            functional_location: optional(from.functional_location.as_deref()),
            plant: optional(from.plant.as_deref()),
            work_center: optional(from.work_center.as_deref()),
            related_number: optional(from.related_number.as_deref()),
            planned_start: time(from.planned_start),
            planned_end: time(from.planned_end),
            actual_start: time(from.actual_start),
            actual_end: time(from.actual_end),
            malfunction_at: None,
            is_down: false,
            origin: WorkOrderOrigin::Source,
            alert_id: None,
            incident_id: None,
            recommendation_id: None,
            visit_of: None,
            version: from.version.as_deref().map(|v| neutralise(v, 200)),
            payload: events::kept(&from.payload),
            created_by: None,
            opened_at: time(from.created_at).or(changed_at).unwrap_or(now),
            changed_at: changed_at.unwrap_or(now),
            recorded_at: now,
        };
        let Some(known) = known else { return source };
        let mut row = WorkOrder {
            id: known.id,
            reference: known.reference.clone(),
            description: known.description.clone(),
            asset_id: known.asset_id,
            match_state: known.match_state,
            malfunction_at: known.malfunction_at,
            is_down: known.is_down,
            origin: known.origin,
            alert_id: known.alert_id,
            incident_id: known.incident_id,
            recommendation_id: known.recommendation_id,
            visit_of: known.visit_of,
            created_by: known.created_by.clone(),
            opened_at: if known.origin == WorkOrderOrigin::Source {
                source.opened_at.min(known.opened_at)
            } else {
                known.opened_at
            },
            // Without a time of its own it changed when it was seen to differ.
            changed_at: changed_at.unwrap_or(known.changed_at),
            recorded_at: known.recorded_at,
            ..source
        };
        if row != *known {
            row.recorded_at = now;
            row.changed_at = changed_at.unwrap_or(now);
        }
        row
    }

    fn event(
        &self,
        tx: &Transaction<'_>,
        from: &SourceEvent,
        changed: &mut Changed,
    ) -> Result<bool, StoreError> {
        if from.source_id.trim().is_empty() || credible(Some(from.at), self.now()).is_none() {
            return Ok(false);
        }
        let mut asset = None;
        for name in from.subject.iter().chain(&from.also) {
            asset = self.asset_of(tx, name)?;
            if asset.is_some() {
                break;
            }
        }
        let asset = asset.or_else(|| from.also.iter().find_map(|name| self.asset_below(name)));
        let ctx = &self.work.context;
        let event = events::reported(ctx, &self.origin(), self.integration, asset, from);
        if self.work.append(tx, &event, changed)?.is_none()
            && from.source_type == "alarm_journal"
            && let Some((known, correction)) = self.correction(tx, event)?
        {
            self.work.append(tx, &correction, changed)?;
            incidents::link_correction(tx, correction.tenant_id, known, correction.id)?;
        }
        Ok(true)
    }

    /// The event that corrects what is stored, where a row of a journal is read otherwise than it was: its
    /// columns were corrected, its file, or the map of its tags; and which one it corrects. What is stored stays as
    /// it is.
    fn correction(
        &self,
        tx: &Transaction<'_>,
        read: IndustrialEvent,
    ) -> Result<Option<(EventId, IndustrialEvent)>, StoreError> {
        let (tenant, system) = (read.tenant_id, read.source_system.as_str());
        let known = stored_events::get_newest_reading(tx, tenant, system, &read.source_id)?;
        let is_other = |known: &IndustrialEvent| events::says_other(known, &read);
        let Some((known, readings)) = known.filter(|(e, n)| *n < MAX_READINGS && is_other(e))
        else {
            return Ok(None);
        };
        let source_id = stored_events::reading_id(&read.source_id, readings + 1);
        let id = self
            .origin()
            .event_id(&self.work.context, &source_id, read.event_time);
        let correction = events::correcting(read, &known, (id, source_id));
        Ok(Some((known.id, correction)))
    }

    /// The asset whose tags stand below an address, where they are of one asset only.
    fn asset_below(&self, address: &str) -> Option<AssetId> {
        let routes = self.work.tenant.routes.get(&self.integration)?;
        let is_below = |tag: &str| {
            let rest = tag.strip_prefix(address);
            rest.is_some_and(|rest| rest.starts_with(['.', '/', '|', '\\', ':', '_', '-']))
        };
        let mut found = routes
            .iter()
            .filter(|(tag, _)| is_below(tag))
            .flat_map(|(_, routes)| routes)
            .map(|route| route.mapping.asset_id);
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// The asset a source's words are about: of the mapped tag, by its code, or of the object.
    fn asset_of(&self, tx: &Transaction<'_>, subject: &str) -> Result<Option<AssetId>, StoreError> {
        let plant = &self.work.tenant;
        let route = plant
            .routes
            .get(&self.integration)
            .and_then(|tags| tags.get(subject)?.first());
        if let Some(route) = route {
            return Ok(Some(route.mapping.asset_id));
        }
        if let Some(asset) = plant.asset_by_code.get(subject.trim()) {
            return Ok(Some(*asset));
        }
        // Journals name points of a machine ("K-202.TRIP").
        let code = iq_mapping::equipment_code(subject);
        if let Some(asset) = code.and_then(|code| plant.asset_by_code.get(&code)) {
            return Ok(Some(*asset));
        }
        let objects = self.stored(tx);
        let matcher = self.matcher(&objects);
        for kind in [ObjectKind::Equipment, ObjectKind::FunctionalLocation] {
            if let Found::One(asset, _) | Found::Settled(Some(asset)) =
                matcher.object(kind, subject)?
            {
                return Ok(Some(asset));
            }
        }
        Ok(None)
    }
}

/// Writes down what was found; says whether that changed anything.
pub(super) fn note(row: &mut TechnicalObject, found: &Found) -> bool {
    if row.settled_by.is_some() {
        return false;
    }
    let mut fresh = row.clone();
    fresh.asset_id = found.asset();
    // What a person settled above reaches down as a plain match.
    fresh.match_state = match found {
        Found::Settled(Some(_)) => MatchState::Matched,
        Found::Settled(None) => MatchState::Unmatched,
        found => state_of(found),
    };
    fresh.match_reason = match found {
        Found::One(_, why) => Some(why.as_str().to_owned()),
        Found::Settled(_) => Some("person".to_owned()),
        Found::None | Found::Several(_) => None,
    };
    fresh.candidates = match found {
        Found::Several(several) => several.clone(),
        _ => Vec::new(),
    };
    let is_new = *row != fresh;
    *row = fresh;
    is_new
}

pub(super) fn state_of(found: &Found) -> MatchState {
    match found {
        Found::None => MatchState::Unmatched,
        Found::One(..) => MatchState::Matched,
        Found::Several(_) => MatchState::Ambiguous,
        Found::Settled(_) => MatchState::Settled,
    }
}

/// A text that says something, cut and free of control characters.
fn optional(text: Option<&str>) -> Option<String> {
    let text = neutralise(text?.trim(), WORD_CHARS);
    (!text.is_empty()).then_some(text)
}

fn credible(at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    at.filter(|t| *t > EARLIEST && *t < now.plus_ms(AHEAD_MS))
}

/// A step that owns what it says.
enum Owned {
    Created,
    Status(WorkOrderStatus),
    Changed(Vec<&'static str>),
}

impl Owned {
    fn as_step(&self) -> Step<'_> {
        match self {
            Self::Created => Step::Created,
            Self::Status(status) => Step::Status(*status),
            Self::Changed(fields) => Step::Changed(fields),
        }
    }
}

/// When a state was reached, as far as the source says.
fn reached_at(row: &WorkOrder) -> Timestamp {
    let own = match row.status {
        WorkOrderStatus::InProgress => row.actual_start,
        WorkOrderStatus::Completed => row.actual_end,
        _ => None,
    };
    own.unwrap_or(row.changed_at)
}

/// What is new about a work order, with its times.
fn steps(
    known: Option<&WorkOrder>,
    row: &WorkOrder,
    from: &SourceWorkOrder,
) -> Vec<(Owned, Timestamp)> {
    let Some(known) = known else {
        let mut steps = vec![(Owned::Created, row.opened_at)];
        // Read for the first time: what it went through before is told as far as it is known.
        if let Some(at) = row.actual_start {
            steps.push((Owned::Status(WorkOrderStatus::InProgress), at));
        }
        let is_further = !matches!(
            row.status,
            WorkOrderStatus::Draft | WorkOrderStatus::Open | WorkOrderStatus::InProgress
        );
        if is_further && from.changed_at.is_some() {
            steps.push((Owned::Status(row.status), reached_at(row)));
        }
        return steps;
    };
    if known.status != row.status {
        return vec![(Owned::Status(row.status), reached_at(row))];
    }
    let fields = differences(known, row);
    if fields.is_empty() {
        return Vec::new();
    }
    vec![(Owned::Changed(fields), row.changed_at)]
}

/// The fields a person would call changed.
fn differences(a: &WorkOrder, b: &WorkOrder) -> Vec<&'static str> {
    let all = [
        ("title", a.title != b.title),
        ("order_type", a.order_type != b.order_type),
        ("priority", a.priority != b.priority),
        ("source_status", a.source_status != b.source_status),
        ("equipment_number", a.equipment_number != b.equipment_number),
        (
            "functional_location",
            a.functional_location != b.functional_location,
        ),
        ("plant", a.plant != b.plant),
        ("work_center", a.work_center != b.work_center),
        ("related_number", a.related_number != b.related_number),
        ("planned_start", a.planned_start != b.planned_start),
        ("planned_end", a.planned_end != b.planned_end),
        ("actual_start", a.actual_start != b.actual_start),
        ("actual_end", a.actual_end != b.actual_end),
    ];
    all.into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name)
        .collect()
}
