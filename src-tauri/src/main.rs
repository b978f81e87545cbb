//! `optria-desktop`: the appliance's pages in a window of their own. It attaches to the appliance
//! that already serves the data folder, else runs one inside this process. There is no business rule
//! here, and the page can call nothing in this program: everything goes over the local HTTP API.

mod host;
mod options;
mod window;

use std::{process::ExitCode, sync::Mutex, thread};

use tauri::{AppHandle, Manager, RunEvent};

use crate::{host::Host, options::Options, window::Page};

/// What this program holds while it runs; empty until the appliance is there.
#[derive(Default)]
struct Held(Mutex<Option<Host>>);

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> anyhow::Result<()> {
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            window::bring_to_front(app)
        }))
        .manage(Held::default())
        .setup(move |app| {
            let page = window::open(app.handle())?;
            let handle = app.handle().clone();
            // The window is there at once; a first start of the appliance may take a moment.
            thread::spawn(move || bring_up(&handle, &page, options));
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| {
        if matches!(event, RunEvent::Exit) {
            let host = app
                .state::<Held>()
                .0
                .lock()
                .ok()
                .and_then(|mut held| held.take());
            if let Some(host) = host {
                host.stop();
            }
        }
    });
    Ok(())
}

fn bring_up(app: &AppHandle, page: &Page, options: Options) {
    let outcome = options
        .data_dir()
        .and_then(|data_dir| Host::attach_or_start(&data_dir, options.port))
        .and_then(|host| {
            page.show(host.entry())?;
            Ok(host)
        });
    match outcome {
        Ok(host) => {
            if let Ok(mut held) = app.state::<Held>().0.lock() {
                *held = Some(host);
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            page.show_failure(&error);
        }
    }
}
