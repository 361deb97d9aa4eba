//! SCRAM over a socket: the right password, the wrong one, and messages that are not this login's.

use super::client::Client;
use super::requests::set;
use super::running::{Running, Wanted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use millstream::limits::AUTH_FAILURES_MAX;
use millstream::server::{Secret, User};
use millstream::types::Opaque;
use millstream::wire::kv::{GetClusterConfig, Hello, SaslAuth, SaslListMechs, SelectBucket};
use millstream::wire::{Feature, FeatureSet, Frame, Status};
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

struct Hash {
    mechanism: &'static str,
    hmac: hmac::Algorithm,
    digest: &'static digest::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

fn hashes() -> [Hash; 3] {
    [
        Hash {
            mechanism: "SCRAM-SHA512",
            hmac: hmac::HMAC_SHA512,
            digest: &digest::SHA512,
            pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512,
        },
        Hash {
            mechanism: "SCRAM-SHA256",
            hmac: hmac::HMAC_SHA256,
            digest: &digest::SHA256,
            pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256,
        },
        Hash {
            mechanism: "SCRAM-SHA1",
            hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
            pbkdf2: pbkdf2::PBKDF2_HMAC_SHA1,
        },
    ]
}

impl Hash {
    fn step(&self, client: &mut Client, first: bool, data: &str) -> Frame {
        let mechanism = self.mechanism.as_bytes();
        let step = SaslAuth { first, mechanism, data: data.as_bytes() };
        client.ask(|opaque, out| step.encode(opaque, out))
    }

    /// Begins a login, and takes the server's nonce, salt and iterations.
    fn begin(&self, client: &mut Client, user: &str, nonce: &str) -> String {
        let frame = self.step(client, true, &format!("n,,n={user},r={nonce}"));
        assert_eq!(frame.status(), Status::AUTH_CONTINUE);
        String::from_utf8(frame.value().to_vec()).expect("text")
    }

    /// The last message of a client, and the signature that the server has to answer with.
    fn finish(&self, user: &str, nonce: &str, password: &str, server: &str) -> (String, String) {
        let parts: Vec<&str> = server.split(',').collect();
        let [whole, salt, iterations] = parts[..] else { panic!("three parts, not {server}") };
        let whole = whole.strip_prefix("r=").expect("a nonce");
        assert!(whole.starts_with(nonce) && whole.len() > nonce.len(), "{whole}");
        let salt = BASE64.decode(salt.strip_prefix("s=").expect("a salt")).expect("base64");
        let iterations = iterations.strip_prefix("i=").and_then(|i| i.parse().ok());
        let iterations: NonZeroU32 = iterations.expect("iterations");
        assert!(iterations.get() >= 4096 && salt.len() >= 16);
        let mut salted = vec![0; self.digest.output_len()];
        pbkdf2::derive(self.pbkdf2, iterations, &salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(self.hmac, key), text);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(self.digest, client.as_ref());
        let last = format!("c=biws,r={whole}");
        let message = format!("n={user},r={nonce},{server},{last}");
        let signature = sign(stored.as_ref(), message.as_bytes());
        let proof: Vec<u8> =
            client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let server = sign(sign(&salted, b"Server Key").as_ref(), message.as_bytes());
        (format!("{last},p={}", BASE64.encode(proof)), format!("v={}", BASE64.encode(server)))
    }

    fn log_in(&self, client: &mut Client, user: &str, password: &str) -> Status {
        // With spaces, as one client has them.
        let nonce = "0x57 0xffffffd5";
        let answer = self.begin(client, user, nonce);
        let (last, signature) = self.finish(user, nonce, password, &answer);
        let frame = self.step(client, false, &last);
        if frame.status() == Status::SUCCESS {
            assert_eq!(frame.value(), signature.as_bytes(), "the server knows the password too");
        }
        frame.status()
    }
}

fn guarded() -> Running {
    let mut wanted = Wanted::default();
    wanted.server.users =
        vec![User::new("user", Secret::new("pass word")), User::new("other", Secret::new("x"))];
    wanted.start()
}

#[test]
fn the_right_password_enters_by_each_mechanism() {
    let server = guarded();
    for hash in hashes() {
        let mut client = server.client();
        assert_eq!(client.refused_store(set(0, b"key", b"1")), Status::EACCESS);
        assert_eq!(hash.log_in(&mut client, "user", "pass word"), Status::SUCCESS);
        client.store(set(0, b"key", b"1"));
    }
}

#[test]
fn a_wrong_password_does_not_and_is_counted() {
    let server = guarded();
    let [hash, ..] = hashes();
    for (user, password) in
        [("user", "pass wor"), ("user", "x"), ("nobody", "pass word"), ("user", "")]
    {
        let mut client = server.client();
        assert_eq!(hash.log_in(&mut client, user, password), Status::AUTH_ERROR, "{user}");
        assert_eq!(client.refused_store(set(0, b"key", b"1")), Status::EACCESS);
        assert_eq!(hash.log_in(&mut client, "user", "pass word"), Status::SUCCESS);
    }
    let mut client = server.client();
    for _ in 0..AUTH_FAILURES_MAX {
        assert_eq!(hash.log_in(&mut client, "user", "guess"), Status::AUTH_ERROR);
    }
    client.is_closed();
}

#[test]
fn a_proof_is_good_for_its_own_login_only() {
    let server = guarded();
    let [hash, weaker, ..] = hashes();
    let mut client = server.client();
    let answer = hash.begin(&mut client, "user", "nonce");
    let (last, _) = hash.finish("user", "nonce", "pass word", &answer);
    assert_eq!(hash.step(&mut client, false, &last).status(), Status::SUCCESS);
    assert_eq!(hash.step(&mut client, false, &last).status(), Status::EINVAL, "it is over");
    // Again, on another connection and with the same nonce of the client's.
    let mut thief = server.client();
    hash.begin(&mut thief, "user", "nonce");
    assert_eq!(hash.step(&mut thief, false, &last).status(), Status::AUTH_ERROR, "a replay");
    let answer = hash.begin(&mut thief, "user", "nonce");
    let (last, _) = hash.finish("user", "nonce", "pass word", &answer);
    let bent = last.replacen("r=nonce", "r=nonse", 1);
    assert_eq!(hash.step(&mut thief, false, &bent).status(), Status::AUTH_ERROR, "another nonce");
    assert_eq!(hash.step(&mut thief, false, &last).status(), Status::EINVAL, "one proof a login");
    let answer = hash.begin(&mut thief, "user", "nonce");
    let (last, _) = hash.finish("user", "nonce", "pass word", &answer);
    let unbound = last.replacen("c=biws", "c=eSws", 1);
    assert_eq!(hash.step(&mut thief, false, &unbound).status(), Status::AUTH_ERROR);
    hash.begin(&mut thief, "user", "nonce");
    assert_eq!(weaker.step(&mut thief, false, &last).status(), Status::EINVAL, "not its own");
    hash.begin(&mut thief, "user", "nonce");
    assert_eq!(hash.step(&mut thief, false, "c=biws,r=nonce").status(), Status::EINVAL);
    assert_eq!(thief.refused_store(set(0, b"key", b"1")), Status::EACCESS);
}

#[test]
fn messages_without_their_form_are_invalid() {
    let server = guarded();
    let [hash, ..] = hashes();
    let mut client = server.client();
    for first in ["", "n,,n=user", "n,,n=user,r=", "p=tls-unique,,n=user,r=1", "n,a=x,n=user,r=1"] {
        assert_eq!(hash.step(&mut client, true, first).status(), Status::EINVAL, "{first}");
    }
    assert_eq!(hash.step(&mut client, false, "c=biws,r=1,p=AA==").status(), Status::EINVAL);
}

#[test]
fn without_users_any_name_enters_with_the_word_password() {
    let server = Running::start();
    let [hash, ..] = hashes();
    let mut client = server.client();
    assert_eq!(hash.log_in(&mut client, "Administrator", "password"), Status::SUCCESS);
    assert_eq!(hash.log_in(&mut client, "anybody", "else"), Status::AUTH_ERROR);
}

/// What a client of today writes before it reads the first answer, and right behind its proof.
#[test]
fn a_handshake_may_be_sent_ahead() {
    let server = guarded();
    let [hash, ..] = hashes();
    let mut client = server.client();
    let features = FeatureSet::of(&[Feature::XERROR, Feature::SELECT_BUCKET, Feature::JSON]);
    let mechanism = hash.mechanism.as_bytes();
    let mut out = BytesMut::new();
    Hello { agent: b"test", features }.encode(Opaque(1), &mut out);
    SaslListMechs.encode(Opaque(2), &mut out);
    let auth = SaslAuth { first: true, mechanism, data: b"n,,n=user,r=abc" };
    auth.encode(Opaque(3), &mut out);
    client.send(&out);
    let answers: Vec<Frame> = (0..3).map(|_| client.next()).collect();
    assert!(answers.iter().zip(1..).all(|(frame, opaque)| frame.opaque() == Opaque(opaque)));
    let first = String::from_utf8(answers[2].value().to_vec()).expect("text");
    let (last, _) = hash.finish("user", "abc", "pass word", &first);
    out.clear();
    SaslAuth { first: false, mechanism, data: last.as_bytes() }.encode(Opaque(4), &mut out);
    SelectBucket { bucket: b"default" }.encode(Opaque(5), &mut out);
    GetClusterConfig { known: None }.encode(Opaque(6), &mut out);
    client.send(&out);
    for opaque in 4..=6 {
        let frame = client.next();
        assert_eq!((frame.opaque(), frame.status()), (Opaque(opaque), Status::SUCCESS));
    }
}
