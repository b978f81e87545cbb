//! Commands as the guides show them, so that a program can be asked whether it knows each of them.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use clap::{Command, error::ErrorKind};

/// A command that a guide shows.
struct ShownCommand {
    /// Guide and line.
    place: String,
    /// The program and its arguments.
    words: Vec<String>,
}

impl ShownCommand {
    /// Whether a word stands for what the reader puts in its place: `FILE`, `N`, `<folder>`.
    fn has_placeholder(&self) -> bool {
        let is_one = |word: &String| word.chars().all(|letter| letter.is_ascii_uppercase());
        self.words.iter().any(is_one)
    }
}

/// Checks that what the guides show of a program can be typed as it stands there: no command and no
/// option has another name, or none any more. A command may be shown by its beginning alone.
///
/// # Errors
/// When one can't be typed, or fewer than `least` are shown.
pub fn check_shown_commands(program: &Command, least: usize) -> Result<()> {
    let shown = shown_commands(program.get_name())?;
    ensure!(shown.len() >= least, "only {} commands", shown.len());
    for command in shown {
        let Err(error) = program.clone().try_get_matches_from(&command.words) else {
            continue;
        };
        let is_beginning = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        let is_unfilled = error.kind() == ErrorKind::ValueValidation && command.has_placeholder();
        let words = command.words.join(" ");
        ensure!(
            is_beginning || is_unfilled,
            "{}: `{words}`: {error}",
            command.place
        );
    }
    Ok(())
}

/// Every command of `program` in the README and the guides, in both languages.
fn shown_commands(program: &str) -> Result<Vec<ShownCommand>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![root.join("README.md"), root.join("README.ar.md")];
    for entry in fs::read_dir(root.join("docs/guides"))? {
        files.push(entry?.path());
    }
    let mut shown = Vec::new();
    for file in files.into_iter().filter(|file| is_markdown(file)) {
        let told = || format!("{} can't be read", file.display());
        let text = fs::read_to_string(&file).with_context(told)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        shown.extend(code_of(&text).into_iter().filter_map(|(line, code)| {
            Some(ShownCommand {
                place: format!("{name}:{line}"),
                words: command_of(&code, program)?,
            })
        }));
    }
    Ok(shown)
}

fn is_markdown(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "md")
}

/// What stands as code in a text, with its line: the lines of blocks, and the spans of other lines.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let (mut is_block, mut begun) = (false, String::new());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block || line.starts_with("    ") {
            if let Some(front) = line.trim_end().strip_suffix('\\') {
                begun.push_str(front);
            } else {
                begun.push_str(line);
                found.push((number, std::mem::take(&mut begun)));
            }
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            found.extend(spans.map(|span| (number, span.to_owned())));
        }
    }
    found
}

/// The words of a command of this program, without what is before it (another user, variables) and
/// behind it (a remark, another command, an ellipsis).
fn command_of(code: &str, program: &str) -> Option<Vec<String>> {
    let code = without_angles(code);
    let mut words = code
        .split_whitespace()
        .take_while(|word| !word.starts_with('#') && !matches!(*word, "|" | ">" | "&&" | "…"))
        .map(|word| word.trim_matches(['[', ']']))
        .filter_map(|word| word.split(['|', '\\']).next())
        .peekable();
    while let Some(word) = words.peek().copied() {
        let is_variable = word.contains('=') && word.starts_with(|c: char| c.is_ascii_uppercase());
        match word {
            "-u" => {
                words.next();
                words.next();
            }
            "sudo" | "runuser" | "env" | "export" | "--" => {
                words.next();
            }
            _ if is_variable => {
                words.next();
            }
            _ => break,
        }
    }
    let words: Vec<String> = words.map(str::to_owned).collect();
    words
        .first()
        .is_some_and(|first| first == program)
        .then_some(words)
}

/// `<data folder>` is one word.
fn without_angles(code: &str) -> String {
    let mut plain = String::new();
    let mut rest = code;
    while let Some((front, behind)) = rest.split_once('<') {
        let Some((_, after)) = behind.split_once('>') else {
            break;
        };
        plain.push_str(front);
        plain.push_str("PLACE");
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_wherever_it_stands() {
        let text = "Run `optria status --data-dir DIR` or\n\
            ```\n\
            A=b sudo -u optria optria rollback \\\n  --data-dir /x   # back\n\
            systemctl restart optria\n\
            ```\n\
            `runuser -u optria -- env C=d optria backup …`, `optria_tls`, \
            `optria plant faults --dir <data folder>/plant | less [--seed N]`";
        let found: Vec<(usize, String)> = code_of(text)
            .into_iter()
            .filter_map(|(line, code)| Some((line, command_of(&code, "optria")?.join(" "))))
            .collect();
        let expected = [
            (1, "optria status --data-dir DIR"),
            (4, "optria rollback --data-dir /x"),
            (7, "optria backup"),
            (7, "optria plant faults --dir PLACE/plant"),
        ];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }
}
