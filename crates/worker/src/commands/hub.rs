//! `alignpro hub`: what the hub has, and bringing it.
use super::Context;
use crate::brought;
use crate::cli::{HubCommand, OfHub};
use crate::connections::note_connection;
use crate::machine::free_bytes;
use crate::models::check_name;
use crate::models::describe::{describe, fitness};
use crate::models::resolve::Located;
use crate::output::{note, one_line, printable};
use crate::progress::arriving;
use crate::signals;
use crate::table::{bytes, columns, headed};
use ::hub::{
    Hub, Id, KNOWN_DATA, KnownData, Opening, RemoteFile, Repository, Standing, TOKEN, TOKEN_VARIABLE, Target, address, choices, choose,
    found::Places, known_data,
};
use contract::desk::ModelPlace;
use contract::endpoint::is_this_machine;
use contract::hub::{HubBrought, HubKind, HubKnown, HubListed, HubProgress, HubShown};
use contract::{Error, Result};
use lm::{ModelFolder, RewardFolder, seal};
use network::{Secret, keys};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Air that a disk keeps beside what is brought.
const AIR: u64 = 200_000_000;
/// With `--each`, no two lines are closer.
const BETWEEN_LINES: Duration = Duration::from_millis(250);

pub async fn hub(context: &Context, command: HubCommand) -> Result<ExitCode> {
    signals::listen();
    match command {
        HubCommand::Search { text, data, tags, limit } => {
            let kind = if data { HubKind::Data } else { HubKind::Model };
            let hub = open(context, &format!("a search for \"{}\"", one_line(&text, 60)))?;
            let found = hub.search(kind, &text, &tags, usize::try_from(limit).unwrap_or(20)).await?;
            context.output.result(&json!({ "found": found }), || found_text(&found, kind))?;
        }
        HubCommand::Show { what } => {
            let asked = Asked::new(&what)?;
            let hub = open(context, &asked.in_words())?;
            let repository = asked.repository(&hub).await?;
            let shown = shown(&repository, &asked);
            context.output.result(&shown, || shown_text(&shown))?;
        }
        HubCommand::Get { what, name, anyway, yes, each } => get(context, &Asked::new(&what)?, name, (anyway, yes), each).await?,
        HubCommand::Data => {
            let (known, here) = (KNOWN_DATA.each_ref().map(as_known), brought::all(&context.home));
            context.output.result(&json!({ "data": known, "here": here }), || format!("{}{}", known_text(), here_text(&here)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is meant on the hub.
struct Asked {
    kind: HubKind,
    id: Id,
    revision: Option<String>,
    files: Vec<String>,
    known: Option<&'static KnownData>,
}

impl Asked {
    fn new(what: &OfHub) -> Result<Self> {
        let known = known_data(&what.id);
        let id = Id::parse(known.map_or(&what.id, |known| known.id))?;
        let kind = if what.data || known.is_some() { HubKind::Data } else { HubKind::Model };
        let files = match known {
            Some(known) if what.files.is_empty() => known.files.iter().map(ToString::to_string).collect(),
            _ => what.files.clone(),
        };
        Ok(Self { kind, id, revision: what.revision.clone(), files, known })
    }

    fn in_words(&self) -> String {
        format!("the {} {}", self.kind.in_words(), self.id.as_str())
    }

    async fn repository(&self, hub: &Hub) -> Result<Repository> {
        hub.repository(self.kind, &self.id, self.revision.as_deref()).await
    }

    /// The folder's, unless another was given.
    fn name(&self) -> &str {
        self.known.map_or_else(|| self.id.name(), |known| known.name)
    }
}

/// Says that the hub is about to be asked for `what`, and notes it.
fn open(context: &Context, what: &str) -> Result<Hub> {
    let address = address()?;
    let token = match keys::of_variable(TOKEN_VARIABLE)? {
        Some(token) => Some(token),
        None => keys::of_variable(&keys::variable(TOKEN))?,
    };
    let what = format!("{what} at {address}");
    note(&format!("network: {}", printable(&what)));
    if !is_this_machine(&address) {
        note_connection(&context.home, &what)?;
    }
    Hub::open(Opening {
        address,
        token,
        find_token: Box::new(|| keys::find(TOKEN).ok().or_else(token_of_other_programs)),
        say: Box::new(|line| note(&format!("network: {}", printable(line)))),
        stop: Box::new(signals::stop_requested),
    })
}

/// That of who has logged in with Hugging Face's own programs. It is read only, and kept nowhere else.
fn token_of_other_programs() -> Option<Secret> {
    let file = Places::of_system(&[]).token_file?;
    let token = Secret::new(&std::fs::read_to_string(&file).ok()?)?;
    note(&printable(&format!("network: with the token in {}", file.display())));
    Some(token)
}

/// What a repository is, and what of it is meant.
fn shown(repository: &Repository, asked: &Asked) -> HubShown {
    let (files, problem) = match choose(repository, &asked.files) {
        Ok(files) => (files, None),
        Err(e) => (Vec::new(), Some(e.message)),
    };
    let is_gguf = files.iter().any(|file| crate::models::is_gguf(Path::new(&file.path)));
    let (class, gguf) =
        (repository.class.as_deref(), repository.gguf_architecture.as_deref().filter(|_| is_gguf || repository.class.is_none()));
    let fitness = (repository.kind == HubKind::Model).then(|| fitness(class, gguf, repository.quantised.as_deref())).flatten();
    HubShown {
        kind: repository.kind,
        id: repository.id.as_str().to_owned(),
        name: asked.name().to_owned(),
        revision: repository.revision.clone(),
        licence: repository.licence.clone(),
        gated: repository.gated,
        downloads: repository.downloads,
        likes: repository.likes,
        architecture: gguf.or(class).map(String::from),
        is_fit: fitness.as_ref().is_none_or(|fitness| fitness.is_fit),
        fitness: fitness.map(|fitness| fitness.words),
        bytes: files.iter().map(|file| file.bytes).sum(),
        left_out: repository.files.len() - files.len(),
        files: files.into_iter().map(RemoteFile::shown).collect(),
        choices: choices(repository),
        problem,
    }
}

fn as_known(known: &KnownData) -> HubKnown {
    HubKnown {
        name: known.name.into(),
        id: known.id.into(),
        files: known.files.iter().map(ToString::to_string).collect(),
        column: known.column.into(),
        licence: known.licence.into(),
        what: known.what.into(),
    }
}

/// Brings it: `anyway` what nothing here can use, and with a `yes` without asking.
async fn get(context: &Context, asked: &Asked, name: Option<String>, (anyway, yes): (bool, bool), each: bool) -> Result<()> {
    let name = name.unwrap_or_else(|| asked.name().to_owned());
    check_name(&name)?;
    let hub = open(context, &asked.in_words())?;
    let repository = asked.repository(&hub).await?;
    let files = choose(&repository, &asked.files)?;
    let parent = if asked.kind == HubKind::Model { context.home.models() } else { context.home.data() };
    let target = Target::new(&repository, files, &parent, &name);
    if target.standing()? == Standing::Missing {
        let (missing, shown) = (target.missing_bytes(), shown(&repository, asked));
        note(&printable(&plan_text(&shown, target.folder(), missing)));
        if let Some(use_here) = shown.fitness.as_ref().filter(|_| !shown.is_fit && !anyway) {
            return Err(Error::model(format!("{use_here} Nothing was brought; --anyway brings it all the same.")));
        }
        check_space(target.folder(), missing)?;
        agree(yes)?;
        bring(context, &hub, &repository, &target, each).await?;
    } else {
        note(&format!("{} is here already, in the same version.", asked.in_words()));
    }
    let brought = brought(asked, &repository, &target, name);
    context.output.result(&brought, || brought_text(&brought))
}

/// Refuses before the first byte what cannot fit.
fn check_space(folder: &Path, missing: u64) -> Result<()> {
    match free_bytes(folder) {
        Some(free) if free < missing.saturating_add(AIR) => Err(Error::io(format!(
            "The disk of {} has {} free, and {} have still to come. Free some space, or set ALIGNPRO_HOME to a folder on another disk.",
            folder.display(),
            bytes(free),
            bytes(missing)
        ))),
        _ => Ok(()),
    }
}

/// Asks, on a terminal; elsewhere the yes must stand on the command line.
fn agree(yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::spec("Nothing is brought without a yes: add --yes, if licence and size are right."));
    }
    note("Bring it? Type yes or no, then press Enter:");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Error::io("The answer could not be read.").with_detail(e))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::stopped("Nothing was brought.")),
    }
}

async fn bring(context: &Context, hub: &Hub, repository: &Repository, target: &Target<'_>, each: bool) -> Result<()> {
    let bar = arriving("arriving");
    let mut told: Option<Instant> = None;
    let mut on_progress = |progress: &HubProgress| {
        bar.set_length(progress.bytes);
        bar.set_position(progress.done_bytes);
        bar.set_message(one_line(&progress.file, 40));
        let is_due = told.is_none_or(|at| at.elapsed() >= BETWEEN_LINES) || progress.done_bytes == progress.bytes;
        if each && is_due {
            told = Some(Instant::now());
            // Nobody may be listening; the files still arrive.
            let _ = context.output.line(progress);
        }
    };
    let origin = format!("{} at {}", repository.id.as_str(), repository.revision);
    let is_model = repository.kind == HubKind::Model;
    let finish = |folder: &Path| match (ModelFolder::open(folder), RewardFolder::open(folder)) {
        (Ok(model), _) if is_model => Ok(seal::note(&model, &origin)?),
        (_, Ok(model)) if is_model => Ok(seal::note(&model, &origin)?),
        // Of data and of models that are not trained here there are the hub's own checksums.
        _ => Ok(()),
    };
    let filled = target.fill(hub, &mut on_progress, finish).await;
    bar.finish_and_clear();
    filled
}

fn brought(asked: &Asked, repository: &Repository, target: &Target<'_>, name: String) -> HubBrought {
    let paths = target.paths();
    HubBrought {
        kind: asked.kind,
        id: repository.id.as_str().to_owned(),
        revision: repository.revision.clone(),
        licence: repository.licence.clone(),
        name,
        folder: target.folder().display().to_string(),
        bytes: paths.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|found| found.len()).sum(),
        files: paths.iter().map(|path| path.display().to_string()).collect(),
        column: asked.known.map(|known| known.column.to_owned()),
        system_column: asked.known.and_then(|known| known.system_column).map(String::from),
    }
}

fn brought_text(brought: &HubBrought) -> String {
    let mut lines = vec![format!("{} is in {} ({}).", brought.id, brought.folder, bytes(brought.bytes))];
    match brought.kind {
        HubKind::Model => {
            let model = describe(brought.name.clone(), ModelPlace::Installed, &Located::at(brought.folder.clone().into()));
            lines.push(match model.problem {
                Some(problem) => format!("It cannot be used here: {problem}"),
                None if model.is_reward_model => format!("In a spec: model = \"{}\" under [[reward.parts]].", brought.name),
                None if model.is_trainable => format!("In a spec: model = \"{}\" under [prompter] or [frozen].", brought.name),
                None => format!("In a spec: model = \"{}\" under [frozen]; its architecture is not trained here.", brought.name),
            });
        }
        HubKind::Data => {
            lines.extend(brought.files.iter().map(|file| format!("In a spec: source = \"{file}\" under [data].")));
            lines.extend(brought.column.iter().map(|column| format!("Its prompts stand in column = \"{column}\".")));
            lines.extend(brought.system_column.iter().map(|column| format!("Its system prompts stand in system_column = \"{column}\".")));
        }
    }
    printable(&lines.join("\n"))
}

fn found_text(found: &[HubListed], kind: HubKind) -> String {
    if found.is_empty() {
        return "The hub has nothing of this name. Fewer words find more; data sets want --data.\n".into();
    }
    let rows = found.iter().map(|one| {
        let mut row =
            vec![printable(&one.id), one.downloads.to_string(), one.likes.to_string(), one_line(one.licence.as_deref().unwrap_or("–"), 30)];
        row.push(if one.gated { "gated".into() } else { "open".into() });
        if kind == HubKind::Model {
            row.push(one.parameters.map_or_else(|| "–".into(), |number| format!("{:.2}", number as f64 / 1e9)));
        }
        row.push(one.bytes.map_or_else(|| "–".into(), bytes));
        if kind == HubKind::Model {
            row.push(if one.weights.is_empty() { "–".into() } else { one.weights.join(", ") });
        }
        row
    });
    let words: &[&str] = match kind {
        HubKind::Model => &["name", "downloads a month", "likes", "licence", "access", "10⁹ parameters", "size", "weights"],
        HubKind::Data => &["name", "downloads a month", "likes", "licence", "access", "size"],
    };
    columns(&headed(words, rows), &[0, 3, 4, 7])
}

/// The head of what is shown, in rows.
fn facts(shown: &HubShown) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        (shown.kind.in_words(), shown.id.clone()),
        ("version", shown.revision.clone()),
        ("licence", shown.licence.clone().unwrap_or_else(|| "none is stated: nobody has allowed its use".into())),
    ];
    if shown.gated {
        rows.push(("access", "only for those who have agreed to its conditions, with a token".into()));
    }
    if let Some(architecture) = &shown.architecture {
        rows.push(("architecture", architecture.clone()));
    }
    rows.extend(shown.fitness.iter().map(|fitness| ("use", fitness.clone())));
    rows
}

fn in_rows(rows: Vec<(&str, String)>) -> String {
    rows.into_iter().map(|(name, value)| format!("{name:<14}{value}")).collect::<Vec<_>>().join("\n")
}

fn shown_text(shown: &HubShown) -> String {
    let mut rows = facts(shown);
    rows.push(("downloads", format!("{} a month, {} likes", shown.downloads, shown.likes)));
    match &shown.problem {
        Some(problem) => rows.push(("problem", problem.clone())),
        None => {
            rows.push(("size", format!("{} in {}", bytes(shown.bytes), files_in_words(shown.files.len()))));
            rows.extend(shown.files.iter().map(|file| ("", format!("{}  {}", file.path, bytes(file.bytes)))));
            rows.push(("left there", files_in_words(shown.left_out)));
        }
    }
    printable(&in_rows(rows))
}

fn plan_text(shown: &HubShown, folder: &Path, missing: u64) -> String {
    let mut rows = facts(shown);
    let here = shown.bytes.saturating_sub(missing);
    let rest = if here > 0 { format!(", of which {} are here", bytes(here)) } else { String::new() };
    rows.push(("size", format!("{} in {}{rest}", bytes(shown.bytes), files_in_words(shown.files.len()))));
    rows.push(("goes to", folder.display().to_string()));
    in_rows(rows)
}

fn files_in_words(n: usize) -> String {
    if n == 1 { "1 file".into() } else { format!("{n} files") }
}

fn known_text() -> String {
    let rows = KNOWN_DATA.iter().map(|known| [known.name, known.id, known.column, known.licence, known.what].map(String::from).to_vec());
    columns(&headed(&["name", "on the hub", "column", "licence", "what it is"], rows), &[0, 1, 2, 3, 4])
}

fn here_text(here: &[HubBrought]) -> String {
    if here.is_empty() {
        return String::new();
    }
    let licence = |one: &HubBrought| one.licence.clone().unwrap_or_else(|| "none stated".into());
    let rows = here.iter().map(|one| vec![one.name.clone(), one.id.clone(), licence(one), bytes(one.bytes), one.folder.clone()]);
    let table = columns(&headed(&["name", "on the hub", "licence", "size", "folder"], rows), &[0, 1, 2, 4]);
    format!("\nHere already (a spec calls them by their names, data.source = \"NAME\"):\n{}", printable(&table))
}
