//! What is inside a package: every crate and every package of the front end with version and licence,
//! as CycloneDX for machines, as a list and with the licence texts for people.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::tools::{capture, read};

/// A part that somebody else or we wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Package URL: `pkg:cargo/serde@1.0.0`. Names the part everywhere.
    purl: String,
    name: String,
    version: String,
    licence: String,
    /// Where its licence texts lie.
    folder: PathBuf,
    /// Package URLs of what it uses.
    uses: BTreeSet<String>,
    is_ours: bool,
}

/// The parts of one package.
pub(crate) struct Bill {
    name: &'static str,
    version: String,
    parts: Vec<Part>,
}

impl Bill {
    /// Reads what the crates `roots` are built from, on this kind of machine, and what the front end
    /// carries.
    pub(crate) fn of(
        root: &Path,
        name: &'static str,
        version: String,
        roots: &[&str],
    ) -> Result<Self> {
        let host = capture(Command::new("rustc").arg("-vV"))?;
        let host = host.lines().find_map(|line| line.strip_prefix("host: "));
        let metadata = capture(
            Command::new("cargo")
                .current_dir(root)
                .args(["metadata", "--format-version", "1", "--locked"])
                .args(["--filter-platform", host.context("rustc names no host")?]),
        )?;
        let mut parts = crates(&metadata, roots)?;
        let lock = read(&root.join("ui/package-lock.json"))?;
        parts.extend(front_end(&lock, &root.join("ui"))?);
        parts.sort_by(|a, b| a.purl.cmp(&b.purl));
        Ok(Self {
            name,
            version,
            parts,
        })
    }

    /// CycloneDX 1.5. It has no time and no serial number: the same input gives the same text.
    pub(crate) fn cyclone_dx(&self) -> Result<String> {
        let root = format!("pkg:generic/{}@{}", self.name, self.version);
        let components: Vec<Value> = self
            .parts
            .iter()
            .map(|part| {
                json!({
                    "type": "library",
                    "bom-ref": part.purl,
                    "name": part.name,
                    "version": part.version,
                    "purl": part.purl,
                    "licenses": [{ "expression": part.licence }],
                })
            })
            .collect();
        let known: BTreeSet<&String> = self.parts.iter().map(|part| &part.purl).collect();
        let dependencies: Vec<Value> = self
            .parts
            .iter()
            .map(|part| {
                let uses: Vec<&String> = part.uses.iter().filter(|u| known.contains(u)).collect();
                json!({ "ref": part.purl, "dependsOn": uses })
            })
            .collect();
        let bill = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": { "component": {
                "type": "application",
                "bom-ref": root,
                "name": self.name,
                "version": self.version,
                "licenses": [{ "expression": "Apache-2.0" }],
            } },
            "components": components,
            "dependencies": dependencies,
        });
        Ok(serde_json::to_string_pretty(&bill)? + "\n")
    }

    /// A line for each part.
    pub(crate) fn list(&self) -> String {
        let theirs = self.parts.iter().filter(|part| !part.is_ours);
        theirs.fold(String::new(), |mut text, part| {
            // Writing to a string can't fail.
            writeln!(text, "{}\t{}\t{}", part.name, part.version, part.licence).ok();
            text
        })
    }

    /// The licence texts and notices, each once, under the parts that carry it.
    pub(crate) fn texts(&self) -> Result<String> {
        let mut carriers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for part in self.parts.iter().filter(|part| !part.is_ours) {
            for text in texts_in(&part.folder)? {
                let name = format!("{} {}", part.name, part.version);
                carriers.entry(text).or_default().push(name);
            }
        }
        let mut all = String::new();
        for (text, names) in carriers {
            write!(
                all,
                "{}\n\n{text}\n\n{}\n\n",
                names.join(", "),
                "-".repeat(72)
            )?;
        }
        Ok(all)
    }
}

/// The crates that `roots` reach over dependencies that are linked: not those of tests and builds.
fn crates(metadata: &str, roots: &[&str]) -> Result<Vec<Part>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata is no JSON")?;
    let mut parts = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        let (name, version) = (text(&package["name"]), text(&package["version"]));
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let part = Part {
            purl: format!("pkg:cargo/{name}@{version}"),
            // Old crates separate a choice of licences by a stroke.
            licence: text(&package["license"]).replace('/', " OR "),
            folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
            uses: BTreeSet::new(),
            is_ours: package["source"].is_null(),
            name,
            version,
        };
        parts.insert(text(&package["id"]), part);
    }
    let linked: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .map(|node| {
            let used = list(&node["deps"])
                .filter(|used| list(&used["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .map(|used| text(&used["pkg"]))
                .collect();
            (text(&node["id"]), used)
        })
        .collect();
    let mut waiting: Vec<String> = parts
        .iter()
        .filter(|(_, part)| part.is_ours && roots.contains(&part.name.as_str()))
        .map(|(id, _)| id.clone())
        .collect();
    let mut reached = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if reached.contains_key(&id) {
            continue;
        }
        let mut part = parts.get(&id).context("a crate is not described")?.clone();
        let used = linked.get(&id).map(Vec::as_slice).unwrap_or_default();
        part.uses = used
            .iter()
            .filter_map(|u| Some(parts.get(u)?.purl.clone()))
            .collect();
        waiting.extend_from_slice(used);
        reached.insert(id, part);
    }
    Ok(reached.into_values().collect())
}

/// What the built front end may carry: all but the packages of development.
fn front_end(lock: &str, folder: &Path) -> Result<Vec<Part>> {
    let lock: Value = serde_json::from_str(lock).context("package-lock.json is no JSON")?;
    let packages = lock["packages"].as_object().context("it has no packages")?;
    let parts = packages.iter().filter_map(|(path, package)| {
        let name = path
            .rsplit("node_modules/")
            .next()
            .filter(|_| !path.is_empty())?;
        let is_carried = ["dev", "devOptional", "optional"]
            .iter()
            .all(|mark| package[mark] != true);
        if !is_carried {
            return None;
        }
        let version = text(&package["version"]);
        Some(Part {
            purl: format!("pkg:npm/{}@{version}", name.replace('@', "%40")),
            name: name.to_owned(),
            version,
            licence: text(&package["license"]),
            folder: folder.join(path),
            uses: BTreeSet::new(),
            is_ours: false,
        })
    });
    Ok(parts.collect())
}

fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let is_licence = |name: &str| {
        let name = name.to_ascii_uppercase();
        [
            "LICENSE",
            "LICENCE",
            "COPYING",
            "NOTICE",
            "UNLICENSE",
            "COPYRIGHT",
        ]
        .iter()
        .any(|start| name.starts_with(start))
    };
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} is gone", folder.display()))? {
        let entry = entry?;
        if is_licence(&entry.file_name().to_string_lossy()) && entry.file_type()?.is_file() {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            texts.push(text.replace("\r\n", "\n").trim().to_owned());
        }
    }
    Ok(texts)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            {"id": "a", "name": "iq-appliance", "version": "1.0.0", "license": "Apache-2.0", "source": null, "manifest_path": "/a/Cargo.toml"},
            {"id": "b", "name": "linked", "version": "2.0.0", "license": "MIT/Apache-2.0", "source": "registry", "manifest_path": "/b/Cargo.toml"},
            {"id": "c", "name": "deeper", "version": "3.0.0", "license": "ISC", "source": "registry", "manifest_path": "/c/Cargo.toml"},
            {"id": "d", "name": "for-tests", "version": "4.0.0", "license": "MIT", "source": "registry", "manifest_path": "/d/Cargo.toml"},
            {"id": "e", "name": "for-builds", "version": "5.0.0", "license": "MIT", "source": "registry", "manifest_path": "/e/Cargo.toml"}
        ],
        "resolve": {"nodes": [
            {"id": "a", "deps": [
                {"pkg": "b", "dep_kinds": [{"kind": null}, {"kind": "dev"}]},
                {"pkg": "d", "dep_kinds": [{"kind": "dev"}]},
                {"pkg": "e", "dep_kinds": [{"kind": "build"}]}
            ]},
            {"id": "b", "deps": [{"pkg": "c", "dep_kinds": [{"kind": null}]}]},
            {"id": "c", "deps": [{"pkg": "a", "dep_kinds": [{"kind": "dev"}]}]}
        ]}
    }"#;

    fn bill() -> Bill {
        Bill {
            name: "optria-server",
            version: "1.0.0".to_owned(),
            parts: crates(METADATA, &["iq-appliance"]).unwrap(),
        }
    }

    #[test]
    fn names_what_is_linked_and_nothing_else() {
        let names: Vec<String> = bill().parts.into_iter().map(|part| part.name).collect();
        assert_eq!(names, ["iq-appliance", "linked", "deeper"]);
    }

    #[test]
    fn writes_what_the_standard_asks_for() {
        let bill: Value = serde_json::from_str(&bill().cyclone_dx().unwrap()).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let linked = &bill["components"][1];
        assert_eq!(linked["purl"], "pkg:cargo/linked@2.0.0");
        assert_eq!(linked["licenses"][0]["expression"], "MIT OR Apache-2.0");
        let uses = &bill["dependencies"][1];
        assert_eq!(uses["ref"], "pkg:cargo/linked@2.0.0");
        assert_eq!(uses["dependsOn"], json!(["pkg:cargo/deeper@3.0.0"]));
    }

    #[test]
    fn lists_the_licences_of_others() {
        let list = bill().list();
        assert_eq!(
            list,
            "linked\t2.0.0\tMIT OR Apache-2.0\ndeeper\t3.0.0\tISC\n"
        );
    }

    #[test]
    fn the_front_end_carries_no_package_of_development() {
        let lock = r#"{"packages": {
            "": {"name": "ui"},
            "node_modules/react": {"version": "19.0.0", "license": "MIT"},
            "node_modules/a/node_modules/@x/b": {"version": "1.0.0", "license": "ISC"},
            "node_modules/vite": {"version": "7.0.0", "license": "MIT", "dev": true},
            "node_modules/typescript": {"version": "6.0.0", "license": "Apache-2.0", "devOptional": true}
        }}"#;
        let parts = front_end(lock, Path::new("ui")).unwrap();
        let purls: BTreeSet<String> = parts.into_iter().map(|part| part.purl).collect();
        let expected = ["pkg:npm/%40x/b@1.0.0", "pkg:npm/react@19.0.0"];
        assert_eq!(purls, expected.map(str::to_owned).into());
    }

    #[test]
    fn a_text_stands_once_under_all_who_carry_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut bill = bill();
        for part in &mut bill.parts {
            part.folder = folder.path().join(&part.name);
            fs::create_dir(&part.folder).unwrap();
            fs::write(part.folder.join("LICENSE-MIT"), "Do what you like.\r\n").unwrap();
            fs::write(part.folder.join("lib.rs"), "no licence").unwrap();
        }
        let texts = bill.texts().unwrap();
        assert_eq!(texts.matches("Do what you like.").count(), 1);
        assert!(texts.starts_with("linked 2.0.0, deeper 3.0.0\n"), "{texts}");
        assert!(!texts.contains("no licence"));
    }
}
