// Written by scripts/write_types.sh from crates/contract; edit it there.

/**
 * What kind of thing went wrong. A code exists only where a program acts on it.
 */
export type Code = "spec" | "model" | "data" | "reward" | "database" | "run" | "busy" | "io" | "engine" | "network" | "token" | "paused" | "stopped" | "internal";

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
seed: number, 
/**
 * Of the weights of all models that the built-in engine computes.
 */
precision?: Precision, 
/**
 * Models other than the prompter are in memory only while they compute, and are read again each time: the frozen model and judges where the built-in
 * engine computes them, and reward models. Less memory for more time; the result is the same.
 */
offload?: boolean, data: Data, prompter: Prompter, frozen: Frozen, reward: Reward, training: Training, evaluation: Evaluation, arms?: Arms, };

/**
 * How frozen weights are held, and products with them computed. Adapters, norms, attention, logits and everything that is summed are in f32 either
 * way.
 */
export type Precision = "f32" | "bf16";

/**
 * Where prompts come from and how they are split.
 */
export type Data = { 
/**
 * `"shipped"`; or the path of a `.jsonl`, `.json`, `.csv` or `.parquet` file, all but the last also gzipped; or of a folder of them, or with stars in
 * its last part, of several (`"train-*.parquet"`). Relative paths are relative to the spec file.
 */
source: string, 
/**
 * Name of the column (CSV, Parquet) or key (JSON) that holds the prompt: a text, or a conversation, of which the user's first message is the
 * prompt.
 */
column: string, 
/**
 * Name of the column or key that holds what a prompt goes on with, on lines of its own: a text that may be empty or missing in a row, as Alpaca's `input`.
 * Absent: nothing.
 */
input_column?: string | null, 
/**
 * Name of the column or key that holds the system prompt, a text that may be empty or missing in a row. Absent: none, but that of a conversation.
 */
system_column?: string | null, 
/**
 * Name of the column or key that says which prompts belong together: those of one user, topic, template or
 * conversation, as text or a whole number. A cluster is in one split only, and intervals and tests count clusters, not prompts.
 * Absent: prompts are unrelated. The shipped prompts have none.
 */
cluster_column?: string | null, 
/**
 * Prompts of fewer words are left out. Words are what white space separates, and characters of scripts without spaces.
 */
min_words?: number | null, 
/**
 * Prompts of more words are left out.
 */
max_words?: number | null, 
/**
 * Prompts that are clearly in another language are left out: ISO 639 code, such as `"en"`. Those too short to tell stay.
 */
language?: string | null, 
/**
 * No two prompts of the splits have so large a share of their word triples in common, or more (Jaccard similarity, in (0, 1]); of those that would,
 * the one drawn first stays. Absent: only prompts that are equal count as one.
 */
near_duplicates?: number | null, 
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
 * What reading the prompts found: rows by what became of them, and what the splits have in common.
 */
export type Census = { 
/**
 * Rows of the source, blank lines aside.
 */
rows: number, 
/**
 * Rows that hold no prompt (or no cluster), with the first few: where each stands and why it is left out.
 */
malformed: number, malformed_examples: Array<string>, 
/**
 * Prompts left out for their length or language.
 */
wrong_length: number, wrong_language: number, 
/**
 * Prompts that are equal to an earlier one after normalising case and white space.
 */
repeated: number, 
/**
 * Distinct prompts before which a system prompt stands.
 */
with_system: number, 
/**
 * Prompts that could be drawn: what is left.
 */
distinct: number, 
/**
 * Prompts passed over in drawing since they are near-duplicates of one that was drawn; 0 where the spec does not ask for it.
 */
near_duplicates: number, 
/**
 * Test and validation prompts that have a near-duplicate among the training prompts (from [`NEAR`] on), and the most similar such pair.
 */
near_in_training: number, 
/**
 * Test prompts that have one among the validation prompts, by which a prompter may be chosen; those that have one among the training prompts aside.
 */
near_in_validation: number, nearest: NearPair | null, };

/**
 * Two prompts of different splits that are near-duplicates.
 */
export type NearPair = { prompt: string, in_training: string, 
/**
 * Share of their word triples that they have in common, in (0, 1].
 */
similarity: number, };

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
 * Name of an installed model, or the path of a Hugging Face folder or GGUF file; with an endpoint, the name that it serves the model under.
 */
model: string, engine: Engine, 
/**
 * With `engine = "endpoint"`: where the model answers.
 */
endpoint?: Endpoint, 
/**
 * Quantisation applied while loading (mistral.rs only), such as `"q8_0"` or `"q4k"`. Absent: as on disk.
 */
quantisation?: string | null, 
/**
 * Tokens for whose keys and values mistral.rs makes room at once, in pages (paged attention; on a GPU only). Absent: each answer has its own.
 */
paged_attention?: number | null, max_answer_tokens: number, 
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
export type Engine = "auto" | "builtin" | "mistralrs" | "endpoint";

/**
 * An address that speaks OpenAI's protocol and answers in the place of a model on this machine.
 */
export type Endpoint = { 
/**
 * Where the protocol's paths begin, such as `http://127.0.0.1:8000/v1`.
 */
url: string, 
/**
 * Name under which the key is kept (`alignpro key set NAME`), never the key itself. Absent: none is sent.
 */
key?: string, 
/**
 * Requests under way at a time, if the endpoint proves that it answers them as it answers one.
 */
requests_at_once: number, 
/**
 * After so long an answer that has not come is given up.
 */
timeout_seconds: number, 
/**
 * For so long a request that fails is tried again before the run pauses.
 */
patience_seconds: number, 
/**
 * Tokens, read and written together, that a run may cost. Absent: any number.
 */
budget_tokens?: number, 
/**
 * Money that a run may cost, in the currency of the prices. Absent: any sum.
 */
budget_money?: number, 
/**
 * Price of a million tokens read.
 */
price_in_per_million?: number, 
/**
 * Price of a million tokens written.
 */
price_out_per_million?: number, 
/**
 * Speak without encryption to a machine outside of the private networks.
 */
allow_http?: boolean, };

/**
 * What an endpoint makes of a seed.
 */
export type Seeds = "kept" | "ignored" | "constant";

/**
 * What an endpoint was seen to do, by some small requests.
 */
export type EndpointFindings = { url: string, 
/**
 * As it was asked for.
 */
model: string, 
/**
 * As the answers call it, which may be longer: a version.
 */
served: string, 
/**
 * Whatever else it says of itself: its program, where the weights come from, a fingerprint.
 */
version: string | null, 
/**
 * Tokens that it holds, where it says so.
 */
context: number | null, seeds: Seeds, log_probs: boolean, 
/**
 * Whether answers say how many tokens they cost.
 */
usage: boolean, 
/**
 * Whether it answers greedily where it is asked to; or else every answer is drawn, at a temperature of its own.
 */
greedy: boolean, 
/**
 * Whether short answers hold text that can be compared: those of models that reason first hold none.
 */
compared: boolean, 
/**
 * Whether the same question gets the same greedy answer twice, or, where nothing is greedy, the same answer to the same seed.
 */
repeats: boolean, 
/**
 * Whether questions asked together are answered as they are one by one, rounding in half precision aside.
 */
together: boolean, 
/**
 * Of one short answer.
 */
seconds_per_answer: number, spent: EndpointSpent, 
/**
 * What a person should know before relying on it; a sentence each.
 */
remarks: Array<string>, };

/**
 * What an endpoint has cost.
 */
export type EndpointSpent = { 
/**
 * That were answered.
 */
requests: number, tokens_in: number, tokens_out: number, 
/**
 * Of the tokens, those that the endpoint did not count and that were estimated from the texts.
 */
tokens_estimated: number, 
/**
 * Null without prices.
 */
money: number | null, };

/**
 * Names of keys, in order. The keys themselves are told to nobody.
 */
export type KeyNames = { 
/**
 * In the system's keychain, from which they can be removed.
 */
keychain: Array<string>, 
/**
 * In the environment that the program was started with; as the variables say them, in small letters.
 */
environment: Array<string>, };

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
name?: string, 
/**
 * 0 watches the part: it is scored and shown, and nothing is trained on it, so that it can tell a gain from an exploited reward.
 */
weight: number, } & ({ "kind": "sentiment" } | { "kind": "topicality" } | { "kind": "length_band", min_words: number, max_words: number, } | { "kind": "regex", pattern: string, forbid: boolean, } | { "kind": "readability" } | { "kind": "reward_model", 
/**
 * Name of an installed model, or the path of a Hugging Face folder.
 */
model: string, } | { "kind": "command", 
/**
 * The program and its arguments; no shell looks at them. Relative paths start at the spec's folder, in which it runs.
 */
command: Array<string>, 
/**
 * After so long without all scores of a batch the command is ended. The first batch includes its start.
 */
timeout_seconds: number, 
/**
 * Megabytes (10⁶ bytes) of address space that each of its processes may take. 0: no limit.
 */
memory_mb: number, } | { "kind": "http", 
/**
 * Where batches are posted to.
 */
url: string, 
/**
 * Name under which the key is kept (`alignpro key set NAME`), never the key itself. Absent: none is sent.
 */
key?: string, 
/**
 * Speak without encryption to a machine outside of the private networks.
 */
allow_http?: boolean, 
/**
 * After so long a batch that is not scored is given up.
 */
timeout_seconds: number, 
/**
 * For so long a batch that fails is sent again before the run pauses.
 */
patience_seconds: number, pairs_per_request: number, } | { "kind": "judge", 
/**
 * Name of an installed model, or the path of a Hugging Face folder or GGUF file; with an endpoint, the name that it serves the model under.
 */
model: string, 
/**
 * What makes an answer good.
 */
rubric: string, 
/**
 * The lowest and the highest number, one digit each.
 */
lowest: number, highest: number, 
/**
 * Where the model answers, if not here.
 */
endpoint?: Endpoint, });

/**
 * What scores an answer. Each returns a number whose range its documentation in `rewards` states.
 */
export type RewardProgram = { "kind": "sentiment" } | { "kind": "topicality" } | { "kind": "length_band", min_words: number, max_words: number, } | { "kind": "regex", pattern: string, forbid: boolean, } | { "kind": "readability" } | { "kind": "reward_model", 
/**
 * Name of an installed model, or the path of a Hugging Face folder.
 */
model: string, } | { "kind": "command", 
/**
 * The program and its arguments; no shell looks at them. Relative paths start at the spec's folder, in which it runs.
 */
command: Array<string>, 
/**
 * After so long without all scores of a batch the command is ended. The first batch includes its start.
 */
timeout_seconds: number, 
/**
 * Megabytes (10⁶ bytes) of address space that each of its processes may take. 0: no limit.
 */
memory_mb: number, } | { "kind": "http", 
/**
 * Where batches are posted to.
 */
url: string, 
/**
 * Name under which the key is kept (`alignpro key set NAME`), never the key itself. Absent: none is sent.
 */
key?: string, 
/**
 * Speak without encryption to a machine outside of the private networks.
 */
allow_http?: boolean, 
/**
 * After so long a batch that is not scored is given up.
 */
timeout_seconds: number, 
/**
 * For so long a batch that fails is sent again before the run pauses.
 */
patience_seconds: number, pairs_per_request: number, } | { "kind": "judge", 
/**
 * Name of an installed model, or the path of a Hugging Face folder or GGUF file; with an endpoint, the name that it serves the model under.
 */
model: string, 
/**
 * What makes an answer good.
 */
rubric: string, 
/**
 * The lowest and the highest number, one digit each.
 */
lowest: number, highest: number, 
/**
 * Where the model answers, if not here.
 */
endpoint?: Endpoint, };

/**
 * A command of a reward as it would be run, which a person agrees to, or has agreed to.
 */
export type RewardCommand = { 
/**
 * Label of the part.
 */
part: string, 
/**
 * The program and its arguments.
 */
command: Array<string>, 
/**
 * In which it runs.
 */
folder: string, 
/**
 * The files that its arguments name.
 */
files: Array<CommandFile>, 
/**
 * Hex SHA-256 of command, folder and files: what is agreed to is this and nothing else.
 */
digest: string, agreed: boolean, };

/**
 * A file that a command names.
 */
export type CommandFile = { path: string, 
/**
 * Hex SHA-256 of its content.
 */
checksum: string, };

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
 * Gradient checkpointing: a pass keeps of each block its input alone, and computes the block again on the way back. Less memory for about a third
 * more time; the result is the same. Of the prompter and of the oracle.
 */
checkpointing?: boolean, 
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
 * Which prompter is the tuned one. Validation prompts alone decide.
 */
keep?: Keep, 
/**
 * End the training after so many validations, one after another, that were not better than the best before. Absent: at `iterations`.
 */
patience?: number | null, 
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
 * Which iteration's prompter is tested.
 */
export type Keep = "last" | "best";

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
 * Which arms are run, and how much those that search may draw. Each reward call, token and second is counted for the arm that it was
 * spent on.
 */
export type Arms = { 
/**
 * The prompt as it was typed.
 */
raw: boolean, 
/**
 * The prompter before training.
 */
untuned: boolean, 
/**
 * The prompter after training.
 */
tuned: boolean, 
/**
 * Lemma 5.1 without training: K rewrites of each prompt, one of them drawn with weights exp(R̂/λ), at the training's λ.
 */
optimum: boolean, 
/**
 * Of the same K rewrites the one with the largest R̂.
 */
best_rewrite: boolean, 
/**
 * Of N answers to the raw prompt the one with the largest reward.
 */
best_answer: boolean, 
/**
 * One instruction put before every prompt, searched for with as many reward calls as the training makes.
 */
instruction: boolean, 
/**
 * The frozen model itself, trained by the same algorithm with as many reward calls.
 */
oracle: boolean, 
/**
 * K: rewrites of each test prompt, drawn from the untuned prompter.
 */
rewrites_per_prompt: number, 
/**
 * M: answers to each of them, whose mean reward is R̂.
 */
answers_per_rewrite: number, 
/**
 * N: answers of which the best is kept.
 */
best_of_answers: number, 
/**
 * What asks the prompter for a new instruction; `{tried}` stands for the best so far with their scores, and is empty at first.
 */
instruction_request: string, 
/**
 * λ of the oracle: weight of KL(π‖π_F) of the whole answer. Absent: `training.kl_coefficient`.
 */
oracle_kl_coefficient: number | null, };

/**
 * A 95 % interval.
 */
export type Interval = { low: number, high: number, };

/**
 * A share, in [0, 1]; of prompts where nothing else is said.
 */
export type ShareOfPrompts = { share: number, 
/**
 * Resampling prompts, or clusters of them; null where nothing says how precise the share is.
 */
interval: Interval | null, };

/**
 * The variances of two arms' rewards over all answers, compared.
 */
export type VarianceRatio = { 
/**
 * Variance of the arm / variance of the baseline; below 1 where the arm's rewards vary less. Null where a variance is 0.
 */
ratio: number | null, 
/**
 * Percentile bootstrap of the log ratio over prompts, or clusters of them, the same drawn for both arms; null where too few prompts differ.
 */
interval: Interval | null, 
/**
 * Test of Brown and Forsythe on the first answers to each prompt. It takes the arms as independent, and is cautious as they are not. It takes
 * prompts as independent too, and is null where they are in clusters.
 */
p_value: number | null, };

/**
 * A variance component, in units of reward squared.
 */
export type Component = { 
/**
 * Unbiased, hence negative now and then where the true value is near 0.
 */
variance: number, 
/**
 * Percentile bootstrap over seeds and prompts; null where there are fewer than three of what it varies over, and where prompts are in
 * clusters.
 */
interval: Interval | null, };

/**
 * Where the variance of rewards, or of paired differences, comes from. A component that the design cannot tell apart is null and part of
 * the next coarser one: where every rewrite has one answer, `rewrite` holds the answers' variance too.
 */
export type Components = { 
/**
 * Between training seeds, the same for all prompts.
 */
seed: Component | null, 
/**
 * Between prompts, the same for all seeds.
 */
prompt: Component | null, 
/**
 * Seed × prompt: what a seed does to one prompt but not to others.
 */
interaction: Component | null, 
/**
 * Between rewrites of one prompt by one prompter.
 */
rewrite: Component | null, 
/**
 * Between answers to one rewrite.
 */
answer: Component | null, };

/**
 * The verdicts of one judge on the test answers of two arms, from stored rows. Every pair of answers was shown in both orders; shares are
 * of verdicts or pairs, their 95 % intervals resample prompts, or clusters of them.
 */
export type Judged = { 
/**
 * The judge's name where it was asked.
 */
judge: string, 
/**
 * Identity of the judge: a checksum of the model's files.
 */
checksum: string, 
/**
 * Engine and model in a few words.
 */
engine: string, 
/**
 * What the judge was asked, with `{prompt}`, `{first}` and `{second}` where the texts stood.
 */
template: string, 
/**
 * The beginning of the template's SHA-256, in hex.
 */
template_hash: string, arm: string, baseline: string, 
/**
 * Pairs of answers with a verdict in both orders: n of all shares.
 */
pairs: number, prompts: number, 
/**
 * Clusters of prompts, which are resampled; null where the prompts do not belong together.
 */
clusters: number | null, 
/**
 * Pairs that both arms have answers for, judged or not.
 */
available: number, 
/**
 * Pairs left out because a verdict could not be read.
 */
unparsed: number, 
/**
 * Pairs left out because the question is longer than the judge's context.
 */
too_long: number, 
/**
 * Share of verdicts for the arm, ties as half; 0.5 is no difference. Null without pairs, as are the other shares.
 */
win_rate: ShareOfPrompts | null, 
/**
 * Share of verdicts that are no ties which went to the answer that stood first; 0.5 is no bias. Null where all are ties.
 */
first_position: ShareOfPrompts | null, 
/**
 * Share of pairs with the same verdict in both orders.
 */
agreement: ShareOfPrompts | null, 
/**
 * Share of verdicts that are no ties, on answers of different length, which went to the longer one; null where there are none. The longer one may
 * be the better one: a share beyond the win rate says that length counts.
 */
longer: ShareOfPrompts | null, 
/**
 * Share of the pairs in which the arm's answer is the longer one, of those of different length; null where there are none.
 */
arm_is_longer: number | null, 
/**
 * When the first and the last verdict were kept, in milliseconds since 1970 (UTC).
 */
began_at_ms: number, ended_at_ms: number, 
/**
 * Why the judge or its figures are to be doubted, as sentences.
 */
warnings: Array<string>, };

/**
 * What `alignpro judge --each --json` says on the way to a [`Judged`], a line each: pairs that are done, of those that were asked for.
 */
export type JudgeProgress = { done: number, total: number, };

/**
 * What is to be judged: with which installed model, which arm against which.
 */
export type ToJudge = { judge: string, arm: string, baseline: string, 
/**
 * So many pairs, one of each prompt before a second of any; null for all that there are.
 */
pairs: number | null, };

/**
 * One arm on the test prompts. Variances are null where n is too small to estimate them.
 */
export type Arm = { 
/**
 * One of [`crate::arm::ALL`].
 */
name: string, 
/**
 * Answers scored (prompts × answers per prompt).
 */
n: number, prompts: number, 
/**
 * Clusters of prompts, which are the unit of all intervals; null where the prompts do not belong together.
 */
clusters: number | null, reward_mean: number, 
/**
 * 95 % percentile-bootstrap interval of the mean, resampling prompts or clusters of them.
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
 * The same split with intervals, of this one seed, but for prompts in clusters, whose intervals are null; null in reports of versions that
 * did not count it.
 */
components: Components | null, 
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
 * A difference of rewards with the part that longer or shorter answers explain taken off.
 */
export type AtEqualLength = { difference: number, interval: Interval | null, 
/**
 * Reward per token of the answer, of answers of one arm to one prompt.
 */
per_token: number, };

/**
 * A paired difference of a part of the reward that was only watched, unweighted.
 */
export type WatchedDifference = { label: string, difference: number, interval: Interval | null, };

/**
 * A paired comparison of two arms over the same prompts. The fields after `p_value` are null in reports of versions that did not count
 * them, until `experiment::report::complete` adds them.
 */
export type Comparison = { arm: string, baseline: string, prompts: number, 
/**
 * Clusters of prompts, which are resampled and swapped whole; null where the prompts do not belong together.
 */
clusters: number | null, 
/**
 * Mean over prompts of (arm's mean reward − baseline's).
 */
mean_difference: number, ci_low: number, ci_high: number, 
/**
 * Two-sided sign-flip permutation test over prompts, or clusters of them.
 */
p_value: number, 
/**
 * The same, adjusted after Holm for all comparisons of the report.
 */
p_holm: number | null, 
/**
 * Bias-corrected and accelerated bootstrap interval of `mean_difference`; null where the prompts do not differ.
 */
bca: Interval | null, 
/**
 * d_z: mean difference / standard deviation of the prompts' differences; null where these do not differ.
 */
effect_size: number | null, 
/**
 * Probability of improvement: the share of prompts on which the arm is better, ties as half.
 */
improvement: ShareOfPrompts | null, 
/**
 * Whether the arm's rewards vary less.
 */
variance: VarianceRatio | null, 
/**
 * The difference between answers of equal length; null where lengths cannot be told apart from prompts.
 */
at_equal_length: AtEqualLength | null, 
/**
 * Differences of the reward's watched parts, which nothing was trained on, in the order of the spec.
 */
watched: Array<WatchedDifference>, };

/**
 * What an arm cost.
 */
export type ArmCost = { arm: string, 
/**
 * Training or search before it could answer; null where there is none.
 */
preparation: Spent | null, 
/**
 * All its answers to the test prompts. Where several arms choose from one pool, each counts the whole pool: it would need it alone too.
 */
answering: Spent, 
/**
 * One answer to one prompt, once the arm is prepared.
 */
serving: Serving, };

/**
 * What an arm needs for one answer to one prompt that it has not seen, on average.
 */
export type Serving = { rewrites: number, answers: number, reward_calls: number, 
/**
 * Tokens written, of rewrites and answers together.
 */
tokens: number, };

/**
 * Share of the gap between a baseline and the oracle that the tuned prompter closes.
 */
export type GapClosed = { baseline: string, 
/**
 * Oracle − baseline, in units of reward; null where it cannot be estimated.
 */
width: number | null, width_interval: Interval | null, 
/**
 * (tuned − baseline) / (oracle − baseline): 0 is the baseline, 1 the oracle; null where it is withheld.
 */
share: number | null, interval: Interval | null, 
/**
 * Why the share is withheld, as the end of a sentence; null where it is not.
 */
withheld: string | null, };

/**
 * An instruction that stands before every prompt.
 */
export type Instruction = { 
/**
 * Empty where nothing that was tried beat the prompt alone.
 */
text: string, 
/**
 * Its mean reward on training prompts, shrunk towards the mean of all that was tried.
 */
score: number, 
/**
 * Reward calls behind the score.
 */
n: number, 
/**
 * How many were tried.
 */
tried: number, };

/**
 * A mean over prompts with its interval, resampling prompts or clusters of them.
 */
export type Estimated = { mean: number, 
/**
 * Null where there are too few prompts.
 */
interval: Interval | null, prompts: number, };

/**
 * What k rewrites a prompt would have said.
 */
export type Convergence = { k: number, 
/**
 * Plug-in, cross-fitted, and KL of the re-sampled optimum.
 */
reward: number, cross_fitted: number | null, kl: number, 
/**
 * Best of k rewrites, plug-in and cross-fitted.
 */
best: number, best_cross_fitted: number | null, };

/**
 * The best of n answers.
 */
export type BestAnswers = { n: number, reward: number, };

/**
 * The tuned prompter against the re-sampled optimum, by importance sampling on the untuned prompter's rewrites.
 */
export type TunedTheory = { 
/**
 * Median over prompts of the effective number of rewrites under the tuned prompter's weights; where it is near 1, nothing below holds.
 */
effective_rewrites: number, 
/**
 * E\[R\] of the tuned prompter.
 */
reward: Estimated, 
/**
 * KL(ρ_tuned‖ρ_sft).
 */
kl: Estimated, 
/**
 * λ·KL(ρ_tuned‖ρ\*) = J_λ(ρ\*) − J_λ(ρ_tuned); null at λ = 0.
 */
shortfall: Estimated | null, shortfall_extrapolated: Estimated | null, };

/**
 * One prompt's share of [`RunTheory`].
 */
export type PromptTheory = { prompt_index: number, untuned_reward: number, 
/**
 * Under the re-sampled optimum: cross-fitted where there are two answers to a rewrite, else plug-in.
 */
optimum_reward: number, 
/**
 * The largest R̂, and the smallest.
 */
best_reward: number, worst_reward: number, kl: number, effective_rewrites: number, 
/**
 * The tuned prompter's mean reward in its own answers to the prompt; null where it has none.
 */
tuned_reward: number | null, 
/**
 * Of the tuned prompter; null where it was not trained, and at λ = 0.
 */
shortfall: number | null, };

/**
 * Lemma 5.1 on a real run, from K rewrites of each test prompt by the untuned prompter and M answers to each. Divergences in nats.
 * Formulas and biases: `docs/algorithms/theory.md`.
 */
export type RunTheory = { 
/**
 * λ, that of the training (of its last iteration, where it adapts).
 */
lambda: number, prompts: number, 
/**
 * K.
 */
rewrites: number, 
/**
 * M.
 */
answers: number, 
/**
 * J of ρ_sft.
 */
untuned_reward: Estimated, 
/**
 * E\[R\] under the re-sampled ρ\*, plug-in: too high, because the weights prefer lucky answers.
 */
reward: Estimated, 
/**
 * The same with weights from one half of the answers and rewards from the other; null for M = 1, as are the others that need halves.
 */
cross_fitted: Estimated | null, 
/**
 * `cross_fitted` − `untuned_reward`.
 */
gain: Estimated | null, 
/**
 * KL(ρ\*‖ρ_sft), at most log K.
 */
kl: Estimated, kl_extrapolated: Estimated | null, 
/**
 * J_λ(ρ\*) = λ·log Z.
 */
objective: Estimated, objective_extrapolated: Estimated | null, 
/**
 * Median over prompts of Kish's effective number of rewrites, from 1 to K.
 */
effective_rewrites: number, 
/**
 * For k = 1, 2, 4, … K rewrites.
 */
convergence: Array<Convergence>, 
/**
 * Best of n answers to the raw prompt, by n; empty where no answers were drawn for it.
 */
best_answers: Array<BestAnswers>, 
/**
 * Null where no prompter was trained.
 */
tuned: TunedTheory | null, 
/**
 * In the order of the prompts.
 */
by_prompt: Array<PromptTheory>, };

/**
 * A run with what it found.
 */
export type Report = { run: number, name: string, status: string, seed: number, spec_hash: string, arms: Array<Arm>, comparisons: Array<Comparison>, 
/**
 * Two plain sentences: which arm is better, and whose rewards vary less, or that they cannot be told apart.
 */
verdict: string, 
/**
 * Guards that fired and notes about the run (such as a resume on another machine), as sentences.
 */
warnings: Array<string>, 
/**
 * What each arm cost; empty in reports of versions that did not count it.
 */
costs: Array<ArmCost>, 
/**
 * How much of the oracle's gain over each baseline the tuned prompter gets; empty without an oracle.
 */
gaps: Array<GapClosed>, 
/**
 * Lemma 5.1 from the rewrites that were drawn for it; null where none were.
 */
theory: RunTheory | null, 
/**
 * The instruction that the search found; null without a search.
 */
instruction: Instruction | null, 
/**
 * What judges said, where any was asked. Never stored: judging comes after a run, so that it is added whenever a report is shown
 * (`experiment::judge::of_run`).
 */
judged: Array<Judged>, };

/**
 * Where a run is in its life.
 */
export type Status = "created" | "waiting" | "running" | "stopped" | "interrupted" | "failed" | "finished";

/**
 * What the worker is doing; progress counts units of this phase.
 */
export type Phase = "load" | "baselines" | "train" | "search" | "oracle" | "evaluate";

/**
 * What work is for.
 */
export type Stage = "prepare" | "answer";

/**
 * What work costs.
 */
export type Spent = { reward_calls: number, 
/**
 * Written by models: rewrites, answers, proposals. Tokens that were only read are not counted.
 */
tokens: number, seconds: number, 
/**
 * Of the whole processor and graphics card, whatever else they did; null where the machine does not tell.
 */
joules: number | null, };

/**
 * Things that happen in a run.
 */
export type Event = { "kind": "status", status: Status, message: string | null, } | { "kind": "phase", phase: Phase, total: number, } | { "kind": "progress", phase: Phase, done: number, total: number, } | { "kind": "iteration", iteration: number, reward_mean: number, kl: number, } | { "kind": "guard", iteration: number | null, guard: string, cause: string, remedy: string, } | { "kind": "engine_proof", engine: string, batched: boolean, detail: string, } | { "kind": "checkpoint", iteration: number, } | { "kind": "resumed", iteration: number, } | { "kind": "validated", iteration: number, 
/**
 * Mean reward − λ·KL, by which prompters are chosen.
 */
objective: number, reward_mean: number, kl: number, 
/**
 * Better than all before.
 */
is_best: boolean, } | { "kind": "ended_early", 
/**
 * `tuned` or `oracle`.
 */
arm: string, iteration: number, best: number, } | { "kind": "instruction" } & Instruction | { "kind": "lambda", lambda: number, } | { "kind": "spent", 
/**
 * An arm, or a pool that several arms choose from ([`crate::arm`]).
 */
arm: string, stage: Stage, spent: Spent, } | { "kind": "note", message: string, };

/**
 * How a run counts among the seeds.
 */
export type Counted = "measured" | "failed" | "unfinished";

/**
 * A run among the seeds.
 */
export type SeedRun = { run: number, seed: number, status: Status, counted: Counted, 
/**
 * Why it failed or stopped.
 */
message: string | null, };

/**
 * A mean over seeds, in units of reward.
 */
export type MeanOverSeeds = { 
/**
 * Seeds in the mean, the failed ones included.
 */
seeds: number, 
/**
 * Of these, seeds that count at the baseline's value.
 */
failed: number, 
/**
 * Each seed counts the same.
 */
mean: number, 
/**
 * Bootstrap over seeds and prompts, or clusters of them, crossed; with one seed over these alone, and then about this one prompter.
 */
bootstrap: Interval | null, 
/**
 * Student's t with seeds and prompts both random; the one to report below ten seeds. Null with one seed.
 */
student: Interval | null, 
/**
 * Standard deviation of the seeds' means; null with one seed.
 */
deviation: number | null, 
/**
 * Of the seeds that did not fail.
 */
components: Components, };

/**
 * An arm over all seeds.
 */
export type ArmOverSeeds = { 
/**
 * One of [`crate::arm::ALL`].
 */
arm: string, reward: MeanOverSeeds, };

/**
 * A paired comparison over all seeds.
 */
export type ComparisonOverSeeds = { arm: string, baseline: string, difference: MeanOverSeeds, 
/**
 * Two-sided, of the t test with seeds and prompts both random; null with one seed.
 */
p_value: number | null, 
/**
 * Adjusted by Holm over the comparisons here that have one.
 */
p_holm: number | null, 
/**
 * Null where the differences do not vary, or there is one prompt.
 */
power: Power | null, };

/**
 * How small a true difference an experiment finds with a probability of 80 %, two-sided at the 5 % level, in units of reward.
 */
export type Power = { 
/**
 * With as many seeds, prompts and answers as here.
 */
smallest: number, 
/**
 * With twice the test prompts, in twice the clusters where they are in some, all else the same; here and below.
 */
twice_prompts: number | null, 
/**
 * With twice the answers to each prompt, each to a rewrite of its own; null where prompts are in clusters, whose answers are counted together.
 */
twice_answers: number | null, 
/**
 * Null with one seed, where two would ask another question: whether training is better, not this prompter.
 */
twice_seeds: number | null, };

/**
 * What the seeds of one experiment found.
 */
export type SeedsReport = { name: string, 
/**
 * Equal for runs that differ in nothing but their seed and name.
 */
experiment: string, 
/**
 * By their seed.
 */
runs: Array<SeedRun>, 
/**
 * Test prompts, the same for all seeds.
 */
prompts: number, 
/**
 * Clusters of them, which are the unit of all intervals; null where the prompts do not belong together.
 */
clusters: number | null, 
/**
 * Answers of an arm to one prompt.
 */
answers: number, arms: Array<ArmOverSeeds>, comparisons: Array<ComparisonOverSeeds>, 
/**
 * How much of the oracle's gain over each baseline the tuned prompter gets, over seeds and prompts; empty without an oracle.
 */
gaps: Array<GapClosed>, 
/**
 * One plain sentence, and what to know of it.
 */
verdict: string, 
/**
 * Which seeds failed or are left out, as sentences.
 */
warnings: Array<string>, };

/**
 * What a difference of this size would be a difference of.
 */
export type Question = "prompter" | "training";

/**
 * Finished runs from which it is told how much differences vary.
 */
export type Learned = { 
/**
 * Seeds of one experiment, by their seed.
 */
runs: Array<number>, 
/**
 * Of the experiment.
 */
name: string, 
/**
 * Whether their prompts are from the same source.
 */
same_data: boolean, 
/**
 * Whether they were trained on the same reward, so that differences have the same unit.
 */
same_reward: boolean, };

/**
 * A spread that nobody measured here.
 */
export type Assumed = { 
/**
 * Standard deviation over prompts of the paired difference, in units of reward.
 */
deviation: number, 
/**
 * The shipped experiment's, as nobody gave another.
 */
is_usual: boolean, };

/**
 * The smallest difference that is found with so many test prompts (and clusters in proportion), all else as planned.
 */
export type AtPrompts = { prompts: number, smallest: number, };

/**
 * What is found of one pair of arms.
 */
export type PairPower = { arm: string, baseline: string, 
/**
 * Null where it cannot be told, as with fewer than two prompts or where differences did not vary.
 */
power: Power | null, 
/**
 * By their number; the planned one is among them. Empty where `power` is null.
 */
by_prompts: Array<AtPrompts>, };

/**
 * How small a true difference a design finds with a probability of 80 %, two-sided at the 5 % level.
 */
export type DesignPower = { question: Question, seeds: number, 
/**
 * Test prompts.
 */
prompts: number, 
/**
 * Clusters of them, which are what is counted; null where the prompts do not belong together.
 */
clusters: number | null, 
/**
 * Answers of an arm to one prompt.
 */
answers: number, 
/**
 * One of this and `assumed` is null.
 */
learned: Learned | null, assumed: Assumed | null, 
/**
 * The tuned prompter against each baseline that the design has.
 */
pairs: Array<PairPower>, 
/**
 * In one sentence.
 */
finding: string, 
/**
 * What to know of it, as sentences.
 */
notes: Array<string>, };

/**
 * What rewards of different zero and unit were put on one scale by, in every task the same way.
 */
export type ScaledBy = "arms" | "min_max";

/**
 * One experiment: a data set, a pair of models and a reward, with its seeds.
 */
export type ProfileTask = { name: string, 
/**
 * Its seeds that count, the failed ones included.
 */
runs: Array<number>, 
/**
 * The rewards that became 0 and 1.
 */
zero: number, one: number, };

/**
 * A figure over tasks.
 */
export type OverTasks = { value: number, 
/**
 * 95 %, from runs resampled within each task; it speaks about these tasks.
 */
interval: Interval, };

/**
 * An arm over all tasks.
 */
export type ArmProfile = { 
/**
 * One of [`crate::arm::ALL`].
 */
arm: string, 
/**
 * Scores of it, in all tasks together.
 */
runs: number, 
/**
 * Interquartile mean of its normalised scores.
 */
interquartile_mean: OverTasks, 
/**
 * For each threshold the share of runs above it, averaged over tasks; intervals are pointwise.
 */
above: Array<OverTasks>, };

/**
 * Arms over tasks; a score is a run's mean reward of an arm, normalised.
 */
export type Profiles = { 
/**
 * In the order in which they were asked for; empty where `withheld` says why, as are `thresholds` and `arms`.
 */
tasks: Array<ProfileTask>, scaled_by: ScaledBy, 
/**
 * Normalised rewards, in order.
 */
thresholds: Array<number>, 
/**
 * Those that every task has.
 */
arms: Array<ArmProfile>, withheld: string | null, 
/**
 * Which seeds failed, and which tasks or arms are left out, as sentences.
 */
warnings: Array<string>, };

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
 * Whose folder a model lies in.
 */
export type ModelPlace = "installed" | "hugging_face" | "lm_studio" | "ollama" | "folder";

/**
 * A model on this machine, as `alignpro models list --json` prints it.
 */
export type Model = { 
/**
 * As a spec names it.
 */
name: string, place: ModelPlace, 
/**
 * Null, as are `parameters`, when the folder cannot be used.
 */
architecture: string | null, 
/**
 * It scores answers and writes none.
 */
is_reward_model: boolean, 
/**
 * It can be a prompter; where it cannot, and there is no problem, it can still be frozen.
 */
is_trainable: boolean, 
/**
 * Null also for a GGUF file.
 */
parameters: number | null, 
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
connections: Array<Connection>, checks: Array<Check>, models: Array<Model>, model_folders: ModelFolders, };

/**
 * Folders in which models are looked for, beside the one in which they are installed.
 */
export type ModelFolders = { 
/**
 * Those of other programs, and those that were named; as far as they are there.
 */
searched: Array<string>, 
/**
 * Those that a person has named, whether they are there or not.
 */
named: Array<string>, };

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
 * Of the program that made it.
 */
program_version: string, 
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
 * One of [`crate::arm::ALL`].
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
export type Sample = { prompt_index: number, prompt: string, 
/**
 * The system prompt before it; null where there is none.
 */
system: string | null, answers: Array<SampleAnswer>, };

/**
 * What a report is written from.
 */
export type ReportSource = { 
/**
 * Of the program that writes it.
 */
program_version: string, runs: Array<ReportedRun>, 
/**
 * Of each experiment that has several runs here.
 */
seeds: Array<SeedsFound>, 
/**
 * Of several experiments.
 */
profiles: Profiles | null, };

/**
 * A run as a report needs it.
 */
export type ReportedRun = { detail: RunDetail, news: RunNews, 
/**
 * Rewards of all answers, where it is reported alone; prompts, rewrites and answers are empty.
 */
samples: Array<Sample>, };

/**
 * What the seeds of one experiment say together, or why they say nothing: one of the two is null.
 */
export type SeedsFound = { runs: Array<number>, report: SeedsReport | null, failure: string | null, };

/**
 * A spec that was looked at: as a file would hold it, and all that is wrong with it.
 */
export type SpecCheck = { problems: Array<Problem>, toml: string, };

/**
 * Columns of a data file that a spec may name, in the file's order.
 */
export type DataColumns = { 
/**
 * That can hold prompts.
 */
prompts: Array<string>, 
/**
 * That can say which prompts belong together.
 */
clusters: Array<string>, };

/**
 * How many clusters of prompts each split has.
 */
export type ClusterCounts = { train: number, validation: number, test: number, 
/**
 * Prompts that no split may have: the rest of clusters of which a split took a part.
 */
unused: number, };

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
median_words: number, longest_words: number, 
/**
 * Null where the spec names no column for clusters.
 */
clusters: ClusterCounts | null, 
/**
 * What was left out, and what the splits have in common.
 */
census: Census, };

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
 * A step of an iteration as far as its memory goes.
 */
export type FitStep = "load" | "rollout" | "answers" | "reward" | "update" | "oracle";

/**
 * Most that a step holds.
 */
export type FitPhase = { step: FitStep, 
/**
 * Everything that is held then: weights of all models, adapter, and what the step computes.
 */
peak_bytes: number, };

/**
 * Whether a run fits into memory, computed from the models' files and the longest prompts.
 */
export type Fit = { 
/**
 * "memory", or the name of a GPU.
 */
place: string, phases: Array<FitPhase>, peak_bytes: number, 
/**
 * What is free there now.
 */
free_bytes: number, fits: boolean, 
/**
 * Keys of the spec with values that need less, together, as `training.rewrites_per_pass = 4`: first those that leave the experiment as it is. None
 * where it fits as it is.
 */
changes: Array<string>, 
/**
 * What is needed with the changes.
 */
changed_peak_bytes: number | null, changed_fits: boolean, };

/**
 * What a phase of a run will take on this machine.
 */
export type PhaseEstimate = { phase: Phase, 
/**
 * Null where nothing is known to measure by.
 */
seconds: number | null, };

/**
 * What a run will take on this machine, as `alignpro estimate SPEC --json` prints it.
 */
export type Estimate = { phases: Array<PhaseEstimate>, 
/**
 * Null where a phase has none.
 */
seconds: number | null, 
/**
 * How much longer a run takes with twice the test prompts; null where nothing was measured.
 */
twice_prompts_seconds: number | null, 
/**
 * The same with twice the answers to each prompt.
 */
twice_answers_seconds: number | null, memory: Fit, 
/**
 * Where the times come from, in a sentence.
 */
basis: string, 
/**
 * Of the longest prompt with all that goes around it, and what the prompter's and the frozen model's contexts hold.
 */
longest_prompter_tokens: number, longest_frozen_tokens: number, prompter_context: number, 
/**
 * Null for a model behind an endpoint, which is not asked.
 */
frozen_context: number | null, 
/**
 * What a frozen model behind an endpoint will be asked; null for one on this machine.
 */
endpoint: EndpointEstimate | null, };

/**
 * What a run will ask of an endpoint, at most: an answer that is there already is not asked for again, and most end before their limit.
 */
export type EndpointEstimate = { url: string, model: string, requests: number, 
/**
 * Estimated from the texts.
 */
tokens_in: number, tokens_out: number, 
/**
 * Null without prices.
 */
money: number | null, };

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
threads: number | null, 
/**
 * Folders in which models are looked for beside this program's own and those of other programs; whole paths.
 */
model_folders?: Array<string>, };

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

/**
 * What a repository holds.
 */
export type HubKind = "model" | "data";

/**
 * One of what a search found.
 */
export type HubListed = { 
/**
 * `owner/name`.
 */
id: string, 
/**
 * In the last month.
 */
downloads: number, likes: number, licence: string | null, 
/**
 * Whether the hub asks for consent, and so for a token, before it gives files.
 */
gated: boolean, 
/**
 * Of a model, in which forms its weights are there, as far as its tags say it: `safetensors`, `gguf`.
 */
weights: Array<string>, 
/**
 * Of a model, where the hub has looked into its weights.
 */
parameters: number | null, 
/**
 * Of a model, what its safetensors weights take, where the hub has looked into them; of a data set, all that the hub keeps of it, earlier versions
 * included.
 */
bytes: number | null, };

/**
 * What is searched for, as the window asks for it.
 */
export type HubSought = { kind: HubKind, text: string, 
/**
 * Only those with all of these, such as `gguf`.
 */
tags: Array<string>, 
/**
 * At most so many, up to 100.
 */
limit: number, };

/**
 * A file of a repository.
 */
export type HubFile = { 
/**
 * Inside of the repository, with slashes.
 */
path: string, bytes: number, };

/**
 * What of the hub is meant, as the window asks for it.
 */
export type HubAsked = { kind: HubKind, 
/**
 * `owner/name`, or [`HubKnown::name`].
 */
id: string, 
/**
 * A branch, a tag or a commit; null for `main`.
 */
revision: string | null, 
/**
 * Paths or patterns of the files that are meant; none for what is brought without a choice.
 */
files: Array<string>, 
/**
 * What to call it here; null for [`HubShown::name`].
 */
name: string | null, };

/**
 * A data set that this program knows by a short name, as `alignpro hub data --json` prints it.
 */
export type HubKnown = { name: string, 
/**
 * On the hub.
 */
id: string, 
/**
 * Patterns of the files that are brought.
 */
files: Array<string>, 
/**
 * The column with the prompts, for `data.column`.
 */
column: string, 
/**
 * As its card stated it.
 */
licence: string, 
/**
 * What it is, in a few words.
 */
what: string, };

/**
 * What a repository is, and what of it would be brought.
 */
export type HubShown = { kind: HubKind, id: string, 
/**
 * What it will be called here, unless another name is given.
 */
name: string, 
/**
 * Commit, in hex.
 */
revision: string, 
/**
 * Null where the repository states none.
 */
licence: string | null, gated: boolean, downloads: number, likes: number, 
/**
 * Of a model, as its `config.json` or its GGUF file names it, where the hub says so.
 */
architecture: string | null, 
/**
 * What this program can do with it, as far as that can be told before it is here; a sentence.
 */
fitness: string | null, 
/**
 * Of a model: whether that is something; true where nothing tells.
 */
is_fit: boolean, 
/**
 * What would be brought.
 */
files: Array<HubFile>, 
/**
 * Of those files.
 */
bytes: number, 
/**
 * How many files of the repository would stay there.
 */
left_out: number, 
/**
 * Of a model, its GGUF files, where one of them can be chosen; of a data set, all files with rows. Whatever was asked for.
 */
choices: Array<HubFile>, 
/**
 * Why nothing can be brought as it was asked for; then there are no files.
 */
problem: string | null, };

/**
 * How far a download is.
 */
export type HubProgress = { 
/**
 * On its way now.
 */
file: string, 
/**
 * Of all files together, those that were here before included.
 */
done_bytes: number, bytes: number, };

/**
 * What was brought.
 */
export type HubBrought = { kind: HubKind, id: string, 
/**
 * Commit, in hex.
 */
revision: string, licence: string | null, 
/**
 * Of a model, as a spec names it.
 */
name: string, folder: string, 
/**
 * Paths of the files: of a data set, as `data.source` may name them.
 */
files: Array<string>, bytes: number, 
/**
 * Of a data set that this program knows: the column with prompts, for `data.column`.
 */
column: string | null, 
/**
 * And that with the system prompts, where it has one, for `data.system_column`.
 */
system_column: string | null, };

/**
 * A share, or a correlation, with its 95 % interval.
 */
export type Bounded = { value: number, interval: Interval | null, };

/**
 * One reward, or one part of it, on all pairs.
 */
export type Agreement = { 
/**
 * `reward`, the label of a part, or `length`, the rule that the longer answer is the better one.
 */
name: string, 
/**
 * Pairs whose answers are worth the same.
 */
ties: number, 
/**
 * Share of pairs whose chosen answer is worth more, ties as half.
 */
accuracy: Bounded | null, where_shorter: Bounded | null, where_longer: Bounded | null, 
/**
 * Spearman's rank correlation of what the chosen answer is worth more with how many words more it has.
 */
with_length: Bounded | null, 
/**
 * Of a part that a model, a command or a service computes.
 */
repeat?: Repeat, };

/**
 * Whether the same answers get the same scores when they are scored once more, in another order.
 */
export type Repeat = { answers: number, 
/**
 * Answers whose second score is another one.
 */
differ: number, largest_difference: number, 
/**
 * Of a judge.
 */
score_mass?: ScoreMass, };

/**
 * How much of a judge's probability, at the place of the score, falls on numbers that it may say. The rest is what it would rather have said.
 */
export type ScoreMass = { mean: number, least: number, };

/**
 * A reward held against a file of pairs.
 */
export type RewardBench = { pairs: number, 
/**
 * Different first messages of the user; pairs of one are drawn together for the intervals. 0 from a version that did not tell.
 */
prompts: number, 
/**
 * Pairs of the file, of which these were drawn; null where they are all.
 */
drawn_of: number | null, 
/**
 * Pairs of the file that say what an earlier one says, and were left out.
 */
repeated: number, left_out: LeftOut, 
/**
 * Pairs that are left out because the reward could not score one of their answers, with the first reason.
 */
unscored: number, unscored_because: string | null, 
/**
 * The reward, its parts in the spec's order, and the rule of length.
 */
rewards: Array<Agreement>, 
/**
 * Answers scored a second of wall-clock time.
 */
answers_per_second: number, 
/**
 * Hex SHA-256 of the file.
 */
checksum: string, 
/**
 * Of a file that was brought from the hub: where it comes from, with its licence.
 */
origin: string | null, };

/**
 * What `alignpro reward bench --each --json` says on the way to a [`crate::feedback::FeedbackBench`], a line each: pairs, or answers, that are scored, of all.
 */
export type BenchProgress = { scored: number, total: number, };

/**
 * Pairs to which a reward model gives a like probability.
 */
export type Reliability = { 
/**
 * Probabilities, of the answer that is worth more.
 */
low: number, high: number, pairs: number, 
/**
 * Mean of the probabilities.
 */
predicted: number, 
/**
 * Share of the pairs of which people chose that answer.
 */
observed: Bounded | null, };

/**
 * Whether σ(r(chosen) − r(rejected)) means what it says.
 */
export type Calibration = { bins: Array<Reliability>, 
/**
 * Expected calibration error.
 */
error: number, 
/**
 * Mean of −log P(chosen), nats; log 2 is chance.
 */
loss: number, };

/**
 * What a reward model that is being trained makes of some pairs that it does not learn from.
 */
export type HeldOutAt = { 
/**
 * After so many steps.
 */
step: number, pairs: number, 
/**
 * Mean of −log P(chosen), nats.
 */
loss: number, 
/**
 * Share of them whose chosen answer is worth more, ties as half.
 */
accuracy: number, };

/**
 * A reward model that was trained on preferences, as `alignpro reward train PAIRS NAME --json` prints it.
 */
export type RewardTrained = { 
/**
 * Path of its folder.
 */
folder: string, 
/**
 * Name of the model that it was made from.
 */
base: string, 
/**
 * Pairs that it was trained on, and those that were left out because a conversation is too long.
 */
pairs: number, too_long: number, 
/**
 * Pairs that were left out because they begin nearly as a held-out pair does; 0 where that was not asked for.
 */
too_near: number, steps: number, 
/**
 * Mean of −log P(chosen) over the last tenth of the steps, nats.
 */
training_loss: number, 
/**
 * On some held-out pairs, after each fifth of the steps.
 */
on_the_way: Array<HeldOutAt>, seconds: number, 
/**
 * On pairs that it did not see, whose conversations begin otherwise.
 */
held_out: RewardBench, 
/**
 * Different first messages of held-out pairs that have a near-duplicate among those that it was trained on (from [`crate::data::NEAR`] on), and the most
 * similar such pair.
 */
near_in_training: number, nearest: NearPair | null, 
/**
 * On the held-out pairs: whether its probabilities mean what they say.
 */
calibration: Calibration | null, 
/**
 * Which columns of the file were read as what, and the one that says which of two answers is the better one.
 */
columns: FeedbackColumns, better: string | null, };

/**
 * What `alignpro reward train --each --json` says on the way to a [`RewardTrained`], a line each.
 */
export type RewardTrainingNews = { "kind": "near", first_messages: number, similarity: number, } | { "kind": "step", 
/**
 * From 1 on, of `steps`.
 */
step: number, steps: number, 
/**
 * Mean of −log P(chosen) over the pairs of the step, before it is taken, nats.
 */
loss: number, 
/**
 * Share of them whose chosen answer is worth more, ties as half.
 */
accuracy: number, 
/**
 * An earlier process took it, before this one went on.
 */
is_earlier: boolean, 
/**
 * After it, on held-out pairs; after each fifth of the steps.
 */
held_out?: HeldOutAt, } | { "kind": "measuring", scored: number, total: number, };

/**
 * What a reward is to be held against, as the window asks for it.
 */
export type ToBenchReward = { 
/**
 * The whole path of a file of feedback.
 */
file: string, columns: FeedbackColumns, filter: FeedbackFilter, 
/**
 * Only so many pairs or answers of the file, drawn by the seed; null for all.
 */
only: number | null, seed: number, };

/**
 * What a reward model is to be trained on and how, as the window asks for it.
 */
export type ToTrainReward = { 
/**
 * The whole path of a file of preferences.
 */
pairs: string, columns: FeedbackColumns, filter: FeedbackFilter, 
/**
 * Pairs are not trained on that begin nearly as a held-out one does: with so large a share of all word triples in common, in (0, 1]; null to train on them
 * all the same.
 */
near_duplicates: number | null, 
/**
 * What the new model is to be called.
 */
name: string, 
/**
 * The model to begin with, as a spec names it.
 */
base: string, seed: number, epochs: number, 
/**
 * Only so many pairs of the file, drawn by the seed; null for all.
 */
only: number | null, 
/**
 * Share of the pairs, between 0 and 1.
 */
held_out: number, learning_rate: number, 
/**
 * Pairs with a longer conversation are left out.
 */
max_tokens: number, 
/**
 * As `training.checkpointing` of a spec.
 */
checkpointing: boolean, };

/**
 * A pair of answers, of which people chose one.
 */
export type PairExample = { 
/**
 * What the user said last.
 */
prompt: string, 
/**
 * Messages before that.
 */
earlier: number, chosen: string, rejected: string, };

/**
 * Columns of a file, by what they hold. Where it asks for something, one without a name is found by the names that data sets use; where it tells what was
 * found, there is none.
 */
export type FeedbackColumns = { 
/**
 * What was asked, or all that was said before the answer.
 */
prompt: string | null, 
/**
 * A text that the prompt goes on with, on lines of its own, as Alpaca's `input`.
 */
input: string | null, 
/**
 * A text that stands before the prompt.
 */
system: string | null, 
/**
 * The better answer; of a file that names it in another column, the first one.
 */
chosen: string | null, rejected: string | null, 
/**
 * The answer that has a label.
 */
response: string | null, 
/**
 * A number, or true and false.
 */
label: string | null, };

/**
 * Which pairs or answers of a file count, as [`crate::data::Data`] has it for prompts. Absent: all.
 */
export type FeedbackFilter = { 
/**
 * What has an answer of fewer words is left out. Words are what white space separates, and characters of scripts without spaces.
 */
min_words: number | null, 
/**
 * What has an answer of more words is left out.
 */
max_words: number | null, 
/**
 * What was said last by the user, or answered, and is clearly in another language is left out: ISO 639 code, such as `"en"`. Texts too short to tell stay.
 */
language: string | null, };

/**
 * A file of feedback, at a look.
 */
export type FeedbackPreview = { columns: FeedbackColumns, 
/**
 * Columns that can hold a text or a conversation, and those that can hold a label.
 */
texts: Array<string>, numbers: Array<string>, holds: Held, };

/**
 * What a file holds.
 */
export type Held = { "kind": "pairs", pairs: number, 
/**
 * Those that say what an earlier one says, and are left out.
 */
repeated: number, 
/**
 * The column that says which of two answers is the better one, where one does.
 */
better: string | null, left_out: LeftOut, 
/**
 * The first few.
 */
examples: Array<PairExample>, } | { "kind": "labelled", answers: number, 
/**
 * Different conversations that they answer.
 */
prompts: number, 
/**
 * Of the labels: each value where there are few, otherwise ranges of like width.
 */
labels: Array<LabelBin>, left_out: LeftOut, examples: Array<LabelledExample>, } | { "kind": "unclear", why: string, };

/**
 * What does not count.
 */
export type LeftOut = { 
/**
 * Rows that hold nothing of use, with the first few reasons.
 */
rows: number, reasons: Array<string>, 
/**
 * Pairs or answers that the [`FeedbackFilter`] leaves out.
 */
wrong_length: number, wrong_language: number, };

/**
 * Answers whose label is at least `low` and below `high`; the last one includes `high`. Where both are the same, that is the label.
 */
export type LabelBin = { low: number, high: number, answers: number, };

/**
 * An answer with its label.
 */
export type LabelledExample = { 
/**
 * What the user said last.
 */
prompt: string, 
/**
 * Messages before that.
 */
earlier: number, answer: string, label: number, };

/**
 * A reward held against a file of feedback.
 */
export type FeedbackBench = { "kind": "pairs" } & RewardBench | { "kind": "labelled" } & LabelBench;

/**
 * A reward held against answers with labels. Intervals are of 95 %, by a bootstrap that draws prompts: answers to one prompt belong together.
 */
export type LabelBench = { 
/**
 * The label's column.
 */
label: string, answers: number, prompts: number, 
/**
 * Pairs of answers to the same prompt whose labels differ.
 */
pairs: number, 
/**
 * Answers of the file, of which these were drawn; null where they are all.
 */
drawn_of: number | null, 
/**
 * Spearman's rank correlation of the label with the answer's number of words.
 */
label_with_length: Bounded | null, left_out: LeftOut, 
/**
 * Answers that are left out because the reward could not score them, with the first reason.
 */
unscored: number, unscored_because: string | null, 
/**
 * The reward, its parts in the spec's order, and the rule of length.
 */
rewards: Array<LabelAgreement>, 
/**
 * Answers scored a second of wall-clock time.
 */
answers_per_second: number, 
/**
 * Hex SHA-256 of the file.
 */
checksum: string, 
/**
 * Of a file that was brought from the hub: where it comes from, with its licence.
 */
origin: string | null, };

/**
 * One reward, or one part of it, on all answers.
 */
export type LabelAgreement = { 
/**
 * `reward`, the label of a part, or `length`, the rule that the longer answer is the better one.
 */
name: string, 
/**
 * Spearman's rank correlation of the reward with the label.
 */
with_label: Bounded | null, 
/**
 * Share of the pairs of answers to the same prompt whose labels differ in which the answer with the higher label is worth more, ties as half.
 */
on_pairs: Bounded | null, 
/**
 * Of these pairs, those whose answers are worth the same.
 */
ties: number, 
/**
 * Of a label with two values: how often an answer with the higher one is worth more than an answer with the lower one, whatever their prompts, ties as half.
 */
auc: Bounded | null, 
/**
 * Spearman's rank correlation of the reward with the answer's number of words.
 */
with_length: Bounded | null, 
/**
 * Different values that the reward has.
 */
values: number, 
/**
 * Of a part that a model, a command or a service computes.
 */
repeat?: Repeat, };

/**
 * Which world is looked at.
 */
export type TheoryWorld = { "kind": "example" } | { "kind": "random", seed: number, prompts: number, rewrites: number, answers: number, };

/**
 * A rewrite x' of a prompt.
 */
export type TheoryRewrite = { text: string, 
/**
 * ρ_sft(x'|x).
 */
probability: number, 
/**
 * R(x, x'): mean reward of the frozen model's answers to it.
 */
reward: number, };

/**
 * An answer y to a prompt.
 */
export type TheoryAnswer = { text: string, 
/**
 * r(x, y).
 */
reward: number, 
/**
 * π_F(y|x): of the frozen model to the raw prompt.
 */
raw: number, 
/**
 * π_F(y|x') over the untuned rewrites.
 */
untuned: number, 
/**
 * π\*(y|x): of the oracle.
 */
oracle: number, };

/**
 * A prompt x with what does not depend on λ.
 */
export type TheoryPrompt = { text: string, 
/**
 * P(x).
 */
probability: number, 
/**
 * R(x, x).
 */
raw_reward: number, untuned_reward: number, oracle_reward: number, rewrites: Array<TheoryRewrite>, answers: Array<TheoryAnswer>, };

/**
 * Lemma 5.1 for one prompt at one λ.
 */
export type PromptOptimum = { 
/**
 * ρ\*(x'|x), one for each rewrite.
 */
rewrites: Array<number>, 
/**
 * Of each answer, when ρ\* rewrites the prompt.
 */
answers: Array<number>, 
/**
 * E\[r\] under ρ\*.
 */
reward: number, 
/**
 * KL(ρ\*‖ρ_sft).
 */
kl: number, 
/**
 * log Z(x); null at λ = 0 and where it overflows.
 */
log_z: number | null, 
/**
 * λ·log Z(x).
 */
objective: number, };

/**
 * What changes with λ.
 */
export type TheoryPoint = { lambda: number, 
/**
 * One for each prompt.
 */
prompts: Array<PromptOptimum>, 
/**
 * V(ρ\*) = E\[r\] under ρ\*.
 */
reward: number, 
/**
 * KL(ρ\*‖ρ_sft).
 */
kl: number, 
/**
 * KL(ρ_sft‖ρ\*); null where it is infinite, as at λ = 0.
 */
kl_back: number | null, 
/**
 * λ·\[KL(ρ\*‖ρ_sft) + KL(ρ_sft‖ρ\*)\], with its limit at λ = 0.
 */
identity: number, 
/**
 * J_λ(ρ\*).
 */
objective: number, 
/**
 * Part of the oracle's gain over the untuned prompter that ρ\* gets; null where the oracle does not gain.
 */
share_of_gap: number | null, 
/**
 * V(π\*) − V(ρ\*), the left side of Theorem 6.1.
 */
gap: number, 
/**
 * r_max·E\[d_TV(π\*, π_F)\].
 */
oracle_term: number, 
/**
 * r_max·E\[d_TV(π_F(·|x), π_F(·|x'))\].
 */
rewrite_term: number, 
/**
 * λ·E\[KL(ρ\*‖ρ_sft)\].
 */
divergence_term: number, 
/**
 * The right side of Theorem 6.1.
 */
bound: number, 
/**
 * `bound` − `gap`: the sum of the next three, none of them negative.
 */
slack: number, oracle_slack: number, rewrite_slack: number, divergence_slack: number, 
/**
 * J_λ of the best of K rewrites, one for each of [`Theory::best_rewrites`].
 */
best_rewrites_objective: Array<number>, };

/**
 * The best of `n` rewrites by R, or of `n` answers by r.
 */
export type BestOf = { n: number, reward: number, 
/**
 * To ρ_sft, or to π_F.
 */
kl: number, };

/**
 * Everything about a world over a grid of λ.
 */
export type Theory = { prompts: Array<TheoryPrompt>, 
/**
 * r_max of Theorem 6.1: the largest reward less the smallest.
 */
reward_range: number, raw_reward: number, untuned_reward: number, 
/**
 * Always the best rewrite: the limit λ = 0.
 */
greedy_rewrite_reward: number, 
/**
 * Always the best answer to the raw prompt: the oracle at β = 0.
 */
greedy_answer_reward: number, 
/**
 * Of the oracle, as are the next two.
 */
beta: number, oracle_reward: number, 
/**
 * KL(π\*‖π_F).
 */
oracle_kl: number, 
/**
 * In the order asked for.
 */
points: Array<TheoryPoint>, best_rewrites: Array<BestOf>, 
/**
 * For the same numbers.
 */
best_answers: Array<BestOf>, };
