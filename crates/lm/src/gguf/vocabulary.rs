//! The tokenizer in a GGUF file's metadata.
use super::header::Gguf;
use super::shape::named_architecture;
use crate::chat_template::NamedTokens;
use crate::{Architecture, Error, Result};
use ahash::AHashMap;
use candle_core::quantized::gguf_file::Value;
use std::collections::HashMap;
use tokenizers::decoders::{byte_fallback::ByteFallback, byte_level::ByteLevel, fuse::Fuse, sequence::Sequence as Decoders, strip::Strip};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{NFC, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::{digits::Digits, sequence::Sequence as PreTokenizers, split::Split, split::SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

/// How Llama 3 cuts text into words.
const LLAMA3_WORDS: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How Qwen2 does: digits one by one.
const QWEN2_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How Mistral's Tekken does: words by their capitals, digits one by one.
const TEKKEN_WORDS: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How GPT-4o does, and Phi-4-mini.
const GPT4O_WORDS: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Special tokens that end a turn where a chat template writes them: published files name but one token that ends a text, and that of Phi-3 is another.
const TURN_ENDS: [&str; 4] = ["<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"];

/// How a byte-level tokenizer cuts a text into words before it looks for tokens.
#[derive(Clone, Copy)]
pub(super) enum Words {
    /// By an expression, after putting letters and their marks together where Qwen2 does, and whole words before merges where Llama 3 takes them so.
    Split {
        expression: &'static str,
        normalises: bool,
        takes_whole_words: bool,
    },
    /// As GPT-2, with digits one by one.
    SmolLm,
    Gpt2,
}

impl Words {
    fn of(gguf: &Gguf) -> Result<Self> {
        let split = |expression, normalises, takes_whole_words| Self::Split { expression, normalises, takes_whole_words };
        Ok(match gguf.text("tokenizer.ggml.pre")?.unwrap_or("default") {
            "llama-bpe" | "llama3" | "llama-v3" => split(LLAMA3_WORDS, false, true),
            "qwen2" => split(QWEN2_WORDS, true, false),
            "tekken" => split(TEKKEN_WORDS, false, true),
            "gpt-4o" => split(GPT4O_WORDS, false, false),
            // Those that llama.cpp cuts alike.
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" => Self::SmolLm,
            "gpt-2" | "phi-2" | "default" => Self::Gpt2,
            other => {
                let known = "\"smollm\", \"llama-bpe\", \"qwen2\", \"tekken\", \"gpt-4o\" and \"gpt-2\" are known here: use the model's folder (safetensors) instead";
                return Err(gguf.wrong(&format!("its tokenizer cuts words as \"{other}\" does (`tokenizer.ggml.pre`); {known}")));
            }
        })
    }
}

/// How a tokenizer works.
pub(super) enum Method {
    /// BPE over bytes.
    Bytes(Words),
    /// SentencePiece's BPE.
    Pieces,
}

impl Method {
    /// Nothing is built.
    ///
    /// # Errors
    /// Where it is of a kind that is not known here.
    pub(super) fn of(gguf: &Gguf) -> Result<Self> {
        match gguf.text("tokenizer.ggml.model")? {
            Some("gpt2") => Words::of(gguf).map(Self::Bytes),
            Some("llama") => Ok(Self::Pieces),
            Some(other) => Err(gguf.wrong(&format!("its tokenizer is of the kind \"{other}\"; \"gpt2\" and \"llama\" are supported"))),
            None => Err(gguf.wrong("metadata `tokenizer.ggml.model` is missing, so the tokenizer cannot be built")),
        }
    }
}

/// What llama.cpp says a token is for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A piece of text.
    Normal,
    /// Stands for what the vocabulary lacks, or steers the model: `<unk>`, `<|im_end|>`.
    Special,
    /// A text that was added whole, and that is never cut.
    Added,
}

/// The tokens of a GGUF file.
pub(super) struct Vocabulary {
    tokens: Vec<String>,
    kinds: Vec<Kind>,
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) unknown: Option<u32>,
    pub(super) padding: Option<u32>,
    /// Tokens that end an answer, `eos` first, each once.
    pub(super) ends: Vec<u32>,
    /// Whether a text begins with `bos` unless asked otherwise.
    pub(super) add_bos: bool,
    pub(super) chat_template: String,
}

impl Vocabulary {
    pub(super) fn read(gguf: &Gguf) -> Result<Self> {
        let tokens = gguf.list("tokenizer.ggml.tokens", |v| v.to_string().ok().cloned())?;
        let kinds = match gguf.find("tokenizer.ggml.token_type") {
            None => vec![Kind::Normal; tokens.len()],
            Some(_) => gguf.list("tokenizer.ggml.token_type", |v| match v {
                Value::I32(2 | 3) | Value::U32(2 | 3) => Some(Kind::Special),
                Value::I32(4) | Value::U32(4) => Some(Kind::Added),
                Value::I32(_) | Value::U32(_) => Some(Kind::Normal),
                _ => None,
            })?,
        };
        if kinds.len() != tokens.len() {
            let (kinds, tokens) = (kinds.len(), tokens.len());
            return Err(
                gguf.wrong(&format!("metadata `tokenizer.ggml.token_type` has {kinds} entries for {tokens} tokens; fetch the file again"))
            );
        }
        let Some(chat_template) = gguf.text("tokenizer.chat_template")? else {
            return Err(gguf.wrong("it has no chat template (metadata `tokenizer.chat_template`); choose an instruction-tuned model"));
        };
        let token = |key: &str| -> Result<Option<u32>> {
            match gguf.size_if_any(key)? {
                Some(id) if id >= tokens.len() => {
                    Err(gguf.wrong(&format!("metadata `{key}` is {id}, but there are {} tokens", tokens.len())))
                }
                id => Ok(id.map(|id| id as u32)),
            }
        };
        let eos = token("tokenizer.ggml.eos_token_id")?;
        let (eot, eom) = (token("tokenizer.ggml.eot_token_id")?, token("tokenizer.ggml.eom_token_id")?);
        let is_end = |(id, text): &(u32, &String)| {
            kinds[*id as usize] != Kind::Normal && TURN_ENDS.contains(&text.as_str()) && chat_template.contains(text.as_str())
        };
        let turn_ends = (0..).zip(&tokens).filter(is_end).map(|(id, _)| id);
        let mut ends: Vec<u32> = Vec::new();
        for end in [eos, eot, eom].into_iter().flatten().chain(turn_ends) {
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
        Ok(Self {
            bos: token("tokenizer.ggml.bos_token_id")?,
            eos,
            unknown: token("tokenizer.ggml.unknown_token_id")?,
            padding: token("tokenizer.ggml.padding_token_id")?,
            ends,
            add_bos: gguf.flag("tokenizer.ggml.add_bos_token"),
            chat_template: chat_template.to_owned(),
            tokens,
            kinds,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The tokens that have a name, as `special_tokens_map.json` has them.
    pub(super) fn named(&self) -> NamedTokens {
        let text = |token| self.text(token).map(str::to_owned);
        NamedTokens {
            bos_token: text(self.bos),
            eos_token: text(self.eos),
            pad_token: text(self.padding),
            unk_token: text(self.unknown),
            ..NamedTokens::default()
        }
    }

    pub(super) fn text(&self, token: Option<u32>) -> Option<&str> {
        token.and_then(|id| self.tokens.get(id as usize)).map(String::as_str)
    }

    /// The tokenizer, as `tokenizers` reads and writes it.
    pub(super) fn tokenizer(&self, gguf: &Gguf) -> Result<Tokenizer> {
        let mut tokenizer = match Method::of(gguf)? {
            Method::Bytes(words) => self.byte_level(gguf, words)?,
            Method::Pieces => self.sentence_piece(gguf)?,
        };
        let added = self.tokens.iter().zip(&self.kinds).filter(|(_, kind)| **kind != Kind::Normal);
        // As llama.cpp has it: white space after a Phi-3's special token belongs to it, but for these.
        let is_phi = named_architecture(gguf)? == Architecture::Phi3.model_type();
        let takes_space = |text: &str| is_phi && !["<unk>", "<s>", "<|endoftext|>"].contains(&text);
        let added = added.map(|(text, kind)| {
            let special = *kind == Kind::Special;
            AddedToken::from(text.clone(), special).normalized(false).rstrip(special && takes_space(text))
        });
        tokenizer.add_tokens(&added.collect::<Vec<_>>());
        if let (true, Some(id), Some(text)) = (self.add_bos, self.bos, self.text(self.bos)) {
            let template = TemplateProcessing::builder()
                .try_single(format!("{text} $A"))
                .and_then(|builder| builder.try_pair(format!("{text} $A {text} $B:1")))
                .map_err(|error| error.to_string())
                .and_then(|builder| builder.special_tokens(vec![(text, id)]).build().map_err(|error| error.to_string()));
            tokenizer.with_post_processor(Some(template.map_err(|error| gguf.wrong(&error))?));
        }
        Ok(tokenizer)
    }

    fn ids(&self) -> AHashMap<String, u32> {
        self.tokens.iter().zip(0..).map(|(token, id)| (token.clone(), id)).collect()
    }

    /// BPE over bytes (Radford et al. 2019), with the cut into words that the file names.
    fn byte_level(&self, gguf: &Gguf, words: Words) -> Result<Tokenizer> {
        let merges = gguf.list("tokenizer.ggml.merges", |v| {
            let (left, right) = v.to_string().ok()?.split_once(' ')?;
            Some((left.to_owned(), right.to_owned()))
        })?;
        let takes_whole_words = matches!(words, Words::Split { takes_whole_words: true, .. });
        let model = BPE::builder().vocab_and_merges(self.ids(), merges).ignore_merges(takes_whole_words).build();
        let mut tokenizer = Tokenizer::new(model.map_err(|error| gguf.wrong(&format!("its tokenizer cannot be built: {error}")))?);
        let bytes = ByteLevel::new(false, true, true);
        match words {
            Words::Split { expression, normalises, .. } => {
                if normalises {
                    tokenizer.with_normalizer(Some(NFC));
                }
                let split = Split::new(SplitPattern::Regex(expression.into()), SplitDelimiterBehavior::Isolated, false).map_err(broken)?;
                tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![split.into(), ByteLevel::new(false, true, false).into()])));
            }
            Words::SmolLm => drop(tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(vec![Digits::new(true).into(), bytes.into()])))),
            Words::Gpt2 => drop(tokenizer.with_pre_tokenizer(Some(bytes))),
        }
        tokenizer.with_decoder(Some(ByteLevel::new(true, true, true)));
        Ok(tokenizer)
    }

    /// SentencePiece's BPE with bytes for what the vocabulary lacks, as Llama 1 and 2 have it. The file gives a score for each token
    /// instead of merges: a token of a higher score is put together first.
    fn sentence_piece(&self, gguf: &Gguf) -> Result<Tokenizer> {
        let scores = gguf.list("tokenizer.ggml.scores", |v| v.to_f32().ok())?;
        if scores.len() != self.tokens.len() {
            return Err(gguf.wrong("metadata `tokenizer.ggml.scores` and `tokenizer.ggml.tokens` differ in length; fetch the file again"));
        }
        let mut builder = BPE::builder().vocab_and_merges(self.ids(), self.merges(&scores)).byte_fallback(true).fuse_unk(true);
        if let Some(unknown) = self.text(self.unknown) {
            builder = builder.unk_token(unknown.to_owned());
        }
        let mut tokenizer =
            Tokenizer::new(builder.build().map_err(|error| gguf.wrong(&format!("its tokenizer cannot be built: {error}")))?);
        let space = Replace::new(" ", "▁").map_err(broken)?;
        // llama.cpp puts a space before a text unless the file says no.
        let prefix = !matches!(gguf.find("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(false)));
        let mut decoders = vec![Replace::new("▁", " ").map_err(broken)?.into(), ByteFallback::new().into(), Fuse::new().into()];
        if prefix {
            tokenizer.with_normalizer(Some(Normalizers::new(vec![Prepend::new("▁".into()).into(), space.into()])));
            decoders.push(Strip::new(' ', 1, 0).into());
        } else {
            tokenizer.with_normalizer(Some(space));
        }
        tokenizer.with_decoder(Some(Decoders::new(decoders)));
        Ok(tokenizer)
    }

    /// Every way to put a normal token together from two others; those of the highest score first, then those with the longest left
    /// part, as transformers orders them.
    fn merges(&self, scores: &[f32]) -> Vec<(String, String)> {
        let ids: HashMap<&str, usize> = self.tokens.iter().enumerate().map(|(id, token)| (token.as_str(), id)).collect();
        let mut merges: Vec<(usize, &str, &str)> = Vec::new();
        for (id, token) in self.tokens.iter().enumerate().filter(|(id, _)| self.kinds[*id] == Kind::Normal) {
            for (cut, _) in token.char_indices().skip(1) {
                let (left, right) = token.split_at(cut);
                if ids.contains_key(left) && ids.contains_key(right) {
                    merges.push((id, left, right));
                }
            }
        }
        let characters = |text: &str| text.chars().count();
        merges.sort_by(|a, b| {
            let by_score = scores[b.0].total_cmp(&scores[a.0]);
            by_score.then_with(|| (characters(b.1), characters(b.2)).cmp(&(characters(a.1), characters(a.2)))).then(a.0.cmp(&b.0))
        });
        merges.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect()
    }
}

fn broken(error: tokenizers::Error) -> Error {
    Error::Model(format!("the tokenizer cannot be built: {error}"))
}
