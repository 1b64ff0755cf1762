//! A hub of models and data sets in this process, in the shapes in which huggingface.co answers, that misbehaves as it is told.
use crate::serving::{Act, Seen};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The commit that `main` is at.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// A token that the hub knows, whose owner has agreed to everything.
pub const TOKEN: &str = "hf_a_very_secret_token_4711";
/// One whose owner has agreed to nothing.
pub const SHY_TOKEN: &str = "hf_a_token_without_consent_4712";

/// A repository.
pub struct Repository {
    /// `models` or `datasets`.
    pub kind: &'static str,
    pub id: &'static str,
    pub files: Vec<(String, Vec<u8>)>,
    pub is_gated: bool,
    pub class: Option<&'static str>,
}

impl Repository {
    pub fn new(kind: &'static str, id: &'static str, files: &[(&str, &[u8])]) -> Self {
        let files = files.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec())).collect();
        Self { kind, id, files, is_gated: false, class: None }
    }

    /// With the files of a folder.
    pub fn of_folder(id: &'static str, folder: &Path) -> Self {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let mut files: Vec<(String, Vec<u8>)> =
            entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect();
        files.sort();
        Self { kind: "models", id, files, is_gated: false, class: None }
    }

    fn is_data(&self) -> bool {
        self.kind == "datasets"
    }

    fn card(&self) -> Value {
        json!({
            "id": self.id,
            "sha": COMMIT,
            "downloads": 1234,
            "likes": 5,
            "gated": if self.is_gated { json!("manual") } else { json!(false) },
            "tags": ["safetensors", "license:apache-2.0"],
        })
    }

    /// What is asked for by name in a search.
    fn expanded(&self) -> Value {
        let mut card = self.card();
        if self.is_data() {
            card["usedStorage"] = json!(12_300_000_000_u64);
        } else {
            card["safetensors"] = json!({ "parameters": { "BF16": 494_000_000, "F8_E4M3": 20 }, "total": 494_000_020 });
        }
        card
    }

    /// With `blobs=true`.
    fn details(&self) -> Value {
        let siblings: Vec<Value> = self.files.iter().map(|(path, content)| sibling(path, content)).collect();
        let mut card = self.card();
        card["cardData"] = json!({ "license": "apache-2.0" });
        card["siblings"] = json!(siblings);
        if let Some(class) = self.class {
            card["config"] = json!({ "architectures": [class] });
        }
        card
    }
}

/// Files that git keeps elsewhere have the checksum of their content, others git's own.
fn is_large(path: &str) -> bool {
    [".safetensors", ".gguf", ".gz", ".parquet", ".bin"].iter().any(|ending| path.ends_with(ending))
}

fn sibling(path: &str, content: &[u8]) -> Value {
    let git = Sha1::new_with_prefix(format!("blob {}\0", content.len())).chain_update(content).finalize();
    let mut sibling = json!({ "rfilename": path, "size": content.len(), "blobId": hex(&git) });
    if is_large(path) {
        sibling["lfs"] = json!({ "sha256": hex(&Sha256::digest(content)), "size": content.len(), "pointerSize": 134 });
    }
    sibling
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a hub does wrong.
#[derive(Default)]
pub struct Faults {
    /// Each connection that gives a file ends after so many bytes.
    pub portion: Option<usize>,
    /// The first connection that gives a file does not end after them either.
    pub stalls: AtomicBool,
    /// It gives the whole where a part was asked for.
    pub has_no_ranges: bool,
    /// Files whose name contains this come with their last byte changed.
    pub spoils: Option<&'static str>,
    /// Large files are given by this address.
    pub sends_on_to: Option<String>,
    /// So many requests are refused because there were too many.
    pub busy: usize,
}

/// A hub with these repositories.
pub fn hub(repositories: Vec<Repository>, faults: Faults) -> impl Fn(&Seen) -> Act + Send + Sync + 'static {
    let refused = AtomicUsize::new(0);
    move |seen: &Seen| {
        if refused.fetch_add(1, Ordering::Relaxed) < faults.busy {
            return Act::Say(429, vec![("Retry-After", "0".into())], String::new());
        }
        answer(&repositories, &faults, seen)
    }
}

fn answer(repositories: &[Repository], faults: &Faults, seen: &Seen) -> Act {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    if let Some(text) = query.split('&').find_map(|part| part.strip_prefix("search=")) {
        let kind = if path == "/api/datasets" { "datasets" } else { "models" };
        let found = repositories.iter().filter(|one| one.kind == kind && one.id.to_lowercase().contains(&text.to_lowercase()));
        return Act::json(&Value::Array(found.map(Repository::expanded).collect()));
    }
    let authorisation = seen.header("authorization").unwrap_or_default();
    let knows = |token: &str| authorisation == format!("Bearer {token}");
    if !authorisation.is_empty() && !knows(TOKEN) && !knows(SHY_TOKEN) {
        return refused(401, "", "Invalid credentials in Authorization header");
    }
    for one in repositories {
        let details = format!("/api/{}/{}", one.kind, one.id);
        let files = format!("{}/{}/resolve/{COMMIT}/", if one.is_data() { "/datasets" } else { "" }, one.id);
        if path == details
            || path == format!("{details}/revision/{COMMIT}")
            || path == format!("{details}/revision/refs%2Fconvert%2Fparquet")
        {
            return Act::json(&one.details());
        }
        if path.starts_with(&format!("{details}/revision/")) {
            return refused(404, "RevisionNotFound", "Invalid rev id");
        }
        let Some(file) = path.strip_prefix(&files) else { continue };
        if one.is_gated && !knows(TOKEN) {
            return refused(if authorisation.is_empty() { 401 } else { 403 }, "GatedRepo", "Access to this repository is restricted.");
        }
        let Some((name, content)) = one.files.iter().find(|(name, _)| name == file) else { return refused(404, "EntryNotFound", "") };
        return match &faults.sends_on_to {
            Some(address) if is_large(name) => Act::Say(302, vec![("Location", format!("{address}{path}"))], String::new()),
            _ => give(name, content, faults, seen),
        };
    }
    // As the hub does for what is not there or private.
    if authorisation.is_empty() {
        refused(401, "", "Invalid username or password.")
    } else {
        refused(404, "RepoNotFound", "Repository not found")
    }
}

fn refused(status: u16, code: &str, message: &str) -> Act {
    let mut headers = vec![("X-Error-Message", message.to_owned())];
    if !code.is_empty() {
        headers.push(("X-Error-Code", code.to_owned()));
    }
    Act::Say(status, headers, json!({ "error": message }).to_string())
}

fn give(name: &str, content: &[u8], faults: &Faults, seen: &Seen) -> Act {
    let mut content = content.to_vec();
    if faults.spoils.is_some_and(|part| name.contains(part))
        && let Some(last) = content.last_mut()
    {
        *last ^= 1;
    }
    let from = seen.header("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let given = faults.portion.unwrap_or(usize::MAX);
    match from.filter(|_| !faults.has_no_ranges) {
        Some(from) if from >= content.len() => Act::Say(416, vec![("Content-Range", format!("bytes */{}", content.len()))], String::new()),
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
            Act::Give(206, vec![("Content-Range", range)], content[from..].to_vec(), given)
        }
        None if faults.stalls.swap(false, Ordering::Relaxed) => Act::Stall(content, given),
        None => Act::Give(200, Vec::new(), content, given),
    }
}
