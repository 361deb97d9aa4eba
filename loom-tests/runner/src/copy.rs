//! The product and the model workspace in memory, to be written elsewhere with something changed.

use crate::Fault;
use crate::generate::Generated;
use crate::run::Workspace;
use crate::tree::Tree;
use std::path::Path;

/// Where what is generated goes.
pub(crate) const GENERATED: &str = "loom-tests/target/gen";

/// Everything that the models are built of.
pub(crate) fn whole(original: &Workspace, generated: &Generated) -> Result<Tree, Fault> {
    let product = original.product();
    let mut whole = Tree::default();
    whole.read_file(product, Path::new("Cargo.toml"))?;
    let packages: Vec<_> =
        ["reclaim", "core"].into_iter().filter(|name| product.join(name).is_dir()).collect();
    for package in &packages {
        whole.read(product, Path::new(package))?;
    }
    // The copy has no benches; everything else of the manifest stays.
    let members = format!("members = {packages:?}");
    whole.exchange(
        Path::new("Cargo.toml"),
        r#"members = ["core", "reclaim", "benches"]"#,
        &members,
        1,
    )?;
    whole.read(product, Path::new("loom-tests"))?;
    whole.extend(generated.tree.clone().below(Path::new(GENERATED)));
    Ok(whole)
}

/// The same over a published pointer that promises no more than acquire and release, without the models of arc-swap.
pub(crate) fn bare(original: &Workspace, generated: &Generated) -> Result<Tree, Fault> {
    let mut tree = whole(original, generated)?;
    let patch = r#"arc-swap = { path = "target/gen/arc-swap" }"#;
    let with = r#"arc-swap = { path = "bare-swap" }"#;
    tree.exchange(Path::new("loom-tests/Cargo.toml"), patch, with, 1)?;
    tree.exchange(Path::new("loom-tests/tests/models/main.rs"), "mod arc_swap;\n", "", 1)?;
    Ok(tree)
}
