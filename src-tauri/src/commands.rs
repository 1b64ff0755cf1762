//! The questions that the pages may ask, each answered by [`desk::Desk`].
use crate::files as downloaded;
use crate::opening::{self, Waiting};
use ::desk::Work;
use contract::bench::{BenchProgress, RewardTrained, RewardTrainingNews, ToBenchReward, ToTrainReward};
use contract::design::DesignPower;
use contract::desk::{
    DataColumns, DataPreview, EpisodeRow, Estimate, Load, Merged, OpenFile, Overview, RunChange, RunDetail, RunNews, RunSummary, Sample,
    ScoreRow, Settings, Share, SpecCheck, Tried, TryNews,
};
use contract::endpoint::{Endpoint, EndpointFindings, KeyNames};
use contract::feedback::{FeedbackBench, FeedbackColumns, FeedbackFilter, FeedbackPreview};
use contract::hub::{HubAsked, HubBrought, HubKind, HubKnown, HubListed, HubProgress, HubShown, HubSought};
use contract::judged::{JudgeProgress, Judged, ToJudge};
use contract::profiles::Profiles;
use contract::reward::RewardCommand;
use contract::seeds::SeedsReport;
use contract::spec::{Data, Reward};
use contract::theory::{Theory, TheoryWorld};
use contract::{Error, Result, Spec};
use std::path::PathBuf;
use std::sync::Arc;
use tauri::ipc::{Channel, Invoke, InvokeBody, Request};
use tauri::{AppHandle, Manager, State, Theme, Wry, generate_handler};
use tauri_plugin_dialog::DialogExt;

type Desk<'a> = State<'a, Arc<desk::Desk>>;

pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    generate_handler![
        examine,
        runs,
        run,
        analyse,
        profiles,
        news,
        episodes,
        samples,
        quickstart,
        check,
        reward_commands,
        agree_to_commands,
        columns,
        preview,
        score,
        theory,
        design,
        estimate,
        leave_estimate,
        endpoint_models,
        try_endpoint,
        keys,
        keep_key,
        remove_key,
        start,
        stop,
        resume,
        resume_with_budget,
        change,
        remove,
        try_prompt,
        judge,
        leave_judging,
        fetch_embedded,
        hub_search,
        hub_show,
        hub_known,
        hub_here,
        hub_get,
        leave_hub_get,
        feedback,
        bench_reward,
        leave_reward_bench,
        train_reward,
        leave_reward_training,
        load,
        log,
        settings,
        keep_settings,
        choose_model_folder,
        forget_model_folder,
        appear,
        export_runs,
        export_adapter,
        save_report,
        listening,
        files,
        choose_file,
        open_example,
        close_file,
        merge,
        save,
        choose_prompts,
        choose_feedback
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
async fn analyse(desk: Desk<'_>, ids: Vec<i64>) -> Result<SeedsReport> {
    desk.analyse(&ids).await
}

#[tauri::command]
async fn profiles(desk: Desk<'_>, ids: Vec<i64>) -> Result<Profiles> {
    desk.profiles(&ids).await
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
async fn reward_commands(desk: Desk<'_>, reward: Reward, run: Option<i64>) -> Result<Vec<RewardCommand>> {
    desk.commands(reward, run).await
}

#[tauri::command]
async fn agree_to_commands(desk: Desk<'_>, reward: Reward, digests: Vec<String>, run: Option<i64>) -> Result<()> {
    desk.agree(reward, digests, run).await
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
async fn columns(desk: Desk<'_>, data: Data) -> Result<DataColumns> {
    desk.columns(data).await
}

#[tauri::command]
async fn theory(desk: Desk<'_>, world: TheoryWorld, lambdas: Vec<f64>) -> Result<Theory> {
    desk.theory(world, &lambdas)
}

#[tauri::command]
async fn design(desk: Desk<'_>, spec: Spec, seeds: u64, deviation: Option<f64>) -> Result<DesignPower> {
    desk.design(spec, seeds, deviation).await
}

#[tauri::command]
async fn estimate(desk: Desk<'_>, spec: Spec) -> Result<Estimate> {
    desk.estimate(spec).await
}

#[tauri::command]
async fn leave_estimate(desk: Desk<'_>) -> Result<()> {
    desk.leave(&Work::Estimate);
    Ok(())
}

#[tauri::command]
async fn endpoint_models(desk: Desk<'_>, endpoint: Endpoint) -> Result<Option<Vec<String>>> {
    desk.endpoint_models(&endpoint).await
}

#[tauri::command]
async fn try_endpoint(desk: Desk<'_>, endpoint: Endpoint, model: String) -> Result<EndpointFindings> {
    desk.try_endpoint(&endpoint, &model).await
}

#[tauri::command]
async fn keep_key(desk: Desk<'_>, name: String, key: String) -> Result<()> {
    desk.keep_key(&name, &key).await
}

#[tauri::command]
async fn keys(desk: Desk<'_>) -> Result<KeyNames> {
    desk.keys().await
}

#[tauri::command]
async fn remove_key(desk: Desk<'_>, name: String) -> Result<()> {
    desk.remove_key(&name).await
}

#[tauri::command]
async fn start(desk: Desk<'_>, spec: Spec, seeds: u64) -> Result<Vec<i64>> {
    desk.start(spec, seeds).await
}

#[tauri::command]
async fn stop(desk: Desk<'_>, id: i64) -> Result<()> {
    desk.stop(id).await
}

#[tauri::command]
async fn resume(desk: Desk<'_>, ids: Vec<i64>) -> Result<()> {
    desk.resume(&ids).await
}

#[tauri::command]
async fn resume_with_budget(desk: Desk<'_>, id: i64, part: Option<String>, tokens: Option<u64>, money: Option<f64>) -> Result<()> {
    desk.resume_with_budget(id, part.as_deref(), tokens, money).await
}

#[tauri::command]
async fn fetch_embedded(desk: Desk<'_>) -> Result<()> {
    desk.fetch_embedded().await
}

#[tauri::command]
async fn change(desk: Desk<'_>, ids: Vec<i64>, change: RunChange) -> Result<()> {
    desk.change(&ids, &change).await
}

#[tauri::command]
async fn remove(desk: Desk<'_>, ids: Vec<i64>) -> Result<()> {
    desk.remove(&ids).await
}

#[tauri::command]
async fn export_runs(app: AppHandle, desk: Desk<'_>, ids: Vec<i64>, share: Share) -> Result<PathBuf> {
    desk.export(&ids, share, &downloads(&app)?).await
}

#[tauri::command]
async fn export_adapter(app: AppHandle, desk: Desk<'_>, id: i64) -> Result<PathBuf> {
    desk.export_adapter(id, &downloads(&app)?).await
}

#[tauri::command]
async fn save_report(app: AppHandle, desk: Desk<'_>, ids: Vec<i64>) -> Result<PathBuf> {
    desk.save_report(&ids, &downloads(&app)?).await
}

/// The pages hear of files from now on, and first of those that were named at the start.
#[tauri::command]
async fn listening(app: AppHandle, waiting: State<'_, Waiting>) -> Result<()> {
    opening::open(&app, waiting.take());
    Ok(())
}

#[tauri::command]
async fn files(desk: Desk<'_>) -> Result<Vec<OpenFile>> {
    desk.files().await
}

/// Lets a person choose a run database and opens it; null where none was chosen.
#[tauri::command]
async fn choose_file(app: AppHandle, desk: Desk<'_>) -> Result<Option<OpenFile>> {
    let chosen = app.dialog().file().set_title("A file of runs").add_filter("Runs", &["alignpro", "db"]).blocking_pick_file();
    match chosen.and_then(|file| file.into_path().ok()) {
        Some(path) => desk.open_file(&path).await.map(Some),
        None => Ok(None),
    }
}

#[tauri::command]
async fn open_example(desk: Desk<'_>) -> Result<OpenFile> {
    desk.open_example().await
}

#[tauri::command]
async fn close_file(desk: Desk<'_>, path: PathBuf) -> Result<()> {
    desk.close_file(&path).await
}

#[tauri::command]
async fn merge(desk: Desk<'_>, path: PathBuf) -> Result<Merged> {
    desk.merge(&path).await
}

#[tauri::command]
async fn try_prompt(desk: Desk<'_>, id: i64, prompt: String, seed: u64, on_news: Channel<TryNews>) -> Result<Tried> {
    // A page that is gone hears nothing.
    desk.try_prompt(id, &prompt, seed, |news| drop(on_news.send(news))).await
}

#[tauri::command]
async fn judge(desk: Desk<'_>, id: i64, what: ToJudge, endpoint: Option<Endpoint>, on_progress: Channel<JudgeProgress>) -> Result<Judged> {
    // A page that is gone hears nothing.
    desk.judge(id, &what, endpoint.as_ref(), |progress| drop(on_progress.send(progress))).await
}

#[tauri::command]
async fn leave_judging(desk: Desk<'_>) -> Result<()> {
    desk.leave(&Work::Judging);
    Ok(())
}

#[tauri::command]
async fn hub_search(desk: Desk<'_>, sought: HubSought) -> Result<Vec<HubListed>> {
    desk.hub_search(&sought).await
}

#[tauri::command]
async fn hub_show(desk: Desk<'_>, asked: HubAsked) -> Result<HubShown> {
    desk.hub_show(&asked).await
}

#[tauri::command]
async fn hub_known(desk: Desk<'_>) -> Result<Vec<HubKnown>> {
    desk.hub_known().await
}

/// The data sets that are here, whoever brought them. Asks nobody.
#[tauri::command]
async fn hub_here(desk: Desk<'_>) -> Result<Vec<HubBrought>> {
    desk.hub_here().await
}

#[tauri::command]
async fn hub_get(desk: Desk<'_>, asked: HubAsked, on_progress: Channel<HubProgress>) -> Result<HubBrought> {
    // A page that is gone hears nothing.
    desk.hub_get(&asked, |progress| drop(on_progress.send(progress))).await
}

#[tauri::command]
async fn leave_hub_get(desk: Desk<'_>, kind: HubKind, name: String) -> Result<()> {
    desk.leave_hub_get(kind, &name);
    Ok(())
}

#[tauri::command]
async fn feedback(desk: Desk<'_>, file: PathBuf, columns: FeedbackColumns, filter: FeedbackFilter) -> Result<FeedbackPreview> {
    desk.feedback(file, columns, filter).await
}

#[tauri::command]
async fn bench_reward(desk: Desk<'_>, reward: Reward, asked: ToBenchReward, on_progress: Channel<BenchProgress>) -> Result<FeedbackBench> {
    // A page that is gone hears nothing.
    desk.bench_reward(reward, &asked, |progress| drop(on_progress.send(progress))).await
}

#[tauri::command]
async fn leave_reward_bench(desk: Desk<'_>) -> Result<()> {
    desk.leave(&Work::RewardBench);
    Ok(())
}

#[tauri::command]
async fn train_reward(desk: Desk<'_>, asked: ToTrainReward, on_news: Channel<RewardTrainingNews>) -> Result<RewardTrained> {
    // A page that is gone hears nothing.
    desk.train_reward(&asked, |news| drop(on_news.send(news))).await
}

#[tauri::command]
async fn leave_reward_training(desk: Desk<'_>) -> Result<()> {
    desk.leave(&Work::RewardTraining);
    Ok(())
}

#[tauri::command]
async fn load(desk: Desk<'_>, id: i64) -> Result<Option<Load>> {
    desk.load(id).await
}

#[tauri::command]
async fn log(desk: Desk<'_>, id: i64) -> Result<String> {
    desk.log(id)
}

#[tauri::command]
async fn settings(desk: Desk<'_>) -> Result<Settings> {
    desk.settings()
}

#[tauri::command]
async fn keep_settings(desk: Desk<'_>, settings: Settings) -> Result<()> {
    desk.keep_settings(&settings)
}

/// Lets a person choose a folder in which models are looked for from now on; null where none was chosen.
#[tauri::command]
async fn choose_model_folder(app: AppHandle, desk: Desk<'_>) -> Result<Option<Settings>> {
    let mut dialog = app.dialog().file().set_title("A folder with models");
    // GTK begins with files that were opened lately, among which no folder can be chosen.
    if let Ok(home) = app.path().home_dir() {
        dialog = dialog.set_directory(home);
    }
    let chosen = dialog.blocking_pick_folder();
    chosen.and_then(|folder| folder.into_path().ok()).map(|folder| desk.name_model_folder(&folder)).transpose()
}

#[tauri::command]
async fn forget_model_folder(desk: Desk<'_>, folder: PathBuf) -> Result<Settings> {
    desk.forget_model_folder(&folder)
}

/// The window's frame and menu as the pages are: "light", "dark", or as the system is.
#[tauri::command]
async fn appear(app: AppHandle, theme: &str) -> Result<()> {
    app.set_theme(match theme {
        "light" => Some(Theme::Light),
        "dark" => Some(Theme::Dark),
        _ => None,
    });
    Ok(())
}

/// Puts the request's bytes into the downloads folder under the name in its header; the path is returned.
#[tauri::command]
async fn save(app: AppHandle, request: Request<'_>) -> Result<String> {
    let name = request.headers().get("name").and_then(|name| name.to_str().ok()).unwrap_or_default();
    let InvokeBody::Raw(bytes) = request.body() else {
        return Err(Error::internal("A file came without its bytes."));
    };
    downloaded::save(&downloads(&app)?, name, bytes).map(|path| path.display().to_string())
}

fn downloads(app: &AppHandle) -> Result<PathBuf> {
    let folder = app.path().download_dir().or_else(|_| app.path().home_dir());
    folder.map_err(|e| Error::io("There is no folder for downloads.").with_detail(e))
}

/// Lets a person choose a file of prompts; null where none was chosen.
#[tauri::command]
async fn choose_prompts(app: AppHandle) -> Result<Option<String>> {
    Ok(chosen_rows(&app, "A file of prompts", "Prompts"))
}

/// Lets a person choose a file of feedback; null where none was chosen.
#[tauri::command]
async fn choose_feedback(app: AppHandle) -> Result<Option<String>> {
    Ok(chosen_rows(&app, "A file of pairs of answers, or of answers with labels", "Answers"))
}

fn chosen_rows(app: &AppHandle, title: &str, what: &str) -> Option<String> {
    let dialog = app.dialog().file().set_title(title).add_filter(what, &["jsonl", "ndjson", "json", "csv", "parquet", "gz"]);
    let chosen = dialog.blocking_pick_file()?.into_path().ok()?;
    Some(chosen.display().to_string())
}
