//! Keys in a real keychain: GNOME's, on a bus of its own.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // The lint sees only functions that are marked as tests.
use std::process::{Command, Output};
use tests::serving::{Act, Seen, Server};
use tests::{Lab, said};

/// Runs a script in a session with a keychain of its own, in which `P` is the program and `KEYRING` the keychain's.
fn in_a_session(lab: &Lab, script: &str, server: &Server) -> Output {
    let folder = |name: &str| {
        let path = lab.path(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    // A copy has no capabilities of its file's, which a container may not be allowed to give.
    let keyring = lab.path("keyring");
    std::fs::copy("/usr/bin/gnome-keyring-daemon", &keyring).unwrap();
    let mut command = Command::new("dbus-run-session");
    command.args(["--", "bash", "-c", script]).current_dir(lab.path("")).env("P", env!("CARGO_BIN_EXE_alignpro")).env("KEYRING", keyring);
    command.env("ALIGNPRO_HOME", folder("home")).env("HOME", folder("person")).env("XDG_DATA_HOME", folder("person/share"));
    command.env("XDG_RUNTIME_DIR", folder("person/run")).env("XDG_CACHE_HOME", folder("person/cache"));
    command.env("URL", format!("{}/v1", server.address()));
    command.output().unwrap()
}

/// What was printed, without what the bus and the keychain say of themselves.
fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_key_is_kept_used_replaced_and_removed() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let server = Server::start(|_: &Seen| Act::json(&serde_json::json!({ "data": [{ "id": "m" }] })));
    let script = r#"
        printf 'a password' | "$KEYRING" --unlock --components=secrets >/dev/null
        printf sk-old | "$P" key set mine && printf sk-new | "$P" key set mine && printf sk-other | "$P" key set other
        echo "list: $("$P" key list --json | tr -d ' \n')"
        "$P" endpoint models "$URL" --key mine
        "$P" key remove mine && echo "left: $("$P" key list --json | tr -d ' \n')"
        "$P" key remove mine; echo "again: $?"
        "$P" endpoint models "$URL" --key mine; echo "without: $?"
    "#;
    let output = in_a_session(&lab, script, &server);
    let text = printed(&output);
    for expected in ["list: {\"keychain\":[\"mine\",\"other\"]", "\nm\n", "left: {\"keychain\":[\"other\"]", "again: 1", "without: 1"] {
        assert!(text.contains(expected), "{expected} is not in {}", said(&output));
    }
    let sent: Vec<Option<String>> = server.seen().iter().map(|seen| seen.header("authorization").map(String::from)).collect();
    assert_eq!(sent, [Some("Bearer sk-new".into())], "the newest one, and none where there is none");
    assert!(!said(&output).contains("sk-"), "{}", said(&output));
    for entry in std::fs::read_dir(lab.path("home")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let bytes = std::fs::read(entry.path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"sk-new"), "{:?}", entry.path());
    }
}

#[test]
fn a_keychain_without_a_place_for_keys_says_so() {
    let lab = Lab::empty(env!("CARGO_BIN_EXE_alignpro"));
    let server = Server::start(|_: &Seen| Act::json(&serde_json::json!({})));
    let output = in_a_session(
        &lab,
        "\"$KEYRING\" --start --components=secrets >/dev/null; printf sk-one | \"$P\" key set mine; echo \"ended: $?\"",
        &server,
    );
    assert!(printed(&output).contains("ended: 1"), "{}", said(&output));
    assert!(said(&output).contains("make a default keyring") && said(&output).contains("ALIGNPRO_KEY_MINE"), "{}", said(&output));
}
