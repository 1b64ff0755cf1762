//! Every connection to another machine is noted before it is made.
use contract::desk::Connection;
use contract::{Error, Result};
use home::{Home, create_folder, write_error};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

/// Written before the connection is made, so that none is missing.
pub fn note_connection(home: &Home, what: &str) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let connection = Connection { at_ms: i64::try_from(now).unwrap_or(i64::MAX), what: what.into() };
    let line = serde_json::to_string(&connection).map_err(|e| Error::internal("A connection cannot be noted.").with_detail(e))?;
    create_folder(home.path())?;
    let file = home.connections();
    let written = OpenOptions::new().create(true).append(true).open(&file).and_then(|mut file| writeln!(file, "{line}"));
    written.map_err(|e| write_error(&file, &e))
}
