//! What a piece of work takes of memory, and what it was said to take.
#![allow(dead_code, clippy::print_stdout)] // Not each test asks for all of it; figures are for the documentation.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn status(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() * 1024.0
}

/// Bytes that the process holds of its own, after what was freed went back: it would be taken anew unseen.
pub fn held() -> f64 {
    lm::memory::give_back();
    status("RssAnon:")
}

/// The most that `work` holds of its own, without the files that it maps, which the system keeps no count of: looked at every millisecond.
pub fn own<T>(work: impl FnOnce() -> T + Send) -> (f64, T)
where
    T: Send,
{
    let before = held();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = 0f64;
            while !done.load(Ordering::Relaxed) {
                most = most.max(status("RssAnon:"));
                std::thread::sleep(Duration::from_millis(1));
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (watching.join().unwrap() - before, result)
    })
}

/// Bytes that `work` holds at most, beyond what the process holds before it.
pub fn beyond<T>(work: impl FnOnce() -> T) -> (f64, T) {
    held();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let result = work();
    (status("VmHWM:") - before, result)
}

/// What each phase is said to take altogether (weights, adapter and its own), and what it took.
#[derive(Default)]
pub struct Phases(Vec<(String, f64, f64)>);

impl Phases {
    pub fn note(&mut self, phase: &str, said: u64, took: f64) {
        self.0.push((phase.into(), said as f64, took));
    }

    /// To within `bound`, as a share of what was taken.
    pub fn check(&self, bound: f64) {
        let off = |said: f64, took: f64| said / took - 1.0;
        let line = |(phase, said, took): &(String, f64, f64)| {
            format!("{phase}: said {:.0} MB, took {:.0} MB, {:+.1} %", said / 1e6, took / 1e6, 100.0 * off(*said, *took))
        };
        let lines: Vec<String> = self.0.iter().map(line).collect();
        println!("{}", lines.join("\n"));
        assert!(self.0.iter().all(|(_, said, took)| off(*said, *took).abs() < bound), "{}", lines.join("\n"));
    }
}
