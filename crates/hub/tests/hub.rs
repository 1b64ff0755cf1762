//! A hub that behaves, and hubs that do not.
#![allow(clippy::unwrap_used)] // A helper that fails should fail its test.
use contract::hub::{HubKind, HubProgress};
use contract::{Code, Error, Result};
use hub::{Hub, Id, Opening, Origin, Standing, Target, choose, origin_of};
use network::Secret;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;
use tests::hub::{COMMIT, Faults, Repository, SHY_TOKEN, TOKEN, hub as serve};
use tests::serving::{Act, Seen, Server};

const MODEL: &str = "org/small";

/// A repository of a model whose weights are more than a packet.
fn model() -> Repository {
    let weights: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let files: [(&str, &[u8]); 5] = [
        ("README.md", b"#"),
        ("config.json", b"{}"),
        ("model.safetensors", &weights),
        ("pytorch_model.bin", b"pickle"),
        ("tokenizer.json", b"{ }"),
    ];
    Repository { class: Some("LlamaForCausalLM"), ..Repository::new("models", MODEL, &files) }
}

fn opening(server: &Server, token: Option<&str>) -> Opening {
    Opening {
        address: server.address(),
        token: token.and_then(Secret::new),
        find_token: Box::new(|| None),
        say: Box::new(|_| {}),
        stop: Box::new(|| false),
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Brings all that is meant of a repository into `parent`.
fn bring(opening: Opening, kind: HubKind, id: &str, files: &[&str], parent: &Path) -> Result<(PathBuf, Vec<HubProgress>)> {
    block_on(async {
        let hub = Hub::open(opening)?;
        let repository = hub.repository(kind, &Id::parse(id)?, None).await?;
        let patterns: Vec<String> = files.iter().map(ToString::to_string).collect();
        let target = Target::new(&repository, choose(&repository, &patterns)?, parent, "name");
        let mut told = Vec::new();
        if target.standing()? == Standing::Missing {
            target.fill(&hub, &mut |progress| told.push(progress.clone()), |_| Ok(())).await?;
        }
        Ok((target.folder().to_owned(), told))
    })
}

fn bring_model(server: &Server, parent: &Path) -> Result<PathBuf> {
    bring(opening(server, None), HubKind::Model, MODEL, &[], parent).map(|(folder, _)| folder)
}

fn start(repositories: Vec<Repository>, faults: Faults) -> (Server, TempDir) {
    (Server::start(serve(repositories, faults)), tempfile::tempdir().unwrap())
}

/// Where requests for the weights began.
fn begins(server: &Server) -> Vec<Option<String>> {
    let weights = server.seen().into_iter().filter(|seen| seen.path.ends_with("/model.safetensors"));
    weights.map(|seen| seen.header("range").map(String::from)).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_model_arrives_with_what_it_needs_and_where_it_is_from() {
    let (server, folder) = start(vec![model()], Faults::default());
    let (model_folder, told) = bring(opening(&server, None), HubKind::Model, MODEL, &[], folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["name"]);
    assert_eq!(names(&model_folder), ["config.json", "model.safetensors", "origin.toml", "tokenizer.json"]);
    assert!(std::fs::read(model_folder.join("model.safetensors")).unwrap() == model().files[2].1);
    let origin = Origin::read(&model_folder).unwrap();
    assert_eq!((origin.id.as_str(), origin.revision.as_str(), origin.files.len()), (MODEL, COMMIT, 3));
    assert_eq!(origin_of(&model_folder).unwrap(), format!("{MODEL} at {COMMIT}, licence apache-2.0"));
    let last = told.last().unwrap();
    assert!(last.done_bytes == last.bytes && last.bytes == 200_005, "{last:?}");
    assert!(told.windows(2).all(|pair| pair[0].done_bytes <= pair[1].done_bytes));
    // Once more: nothing but the question what there is.
    let before = server.seen().len();
    bring_model(&server, folder.path()).unwrap();
    assert_eq!(server.seen().len(), before + 1);
}

#[test]
fn searches_name_what_is_there() {
    let (server, _folder) = start(vec![model(), Repository::new("datasets", "org/rows", &[])], Faults::default());
    let hub = Hub::open(opening(&server, None)).unwrap();
    let found = block_on(hub.search(HubKind::Model, "Small", &["safetensors".into()], 7)).unwrap();
    assert_eq!(found.len(), 1);
    assert!(
        found[0].id == MODEL && found[0].licence.as_deref() == Some("apache-2.0") && found[0].weights == ["safetensors"] && !found[0].gated
    );
    assert_eq!((found[0].parameters, found[0].bytes), (Some(494_000_020), Some(988_000_020)));
    let asked = &server.seen()[0].path;
    assert!(
        asked.starts_with("/api/models?")
            && ["search=Small", "sort=downloads", "limit=7", "filter=safetensors", "expand=safetensors", "expand=tags"]
                .iter()
                .all(|part| asked.contains(part))
    );
    let found = block_on(hub.search(HubKind::Data, "rows", &[], 20)).unwrap();
    assert_eq!((&found[0].id[..], found[0].parameters, found[0].bytes), ("org/rows", None, Some(12_300_000_000)));
}

#[test]
fn broken_connections_are_gone_on_from_where_they_broke() {
    let (server, folder) = start(vec![model()], Faults { portion: Some(90_000), ..Faults::default() });
    let model_folder = bring_model(&server, folder.path()).unwrap();
    assert!(std::fs::read(model_folder.join("model.safetensors")).unwrap() == model().files[2].1);
    assert_eq!(begins(&server), [None, Some("bytes=90000-".into()), Some("bytes=180000-".into())]);
}

#[test]
fn a_hub_without_ranges_gives_all_of_it_again() {
    let (mut server, folder) = start(vec![model()], Faults { portion: Some(90_000), ..Faults::default() });
    let failed =
        bring(Opening { stop: stop_in_weights(folder.path()), ..opening(&server, None) }, HubKind::Model, MODEL, &[], folder.path())
            .unwrap_err();
    assert_eq!(failed.code, Code::Stopped);
    server.stop();
    server.start_again(serve(vec![model()], Faults { has_no_ranges: true, ..Faults::default() }));
    let model_folder = bring_model(&server, folder.path()).unwrap();
    assert!(std::fs::read(model_folder.join("model.safetensors")).unwrap() == model().files[2].1);
}

/// Stops when some of the weights are there.
fn stop_in_weights(parent: &Path) -> Box<dyn Fn() -> bool + Send + Sync> {
    let draft = parent.join(".name.fetching");
    let is_part = |entry: std::fs::DirEntry| {
        entry.file_name().to_string_lossy().starts_with(".model.safetensors") && entry.metadata().is_ok_and(|found| found.len() > 0)
    };
    Box::new(move || std::fs::read_dir(&draft).into_iter().flatten().flatten().any(is_part))
}

#[test]
fn what_arrived_before_a_stop_is_kept() {
    let (server, folder) = start(vec![model()], Faults::default());
    let failed =
        bring(Opening { stop: stop_in_weights(folder.path()), ..opening(&server, None) }, HubKind::Model, MODEL, &[], folder.path())
            .unwrap_err();
    assert!(failed.code == Code::Stopped && failed.message.contains("kept"), "{failed}");
    assert_eq!(names(folder.path()), [".name.fetching"], "a model that is not whole has no name");
    bring_model(&server, folder.path()).unwrap();
    let of_weights = begins(&server);
    assert!(of_weights.len() == 2 && of_weights[1].is_some(), "{of_weights:?}");
    let of_config = server.seen().iter().filter(|seen| seen.path.ends_with("/config.json")).count();
    assert_eq!(of_config, 1, "what is whole is not fetched again");
}

#[test]
fn a_wrong_checksum_is_said_and_deleted() {
    let (server, folder) = start(vec![model()], Faults { spoils: Some("model.safetensors"), ..Faults::default() });
    let error = bring_model(&server, folder.path()).unwrap_err();
    assert!(
        error.code == Code::Network && error.message.contains("another model.safetensors") && error.message.contains("deleted"),
        "{error}"
    );
    assert!(!names(&folder.path().join(".name.fetching")).iter().any(|name| name.contains("safetensors")));
    // A small file has git's checksum.
    let (server, folder) = start(vec![model()], Faults { spoils: Some("tokenizer.json"), ..Faults::default() });
    assert!(bring_model(&server, folder.path()).unwrap_err().message.contains("another tokenizer.json"));
}

#[test]
fn what_an_earlier_process_spoilt_is_fetched_again() {
    let (server, folder) = start(vec![model()], Faults::default());
    let stopped = Opening { stop: stop_in_weights(folder.path()), ..opening(&server, None) };
    bring(stopped, HubKind::Model, MODEL, &[], folder.path()).unwrap_err();
    let draft = folder.path().join(".name.fetching");
    let partial = draft.join(names(&draft).into_iter().find(|name| name.ends_with(".partial")).unwrap());
    let length = std::fs::metadata(&partial).unwrap().len() as usize;
    std::fs::write(&partial, vec![7; length]).unwrap();
    let model_folder = bring_model(&server, folder.path()).unwrap();
    assert!(std::fs::read(model_folder.join("model.safetensors")).unwrap() == model().files[2].1);
}

#[test]
fn a_busy_hub_is_asked_again_and_one_that_stays_so_is_left() {
    let (server, folder) = start(vec![model()], Faults { busy: 2, ..Faults::default() });
    bring_model(&server, folder.path()).unwrap();
    assert_eq!(server.seen().iter().filter(|seen| seen.path.contains("/api/")).count(), 3);
    let later = |_: &Seen| Act::Say(429, vec![("Retry-After", "4000".into())], String::new());
    let (server, folder) = (Server::start(later), tempfile::tempdir().unwrap());
    let message = bring_model(&server, folder.path()).unwrap_err().message;
    assert!(message.contains("asked too often") && message.contains("4000 s"), "{message}");
}

#[test]
fn a_hub_that_goes_in_the_middle_leaves_what_arrived() {
    let (mut server, folder) = start(vec![model()], Faults { portion: Some(90_000), ..Faults::default() });
    let gone = Arc::new(AtomicBool::new(false));
    let (seen_gone, in_vain) = (gone.clone(), AtomicUsize::new(0));
    server.stop();
    let whole = serve(vec![model()], Faults { portion: Some(90_000), ..Faults::default() });
    server.start_again(move |seen| {
        if seen_gone.load(Ordering::Relaxed) {
            // Nothing of this may cost what has arrived: pages where a network wants a login, parts of which nobody says which, or another one, and at last
            // the end of the connection.
            let part = |headers: Vec<(&'static str, String)>| Act::Give(206, headers, vec![0; 110_000], 0);
            let range = |first: usize| vec![("Content-Range", format!("bytes {first}-199999/200000"))];
            return match in_vain.fetch_add(1, Ordering::Relaxed) {
                0 => Act::Say(200, Vec::new(), "<html>".into()),
                1 => Act::Page("<html>".into()),
                2 => part(Vec::new()),
                3 => part(range(50_000)),
                _ => part(range(90_000)),
            };
        }
        seen_gone.store(seen.path.ends_with("/model.safetensors"), Ordering::Relaxed);
        whole(seen)
    });
    let error = bring_model(&server, folder.path()).unwrap_err();
    assert!(error.code == Code::Network && error.message.contains("broke off") && error.message.contains("goes on with it"), "{error}");
    gone.store(false, Ordering::Relaxed);
    server.stop();
    server.start_again(serve(vec![model()], Faults::default()));
    bring_model(&server, folder.path()).unwrap();
    assert_eq!(begins(&server).last().unwrap().as_deref(), Some("bytes=90000-"));
}

#[test]
fn gated_repositories_want_a_token_and_consent() {
    let gated = || vec![Repository { is_gated: true, ..model() }];
    let (server, folder) = start(gated(), Faults::default());
    let get = |opening: Opening| bring(opening, HubKind::Model, MODEL, &[], folder.path()).map(|(folder, _)| folder);
    let without = get(opening(&server, None)).unwrap_err().message;
    assert!(without.contains("agreed to its conditions") && without.contains("alignpro key set huggingface"), "{without}");
    let shy = get(opening(&server, Some(SHY_TOKEN))).unwrap_err().message;
    assert!(shy.contains("has not let this token's owner"), "{shy}");
    let wrong = get(opening(&server, Some("hf_wrong"))).unwrap_err();
    assert!(wrong.message.contains("does not accept the token") && !format!("{wrong:?}").contains("hf_wrong"), "{wrong:?}");
    // The keychain is asked when the hub wants it.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let find = move || {
        count.fetch_add(1, Ordering::Relaxed);
        Secret::new(TOKEN)
    };
    get(Opening { find_token: Box::new(find), ..opening(&server, None) }).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn an_open_repository_asks_no_keychain() {
    let (server, folder) = start(vec![model()], Faults::default());
    let opening = Opening { find_token: Box::new(|| panic!("the keychain was asked")), ..opening(&server, None) };
    bring(opening, HubKind::Model, MODEL, &[], folder.path()).unwrap();
}

#[test]
fn the_token_goes_to_no_other_machine() {
    let elsewhere = Server::start(serve(vec![model()], Faults::default()));
    let other = elsewhere.address().replace("127.0.0.1", "localhost");
    let (server, folder) = start(vec![Repository { is_gated: true, ..model() }], Faults { sends_on_to: Some(other), ..Faults::default() });
    bring(opening(&server, Some(TOKEN)), HubKind::Model, MODEL, &[], folder.path()).unwrap();
    let sent_on = elsewhere.seen();
    assert!(!sent_on.is_empty() && sent_on.iter().all(|seen| seen.header("authorization").is_none()), "{sent_on:?}");
    assert!(server.seen().iter().all(|seen| seen.header("authorization") == Some(&format!("Bearer {TOKEN}"))));
}

#[test]
fn what_is_not_there_is_said() {
    let (server, folder) = start(vec![model()], Faults::default());
    let message = |e: Result<(PathBuf, Vec<HubProgress>)>| e.unwrap_err().message;
    let none = message(bring(opening(&server, None), HubKind::Model, "org/none", &[], folder.path()));
    assert!(none.contains("has no model org/none that everyone may see") && none.contains("--data"), "{none}");
    let none = message(bring(opening(&server, Some(TOKEN)), HubKind::Model, "org/none", &[], folder.path()));
    assert!(none.contains("that this token may see"), "{none}");
    let hub = Hub::open(opening(&server, None)).unwrap();
    let revision = block_on(hub.repository(HubKind::Model, &Id::parse(MODEL).unwrap(), Some("v9/x"))).unwrap_err().message;
    assert!(revision.contains("no revision \"v9/x\""), "{revision}");
    assert!(server.seen().iter().any(|seen| seen.path.contains("/revision/v9%2Fx")));
    let pickle = message(bring(opening(&server, None), HubKind::Model, MODEL, &["*.bin"], folder.path()));
    assert!(pickle.contains("pickle"), "{pickle}");
    assert!(names(folder.path()).is_empty(), "nothing was made");
}

#[test]
fn an_address_that_is_no_hub_is_said() {
    let server = Server::start(|_: &Seen| Act::Say(200, Vec::new(), "<html>".into()));
    let folder = tempfile::tempdir().unwrap();
    assert!(bring_model(&server, folder.path()).unwrap_err().message.contains("HF_ENDPOINT"));
}

#[test]
fn other_versions_and_other_things_of_the_name_are_left_alone() {
    let (server, folder) = start(vec![model(), Repository { id: "org/other", ..model() }], Faults::default());
    let get = |id| bring(opening(&server, None), HubKind::Model, id, &[], folder.path()).map(|(folder, _)| folder);
    let model_folder = get(MODEL).unwrap();
    let taken = |e: Error| {
        assert_eq!(e.code, Code::Model);
        assert!(e.message.contains("--name"), "{e}");
        e.message
    };
    assert!(taken(get("org/other").unwrap_err()).contains("comes from org/small"));
    let text = std::fs::read_to_string(model_folder.join("origin.toml")).unwrap();
    std::fs::write(model_folder.join("origin.toml"), text.replace(COMMIT, "abcdef0")).unwrap();
    assert!(taken(get(MODEL).unwrap_err()).contains("--revision abcdef0"));
    std::fs::remove_file(model_folder.join("origin.toml")).unwrap();
    assert!(taken(get(MODEL).unwrap_err()).contains("does not come from the hub"));
}

#[test]
fn files_of_a_data_set_come_one_after_another() {
    let rows: [(&str, &[u8]); 4] = [("README.md", b"#"), ("data/train-0.parquet", b"PAR1"), ("more/x.jsonl", b"{}\n"), ("x.py", b"")];
    let (server, folder) = start(vec![Repository::new("datasets", "org/rows", &rows)], Faults::default());
    let get = |files: &[&str]| bring(opening(&server, None), HubKind::Data, "org/rows", files, folder.path()).unwrap().0;
    let data = get(&["data/*"]);
    assert_eq!(std::fs::read(data.join("data/train-0.parquet")).unwrap(), b"PAR1");
    assert_eq!(names(&data), ["data", "origin.toml"]);
    get(&[]);
    assert_eq!(names(&data), ["data", "more", "origin.toml"]);
    assert_eq!(Origin::read(&data).unwrap().files.len(), 2);
    assert!(server.seen().iter().all(|seen| seen.path.contains("/datasets/org/rows")));
}

#[test]
fn two_processes_do_not_write_one_folder() {
    let (server, folder) = start(vec![model()], Faults::default());
    let draft = folder.path().join(".name.fetching");
    std::fs::create_dir(&draft).unwrap();
    let held = std::fs::File::create(draft.join(".lock")).unwrap();
    held.lock().unwrap();
    assert_eq!(bring_model(&server, folder.path()).unwrap_err().code, Code::Busy);
}
