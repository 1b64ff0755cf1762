// Written by scripts/write_types.sh from crates/contract; edit it there.

/**
 * What kind of thing went wrong. A code exists only where a program acts on it.
 */
export type Code = "spec" | "model" | "data" | "reward" | "database" | "run" | "busy" | "io" | "engine" | "network" | "stopped" | "internal";

/**
 * `message` is one sentence for a person; `detail` holds the technical cause, if there is more to say.
 */
export type Error = { code: Code, message: string, detail: string | null, };

/**
 * One problem with a spec: the path of the key (`training.group_size`) and a sentence that says what would fit.
 */
export type Problem = { path: string, message: string, };

/**
 * A whole Align-Pro experiment.
 */
export type Spec = { 
/**
 * Shown in lists; not unique.
 */
name: string, 
/**
 * Every random stream of the run is derived from this number.
 */
seed: number, data: Data, prompter: Prompter, frozen: Frozen, reward: Reward, training: Training, evaluation: Evaluation, };

/**
 * Where prompts come from and how they are split.
 */
export type Data = { 
/**
 * `"shipped"`, or the path of a `.jsonl` or `.csv` file (relative paths are relative to the spec file).
 */
source: string, 
/**
 * Name of the column (CSV) or key (JSONL) that holds the prompt.
 */
column: string, 
/**
 * How many prompts go into each split. Splits are drawn by `split_seed` and never overlap; prompts that are
 * equal after normalising case and white space fall into one split.
 */
train: number, validation: number, test: number, 
/**
 * Seed of the split, apart from the run's seed, so that seeds of one experiment share their test prompts.
 * The shipped prompts carry their own split and ignore it.
 */
split_seed: number, };

/**
 * The model that is trained to rewrite prompts, ρ.
 */
export type Prompter = { 
/**
 * Name of an installed model, or the path of a Hugging Face folder or GGUF file.
 */
model: string, 
/**
 * What asks for a rewrite; `{prompt}` stands for the user's prompt. Sent as one user message.
 */
meta_prompt: string, 
/**
 * What the frozen model gets: `{output}` stands for what the prompter wrote and `{prompt}`, where it is wanted, for the user's prompt.
 * `"{prompt} {output}"` lets the prompter only add to the prompt.
 */
rewrite_template: string, 
/**
 * The output ends after the first token in which one of these stands (`[".", "!", "?"]`: after a sentence), which stays in it; without
 * any, where the model ends it.
 */
ends_after?: Array<string>, 
/**
 * Longest output of the prompter.
 */
max_rewrite_tokens: number, 
/**
 * Temperature of the policy. The policy that is trained *is* the tempered distribution: ρ and ρ_sft both.
 */
temperature: number, lora: Lora, };

/**
 * Low-rank adaptation (Hu et al. 2021): W + (alpha / rank)·B·A.
 */
export type Lora = { rank: number, alpha: number, 
/**
 * Probability with which an input element of A is dropped in training, in [0, 1).
 */
dropout: number, 
/**
 * Linear layers that get an adapter, by their Hugging Face names.
 */
targets: Array<string>, };

/**
 * The model that answers and is never changed, π_F.
 */
export type Frozen = { 
/**
 * Name of an installed model, or the path of a Hugging Face folder or GGUF file.
 */
model: string, engine: Engine, 
/**
 * Quantisation applied while loading (mistral.rs only), such as `"q8_0"` or `"q4k"`. Absent: as on disk.
 */
quantisation?: string | null, max_answer_tokens: number, 
/**
 * 0 decodes greedily.
 */
temperature: number, top_p: number, 
/**
 * 0 keeps every token.
 */
top_k: number, };

/**
 * What computes the frozen model's answers.
 */
export type Engine = "auto" | "builtin" | "mistralrs";

/**
 * r(x, y) of the original prompt x and the answer y: Σ weight·part.
 */
export type Reward = { parts: Array<RewardPart>, };

/**
 * One weighted part of a reward. In a file its keys stand flat: `kind = "length_band"`, `weight`, `min_words` …
 */
export type RewardPart = { 
/**
 * Name in tables and charts; by default the kind's name.
 */
name?: string, weight: number, } & ({ "kind": "sentiment" } | { "kind": "topicality" } | { "kind": "length_band", min_words: number, max_words: number, } | { "kind": "regex", pattern: string, forbid: boolean, } | { "kind": "readability" });

/**
 * Rewards that are plain programs. Each returns a number whose range its documentation in `rewards` states.
 */
export type RewardProgram = { "kind": "sentiment" } | { "kind": "topicality" } | { "kind": "length_band", min_words: number, max_words: number, } | { "kind": "regex", pattern: string, forbid: boolean, } | { "kind": "readability" };

/**
 * How the prompter is trained.
 */
export type Training = { algorithm: Algorithm, iterations: number, prompts_per_iteration: number, 
/**
 * Rewrites per prompt, G.
 */
group_size: number, 
/**
 * λ: weight of KL(ρ‖ρ_sft) of the whole rewrite, subtracted from its reward.
 */
kl_coefficient: number, learning_rate: number, 
/**
 * Iterations over which the learning rate rises from 0.
 */
warmup_iterations: number, schedule: Schedule, 
/**
 * Optimiser steps on each batch of rewrites.
 */
updates_per_batch: number, 
/**
 * ε of the clipped ratio.
 */
clip_ratio: number, max_gradient_norm: number, weight_decay: number, 
/**
 * Rewrites per forward and backward pass; gradients accumulate over a batch. Rounded up to whole groups.
 */
rewrites_per_pass: number, 
/**
 * Divide advantages by the group's standard deviation. Off: it would change what λ means.
 */
scale_by_group_deviation: boolean, 
/**
 * Divide each rewrite's loss by its length. Off: it would change what λ means.
 */
scale_by_length: boolean, 
/**
 * GRPO: what the sums over tokens are divided by, instead of the number of rewrites.
 */
normalise_by?: Normaliser | null, 
/**
 * GRPO: ε above 1 of the clipped ratio, where it differs from `clip_ratio` below (DAPO's clip-higher).
 */
clip_ratio_high?: number | null, 
/**
 * GRPO: λ weights a k3 estimate for each token in the loss, as published, instead of the rewrite's divergence in its reward. Another optimum.
 */
kl_in_loss?: boolean, 
/**
 * Divergence in nats per rewrite that λ is adapted towards, from `kl_coefficient` on (Ziegler et al. 2019). Absent: λ is fixed.
 */
kl_target?: number | null, 
/**
 * How fast λ is adapted: K of the controller. Absent: 0.1, as published.
 */
kl_gain?: number | null, 
/**
 * PPO: λ of generalised advantage estimation, in [0, 1]; not the λ of the divergence. Absent: 0.95.
 */
gae_lambda?: number | null, 
/**
 * PPO: how far a value may move from the one before the batch and still gain, in units of the reward. Absent: 0.2.
 */
value_clip?: number | null, 
/**
 * PPO: learning rate of the value head, which follows the same warm-up and schedule. Absent: 0.01.
 */
value_learning_rate?: number | null, 
/**
 * Evaluate on the validation prompts every so many iterations (0: never).
 */
validate_every_iterations: number, 
/**
 * Keep what `resume` needs every so many iterations.
 */
checkpoint_every_iterations: number, };

export type Algorithm = "grpo" | "rloo" | "ppo";

/**
 * What GRPO's sums over tokens can be divided by.
 */
export type Normaliser = "batch_tokens" | "longest_rewrite";

/**
 * How the learning rate goes on after the warm-up.
 */
export type Schedule = "constant" | "linear" | "cosine";

/**
 * How the arms are compared on held-out prompts.
 */
export type Evaluation = { 
/**
 * S: answers per prompt and arm, each to a rewrite of its own.
 */
answers_per_prompt: number, 
/**
 * Prompts × answers decoded together. Part of the spec because it fixes the order of sums, bit for bit.
 */
answers_per_batch: number, bootstrap_resamples: number, permutations: number, };

/**
 * One arm on the test prompts. Variances are null where n is too small to estimate them.
 */
export type Arm = { 
/**
 * `raw`, `untuned` or `tuned`.
 */
name: string, 
/**
 * Answers scored (prompts × answers per prompt).
 */
n: number, prompts: number, reward_mean: number, 
/**
 * 95 % percentile-bootstrap interval of the mean, resampling prompts.
 */
reward_ci_low: number, reward_ci_high: number, 
/**
 * Sample variance over all answers (the paper's figure 3).
 */
reward_variance: number | null, 
/**
 * Unbiased variance between prompts of their expected reward; a negative estimate is shown as such.
 */
between_prompt_variance: number | null, 
/**
 * Unbiased variance of answers within a prompt.
 */
within_prompt_variance: number | null, 
/**
 * Mean of each part of the reward, unweighted, by its label.
 */
reward_parts: { [key in string]: number }, 
/**
 * How close rewrites stay to their prompts, in [0, 1]; null for the raw arm.
 */
rewrite_closeness: number | null, 
/**
 * Mean topicality of the answers, in [0, 1], whether or not the reward looks at it; null in reports of versions that did not count it.
 */
answer_topicality: number | null, 
/**
 * Mean tokens of a rewrite; null for the raw arm.
 */
rewrite_tokens: number | null, answer_tokens: number, 
/**
 * Share of rewrites and of answers cut at the token limit.
 */
truncated_rewrites: number | null, truncated_answers: number, };

/**
 * A paired comparison of two arms over the same prompts.
 */
export type Comparison = { arm: string, baseline: string, prompts: number, 
/**
 * Mean over prompts of (arm's mean reward − baseline's).
 */
mean_difference: number, ci_low: number, ci_high: number, 
/**
 * Two-sided sign-flip permutation test over prompts.
 */
p_value: number, };

/**
 * A run with what it found.
 */
export type Report = { run: number, name: string, status: string, seed: number, spec_hash: string, arms: Array<Arm>, comparisons: Array<Comparison>, 
/**
 * One plain sentence: which arm is better, or that they cannot be told apart.
 */
verdict: string, 
/**
 * Guards that fired and notes about the run (such as a resume on another machine), as sentences.
 */
warnings: Array<string>, };

/**
 * Where a run is in its life.
 */
export type Status = "created" | "waiting" | "running" | "stopped" | "interrupted" | "failed" | "finished";

/**
 * What the worker is doing; progress counts units of this phase.
 */
export type Phase = "load" | "baselines" | "train" | "evaluate";

/**
 * Things that happen in a run.
 */
export type Event = { "kind": "status", status: Status, message: string | null, } | { "kind": "phase", phase: Phase, total: number, } | { "kind": "progress", phase: Phase, done: number, total: number, } | { "kind": "iteration", iteration: number, reward_mean: number, kl: number, } | { "kind": "guard", iteration: number | null, guard: string, cause: string, remedy: string, } | { "kind": "engine_proof", engine: string, batched: boolean, detail: string, } | { "kind": "checkpoint", iteration: number, } | { "kind": "resumed", iteration: number, } | { "kind": "note", message: string, };

/**
 * How a thing stands.
 */
export type Health = "good" | "missing" | "bad";

/**
 * One thing that `alignpro doctor` looked at.
 */
export type Check = { name: string, health: Health, finding: string, 
/**
 * What to do; null where all is well.
 */
fix: string | null, };

/**
 * A model that is installed, as `alignpro models list --json` prints it.
 */
export type Model = { name: string, 
/**
 * Null, as are `parameters`, when the folder cannot be used.
 */
architecture: string | null, parameters: number | null, 
/**
 * Of all its files.
 */
bytes: number, path: string, 
/**
 * Why the folder cannot be used.
 */
problem: string | null, };

/**
 * The machine and what is on it.
 */
export type Overview = { version: string, 
/**
 * Path of the run database.
 */
database: string, 
/**
 * Folders: where models are installed, and what workers said.
 */
models_folder: string, logs_folder: string, 
/**
 * Every connection that this program has made to another machine, newest first.
 */
connections: Array<Connection>, checks: Array<Check>, models: Array<Model>, };

/**
 * A run in a list.
 */
export type RunSummary = { 
/**
 * Negative for a run of an opened file, and then good for as long as the file is open.
 */
id: number, 
/**
 * Path of the opened file that it is in; null for a run of one's own. A run of a file can be looked at and exported, not changed.
 */
file: string | null, name: string, 
/**
 * In order; none twice.
 */
tags: Array<string>, notes: string, 
/**
 * Out of the way, but kept.
 */
archived: boolean, 
/**
 * When it was deleted; it can be brought back until it is removed for good.
 */
deleted_at_ms: number | null, 
/**
 * False for a run that was shared without its prompts, rewrites and answers.
 */
has_texts: boolean, 
/**
 * Whether its trained prompter is in the database, to be tried and exported.
 */
has_prompter: boolean, status: Status, 
/**
 * Why it failed or stopped.
 */
message: string | null, seed: number, 
/**
 * Equal for runs that differ in nothing but their seed and name: the seeds of one experiment.
 */
experiment: string, data: string, prompter: string, frozen: string, 
/**
 * Milliseconds since 1970 (UTC), here and below.
 */
created_at_ms: number, started_at_ms: number | null, finished_at_ms: number | null, iterations_done: number, iterations: number, 
/**
 * Mean reward of each training iteration; null where it was not finite.
 */
reward_curve: Array<number | null>, 
/**
 * What it found, once there is a report.
 */
report: Report | null, };

/**
 * A fact that is kept with a run: `machine.cpu`, `model.prompter.checksum` …
 */
export type RunFact = { key: string, value: string, };

/**
 * A run with what does not change while it goes on.
 */
export type RunDetail = { summary: RunSummary, 
/**
 * With the whole path of a data file.
 */
spec: Spec, 
/**
 * The spec as a file would hold it, every default written out.
 */
spec_toml: string, facts: Array<RunFact>, };

/**
 * An event with its place in the order of all events.
 */
export type RunEvent = { sequence: number, at_ms: number, event: Event, };

/**
 * The numbers of one training iteration.
 */
export type IterationNews = { iteration: number, seconds: number, 
/**
 * docs/algorithms/ explains each name.
 */
metrics: { [key in string]: number | null }, };

/**
 * What has happened in a run since a sequence number. A first look, a reload and a second window all begin at 0.
 */
export type RunNews = { status: Status, message: string | null, 
/**
 * What to ask after next time.
 */
sequence: number, events: Array<RunEvent>, 
/**
 * Iterations that these events speak of. One that was computed again after a resume replaces the one before.
 */
iterations: Array<IterationNews>, };

/**
 * A rewrite in training, with its answer and what it was worth.
 */
export type EpisodeRow = { iteration: number, index: number, prompt_index: number, prompt: string, rewrite: string, answer: string, 
/**
 * Null where it was not finite, here and below.
 */
reward: number | null, reward_parts: { [key in string]: number | null }, 
/**
 * Nats: log ρ − log ρ_sft of the whole rewrite.
 */
kl: number | null, advantage: number | null, closeness: number | null, rewrite_tokens: number, answer_tokens: number, rewrite_truncated: boolean, answer_truncated: boolean, };

/**
 * An answer of an arm to a test prompt.
 */
export type SampleAnswer = { 
/**
 * `raw`, `untuned` or `tuned`.
 */
arm: string, 
/**
 * 0..S; answers of equal number share their decoding seed across arms.
 */
answer_index: number, 
/**
 * Null in the raw arm.
 */
rewrite: string | null, answer: string, reward: number | null, reward_parts: { [key in string]: number | null }, kl: number | null, closeness: number | null, rewrite_truncated: boolean | null, answer_truncated: boolean, };

/**
 * A test prompt with what all arms made of it.
 */
export type Sample = { prompt_index: number, prompt: string, answers: Array<SampleAnswer>, };

/**
 * A spec that was looked at: as a file would hold it, and all that is wrong with it.
 */
export type SpecCheck = { problems: Array<Problem>, toml: string, };

/**
 * Prompts of a data source, split as the spec says.
 */
export type DataPreview = { train: number, validation: number, test: number, 
/**
 * The first prompts of the training split, whole.
 */
examples: Array<string>, 
/**
 * Words of the median and of the longest prompt.
 */
median_words: number, longest_words: number, };

/**
 * What an answer is worth under a reward.
 */
export type ScoreRow = { total: number, 
/**
 * Unweighted parts by their labels.
 */
parts: { [key in string]: number }, };

/**
 * What came of one prompt, as `alignpro try RUN "a prompt" --json` prints it.
 */
export type Tried = { run: number, 
/**
 * Iterations that the tuned prompter was trained for.
 */
iteration: number, prompt: string, arms: Array<TriedArm>, };

/**
 * What one arm made of it.
 */
export type TriedArm = { name: string, 
/**
 * Null in the raw arm.
 */
rewrite: string | null, rewrite_closeness: number | null, rewrite_truncated: boolean | null, answer: string, answer_truncated: boolean, reward: number, reward_parts: { [key in string]: number }, };

/**
 * What `alignpro try --each --json` says on the way to a [`Tried`], a line each.
 */
export type TryNews = { "kind": "growing", name: string, rewrite: string | null, answer: string | null, } | { "kind": "done" } & TriedArm;

/**
 * What a person changes about a run that is there: null leaves a thing as it is.
 */
export type RunChange = { 
/**
 * Not empty.
 */
name: string | null, notes: string | null, 
/**
 * All of them.
 */
tags: Array<string> | null, archived: boolean | null, deleted: boolean | null, };

/**
 * What goes with the numbers into a file that is shared.
 */
export type Share = { 
/**
 * Prompts, rewrites and answers.
 */
texts: boolean, 
/**
 * The trained prompters, with which a colleague can try prompts of his own.
 */
prompters: boolean, };

/**
 * A run database that is open beside one's own, only to look at.
 */
export type OpenFile = { 
/**
 * Its whole path.
 */
path: string, name: string, 
/**
 * The shipped example.
 */
is_example: boolean, 
/**
 * Its runs, newest first, as [`RunSummary::id`].
 */
runs: Array<number>, };

/**
 * What came of a file that was dropped on the window or opened from the desktop: one of the two is null.
 */
export type Opened = { file: OpenFile | null, error: Error | null, };

/**
 * What merging a file into one's own database did.
 */
export type Merged = { 
/**
 * New runs, by their new numbers.
 */
added: Array<number>, 
/**
 * How many runs were here already and were left as they are.
 */
known: number, };

/**
 * What a phase of a run will take on this machine.
 */
export type PhaseEstimate = { phase: Phase, 
/**
 * Null where nothing is known to measure by.
 */
seconds: number | null, 
/**
 * Most memory that the worker holds at once.
 */
peak_bytes: number, };

/**
 * What a run will take on this machine, as `alignpro estimate SPEC --json` prints it.
 */
export type Estimate = { phases: Array<PhaseEstimate>, 
/**
 * Null where a phase has none.
 */
seconds: number | null, peak_bytes: number, 
/**
 * What the machine has free now.
 */
free_bytes: number, fits: boolean, 
/**
 * Where the figures come from, in a sentence.
 */
basis: string, 
/**
 * What to shrink, most useful first; none where it fits.
 */
advice: Array<string>, 
/**
 * Of the longest prompt with all that goes around it, and what the prompter's and the frozen model's contexts hold.
 */
longest_prompter_tokens: number, longest_frozen_tokens: number, prompter_context: number, frozen_context: number, };

/**
 * A connection to another machine.
 */
export type Connection = { 
/**
 * Milliseconds since 1970 (UTC).
 */
at_ms: number, 
/**
 * What was asked of whom.
 */
what: string, };

/**
 * What a person has set for all runs to come.
 */
export type Settings = { 
/**
 * Threads that a worker computes with; null for all that the processor has. Results are equal bit for bit only for equal numbers of them.
 */
threads: number | null, };

/**
 * What a run's worker takes of the machine at this moment.
 */
export type Load = { 
/**
 * 100 is one core wholly busy.
 */
cpu_percent: number, cores: number, 
/**
 * Resident memory of the worker.
 */
memory_bytes: number, memory_total_bytes: number, 
/**
 * Null where no graphics card is found.
 */
gpu: GpuLoad | null, };

/**
 * All of one graphics card, whoever uses it.
 */
export type GpuLoad = { name: string, percent: number, memory_bytes: number, memory_total_bytes: number, };
