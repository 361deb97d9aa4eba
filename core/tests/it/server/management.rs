//! The management endpoints: what clients ask for over HTTP, with raw requests.

use super::running::{Running, Wanted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use millstream::server::{Secret, User};
use millstream::types::{VbId, VbState};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(super) fn start(users: Vec<User>) -> Running {
    let mut wanted = Wanted::default();
    wanted.server.http_listen = Some("127.0.0.1:0".parse().expect("an address"));
    wanted.server.users = users;
    wanted.start()
}

/// Sends a request; nothing is read yet.
pub(super) fn request(server: &Running, line: &str, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.http.expect("it is served")).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let text = format!("{line} HTTP/1.1\r\n{headers}\r\n");
    socket.write_all(text.as_bytes()).expect("it is open");
    socket
}

/// The status and the body of a request that is the connection's last.
fn ask(server: &Running, line: &str, headers: &str) -> (u16, Vec<u8>) {
    let headers = format!("Host: node.example:1\r\nConnection: close\r\n{headers}");
    let mut answer = Vec::new();
    request(server, line, &headers).read_to_end(&mut answer).expect("an answer");
    let at = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..at].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), answer[at + 4..].to_vec())
}

pub(super) fn document(server: &Running, path: &str) -> Value {
    let (status, body) = ask(server, &format!("GET {path}"), "");
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn each_path_tells_what_clients_read_there() {
    let server = start(Vec::new());
    server.client().store(super::requests::set(3, b"key", b"value"));
    let (kv, http) = (server.address.port(), server.http.expect("it is served").port());
    let version = document(&server, "/pools")["implementationVersion"].clone();
    assert!(version.as_str().expect("text").starts_with("7.6.0-"), "{version}");
    assert_eq!(document(&server, "/versions")["implementationVersion"], version);
    let node = &document(&server, "/pools/default")["nodes"][0];
    assert_eq!(node["hostname"], format!("node.example:{http}"));
    assert_eq!(node["ports"]["direct"], kv);
    assert_eq!(document(&server, "/nodes/self")["version"], version);
    let services = document(&server, "/pools/default/nodeServices");
    assert_eq!(services["nodesExt"][0]["services"]["kv"], kv);
    assert_eq!(services["nodesExt"][0]["services"]["mgmt"], http, "the port that answers");
    let buckets = document(&server, "/pools/default/buckets");
    assert_eq!(buckets[0], document(&server, "/pools/default/buckets/default"));
    assert_eq!(buckets[0]["bucketType"], "membase");
    assert_eq!(buckets[0]["basicStats"]["itemCount"], 1);
    let map = &buckets[0]["vBucketServerMap"];
    assert_eq!(map["serverList"][0], format!("node.example:{kv}"));
    assert_eq!(map["vBucketMap"].as_array().map(Vec::len), Some(16));
    let terse = document(&server, "/pools/default/b/default");
    assert_eq!(terse["name"], "default");
    assert_eq!(
        terse["rev"],
        document(&server, "/pools/default/b/default")["rev"],
        "nothing changed"
    );
    assert_eq!(terse["vBucketServerMap"]["serverList"][0], format!("node.example:{kv}"));
    assert_eq!(document(&server, "/whoami")["id"], "anybody");
}

/// What tools that copy a bucket ask for to tell how far they are: the last entry of the node's list, under the name
/// that the node has in the bucket.
#[test]
fn counts_are_told_as_samples_of_the_node() {
    let server = start(Vec::new());
    let mut client = server.client();
    for vb in 0..5 {
        client.store(super::requests::set(vb, b"key", b"value"));
    }
    server.engine.set_vbucket_state(VbId(0), VbState::Replica).expect("it exists");
    let bucket = document(&server, "/pools/default/buckets/default");
    let basic = &bucket["basicStats"];
    assert_eq!((&basic["itemCount"], &basic["vbActiveNumNonResident"]), (&4.into(), &0.into()));
    let used = basic["quotaPercentUsed"].as_f64().expect("a number");
    assert!(0.0 < used && used < 100.0, "{basic}");
    assert!(basic["memUsed"].as_u64() > Some(0), "{basic}");
    let node = bucket["nodes"][0]["hostname"].as_str().expect("a name");
    let sample = |name: &str| {
        let path = format!("/pools/default/buckets/default/stats/{name}");
        let told = document(&server, &path);
        assert_eq!(told["timestamp"].as_array().map(Vec::len), Some(1), "{told}");
        told["nodeStats"][node].as_array().and_then(|list| list.last().cloned()).expect("one")
    };
    assert_eq!(sample("curr_items"), 4);
    assert_eq!(sample("curr_items_tot"), 5);
    assert_eq!(sample("vb_replica_curr_items"), 1);
    assert_eq!(sample("vb_active_resident_items_ratio"), 100.0);
    for path in ["default/stats/nothing", "other/stats/curr_items", "default/stats"] {
        let line = format!("GET /pools/default/buckets/{path}");
        assert_eq!(ask(&server, &line, "").0, 404, "{path}");
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let server = start(Vec::new());
    for path in
        ["/", "/pools/default/buckets/other", "/pools/default/bs/other", "/query", "/a/b/c/d"]
    {
        assert_eq!(ask(&server, &format!("GET {path}"), "").0, 404, "{path}");
    }
    assert_eq!(ask(&server, "DELETE /pools/default/buckets/default", "").0, 405);
    assert_eq!(ask(&server, "GET", "").0, 400);
}

#[test]
fn the_users_are_those_of_the_other_port() {
    let server = start(vec![User::new("user", Secret::new("pass:word"))]);
    let with = |credentials: &str| {
        let header = format!("Authorization: Basic {}\r\n", BASE64.encode(credentials));
        ask(&server, "GET /whoami", &header)
    };
    assert_eq!(ask(&server, "GET /whoami", "").0, 401);
    assert_eq!(ask(&server, "GET /nowhere", "").0, 401, "a stranger learns no paths");
    for wrong in ["user:pass", "user:pass:wor", "other:pass:word", "user", ":", ""] {
        assert_eq!(with(wrong).0, 401, "{wrong}");
    }
    assert_eq!(ask(&server, "GET /whoami", "Authorization: Basic \u{7f}%\r\n").0, 400);
    assert_eq!(ask(&server, "GET /whoami", "Authorization: Bearer x\r\n").0, 401);
    let (status, body) = with("user:pass:word");
    assert_eq!(status, 200);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["id"], "user");
}

#[test]
fn a_stream_of_maps_stays_open_until_the_server_stops() {
    for path in ["/pools/default/bs/default", "/pools/default/bucketsStreaming/default"] {
        let mut server = start(Vec::new());
        let mut socket = request(&server, &format!("GET {path}"), "Host: [::1]:8091\r\n");
        let mut got = Vec::new();
        while !got.windows(4).any(|four| four == b"\n\n\n\n") {
            let mut chunk = [0; 4096];
            let n = socket.read(&mut chunk).expect("the first map");
            assert_ne!(n, 0, "it stays open");
            got.extend_from_slice(&chunk[..n]);
        }
        let text = String::from_utf8(got).expect("text");
        let address = format!("[::1]:{}", server.address.port());
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains(&address), "{text}");
        server.stop();
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).expect("the end");
        assert!(rest.ends_with(b"0\r\n\r\n"), "the answer is whole: {rest:?}");
    }
}

/// Sends a form and returns the status and the body.
pub(super) fn send_form(server: &Running, line: &str, headers: &str, form: &str) -> (u16, Value) {
    let length = form.len();
    let kind = "application/x-www-form-urlencoded";
    let headers = format!(
        "Host: node.example:1\r\nConnection: close\r\nContent-Type: {kind}\r\n\
         Content-Length: {length}\r\n{headers}"
    );
    let mut socket = request(server, line, &headers);
    socket.write_all(form.as_bytes()).expect("it is open");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.expect("a status"), serde_json::from_str(body).expect("JSON"))
}

#[test]
fn scopes_and_collections_are_made_and_dropped() {
    let server = start(Vec::new());
    let path = "/pools/default/buckets/default/scopes";
    let made = |uid: &str| (200, serde_json::json!({ "uid": uid }));
    let post = |path: &str, form: &str| send_form(&server, &format!("POST {path}"), "", form);
    assert_eq!(post(path, "name=inventory"), made("1"));
    let collections = format!("{path}/inventory/collections");
    assert_eq!(post(&collections, "name=hotels&maxTTL=60"), made("2"));
    assert_eq!(post(&collections, "name=my%2Dflights"), made("3"));
    let manifest = document(&server, path);
    assert_eq!(manifest["uid"], "3");
    assert_eq!(manifest["scopes"][1]["collections"][0]["maxTTL"], 60);
    assert_eq!(manifest["scopes"][1]["collections"][1]["name"], "my-flights");
    let hotels = format!("{collections}/hotels");
    let patch = |path: &str, form: &str| send_form(&server, &format!("PATCH {path}"), "", form);
    let drop = |path: &str| send_form(&server, &format!("DELETE {path}"), "", "");
    // SDKs look for these words.
    for ((status, body), expected, words) in [
        (post(path, "name=inventory"), 400, r#"Scope with name "inventory" already exists"#),
        (
            post(&collections, "name=hotels"),
            400,
            r#"Collection with name "hotels" in scope "inventory" already exists"#,
        ),
        (
            post(&format!("{path}/none/collections"), "name=x"),
            404,
            r#"Scope with name "none" is not found"#,
        ),
        (drop(&format!("{path}/none")), 404, r#"Scope with name "none" is not found"#),
        (
            drop(&format!("{collections}/none")),
            404,
            r#"Collection with name "none" in scope "inventory" is not found"#,
        ),
        (
            patch(&format!("{collections}/none"), "maxTTL=1"),
            404,
            r#"Collection with name "none" in scope "inventory" is not found"#,
        ),
    ] {
        assert_eq!((status, &body["errors"]["_"]), (expected, &serde_json::json!(words)));
        assert_eq!(body["message"], words);
    }
    for (path, form) in [
        (path, ""),
        (path, "name=_x"),
        (path, "name=x&colour=red"),
        (&*collections, "name=x&history=true"),
        (&*collections, "name=x&maxTTL=soon"),
        (&*collections, &format!("name={}", "x".repeat(20_000))),
    ] {
        assert_eq!(post(path, form).0, 400, "{path} {form:.40}");
    }
    assert_eq!(patch(&hotels, "maxTTL=90"), made("4"));
    assert_eq!(document(&server, path)["scopes"][1]["collections"][0]["maxTTL"], 90);
    for (path, form) in
        [(&*hotels, ""), (&*hotels, "maxTTL=-2"), (&*hotels, "maxTTL=1&history=true")]
    {
        assert_eq!(patch(path, form).0, 400, "{path} {form}");
    }
    assert_eq!(patch(&hotels, "maxTTL=-1"), made("5"), "it never expires");
    assert_eq!(document(&server, path)["scopes"][1]["collections"][0]["maxTTL"].as_u64(), None);
    assert_eq!(drop(&hotels), made("6"));
    assert_eq!(drop(&hotels).0, 404);
    assert_eq!(drop(&format!("{path}/inventory")), made("7"));
    assert_eq!(drop(&format!("{path}/_default")).0, 400);
    assert_eq!(server.engine.manifest().collections().len(), 1);
    assert_eq!(post("/pools/default/buckets/other/scopes", "name=x").0, 405);
}

#[test]
fn a_stranger_changes_nothing() {
    let server = start(vec![User::new("somebody", Secret::new("right"))]);
    let path = "POST /pools/default/buckets/default/scopes";
    assert_eq!(send_form(&server, path, "", "name=x").0, 401);
    let wrong = format!("Authorization: Basic {}\r\n", BASE64.encode("somebody:wrong"));
    assert_eq!(send_form(&server, path, &wrong, "name=x").0, 401);
    assert_eq!(server.engine.manifest().scopes().len(), 1);
    let right = format!("Authorization: Basic {}\r\n", BASE64.encode("somebody:right"));
    assert_eq!(send_form(&server, path, &right, "name=x").0, 200);
}
