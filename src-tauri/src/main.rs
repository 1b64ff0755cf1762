//! The window. It shows what the store holds and asks the worker to work; everything that can be tested without a window is in `crates/desk`.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
mod commands;
mod files;
mod start;

use desk::Desk;
use home::Home;
use std::process::ExitCode;
use std::sync::Arc;
use tauri::{Manager, RunEvent};

fn main() -> ExitCode {
    start::mend_locale();
    match start::arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start::say(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &start::Arguments) -> contract::Result<()> {
    let desk = Arc::new(Desk::new(Home::find()?, arguments.database.clone(), start::worker()?));
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            // A second start shows the window that is there.
            if let Some(window) = app.get_webview_window("main") {
                let _ = window.unminimize().and_then(|()| window.set_focus());
            }
        }))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .manage(Arc::clone(&desk))
        .invoke_handler(commands::handler())
        .build(tauri::generate_context!())
        .map_err(|e| contract::Error::internal("The window cannot be opened.").with_detail(e))?;
    app.run(move |_, event| {
        if let RunEvent::Exit = event {
            tauri::async_runtime::block_on(desk.close());
        }
    });
    Ok(())
}
