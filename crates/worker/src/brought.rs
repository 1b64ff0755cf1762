//! Data sets that were brought from the hub: which there are, and what of one a spec means that calls it by its name.
use contract::data::Data;
use contract::hub::{HubBrought, HubKind};
use contract::{Error, Result};
use home::Home;
use hub::{KNOWN_DATA, Origin};
use std::path::{Path, PathBuf};

/// Endings of files with rows.
const ROWS: [&str; 9] = [".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz", ".csv", ".csv.gz", ".parquet"];

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
/// [`contract::Code::Data`] where the data set is there and it cannot be told which of its files are meant: with what to write.
pub fn resolve(home: &Home, data: &mut Data, base: &Path) -> Result<()> {
    let named = &data.source;
    if named == datasets::SHIPPED || named.contains('*') || base.join(named).exists() {
        return Ok(());
    }
    let all = all(home);
    let Some(found) = all.iter().find(|one| one.name == *named || one.id.eq_ignore_ascii_case(named)) else { return Ok(()) };
    data.source = rows_to_train_on(found)?.display().to_string();
    Ok(())
}

/// The one file, or the parts of one, that a data set has to train on: those with "train" in their names, or all.
fn rows_to_train_on(found: &HubBrought) -> Result<PathBuf> {
    let rows = |file: &&String| ROWS.iter().any(|ending| file.to_ascii_lowercase().ends_with(ending));
    let all: Vec<&String> = found.files.iter().filter(rows).collect();
    let is_train = |file: &&&String| file.strip_prefix(&found.folder).is_some_and(|own| own.to_ascii_lowercase().contains("train"));
    let train: Vec<&String> = all.iter().filter(is_train).copied().collect();
    let meant = if train.is_empty() { &all } else { &train };
    match &meant[..] {
        [one] => Ok(PathBuf::from(one)),
        [first, .., last] => {
            let (start, end) = (common(first.chars(), last.chars()), common(first.chars().rev(), last.chars().rev()));
            let pattern = format!("{start}*{}", end.chars().rev().collect::<String>());
            let fits = |file: &&&String| file.starts_with(&start) && file.len() >= pattern.len() - 1;
            let is_of_one_folder = meant.iter().all(|file| Path::new(file).parent() == Path::new(first).parent());
            if is_of_one_folder && all.iter().filter(fits).count() == meant.len() {
                return Ok(PathBuf::from(pattern));
            }
            let several = meant.iter().map(|file| format!("\"{file}\"")).collect::<Vec<_>>().join(", ");
            Err(Error::data(format!("data.source names {}, which has several files: name one of {several}.", found.name)))
        }
        [] => Err(Error::data(format!(
            "data.source names {}, in which no file with rows is left; bring it again (`alignpro hub get`).",
            found.name
        ))),
    }
}

/// What two texts begin with.
fn common(a: impl Iterator<Item = char>, b: impl Iterator<Item = char>) -> String {
    a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
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
        put("shares", "o/s", &["a.jsonl", "sub/b.jsonl"]);
        let resolved = |name: &str| {
            let mut data = Data { source: name.into(), ..Data::default() };
            resolve(&home, &mut data, folder.path()).map(|()| data.source)
        };
        let within = |path: &str| home.data().join(path).display().to_string();
        assert_eq!(resolved("pairs").unwrap(), within("pairs/orca_rlhf.jsonl"));
        assert_eq!(resolved("intel/orca_dpo_pairs").unwrap(), within("pairs/orca_rlhf.jsonl"));
        assert_eq!(resolved("feedback").unwrap(), within("feedback/data/train_prefs-0000*-of-00002.parquet"));
        assert!(resolved("shares").unwrap_err().message.contains("several files"));
        for other in ["shipped", "absent", "./pairs"] {
            assert_eq!(resolved(other).unwrap(), other);
        }
        std::fs::write(folder.path().join("pairs"), "").unwrap();
        assert_eq!(resolved("pairs").unwrap(), "pairs", "what is a path stays one");
        let all = all(&home);
        let told: Vec<_> = all.iter().map(|one| (&one.name[..], one.column.as_deref(), one.system_column.as_deref())).collect();
        assert_eq!(told, [("feedback", None, None), ("pairs", Some("question"), Some("system")), ("shares", None, None)]);
    }
}
