//! The order of things.

use super::arguments::Part;
use super::documents::Documents;
use super::report::{self, Row};
use super::server::{Server, Start};
use super::tail::Follower;
use super::{Arguments, Failure, catch_up, ingest};
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};

/// Measures what is asked for, and prints it.
///
/// # Errors
/// When a server cannot be started or reached, or a document is missing, came twice or is another than was written.
pub fn measure(arguments: &Arguments) -> Result<(), Failure> {
    let arguments = arguments.scaled();
    let folder = match (&arguments.data, arguments.memory_store) {
        (_, true) => None,
        (Some(parent), false) => Some(tempfile::tempdir_in(parent)?),
        (None, false) => Some(tempfile::tempdir()?),
    };
    let run = Run {
        documents: Documents { value_bytes: arguments.value as usize },
        folder: folder.as_ref().map(|folder| folder.path().to_owned()),
        runtime: runtime()?,
        arguments,
    };
    let mut rows = Vec::new();
    run.with_one_store(&mut rows)?;
    if run.arguments.wants(Part::Persisted) && run.folder.is_some() {
        rows.push(run.persisted()?);
    }
    report::print(&run.arguments, &rows)
}

/// A runtime on the calling thread.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

struct Run {
    arguments: Arguments,
    documents: Documents,
    folder: Option<PathBuf>,
    runtime: Runtime,
}

impl Run {
    /// Everything that needs the million documents.
    fn with_one_store(&self, rows: &mut Vec<Row>) -> Result<(), Failure> {
        let (arguments, runtime) = (&self.arguments, &self.runtime);
        let [ingested, followed] = [Part::Ingest, Part::Tail].map(|part| arguments.wants(part));
        let [from_memory, from_disk] = [Part::Memory, Part::Disk].map(|part| arguments.wants(part));
        if !(ingested || followed || from_memory || from_disk) {
            return Ok(());
        }
        let all = 0..arguments.documents;
        let store = self.store("million");
        let server = self.start(store.as_deref(), self.roomy(), false)?;
        rows.push(runtime.block_on(ingest::measure(
            "ingest, in memory",
            &server,
            self.documents,
            all.clone(),
        ))?);
        rows.push(runtime.block_on(ingest::measure_settling(
            "  until all is synced",
            &server,
            all.end,
        ))?);
        let mut end = all.end;
        if from_memory || followed {
            let reached =
                runtime.block_on(catch_up::judge(&server, self.documents, all.clone()))?;
            for pass in 1..=arguments.passes * u32::from(from_memory) {
                let name = format!("catch-up, memory, pass {pass}");
                rows.push(runtime.block_on(catch_up::measure(&name, &server, all.clone()))?);
            }
            if followed {
                let mut follower = runtime.block_on(Follower::start(&server, &reached))?;
                let paced = end..end + arguments.paced;
                let unpaced = paced.end..paced.end + arguments.documents / 2;
                end = unpaced.end;
                rows.push(follower.measure_paced(runtime, &server, self.documents, paced)?);
                rows.push(follower.measure_unpaced(runtime, &server, self.documents, unpaced)?);
            }
        }
        server.stop()?;
        if from_disk && store.is_some() {
            let server = self.start(store.as_deref(), SCARCE, false)?;
            for pass in 1..=arguments.passes {
                let name = format!("catch-up, disk, pass {pass}");
                rows.push(runtime.block_on(catch_up::measure(&name, &server, 0..end))?);
            }
            server.stop()?;
        }
        Ok(())
    }

    /// Writes that are answered once they are synced.
    fn persisted(&self) -> Result<Row, Failure> {
        let documents = self.arguments.persisted.unwrap_or(self.arguments.documents);
        let store = self.store("persisted");
        let server = self.start(store.as_deref(), self.roomy(), true)?;
        let writing = ingest::measure("ingest, synced", &server, self.documents, 0..documents);
        let row = self.runtime.block_on(writing)?;
        self.runtime.block_on(catch_up::judge(&server, self.documents, 0..documents))?;
        server.stop()?;
        Ok(row)
    }

    fn store(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    fn start(
        &self,
        data: Option<&Path>,
        memory_bytes: u64,
        persisted_answers: bool,
    ) -> Result<Server, Failure> {
        Server::start(&self.arguments, Start { data, memory_bytes, persisted_answers })
    }

    /// Memory in which everything has room, twice over.
    fn roomy(&self) -> u64 {
        (1 << 30) + 2 * self.arguments.documents * (self.arguments.value + 512)
    }
}

/// Memory for the run that reads the disk: less than the keys take, so that nothing else stays.
const SCARCE: u64 = 64 << 20;
