//! Streams everything of 1024 vbuckets with a DCP client from the registry, and prints what it was told.
//!
//!     MILLSTREAM_SERVER=... MILLSTREAM_USER=... MILLSTREAM_PASSWORD=... MILLSTREAM_BUCKET=... interop-dcp-rs <ENDS
//!
//! Standard input has a line for each vbucket that something was written to: its number and its last seqno. The client
//! never ends by itself, so that the program ends when every one of them has come. A line of output for each event:
//! opcode, vbucket, seqno, flags (0 for tombstones), key in hex, value in hex (as text: what is no UTF-8 is replaced).

use dcp_rs::{Config, Dcp, DcpConfig, GroupConfig};
use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::Mutex;
use std::{env, process};

const MUTATION: u8 = 0x57;

/// The last seqno of each vbucket that has not come yet.
static MISSING: Mutex<Option<HashMap<u16, u64>>> = Mutex::new(None);

fn main() {
    let mut missing = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line.expect("text on standard input");
        let (vb, seqno) = line.split_once(' ').expect("a vbucket and a seqno");
        missing.insert(vb.parse().expect("a vbucket"), seqno.parse().expect("a seqno"));
    }
    *MISSING.lock().expect("nobody panicked") = Some(missing);
    let from_environment = |name: &str| env::var(name).expect(name);
    let config = Config {
        hosts: vec![from_environment("MILLSTREAM_SERVER")],
        username: from_environment("MILLSTREAM_USER"),
        password: from_environment("MILLSTREAM_PASSWORD"),
        bucket: from_environment("MILLSTREAM_BUCKET"),
        scope_name: "_default".to_owned(),
        collection_names: vec!["_default".to_owned()],
        dcp: DcpConfig { group: GroupConfig { name: "interop:dcp-rs".to_owned() } },
    };
    let client = Dcp::new(config).expect("the server listens");
    client.add_listener(|event| {
        let (command, vb, value) = shown(&event.to_string(), &event.key);
        let seqno = u64::from_be_bytes(event.extras[..8].try_into().expect("eight bytes"));
        let flags = match command {
            MUTATION => u32::from_be_bytes(event.extras[16..20].try_into().expect("four bytes")),
            _ => 0,
        };
        let (key, value) = (hex(&event.key), hex(value.as_bytes()));
        writeln!(io::stdout().lock(), "{command:#x} {vb} {seqno} {flags} {key} {value}")?;
        let mut missing = MISSING.lock().expect("nobody panicked");
        let missing = missing.as_mut().expect("it was read");
        if missing.get(&vb).is_some_and(|last| *last <= seqno) {
            missing.remove(&vb);
        }
        if missing.is_empty() {
            io::stdout().flush()?;
            process::exit(0);
        }
        Ok(())
    });
    let ended = client.start();
    eprintln!("the client ended by itself: {ended:?}");
    process::exit(1);
}

/// Opcode, vbucket and value, which the client shows and does not hand out.
fn shown(text: &str, key: &[u8]) -> (u8, u16, String) {
    let field = |name: &str| {
        let at = text.find(name).expect(name) + name.len();
        let end = text[at..].find(',').expect("a comma behind it");
        text[at..at + end].parse::<u16>().expect("a number")
    };
    let before = format!("key: {}, value: ", String::from_utf8_lossy(key));
    let at = text.find(&before).expect("key and value") + before.len();
    let value = text[at..].strip_suffix(" }").expect("it ends so");
    let command = u8::try_from(field("command: ")).expect("one byte");
    (command, field("v_bucket: "), value.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
