//! What an import of planned outages would change, and how its cells are read.

use iq_domain::Names;

use super::*;

const HOUR: i64 = 3_600_000;
/// 2026-12-01 00:00 in Riyadh.
const FIRST: i64 = 1_796_072_400_000;

/// Two sites with a unit and an asset each; the first has an outage of its asset.
fn calendar() -> Calendar {
    let tenant_id = TenantId::new();
    let site = |code: &str| Site {
        id: SiteId::new(),
        tenant_id,
        code: code.to_owned(),
        names: Names::default(),
        time_zone: "Asia/Riyadh".to_owned(),
    };
    let sites = vec![site("RAS"), site("WAD")];
    let unit = |site: &Site, code: &str| Unit {
        id: UnitId::new(),
        tenant_id,
        site_id: site.id,
        code: code.to_owned(),
        names: Names::default(),
    };
    let units = vec![unit(&sites[0], "U200"), unit(&sites[1], "U400")];
    let (ours, theirs) = (AssetId::new(), AssetId::new());
    let assets = HashMap::from([
        ("K-202".to_owned(), (ours, sites[0].id)),
        ("P-401A".to_owned(), (theirs, sites[1].id)),
    ]);
    let outage = Outage {
        id: OutageId::new(),
        tenant_id,
        site_id: sites[0].id,
        unit_id: None,
        asset_id: Some(ours),
        title: "Seal".to_owned(),
        from: Timestamp(FIRST + 6 * HOUR),
        to: Timestamp(FIRST + 48 * HOUR),
        note: "with the boiler".to_owned(),
        changed_at: Timestamp(0),
    };
    Calendar {
        tenant_id,
        now: Timestamp(FIRST),
        sites,
        units,
        assets,
        outages: vec![outage],
    }
}

fn codes(plan: &OutagePlan) -> Vec<(u64, &str, &str)> {
    plan.problems
        .iter()
        .map(|p| (p.row, p.problem.field.as_str(), p.problem.code.as_str()))
        .collect()
}

#[test]
fn a_file_creates_and_changes_in_the_time_of_the_site() {
    let calendar = calendar();
    let file = "title,site,unit,asset,from,to\n\
                Seal,RAS,,K-202,2026-12-01 06:00,2026-12-03 18:30\n\
                Turnaround,WAD,U400,,2026-12-01,2026-12-02\n\
                Export stop,RAS,,,2026-12-01T03:00:00Z,2026-12-02T06:00:00+03:00\n";
    let plan = plan(file, &calendar).unwrap();
    assert_eq!(codes(&plan), []);
    let changed = &plan.updated[0];
    assert_eq!(changed.id, calendar.outages[0].id);
    assert_eq!(changed.to, Timestamp(FIRST + 66 * HOUR + HOUR / 2));
    // There is no column for it.
    assert_eq!(changed.note, "with the boiler");
    let [days, exact] = plan.created.as_slice() else {
        panic!("{} are new", plan.created.len())
    };
    // An end that is a day is the whole of it.
    assert_eq!(
        (days.from, days.to),
        (Timestamp(FIRST), Timestamp(FIRST + 48 * HOUR))
    );
    assert_eq!(
        (days.unit_id, days.asset_id),
        (Some(calendar.units[1].id), None)
    );
    assert_eq!(
        (exact.from, exact.to),
        (Timestamp(FIRST + 6 * HOUR), Timestamp(FIRST + 30 * HOUR))
    );
}

#[test]
fn the_same_file_again_changes_nothing() {
    let calendar = calendar();
    let file = "title,asset,from,to\nSeal,K-202,2026-12-01 06:00,2026-12-02\n";
    let plan = plan(file, &calendar).unwrap();
    assert_eq!(
        (plan.unchanged, plan.created.len(), plan.updated.len()),
        (1, 0, 0)
    );
}

#[test]
fn an_id_says_which_outage_has_moved() {
    let calendar = calendar();
    let id = calendar.outages[0].id;
    let file = format!("id,title,from,to\n{id},Seal,2026-12-08 06:00,2026-12-09\n");
    let moved = plan(&file, &calendar).unwrap();
    assert_eq!((moved.created.len(), moved.updated.len()), (0, 1));
    let outage = &moved.updated[0];
    assert_eq!(outage.from, Timestamp(FIRST + (7 * 24 + 6) * HOUR));
    assert_eq!(outage.asset_id, calendar.outages[0].asset_id);
    // Without it a second one would stand beside the first.
    let file = "title,asset,from,to\nSeal,K-202,2026-12-08 06:00,2026-12-09\n";
    assert_eq!(plan(file, &calendar).unwrap().created.len(), 1);
}

#[test]
fn what_can_not_be_read_is_named_by_row_and_column() {
    let calendar = calendar();
    let file = format!(
        "id,title,site,unit,asset,from,to\n\
         ,A,,,,2026-12-01,2026-12-02\n\
         ,B,RAS,U400,,2026-12-01,2026-12-02\n\
         ,C,RAS,,K-999,2026-12-01,2026-12-02\n\
         ,D,RAS,,P-401A,2026-12-01,2026-12-02\n\
         ,E,RAS,U200,K-202,2026-12-01,2026-12-02\n\
         ,F,RAS,,,tomorrow,2026-12-02\n\
         ,G,RAS,,,2026-12-02,2026-12-01\n\
         ,H,RAS,,,2026-12-02,2029-12-01\n\
         {},I,RAS,,,2026-12-02,2026-12-03\n\
         ,J,RAS,,,2026-12-02,2026-12-03\n\
         ,J,RAS,,,2026-12-02,2026-12-04\n\
         ,,RAS,,,2026-12-02,2026-12-03\n",
        OutageId::new()
    );
    let plan = plan(&file, &calendar).unwrap();
    let found = codes(&plan);
    for wanted in [
        (2, "site", "import.site_unknown"),
        (3, "unit", "import.unit_unknown"),
        (4, "asset", "import.asset_unknown"),
        (5, "asset", "outages.other_site"),
        (6, "unit", "outages.two_places"),
        (7, "from", "outages.moment_unreadable"),
        (8, "to", "outages.time_wrong"),
        (9, "to", "outages.time_wrong"),
        (10, "id", "outages.id_unknown"),
        (12, "title", "outages.twice"),
        (13, "title", "request.text_empty"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    assert!(!found.iter().any(|(row, ..)| *row == 11));
}
