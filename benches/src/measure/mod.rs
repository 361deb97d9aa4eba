//! How the benches measure: contenders by turns in one process, processor time first, rows that a report is made from.
//!
//! Processor time of the thread is what to compare by ([`CpuTime`]): it hardly changes with what else the machine does.
//! Each question is a [`Contest`]: its contenders run in short rounds, one after the other, so that whatever the
//! machine does meets all of them; the figure is the median round, the ratio is the median of the ratios of the
//! rounds. The same closures are then given to criterion, for its own statistics and its comparison with the run
//! before.

mod bench;
mod clock;
mod contest;
mod growth;
mod rows;
mod run;
mod spread;

pub use bench::Bench;
pub use clock::{CpuTime, Spent, Stopwatch, in_threads, process_cpu, stay_on, thread_cpu};
pub use contest::Contest;
pub use growth::Growth;
pub use rows::{Bar, Place, Row, Rows, Unit};
pub use run::Run;
pub use spread::Spread;
