use super::server::{Server, bootstrap, reply, serve};
use super::{HOST, connect, settings};
use crate::client::{ConnectSettings, Connection, Credentials, KvClient, status_of};
use crate::error::{Error, ErrorKind};
use crate::wire::{Feature, FeatureSet, Frame, Opcode, Status, kv};
use bytes::BytesMut;
use core::time::Duration;
use std::sync::mpsc;

fn text(error: &Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn each_step_is_taken_in_order() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        tell.send(frame.clone()).unwrap();
        bootstrap(frame, out)
    };
    let settings = settings().credentials("user", "secret");
    let connection = connect(1 << 16, &settings, server).await.unwrap();
    let seen: Vec<Frame> = told.try_iter().collect();
    let steps: Vec<_> = seen.iter().map(|frame| frame.opcode().0).collect();
    assert_eq!(steps, [0x1f, 0xfe, 0x21, 0x89, 0xb5]);
    let hello = kv::Hello::parse(&seen[0]).unwrap();
    assert_eq!(hello.features, ConnectSettings::FEATURES);
    assert!(hello.agent.starts_with(b"millstream/"));
    let auth = kv::SaslAuth::parse(&seen[2]).unwrap();
    assert_eq!((auth.mechanism, auth.data), (b"PLAIN".as_slice(), b"\0user\0secret".as_slice()));
    assert_eq!(kv::SelectBucket::parse(&seen[3]).unwrap().bucket, b"default");
    assert_eq!((connection.vbuckets().unwrap(), connection.peer()), (4, HOST));
    assert_eq!(connection.config()["rev"], 1);
    // What was not asked for is not taken, even if the server grants it.
    assert_eq!(connection.features(), ConnectSettings::FEATURES);
}

#[tokio::test]
async fn without_credentials_and_bucket_their_steps_are_left_out() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        tell.send(frame.opcode().0).unwrap();
        bootstrap(frame, out)
    };
    let settings = ConnectSettings { bucket: None, ..settings() };
    let connection = connect(1 << 16, &settings, server).await.unwrap();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [0x1f, 0xfe]);
    let error = connection.vbuckets().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(KvClient::new(connection).is_err());
}

/// A server that refuses one step.
fn refusing(step: Opcode, status: Status) -> impl Server {
    move |frame: &Frame, out: &mut BytesMut| {
        if frame.opcode() == step {
            reply(frame, status, b"no", out);
            return true;
        }
        bootstrap(frame, out)
    }
}

#[tokio::test]
async fn a_refusal_names_host_step_and_status() {
    let settings = settings().credentials("user", "secret");
    for (step, status, kind) in [
        (Opcode::HELLO, Status::EINVAL, ErrorKind::Misuse),
        (Opcode::SASL_AUTH, Status::AUTH_ERROR, ErrorKind::Misuse),
        (Opcode::SELECT_BUCKET, Status::KEY_ENOENT, ErrorKind::Misuse),
        (Opcode::SELECT_BUCKET, Status::EACCESS, ErrorKind::Misuse),
        (Opcode::GET_CLUSTER_CONFIG, Status::ETMPFAIL, ErrorKind::Retry),
        (Opcode::GET_CLUSTER_CONFIG, Status::EINTERNAL, ErrorKind::Unavailable),
    ] {
        let error = connect(1 << 16, &settings, refusing(step, status)).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(status_of(&error), Some(status));
        assert_eq!(text(&error), format!("{HOST}: {step} was refused with {status}"));
    }
}

#[tokio::test]
async fn a_map_without_vbuckets_is_refused() {
    for (map, what) in [
        (r#"{"rev":1}"#, "the cluster's map says nothing about vbuckets"),
        (
            r#"{"vBucketServerMap":{"vBucketMap":[]}}"#,
            "the cluster's map says nothing about vbuckets",
        ),
        ("{", "the cluster's map is not JSON: EOF while parsing an object at line 1 column 1"),
    ] {
        let server = move |frame: &Frame, out: &mut BytesMut| {
            if frame.opcode() == Opcode::GET_CLUSTER_CONFIG {
                reply(frame, Status::SUCCESS, map.as_bytes(), out);
                return true;
            }
            bootstrap(frame, out)
        };
        let error = connect(1 << 16, &settings(), server).await.unwrap_err();
        assert_eq!((error.kind(), text(&error)), (ErrorKind::Peer, format!("{HOST}: {what}")));
    }
}

#[tokio::test]
async fn a_server_that_goes_away_or_says_nothing_is_named_with_the_step() {
    let gone = |frame: &Frame, out: &mut BytesMut| {
        bootstrap(frame, out);
        frame.opcode() != Opcode::GET_ERROR_MAP
    };
    let error = connect(1 << 16, &settings(), gone).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(text(&error), format!("{HOST} closed the connection during SELECT_BUCKET"));

    let silent = |_: &Frame, _: &mut BytesMut| true;
    let impatient = settings().timeout(Duration::ZERO);
    let error = connect(1 << 16, &impatient, silent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(text(&error), format!("{HOST}: HELLO: timed out"));
}

#[tokio::test]
async fn what_is_not_the_protocol_is_named() {
    let http = |_: &Frame, out: &mut BytesMut| {
        out.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        true
    };
    let error = connect(1 << 16, &settings(), http).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Peer);
    let expected = "sent a malformed message during HELLO: 0x48 is not the first byte of a message";
    assert_eq!(text(&error), format!("{HOST} {expected}"));
}

#[tokio::test]
async fn pushes_and_answers_of_others_are_passed_over() {
    let server = |frame: &Frame, out: &mut BytesMut| {
        let opaque = frame.opaque();
        // A push of the server, and an answer to something older, both in front of the answer.
        let push = crate::wire::Header {
            magic: crate::wire::Magic::SERVER_REQUEST,
            opcode: Opcode(1),
            body_len: 0,
            key_len: 0,
            extras_len: 0,
            ..*frame.header()
        };
        out.extend_from_slice(&push.to_bytes());
        let older = crate::types::Opaque(opaque.get().wrapping_sub(1));
        let header = crate::wire::Header { opaque: older, ..*frame.header() };
        crate::wire::Response::to(&header, Status::EINTERNAL).encode(out);
        bootstrap(frame, out)
    };
    assert_eq!(connect(1 << 16, &settings(), server).await.unwrap().vbuckets().unwrap(), 4);
}

#[tokio::test]
async fn any_pipe_will_do() {
    for pipe in [1, 2, 23, 24, 25, 100] {
        assert!(connect(pipe, &settings(), bootstrap).await.is_ok(), "{pipe}");
    }
}

#[tokio::test]
async fn over_tcp() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let accept = tokio::spawn(async move {
        let (mut theirs, _) = listener.accept().await.unwrap();
        let (mut near, far) = tokio::io::duplex(1 << 16);
        serve(far, bootstrap);
        // The client may have gone by the time the copy ends.
        let _ = tokio::io::copy_bidirectional(&mut theirs, &mut near).await;
    });
    let connection = Connection::connect(&ConnectSettings::new(&address, "default")).await.unwrap();
    assert_eq!(connection.peer(), address);
    drop(connection);
    accept.await.unwrap();
    // Nobody listens there any more.
    let error = Connection::connect(&ConnectSettings::new(&address, "default")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(text(&error).starts_with(&format!("{address}: connecting failed: ")), "{error}");
}

#[tokio::test]
async fn a_connection_with_collections_puts_the_default_one_in_front_of_keys() {
    let (tell, told) = mpsc::channel();
    let server = move |frame: &Frame, out: &mut BytesMut| {
        if !bootstrap(frame, out) {
            tell.send((frame.key().to_vec(), frame.vbucket())).unwrap();
            reply(frame, Status::KEY_ENOENT, b"", out);
        }
        true
    };
    let settings = settings().features(FeatureSet::of(&[Feature::COLLECTIONS]));
    let mut client = KvClient::new(connect(1 << 16, &settings, server).await.unwrap()).unwrap();
    assert_eq!(client.get(b"foo").await.unwrap(), None);
    let vb = crate::wire::vbucket_of(b"foo", 4);
    assert_eq!(told.try_recv().unwrap(), (b"\0foo".to_vec(), vb));
}

#[test]
fn a_password_is_not_shown() {
    let credentials = Credentials { user: "me".into(), password: "secret".into() };
    let shown = format!("{credentials:?} {:?}", settings().credentials("me", "secret"));
    assert!(shown.contains("me") && !shown.contains("secret"), "{shown}");
}
