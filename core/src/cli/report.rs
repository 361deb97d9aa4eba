//! Figures as people read them.

use core::fmt;
use core::time::Duration;

/// A count with its thousands parted: `34,006`.
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// So many documents, in words.
pub(super) struct Documents(pub(super) u64);

impl fmt::Display for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} document{}", Count(self.0), if self.0 == 1 { "" } else { "s" })
    }
}

/// Bytes with three digits or so: `812 B`, `4.78 MB`; 1 kB is 1000 B.
pub(super) struct Bytes(pub(super) f64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut amount = self.0;
        let mut units = ["B", "kB", "MB", "GB", "TB"].into_iter();
        let mut unit = units.next().unwrap_or("");
        while amount >= 999.5 {
            let Some(larger) = units.next() else { break };
            (amount, unit) = (amount / 1000.0, larger);
        }
        write!(f, "{amount:.digits$} {unit}", digits = digits_for(amount, unit != "B"))
    }
}

/// A time with three digits or so: `38 ms`, `1.52 s`, `75 s`.
pub(super) struct Time(pub(super) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 0.9995 {
            write!(f, "{:.0} ms", seconds * 1000.0)
        } else {
            write!(f, "{seconds:.digits$} s", digits = digits_for(seconds, true))
        }
    }
}

/// How many a second; nothing takes no time, so 0 for what was not measured.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// A rate, rounded to a whole number.
pub(super) fn rate(count: u64, time: Duration) -> Count {
    Count(per_second(count, time).round() as u64)
}

fn digits_for(amount: f64, fractions: bool) -> usize {
    match amount {
        _ if !fractions => 0,
        amount if amount < 9.995 => 2,
        amount if amount < 99.95 => 1,
        _ => 0,
    }
}
