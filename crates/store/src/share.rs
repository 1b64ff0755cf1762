//! Runs on their way from one database into another: a file to share, a file that is merged.
use crate::open::Settings;
use crate::{File, Store, faults};
use contract::desk::{Merged, Share};
use contract::{Error, Result, Spec};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, Sqlite, Transaction};
use std::path::Path;
use tempfile::TempPath;

/// Tables with rows of a run, those that others refer to first.
pub(crate) const TABLES: [&str; 12] = [
    "run_facts",
    "run_tags",
    "iterations",
    "iteration_metrics",
    "episodes",
    "evaluation_answers",
    "judgings",
    "judgements",
    "checkpoints",
    "checkpoint_parts",
    "events",
    "reports",
];

/// Facts that name folders of the machine that a run was made on: of no use elsewhere, and nobody's business.
const PLACES: &str = "'spec.folder', 'model.prompter.path'";

/// What a shared run that had not ended says of itself.
const NOT_ENDED: &str = "It had not ended when it was shared.";

/// Writes runs of one or several databases as a new one, which is one file without a log beside it. The file is there when it is whole, or not
/// at all; one that is there already is [`Code::Io`](contract::Code::Io) with [`Error::detail`] `exists`. A run that is in two of the databases
/// is written once.
pub async fn export(sources: &[(&Store, Vec<i64>)], share: Share, file: &Path) -> Result<()> {
    let explain_io = |e: std::io::Error| faults::explain_io(file, &e);
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix(".alignpro-").tempdir_in(parent).map_err(explain_io)?;
    let draft = folder.path().join("runs.alignpro");
    let rename = |e: Error| Error { message: e.message.replace(&draft.display().to_string(), &file.display().to_string()), ..e };
    Store::open(&draft).await.map_err(rename)?.close().await;
    let options = Settings::default().connect_options(&draft);
    for (source, runs) in sources {
        let mut connection = options.connect().await.map_err(|e| faults::explain(file, e))?;
        copy_from(&mut connection, source, Some(runs), share, file).await?;
        connection.close().await.map_err(|e| faults::explain(file, e))?;
    }
    let mut connection = options.connect().await.map_err(|e| faults::explain(file, e))?;
    sqlx::query("PRAGMA journal_mode = DELETE").execute(&mut connection).await.map_err(|e| faults::explain(file, e))?;
    connection.close().await.map_err(|e| faults::explain(file, e))?;
    std::fs::File::open(&draft).and_then(|draft| draft.sync_all()).map_err(explain_io)?;
    TempPath::try_from_path(&draft).map_err(explain_io)?.persist_noclobber(file).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::io(format!("{} is there already; name another file", file.display())).with_detail("exists")
        }
        _ => faults::explain_io(file, &e.error),
    })
}

impl Store {
    /// Copies all runs of a database that was opened with [`Store::open_foreign`], but those that are here already, by [`crate::Run::uid`], which
    /// stay as they are. All of them, or none.
    pub async fn merge(&self, foreign: &Store) -> Result<Merged> {
        let share = Share { texts: true, prompters: true };
        let mut connection = Settings::default().connect_options(&self.file.real).connect().await.map_err(|e| self.explain(e))?;
        let merged = copy_from(&mut connection, foreign, None, share, self.path()).await?;
        connection.close().await.map_err(|e| self.explain(e))?;
        Ok(merged)
    }
}

/// Copies these runs, or all that are not deleted, into the database `named` of the connection.
async fn copy_from(connection: &mut SqliteConnection, source: &Store, runs: Option<&[i64]>, share: Share, named: &Path) -> Result<Merged> {
    let runs = match runs {
        Some(runs) => runs.to_vec(),
        None => source.runs().await?.iter().rev().filter(|run| run.is_kept()).map(|run| run.id).collect(),
    };
    let explain = |e| faults::explain(named, e);
    sqlx::query("ATTACH DATABASE ? AS theirs").bind(address(&source.file)).execute(&mut *connection).await.map_err(explain)?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(explain)?;
    let mut merged = Merged { added: Vec::new(), known: 0 };
    for run in runs {
        match copy_run(&mut transaction, run, share).await.map_err(explain)? {
            Copied::New(id) => merged.added.push(id),
            Copied::Known => merged.known += 1,
            Copied::OtherSpec(hash) => {
                let source = source.path().display();
                return Err(Error::database(format!("In {source} the hash {hash} stands for another spec than in {}", named.display())));
            }
            Copied::Missing => {
                return Err(source.run(run).await.err().unwrap_or_else(|| Error::run(format!("Run {run} was just removed"))));
            }
        }
    }
    transaction.commit().await.map_err(explain)?;
    Ok(merged)
}

/// The database as an address that SQLite opens only to read.
fn address(file: &File) -> String {
    let mut path = String::new();
    for byte in file.real.to_string_lossy().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => path.push(byte.into()),
            other => path.push_str(&format!("%{other:02x}")),
        }
    }
    format!("file:{path}?mode=ro{}", if file.is_still { "&immutable=1" } else { "" })
}

enum Copied {
    New(i64),
    /// A run of this uid is there.
    Known,
    OtherSpec(String),
    Missing,
}

async fn copy_run(to: &mut Transaction<'_, Sqlite>, run: i64, share: Share) -> sqlx::Result<Copied> {
    let found = sqlx::query_as::<_, (String, String, String)>("SELECT uid, spec_hash, status FROM theirs.runs WHERE id = ?").bind(run);
    let Some((uid, hash, status)) = found.fetch_optional(&mut **to).await? else {
        return Ok(Copied::Missing);
    };
    let known: i64 = sqlx::query_scalar("SELECT count(*) FROM main.runs WHERE uid = ?").bind(&uid).fetch_one(&mut **to).await?;
    if known > 0 {
        return Ok(Copied::Known);
    }
    sqlx::query("INSERT INTO main.specs SELECT * FROM theirs.specs WHERE hash = ? ON CONFLICT DO NOTHING")
        .bind(&hash)
        .execute(&mut **to)
        .await?;
    let pair =
        sqlx::query_as::<_, (String, String)>("SELECT m.spec, t.spec FROM main.specs m JOIN theirs.specs t USING (hash) WHERE hash = ?");
    let (mine, theirs) = pair.bind(&hash).fetch_one(&mut **to).await?;
    // As texts they may differ: an older version may have left out a default.
    let parse = |text: &str| serde_json::from_str::<Spec>(text).ok();
    if mine != theirs && parse(&mine) != parse(&theirs) {
        return Ok(Copied::OtherSpec(hash));
    }
    let new = sqlx::query(
        "INSERT INTO main.runs (uid, name, status, message, spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms, notes)
         SELECT uid, name, CASE WHEN status IN ('running', 'waiting') THEN 'interrupted' ELSE status END,
             CASE WHEN status IN ('running', 'waiting', 'interrupted') THEN ? ELSE message END,
             spec_hash, program_version, created_at_ms, started_at_ms, finished_at_ms, notes FROM theirs.runs WHERE id = ?",
    );
    let new = new.bind(NOT_ENDED).bind(run).execute(&mut **to).await?.last_insert_rowid();
    for table in TABLES {
        copy_rows(to, table, run, new, share, status == "finished").await?;
    }
    if !share.texts {
        let left_out = "INSERT INTO main.run_facts (run, key, value) VALUES (?, 'shared.texts', 'left out') ON CONFLICT DO NOTHING";
        sqlx::query(left_out).bind(new).execute(&mut **to).await?;
    }
    Ok(Copied::New(new))
}

/// Copies a run's rows of one table.
async fn copy_rows(
    to: &mut Transaction<'_, Sqlite>,
    table: &str,
    from: i64,
    new: i64,
    share: Share,
    is_finished: bool,
) -> sqlx::Result<()> {
    let mut which = match table {
        "checkpoints" | "checkpoint_parts" if !share.prompters => return Ok(()),
        // Nobody goes on with a run that is finished.
        "checkpoint_parts" if is_finished => " AND name IN ('adapter', 'best')".to_owned(),
        "run_facts" => format!(" AND key NOT IN ({PLACES})"),
        _ => String::new(),
    };
    // All that a search keeps is texts.
    if !share.texts && table.starts_with("checkpoint") {
        which.push_str(" AND arm <> 'instruction'");
    }
    // Tables and columns are those of our own schema. `sequence` is given anew, in the same order.
    let columns = sqlx::query("SELECT name FROM pragma_table_info(?, 'main') WHERE name NOT IN ('run', 'sequence')").bind(table);
    let columns: Vec<String> = columns.fetch_all(&mut **to).await?.iter().map(|row: &SqliteRow| row.get(0)).collect();
    let taken: Vec<String> = columns
        .iter()
        .map(|column| match column.as_str() {
            "prompt" | "system" | "answer" | "rewrite" | "arm_first_text" | "arm_second_text" if !share.texts => {
                format!("CASE WHEN {column} IS NULL THEN NULL ELSE '' END")
            }
            // An instruction that was found may repeat what stands in the prompts.
            "report" if !share.texts => "json_replace(report, '$.instruction.text', '')".to_owned(),
            "event" if !share.texts => {
                "CASE WHEN event ->> '$.kind' = 'instruction' THEN json_replace(event, '$.text', '') ELSE event END".to_owned()
            }
            _ => column.clone(),
        })
        .collect();
    let order = if table == "events" { " ORDER BY sequence" } else { "" };
    let statement = format!(
        "INSERT INTO main.{table} (run, {}) SELECT ?, {} FROM theirs.{table} WHERE run = ?{which}{order}",
        columns.join(", "),
        taken.join(", ")
    );
    sqlx::query(AssertSqlSafe(statement)).bind(new).bind(from).execute(&mut **to).await.map(drop)
}
