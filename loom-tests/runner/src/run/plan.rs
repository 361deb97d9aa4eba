//! What was asked for.

use crate::Fault;

/// The command line.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) deep: bool,
    pub(crate) mutants: bool,
    /// Over a published pointer that promises no more than acquire and release.
    pub(crate) bare: bool,
    /// So many of the seeded bugs, spread over the list; `None` for all.
    pub(crate) sample: Option<usize>,
    /// Parts of names; empty for all.
    pub(crate) names: Vec<String>,
}

impl Plan {
    /// What the models are told.
    pub(crate) fn tier(&self) -> &'static str {
        match (self.bare, self.deep) {
            (true, _) => "bare",
            (false, true) => "deep",
            (false, false) => "first",
        }
    }

    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let mut plan = Self::default();
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--sample" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    let missing = || Fault::new("--sample", "takes how many seeded bugs to try");
                    plan.sample = Some(number.filter(|n| *n > 0).ok_or_else(missing)?);
                }
                "--deep" => plan.deep = true,
                "--mutants" => plan.mutants = true,
                "--bare" => plan.bare = true,
                option if option.starts_with('-') => {
                    return Err(Fault::new(
                        option,
                        "no such option; there are --deep, --bare, --mutants and --sample",
                    ));
                }
                _ => plan.names.push(argument),
            }
        }
        Ok(plan)
    }
}
