//! Ollama's models: `manifests/HOST/NAMESPACE/NAME/TAG` is JSON whose layer of the right kind is a GGUF file in `blobs`.
use super::Found;
use super::folders::folders;
use contract::desk::ModelPlace;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const MODEL: &str = "application/vnd.ollama.image.model";
const ADAPTER: &str = "application/vnd.ollama.image.adapter";
/// Whose name stands before no model's.
const HOST: &str = "registry.ollama.ai";
const NAMESPACE: &str = "library";
/// No manifest is longer.
const LONGEST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
}

pub(super) fn models(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for host in folders(&root.join("manifests")) {
        for namespace in folders(&host) {
            for model in folders(&namespace) {
                let tags = std::fs::read_dir(&model).into_iter().flatten().flatten().map(|entry| entry.path());
                found.extend(tags.filter_map(|tag| of_manifest(root, &tag, [&host, &namespace, &model])));
            }
        }
    }
    found
}

/// The model of a manifest; None where there is none, or its file is not here.
fn of_manifest(root: &Path, manifest: &Path, [host, namespace, model]: [&PathBuf; 3]) -> Option<Found> {
    let last = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let (host, namespace, model, tag) = (last(host)?, last(namespace)?, last(model)?, last(manifest)?);
    let name = match (host.as_str(), namespace.as_str()) {
        (HOST, NAMESPACE) => format!("{model}:{tag}"),
        (HOST, _) => format!("{namespace}/{model}:{tag}"),
        _ => format!("{host}/{namespace}/{model}:{tag}"),
    };
    if std::fs::metadata(manifest).ok().is_none_or(|file| !file.is_file() || file.len() > LONGEST) {
        return None;
    }
    let Manifest { layers } = serde_json::from_slice(&std::fs::read(manifest).ok()?).ok()?;
    let of_kind = |kind: &str| layers.iter().filter(|layer| layer.media_type == kind).collect::<Vec<_>>();
    let weights = of_kind(MODEL);
    let path = blob(root, &weights.first()?.digest)?;
    let problem = if weights.len() > 1 {
        Some("its weights are in several files, which are not read here".to_owned())
    } else if !of_kind(ADAPTER).is_empty() {
        Some("it is a model with an adapter beside it, which would be left out; bring the model that it was made from".to_owned())
    } else {
        None
    };
    Some(Found { name, place: ModelPlace::Ollama, path, problem })
}

/// `sha256:…` lies in `blobs/sha256-…`.
fn blob(root: &Path, digest: &str) -> Option<PathBuf> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()))?;
    Some(root.join("blobs").join(format!("sha256-{hex}"))).filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(root: &Path, path: &str, layers: &[(&str, &str)]) {
        let layers: Vec<_> =
            layers.iter().map(|(kind, digest)| serde_json::json!({ "mediaType": kind, "digest": digest, "size": 1 })).collect();
        let path = root.join("manifests").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, serde_json::json!({ "schemaVersion": 2, "layers": layers }).to_string()).unwrap();
    }

    #[test]
    fn a_name_and_a_tag_lead_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let (root, hex) = (folder.path(), "ab".repeat(32));
        let digest = format!("sha256:{hex}");
        std::fs::create_dir_all(root.join("blobs")).unwrap();
        std::fs::write(root.join(format!("blobs/sha256-{hex}")), "GGUF").unwrap();
        let template = ("application/vnd.ollama.image.template", "sha256:00");
        manifest(root, "registry.ollama.ai/library/llama3.2/1b", &[template, (MODEL, &digest)]);
        manifest(root, "registry.ollama.ai/me/tuned/latest", &[(MODEL, &digest), (ADAPTER, &digest)]);
        manifest(root, "hf.co/org/x-GGUF/Q4_K_M", &[(MODEL, &digest)]);
        manifest(root, "registry.ollama.ai/library/gone/1b", &[(MODEL, &format!("sha256:{}", "cd".repeat(32)))]);
        manifest(root, "registry.ollama.ai/library/evil/1b", &[(MODEL, "sha256:../../../etc/passwd")]);
        std::fs::write(root.join("manifests/registry.ollama.ai/library/llama3.2/broken"), "{").unwrap();
        let mut found = models(root);
        found.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(
            found.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(),
            ["hf.co/org/x-GGUF:Q4_K_M", "llama3.2:1b", "me/tuned:latest"]
        );
        assert!(found[1].path.ends_with(format!("blobs/sha256-{hex}")) && found[1].problem.is_none());
        assert!(found[2].problem.as_ref().unwrap().contains("adapter"));
    }
}
