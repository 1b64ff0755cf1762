//! Files that come from outside the pages: dropped on the window, opened from the desktop, named at a start.
use contract::Error;
use contract::desk::{OpenFile, Opened};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tauri::{AppHandle, Emitter, Manager};

/// Files named at the start, until the pages are there to be told of them.
pub struct Waiting(Mutex<Vec<PathBuf>>);

impl Waiting {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self(Mutex::new(files))
    }

    /// Only the first who asks gets them: a page that is loaded again does not open them again.
    pub fn take(&self) -> Vec<PathBuf> {
        self.0.lock().map(|mut files| std::mem::take(&mut *files)).unwrap_or_default()
    }
}

/// Opens files one after another and tells the pages what came of each.
pub fn open(app: &AppHandle, files: Vec<PathBuf>) {
    let (app, desk) = (app.clone(), Arc::clone(&app.state::<Arc<desk::Desk>>()));
    tauri::async_runtime::spawn(async move {
        for file in files {
            tell(&app, desk.open_file(&file).await);
        }
    });
}

pub fn tell(app: &AppHandle, outcome: Result<OpenFile, Error>) {
    let opened = match outcome {
        Ok(file) => Opened { file: Some(file), error: None },
        Err(error) => Opened { file: None, error: Some(error) },
    };
    // A window that is closing hears nothing.
    let _ = app.emit("opened", opened);
}
