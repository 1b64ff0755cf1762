//! Data sets that were brought from the hub: which there are, and what of one a spec means that calls it by its name.
use contract::data::Data;
use contract::hub::{HubBrought, HubKind};
use contract::{Error, Result};
use datasets::holds_rows;
use home::Home;
use hub::{Id, KNOWN_DATA, Origin, known_data};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Words of names that say that rows are for tests.
const FOR_TESTS: [&str; 12] =
    ["test", "tests", "testing", "valid", "validation", "val", "eval", "evals", "evaluation", "dev", "heldout", "held"];

/// All of them, by name.
pub fn all(home: &Home) -> Vec<HubBrought> {
    let entries = std::fs::read_dir(home.data()).into_iter().flatten().flatten();
    let mut found: Vec<HubBrought> = entries.filter_map(|entry| brought(&entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn brought(folder: &Path) -> Option<HubBrought> {
    let name = folder.file_name()?.to_string_lossy().into_owned();
    let origin = Origin::read(folder).filter(|origin| origin.kind == HubKind::Data && !name.starts_with('.'))?;
    let known = KNOWN_DATA.iter().find(|known| known.id == origin.id);
    let files: Vec<PathBuf> = origin.files.iter().map(|file| folder.join(&file.path)).filter(|file| file.is_file()).collect();
    Some(HubBrought {
        kind: origin.kind,
        id: origin.id,
        revision: origin.revision,
        licence: origin.licence,
        name,
        folder: folder.display().to_string(),
        bytes: files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|found| found.len()).sum(),
        files: files.iter().map(|file| file.display().to_string()).collect(),
        column: known.map(|known| known.column.to_owned()),
        system_column: known.and_then(|known| known.system_column).map(String::from),
    })
}

/// Where `data.source` is no path but the name of a data set that was brought, as it is called here or on the hub: the path of what is meant of it, its rows to
/// train on, stands there from then on. Relative paths start at `base`.
///
/// # Errors
/// [`contract::Code::Data`] where a data set of the hub is named that is not here, several are here under one name of the hub, or it cannot be told which of its
/// files are meant: with what to do.
pub fn resolve(home: &Home, data: &mut Data, base: &Path) -> Result<()> {
    let named = &data.source;
    if named == datasets::SHIPPED || named.contains('*') || base.join(named).exists() {
        return Ok(());
    }
    let all = all(home);
    let of_hub = |one: &&HubBrought| one.id.eq_ignore_ascii_case(named);
    let found: Vec<&HubBrought> = match all.iter().find(|one| one.name == *named) {
        Some(one) => vec![one],
        None => all.iter().filter(of_hub).collect(),
    };
    match found[..] {
        [one] => data.source = rows_to_train_on(one)?.display().to_string(),
        [] if is_of_hub(named) => {
            return Err(Error::data(format!(
                "data.source names the data set {named}, which is not here: `alignpro hub get --data {named}` brings it from the hub, after it has said how large it is. \
                 A file is named by its path."
            )));
        }
        [] => {}
        ref several => {
            let names: Vec<&str> = several.iter().map(|one| &*one.name).collect();
            return Err(Error::data(format!("data.source names {named}, which is here several times: name one of {}.", names.join(", "))));
        }
    }
    Ok(())
}

/// Whether a name could be one of the hub's, and no file's.
fn is_of_hub(named: &str) -> bool {
    known_data(named).is_some()
        || named.contains('/') && !named.starts_with('.') && !holds_rows(Path::new(named)) && Id::parse(named).is_ok()
}

/// What to train on: of a data set's files those that say so by their names, or else those that do not say that they are for tests. The parts of one
/// (`train-00000-of-00002.parquet`) are one; files of which each is a share of the whole are the folder that they are in.
fn rows_to_train_on(found: &HubBrought) -> Result<PathBuf> {
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    found.files.iter().filter(|file| holds_rows(Path::new(file))).for_each(|file| groups.entry(without_part(file)).or_default().push(file));
    let rank = |file: &str| {
        let own = file.strip_prefix(&found.folder).unwrap_or(file).to_ascii_lowercase();
        let has = |words: &[&str]| own.split(|c: char| !c.is_ascii_lowercase()).any(|word| words.contains(&word));
        if has(&["train", "training"]) { 0 } else { 1 + u8::from(has(&FOR_TESTS)) }
    };
    let Some(best) = groups.keys().map(|group| rank(group)).min() else {
        let name = &found.name;
        return Err(Error::data(format!(
            "data.source names {name}, in which no file with rows is left; bring it again (`alignpro hub get`)."
        )));
    };
    let best = groups.iter().filter(|(group, _)| rank(group) == best);
    let meant: Vec<(&String, &[&String])> = best.map(|(group, files)| (group, files.as_slice())).collect();
    let folder = |file: &String| Path::new(file).parent().map(Path::to_path_buf);
    match meant[..] {
        [(_, &[one])] => Ok(PathBuf::from(one)),
        [(group, _)] => Ok(PathBuf::from(group)),
        // No file of another kind lies beside them.
        [(first, _), ..]
            if rank(first) == 1 && groups.keys().all(|other| folder(other) == folder(first)) && meant.len() == groups.len() =>
        {
            Ok(folder(first).unwrap_or_default())
        }
        _ => {
            let several = meant.iter().map(|(group, _)| format!("\"{group}\"")).collect::<Vec<_>>().join(", ");
            Err(Error::data(format!("data.source names {}, which has several files: name one of {several}.", found.name)))
        }
    }
}

/// `train-00000-of-00002.parquet` and `train/0000.parquet` without which of the parts it is, as a pattern; another path as it is.
fn without_part(file: &str) -> String {
    let (folder, name) = file.split_at(file.rfind(['/', '\\']).map_or(0, |at| at + 1));
    let Some((stem, ending)) = name.split_once('.') else { return file.to_owned() };
    let is_number = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(stem, 4) {
        return format!("{folder}*.{ending}");
    }
    let part = stem.rsplit_once("-of-").filter(|(_, all)| is_number(all, 5)).and_then(|(rest, _)| rest.rsplit_once('-'));
    match part.filter(|(_, number)| is_number(number, 5)) {
        Some((rest, _)) => format!("{folder}{rest}-*.{ending}"),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_rows_to_train_on() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let put = |name: &str, id: &str, files: &[&str]| {
            let own = home.data().join(name);
            let listed = files.iter().map(|file| format!("[[files]]\npath = \"{file}\"\nbytes = 1\n")).collect::<String>();
            for file in files {
                std::fs::create_dir_all(own.join(file).parent().unwrap()).unwrap();
                std::fs::write(own.join(file), "x").unwrap();
            }
            let origin = format!("hub = \"h\"\nkind = \"data\"\nid = \"{id}\"\nrevision = \"abc\"\n{listed}");
            std::fs::write(own.join("origin.toml"), origin).unwrap();
        };
        put("pairs", "Intel/orca_dpo_pairs", &["README.md", "orca_rlhf.jsonl"]);
        put(
            "feedback",
            "o/f",
            &[
                "data/train_prefs-00000-of-00002.parquet",
                "data/train_prefs-00001-of-00002.parquet",
                "data/test_prefs-00000-of-00001.parquet",
            ],
        );
        put("shares", "o/s", &["README.md", "a.jsonl", "b.jsonl"]);
        put("unlike", "o/u", &["a.jsonl", "sub/b.jsonl"]);
        put("kinds", "o/k", &["train_gen.jsonl", "train_prefs.jsonl", "constraints.jsonl"]);
        put("numbered", "o/n", &["default/train/0000.parquet", "default/train/0001.parquet", "default/test/0000.parquet"]);
        put("twice", "o/n", &["x.jsonl"]);
        put("quiet", "o/q", &["rows.jsonl", "test.jsonl"]);
        let resolved = |name: &str| {
            let mut data = Data { source: name.into(), ..Data::default() };
            resolve(&home, &mut data, folder.path()).map(|()| data.source)
        };
        let within = |path: &str| home.data().join(path).display().to_string();
        assert_eq!(resolved("pairs").unwrap(), within("pairs/orca_rlhf.jsonl"));
        assert_eq!(resolved("intel/orca_dpo_pairs").unwrap(), within("pairs/orca_rlhf.jsonl"));
        assert_eq!(resolved("feedback").unwrap(), within("feedback/data/train_prefs-*.parquet"));
        assert_eq!(resolved("shares").unwrap(), within("shares"));
        assert_eq!(resolved("numbered").unwrap(), within("numbered/default/train/*.parquet"));
        assert_eq!(resolved("quiet").unwrap(), within("quiet/rows.jsonl"));
        let message = |name: &str| resolved(name).unwrap_err().message;
        assert!(message("unlike").contains("several files"));
        assert!(message("kinds").contains("train_gen.jsonl") && !message("kinds").contains("constraints"), "{}", message("kinds"));
        assert!(message("o/n").contains("several times: name one of numbered, twice"), "{}", message("o/n"));
        for absent in ["ultrafeedback", "owner/name"] {
            assert!(message(absent).contains(&format!("`alignpro hub get --data {absent}`")), "{}", message(absent));
        }
        for other in ["shipped", "absent", "./pairs", "rows/a.jsonl"] {
            assert_eq!(resolved(other).unwrap(), other);
        }
        std::fs::write(folder.path().join("pairs"), "").unwrap();
        assert_eq!(resolved("pairs").unwrap(), "pairs", "what is a path stays one");
        let all = all(&home);
        let told: Vec<_> = all.iter().map(|one| (&one.name[..], one.column.as_deref(), one.system_column.as_deref())).collect();
        assert!(told.contains(&("pairs", Some("question"), Some("system"))) && told.contains(&("feedback", None, None)), "{told:?}");
    }
}
