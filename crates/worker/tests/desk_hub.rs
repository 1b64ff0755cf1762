//! The hub as the window asks for it, with the real worker and a hub that misbehaves.
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use contract::Code;
use contract::hub::{HubAsked, HubKind, HubProgress, HubSought};
use desk::Desk;
use home::Home;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tests::hub::{COMMIT, Faults, Repository, hub};
use tests::serving::Server;
use tests::{Lab, argument};

const PROGRAM: &str = env!("CARGO_BIN_EXE_alignpro");

/// A desk whose worker knows this hub, no other program's models and no keychain.
fn desk(lab: &Lab, server: &Server) -> Desk {
    let script = format!(
        "#!/bin/sh\nunset HF_TOKEN HF_HOME HF_HUB_CACHE HUGGINGFACE_HUB_CACHE XDG_CACHE_HOME OLLAMA_MODELS\n\
         export HF_ENDPOINT='{}' HOME='{}' DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent\nexec '{PROGRAM}' \"$@\"\n",
        server.address(),
        argument(&lab.path("person"))
    );
    let worker = lab.write("alignpro", script);
    std::fs::set_permissions(&worker, std::fs::Permissions::from_mode(0o755)).unwrap();
    Desk::new(Home::at(&lab.path("home")), None, worker)
}

fn asked(kind: HubKind, id: &str, name: &str) -> HubAsked {
    HubAsked { kind, id: id.into(), revision: None, files: Vec::new(), name: Some(name.into()) }
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lm/tests/fixtures").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_found_shown_brought_and_listed() {
    let lab = Lab::empty(PROGRAM);
    let small = Repository { class: Some("Qwen2ForCausalLM"), ..Repository::of_folder("org/Tiny-Qwen2", &fixture("tiny-qwen2")) };
    let server = Server::start(hub(vec![small], Faults::default()));
    let desk = desk(&lab, &server);
    desk.examine().await.unwrap();
    assert!(desk.hub_known().await.unwrap().iter().any(|known| known.name == "orca-pairs" && known.column == "question"));
    assert!(server.seen().is_empty(), "neither asks anybody");

    let found = desk.hub_search(&HubSought { kind: HubKind::Model, text: "tiny".into(), tags: Vec::new(), limit: 20 }).await.unwrap();
    assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["org/Tiny-Qwen2"]);
    let mut wanted = asked(HubKind::Model, &found[0].id, "tiny");
    let shown = desk.hub_show(&wanted).await.unwrap();
    assert!(shown.name == "Tiny-Qwen2" && shown.fitness.unwrap().contains("can be trained") && shown.choices.is_empty());
    assert!(!lab.path("home/models").exists());

    wanted.revision = Some(shown.revision);
    let mut told: Vec<HubProgress> = Vec::new();
    let brought = desk.hub_get(&wanted, |progress| told.push(progress)).await.unwrap();
    assert!(brought.name == "tiny" && brought.revision == COMMIT && brought.bytes == shown.bytes, "{brought:?}");
    assert!(told.last().unwrap().done_bytes == shown.bytes && told.windows(2).all(|two| two[0].done_bytes <= two[1].done_bytes));
    assert!(desk.examine().await.unwrap().models.iter().any(|model| model.name == "tiny" && model.is_trainable));

    let missing = desk.hub_show(&asked(HubKind::Model, "org/none", "none")).await.unwrap_err();
    assert_eq!((missing.code, missing.message.contains("org/none")), (Code::Token, true), "{missing}");
}

/// Whether a part of a file is in a folder, or in one in it.
fn has_arrived(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.into_iter().any(|path| {
        if path.is_dir() {
            has_arrived(&path)
        } else {
            path.extension().is_some_and(|e| e == "partial") && path.metadata().is_ok_and(|file| file.len() > 0)
        }
    })
}

/// Until something of a data set has arrived.
async fn part_of_a_file(lab: &Lab) {
    while !has_arrived(&lab.path("home/data")) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_stopped_and_gone_on_with() {
    let lab = Lab::empty(PROGRAM);
    let rows = vec![b'x'; 400_000];
    let data = Repository::new("datasets", "org/rows", &[("rows.jsonl", &rows)]);
    let server = Server::start(hub(vec![data], Faults { portion: Some(150_000), stalls: true.into(), ..Faults::default() }));
    let desk = desk(&lab, &server);
    let wanted = asked(HubKind::Data, "org/rows", "rows");
    let stop = async {
        part_of_a_file(&lab).await;
        desk.leave_hub_get(HubKind::Data, "rows");
    };
    let (stopped, ()) = tokio::join!(desk.hub_get(&wanted, |_| ()), stop);
    assert_eq!(stopped.unwrap_err().code, Code::Stopped);
    assert!(!lab.path("home/data/rows/rows.jsonl").exists());
    let before = server.seen().len();

    // As after a crash of the window: another desk.
    let brought = self::desk(&lab, &server).hub_get(&wanted, |_| ()).await.unwrap();
    assert_eq!(std::fs::read(&brought.files[0]).unwrap(), rows);
    let begun = server.seen().into_iter().skip(before).find(|seen| seen.path.contains("/resolve/")).unwrap();
    assert!(begun.header("range").is_some(), "it begins where it was stopped: {begun:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_ends_its_downloads() {
    let lab = Lab::empty(PROGRAM);
    let data = Repository::new("datasets", "org/rows", &[("rows.jsonl", &[b'x'; 400_000])]);
    let server = Server::start(hub(vec![data], Faults { portion: Some(150_000), stalls: true.into(), ..Faults::default() }));
    let desk = desk(&lab, &server);
    let wanted = asked(HubKind::Data, "org/rows", "rows");
    let closed = async {
        part_of_a_file(&lab).await;
        desk.close().await;
    };
    let (got, ()) = tokio::join!(desk.hub_get(&wanted, |_| ()), closed);
    assert_eq!(got.unwrap_err().code, Code::Stopped);
    // Nobody holds the folder any more.
    assert!(self::desk(&lab, &server).hub_get(&wanted, |_| ()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gated_wants_a_token() {
    let lab = Lab::empty(PROGRAM);
    let gated = Repository { is_gated: true, ..Repository::new("datasets", "nvidia/HelpSteer2", &[("train.jsonl.gz", b"rows")]) };
    let server = Server::start(hub(vec![gated], Faults::default()));
    let desk = desk(&lab, &server);
    let wanted = HubAsked { files: vec!["train.jsonl.gz".into()], ..asked(HubKind::Data, "helpsteer2", "helpsteer2") };
    assert!(desk.hub_show(&wanted).await.unwrap().gated);
    let refused = desk.hub_get(&wanted, |_| ()).await.unwrap_err();
    assert_eq!((refused.code, refused.message.contains("Agree to them on")), (Code::Token, true), "{refused}");
}
