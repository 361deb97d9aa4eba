use super::server::{Server, bootstrap, reply};
use super::{HOST, connect, settings};
use crate::client::{DcpClient, DcpSettings, Priority, StreamOptions, status_of};
use crate::error::{ErrorKind, Result};
use crate::types::{Seqno, Sid};
use crate::wire::dcp::{Control, Open, OpenFlags};
use crate::wire::{CollectionId, Frame, Opcode, Status};
use bytes::BytesMut;
use core::time::Duration;
use std::sync::mpsc;
use tokio::io::DuplexStream;

async fn open(dcp: &DcpSettings, server: impl Server) -> Result<DcpClient<DuplexStream>> {
    DcpClient::open(connect(1 << 16, &settings(), server).await.unwrap(), dcp).await
}

#[tokio::test]
async fn settings_become_controls() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        if !bootstrap(frame, out) {
            tell.send(frame.clone()).unwrap();
            reply(frame, Status::SUCCESS, b"", out);
        }
        true
    };
    let dcp = DcpSettings::new("tail:1")
        .flags(OpenFlags::INCLUDE_DELETE_TIMES | OpenFlags::INCLUDE_XATTRS)
        .buffer_bytes(4096)
        .noop_interval(Some(Duration::from_millis(1500)))
        .priority(Priority::High)
        .stream_ids(true)
        .control("backfill_order", "sequential");
    open(&dcp, server).await.unwrap();
    let seen: Vec<Frame> = told.try_iter().collect();
    let first = Open::parse(&seen[0]).unwrap();
    assert_eq!((first.name, first.flags), (b"tail:1".as_slice(), OpenFlags(0x25)));
    let controls: Vec<_> = seen[1..]
        .iter()
        .map(|frame| {
            let Control { key, value } = Control::parse(frame).unwrap();
            [key, value].map(|text| String::from_utf8_lossy(text).into_owned()).join("=")
        })
        .collect();
    let expected = [
        "enable_noop=true",
        "set_noop_interval=1.5",
        "set_priority=high",
        "enable_expiry_opcode=true",
        "enable_stream_id=true",
        "send_stream_end_on_client_close_stream=true",
        "backfill_order=sequential",
        "connection_buffer_size=4096",
    ];
    assert_eq!(controls, expected);
}

#[tokio::test]
async fn what_is_switched_off_is_not_said() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        if !bootstrap(frame, out) {
            tell.send(frame.key().to_vec()).unwrap();
            reply(frame, Status::SUCCESS, b"", out);
        }
        true
    };
    let plain = DcpSettings::new("n").flags(OpenFlags::NONE).buffer_bytes(0).noop_interval(None);
    open(&DcpSettings { end_on_close: false, ..plain }, server).await.unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [b"n".to_vec(), b"set_priority".to_vec()]);
}

/// A server that refuses this command, or the control of this name.
fn refusing(what: &'static str, status: Status) -> impl Server {
    move |frame: &Frame, out: &mut BytesMut| {
        if !bootstrap(frame, out) {
            let named = frame.opcode().name() == Some(what) || frame.key() == what.as_bytes();
            reply(frame, if named { status } else { Status::SUCCESS }, b"", out);
        }
        true
    }
}

#[tokio::test]
async fn a_refused_setting_is_named_unless_it_may_be() {
    let dcp = DcpSettings::new("n");
    let error = open(&dcp, refusing("DCP_OPEN", Status::NOT_SUPPORTED)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{HOST}: DCP_OPEN was refused with 0x83 (not supported)")
    );
    let error = open(&dcp, refusing("enable_noop", Status::EINVAL)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert_eq!(status_of(&error), Some(Status::EINVAL));
    let expected = "DCP_CONTROL was refused with 0x04 (invalid request)";
    assert_eq!(error.to_string(), format!("setting enable_noop: {HOST}: {expected}"));
    for may_be in ["set_priority", "send_stream_end_on_client_close_stream"] {
        assert!(open(&dcp, refusing(may_be, Status::EINVAL)).await.is_ok(), "{may_be}");
    }
}

#[tokio::test]
async fn options_become_the_value_of_the_request() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        match frame.opcode() {
            Opcode::DCP_OPEN => reply(frame, Status::SUCCESS, b"", out),
            Opcode::DCP_STREAM_REQ => {
                tell.send(String::from_utf8_lossy(frame.value()).into_owned()).unwrap();
                reply(frame, Status::EINVAL, b"", out);
            }
            _ if bootstrap(frame, out) => {}
            _ => reply(frame, Status::EINVAL, b"", out),
        }
        true
    };
    // Everything else is refused, so nothing that must be accepted may be asked for.
    let dcp = DcpSettings::new("n").flags(OpenFlags::NONE).buffer_bytes(0).noop_interval(None);
    let mut client = open(&dcp, server).await.unwrap();
    let plain = StreamOptions::default();
    let collections = vec![CollectionId(0), CollectionId(0x1f)];
    let purge_seqno = Some(Seqno(77));
    let full = StreamOptions { sid: Some(Sid(5)), collections, purge_seqno, ..plain.clone() };
    let scope = StreamOptions { scope: Some(8), ..plain.clone() };
    let mut values = Vec::new();
    for options in [plain, full, scope] {
        client.stream(crate::types::VbId(1), crate::client::StreamFrom::BEGINNING, &options);
        client.next_event().await.unwrap();
        values.push(told.try_recv().unwrap());
    }
    let expected =
        ["", r#"{"collections":["0","1f"],"purge_seqno":"77","sid":5}"#, r#"{"scope":"8"}"#];
    assert_eq!(values, expected);
}
