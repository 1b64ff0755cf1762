//! A disk that fills up in the middle of an import. Alone in its file: the limit holds for the whole process.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]
use lm::Error;
use std::path::Path;

#[test]
fn a_full_disk_leaves_nothing() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import/bytes.gguf");
    let parent = tempfile::tempdir().unwrap();
    // A limit on the length of files stands in for the full disk: write() fails in the same place. The small files fit, the
    // weights (59 KB) do not.
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to a value that outlives them; ignoring SIGXFSZ lets write() return its error.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut before), 0);
        let small = libc::rlimit { rlim_cur: 40_000, rlim_max: before.rlim_max };
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const small), 0);
    }
    let result = lm::gguf::import(&file, &parent.path().join("model"));
    // SAFETY: as above. Put back before anything is printed, which may go into a file.
    unsafe {
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &raw const before), 0);
    }
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Io(_)) && error.to_string().contains("no room"), "{error}");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    lm::gguf::import(&file, &parent.path().join("model")).unwrap();
}
