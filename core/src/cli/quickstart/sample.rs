//! The sample data, which is part of the program.

use crate::cli::exit::Failure;
use crate::cli::input::{Document, Keys, documents_of};
use crate::cli::load::{WriteFault, Writer, json_options};
use crate::client::{ConnectSettings, KvClient};
use crate::limits::{LOAD_BATCH_DOCUMENTS, LOAD_PATIENCE};
use core::time::Duration;
use std::time::Instant;

/// Cities of the world; see `core/data/README.md`.
const CITIES: &str = include_str!("../../../data/cities.ndjson");
/// The member that is the key.
const KEY: &str = "id";

/// All documents of the sample.
pub(super) fn documents() -> Result<Vec<Document>, Failure> {
    let keys = Keys { column: Some(KEY.into()), prefix: String::new() };
    documents_of(CITIES.as_bytes(), &keys)
        .map_err(|line| Failure::failed(format!("the sample data is damaged, {line}")))
}

/// Writes them over TCP; how long that took.
pub(super) async fn load(
    connect: &ConnectSettings,
    documents: &[Document],
) -> Result<Duration, Failure> {
    let client = KvClient::connect(connect).await?;
    let options = json_options(&client);
    let mut writer = Writer::new(client, options, LOAD_PATIENCE);
    let begun = Instant::now();
    for batch in documents.chunks(LOAD_BATCH_DOCUMENTS) {
        writer.write(batch).await.map_err(|fault| match fault {
            WriteFault::Refused { at, status } => {
                let line = batch[at].line;
                Failure::failed(format!("the sample data, line {line}: refused with {status}"))
            }
            WriteFault::NoRoom { status } => {
                Failure::failed(format!("the store takes no more documents, with {status}"))
            }
            WriteFault::Broken(error) => error.into(),
        })?;
    }
    Ok(begun.elapsed())
}
