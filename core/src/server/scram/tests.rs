//! Against the example of the RFC's own authors, and against what clients get wrong.

use super::accounts::{ITERATIONS, Keys};
use super::exchange::{Failed, Malformed};
use super::{Accounts, Exchange, Mechanism};
use crate::server::settings::{Secret, User};

fn accounts() -> Accounts {
    Accounts::new(&[User::new("us,er=", Secret::new("pencil"))]).expect("random numbers")
}

#[test]
fn keys_are_those_of_the_published_example() {
    // RFC 7677, part 3: user "user", password "pencil".
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    assert_eq!(ITERATIONS.get(), 4096);
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    let keys = Keys::new(Mechanism::Sha256, b"pencil", salt);
    let message = "n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let signature = ring::hmac::sign(&keys.server, message.as_bytes());
    let expected = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
    assert_eq!(STANDARD.encode(signature), expected);
    let stored = Mechanism::Sha256.key(keys.stored.as_ref());
    let signature = ring::hmac::sign(&stored, message.as_bytes());
    let proof = STANDARD.decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").expect("base64");
    let client: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    assert_eq!(Mechanism::Sha256.hash(&client).as_ref(), keys.stored.as_ref());
}

#[test]
fn a_first_message_has_its_form() {
    let accounts = accounts();
    let begin = |first: &[u8]| Exchange::begin(&accounts, Mechanism::Sha1, first).map(|_| ());
    for right in [&b"n,,n=a,r=b"[..], b"y,,n=a,r=0x57 0xff", b"n,a=a,n=a,r=b", b"n,,n=a=2Cb=3D,r=b"]
    {
        assert_eq!(begin(right), Ok(()), "{}", String::from_utf8_lossy(right));
    }
    for wrong in [
        &b""[..],
        b"n,,",
        b"n,,n=a",
        b"n,,n=a,r=",
        b"p=tls-unique,,n=a,r=b",
        b"n,a=b,n=a,r=b",
        b"n,,m=x,n=a,r=b",
        b"n,,n=a=,r=b",
        b"n,,n=a=2D,r=b",
    ] {
        assert!(begin(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
    }
}

#[test]
fn a_name_that_nobody_has_looks_like_any_other_until_the_end() {
    let accounts = accounts();
    let first = |name: &str| {
        let first = format!("n,,n={name},r=nonce");
        let (exchange, answer) =
            Exchange::begin(&accounts, Mechanism::Sha512, first.as_bytes()).expect("its form");
        (exchange, String::from_utf8(answer).expect("text"))
    };
    let salt = |answer: &str| answer.split(',').nth(1).map(str::to_owned);
    let ((one, first_answer), (_, second_answer)) = (first("nobody"), first("nobody"));
    assert_ne!(first_answer, second_answer, "a nonce comes once");
    assert_eq!(salt(&first_answer), salt(&second_answer));
    assert_ne!(salt(&first_answer), salt(&first("us=2Cer=3D").1));
    let nonce = first_answer.split(',').next().expect("r=");
    let last = format!("c=biws,{nonce},p=AAAA");
    assert_eq!(one.finish(last.as_bytes()), Err(Failed::Wrong));
    let (other, _) = first("nobody");
    let malformed = Failed::Malformed(Malformed("the last message has no proof"));
    assert_eq!(other.finish(b"c=biws,r=nonce"), Err(malformed));
}
