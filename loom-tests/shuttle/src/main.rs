//! Whole engines under many schedules; see README.md.
mod scene;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
fn main() {
    let n: usize = std::env::args().nth(1).map_or(100, |n| n.parse().expect("n"));
    let mut c = shuttle::Config::new();
    c.stack_size = 1 << 18;
    c.max_steps = shuttle::MaxSteps::FailAfter(100_000);
    c.silence_warnings = true;
    let t = std::time::Instant::now();
    if std::env::args().nth(2).is_some() {
        shuttle::Runner::new(PctScheduler::new_from_seed(1, 3, n), c).run(scene::play);
    } else {
        shuttle::Runner::new(RandomScheduler::new_from_seed(1, n), c).run(scene::play);
    }
    println!("{n} in {:?}", t.elapsed());
}
