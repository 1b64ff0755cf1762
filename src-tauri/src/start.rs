//! Before there is a window.
use contract::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

/// What the command line says.
pub struct Arguments {
    /// Another run database than the default one.
    pub database: Option<PathBuf>,
}

/// `align-pro-studio [DATABASE]`. A relative path is relative to the folder that the program was started in.
pub fn arguments() -> Result<Arguments> {
    let mut given = std::env::args_os().skip(1);
    let database = given.next().map(PathBuf::from);
    if let Some(more) = given.next() {
        return Err(Error::io(format!("One run database at a time: {} is one too many.", more.display())));
    }
    let database = database.map(|path| std::path::absolute(&path).unwrap_or(path));
    Ok(Arguments { database })
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

/// There is no window to say it in. Nobody may be listening; that is no error.
pub fn say(error: &Error) {
    let _ = writeln!(
        std::io::stderr().lock(),
        "error: {}{}",
        error.message,
        error.detail.as_ref().map_or(String::new(), |d| format!("\n  {d}"))
    );
}
