//! What the machine has used: joules of processors (Linux's powercap) and of NVIDIA cards (NVML).
use libloading::Library;
use std::ffi::{c_int, c_uint, c_ulonglong, c_void};
use std::path::{Path, PathBuf};

/// Joules since some moment, of all that tells, whoever used it; None where nothing tells. Where a graphics card is there, it has to tell too.
pub fn joules() -> Box<dyn FnMut() -> Option<f64> + Send> {
    let mut packages = packages(Path::new("/sys/class/powercap"));
    let cards = Cards::find();
    Box::new(move || {
        let processors = packages.iter_mut().map(Package::joules).sum::<Option<f64>>().filter(|_| !packages.is_empty());
        match &cards {
            Some(cards) => cards.joules().map(|cards| cards + processors.unwrap_or(0.0)),
            None => processors,
        }
    })
}

/// NVIDIA cards, through the library of their driver.
struct Cards {
    driver: Library,
    cards: Vec<Card>,
}

/// A handle of the driver's.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Card(*mut c_void);

// SAFETY: NVML may be called from any thread, with the handles of another.
unsafe impl Send for Card {}

impl Cards {
    /// None without a driver or a card.
    fn find() -> Option<Self> {
        // SAFETY: the signatures are those of nvml.h, of which these versions never change; every pointer is to a value that lives through the call,
        // and a handle is used only where the driver said that it wrote one.
        unsafe {
            let driver = Library::new("libnvidia-ml.so.1").ok()?;
            let initialise = driver.get::<unsafe extern "C" fn() -> c_int>(b"nvmlInit_v2\0").ok()?;
            let count_cards = driver.get::<unsafe extern "C" fn(*mut c_uint) -> c_int>(b"nvmlDeviceGetCount_v2\0").ok()?;
            let find = driver.get::<unsafe extern "C" fn(c_uint, *mut Card) -> c_int>(b"nvmlDeviceGetHandleByIndex_v2\0").ok()?;
            let mut count = 0;
            if initialise() != 0 || count_cards(&raw mut count) != 0 || count == 0 {
                return None;
            }
            let mut cards = vec![Card(std::ptr::null_mut()); count as usize];
            for (index, card) in (0..count).zip(&mut cards) {
                if find(index, card) != 0 {
                    return None;
                }
            }
            Some(Self { driver, cards })
        }
    }

    /// Since the driver was loaded; None where a card does not count.
    fn joules(&self) -> Option<f64> {
        type Total = unsafe extern "C" fn(Card, *mut c_ulonglong) -> c_int;
        // SAFETY: as in `find`, which made the handles.
        let millijoules = |card: &Card| unsafe {
            let mut total = 0;
            (self.driver.get::<Total>(b"nvmlDeviceGetTotalEnergyConsumption\0").ok()?(*card, &raw mut total) == 0).then_some(total)
        };
        Some(self.cards.iter().map(millijoules).sum::<Option<c_ulonglong>>()? as f64 / 1e3)
    }
}

/// A processor's counter, which starts over at `range`.
struct Package {
    counter: PathBuf,
    range: u64,
    last: u64,
    rounds: u64,
}

impl Package {
    fn joules(&mut self) -> Option<f64> {
        let now = number(&self.counter)?;
        self.rounds += u64::from(now < self.last);
        self.last = now;
        Some((self.rounds as f64 * self.range as f64 + now as f64) / 1e6)
    }
}

/// Packages that may be read (on many systems only root may); their parts, which they contain, have another colon in their names.
fn packages(folder: &Path) -> Vec<Package> {
    let Ok(zones) = std::fs::read_dir(folder) else { return Vec::new() };
    let package = |zone: std::fs::DirEntry| {
        let name = zone.file_name().to_string_lossy().into_owned();
        let counter = zone.path().join("energy_uj");
        let is_package = name.starts_with("intel-rapl:") && name.matches(':').count() == 1;
        let (last, range) = (number(&counter).filter(|_| is_package)?, number(&zone.path().join("max_energy_range_uj"))?);
        Some(Package { counter, range, last, rounds: 0 })
    };
    zones.flatten().filter_map(package).collect()
}

fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_count_on_where_their_counters_start_over() {
        let folder = tempfile::tempdir().unwrap();
        let write = |zone: &str, file: &str, value: u64| std::fs::write(folder.path().join(zone).join(file), format!("{value}\n")).unwrap();
        for zone in ["intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0", "dtpm"] {
            std::fs::create_dir(folder.path().join(zone)).unwrap();
            write(zone, "max_energy_range_uj", 10_000_000);
            write(zone, "energy_uj", 9_000_000);
        }
        let mut found = packages(folder.path());
        assert_eq!(found.len(), 2, "neither a part of a package nor another thing");
        let sum = |found: &mut Vec<Package>| found.iter_mut().map(Package::joules).sum::<Option<f64>>();
        assert_eq!(sum(&mut found), Some(18.0));
        write("intel-rapl:0", "energy_uj", 1_000_000);
        assert_eq!(sum(&mut found), Some(9.0 + 11.0));
        assert!(packages(Path::new("nowhere")).is_empty());
    }
}
