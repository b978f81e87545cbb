//! Changes of the mapping, lessons of the matcher and drift findings: kept as given, per tenant.

use iq_domain::*;
use iq_store::{
    Page, drift,
    drift::{DriftRow, DriftState},
    mapping_changes,
    mapping_changes::{ChangeOrigin, MappingChange, MappingChangeRow},
    mapping_lessons,
    mapping_lessons::MappingLesson,
};
use serde_json::json;

use crate::support::{Fixture, T0};

fn change(tenant_id: TenantId, n: i64) -> MappingChange {
    MappingChange {
        id: MappingChangeId::new(),
        tenant_id,
        at: T0.plus_ms(n),
        actor: "admin".into(),
        origin: ChangeOrigin::Import,
        added: 1,
        changed: 0,
        removed: 0,
        undo_of: None,
        undone_by: None,
    }
}

#[test]
fn a_change_keeps_its_rows_and_the_oldest_go_first() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let t = p.id();
    let rows = vec![MappingChangeRow {
        mapping_id: p.mapping.id,
        before: None,
        after: Some(p.mapping.clone()),
    }];
    let all: Vec<MappingChange> = (0..5).map(|n| change(t, n)).collect();
    let (kept, given) = (all.clone(), rows.clone());
    fixture
        .write(move |c| {
            for one in &kept {
                mapping_changes::create_mapping_change(c, t, one, &given)?;
            }
            mapping_changes::delete_old_mapping_changes(c, t, 3).map(|gone| assert_eq!(gone, 2))
        })
        .unwrap();
    let page = fixture.read(|c| mapping_changes::list_mapping_changes(c, t, Page::default()));
    let ids: Vec<_> = page.rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [all[4].id, all[3].id, all[2].id]);
    let found = fixture.read(|c| mapping_changes::list_mapping_change_rows(c, t, all[4].id));
    assert_eq!(found, rows);
    assert!(
        fixture
            .read(|c| mapping_changes::list_mapping_change_rows(c, t, all[0].id))
            .is_empty(),
        "rows go with their change"
    );
    let times = fixture.read(|c| mapping_changes::list_mapping_change_times(c, t, T0));
    assert_eq!(times, [(p.mapping.id, T0.plus_ms(4))]);
    // Another tenant sees and changes nothing of it.
    let foreign = other.id();
    let id = all[4].id;
    fixture.read(|c| {
        assert_eq!(mapping_changes::get_mapping_change(c, foreign, id)?, None);
        assert!(mapping_changes::list_mapping_change_rows(c, foreign, id)?.is_empty());
        assert!(mapping_changes::list_mapping_change_times(c, foreign, T0)?.is_empty());
        Ok(())
    });
    let refused =
        fixture.write(move |c| mapping_changes::update_mapping_change_undone(c, foreign, id, None));
    assert!(refused.is_err());
    let strange = change(t, 9);
    let refused =
        fixture.write(move |c| mapping_changes::create_mapping_change(c, foreign, &strange, &[]));
    assert!(refused.is_err());
}

#[test]
fn lessons_add_up_and_those_used_longest_ago_are_forgotten() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let t = p.id();
    let lesson = |feature: &str, confirmed, rejected| MappingLesson {
        feature: feature.into(),
        target: "centrifugal_pump/flow".into(),
        confirmed,
        rejected,
    };
    let (a, b) = (lesson("l:ft#03", 1, 0), lesson("w:zork", 0, 1));
    fixture
        .write(move |c| {
            mapping_lessons::add_mapping_lesson(c, t, &b, T0)?;
            mapping_lessons::add_mapping_lesson(c, t, &a, T0)?;
            mapping_lessons::add_mapping_lesson(c, t, &a, T0.plus_ms(1))?;
            mapping_lessons::delete_old_mapping_lessons(c, t, 1).map(|gone| assert_eq!(gone, 1))
        })
        .unwrap();
    let found = fixture.read(|c| mapping_lessons::list_mapping_lessons(c, t));
    assert_eq!(found, [lesson("l:ft#03", 2, 0)]);
    assert!(
        fixture
            .read(|c| mapping_lessons::list_mapping_lessons(c, other.id()))
            .is_empty()
    );
}

#[test]
fn a_dismissed_finding_stays_dismissed_and_a_repaired_one_may_come_again() {
    let fixture = Fixture::new();
    let (p, other) = (fixture.filled(), fixture.filled());
    let t = p.id();
    let finding = |name: &str, at: Timestamp| DriftRow {
        id: DriftFindingId::new(),
        tenant_id: t,
        fingerprint: name.into(),
        kind: "unit_changed".into(),
        mapping_id: p.mapping.id,
        state: DriftState::Open,
        finding: json!({ "seen": at.0 }),
        first_seen_at: at,
        last_seen_at: at,
        decided_by: None,
        decided_at: None,
        change_id: None,
    };
    let (a, b) = (finding("a", T0), finding("b", T0));
    let (ids, again) = (
        [a.id, b.id],
        [finding("a", T0.plus_ms(9)), finding("b", T0.plus_ms(9))],
    );
    fixture
        .write(move |c| {
            drift::record_drift(c, t, &a)?;
            drift::record_drift(c, t, &b)?;
            let by = |state| (state, "admin", T0.plus_ms(1), None);
            drift::update_drift_state(c, t, ids[0], DriftState::Open, by(DriftState::Dismissed))?;
            drift::update_drift_state(c, t, ids[1], DriftState::Open, by(DriftState::Accepted))?;
            let twice = by(DriftState::Dismissed);
            assert!(drift::update_drift_state(c, t, ids[1], DriftState::Open, twice).is_err());
            again
                .iter()
                .try_for_each(|row| drift::record_drift(c, t, row))
        })
        .unwrap();
    let open = fixture.read(|c| drift::list_drift(c, t, Some(DriftState::Open)));
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].id, open[0].first_seen_at), (ids[1], T0.plus_ms(9)));
    assert_eq!(
        (&open[0].decided_by, &open[0].finding),
        (&None, &json!({ "seen": T0.0 + 9 }))
    );
    let kept = fixture.read(|c| drift::get_drift(c, t, ids[0])).unwrap();
    assert_eq!(kept.state, DriftState::Dismissed);
    assert_eq!(kept.decided_by.as_deref(), Some("admin"));
    fixture
        .write(move |c| {
            drift::close_drift(c, t, ids[1])?;
            assert!(drift::close_drift(c, t, ids[0]).is_err(), "it is decided");
            drift::delete_drift_before(c, t, T0.plus_ms(10)).map(|gone| assert_eq!(gone, 1))
        })
        .unwrap();
    let left = fixture.read(|c| drift::list_drift(c, t, None));
    assert_eq!(left.len(), 1, "what was dismissed is remembered");
    let foreign = other.id();
    fixture.read(|c| {
        assert!(drift::list_drift(c, foreign, None)?.is_empty());
        assert_eq!(drift::get_drift(c, foreign, ids[0])?, None);
        Ok(())
    });
}
