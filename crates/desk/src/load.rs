//! What a run's worker takes of the machine.
use crate::{Desk, blocking};
use contract::Result;
use contract::desk::{GpuLoad, Load};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use sysinfo::{MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What was seen the last time: use of a processor is a difference between two looks.
#[derive(Default)]
pub(crate) struct Meter {
    system: System,
    /// Set once no card was found, so that it is not looked for every second.
    has_no_gpu: bool,
}

impl Desk {
    /// None when no worker has the run. The first look at a worker shows no use of the processor.
    pub async fn load(&self, run: i64) -> Result<Option<Load>> {
        let (store, inside) = self.place(run).await?;
        let Some(worker) = store.worker(inside).await? else { return Ok(None) };
        let meter = Arc::clone(&self.meter);
        blocking(move || Ok(measure(&meter, Pid::from_u32(worker)))).await
    }
}

fn measure(meter: &Mutex<Meter>, worker: Pid) -> Option<Load> {
    // What it guards is whole at any moment.
    let mut meter = meter.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    meter.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let wanted = ProcessRefreshKind::nothing().with_cpu().with_memory();
    meter.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[worker]), true, wanted);
    let process = meter.system.process(worker)?;
    let mut load = Load {
        cpu_percent: process.cpu_usage().into(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_bytes: process.memory(),
        memory_total_bytes: meter.system.total_memory(),
        gpu: None,
    };
    if !meter.has_no_gpu {
        load.gpu = gpu();
        meter.has_no_gpu = load.gpu.is_none();
    }
    Some(load)
}

/// The first NVIDIA card, as its driver's own program tells.
fn gpu() -> Option<GpuLoad> {
    let query = ["--query-gpu=name,utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits"];
    let output = Command::new("nvidia-smi").args(query).stdin(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    read_gpu(&String::from_utf8_lossy(&output.stdout))
}

fn read_gpu(text: &str) -> Option<GpuLoad> {
    let fields: Vec<&str> = text.lines().next()?.split(',').map(str::trim).collect();
    let [name, percent, used, total] = fields[..] else { return None };
    let mebibytes = |text: &str| text.parse::<u64>().ok().map(|n| n << 20);
    Some(GpuLoad {
        name: name.into(),
        percent: percent.parse().ok()?,
        memory_bytes: mebibytes(used)?,
        memory_total_bytes: mebibytes(total)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_read() {
        let card = read_gpu("NVIDIA H100 80GB HBM3, 87, 1024, 81559\nNVIDIA H100 80GB HBM3, 0, 0, 81559\n").unwrap();
        assert_eq!((card.name.as_str(), card.percent, card.memory_bytes), ("NVIDIA H100 80GB HBM3", 87.0, 1 << 30));
        for none in ["", "No devices were found", "a, [N/A], 1, 2"] {
            assert_eq!(read_gpu(none), None, "{none}");
        }
    }

    #[test]
    fn this_process_is_measured() {
        let meter = Mutex::default();
        let load = measure(&meter, Pid::from_u32(std::process::id())).unwrap();
        assert!(load.memory_bytes > 0 && load.memory_bytes < load.memory_total_bytes && load.cores > 0);
        assert_eq!(measure(&meter, Pid::from_u32(u32::MAX - 1)), None);
    }
}
