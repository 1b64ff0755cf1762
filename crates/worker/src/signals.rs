//! Ctrl-C and its relatives: the first asks the work to stop, the second ends the program at once.
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether a signal asked this process to stop.
pub fn stop_requested() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// The same for work that goes on until it is told otherwise.
pub fn go_on() -> ControlFlow<()> {
    if stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// From now on SIGINT, SIGTERM and SIGHUP ask for a stop. A signal that the caller has set to be ignored (`nohup`, a job in the
/// background of a script) stays ignored.
#[cfg(unix)]
pub fn listen() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: both structures are plain data that may be all zero; the handler only does what is safe inside a signal handler.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &mut before);
            if before.sa_sigaction == libc::SIG_IGN {
                continue;
            }
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
            // Reads and writes that are under way go on.
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Where there are no such signals, the operating system ends the process and the run can be resumed.
#[cfg(not(unix))]
pub fn listen() {}

#[cfg(unix)]
extern "C" fn on_signal(signal: libc::c_int) {
    if STOP.swap(true, Ordering::Relaxed) {
        // SAFETY: `_exit` may be called in a signal handler.
        unsafe { libc::_exit(128 + signal) }
    }
    let text = b"\nStopping; what can be kept is kept. Once more ends at once.\n";
    // SAFETY: `write` may be called in a signal handler, and the buffer lives for ever. That nobody may be reading is no matter.
    unsafe {
        let _ = libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len());
    }
}
