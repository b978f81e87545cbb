//! What an import of assets promises.

use iq_domain::{SiteId, UnitId};

use super::*;

fn plant() -> Plant {
    let tenant_id = TenantId::new();
    let names = Names {
        en: "n".to_owned(),
        ar: String::new(),
    };
    let site = Site {
        id: SiteId::new(),
        tenant_id,
        code: "RAS".to_owned(),
        names: names.clone(),
        time_zone: "Asia/Riyadh".to_owned(),
    };
    let unit = Unit {
        id: UnitId::new(),
        tenant_id,
        site_id: site.id,
        code: "U100".to_owned(),
        names,
    };
    Plant {
        tenant_id,
        sites: vec![site],
        units: vec![unit],
        assets: Vec::new(),
    }
}

/// 2026-03-01T00:00:00Z
const NOW: Timestamp = Timestamp(1_772_323_200_000);
const HEADER: &str = "code,family,site,unit,criticality,name_en,name_ar,upstream,parent\n";

fn problems(text: &str, plant: &Plant) -> Vec<(u64, String, String)> {
    plan(text, plant, NOW)
        .map(|p| p.problems)
        .unwrap()
        .into_iter()
        .map(|p| (p.row, p.problem.field, p.problem.code))
        .collect()
}

#[test]
fn creates_then_leaves_alone_then_updates() {
    let mut plant = plant();
    let file = format!(
        "\u{feff}{HEADER}P-1,centrifugal_pump,RAS,U100,A,Pump,مضخة,(well),\nP-2,centrifugal_pump,RAS,U100,,Pump 2,,P-1,P-1\n"
    );
    let first = plan(&file, &plant, NOW).unwrap();
    assert_eq!((first.created.len(), first.problems.len()), (2, 0));
    assert_eq!(first.created[0].criticality, Criticality::Critical);
    assert_eq!(first.created[1].parent_id, Some(first.created[0].id));
    plant.assets = first.created;
    let again = plan(&file, &plant, NOW).unwrap();
    assert_eq!((again.unchanged, again.updated.len()), (2, 0));
    let changed = plan("code;unit;name_en\nP-1;U100;Pump one\n", &plant, NOW).unwrap();
    assert_eq!(changed.updated.len(), 1);
    assert_eq!(changed.updated[0].names.en, "Pump one");
    assert_eq!(changed.updated[0].names.ar, "مضخة");
}

#[test]
fn a_day_of_service_begins_at_the_plant() {
    let mut plant = plant();
    let file = |day: &str| {
        format!("code,family,unit,name_en,in_service_since\nP-1,centrifugal_pump,U100,Pump,{day}\n")
    };
    let first = plan(&file("2019-04-01"), &plant, NOW).unwrap();
    // Midnight of Riyadh.
    let since = Timestamp(1_554_066_000_000);
    assert_eq!(first.created[0].effective_from, Some(since));
    plant.assets = first.created;
    // Stored from a place five hours west of it, it is still that day.
    plant.assets[0].effective_from = Some(since.plus_ms(5 * 3_600_000));
    assert_eq!(plan(&file("2019-04-01"), &plant, NOW).unwrap().unchanged, 1);
    let without = "code,unit\nP-1,U100\n";
    assert_eq!(plan(without, &plant, NOW).unwrap().unchanged, 1);
    let cleared = plan(&file(""), &plant, NOW).unwrap();
    assert_eq!(cleared.updated[0].effective_from, None);
    for wrong in ["2027-01-01", "1899-12-30", "1.4.2019", "yes"] {
        let found = problems(&file(wrong), &plant);
        assert_eq!(found.len(), 1, "{wrong}: {found:?}");
        assert_eq!(found[0].2, "asset.in_service_wrong");
    }
}

#[test]
fn reports_every_wrong_cell_with_its_line() {
    let plant = plant();
    let file = format!(
        "{HEADER}P-1,toaster,RAS,U100,A,Pump,,,\nP-1,centrifugal_pump,XXX,U100,Z,,,P-9,P-8\n"
    );
    let found = problems(&file, &plant);
    let has = |row: u64, column: &str, code: &str| {
        assert!(
            found
                .iter()
                .any(|p| p.0 == row && p.1 == column && p.2 == code),
            "{row} {column} {code} in {found:?}"
        );
    };
    has(2, "family", "asset.family_unknown");
    has(3, "code", "import.code_twice");
    has(3, "site", "import.site_unknown");
    has(3, "criticality", "import.criticality_unknown");
    has(3, "name_en", "request.name_missing");
    has(3, "upstream", "asset.neighbour_unknown");
    has(3, "parent", "asset.parent_unknown");
}

#[test]
fn refuses_parents_that_form_a_loop() {
    let file = format!(
        "{HEADER}A,tank,RAS,U100,A,a,,,B\nB,tank,RAS,U100,A,b,,,C\nC,tank,RAS,U100,A,c,,,A\n"
    );
    let found = problems(&file, &plant());
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|p| p.2 == "asset.parent_loop"));
}

#[test]
fn refuses_files_it_can_not_read() {
    let check = |text: &str, code: &str| {
        let failure = plan(text, &plant(), NOW).err().unwrap();
        assert_eq!(failure.error.code, code, "{text}");
    };
    check("", "import.column_missing");
    check("code,unit\n", "import.empty");
    check("code,unit,colour\nA,B,C\n", "import.column_unknown");
    check("code,code,unit\nA,A,B\n", "import.column_twice");
    check("code,unit\nA\n", "import.csv_malformed");
    let many = format!(
        "code,unit\n{}",
        "A,B\n".repeat(crate::import_rows::MAX_ROWS + 1)
    );
    check(&many, "import.too_many_rows");
}
