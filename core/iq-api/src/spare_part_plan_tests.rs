//! What an import of spare parts would change, and how its cells are read.

use iq_domain::{Names, SiteId};

use super::*;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn stores(codes: &[&str], parts: impl Fn(&Site) -> Vec<SparePart>) -> Stores {
    let tenant_id = TenantId::new();
    let sites: Vec<Site> = codes
        .iter()
        .map(|code| Site {
            id: SiteId::new(),
            tenant_id,
            code: (*code).to_owned(),
            names: Names::default(),
            time_zone: "Asia/Riyadh".to_owned(),
        })
        .collect();
    Stores {
        tenant_id,
        now: NOW,
        parts: parts(&sites[0]),
        sites,
    }
}

fn seal(site: &Site) -> SparePart {
    SparePart {
        id: SparePartId::new(),
        tenant_id: site.tenant_id,
        site_id: site.id,
        code: "SEAL-45".to_owned(),
        title: "Mechanical seal".to_owned(),
        on_hand: 1.0,
        expected: None,
        lead_time_days: Some(30),
        note: String::new(),
        changed_at: Timestamp(0),
    }
}

fn codes(plan: &SparePartPlan) -> Vec<(u64, &str, &str)> {
    plan.problems
        .iter()
        .map(|p| (p.row, p.problem.field.as_str(), p.problem.code.as_str()))
        .collect()
}

#[test]
fn a_file_creates_changes_and_leaves_what_it_does_not_name() {
    let stores = stores(&["RAS"], |site| vec![seal(site)]);
    let file = "code,title,on_hand,expected_quantity,expected_on\n\
                SEAL-45,Mechanical seal,0,2,2026-12-01\nBRG-1,Bearing,4.5,,\n";
    let plan = plan(file, &stores).unwrap();
    assert_eq!(codes(&plan), []);
    let changed = &plan.updated[0];
    assert_eq!((changed.on_hand, changed.lead_time_days), (0.0, Some(30)));
    // What comes on the first can be taken from the second on, in the time of the site.
    let arrival = changed.expected.unwrap();
    assert_eq!(arrival.quantity.to_bits(), 2.0_f64.to_bits());
    assert_eq!(arrival.at, Timestamp(1_796_158_800_000));
    let made = &plan.created[0];
    assert_eq!((made.code.as_str(), made.on_hand), ("BRG-1", 4.5));
    assert_eq!(made.expected, None);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let stores = stores(&["RAS"], |site| vec![seal(site)]);
    let plan = plan("code,on_hand\nSEAL-45,1\n", &stores).unwrap();
    assert_eq!((plan.unchanged, plan.created.len()), (1, 0));
}

#[test]
fn what_can_not_be_read_is_named_by_row_and_column() {
    let stores = stores(&["RAS", "WAD"], |site| vec![seal(site)]);
    let file = "code,title,site,on_hand,expected_quantity,expected_on,lead_time_days\n\
                A,a,RAS,many,,,\n\
                B,b,,1,,,\n\
                C,c,WAD,1,2,,\n\
                D,d,WAD,1,2,soon,\n\
                E,e,WAD,1,,,-3\n\
                F,f,WAD,-1,,,\n\
                G,g,WAD,1,,,\n\
                G,g,WAD,1,,,\n\
                G,g,RAS,1,,,\n";
    let plan = plan(file, &stores).unwrap();
    let found = codes(&plan);
    for wanted in [
        (2, "on_hand", "spare_parts.number_unreadable"),
        (3, "site", "import.site_unknown"),
        (4, "expected_on", "spare_parts.arrival_half"),
        (5, "expected_on", "spare_parts.day_unreadable"),
        (6, "lead_time_days", "spare_parts.number_unreadable"),
        (7, "on_hand", "request.number_out_of_range"),
        (9, "code", "spare_parts.code_twice"),
    ] {
        assert!(found.contains(&wanted), "{wanted:?} in {found:?}");
    }
    assert!(!found.iter().any(|(row, ..)| [8, 10].contains(row)));
}
