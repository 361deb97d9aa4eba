//! Clients that a server lies to.

use super::served::{Served, with_served};
use crate::client::{
    ConnectSettings, Connection, DcpClient, DcpSettings, KvClient, StreamFrom, StreamOptions,
    WriteOptions,
};
use crate::error::Result;
use crate::types::{Cas, Seqno, VbId, VbUuid};
use std::cell::OnceCell;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, join, sink};

/// What a server said to a DCP client and to a key-value client, up to the end of their bootstrap and then.
#[derive(Clone, Debug)]
pub struct Recording {
    dcp: Said,
    kv: Said,
}

#[derive(Clone, Debug, Default)]
struct Said {
    bootstrap: Vec<u8>,
    rest: Vec<u8>,
}

impl Recording {
    /// Has both clients talk to a server.
    ///
    /// # Panics
    /// When they do not get along.
    #[must_use]
    pub fn new(served: &Served) -> Self {
        served.runtime().block_on(async {
            Self { dcp: record(served, Who::Dcp).await, kv: record(served, Who::Kv).await }
        })
    }

    /// What the server said behind the bootstrap, for the first byte of [`client`].
    #[must_use]
    pub fn rest(&self, who: u8) -> &[u8] {
        &self.said(who).rest
    }

    fn said(&self, who: u8) -> &Said {
        match Who::of(who) {
            Who::Dcp => &self.dcp,
            Who::Kv => &self.kv,
        }
    }

    /// A client hears its bootstrap, and then this. How much of it made sense to it.
    ///
    /// # Panics
    /// When the client does.
    #[must_use]
    pub fn play(&self, who: u8, bytes: &[u8], served: &Served) -> usize {
        let heard = self.said(who).bootstrap.chain(bytes);
        served.runtime().block_on(async {
            match Who::of(who) {
                Who::Dcp => dcp(join(heard, sink()), &mut || {}).await,
                Who::Kv => kv(join(heard, sink()), &mut || {}).await,
            }
        })
    }
}

/// What a server says behind an honest bootstrap: to a DCP client if the first byte is even, else to a key-value
/// client.
///
/// # Panics
/// When the client does.
pub fn client(bytes: &[u8]) {
    thread_local! {
        static RECORDING: OnceCell<Recording> = const { OnceCell::new() };
    }
    let Some((&who, heard)) = bytes.split_first() else { return };
    with_served(|served| {
        RECORDING.with(|recording| {
            let _ = recording.get_or_init(|| Recording::new(served)).play(who, heard, served);
        });
    });
}

#[derive(Clone, Copy)]
enum Who {
    Dcp,
    Kv,
}

impl Who {
    const fn of(byte: u8) -> Self {
        if byte.is_multiple_of(2) { Self::Dcp } else { Self::Kv }
    }
}

/// Carries bytes between a client and a server until the client is gone, and keeps what the server said.
async fn record(served: &Served, who: Who) -> Said {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let said = std::cell::RefCell::new(Said::default());
    let mut conversation = served.offline().connect();
    let server = async {
        let (mut heard, mut answer) = (Vec::new(), Vec::new());
        let mut goes_on = true;
        loop {
            tokio::select! {
                read = theirs.read_buf(&mut heard) => if read.expect("a pipe") == 0 {
                    break;
                },
                // What is not in memory any more comes later.
                news = conversation.has_news(), if goes_on => goes_on = news,
            }
            goes_on &= conversation.say(&heard, &mut answer).await;
            said.borrow_mut().rest.extend_from_slice(&answer);
            theirs.write_all(&answer).await.expect("a pipe");
            heard.clear();
            answer.clear();
        }
    };
    let mut bootstrapped = || {
        let mut said = said.borrow_mut();
        said.bootstrap = core::mem::take(&mut said.rest);
    };
    let client = async {
        match who {
            Who::Dcp => dcp(ours, &mut bootstrapped).await,
            Who::Kv => kv(ours, &mut bootstrapped).await,
        }
    };
    let ((), understood) = tokio::join!(server, client);
    assert!(understood > 0, "they talked");
    said.into_inner()
}

fn settings() -> ConnectSettings {
    ConnectSettings::new("frames", "default")
}

/// Opens streams and takes events until the connection makes no sense any more, or no stream is left.
async fn dcp<S>(stream: S, bootstrapped: &mut dyn FnMut()) -> usize
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = Connection::over(stream, &settings()).await.expect("an honest bootstrap");
    let dcp = DcpSettings::new("frames").noop_interval(None);
    let mut client = DcpClient::open(connection, &dcp).await.expect("an honest bootstrap");
    bootstrapped();
    for vb in 0..3 {
        let from = StreamFrom::BEGINNING;
        client.stream(VbId(vb), from, &StreamOptions::up_to(Seqno(8)));
    }
    let beyond = StreamFrom {
        seqno: Seqno(1 << 40),
        uuid: VbUuid(1),
        snap_start: Seqno(1 << 40),
        snap_end: Seqno(1 << 40),
        purge_seqno: None,
    };
    client.stream(VbId(3), beyond, &StreamOptions::default());
    let kept = client.stream(VbId(3), StreamFrom::BEGINNING, &StreamOptions::default());
    client.close_stream(kept);
    let mut events = 0;
    while client.streams() > 0 && client.next_event().await.is_ok() {
        events += 1;
    }
    events
}

/// Asks everything there is to ask until the connection makes no sense any more.
async fn kv<S>(stream: S, bootstrapped: &mut dyn FnMut()) -> usize
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connection = Connection::over(stream, &settings()).await.expect("an honest bootstrap");
    let mut client = KvClient::new(connection).expect("an honest bootstrap");
    bootstrapped();
    let mut understood = 0;
    // A refusal is understood too; what follows it tells whether the connection still is.
    for round in 0..12 {
        let answered = ask(&mut client, round).await;
        understood += usize::from(answered.is_ok());
    }
    understood
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(client: &mut KvClient<S>, n: u32) -> Result<()> {
    let (key, options) = (b"key", WriteOptions::default());
    match n {
        0 => client.set(key, b"value", options).await.map(drop),
        1 => client.get(key).await.map(drop),
        2 => client.get_and_touch(key, 0).await.map(drop),
        3 => client.append(key, b"more", Cas::ZERO).await.map(drop),
        4 => client.stats("vbucket-seqno 1").await.map(drop),
        5 => client.all_vb_seqnos().await.map(drop),
        6 => client.observe_seqno(VbId(0), VbUuid(1)).await.map(drop),
        7 => client.version().await.map(drop),
        8 => client.touch(key, 0).await.map(drop),
        9 => client.delete(key, Cas::ZERO).await.map(drop),
        10 => {
            let all = [("a", "1"), ("b", "2"), ("c", "3")];
            client.set_many(all, options).await.map(drop)
        }
        _ => client.noop().await,
    }
}
