//! What a process has used: processor time by thread, and memory. Linux tells; elsewhere nothing is known.

use std::collections::BTreeMap;
use std::time::Duration;

/// What a process has used until now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time and the time spent waiting for a processor, by the names of the threads that live.
    threads: BTreeMap<String, (Duration, Duration)>,
}

impl Usage {
    /// Processor time since `before`, all threads together; `None` if it cannot be known.
    pub(crate) fn cpu_since(&self, before: &Self) -> Option<Duration> {
        (!self.threads.is_empty()).then(|| self.cpu().saturating_sub(before.cpu()))
    }

    /// Time since `before` in which threads were ready to run and did not.
    pub(crate) fn waited_since(&self, before: &Self) -> Duration {
        let sum =
            |usage: &Self| usage.threads.values().map(|(_, waited)| *waited).sum::<Duration>();
        sum(self).saturating_sub(sum(before))
    }

    /// Processor time since `before` by threads' names, most first.
    pub(crate) fn by_thread(&self, before: &Self) -> Vec<(String, Duration)> {
        let since = |(name, (cpu, _)): (&String, &(Duration, Duration))| {
            let earlier = before.threads.get(name).map_or(Duration::ZERO, |(cpu, _)| *cpu);
            (name.clone(), cpu.saturating_sub(earlier))
        };
        let mut threads: Vec<_> = self.threads.iter().map(since).collect();
        threads.retain(|(_, cpu)| *cpu > Duration::from_millis(1));
        threads.sort_by_key(|(_, cpu)| core::cmp::Reverse(*cpu));
        threads
    }

    fn cpu(&self) -> Duration {
        self.threads.values().map(|(cpu, _)| *cpu).sum()
    }
}

/// What a process has used until now.
#[cfg(target_os = "linux")]
pub(crate) fn of(pid: u32) -> Usage {
    let mut usage = Usage::default();
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return usage };
    for task in tasks.flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let (name, times) = (read("comm"), read("schedstat"));
        let mut times = times
            .split_whitespace()
            .map(|ns| ns.parse().map_or(Duration::ZERO, Duration::from_nanos));
        // Threads that share their work are counted together: `name-0`, `name-1`.
        let name = name
            .trim()
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .trim_end_matches(['-', '#', ' ']);
        let (cpu, waited) = usage.threads.entry(name.into()).or_default();
        *cpu += times.next().unwrap_or_default();
        *waited += times.next().unwrap_or_default();
    }
    usage
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of(_pid: u32) -> Usage {
    Usage::default()
}

/// The most memory that a process has had resident since [`forget_peak`].
#[cfg(target_os = "linux")]
pub(crate) fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn peak_bytes(_pid: u32) -> Option<u64> {
    None
}

/// Begins to look for the peak anew. Where that is not allowed the peak is that of the whole process.
pub(crate) fn forget_peak(pid: u32) {
    let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
}
