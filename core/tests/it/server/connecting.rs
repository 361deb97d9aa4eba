//! Setting a connection up: features, logging in, the bucket, the map.

use super::client::{Client, value};
use super::dcp::{Dcp, from_zero};
use super::requests::{get, set};
use super::running::{Running, Wanted};
use bytes::BytesMut;
use millstream::limits::{AUTH_FAILURES_MAX, FRAME_BODY_BYTES_MAX_BEFORE_AUTH};
use millstream::server::{Secret, Server, ServerSettings, User};
use millstream::types::{Opaque, VbId};
use millstream::wire::dcp::{Open, OpenFlags, StreamReq};
use millstream::wire::kv::{
    ConfigVersion, GetClusterConfig, GetErrorMap, Hello, HelloAnswer, Noop, Quit, SaslAuth,
    SaslListMechs, SelectBucket, Stat, Version,
};
use millstream::wire::{Feature, FeatureSet, Opcode, Status};
use serde_json::Value;

/// A server that only one user may enter.
fn guarded() -> Running {
    let mut wanted = Wanted::default();
    wanted.server.users =
        vec![User::new("other", Secret::new("x")), User::new("user", Secret::new("pass word"))];
    wanted.start()
}

fn plain(client: &mut Client, data: &[u8]) -> Status {
    let auth = SaslAuth { first: true, mechanism: b"PLAIN", data };
    client.status(|opaque, out| auth.encode(opaque, out))
}

fn json(text: &[u8]) -> Value {
    serde_json::from_slice(text).expect("JSON")
}

fn select(client: &mut Client, bucket: &[u8]) -> Status {
    client.status(|opaque, out| SelectBucket { bucket }.encode(opaque, out))
}

#[test]
fn only_features_that_are_built_are_granted() {
    let server = Running::start();
    let mut client = server.client();
    let every: FeatureSet = (0..64).map(Feature).collect();
    let hello = Hello { agent: br#"{"a":"test/1","i":"1/2"}"#, features: every };
    let frame = client.ask(|opaque, out| hello.encode(opaque, out));
    let granted = HelloAnswer::parse(&frame).expect("an answer").features;
    let built = [
        Feature::TCP_NODELAY,
        Feature::MUTATION_SEQNO,
        Feature::XATTR,
        Feature::XERROR,
        Feature::SELECT_BUCKET,
        Feature::SNAPPY,
        Feature::JSON,
        Feature::ALT_REQUEST,
        Feature::COLLECTIONS,
        Feature::SNAPPY_EVERYWHERE,
        Feature::PRESERVE_TTL,
        Feature::CLUSTER_CONFIG_WITH_KNOWN_VERSION,
    ];
    assert_eq!(granted, FeatureSet::of(&built));
    let nothing = Hello { agent: b"", features: FeatureSet::EMPTY };
    let frame = client.ask(|opaque, out| nothing.encode(opaque, out));
    assert!(frame.value().is_empty(), "what was granted before is granted no longer");
}

#[test]
fn without_users_nobody_has_to_log_in() {
    let server = Running::start();
    let mut client = server.client();
    client.store(set(0, b"key", b"value"));
    let mechanisms = client.ask(|opaque, out| SaslListMechs.encode(opaque, out));
    assert_eq!(value(&mechanisms), b"SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN");
    assert_eq!(plain(&mut client, b"\0anybody\0anything"), Status::SUCCESS);
    assert_eq!(plain(&mut client, b"no NUL in it"), Status::AUTH_ERROR);
}

#[test]
fn with_users_a_stranger_may_do_little() {
    let server = guarded();
    let mut client = server.client();
    assert_eq!(client.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.status(|o, out| Version.encode(o, out)), Status::SUCCESS);
    let hello = Hello { agent: b"", features: FeatureSet::of(&[Feature::JSON]) };
    assert_eq!(client.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    let map = GetErrorMap { version: 1 };
    assert_eq!(client.status(|o, out| map.encode(o, out)), Status::SUCCESS);
    assert_eq!(client.refused_store(set(0, b"key", b"1")), Status::EACCESS);
    assert_eq!(client.status(|o, out| get(0, b"key").encode(o, out)), Status::EACCESS);
    let config = GetClusterConfig { known: None };
    assert_eq!(client.status(|o, out| config.encode(o, out)), Status::EACCESS);
    assert_eq!(client.status(|o, out| Stat::of(b"").encode(o, out)), Status::EACCESS);
    let open = Open { flags: OpenFlags::PRODUCER, name: b"stranger", value: &[] };
    assert_eq!(client.status(|o, out| open.encode(o, out)), Status::EACCESS);
    assert_eq!(select(&mut client, b"default"), Status::EACCESS);
    assert_eq!(plain(&mut client, b"\0user\0pass word"), Status::SUCCESS);
    client.store(set(0, b"key", b"1"));
}

#[test]
fn the_right_password_is_needed() {
    let server = guarded();
    let wrong: [&[u8]; 8] = [
        b"\0user\0",
        b"\0user\0pass wor",
        b"\0user\0pass word!",
        b"\0user\0Pass word",
        b"\0nobody\0pass word",
        b"\0other\0pass word",
        b"admin\0user\0pass word",
        b"\0user\0pass\0word",
    ];
    for data in wrong {
        let mut client = server.client();
        assert_eq!(plain(&mut client, data), Status::AUTH_ERROR, "{data:?}");
        assert_eq!(client.refused_store(set(0, b"key", b"1")), Status::EACCESS);
        assert_eq!(plain(&mut client, b"\0user\0pass word"), Status::SUCCESS, "it may try again");
    }
    let right: [&[u8]; 2] = [b"user\0user\0pass word", b"\0user\0pass word\0"];
    for data in right {
        assert_eq!(plain(&mut server.client(), data), Status::SUCCESS, "{data:?}");
    }
}

#[test]
fn guessing_ends_the_connection() {
    let server = guarded();
    let mut client = server.client();
    for _ in 0..AUTH_FAILURES_MAX {
        let other = SaslAuth { first: true, mechanism: b"GSSAPI", data: b"n,,n=user,r=1" };
        assert_eq!(client.status(|o, out| other.encode(o, out)), Status::AUTH_ERROR);
        assert_eq!(plain(&mut client, b"\0user\0guess"), Status::AUTH_ERROR);
    }
    client.is_closed();
}

#[test]
fn there_is_no_second_step() {
    let server = guarded();
    let mut client = server.client();
    let step = SaslAuth { first: false, mechanism: b"PLAIN", data: b"" };
    assert_eq!(client.status(|o, out| step.encode(o, out)), Status::EINVAL);
}

#[test]
fn a_stranger_may_send_little() {
    let server = guarded();
    let value = vec![0; FRAME_BODY_BYTES_MAX_BEFORE_AUTH];
    let mut stranger = server.client();
    assert_eq!(stranger.refused_store(set(0, b"key", &value)), Status::E2BIG);
    stranger.is_closed();
    // The limit goes with the login, also for what was sent in one go with it.
    let mut client = server.client();
    let mut out = BytesMut::new();
    let login = SaslAuth { first: true, mechanism: b"PLAIN", data: b"\0user\0pass word" };
    login.encode(Opaque(1), &mut out);
    set(0, b"key", &value).encode(Opaque(2), &mut out);
    client.send(&out);
    for opaque in [1, 2] {
        let frame = client.next();
        assert_eq!((frame.opaque(), frame.status()), (Opaque(opaque), Status::SUCCESS));
    }
}

/// A bucket that does not exist was told apart from one that may not be seen (01): to clients that is another fault
/// than the one that they expect, and they go on trying.
#[test]
fn another_bucket_may_not_be_accessed() {
    let mut wanted = Wanted::default();
    wanted.server.bucket = "travel".to_owned();
    let server = wanted.start();
    let mut client = server.client();
    let named = |client: &mut Client| {
        let config = GetClusterConfig { known: None };
        json(&value(&client.ask(|o, out| config.encode(o, out))))["name"].clone()
    };
    assert_eq!(select(&mut client, b"default"), Status::EACCESS);
    assert_eq!(named(&mut client), Value::Null);
    assert_eq!(select(&mut client, b"travel"), Status::SUCCESS);
    assert_eq!(select(&mut client, b"Travel"), Status::EACCESS);
    assert_eq!(named(&mut client), "travel", "what was refused changed nothing");
    assert_eq!(select(&mut client, b"@no bucket@"), Status::SUCCESS);
    assert_eq!(named(&mut client), Value::Null, "it let go of the bucket");
}

/// Whoever it is, and however long the name: the answer does not say which buckets there are.
#[test]
fn a_bucket_is_hidden_from_users_too() {
    let server = guarded();
    let mut client = server.client();
    assert_eq!(plain(&mut client, b"\0user\0pass word"), Status::SUCCESS);
    for bucket in [&b"other"[..], b"default ", b"*", &[b'x'; 1023]] {
        assert_eq!(select(&mut client, bucket), Status::EACCESS);
    }
    for bucket in [&b""[..], &[b'x'; 1024]] {
        assert_eq!(select(&mut client, bucket), Status::EINVAL, "not a name");
    }
    assert_eq!(select(&mut client, b"default"), Status::SUCCESS);
}

#[test]
fn the_map_is_that_of_one_node() {
    let server = Running::start();
    let mut client = server.client();
    let ask = |client: &mut Client, known| {
        let request = GetClusterConfig { known };
        value(&client.ask(|opaque, out| request.encode(opaque, out)))
    };
    let global = json(&ask(&mut client, None));
    assert_eq!(global["nodesExt"][0]["services"]["kv"], server.address.port());
    assert_eq!(global["nodesExt"][0]["services"]["mgmt"], 8091);
    assert_eq!(global["vBucketServerMap"], Value::Null, "no bucket is selected");
    assert_eq!(select(&mut client, b"default"), Status::SUCCESS);
    let bucket = json(&ask(&mut client, None));
    assert_eq!(bucket["name"], "default");
    assert_eq!(bucket["nodeLocator"], "vbucket");
    assert_eq!((&bucket["rev"], &bucket["revEpoch"]), (&global["rev"], &1.into()));
    let uuid = bucket["uuid"].as_str().expect("the bucket has one");
    assert!(uuid.len() == 32 && uuid.chars().all(|c| c.is_ascii_hexdigit()), "{uuid}");
    assert_eq!(uuid, format!("{:032x}", server.engine.identity()));
    let map = bucket["vBucketServerMap"]["vBucketMap"].as_array().expect("a map");
    assert_eq!(map.len(), 16);
    assert!(map.iter().all(|row| row[0] == 0));
    let revision = bucket["rev"].as_u64().expect("a number");
    let known = Some(ConfigVersion { epoch: 1, revision });
    assert!(!ask(&mut client, known).is_empty(), "the feature was not granted");
    let feature = FeatureSet::of(&[Feature::CLUSTER_CONFIG_WITH_KNOWN_VERSION]);
    let hello = Hello { agent: b"", features: feature };
    assert_eq!(client.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    assert!(ask(&mut client, known).is_empty(), "it is the same as before");
    let older = Some(ConfigVersion { epoch: 0, revision: 7 });
    assert!(!ask(&mut client, older).is_empty());
}

#[test]
fn statuses_are_explained() {
    let server = Running::start();
    let mut client = server.client();
    for (asked, got) in [(1, 1), (2, 2), (u16::MAX, 2)] {
        let request = GetErrorMap { version: asked };
        let map = json(&value(&client.ask(|opaque, out| request.encode(opaque, out))));
        assert_eq!(map["version"], got);
        assert_eq!(map["errors"]["23"]["name"], "ROLLBACK");
        for status in Status::ALL {
            let error = &map["errors"][format!("{:x}", status.0)];
            assert!(error["desc"].is_string() && error["attrs"].is_array(), "{status}");
        }
    }
    let none = GetErrorMap { version: 0 };
    assert_eq!(client.status(|o, out| none.encode(o, out)), Status::EINVAL);
}

#[test]
fn the_version_reads_as_one_that_clients_know() {
    let server = Running::start();
    let version = value(&server.client().ask(|opaque, out| Version.encode(opaque, out)));
    let version = String::from_utf8(version).expect("text");
    let major = version.split('.').next().and_then(|major| major.parse().ok());
    assert!(major >= Some(7), "{version}");
    assert!(version.contains("millstream"), "{version}");
}

#[test]
fn quit_ends_the_connection_after_its_answer() {
    let server = Running::start();
    let mut client = server.client();
    let mut out = BytesMut::new();
    Noop.encode(Opaque(1), &mut out);
    Quit { quiet: false }.encode(Opaque(2), &mut out);
    Noop.encode(Opaque(3), &mut out);
    client.send(&out);
    let told: Vec<_> = (0..2).map(|_| client.next()).map(|f| (f.opcode(), f.status())).collect();
    assert_eq!(told, [(Opcode::NOOP, Status::SUCCESS), (Opcode::QUIT, Status::SUCCESS)]);
    client.is_closed();
    let mut client = server.client();
    client.request(|opaque, out| Quit { quiet: true }.encode(opaque, out));
    client.is_closed();
}

#[test]
fn a_dcp_connection_stays_with_user_and_bucket() {
    let server = Running::start();
    let mut dcp = Dcp::open(&server, "stays");
    assert_eq!(select(&mut dcp, b"default"), Status::NOT_SUPPORTED);
    assert_eq!(plain(&mut dcp, b"\0user\0pass word"), Status::NOT_SUPPORTED);
    let hello = Hello { agent: b"", features: FeatureSet::of(&[Feature::JSON]) };
    assert_eq!(dcp.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    assert_eq!(dcp.status(|o, out| Noop.encode(o, out)), Status::SUCCESS);
}

#[test]
fn collections_may_be_agreed_on_after_a_connection_was_opened() {
    let server = Running::start();
    server.client().store(set(0, b"key", b"value"));
    let mut dcp = Dcp::open(&server, "late");
    dcp.control("enable_noop", "true");
    // As one client writes it.
    let all = StreamReq { value: br#"{"collections" : ["0"]}"#, ..from_zero(0) };
    assert_eq!(dcp.status(|o, out| all.encode(o, out)), Status::EINVAL, "not agreed on yet");
    let hello = Hello { agent: b"", features: FeatureSet::of(&[Feature::COLLECTIONS]) };
    assert_eq!(dcp.status(|o, out| hello.encode(o, out)), Status::SUCCESS);
    assert_eq!(dcp.status(|o, out| all.encode(o, out)), Status::SUCCESS);
    assert_eq!(dcp.client_next().opcode(), Opcode::DCP_SNAPSHOT_MARKER);
    let mutation = dcp.client_next();
    assert_eq!((mutation.opcode(), mutation.key()), (Opcode::DCP_MUTATION, &b"\0key"[..]));
}

#[test]
fn a_client_that_goes_away_half_way_takes_its_answers() {
    let server = Running::start();
    let mut client = server.client();
    let mut out = BytesMut::new();
    set(0, b"key", b"value").encode(Opaque(1), &mut out);
    get(0, b"key").encode(Opaque(2), &mut out);
    let whole = out.len();
    Noop.encode(Opaque(3), &mut out);
    client.send(&out[..whole + 10]);
    client.socket.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert_eq!(client.next().opaque(), Opaque(1));
    assert_eq!(client.next().value(), b"value");
    client.is_closed();
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let server = Running::start();
    let with = |change: fn(&mut ServerSettings)| {
        let mut settings = ServerSettings::default();
        settings.listen = "127.0.0.1:0".parse().expect("an address");
        change(&mut settings);
        Server::bind(server.engine.clone(), settings).err().map(|error| error.to_string())
    };
    assert_eq!(with(|_| {}), None);
    assert!(with(|s| s.bucket.clear()).expect("refused").contains("bucket"));
    assert!(with(|s| s.bucket = "b".repeat(101)).expect("refused").contains("bucket"));
    assert!(with(|s| s.management_port = 0).expect("refused").contains("management"));
    assert!(
        with(|s| s.users = vec![User::new("", Secret::new(""))]).expect("refused").contains("user")
    );
    let mut taken = ServerSettings::default();
    taken.listen = server.address;
    let error = Server::bind(server.engine.clone(), taken).expect_err("it is in use").to_string();
    assert!(error.contains(&format!("cannot listen on {}", server.address)), "{error}");
}

#[test]
fn the_newest_connection_of_a_name_stays() {
    let server = Running::start();
    let mut older = Dcp::open(&server, "name");
    older.stream(&super::dcp::from_zero(1));
    let mut newer = Dcp::open(&server, "name");
    newer.stream(&super::dcp::from_zero(1));
    older.is_closed();
    server.client().store(set(1, b"key", b"value"));
    assert_eq!(newer.documents(1.into()).len(), 1);
    assert!(server.engine.vbucket(VbId(1)).is_some());
}
