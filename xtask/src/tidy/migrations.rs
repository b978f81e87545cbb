//! Migrations only add: an upgrade can be taken back by the copy made before it, a hub's instances of two
//! versions run on one database, and no row is ever lost to a step of the schema.

use super::Source;

/// What a step of a hub must not do while instances of the version before still run.
const NEVER_ON_A_HUB: &[&str] = &["DROP TABLE", "DROP COLUMN", "RENAME ", "ALTER COLUMN"];

/// Steps that were looked at: both tables could never hold a row, since the step that made them named a
/// column that is not there.
const LOOKED_AT: &[(&str, &str)] = &[("migrations/local/0021_courier.sql", "DROP TABLE SYNC_")];

/// Statements that do more than add.
pub(crate) fn destructive(sources: &[Source]) -> Vec<String> {
    let steps = sources
        .iter()
        .filter(|source| source.path.starts_with("migrations/") && source.path.ends_with(".sql"));
    steps
        .flat_map(|step| {
            let found = if step.path.starts_with("migrations/local/") {
                in_local(&step.text)
            } else {
                in_hub(&step.text)
            };
            let is_known = |statement: &String| {
                let known = |(path, begin): &(&str, &str)| {
                    step.path == *path && statement.starts_with(begin)
                };
                LOOKED_AT.iter().any(known)
            };
            found
                .into_iter()
                .filter(move |statement| !is_known(statement))
                .map(|statement| format!("{}: {statement}", step.path))
        })
        .collect()
}

fn without_comments(sql: &str) -> String {
    let lines = sql.lines();
    let code = lines.map(|line| line.split("--").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The statements, in capitals, with single spaces; a trigger with its body is one.
fn statements(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = String::new();
    for part in without_comments(sql).split(';') {
        open.push(' ');
        open.push_str(part);
        let words: Vec<String> = open.split_whitespace().map(str::to_uppercase).collect();
        let is_made = words.first().is_some_and(|word| word == "CREATE");
        let is_trigger = is_made && words.iter().take(4).any(|word| word == "TRIGGER");
        if is_trigger && words.last().is_none_or(|word| word != "END") {
            continue;
        }
        if !words.is_empty() {
            found.push(words.join(" "));
        }
        open.clear();
    }
    found
}

fn in_hub(sql: &str) -> Vec<String> {
    let is_bad = |statement: &String| NEVER_ON_A_HUB.iter().any(|word| statement.contains(word));
    let found = statements(sql).into_iter().filter(is_bad);
    found.map(|statement| cut(&statement)).collect()
}

fn in_local(sql: &str) -> Vec<String> {
    let all = statements(sql);
    let added: Vec<&str> = all
        .iter()
        .filter_map(|statement| statement.split_once(" ADD COLUMN "))
        .filter_map(|(_, column)| column.split(' ').next())
        .collect();
    let only_adds = |statement: &&String| {
        let words: Vec<&str> = statement.split(' ').collect();
        match words.as_slice() {
            ["CREATE", "TABLE" | "INDEX" | "TRIGGER" | "VIEW", ..]
            | ["CREATE", "UNIQUE", "INDEX", ..]
            | ["INSERT", "INTO", ..]
            | ["ALTER", "TABLE", _, "ADD", "COLUMN", ..] => true,
            // A column that this step brings may be filled.
            ["UPDATE", _, "SET", column, ..] => added.contains(column),
            _ => false,
        }
    };
    let found = all.iter().filter(|statement| !only_adds(statement));
    found.map(|statement| cut(statement)).collect()
}

fn cut(statement: &str) -> String {
    statement.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn finds_what_takes_away() {
        let bad = [
            "DROP TABLE sites;",
            "ALTER TABLE sites RENAME TO places;",
            "ALTER TABLE sites DROP COLUMN name;",
            "DELETE FROM sites;",
            "UPDATE sites SET name = '';",
            "REPLACE INTO sites VALUES (1);",
            "PRAGMA writable_schema = 1;",
            "CREATE TABLE a (x); DROP TRIGGER t;",
        ];
        for sql in bad {
            let found = destructive(&[step("migrations/local/0099_x.sql", sql)]);
            assert_eq!(found.len(), 1, "{sql}: {found:?}");
        }
        let hub = step("migrations/hub/0099_x.sql", "ALTER TABLE a DROP COLUMN b;");
        assert_eq!(destructive(&[hub]).len(), 1);
    }

    #[test]
    fn leaves_what_adds_alone() {
        let sql = "-- DROP is only spoken of\n\
            CREATE TABLE a (x TEXT) STRICT;\n\
            ALTER TABLE b ADD COLUMN seen INTEGER;\n\
            UPDATE b SET seen = 1;\n\
            CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; UPDATE b SET x = 1; END;\n\
            CREATE UNIQUE INDEX i ON a (x);";
        let found = destructive(&[step("migrations/local/0099_x.sql", sql)]);
        assert_eq!(found, Vec::<String>::new());
    }
}
