//! Clients that write until the server is gone.

use super::dice::Dice;
use super::ledger::{Sent, vbucket};
use millstream::client::{ConnectSettings, KvClient, WriteOptions, Written};
use millstream::types::{Cas, Seqno, VbUuid};
use millstream::{Error, ErrorKind};
use tokio::sync::mpsc::UnboundedSender;

/// What a writer needs to know.
#[derive(Debug)]
pub(super) struct Writer<'r> {
    /// What its keys and values begin with.
    pub(super) name: &'static str,
    pub(super) round: u64,
    pub(super) address: &'r str,
    pub(super) dice: Dice,
    /// Where it counts the answers.
    pub(super) answers: UnboundedSender<u64>,
    /// Whether an answer promises that the write is persisted.
    pub(super) all_persisted: bool,
    /// The branch of each vbucket.
    pub(super) branches: &'r [VbUuid],
}

impl Writer<'_> {
    /// Sets and deletes, each after the answer to the one before, which says where it took place.
    pub(super) async fn one_by_one(mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        let done = self.write_one_by_one(&mut sent).await;
        gone(&done.expect_err("it writes until the server is gone"));
        sent
    }

    async fn write_one_by_one(&mut self, sent: &mut Vec<Sent>) -> Result<(), Error> {
        let mut client = self.connect().await?;
        for n in 0.. {
            let write = self.write(n, 60);
            let (key, value) = (write.key.clone(), write.value.clone());
            let deletes = self.dice.roll(6) == 0;
            sent.push(Sent { value: value.clone().filter(|_| !deletes), ..write });
            let written = match value {
                Some(value) if !deletes => {
                    Some(client.set(&key, &value, WriteOptions::default()).await?)
                }
                _ => client.delete(&key, Cas::ZERO).await?,
            };
            match (written, sent.last_mut()) {
                (Some(written), Some(write)) => self.answered(write, written),
                // There was nothing to delete.
                _ => drop(sent.pop()),
            }
            let _ = self.answers.send(1);
        }
        Ok(())
    }

    /// Sets in batches, of which only failures are answered one by one.
    pub(super) async fn in_bulk(mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        let done = self.write_in_bulk(&mut sent).await;
        gone(&done.expect_err("it writes until the server is gone"));
        sent
    }

    async fn write_in_bulk(&mut self, sent: &mut Vec<Sent>) -> Result<(), Error> {
        let mut client = self.connect().await?;
        let mut n = 0;
        loop {
            let size = 1 + self.dice.roll(300);
            let batch: Vec<Sent> = (n..n + size).map(|n| self.write(n, 400)).collect();
            n += size;
            let first = sent.len();
            sent.extend(batch.iter().cloned());
            let pairs =
                batch.iter().map(|write| (&write.key, write.value.as_deref().unwrap_or_default()));
            let report = client.set_many(pairs, WriteOptions::default()).await?;
            assert_eq!(
                (report.stored, report.failed.len()),
                (size, 0),
                "{:?}",
                report.failed.first()
            );
            sent[first..].iter_mut().for_each(|write| write.persisted = self.all_persisted);
            let _ = self.answers.send(size);
        }
    }

    async fn connect(&self) -> Result<KvClient, Error> {
        KvClient::connect(&ConnectSettings::new(self.address, "default")).await
    }

    /// A write to one of so many keys, with a value that no other has.
    fn write(&mut self, n: u64, keys: u64) -> Sent {
        let key = format!("{}-{}", self.name, self.dice.roll(keys)).into_bytes();
        let padding = "x".repeat(self.dice.roll(500) as usize);
        let value = format!("{} {} {n} {padding}", self.name, self.round).into_bytes();
        Sent { key, value: Some(value), persisted: false, seqno: None }
    }

    fn answered(&self, write: &mut Sent, written: Written) {
        let token = written.token.expect("the server granted mutation tokens");
        let vb = usize::from(vbucket(&write.key).get());
        assert_eq!(token.uuid, self.branches[vb], "vb {vb}: the branch of a new write");
        assert_ne!(token.seqno, Seqno::ZERO);
        write.seqno = Some(token.seqno);
        write.persisted = self.all_persisted;
    }
}

/// A client may only fail because the server is gone.
pub(super) fn gone(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Unavailable), "{error}");
}
