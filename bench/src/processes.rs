//! What do a process and all its descendants cost? Read from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// Clock ticks per second in `/proc/PID/stat`: Linux shows 100 to every program.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of a tree of processes, those of ended children included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cpu {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Cpu) -> Cpu {
        Cpu { user: self.user - before.user, system: self.system - before.system }
    }

    /// User and system together.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

/// The parts of `/proc/PID/stat` that matter here.
struct Stat {
    parent: u32,
    cpu: Cpu,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    let user = ticks(11)? + ticks(13)?;
    let system = ticks(12)? + ticks(14)?;
    let cpu = Cpu { user: user / TICKS_PER_SECOND, system: system / TICKS_PER_SECOND };
    Some(Stat { parent: fields.get(1)?.parse().ok()?, cpu })
}

/// `root` and its descendants.
fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        found.extend(children.get(&found[next]).into_iter().flatten());
        next += 1;
    }
    found
}

/// CPU seconds that `root` and its descendants have used until now.
pub(crate) fn cpu(root: u32) -> Cpu {
    let sum = |total: Cpu, one: Cpu| Cpu { user: total.user + one.user, system: total.system + one.system };
    tree(root).into_iter().filter_map(stat).map(|stat| stat.cpu).fold(Cpu::default(), sum)
}

/// Resident bytes of `root` and its descendants; pages that several share count in each.
pub(crate) fn resident_bytes(root: u32) -> u64 {
    memory(root, "status", "VmRSS:")
}

/// The same with shared pages counted once, in parts. Costs the kernel more: not for use while something is measured.
pub(crate) fn proportional_bytes(root: u32) -> u64 {
    memory(root, "smaps_rollup", "Pss:")
}

/// The sum of one line of a file of each process.
fn memory(root: u32, file: &str, field: &str) -> u64 {
    let kilobytes = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    tree(root).into_iter().filter_map(kilobytes).sum::<u64>() * 1024
}

#[cfg(test)]
mod tests {
    use super::{cpu, proportional_bytes, resident_bytes, tree};

    #[test]
    fn a_process_is_in_its_own_tree_and_takes_memory() {
        let own = std::process::id();
        assert!(tree(own).contains(&own));
        assert!(resident_bytes(own) > 100_000);
        assert!(proportional_bytes(own) <= resident_bytes(own));
        assert!(cpu(own).total() >= 0.0);
    }
}
