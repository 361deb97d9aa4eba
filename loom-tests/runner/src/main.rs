//! `cargo model`: writes the instrumented arc-swap and the completed loom, builds the models, runs them, and sums up.
//!
//! ```text
//! cargo model                  every model at its first-tier bound
//! cargo model --deep           every model at its deep bound (minutes to an hour)
//! cargo model published quies  only models whose names contain one of these
//! cargo model --bare           models over a published pointer that promises no more than acquire and release
//! cargo model --mutants        seeds bugs into a copy of the product; every one must be found
//!   --sample N                 only so many of them, spread over the list
//! ```
//! It fails when a model fails, is missing, has no seeded bug, or explores fewer executions than its floor.

mod copy;
mod fault;
mod generate;
mod mutants;
mod report;
mod run;
mod tree;

pub(crate) use fault::Fault;
use report::Report;
use run::{Cited, Plan, Workspace};
use std::process::ExitCode;

fn main() -> ExitCode {
    match check() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            eprintln!("cargo model: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<bool, Fault> {
    let plan = Plan::parse(std::env::args().skip(1))?;
    let workspace = Workspace::of_this_runner();
    let generated = generate::generated(&workspace.product_manifest())?;
    generated.tree.write(&workspace.generated())?;
    println!("{}", generated.versions);
    if plan.mutants {
        return mutants::run_all(&workspace, &generated, &plan);
    }
    if plan.bare {
        return check_bare(&workspace, &generated, plan);
    }
    println!("seeded bugs that fit the sources: {}", mutants::all_fit(&workspace, &generated)?);
    let models = workspace.list(&plan)?;
    if plan.names.is_empty() {
        let (unseeded, unknown) = mutants::unseeded(&models);
        if !unseeded.is_empty() {
            return Err(Fault::new("models without a seeded bug", unseeded.join(" ")));
        }
        if !unknown.is_empty() {
            return Err(Fault::new("bugs are seeded for models that are not", unknown.join(" ")));
        }
    }
    let outcome = workspace.run(&plan)?;
    let cited = if plan.names.is_empty() { workspace.cited_models()? } else { Cited::default() };
    let report = Report::new(&models, &outcome, &cited);
    println!("{report}");
    Ok(report.is_good())
}

/// The models whose protocols lean on a published pointer, over one that promises no more than it must.
fn check_bare(
    workspace: &Workspace,
    generated: &generate::Generated,
    mut plan: Plan,
) -> Result<bool, Fault> {
    copy::bare(workspace, generated)?.write(&workspace.bare_folder())?;
    if plan.names.is_empty() {
        plan.names = BARE_MODELS.map(String::from).into();
    }
    let bare = workspace.bare();
    let models = bare.list(&plan)?;
    let report = Report::new(&models, &bare.run(&plan)?, &Cited::default());
    println!("{report}");
    Ok(report.is_good())
}

/// Parts of their names; those that take minutes at this bound are left to who asks for them.
const BARE_MODELS: [&str; 13] = [
    "backfill::",
    "collection::",
    "connection::state_change_vs_close",
    "engine::ask_vs_stop",
    "engine::renewed",
    "engine::signal",
    "index::",
    "outbox::",
    "partition::",
    "producer::close_vs_sending_step",
    "producer::state_change_vs_request",
    "published::",
    "turns::",
];
