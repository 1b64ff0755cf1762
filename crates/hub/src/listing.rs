//! What the hub says of its repositories, in its own words.
use crate::digest::Digest;
use crate::id::Id;
use contract::hub::{HubFile, HubKind, HubListed};
use contract::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A repository at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    pub kind: HubKind,
    pub id: Id,
    /// Commit, in hex.
    pub revision: String,
    pub licence: Option<String>,
    pub gated: bool,
    pub downloads: u64,
    pub likes: u64,
    /// `architectures` of its `config.json`.
    pub class: Option<String>,
    /// By what method its safetensors are quantised, as its `config.json` says.
    pub quantised: Option<String>,
    /// Of its GGUF files.
    pub gguf_architecture: Option<String>,
    pub files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Inside of the repository, with slashes; never leads out of it.
    pub path: String,
    pub bytes: u64,
    /// None where a mirror does not say it.
    pub digest: Option<Digest>,
}

impl RemoteFile {
    /// Without the folders that it lies in.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// As it is shown.
    pub fn shown(&self) -> HubFile {
        HubFile { path: self.path.clone(), bytes: self.bytes }
    }

    /// Whether it lies in no folder of the repository.
    pub fn is_at_top(&self) -> bool {
        !self.path.contains('/')
    }
}

/// An entry of a search.
#[derive(Deserialize)]
pub(crate) struct Entry {
    id: String,
    #[serde(default)]
    downloads: u64,
    #[serde(default)]
    likes: u64,
    /// `false`, `"auto"` or `"manual"`.
    #[serde(default)]
    gated: Value,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default, rename = "cardData")]
    card: Value,
    safetensors: Option<Weights>,
    #[serde(default)]
    gguf: Value,
    #[serde(rename = "usedStorage")]
    kept: Option<u64>,
}

/// What the hub found in weights.
#[derive(Deserialize)]
struct Weights {
    /// How many numbers there are of each type.
    #[serde(default)]
    parameters: BTreeMap<String, u64>,
    total: Option<u64>,
}

impl Weights {
    /// None where there is a type of unknown width.
    fn bytes(&self) -> Option<u64> {
        let of_type = |(name, count): (&String, &u64)| {
            let bits = name.trim_start_matches(|c: char| !c.is_ascii_digit()).split('_').next()?.parse::<u64>().ok();
            count.checked_mul(if name == "BOOL" { 8 } else { bits? }).map(|bits| bits / 8)
        };
        self.parameters.iter().map(of_type).sum::<Option<u64>>().filter(|bytes| *bytes > 0)
    }
}

impl Entry {
    /// What has to be asked for by name in a search.
    pub const fn wanted(kind: HubKind) -> &'static [&'static str] {
        match kind {
            HubKind::Model => &["downloads", "likes", "gated", "tags", "safetensors", "gguf"],
            HubKind::Data => &["downloads", "likes", "gated", "tags", "usedStorage"],
        }
    }

    pub fn listed(self) -> HubListed {
        let weights = ["safetensors", "gguf"].into_iter().filter(|form| self.tags.iter().any(|tag| tag == form));
        HubListed {
            licence: licence(&self.card, &self.tags),
            gated: is_gated(&self.gated),
            weights: weights.map(String::from).collect(),
            parameters: self.safetensors.as_ref().and_then(|found| found.total).or_else(|| self.gguf["total"].as_u64()),
            bytes: self.safetensors.as_ref().and_then(Weights::bytes).or(self.kept),
            id: self.id,
            downloads: self.downloads,
            likes: self.likes,
        }
    }
}

/// All of one repository.
#[derive(Deserialize)]
pub(crate) struct Details {
    sha: Option<String>,
    #[serde(flatten)]
    entry: Entry,
    #[serde(default)]
    siblings: Vec<Sibling>,
    #[serde(default)]
    config: Value,
}

#[derive(Deserialize)]
struct Sibling {
    #[serde(rename = "rfilename")]
    path: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Details {
    /// # Errors
    /// [`contract::Code::Network`] where the hub leaves out the commit or a file's size, or a file's name leads out of its folder.
    pub fn repository(self, kind: HubKind, id: &Id) -> Result<Repository> {
        let wrong =
            |what: &str| Error::network(format!("What the hub says of {} cannot be used: {what}. Nothing was brought.", id.as_str()));
        let revision = self
            .sha
            .filter(|sha| sha.len() >= 7 && sha.chars().all(|c| c.is_ascii_hexdigit()))
            .ok_or_else(|| wrong("no commit is named"))?;
        let mut files = Vec::new();
        for sibling in self.siblings {
            if !is_inside(&sibling.path) {
                return Err(wrong(&format!("the name of its file \"{}\" leads out of its folder", sibling.path.escape_debug())));
            }
            let digest = match (&sibling.lfs, sibling.blob) {
                (Some(lfs), _) => Some(Digest::Sha256(lfs.sha256.to_ascii_lowercase())),
                (None, Some(blob)) => Some(Digest::Git(blob.to_ascii_lowercase())),
                (None, None) => None,
            };
            if digest.as_ref().is_some_and(|digest| !digest.hex().chars().all(|c| c.is_ascii_hexdigit())) {
                return Err(wrong(&format!("the checksum of its file {} is none", sibling.path)));
            }
            let bytes = sibling.lfs.map(|lfs| lfs.size).or(sibling.size).ok_or_else(|| wrong(&format!("{} has no size", sibling.path)))?;
            files.push(RemoteFile { path: sibling.path, bytes, digest });
        }
        let text = |value: &Value| value.as_str().map(String::from);
        Ok(Repository {
            kind,
            id: id.clone(),
            revision,
            licence: licence(&self.entry.card, &self.entry.tags),
            gated: is_gated(&self.entry.gated),
            downloads: self.entry.downloads,
            likes: self.entry.likes,
            class: text(&self.config["architectures"][0]),
            quantised: quantised(&self.config["quantization_config"]),
            gguf_architecture: text(&self.entry.gguf["architecture"]),
            files,
        })
    }
}

/// The method, as a model's configuration says it; Apple's programs do not name theirs.
fn quantised(settings: &Value) -> Option<String> {
    settings.as_object().map(|settings| settings.get("quant_method").and_then(Value::as_str).unwrap_or("MLX").to_owned())
}

fn is_gated(gated: &Value) -> bool {
    !matches!(gated, Value::Null | Value::Bool(false))
}

/// Of the card, or of the tags made of it: where a licence is none of those that the hub knows, it is `other` with a name.
fn licence(card: &Value, tags: &[String]) -> Option<String> {
    let of_card = match &card["license"] {
        Value::String(one) => Some(one.clone()),
        Value::Array(several) => Some(several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    };
    let of_tags = || tags.iter().find_map(|tag| tag.strip_prefix("license:")).map(String::from);
    let licence = of_card.filter(|licence| !licence.is_empty()).or_else(of_tags)?;
    Some(match card["license_name"].as_str() {
        Some(name) if licence == "other" => format!("other ({name})"),
        _ => licence,
    })
}

/// Whether a path stays in its folder, on every system.
fn is_inside(path: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':'));
    path.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn repository(value: Value) -> Result<Repository> {
        serde_json::from_value::<Details>(value).unwrap().repository(HubKind::Model, &Id::parse("a/b").unwrap())
    }

    #[test]
    fn files_come_with_what_they_hash_to() {
        let found = repository(json!({
            "id": "a/b", "sha": "0123456789abcdef", "gated": "manual", "tags": ["license:mit"], "downloads": 3, "likes": 1,
            "config": { "architectures": ["LlamaForCausalLM"] },
            "siblings": [
                { "rfilename": "config.json", "size": 5, "blobId": "AB" },
                { "rfilename": "sub/model.safetensors", "size": 9, "blobId": "cd", "lfs": { "sha256": "EF", "size": 9, "pointerSize": 1 } },
            ],
        }))
        .unwrap();
        assert!(found.gated && found.licence.as_deref() == Some("mit") && found.class.as_deref() == Some("LlamaForCausalLM"));
        assert_eq!(found.files[0].digest, Some(Digest::Git("ab".into())));
        assert_eq!(found.files[1].digest, Some(Digest::Sha256("ef".into())));
        assert_eq!((found.files[1].name(), found.files[1].is_at_top()), ("model.safetensors", false));
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for path in ["../x", "/etc/passwd", "a/../../x", "a\\..\\x", "C:/x", "a//b", "a\u{0}b", "."] {
            let refused = repository(json!({ "id": "a/b", "sha": "0123456789", "siblings": [{ "rfilename": path, "size": 1 }] }));
            assert!(refused.unwrap_err().message.contains("leads out"), "{path:?}");
        }
    }

    #[test]
    fn a_licence_is_told_in_three_ways() {
        assert_eq!(licence(&json!({ "license": ["mit", "apache-2.0"] }), &[]).unwrap(), "mit, apache-2.0");
        assert_eq!(licence(&json!({ "license": "other", "license_name": "qwen" }), &[]).unwrap(), "other (qwen)");
        assert_eq!(licence(&Value::Null, &["license:llama3.2".into()]).unwrap(), "llama3.2");
        assert_eq!(licence(&Value::Null, &[]), None);
    }
}
