//! The window. It shows what the store holds and asks the worker to work; everything that can be tested without a window is in `crates/desk`.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]
mod commands;
mod files;
mod menu;
mod opening;
mod start;

use desk::Desk;
use home::Home;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tauri::{DragDropEvent, Manager, RunEvent, WindowEvent};

fn main() -> ExitCode {
    start::exit_at_once();
    start::mend_locale();
    start::draw_without_a_graphics_card();
    let folder = std::env::current_dir().unwrap_or_default();
    match start::arguments(std::env::args_os().skip(1), &folder).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            start::say(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: start::Arguments) -> contract::Result<()> {
    start::find_display()?;
    let desk = Arc::new(Desk::new(Home::find()?, arguments.database, start::worker()?));
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, given, folder| {
            // A second start shows the window that is there, and opens its files in it.
            if let Some(window) = app.get_webview_window("main") {
                let _ = window.unminimize().and_then(|()| window.set_focus());
            }
            let given = given.into_iter().skip(1).map(Into::into);
            match start::arguments(given, Path::new(&folder)) {
                Ok(arguments) => opening::open(app, arguments.files),
                Err(error) => opening::tell(app, Err(error)),
            }
        }))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .menu(menu::build)
        .on_menu_event(menu::chosen)
        .manage(Arc::clone(&desk))
        .manage(opening::Waiting::new(arguments.files))
        .invoke_handler(commands::handler())
        .build(tauri::generate_context!())
        .map_err(|e| contract::Error::internal("The window cannot be opened.").with_detail(e))?;
    app.run(move |app, event| match event {
        RunEvent::WindowEvent { event: WindowEvent::DragDrop(DragDropEvent::Drop { paths, .. }), .. } => opening::open(app, paths),
        RunEvent::Exit => tauri::async_runtime::block_on(desk.close()),
        _ => {}
    });
    Ok(())
}
