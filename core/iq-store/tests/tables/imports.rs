//! Uploaded files and their tags.

use iq_domain::*;
use iq_store::{
    Page,
    imports::{self, Import, ImportCounts, ImportState, ImportTag},
    integrations,
};
use serde_json::json;

use crate::support::{Fixture, T0};

fn import(tenant: TenantId, integration: IntegrationId) -> Import {
    Import {
        id: ImportId::new(),
        tenant_id: tenant,
        integration_id: integration,
        name: "تقرير.csv".into(),
        size_bytes: 12,
        sha256: "ab".into(),
        state: ImportState::Scanning,
        profile: json!({ "format": "csv" }),
        scan: ImportCounts::default(),
        run: ImportCounts::default(),
        run_id: None,
        imported_key: None,
        error_code: None,
        error_params: json!({}),
        created_by: "admin".into(),
        created_at: T0,
        started_at: None,
        finished_at: None,
    }
}

fn tag(name: &str, samples: u64, last_at: i64) -> ImportTag {
    ImportTag {
        tag: name.into(),
        unit: Some("bar".into()),
        samples,
        first_at: Some(T0),
        last_at: Some(T0.plus_ms(last_at)),
        last_value: json!(last_at),
    }
}

#[test]
fn a_file_is_kept_with_its_counts_and_recognised_by_its_key() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let mut row = import(t, integration);
    let new = row.clone();
    fixture
        .write(move |c| imports::create_import(c, t, &new))
        .unwrap();
    row.state = ImportState::Done;
    row.run.samples = 3;
    row.run.last_at = Some(T0);
    row.imported_key = Some("k".into());
    let changed = row.clone();
    fixture
        .write(move |c| imports::update_import(c, t, &changed))
        .unwrap();
    let id = row.id;
    assert_eq!(
        fixture.read(move |c| imports::get_import(c, t, id)),
        Some(row)
    );
    let is_known =
        |key: &'static str| fixture.read(move |c| imports::is_imported(c, t, integration, key));
    assert!(is_known("k") && !is_known("other"));
    let other = TenantId::new();
    assert_eq!(
        fixture.read(move |c| imports::get_import(c, other, id)),
        None
    );
    assert!(!fixture.read(move |c| imports::is_imported(c, other, integration, "k")));
}

#[test]
fn tags_of_several_files_are_listed_once_and_go_with_the_integration() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let files = [import(t, integration), import(t, integration)];
    let ids = [files[0].id, files[1].id];
    fixture
        .write(move |c| {
            for file in &files {
                imports::create_import(c, t, file)?;
            }
            imports::replace_import_tags(c, t, ids[0], &[tag("TI-1", 2, 10), tag("PI-2", 1, 1)])?;
            imports::replace_import_tags(c, t, ids[1], &[tag("TI-1", 5, 99)])
        })
        .unwrap();
    let list = |search: &'static str| {
        fixture.read(move |c| imports::list_import_tags(c, t, integration, search, Page::first(10)))
    };
    let all = list("");
    assert_eq!(
        all.iter()
            .map(|t| (t.tag.as_str(), t.samples))
            .collect::<Vec<_>>(),
        [("PI-2", 1), ("TI-1", 7)]
    );
    assert_eq!(list("ti-").len(), 1);
    let one = fixture
        .read(move |c| imports::get_import_tag(c, t, integration, "TI-1"))
        .unwrap();
    assert_eq!(
        (one.last_at, one.last_value),
        (Some(T0.plus_ms(99)), json!(99))
    );
    fixture
        .write(move |c| integrations::delete_integration(c, t, integration))
        .unwrap();
    let none = fixture.read(move |c| imports::list_imports(c, t, None, Page::MAX));
    assert_eq!((none.rows, none.total), (vec![], 0));
    assert_eq!(list(""), []);
}
