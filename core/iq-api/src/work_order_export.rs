//! Work orders as files: all a list finds, not the page on the screen.

use axum::{extract::State, response::Response};
use iq_api_types::WorkOrder;
use iq_domain::{Permission, Timestamp, WorkOrderPart};
use serde::Serialize;

use crate::{
    blackbox_export::{Cell, FileQuery, Record, answer, day, text, word},
    http::{Answer, Audit, Caller, Query, Route, XLSX, get},
    state::ApiState,
    texts::without_marks,
    work_orders::{WorkOrderQuery, found_orders},
};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get(
            "/api/work-orders/export",
            Permission::WorkOrdersRead,
            export_work_orders,
        )
        .query::<WorkOrderQuery>()
        .query::<FileQuery>()
        .text_answer("text/csv")
        .or_json()
        .or_as(XLSX)
        .audits("work_orders.export")
        .says("Work orders as a file, newest first"),
    ]
}

async fn export_work_orders(
    State(state): State<ApiState>,
    caller: Caller,
    audit: Audit,
    Query(query): Query<WorkOrderQuery>,
    Query(file): Query<FileQuery>,
) -> Answer<Response> {
    let plant = state.runtime.tenant(caller.tenant_id)?;
    let now = state.now();
    let found = found_orders(&state, &caller, &plant, query, iq_store::Page::MAX).await?;
    audit
        .detail("format", file.format.extension())
        .detail("rows", found.total);
    // All of them are one page of the store.
    let most = u64::from(iq_store::Page::MAX.limit);
    file.format.refuse_more(found.total, most)?;
    let name = format!("work-orders-{}", day(now));
    let rows = found.total;
    let pages = futures::stream::once(async { Ok(found.rows) });
    answer(&plant, file.format, &name, (rows, now), pages).await
}

impl Record for WorkOrder {
    const HEADINGS: &'static [&'static str] = &[
        "number",
        "title",
        "asset",
        "status",
        "technician",
        "due",
        "priority",
        "system",
        "opened_at",
        "visit",
        "visits",
        "visit_of",
        "planned",
        "planned_end",
        "started",
        "ended",
        "kind",
        "type",
        "origin",
        "source_status",
        "estimated_hours",
        "actual_hours",
        "failure_mode",
        "failure_cause",
        "parts",
        "id",
    ];

    fn plain(self) -> Self {
        Self {
            title: without_marks(&self.title),
            ..self
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let visit = self.visit.as_ref();
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        vec![
            maybe(self.number.as_ref().or(self.reference.as_ref())),
            text(&self.title),
            maybe(self.asset_code.as_ref()),
            word(&self.status),
            maybe(self.technician_code.as_ref()),
            time(self.due_at),
            maybe_word(self.priority.as_ref()),
            maybe(self.source_system.as_ref()),
            text(self.opened_at.to_string()),
            visit.map_or(Cell::Empty, |v| Cell::Number(i64::from(v.place))),
            visit.map_or(Cell::Empty, |v| Cell::Number(i64::from(v.count))),
            maybe(visit.and_then(|v| v.of_called.as_ref())),
            time(self.planned_start_at),
            time(self.planned_end_at),
            time(self.actual_start_at),
            time(self.actual_end_at),
            word(&self.kind),
            maybe(self.order_type.as_ref()),
            word(&self.origin),
            text(&self.source_status),
            self.estimated_hours.map_or(Cell::Empty, Cell::Amount),
            self.actual_hours.map_or(Cell::Empty, Cell::Amount),
            maybe(self.failure_mode.as_ref()),
            maybe(self.failure_cause.as_ref()),
            text(parts.join("; ")),
            text(self.id.to_string()),
        ]
    }
}

fn maybe(found: Option<&String>) -> Cell {
    found.map_or(Cell::Empty, text)
}

fn maybe_word<T: Serialize>(found: Option<&T>) -> Cell {
    found.map_or(Cell::Empty, word)
}

fn time(at: Option<Timestamp>) -> Cell {
    at.map_or(Cell::Empty, |at| text(at.to_string()))
}

/// "2 × Bearing (6312)".
fn part(part: &WorkOrderPart) -> String {
    let number = part.number.as_deref().filter(|number| !number.is_empty());
    let number = number.map_or_else(String::new, |number| format!(" ({number})"));
    format!("{} × {}{number}", part.quantity, part.name)
}
