//! Prints the TypeScript of everything that crosses to the window; `scripts/write_types.sh` keeps it in `ui/src/lib/ipc/types.ts`.
use contract::{desk, error, event, figures, report, seeds, spec, theory};
use ts_rs::{Config, TS};

macro_rules! declarations {
    ($config:expr, $($type:ty),* $(,)?) => { vec![$((<$type>::docs(), <$type>::decl($config))),*] };
}

#[allow(clippy::print_stdout)] // its purpose
fn main() {
    // JSON has one kind of number, and none of ours passes 2^53 but seeds, which the window only shows.
    let config = &Config::new().with_large_int("number");
    let declarations = declarations![
        config,
        error::Code,
        error::Error,
        spec::Problem,
        spec::Spec,
        spec::Data,
        spec::Prompter,
        spec::Lora,
        spec::Frozen,
        spec::Engine,
        spec::Reward,
        spec::RewardPart,
        spec::RewardProgram,
        spec::Training,
        spec::Algorithm,
        spec::Normaliser,
        spec::Schedule,
        spec::Evaluation,
        figures::Interval,
        figures::ShareOfPrompts,
        figures::VarianceRatio,
        figures::Component,
        figures::Components,
        report::Arm,
        report::Comparison,
        report::Report,
        event::Status,
        event::Phase,
        event::Event,
        seeds::Counted,
        seeds::SeedRun,
        seeds::MeanOverSeeds,
        seeds::ArmOverSeeds,
        seeds::ComparisonOverSeeds,
        seeds::Power,
        seeds::SeedsReport,
        desk::Health,
        desk::Check,
        desk::Model,
        desk::Overview,
        desk::RunSummary,
        desk::RunFact,
        desk::RunDetail,
        desk::RunEvent,
        desk::IterationNews,
        desk::RunNews,
        desk::EpisodeRow,
        desk::SampleAnswer,
        desk::Sample,
        desk::SpecCheck,
        desk::DataPreview,
        desk::ScoreRow,
        desk::Tried,
        desk::TriedArm,
        desk::TryNews,
        desk::RunChange,
        desk::Share,
        desk::OpenFile,
        desk::Opened,
        desk::Merged,
        desk::PhaseEstimate,
        desk::Estimate,
        desk::Connection,
        desk::Settings,
        desk::Load,
        desk::GpuLoad,
        theory::TheoryWorld,
        theory::TheoryRewrite,
        theory::TheoryAnswer,
        theory::TheoryPrompt,
        theory::PromptOptimum,
        theory::TheoryPoint,
        theory::BestOf,
        theory::Theory,
    ];
    println!("// Written by scripts/write_types.sh from crates/contract; edit it there.");
    for (docs, declaration) in declarations {
        println!("\n{}export {declaration}", docs.unwrap_or_default());
    }
}
