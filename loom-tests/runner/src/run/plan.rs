//! What was asked for.

use crate::Fault;

/// The command line.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) deep: bool,
    pub(crate) mutants: bool,
    /// Parts of names; empty for all.
    pub(crate) names: Vec<String>,
}

impl Plan {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let mut plan = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--deep" => plan.deep = true,
                "--mutants" => plan.mutants = true,
                option if option.starts_with('-') => {
                    return Err(Fault::new(
                        option,
                        "no such option; there are --deep and --mutants",
                    ));
                }
                _ => plan.names.push(argument),
            }
        }
        Ok(plan)
    }
}
