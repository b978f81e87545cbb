//! The menus of the window and of its sign in the system: what the pages can't do, because they may call
//! nothing in this program. They speak the language of the system.

use std::thread;

use anyhow::{Context, Result};
use iq_locale::Params;
use tauri::{
    AppHandle, Manager,
    menu::{MenuBuilder, SubmenuBuilder},
};

use crate::{Held, chores, tray, window};

pub(crate) const OPEN_DATA: &str = "open_data";
pub(crate) const EXPORT_LOGS: &str = "export_logs";

/// Gives every window that is opened from here on the menu.
pub(crate) fn attach(app: &AppHandle) -> Result<()> {
    let program = SubmenuBuilder::new(app, word("desktop.menu"))
        .text(OPEN_DATA, word("desktop.open_data"))
        .text(EXPORT_LOGS, word("desktop.export_logs"))
        .build()?;
    app.set_menu(MenuBuilder::new(app).item(&program).build()?)?;
    app.on_menu_event(|app, event| chosen(app, event.id().as_ref()));
    Ok(())
}

/// A word in the language of the system.
pub(crate) fn word(key: &'static str) -> &'static str {
    let language = window::language(iq_config::system_locale().as_deref());
    iq_locale::pattern(language, "ui", key).unwrap_or(key)
}

/// Reading logs takes a moment, which the windows are not kept waiting for.
fn chosen(app: &AppHandle, id: &str) {
    match id {
        tray::SHOW => return window::bring_to_front(app),
        tray::QUIT => return app.exit(0),
        _ => {}
    }
    let (app, id) = (app.clone(), id.to_owned());
    thread::spawn(move || {
        let done = match id.as_str() {
            OPEN_DATA => open_data(&app).map(|()| None),
            EXPORT_LOGS => export_logs(&app).map(Some),
            _ => return,
        };
        let lines = match done {
            Ok(None) => return,
            Ok(Some(lines)) => lines,
            Err(error) => window::explain(&error, "desktop.not_done"),
        };
        if let Err(error) = window::notice(&app, &lines) {
            eprintln!("{}: {error:#}", lines[1]);
        }
    });
}

fn open_data(app: &AppHandle) -> Result<()> {
    let data_dir = app.state::<Held>().data_dir()?;
    let folder = chores::to_open(&data_dir)?;
    open::that_detached(folder).with_context(|| folder.display().to_string())
}

fn export_logs(app: &AppHandle) -> Result<[String; 2]> {
    let data_dir = app.state::<Held>().data_dir()?;
    let archive = chores::export_logs(&data_dir, &window::downloads(app)?)?;
    let params = Params::from([("file".to_owned(), archive.display().to_string())]);
    Ok(window::both("desktop.logs_exported", &params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_both_languages() {
        for key in ["desktop.menu", "desktop.open_data", "desktop.export_logs"] {
            let [ar, en] = window::both(key, &Params::new());
            assert!(ar != en && ar != key && en != key, "{key}: {ar} {en}");
        }
    }
}
