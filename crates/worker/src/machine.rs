//! The machine: what of it is kept with a run, and what `doctor` looks at.
use serde::Serialize;
use std::path::Path;
use std::process::{Command, Stdio};
use store::Fact;
use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

/// Processor, memory and system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    pub cpu: String,
    /// Logical processors.
    pub cores: usize,
    /// Threads that computations use; results are equal bit for bit only for equal numbers of them.
    pub threads: usize,
    pub memory_bytes: u64,
    pub memory_available_bytes: u64,
    pub system: String,
}

/// Facts of a run that say where it was computed.
pub const THREADS: &str = "machine.threads";
pub const CPU: &str = "machine.cpu";

impl Machine {
    pub fn look() -> Self {
        let wanted = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted);
        let cpu = system.cpus().first().map(|cpu| cpu.brand().trim().to_string()).filter(|brand| !brand.is_empty());
        Self {
            cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: rayon::current_num_threads(),
            memory_bytes: system.total_memory(),
            memory_available_bytes: system.available_memory(),
            system: format!(
                "{}, kernel {}",
                System::long_os_version().unwrap_or_else(|| std::env::consts::OS.into()),
                System::kernel_version().unwrap_or_default()
            ),
        }
    }

    pub fn facts(&self) -> Vec<Fact> {
        let fact = |key: &str, value: String| Fact { key: key.into(), value };
        vec![
            fact(CPU, self.cpu.clone()),
            fact("machine.cores", self.cores.to_string()),
            fact(THREADS, self.threads.to_string()),
            fact("machine.memory_bytes", self.memory_bytes.to_string()),
            fact("machine.system", self.system.clone()),
        ]
    }
}

/// Free bytes of the disk that `path` is or will be on.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let there = path.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    let disks = Disks::new_with_refreshed_list();
    disks
        .iter()
        .filter(|disk| there.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len())
        .map(|disk| disk.available_space())
}

/// What there is of a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpu {
    /// Name, driver and memory as `nvidia-smi` tells them.
    Usable(String),
    /// Why not.
    None(String),
}

/// Looks for an NVIDIA GPU.
pub fn gpu() -> Gpu {
    let query = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
    match Command::new("nvidia-smi").args(query).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() && !output.stdout.trim_ascii().is_empty() => {
            Gpu::Usable(String::from_utf8_lossy(&output.stdout).trim().lines().collect::<Vec<_>>().join("; "))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(if output.stdout.trim_ascii().is_empty() { &output.stderr } else { &output.stdout })
                .trim()
                .lines()
                .next()
                .unwrap_or("nothing")
                .to_string();
            Gpu::None(format!("nvidia-smi is here but finds none (it says: {said}); the driver may have to be loaded or updated"))
        }
        Err(_) if Path::new("/dev/nvidia0").exists() => {
            Gpu::None("the device /dev/nvidia0 is here but nvidia-smi is not; install the driver's tools".into())
        }
        Err(_) if has_nvidia_card() => Gpu::None("an NVIDIA card is here but no driver; install the NVIDIA driver".into()),
        Err(_) => Gpu::None("there is no NVIDIA card and no driver".into()),
    }
}

/// Whether the PCI bus has a display controller by NVIDIA (vendor 10de, class 03).
fn has_nvidia_card() -> bool {
    let Ok(devices) = std::fs::read_dir("/sys/bus/pci/devices") else { return false };
    let read = |path: &Path, file: &str| std::fs::read_to_string(path.join(file)).unwrap_or_default();
    devices.flatten().any(|d| read(&d.path(), "vendor").trim() == "0x10de" && read(&d.path(), "class").starts_with("0x03"))
}
