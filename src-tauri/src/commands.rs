//! The questions that the pages may ask, each answered by [`desk::Desk`].
use contract::desk::{DataPreview, EpisodeRow, Overview, RunDetail, RunNews, RunSummary, Sample, ScoreRow, SpecCheck, Tried};
use contract::spec::{Data, Reward};
use contract::{Result, Spec};
use std::sync::Arc;
use tauri::ipc::Invoke;
use tauri::{State, Wry, generate_handler};

type Desk<'a> = State<'a, Arc<desk::Desk>>;

pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    generate_handler![examine, runs, run, news, episodes, samples, quickstart, check, preview, score, start, stop, resume, try_prompt]
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
