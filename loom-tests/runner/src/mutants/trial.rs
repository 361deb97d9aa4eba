//! Puts each bug into a copy of the product and sees whether the models fail.

use super::open::OPEN;
use super::seeded::{MUTANTS, Mutant};
use super::seeded_bare::BARE;
use super::seeded_core::CORE;
use super::seeded_flow::FLOW;
use super::seeded_log::LOG;
use crate::Fault;
use crate::copy::{self, GENERATED};
use crate::generate::Generated;
use crate::run::{Plan, Workspace};
use crate::tree::Tree;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs every bug that the plan asks for. Whether all were found.
pub(crate) fn run_all(
    workspace: &Workspace,
    generated: &Generated,
    plan: &Plan,
) -> Result<bool, Fault> {
    let copy = match plan.bare {
        true => Copy::bare(workspace, generated)?,
        false => Copy::new(workspace, generated)?,
    };
    let wanted = |mutant: &&Mutant| {
        let named = |name: &String| {
            [mutant.bug, mutant.file, mutant.models].iter().any(|text| text.contains(name))
        };
        plan.names.is_empty() || plan.names.iter().any(named)
    };
    let all: Vec<_> = match plan.bare {
        true => BARE.iter().filter(wanted).collect(),
        false => all().filter(wanted).collect(),
    };
    let stride = plan.sample.map_or(1, |sample| (all.len() / sample).max(1));
    let (mut tried, mut found_all, mut open, mut wrong) = (0, 0, 0, 0);
    for mutant in all.into_iter().step_by(stride) {
        let began = Instant::now();
        let found = copy.try_one(mutant)?;
        let known = OPEN.iter().find(|(bug, _)| *bug == mutant.bug);
        let verdict = match (found, known) {
            (Ok(how), None) => {
                (tried, found_all) = (tried + 1, found_all + 1);
                how
            }
            (Err(blind), None) => {
                (tried, wrong) = (tried + 1, wrong + 1);
                format!("SURVIVED {blind}")
            }
            (Err(_), Some((_, why))) => {
                open += 1;
                format!("open: {why}")
            }
            (Ok(how), Some(_)) => {
                wrong += 1;
                format!("{how}: FOUND, and listed as open")
            }
        };
        let took = began.elapsed().as_secs();
        println!("{:<78} {took:>4} s  {verdict}", mutant.bug);
    }
    println!("mutants: {found_all} of {tried} killed, {open} open");
    Ok(tried > 0 && wrong == 0)
}

/// Checks that every bug still fits the sources, without building anything.
pub(crate) fn all_fit(workspace: &Workspace, generated: &Generated) -> Result<usize, Fault> {
    let copy = Copy::new(workspace, generated)?;
    let mut fitting = 0;
    for mutant in all().chain(BARE) {
        copy.with_bug(mutant).map_err(|fault| Fault::new(mutant.bug, fault))?;
        fitting += 1;
    }
    Ok(fitting)
}

/// Models that no bug is seeded for, and names in the list of bugs that no model has.
pub(crate) fn unseeded(models: &[String]) -> (Vec<String>, Vec<String>) {
    let seeded: BTreeSet<_> =
        all().flat_map(|mutant| mutant.models.split_whitespace()).map(String::from).collect();
    let models: BTreeSet<_> = models.iter().cloned().collect();
    (models.difference(&seeded).cloned().collect(), seeded.difference(&models).cloned().collect())
}

fn all() -> impl Iterator<Item = &'static Mutant> {
    MUTANTS.iter().chain(LOG).chain(CORE).chain(FLOW)
}

/// How a bug was found; or the models that should have found it and did not.
type Verdict = Result<String, String>;

/// A copy of the product and the model workspace, in which one file is changed at a time.
struct Copy {
    whole: Tree,
    workspace: Workspace,
    folder: PathBuf,
}

impl Copy {
    fn new(original: &Workspace, generated: &Generated) -> Result<Self, Fault> {
        let folder = original.mutants_folder();
        let workspace =
            Workspace::for_mutants(folder.join("loom-tests"), original.mutants_target());
        Ok(Self { whole: copy::whole(original, generated)?, workspace, folder })
    }

    /// One whose published pointer is bare.
    fn bare(original: &Workspace, generated: &Generated) -> Result<Self, Fault> {
        let folder = original.bare_folder().join("mutants");
        let workspace = Workspace::for_mutants(folder.join("loom-tests"), original.bare_target());
        Ok(Self { whole: copy::bare(original, generated)?, workspace, folder })
    }

    /// The copy with a bug in it.
    fn with_bug(&self, mutant: &Mutant) -> Result<Tree, Fault> {
        let file = match mutant.file.starts_with("arc-swap/") {
            true => Path::new(GENERATED).join(mutant.file),
            false => PathBuf::from(mutant.file),
        };
        let mut tree = self.whole.clone();
        tree.exchange(&file, mutant.text, mutant.with, mutant.count)?;
        Ok(tree)
    }

    /// How each of its models found the bug, or those that did not.
    fn try_one(&self, mutant: &Mutant) -> Result<Verdict, Fault> {
        self.with_bug(mutant)?.write(&self.folder)?;
        self.workspace.build().map_err(|fault| Fault::new(mutant.bug, fault))?;
        let (mut found, mut blind) = (Vec::new(), Vec::new());
        for model in mutant.models.split_whitespace() {
            match self.workspace.failure(model)? {
                Some(how) => found.push(how),
                None => blind.push(model),
            }
        }
        let all = blind.is_empty() && !found.is_empty();
        Ok(if all { Ok(found.join("; ")) } else { Err(blind.join(" ")) })
    }
}
