//! The questions that the pages may ask, each answered by [`desk::Desk`].
use crate::files;
use contract::desk::{DataPreview, EpisodeRow, Overview, RunDetail, RunNews, RunSummary, Sample, ScoreRow, SpecCheck, Tried};
use contract::spec::{Data, Reward};
use contract::{Error, Result, Spec};
use std::sync::Arc;
use tauri::ipc::{Invoke, InvokeBody, Request};
use tauri::{AppHandle, Manager, State, Wry, generate_handler};
use tauri_plugin_dialog::DialogExt;

type Desk<'a> = State<'a, Arc<desk::Desk>>;

pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    generate_handler![
        examine,
        runs,
        run,
        news,
        episodes,
        samples,
        quickstart,
        check,
        preview,
        score,
        start,
        stop,
        resume,
        try_prompt,
        save,
        choose_prompts
    ]
}

#[tauri::command]
async fn examine(desk: Desk<'_>) -> Result<Overview> {
    desk.examine().await
}

#[tauri::command]
async fn runs(desk: Desk<'_>) -> Result<Vec<RunSummary>> {
    desk.runs().await
}

#[tauri::command]
async fn run(desk: Desk<'_>, id: i64) -> Result<RunDetail> {
    desk.run(id).await
}

#[tauri::command]
async fn news(desk: Desk<'_>, id: i64, after: i64) -> Result<RunNews> {
    desk.news(id, after).await
}

#[tauri::command]
async fn episodes(desk: Desk<'_>, id: i64, iteration: usize) -> Result<Vec<EpisodeRow>> {
    desk.episodes(id, iteration).await
}

#[tauri::command]
async fn samples(desk: Desk<'_>, id: i64) -> Result<Vec<Sample>> {
    desk.samples(id).await
}

#[tauri::command]
async fn quickstart(desk: Desk<'_>) -> Result<Spec> {
    desk.quickstart()
}

#[tauri::command]
async fn check(desk: Desk<'_>, spec: serde_json::Value) -> Result<SpecCheck> {
    desk.check(spec)
}

#[tauri::command]
async fn preview(desk: Desk<'_>, data: Data) -> Result<DataPreview> {
    desk.preview(data).await
}

#[tauri::command]
async fn score(desk: Desk<'_>, reward: Reward, prompt: String, answer: String) -> Result<ScoreRow> {
    desk.score(&reward, &prompt, &answer)
}

#[tauri::command]
async fn start(desk: Desk<'_>, spec: Spec) -> Result<i64> {
    desk.start(spec).await
}

#[tauri::command]
async fn stop(desk: Desk<'_>, id: i64) -> Result<()> {
    desk.stop(id).await
}

#[tauri::command]
async fn resume(desk: Desk<'_>, id: i64) -> Result<()> {
    desk.resume(id).await
}

#[tauri::command]
async fn try_prompt(desk: Desk<'_>, id: i64, prompt: String, seed: u64) -> Result<Tried> {
    desk.try_prompt(id, &prompt, seed).await
}

/// Puts the request's bytes into the downloads folder under the name in its header; the path is returned.
#[tauri::command]
async fn save(app: AppHandle, request: Request<'_>) -> Result<String> {
    let name = request.headers().get("name").and_then(|name| name.to_str().ok()).unwrap_or_default();
    let InvokeBody::Raw(bytes) = request.body() else {
        return Err(Error::internal("A file came without its bytes."));
    };
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir());
    let folder = folder.map_err(|e| Error::io("There is no folder for downloads.").with_detail(e))?;
    files::save(&folder, name, bytes).map(|path| path.display().to_string())
}

/// Lets a person choose a file of prompts; null where none was chosen.
#[tauri::command]
async fn choose_prompts(app: AppHandle) -> Result<Option<String>> {
    let chosen = app.dialog().file().set_title("A file of prompts").add_filter("Prompts", &["jsonl", "ndjson", "csv"]).blocking_pick_file();
    Ok(chosen.and_then(|file| file.into_path().ok()).map(|path| path.display().to_string()))
}
