//! Before there is a window.
use contract::{Error, Result};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Another run database to work in than the default one.
    pub database: Option<PathBuf>,
    /// Run databases to open beside it.
    pub files: Vec<PathBuf>,
}

/// `align-pro-studio [--db DATABASE] [FILE...]`, as it was called in `folder`, which relative paths are relative to.
pub fn arguments(given: impl IntoIterator<Item = OsString>, folder: &Path) -> Result<Arguments> {
    let mut arguments = Arguments { database: None, files: Vec::new() };
    let mut given = given.into_iter();
    while let Some(argument) = given.next() {
        match argument.to_str() {
            Some("--db") => {
                let path = given.next().ok_or_else(|| Error::io("--db names no file; write --db FILE."))?;
                arguments.database = Some(folder.join(path));
            }
            Some(option) if option.starts_with("--") => {
                return Err(Error::io(format!("{option} is not known; write align-pro-studio [--db DATABASE] [FILE...].")));
            }
            _ => arguments.files.push(folder.join(argument)),
        }
    }
    Ok(arguments)
}

/// The `alignpro` program lies beside this one.
pub fn worker() -> Result<PathBuf> {
    let me = std::env::current_exe().map_err(|e| Error::io("The program cannot tell where it lies.").with_detail(e))?;
    Ok(me.with_file_name(if cfg!(windows) { "alignpro.exe" } else { "alignpro" }))
}

/// WebKit takes the language "C" from the locale C, which JavaScript's number formats refuse, and the page stays blank.
pub fn mend_locale() {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    if matches!(locale.split('.').next(), Some("" | "C" | "POSIX")) {
        // SAFETY: called first in `main`, while there is no other thread.
        unsafe { std::env::set_var("LC_ALL", "en_US.UTF-8") };
    }
}

/// Ends the process when it exits without asking the libraries of the desktop to tidy up: their threads are still at work then, and one that finds its
/// lock gone ends the program with a fault. A second start, which leaves its work to the first and exits at once, was seen to do so.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn exit_at_once() {
    use std::ffi::{c_int, c_void};
    unsafe extern "C" {
        fn on_exit(handler: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        fn _exit(status: c_int) -> !;
    }
    extern "C" fn end(status: c_int, _: *mut c_void) {
        // SAFETY: ends the process; what has to be kept was written before it exits.
        unsafe { _exit(status) }
    }
    // SAFETY: the handler takes no argument and lives as long as the program. It runs after what is registered later, and before what libraries
    // registered when they were loaded.
    unsafe { on_exit(end, std::ptr::null_mut()) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn exit_at_once() {}

/// Without a graphics card WebKit composes every frame with a simulated one: scrolling stalls for 80 ms, where drawing directly takes 25
/// (docs/performance.md).
pub fn draw_without_a_graphics_card() {
    const DIRECTLY: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";
    let is_card = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|e| e.file_name().to_string_lossy().starts_with("renderD"));
    let has_card = std::fs::read_dir("/dev/dri").is_ok_and(|mut entries| entries.any(is_card));
    if cfg!(target_os = "linux") && !has_card && std::env::var_os(DIRECTLY).is_none() {
        // SAFETY: called first in `main`, while there is no other thread.
        unsafe { std::env::set_var(DIRECTLY, "1") };
    }
}

/// Looks whether there is a display. The library of the window would end the program without a sentence of use.
///
/// # Errors
/// [`contract::Code::Io`] where none can be reached.
#[cfg(target_os = "linux")]
pub fn find_display() -> Result<()> {
    gtk::init().map_err(|e| {
        let named = ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().find_map(|name| Some(format!("{name}={}", std::env::var(name).ok()?)));
        let which = named.map_or_else(|| "neither WAYLAND_DISPLAY nor DISPLAY names one".into(), |named| format!("{named} does not answer"));
        Error::io(format!(
            "There is no display for a window: {which}. Start it on a desktop, or over `ssh -X`; `alignpro`, which lies beside it, does all without one."
        ))
        .with_detail(e)
    })
}

#[cfg(not(target_os = "linux"))]
pub fn find_display() -> Result<()> {
    Ok(())
}

/// There is no window to say it in. Nobody may be listening; that is no error.
pub fn say(error: &Error) {
    let _ = writeln!(
        std::io::stderr().lock(),
        "error: {}{}",
        error.message,
        error.detail.as_ref().map_or(String::new(), |d| format!("\n  {d}"))
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line() {
        let read = |given: &[&str]| arguments(given.iter().map(Into::into), Path::new("/here"));
        assert_eq!(read(&[]).unwrap(), Arguments { database: None, files: Vec::new() });
        let all = read(&["a.alignpro", "--db", "my runs.db", "/there/b.db"]).unwrap();
        assert_eq!(all.database, Some("/here/my runs.db".into()));
        assert_eq!(all.files, [PathBuf::from("/here/a.alignpro"), "/there/b.db".into()]);
        assert!(read(&["--db"]).unwrap_err().message.contains("--db FILE"));
        assert!(read(&["--database", "x"]).unwrap_err().message.contains("--database is not known"));
    }
}
