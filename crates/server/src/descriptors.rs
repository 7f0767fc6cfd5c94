//! How many connections can be taken with the file descriptors that the system grants?

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as it may be raised, and takes as many of the wanted connections as fit into half of it:
/// the spool, deliveries and lookups need the rest, and mail that is taken must get out again.
pub(crate) fn connections(wanted: usize) -> usize {
    let granted = raised();
    let taken = fitting(wanted, granted);
    if taken < wanted {
        tracing::warn!(
            wanted,
            taken,
            ?granted,
            "file descriptors are few: fewer connections are taken at once"
        );
    }
    taken
}

/// None if there is no limit.
fn raised() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let highest = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, highest) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

fn fitting(wanted: usize, granted: Option<u64>) -> usize {
    let half = granted.map_or(usize::MAX, |granted| usize::try_from(granted / 2).unwrap_or(usize::MAX));
    wanted.min(half)
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn half_of_the_descriptors_are_for_connections() {
        assert_eq!(fitting(2000, Some(256)), 128);
        assert_eq!(fitting(2000, Some(1_048_576)), 2000);
        assert_eq!(fitting(2000, None), 2000);
    }
}
