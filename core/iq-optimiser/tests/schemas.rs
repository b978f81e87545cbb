//! The committed JSON Schemas are the ones the types give. `UPDATE_SCHEMAS=1` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test that can not go on stops here")]

use std::{fs, path::Path};

use iq_optimiser::Model;

#[test]
fn committed_schemas_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    for model in Model::ALL {
        let (problem, plan) = model.schemas();
        for (kind, schema) in [("problem", problem), ("plan", plan)] {
            let path = folder.join(format!("{}.{kind}.json", model.key()));
            let fresh = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("UPDATE_SCHEMAS").is_some() {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&path, &fresh).unwrap();
            }
            let committed = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                committed,
                fresh,
                "{} is stale: run with UPDATE_SCHEMAS=1",
                path.display()
            );
        }
    }
}
