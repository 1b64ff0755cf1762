//! Faults of SQLite and of the file system as sentences for people.
use contract::Error;
use std::io::ErrorKind;
use std::path::Path;

// Primary result codes, https://www.sqlite.org/rescode.html (the low byte of an extended code).
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const NOT_A_DATABASE: i32 = 26;

/// SQLite's primary result code, if the fault came from SQLite.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// Whether another connection holds the lock that was needed.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(BUSY | LOCKED))
}

/// The sentence for a fault of the open database `path`.
pub(crate) fn explain(path: &Path, error: sqlx::Error) -> Error {
    let file = path.display();
    let sentence = match primary_code(&error) {
        Some(BUSY | LOCKED) => Error::database(format!(
            "{file} is locked by another program; close what has it open for writing (a database browser, perhaps) and try again"
        )),
        Some(READ_ONLY) => {
            Error::io(format!("{file} cannot be written: it, or its folder, is read-only; change that, or name another file with --db"))
        }
        Some(IO) => Error::io(format!("Reading or writing {file} failed; check that its disk is not full and not failing")),
        Some(CORRUPT) => {
            Error::database(format!("{file} is damaged; go on with a copy of it (see the .bak files beside it) or with a new file"))
        }
        Some(FULL) => Error::io(format!(
            "The disk is full: {file} could not grow. Free some space and resume; everything that was committed before is kept"
        )),
        Some(CANNOT_OPEN) => Error::io(format!(
            "{file} cannot be opened: its folder must be writable, since SQLite keeps a -wal and a -shm file beside the database"
        )),
        Some(TOO_BIG) => Error::database(format!(
            "A value for {file} is larger than the 1 GB that SQLite takes; use a smaller LoRA rank or fewer targets"
        )),
        Some(CONSTRAINT) => Error::internal(format!("A row breaks a rule of {file} and was not written; please report this")),
        Some(NOT_A_DATABASE) => not_a_database(path),
        _ if matches!(error, sqlx::Error::PoolTimedOut) => {
            Error::database(format!("{file} is too busy: no connection became free in time; try again"))
        }
        _ => Error::internal(format!("A query on {file} failed; please report this")),
    };
    sentence.with_detail(error)
}

/// The sentence for a fault of the file system while opening `path`.
pub(crate) fn explain_io(path: &Path, error: &std::io::Error) -> Error {
    let file = path.display();
    let message = match error.kind() {
        ErrorKind::PermissionDenied => {
            format!("{file} cannot be written: no permission; change the permissions of it and its folder, or name another file with --db")
        }
        ErrorKind::ReadOnlyFilesystem => format!("{file} cannot be written: it lies on a read-only disk; name another file with --db"),
        ErrorKind::StorageFull => format!("The disk is full: {file} could not be written; free some space, or name another file with --db"),
        _ => format!("{file} cannot be opened; check its name and folder, or name another file with --db"),
    };
    Error::io(message).with_detail(error)
}

pub(crate) fn not_a_database(path: &Path) -> Error {
    Error::database(format!(
        "{} is not a run database (not SQLite at all) and was left as it is; name another file with --db",
        path.display()
    ))
}

pub(crate) fn not_ours(path: &Path) -> Error {
    Error::database(format!(
        "{} is a SQLite database of another program and was left as it is; name another file with --db",
        path.display()
    ))
}
