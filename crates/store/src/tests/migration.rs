//! Databases of every earlier schema are brought to the newest one, with a copy kept; a failure leaves them as they were.
use super::rows::*;
use super::{new_path, new_store};
use crate::open::{APPLICATION_ID, Missing, Settings, open};
use crate::schema::MIGRATIONS;
use crate::{Store, schema};
use contract::Code;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr, SqliteConnection};
use std::path::{Path, PathBuf};

/// Rows as the first version wrote them. A migration that adds a table may add `rows/000N.sql` with rows for it.
fn rows_of(version: i64) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/rows");
    std::fs::read_to_string(folder.join(format!("{version:04}.sql"))).ok()
}

/// A database as a program that knew the first `count` migrations left it, with rows from each schema on the way.
pub async fn earlier_database(path: &Path, count: usize) {
    // As the program does it: dropping a table would take the rows that refer to it.
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).foreign_keys(false);
    let mut connection = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
    connection.execute(AssertSqlSafe(format!("PRAGMA application_id = {APPLICATION_ID}"))).await.unwrap();
    for migration in MIGRATIONS.iter().take(count) {
        MIGRATIONS.run_to(migration.version, &mut connection).await.unwrap();
        if let Some(rows) = rows_of(migration.version) {
            connection.execute(AssertSqlSafe(rows)).await.unwrap();
        }
    }
    connection.close().await.unwrap();
}

async fn schema_of(connection: &mut SqliteConnection) -> Vec<(String, Option<String>)> {
    sqlx::query_as("SELECT name, sql FROM sqlite_schema ORDER BY name").fetch_all(connection).await.unwrap()
}

/// Our migrations and one more.
fn with_one_more(sql: &'static str) -> (i64, Migrator) {
    let version = MIGRATIONS.iter().map(|m| m.version).max().unwrap() + 1;
    let more = Migration::new(version, "more".into(), MigrationType::Simple, sql.into_sql_str(), false);
    (version, Migrator::with_migrations(MIGRATIONS.iter().cloned().chain([more]).collect()))
}

fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<_> = entries.filter(|p| p.extension() == Some("bak".as_ref())).collect();
    found.sort();
    found
}

#[tokio::test]
async fn from_every_earlier_schema() {
    let (_fresh_folder, fresh) = new_store().await;
    let wanted = schema_of(&mut fresh.pool.acquire().await.unwrap()).await;
    let newest = MIGRATIONS.iter().count();
    for count in 1..=newest {
        let (folder, path) = new_path();
        earlier_database(&path, count).await;
        let store = Store::open(&path).await.unwrap();
        assert_eq!(schema_of(&mut store.pool.acquire().await.unwrap()).await, wanted, "from {count}");
        // What rows/0001.sql wrote, through today's eyes.
        let run = store.run(1).await.unwrap();
        assert_eq!((run.name.as_str(), run.iterations_done), ("An early run", 1));
        assert_eq!(run.spec.seed, 3);
        // And rows/0002.sql.
        let wrote = if count >= 2 { ("To be looked at.", true, 1) } else { ("", false, 0) };
        assert_eq!((run.notes.as_str(), run.archived, run.tags.len()), wrote);
        assert!(!run.uid.is_empty() && run.has_adapter && !run.without_texts && run.is_kept());
        assert_eq!(store.facts(1).await.unwrap().len(), 1);
        assert_eq!(store.iterations(1, TUNED, 1).await.unwrap()[0].metrics["reward_mean"], Some(0.25));
        let episode = store.episodes(1, TUNED, Some(1)).await.unwrap().remove(0);
        assert_eq!((episode.rewrite.as_str(), episode.reward_parts["sentiment"]), ("Please tell me.", 0.25));
        // And rows/0005.sql.
        let clusters: Vec<Option<usize>> = store.evaluation(1, None).await.unwrap().iter().map(|row| row.cluster).collect();
        assert_eq!(clusters, [None, None, Some(3), Some(4)][..(count - 1).clamp(3, 5) - 1]);
        // And rows/0006.sql.
        let system = store.evaluation(1, None).await.unwrap().pop().unwrap().system;
        assert_eq!(system.as_deref(), (count >= 6).then_some("Be brief."));
        assert_eq!(store.events_after(1, 0).await.unwrap().len(), 2);
        assert_eq!(store.checkpoint(1, TUNED).await.unwrap().unwrap().adapter, [1, 2, 3]);
        assert_eq!(store.curves("reward_mean", TUNED, None).await.unwrap()[&1], [Some(0.25)]);
        // And rows/0003.sql.
        let (oracle, search) = if count >= 3 { (2, 1) } else { (0, 0) };
        assert_eq!(store.iterations(1, ORACLE, 1).await.unwrap().len(), oracle);
        assert_eq!(store.episodes(1, ORACLE, None).await.unwrap().len(), oracle / 2);
        assert_eq!(store.adapter(1, ORACLE).await.unwrap(), (count >= 3).then(|| (1, vec![5, 6])));
        assert_eq!(store.iterations(1, INSTRUCTION, 1).await.unwrap().len(), search);
        assert_eq!(store.checkpoint(1, INSTRUCTION).await.unwrap().is_some(), count >= 3);
        // And rows/0004.sql.
        let judgings = store.judgings(1).await.unwrap();
        let times = judgings.iter().map(|j| (j.judgements.len(), j.began_at_ms, j.ended_at_ms)).collect::<Vec<_>>();
        assert_eq!(times, [(2, 1_700_000_000_009, 1_700_000_000_011)][usize::from(count < 4)..]);
        assert_eq!(store.report(1).await.unwrap().unwrap().verdict, "They cannot be told apart.");
        // And it can be written.
        store.commit_iteration(1, TUNED, &iteration(2), &episodes(2, 4), &[], Some(&checkpoint(2))).await.unwrap();
        let health: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&store.pool).await.unwrap();
        assert_eq!(health, "ok");
        assert_eq!(backups(folder.path()).len(), usize::from(count < newest), "a copy only if there was something to migrate");
    }
}

#[tokio::test]
async fn a_copy_is_kept_before_a_migration() {
    let (folder, path) = new_path();
    earlier_database(&path, MIGRATIONS.iter().count()).await;
    let (version, migrations) = with_one_more("ALTER TABLE runs ADD COLUMN remarks TEXT");
    // A connection that is open keeps committed rows in the log, where a plain copy of the file would miss them.
    let before = Store::open(&path).await.unwrap();
    before.create_run(&new_run("in the log")).await.unwrap();
    let store = open(&path, Missing::Refuse, &Settings::default(), &migrations).await.unwrap();
    sqlx::query("UPDATE runs SET remarks = 'new'").execute(&store.pool).await.unwrap();
    let copies = backups(folder.path());
    assert_eq!(copies, [folder.path().join(format!("runs.db.before-v{version}.bak"))]);
    // The copy is a whole database of the earlier version.
    let copy = Store::open(&copies[0]).await.unwrap();
    assert_eq!(copy.runs().await.unwrap().len(), 2);
    assert_eq!(copy.run(2).await.unwrap().name, "in the log");
    assert!(sqlx::query("SELECT remarks FROM runs").fetch_all(&copy.pool).await.is_err());
    // Opened again, there is nothing to do; brought back and migrated again, the first copy is not replaced.
    open(&path, Missing::Refuse, &Settings::default(), &migrations).await.unwrap();
    assert_eq!(backups(folder.path()).len(), 1);
    copy.close().await;
    let restored = folder.path().join("restored/runs.db");
    std::fs::create_dir(restored.parent().unwrap()).unwrap();
    std::fs::copy(&copies[0], &restored).unwrap();
    let taken = schema::beside(&restored, &format!(".before-v{version}.bak"));
    std::fs::write(&taken, "kept").unwrap();
    open(&restored, Missing::Refuse, &Settings::default(), &migrations).await.unwrap();
    assert_eq!(std::fs::read(&taken).unwrap(), b"kept");
    assert!(schema::beside(&restored, &format!(".before-v{version}-2.bak")).is_file());
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let (folder, path) = new_path();
    earlier_database(&path, MIGRATIONS.iter().count()).await;
    let before = std::fs::read(&path).unwrap();
    for sql in [
        "ALTER TABLE runs ADD COLUMN remarks TEXT; INSERT INTO nowhere VALUES (1)",
        // Runs, but leaves rows without their run.
        "DELETE FROM runs",
    ] {
        let (version, migrations) = with_one_more(sql);
        let error = open(&path, Missing::Refuse, &Settings::default(), &migrations).await.err().unwrap();
        assert!(
            error.code == Code::Internal && error.message.contains("left as it is") || error.message.contains("left as it was"),
            "{error}"
        );
        assert!(!error.message.contains("Migration") || error.message.contains(&format!("Migration {version}")), "{error}");
        assert_eq!(backups(folder.path()), Vec::<PathBuf>::new(), "no copy of a file that did not change");
        assert!(std::fs::read(&path).unwrap() == before);
    }
    assert_eq!(Store::open(&path).await.unwrap().runs().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_database_of_a_newer_version() {
    let (folder, path) = new_path();
    let (version, migrations) = with_one_more("CREATE TABLE future (id INTEGER PRIMARY KEY) STRICT");
    open(&path, Missing::Create, &Settings::default(), &migrations).await.unwrap().close().await;
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(&path).await.err().unwrap();
    assert_eq!(error.code, Code::Database);
    let known = version - 1;
    assert!(error.message.contains("newer version") && error.message.contains(&format!("schema is {version}")), "{error}");
    assert!(error.message.contains(&format!("up to {known})")), "{error}");
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_migration_that_was_changed_after_its_release() {
    let (_folder, path) = new_path();
    let other = Migration::new(1, "runs".into(), MigrationType::Simple, "CREATE TABLE runs (id INTEGER)".into_sql_str(), false);
    open(&path, Missing::Create, &Settings::default(), &Migrator::with_migrations(vec![other])).await.unwrap().close().await;
    let error = Store::open(&path).await.err().unwrap();
    assert!(error.code == Code::Database && error.message.contains("migration 1 is not the released one"), "{error}");
}

/// The schema's own rules, for whoever writes with other tools.
#[tokio::test]
async fn the_schema_refuses_impossible_rows() {
    let (_folder, path) = new_path();
    earlier_database(&path, MIGRATIONS.iter().count()).await;
    let store = Store::open(&path).await.unwrap();
    for statement in [
        "UPDATE runs SET status = 'paused'",
        "UPDATE runs SET stop_requested = 2",
        "UPDATE runs SET spec_hash = 'unknown'",
        "UPDATE specs SET spec = '{'",
        "UPDATE episodes SET rewrite_truncated = 2",
        "UPDATE episodes SET reward = 'high'",
        "UPDATE episodes SET reward_parts = 'none'",
        "UPDATE episodes SET answer_seed = -1",
        "UPDATE evaluation_answers SET split = 'train'",
        "UPDATE evaluation_answers SET run = 9",
        "UPDATE iterations SET iteration = 0",
        "UPDATE iterations SET arm = 'raw'",
        "UPDATE iteration_metrics SET arm = 'instruction'",
        "UPDATE episodes SET arm = 'instruction'",
        "UPDATE checkpoints SET arm = ''",
        "UPDATE checkpoint_parts SET arm = 'raw'",
        "UPDATE checkpoints SET state = ''",
        "UPDATE checkpoint_parts SET name = 'other'",
        "UPDATE judgings SET baseline = 'tuned'",
        "UPDATE judgings SET number = 2",
        "UPDATE judgements SET arm_first = 'A'",
        "UPDATE judgements SET run = 9",
        "INSERT INTO events (run, at_ms, event) VALUES (9, 0, '{}')",
        "UPDATE events SET event = 'x'",
        "UPDATE reports SET report = ''",
        "INSERT INTO run_facts VALUES (1, '', 'x')",
    ] {
        assert!(sqlx::query(statement).execute(&store.pool).await.is_err(), "{statement}");
    }
    // A run goes with all that belongs to it, and its number is not given again.
    sqlx::query("DELETE FROM runs").execute(&store.pool).await.unwrap();
    for table in [
        "run_facts",
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
    ] {
        let query = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(query).fetch_one(&store.pool).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(store.create_run(&new_run("next")).await.unwrap(), 2);
}
