//! The commands, a file each.
pub mod adapter;
pub mod analyse;
pub mod data;
pub mod doctor;
pub mod endpoint;
pub mod estimate;
pub mod hub;
pub mod judge;
pub mod key;
pub mod models;
pub mod queue;
pub mod report;
pub mod reward;
pub mod reward_training;
pub mod run;
pub mod runs;
pub mod share;
pub mod show;
pub mod stop;
pub mod theory;
pub mod try_prompt;

use crate::cli::{Cli, Command, Common, RewardCommand};
use crate::consent::Consent;
use crate::output::Output;
use crate::served::Budgets;
use contract::Result;
use contract::desk::Share;
use contract::judged::ToJudge;
use contract::theory::TheoryWorld;
use experiment::reward_training::RewardTraining;
use home::{Home, create_folder};
use run::With;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use store::Store;

/// What every command works with.
pub struct Context {
    pub home: Home,
    db: Option<PathBuf>,
    pub output: Output,
    /// To commands of rewards.
    pub consent: Consent,
    /// What was opened, to be closed in the end.
    opened: Mutex<Vec<Store>>,
}

impl Context {
    pub fn new(common: Common) -> Result<Self> {
        let output = if common.json { Output::Json } else { Output::Text };
        let consent = if common.allow_commands { Consent::Given } else { Consent::Asked };
        Ok(Self { home: Home::find()?, db: common.db, output, consent, opened: Mutex::default() })
    }

    /// The database's path, as the user wrote it or by default.
    pub fn database(&self) -> PathBuf {
        self.db.clone().unwrap_or_else(|| self.home.database())
    }

    /// Opens the database for a command that writes runs. Only the default one gets its folder made.
    pub async fn open_or_create(&self) -> Result<Store> {
        if self.db.is_none() {
            create_folder(self.home.path())?;
        }
        self.opened(Store::open(&self.database()).await?).await
    }

    /// Opens a database that must be there.
    pub async fn open(&self) -> Result<Store> {
        self.opened(Store::open_existing(&self.database()).await?).await
    }

    /// Whether the user named a database, or the default one is there.
    pub fn has_database(&self) -> bool {
        self.db.is_some() || self.home.database().exists()
    }

    async fn opened(&self, store: Store) -> Result<Store> {
        if let Ok(mut opened) = self.opened.lock() {
            opened.push(store.clone());
        }
        store.mark_interrupted().await?;
        Ok(store)
    }

    /// Lets the write-ahead log go into the database file, which may then be copied or mailed alone.
    async fn close(self) {
        for store in self.opened.into_inner().unwrap_or_default() {
            store.close().await;
        }
    }
}

/// Does what the command line says.
pub async fn dispatch(cli: Cli) -> Result<ExitCode> {
    let context = Context::new(cli.common)?;
    let outcome = command(&context, cli.command).await;
    context.close().await;
    outcome
}

async fn command(context: &Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Run { spec, seed, seeds, arms, go_on } => {
            let with = With { seed, arms, folder: None };
            match if go_on { run::earlier(context, &spec, &with).await? } else { None } {
                Some(run) => run::resume(context, &[run], &Budgets::default()).await,
                None => run::start(context, &spec, &with, seeds).await,
            }
        }
        Command::Resume { runs, budget_tokens, budget_money } => {
            run::resume(context, &runs, &Budgets::of(budget_tokens, budget_money)).await
        }
        Command::Stop { run } => stop::stop(context, run).await,
        Command::Runs => runs::runs(context).await,
        Command::Show { run } => show::show(context, run).await,
        Command::Analyse { runs } => analyse::analyse(context, &runs).await,
        Command::Models { command } => models::models(context, command),
        Command::Try { run, prompt, seed, each } => try_prompt::try_prompt(context, run, &prompt, seed, each).await,
        Command::Judge { run, judge, endpoint, arm, baseline, pairs, each } => {
            let pairs = pairs.and_then(|pairs| usize::try_from(pairs).ok());
            judge::judge(context, run, &ToJudge { judge, arm, baseline, pairs }, &endpoint, each).await
        }
        Command::Adapter { run, folder } => adapter::adapter(context, run, &folder).await,
        Command::Export { file, runs, without_texts, prompters } => {
            share::export(context, &file, &runs, Share { texts: !without_texts, prompters }).await
        }
        Command::Import { file } => share::import(context, &file).await,
        Command::Report { file, runs } => report::report(context, &file, &runs).await,
        Command::Data { spec } => tokio::task::block_in_place(|| data::data(context, &spec)),
        Command::Reward { command } => tokio::task::block_in_place(|| reward_command(context, command)),
        Command::Estimate { spec, arms, seeds, folder, deviation } => {
            let design = estimate::Design { seeds: usize::try_from(seeds).unwrap_or(usize::MAX), deviation };
            estimate::estimate(context, &spec, &With { seed: None, arms, folder }, &design).await
        }
        Command::Theory { seed, prompts, rewrites, answers, lambdas } => {
            let random = |seed| TheoryWorld::Random { seed, prompts, rewrites, answers };
            theory::theory(context, seed.map_or(TheoryWorld::Example, random), &lambdas)
        }
        Command::Hub { command } => hub::hub(context, command).await,
        Command::Endpoint { command } => endpoint::endpoint(context, command),
        Command::Key { command } => key::key(context, command),
        Command::Doctor => doctor::doctor(context).await,
    }
}

fn reward_command(context: &Context, command: RewardCommand) -> Result<ExitCode> {
    match command {
        RewardCommand::Bench { spec, file, pairs, labels, filter, only, seed, folder, each } => {
            let asked =
                reward::Asked { columns: labels.beside(pairs), filter: filter.into(), only: only.map(|n| n as usize), seed, folder, each };
            reward::bench(context, &spec, &file, &asked)
        }
        RewardCommand::Train {
            file,
            name,
            pairs,
            labels,
            filter,
            near_duplicates,
            base,
            seed,
            epochs,
            only,
            held_out,
            learning_rate,
            max_tokens,
            checkpointing,
            each,
        } => {
            let settings = RewardTraining { seed, epochs: epochs as usize, learning_rate, max_tokens, ..RewardTraining::default() };
            let only = only.map(|n| n as usize);
            let (columns, filter) = (labels.beside(pairs), filter.into());
            let asked =
                reward_training::Asked { name, columns, filter, near_duplicates, base, only, held_out, settings, checkpointing, each };
            reward_training::train(context, &file, &asked)
        }
    }
}
