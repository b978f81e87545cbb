//! `optria-desktop`: the appliance's pages in a window of their own. It attaches to the service of this
//! machine where that proves itself, or to the appliance that already serves the data folder, else it
//! runs one inside this process. There is no business rule here, and the page can call nothing in this
//! program: everything goes over the local HTTP API.

mod chores;
mod host;
mod menu;
mod options;
mod window;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
    thread,
};

use anyhow::Result;
use iq_appliance::{LogFiles, SERVICE_FOLDER, start_log};
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};

use crate::{host::Host, options::Options, window::Page};

/// What this program holds while it runs.
struct Held {
    options: Options,
    /// Empty until the appliance is there.
    host: Mutex<Option<Host>>,
}

impl Held {
    /// The folder with the data that the window shows, or is to show once there is an appliance.
    fn data_dir(&self) -> Result<PathBuf> {
        if let Ok(host) = self.host.lock()
            && let Some(host) = host.as_ref()
        {
            return Ok(host.data_dir().to_owned());
        }
        self.options.data_dir()
    }
}

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            window::bring_to_front(app)
        }))
        .manage(Held {
            options,
            host: Mutex::default(),
        })
        .setup(|app| {
            // The pages are worth more than the menu.
            if let Err(error) = menu::attach(app.handle()) {
                eprintln!("There is no menu: {error:#}");
            }
            let page = window::open(app.handle())?;
            let handle = app.handle().clone();
            // The window is there at once; a first start of the appliance may take a moment.
            thread::spawn(move || bring_up(&handle, &page));
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| match event {
        RunEvent::WindowEvent {
            label,
            event: WindowEvent::Destroyed,
            ..
        } if label == window::LABEL => window::close_notice(app),
        RunEvent::Exit => {
            let held = app.state::<Held>();
            let host = held.host.lock().ok().and_then(|mut host| host.take());
            if let Some(host) = host {
                host.stop();
            }
        }
        _ => {}
    });
    Ok(())
}

fn bring_up(app: &AppHandle, page: &Page) {
    let held = app.state::<Held>();
    let outcome = open(&held.options).and_then(|host| {
        page.show(host.entry())?;
        Ok(host)
    });
    match outcome {
        Ok(host) => {
            if let Ok(mut held) = held.host.lock() {
                *held = Some(host);
            }
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            page.show_failure(&error);
        }
    }
}

fn open(options: &Options) -> Result<Host> {
    // Without a log the window works all the same.
    let log = start_log(Some(&options.data_dir()?)).unwrap_or_else(|error| {
        eprintln!("There is no log: {error:#}");
        LogFiles::new()
    });
    Host::open(options, Path::new(SERVICE_FOLDER), &log)
}
