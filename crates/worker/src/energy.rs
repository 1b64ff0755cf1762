//! What the machine has used: joules of processors (Linux's powercap) and of NVIDIA cards (NVML).
use nvml_wrapper::Nvml;
use std::path::{Path, PathBuf};

/// Joules since some moment, of all that tells, whoever used it; None where nothing tells. Where a graphics card is there, it has to tell too.
pub fn joules() -> Box<dyn FnMut() -> Option<f64> + Send> {
    let mut packages = packages(Path::new("/sys/class/powercap"));
    let cards = Nvml::init().ok();
    Box::new(move || {
        let processors = packages.iter_mut().map(Package::joules).sum::<Option<f64>>().filter(|_| !packages.is_empty());
        match &cards {
            Some(nvml) => of_cards(nvml).map(|cards| cards + processors.unwrap_or(0.0)),
            None => processors,
        }
    })
}

/// Since the driver was loaded.
fn of_cards(nvml: &Nvml) -> Option<f64> {
    let millijoules = |index| nvml.device_by_index(index).ok()?.total_energy_consumption().ok();
    let all: Option<Vec<u64>> = (0..nvml.device_count().ok()?).map(millijoules).collect();
    all.map(|all| all.into_iter().sum::<u64>() as f64 / 1e3)
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
