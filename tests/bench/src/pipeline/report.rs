//! The table of the pipeline bench and its verdicts.

use anyhow::{Result, bail};

use super::{
    GOAL_P95_MS, Idle, Load, MANY, Many, PERIOD, plant,
    wire::{Mapped, Percentiles, Source, Stored},
};

/// The machine's load average, which says how much else ran meanwhile.
pub(crate) fn load_average() -> String {
    std::fs::read_to_string("/proc/loadavg").map_or_else(
        |_| "unknown".to_owned(),
        |text| text.split(' ').take(3).collect::<Vec<_>>().join(" "),
    )
}

fn row(name: &str, figure: impl std::fmt::Display) {
    println!("  {name:<48} {figure}");
}

fn percentiles(p: Percentiles) -> String {
    format!(
        "p50 {:>5}   p95 {:>5}   p99 {:>5}   max {:>5} ms",
        p.p50, p.p95, p.p99, p.max
    )
}

pub(crate) fn print_idle(idle: &Idle) {
    println!("\ncold start and idle");
    row(
        "process start → sign-in page, empty folder",
        format!(
            "{} ms (own start {} ms)",
            idle.first_ms, idle.first_start_ms
        ),
    );
    row(
        "process start → sign-in page, existing folder",
        format!(
            "{} ms (own start {} ms)",
            idle.again_ms, idle.again_start_ms
        ),
    );
    row("idle RSS", format!("{:.1} MiB", idle.rss));
    row("idle CPU", format!("{:.2} % of a core", idle.cpu * 100.0));
}

pub(crate) fn print_load(load: &Load, tags: u32) {
    println!(
        "\n{tags} tags, each changing every {} s; SignAndEncrypt, Basic256Sha256; server sampling {} ms; {:.0} s",
        PERIOD.as_secs(),
        load.sampling_ms,
        load.seconds
    );
    row(
        "notification → client (server-sent event)",
        percentiles(load.to_client),
    );
    if let Some(durable) = load.to_durable {
        row("  of which notification → durable", percentiles(durable));
    }
    row(
        "source time → client (with publishing interval)",
        percentiles(load.from_source),
    );
    row(
        "values in the client",
        format!(
            "{} in {} pages = {:.0}/s",
            load.live, load.pages, load.live_per_s
        ),
    );
    print_stored(&load.stored);
    let [appliance, plant, client] = load.cpu.map(|share| share * 100.0);
    row(
        "CPU, % of a core",
        format!("appliance {appliance:.1}   plant {plant:.1}   client {client:.1}"),
    );
    row(
        "RSS of the appliance",
        format!("{:.1} MiB, peak {:.1} MiB", load.rss.0, load.rss.1),
    );
    print_source(&load.mapped, &load.source);
}

fn print_stored(stored: &Stored) {
    row(
        "send log → historian",
        format!(
            "sent {}, lost {}, stored twice {}",
            stored.expected, stored.missing, stored.repeated
        ),
    );
    if let Some(tag) = &stored.first_missing {
        row("first tag with a lost value", tag);
    }
}

fn print_source(mapped: &Mapped, source: &Source) {
    row(
        "mappings stored; from then until all deliver",
        format!("{} ms; {} ms", mapped.stored_ms, mapped.delivering_ms),
    );
    row(
        "monitored items",
        format!(
            "{}, failed {}, in {} subscriptions of {} session, {} connections",
            source.items,
            source.failed_items,
            source.subscriptions,
            source.sessions,
            source.connects
        ),
    );
    row(
        "load on the server",
        format!(
            "{:.2} requests/s over the last minute, largest request {} nodes",
            source.requests_per_s, source.items_per_request
        ),
    );
}

pub(crate) fn print_many(many: &Many) {
    println!(
        "\n{MANY} monitored items on a server that allows {} per call",
        plant::PER_CALL
    );
    print_source(&many.mapped, &many.source);
    print_stored(&many.stored);
    row(
        "RSS of the appliance",
        format!("{:.1} MiB, peak {:.1} MiB", many.rss.0, many.rss.1),
    );
}

/// Prints the verdicts. A missed goal is a figure; a lost value or a failed item is a failure.
pub(crate) fn judge(tags: u32, load: &Load, many: &Many) -> Result<()> {
    let p95 = load.to_client.p95;
    println!("\nverdicts");
    let goal = if p95 <= GOAL_P95_MS { "met" } else { "MISSED" };
    row(
        &format!("goal: notification → client p95 ≤ {GOAL_P95_MS} ms"),
        format!("{goal} ({p95} ms)"),
    );
    let sum = load.sent + many.stored.expected;
    let lost = load.stored.missing + many.stored.missing;
    let failed = load.source.failed_items + many.source.failed_items;
    let all_items = load.source.items == tags && many.source.items == MANY;
    let largest = many
        .source
        .items_per_request
        .max(load.source.items_per_request);
    let conditions = [
        ("no value lost", lost == 0, format!("{lost} of {sum}")),
        (
            "every item is monitored, none failed",
            failed == 0 && all_items,
            format!("{failed} failed of {}", tags + MANY),
        ),
        (
            "no request beyond what the server allows",
            usize::try_from(largest)? <= plant::PER_CALL,
            format!("{largest} nodes"),
        ),
    ];
    for (name, is_met, figure) in &conditions {
        let verdict = if *is_met { "met" } else { "NOT MET" };
        row(name, format!("{verdict} ({figure})"));
    }
    if conditions.iter().any(|(_, is_met, _)| !is_met) {
        bail!("a condition of the pipeline is not met");
    }
    Ok(())
}
