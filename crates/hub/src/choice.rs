//! Which files of a repository are brought.
use crate::listing::{RemoteFile, Repository};
use contract::data::is_about_rows;
use contract::hub::{HubFile, HubKind};
use contract::part::Part;
use contract::{Code, Error, Result};
use glob::Pattern;

/// What goes with the weights of a model that is a folder, where it is there.
const SMALL_FILES: [&str; 8] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "special_tokens_map.json",
    INDEX,
];
/// Without these no program here reads a folder.
const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];
const WEIGHTS: &str = "model.safetensors";
/// Says which file holds which tensor when the weights are in several.
const INDEX: &str = "model.safetensors.index.json";
/// Endings of files that are pickles, or may be: reading one can run any program.
const PICKLES: [&str; 7] = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib"];
/// Endings of files with rows, as the hub has them.
const ROWS: [&str; 7] = [".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet", ".csv", ".csv.gz"];
/// Of files that hold rows where no other does; otherwise they say something about them.
const PERHAPS_ROWS: [&str; 2] = [".json", ".json.gz"];
/// Beginning of the name of what sees pictures, which lies beside what writes.
const SEES: &str = "mmproj";
/// So many names are listed in a sentence.
const NAMED: usize = 12;

/// The files that `patterns` mean; without one, all that a model needs, or all of a data set that can hold rows. In the repository's order.
///
/// # Errors
/// [`Code::Model`] or [`Code::Data`] where there is nothing that could be read here, with the reason and what to look for: weights that are
/// pickles, an adapter alone, a missing part, several GGUF files of which none was chosen, no file with rows.
pub fn choose<'a>(repository: &'a Repository, patterns: &[String]) -> Result<Vec<&'a RemoteFile>> {
    let wrong =
        |text: &String, e| Error::spec(format!("--file {text} is no pattern: write a name, with * for any letters.")).with_detail(e);
    let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::new(text).map_err(|e| wrong(text, e))).collect::<Result<_>>()?;
    let asked: Vec<&RemoteFile> =
        repository.files.iter().filter(|file| patterns.iter().any(|pattern| pattern.matches(&file.path))).collect();
    if !patterns.is_empty() && asked.is_empty() {
        return Err(refused(repository, format!("has no file that --file means. It has {}", names(repository.files.iter()))));
    }
    if let Some(script) = asked.iter().find(|file| file.name().to_ascii_lowercase().ends_with(".py")) {
        return Err(refused(repository, format!("has {} as a program, and programs of a repository are never brought", script.path)));
    }
    if let Some(pickle) = asked.iter().find(|file| is_pickle(file)) {
        return Err(refused(repository, pickle_problem(&pickle.path)));
    }
    match repository.kind {
        HubKind::Data => rows(repository, asked),
        HubKind::Model => weights(repository, &asked),
    }
}

fn refused(repository: &Repository, what: impl std::fmt::Display) -> Error {
    let code = if repository.kind == HubKind::Model { Code::Model } else { Code::Data };
    Error::new(code, format!("The {} {} {what}.", repository.kind.in_words(), repository.id.as_str()))
}

fn names<'a>(files: impl Iterator<Item = &'a RemoteFile>) -> String {
    let all: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    let more = all.len().saturating_sub(NAMED);
    let shown = all[..all.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn is_pickle(file: &RemoteFile) -> bool {
    let name = file.name().to_ascii_lowercase();
    PICKLES.iter().any(|ending| name.ends_with(ending))
}

fn pickle_problem(path: &str) -> String {
    format!(
        "holds {path}, which is a pickle: reading one can run any program, so it is refused. Look for another repository of it with .safetensors or \
         .gguf files, or for a revision with them (the hub's own conversion is often refs/pr/1; its page lists them): --revision refs/pr/1"
    )
}

/// What one can choose among, as it is shown: of a data set, the files with rows; of a model, its GGUF files, where there is more than one way to bring it. A
/// model in several files is there once, under the name of the first and as large as all.
pub fn choices(repository: &Repository) -> Vec<HubFile> {
    match repository.kind {
        HubKind::Data => with_rows(repository).into_iter().map(RemoteFile::shown).collect(),
        HubKind::Model => {
            let mut all = ggufs(repository, repository.files.iter());
            all.retain(|model| model.missing.is_none());
            if all.len() > 1 || !safetensors(repository, &[]).is_empty() { all.iter().map(Ggufs::shown).collect() } else { Vec::new() }
        }
    }
}

/// A GGUF model in a repository.
struct Ggufs<'a> {
    /// In the order of their numbers, as far as they are there.
    files: Vec<&'a RemoteFile>,
    /// A part that the repository lacks.
    missing: Option<String>,
}

impl<'a> Ggufs<'a> {
    /// The model that `file` is, or is a part of.
    fn of(repository: &'a Repository, file: &'a RemoteFile) -> Self {
        let Some(part) = Part::of(&file.path) else { return Self { files: vec![file], missing: None } };
        let own = |other: &&RemoteFile| Part::of(&other.path).is_some_and(|found| found.goes_with(&part));
        let mut files: Vec<&RemoteFile> = repository.files.iter().filter(own).collect();
        files.sort_by_key(|file| Part::of(&file.path).map(|part| part.number));
        Self { missing: first_missing(&part, &files), files }
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    fn shown(&self) -> HubFile {
        HubFile { bytes: self.bytes(), ..self.files[0].shown() }
    }
}

/// The models that GGUF files are, each once, in the repository's order; what sees pictures is none.
fn ggufs<'a>(repository: &'a Repository, files: impl Iterator<Item = &'a RemoteFile>) -> Vec<Ggufs<'a>> {
    let mut found: Vec<Ggufs> = Vec::new();
    for file in files.filter(|file| is_gguf(file) && !file.name().starts_with(SEES)) {
        if found.iter().all(|model| model.files.iter().all(|held| held.path != file.path)) {
            found.push(Ggufs::of(repository, file));
        }
    }
    found
}

/// The name of the first part that is not among `files`. A name may say any number; of those beyond the files there the first is missing already.
fn first_missing(part: &Part, files: &[&RemoteFile]) -> Option<String> {
    (1..=part.all).map(|number| part.beside(number)).find(|name| files.iter().all(|file| file.path != *name))
}

fn is_gguf(file: &RemoteFile) -> bool {
    file.name().to_ascii_lowercase().ends_with(".gguf")
}

fn with_rows(repository: &Repository) -> Vec<&RemoteFile> {
    let of = |endings: &[&str]| -> Vec<&RemoteFile> {
        let ends = |file: &&RemoteFile| endings.iter().any(|ending| file.name().to_ascii_lowercase().ends_with(ending));
        repository.files.iter().filter(ends).filter(|file| !is_about_rows(file.name())).collect()
    };
    Some(of(&ROWS)).filter(|found| !found.is_empty()).unwrap_or_else(|| of(&PERHAPS_ROWS))
}

/// The files with rows.
fn rows<'a>(repository: &'a Repository, asked: Vec<&'a RemoteFile>) -> Result<Vec<&'a RemoteFile>> {
    if !asked.is_empty() {
        return Ok(asked);
    }
    let found = with_rows(repository);
    if found.is_empty() {
        return Err(refused(
            repository,
            format!(
                "has no file of rows ({}) of itself. The hub makes such files of many data sets: try --revision refs/convert/parquet. It has {}",
                [&ROWS[..], &PERHAPS_ROWS].concat().join(", "),
                names(repository.files.iter())
            ),
        ));
    }
    Ok(found)
}

/// The weights with what belongs to them.
fn weights<'a>(repository: &'a Repository, asked: &[&'a RemoteFile]) -> Result<Vec<&'a RemoteFile>> {
    if asked.iter().any(|file| is_gguf(file)) {
        return gguf(repository, asked.iter().copied());
    }
    let safetensors = safetensors(repository, asked);
    if !safetensors.is_empty() {
        return folder(repository, &safetensors);
    }
    if !asked.is_empty() {
        return Err(refused(
            repository,
            format!("has no weights among what --file means ({}): name .safetensors or .gguf", names(asked.iter().copied())),
        ));
    }
    if repository.files.iter().any(is_gguf) {
        return gguf(repository, repository.files.iter());
    }
    if repository.files.iter().any(|file| file.name().starts_with("adapter_model.")) {
        return Err(refused(repository, "is an adapter (LoRA) and no whole model. Bring the model that it belongs to; its page names it"));
    }
    if let Some(pickle) = repository.files.iter().find(|file| is_pickle(file)) {
        return Err(refused(repository, pickle_problem(&pickle.path)));
    }
    Err(refused(
        repository,
        format!("has no weights that are read here (.safetensors at its top, .gguf). It has {}", names(repository.files.iter())),
    ))
}

/// The weights at the top: one file, or its parts. Other programs' copies (`consolidated.safetensors`) and adapters are not meant.
fn safetensors<'a>(repository: &'a Repository, asked: &[&'a RemoteFile]) -> Vec<&'a RemoteFile> {
    let all = if asked.is_empty() { repository.files.iter().collect() } else { asked.to_vec() };
    let at_top = |file: &&RemoteFile| file.is_at_top() && file.name().ends_with(".safetensors");
    let own: Vec<&RemoteFile> = all.into_iter().filter(at_top).collect();
    if let Some(whole) = own.iter().find(|file| file.name() == WEIGHTS) {
        return vec![whole];
    }
    own.into_iter().filter(|file| Part::of(file.name()).is_some_and(|part| part.stem == "model")).collect()
}

/// The weights of a folder with its small files.
fn folder<'a>(repository: &'a Repository, weights: &[&'a RemoteFile]) -> Result<Vec<&'a RemoteFile>> {
    for part in weights.iter().filter_map(|file| Part::of(&file.path)) {
        if let Some(missing) = first_missing(&part, weights) {
            return Err(refused(repository, lacks(&missing, part.all)));
        }
    }
    let at_top = |name: &str| repository.files.iter().find(|file| file.path == name);
    if let Some(missing) = NEEDED.into_iter().find(|name| at_top(name).is_none()) {
        return Err(refused(
            repository,
            format!("has no {missing}, without which its weights cannot be read here. Look for another repository of it"),
        ));
    }
    if weights.len() > 1 && at_top(INDEX).is_none() {
        return Err(refused(repository, format!("has no {INDEX}, which says which of its files holds what")));
    }
    Ok(SMALL_FILES.into_iter().filter_map(at_top).chain(weights.iter().copied()).collect())
}

fn lacks(missing: &str, all: usize) -> String {
    format!("lacks {missing}: its weights are in {all} files. Ask for another revision")
}

/// The only GGUF model that is meant.
fn gguf<'a>(repository: &'a Repository, files: impl Iterator<Item = &'a RemoteFile>) -> Result<Vec<&'a RemoteFile>> {
    let mut all = ggufs(repository, files);
    match all.as_slice() {
        [] => Err(refused(repository, "has no GGUF file of a model that writes")),
        [Ggufs { files, missing: Some(missing) }] => {
            let all = Part::of(missing).map_or(files.len(), |part| part.all);
            Err(refused(repository, lacks(missing, all)))
        }
        [_] => Ok(all.swap_remove(0).files),
        several => {
            let list = |model: &Ggufs| {
                let parts = if model.files.len() > 1 { format!(" in {} files", model.files.len()) } else { String::new() };
                format!("{} ({:.1} GB{parts})", model.files[0].path, model.bytes() as f64 / 1e9)
            };
            let (shown, more) = several.split_at(several.len().min(NAMED));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            let shown: Vec<String> = shown.iter().map(list).collect();
            Err(refused(repository, format!("has {} GGUF files; choose one with --file: {}{more}", several.len(), shown.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;

    fn repository(kind: HubKind, names: &[&str]) -> Repository {
        let file = |name: &&str| RemoteFile { path: (*name).into(), bytes: 1, digest: None };
        Repository {
            kind,
            id: Id::parse("a/b").unwrap(),
            revision: "0".repeat(40),
            licence: None,
            gated: false,
            downloads: 0,
            likes: 0,
            class: None,
            quantised: None,
            gguf_architecture: None,
            files: names.iter().map(file).collect(),
        }
    }

    fn chosen(kind: HubKind, names: &[&str], patterns: &[&str]) -> Result<Vec<String>> {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        choose(&repository(kind, names), &patterns).map(|files| files.into_iter().map(|file| file.path.clone()).collect())
    }

    fn model(names: &[&str], patterns: &[&str]) -> Result<Vec<String>> {
        chosen(HubKind::Model, names, patterns)
    }

    #[test]
    fn a_model_is_its_weights_and_what_reads_them() {
        let names = [
            "README.md",
            "config.json",
            "model.safetensors",
            "original/consolidated.00.pth",
            "pytorch_model.bin",
            "run.py",
            "tokenizer.json",
        ];
        assert_eq!(model(&names, &[]).unwrap(), ["config.json", "tokenizer.json", "model.safetensors"]);
        let both = [&names[..], &["model-q4.gguf"]].concat();
        assert_eq!(model(&both, &["*.gguf"]).unwrap(), ["model-q4.gguf"]);
        assert_eq!(model(&both, &["model.*"]).unwrap().len(), 3, "config and tokenizer come with the weights");
    }

    #[test]
    fn every_part_must_be_there() {
        let small = ["config.json", "tokenizer.json", "model.safetensors.index.json"];
        let parts = ["consolidated.safetensors", "model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors"];
        let message = model(&[&small[..], &parts].concat(), &[]).unwrap_err().message;
        assert!(message.contains("lacks model-00002-of-00003.safetensors"), "{message}");
        let all = [&small[..], &parts, &["model-00002-of-00003.safetensors"]].concat();
        assert_eq!(model(&all, &[]).unwrap().len(), 6);
        let message = model(&[&all[..2], &all[3..]].concat(), &[]).unwrap_err().message;
        assert!(message.contains("has no model.safetensors.index.json"), "{message}");
        assert!(model(&["config.json", "model.safetensors"], &[]).unwrap_err().message.contains("no tokenizer.json"));
    }

    #[test]
    fn pickles_are_refused_with_what_to_look_for() {
        for names in [vec!["config.json", "pytorch_model.bin", "tokenizer.json"], vec!["model.ckpt"], vec!["a/b.PT"]] {
            let error = model(&names, &[]).unwrap_err();
            assert!(error.code == Code::Model && error.message.contains("pickle") && error.message.contains(".safetensors"), "{error}");
        }
        let message =
            model(&["config.json", "model.safetensors", "tokenizer.json", "pytorch_model.bin"], &["pytorch*"]).unwrap_err().message;
        assert!(message.contains("holds pytorch_model.bin, which is a pickle"), "{message}");
        assert!(chosen(HubKind::Data, &["rows.pkl", "rows.jsonl"], &["rows.*"]).unwrap_err().message.contains("pickle"));
    }

    #[test]
    fn one_gguf_file_is_chosen_by_its_name() {
        let names = ["m-Q4_K_M.gguf", "m-Q8_0.gguf", "mmproj-f16.gguf"];
        let message = model(&names, &[]).unwrap_err().message;
        assert!(
            message.contains("has 2 GGUF files") && message.contains("m-Q8_0.gguf (0.0 GB)") && !message.contains("mmproj"),
            "{message}"
        );
        assert_eq!(model(&names, &["*Q8_0*"]).unwrap(), ["m-Q8_0.gguf"]);
        assert_eq!(model(&names[1..], &[]).unwrap(), ["m-Q8_0.gguf"]);
        assert!(model(&names, &["*Q2*"]).unwrap_err().message.contains("no file that --file means"));
        assert!(model(&names, &["[", "x"]).unwrap_err().code == Code::Spec);
    }

    #[test]
    fn a_gguf_model_in_several_files_comes_whole() {
        let names = ["q4/m-00002-of-00002.gguf", "q4/m-00001-of-00002.gguf", "m-q8-00001-of-00002.gguf"];
        let both = ["q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"];
        for pattern in ["q4/m-00001-of-00002.gguf", "*00002-of*", "q4/*"] {
            assert_eq!(model(&names, &[pattern]).unwrap(), both, "{pattern}");
        }
        assert_eq!(model(&names[..2], &[]).unwrap(), both);
        let message = model(&names, &[]).unwrap_err().message;
        assert!(message.contains("has 2 GGUF files") && message.contains("q4/m-00001-of-00002.gguf (0.0 GB in 2 files)"), "{message}");
        let message = model(&names, &["*q8*"]).unwrap_err().message;
        assert!(message.contains("lacks m-q8-00002-of-00002.gguf: its weights are in 2 files"), "{message}");
    }

    #[test]
    fn what_is_no_whole_model_is_said() {
        assert!(model(&["adapter_config.json", "adapter_model.safetensors"], &[]).unwrap_err().message.contains("adapter"));
        assert!(model(&["README.md"], &[]).unwrap_err().message.contains("It has README.md"));
    }

    #[test]
    fn what_can_be_chosen_among() {
        let of = |kind, names: &[&str]| choices(&repository(kind, names)).into_iter().map(|file| file.path.clone()).collect::<Vec<_>>();
        let ggufs = ["m-Q4.gguf", "m-Q8.gguf", "mmproj-f16.gguf", "big-00001-of-00002.gguf"];
        assert_eq!(of(HubKind::Model, &ggufs), ["m-Q4.gguf", "m-Q8.gguf"], "a part is missing");
        let whole = [&ggufs[..], &["big-00002-of-00002.gguf"]].concat();
        let shown = choices(&repository(HubKind::Model, &whole));
        assert_eq!((shown[2].path.as_str(), shown[2].bytes), ("big-00001-of-00002.gguf", 2));
        assert!(of(HubKind::Model, &ggufs[..1]).is_empty(), "there is no other way to bring it");
        assert_eq!(of(HubKind::Model, &["model.safetensors", "m-Q4.gguf"]), ["m-Q4.gguf"]);
        assert_eq!(of(HubKind::Data, &["README.md", "a.parquet", "b.jsonl.gz"]), ["a.parquet", "b.jsonl.gz"]);
    }

    #[test]
    fn a_data_set_is_its_files_of_rows() {
        let names = ["README.md", "data/train-0.parquet", "extra/x.jsonl.gz", "script.py"];
        assert_eq!(chosen(HubKind::Data, &names, &[]).unwrap(), ["data/train-0.parquet", "extra/x.jsonl.gz"]);
        assert_eq!(chosen(HubKind::Data, &names, &["data/train-*"]).unwrap(), ["data/train-0.parquet"]);
        let json = ["dataset_infos.json", "alpaca.json", "more/extra.json.gz", "train.csv"];
        assert_eq!(chosen(HubKind::Data, &json, &[]).unwrap(), ["train.csv"], "what may say something about rows is left");
        assert_eq!(chosen(HubKind::Data, &json[..3], &[]).unwrap(), ["alpaca.json", "more/extra.json.gz"]);
        assert!(chosen(HubKind::Data, &names, &["*.py"]).unwrap_err().message.contains("never brought"));
        let message = chosen(HubKind::Data, &["script.py"], &[]).unwrap_err().message;
        assert!(message.contains("refs/convert/parquet"), "{message}");
    }
}
