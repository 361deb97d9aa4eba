use super::ledger::Ledger;
use super::{Dice, times};
use crate::flow::{Acked, Resized, Window};
use millstream_reclaim::sync::Arc;
use millstream_reclaim::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

fn acked(opened: bool, over: u64) -> Acked {
    Acked { opened, over }
}

#[test]
fn a_message_may_pass_the_end_of_the_window() {
    let window = Window::new(100);
    assert!(window.may_send());
    window.sent(99);
    assert!(window.may_send(), "less than its size is outstanding");
    window.sent(5000);
    assert_eq!(window.outstanding(), 5099);
    assert!(!window.may_send());
    assert!(window.is_full());
    assert_eq!(window.ack(4999), acked(false, 0), "100 are left");
    assert!(window.is_full());
    assert_eq!(window.ack(1), acked(true, 0));
    assert!(window.may_send(), "open again at once, without hysteresis");
}

#[test]
fn a_small_window_passes_one_marker_and_one_mutation() {
    // A window of 100 that nobody acknowledges: a marker counts 44, a small mutation 55 and key and value.
    let window = Window::new(100);
    let mut passed = Vec::new();
    for message in std::iter::once(44).chain(std::iter::repeat_n(55 + 4 + 5, 10)) {
        if window.may_send() {
            window.sent(message);
            passed.push(message);
        }
    }
    assert_eq!(passed, [44, 64]);
}

#[test]
fn a_window_of_zero_is_off() {
    let window = Window::new(0);
    for _ in 0..10 {
        assert!(window.may_send());
        window.sent(1_000_000);
    }
    assert!(!window.is_full());
    assert_eq!(window.outstanding(), 0);
    assert_eq!(window.ack(10), acked(false, 0), "ignored");
    assert_eq!(window.acked_total(), 0);
}

#[test]
fn more_than_was_sent_is_told_and_has_no_effect() {
    let window = Window::new(100);
    assert_eq!(window.ack(7), acked(false, 7));
    window.sent(50);
    assert_eq!(window.ack(60), acked(false, 10));
    assert_eq!(window.outstanding(), 0);
    assert_eq!(window.acked_total(), 67, "as the client said");
    window.sent(150);
    assert_eq!(window.ack(u64::MAX), acked(true, u64::MAX - 150));
    assert_eq!(window.outstanding(), 0);
}

#[test]
fn an_acknowledgement_of_nothing_opens_nothing() {
    let window = Window::new(10);
    window.sent(10);
    assert_eq!(window.ack(0), acked(false, 0));
    assert!(window.is_full());
}

#[test]
fn another_size_takes_effect_at_once() {
    let window = Window::new(100);
    window.sent(100);
    assert_eq!(window.resize(101), Resized { opened: true });
    assert!(window.may_send());
    assert_eq!(window.resize(50), Resized { opened: false });
    assert!(window.is_full());
    assert_eq!(window.outstanding(), 100, "kept");
    assert_eq!(window.ack(50), acked(false, 0), "full at 50 of 50");
    assert_eq!(window.ack(1), acked(true, 0));
    assert_eq!(window.max(), 50);
}

#[test]
fn turning_it_off_forgets_what_is_outstanding() {
    let window = Window::new(100);
    window.sent(300);
    assert_eq!(window.resize(0), Resized { opened: true });
    assert_eq!(window.outstanding(), 0);
    window.sent(5000);
    assert_eq!(
        window.resize(100),
        Resized { opened: false },
        "it was open before"
    );
    assert_eq!(window.outstanding(), 0, "nothing of before counts");
    window.sent(30);
    assert_eq!(window.outstanding(), 30);
    assert_eq!(
        window.ack(300),
        acked(false, 270),
        "too late for what was forgotten"
    );
}

#[test]
fn a_ledger_agrees() {
    let operations = times(1_000_000);
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let (window, mut ledger) = (Window::new(1000), Ledger::new(1000));
    let (mut sends, mut acks, mut resizes, mut openings, mut overs, mut refused) =
        (0, 0, 0, 0, 0, 0);
    for _ in 0..operations {
        match dice.roll(100) {
            0..60 => {
                assert_eq!(window.may_send(), !ledger.is_full());
                if window.may_send() {
                    let bytes = if dice.roll(50) == 0 {
                        dice.roll(5000)
                    } else {
                        24 + dice.roll(200)
                    };
                    window.sent(bytes);
                    ledger.send(bytes);
                    let max = if ledger.max == 0 {
                        0
                    } else {
                        ledger.max + bytes
                    };
                    assert!(
                        window.outstanding() <= max,
                        "I2: more than one message over"
                    );
                    sends += 1;
                } else {
                    refused += 1;
                }
            }
            60..98 => {
                let was_full = ledger.is_full();
                let bytes = if dice.roll(20) == 0 {
                    dice.roll(8000)
                } else {
                    dice.roll(300)
                };
                let over = ledger.ack(bytes);
                let opened = was_full && !ledger.is_full();
                assert_eq!(window.ack(bytes), acked(opened, over));
                acks += 1;
                openings += usize::from(opened);
                overs += usize::from(over > 0);
            }
            _ => {
                let (was_full, before) = (ledger.is_full(), ledger.max);
                let max = if dice.roll(4) == 0 {
                    0
                } else {
                    dice.roll(2000)
                };
                ledger.resize(max);
                let Resized { opened } = window.resize(max);
                assert!(
                    opened || !was_full || ledger.is_full(),
                    "an opening was not told"
                );
                let grew = before != 0 && (max == 0 || max > before);
                assert!(
                    !opened || (grew && !ledger.is_full()),
                    "an opening that is none"
                );
                resizes += 1;
            }
        }
        assert_eq!(window.outstanding(), ledger.outstanding());
        assert_eq!(window.is_full(), ledger.is_full());
        assert_eq!(window.acked_total(), ledger.acked);
        assert_eq!(window.max(), ledger.max);
    }
    println!(
        "{operations} operations: {sends} sends, {refused} refused, {acks} acks ({openings} opened, \
         {overs} over), {resizes} resizes"
    );
    assert!(
        cfg!(miri)
            || [sends, refused, openings, overs, resizes]
                .iter()
                .all(|n| *n > 1000)
    );
}

#[test]
fn each_opening_is_told_once() {
    // The window is filled, then emptied by several clients' worth of acknowledgements at once.
    let rounds = times(5_000).max(5);
    let window = Window::new(1000);
    let mut told = 0;
    for _ in 0..rounds {
        window.sent(1600);
        assert!(window.is_full());
        told += thread::scope(|scope| {
            let ackers: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| u32::from(window.ack(800).opened)))
                .collect();
            ackers
                .into_iter()
                .map(|a| a.join().expect("acks do not panic"))
                .sum::<u32>()
        });
        assert_eq!(window.outstanding(), 0);
    }
    assert_eq!(told as usize, rounds);
}

/// A sender that sleeps, and whoever wakes it.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().expect("no holder panics") = true;
        self.heard.notify_one();
    }

    fn reset(&self) {
        *self.rung.lock().expect("no holder panics") = false;
    }

    fn wait(&self) {
        let rung = self.rung.lock().expect("no holder panics");
        drop(
            self.heard
                .wait_while(rung, |rung| !*rung)
                .expect("no holder panics"),
        );
    }
}

#[test]
fn no_opening_is_lost() {
    // One sender, two clients' worth of acknowledgements, and a hand that changes the size now and then. The
    // sender sleeps whenever it finds the window full; if an opening were lost it would sleep for ever.
    let messages = times(400_000) as u64;
    let window = Arc::new(Window::new(500));
    let bell = Arc::new(Bell::default());
    let (sent, claimed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let over = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let ackers: Vec<_> = (0..2u64)
        .map(|n| {
            let (window, bell, done) = (Arc::clone(&window), Arc::clone(&bell), Arc::clone(&done));
            let (sent, claimed, over) =
                (Arc::clone(&sent), Arc::clone(&claimed), Arc::clone(&over));
            thread::spawn(move || {
                let mut dice = Dice(0x9E37_79B9 + n);
                loop {
                    // Asked before what was sent, so that the last of it is not missed.
                    let last = done.load(Ordering::Acquire);
                    let available = sent.load(Ordering::Acquire);
                    let mine = dice.roll(400) + 1;
                    let took =
                        claimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |claimed| {
                            (claimed < available).then(|| available.min(claimed + mine))
                        });
                    match took {
                        Ok(before) => {
                            let acked = window.ack(available.min(before + mine) - before);
                            over.fetch_add(acked.over, Ordering::Relaxed);
                            if acked.opened {
                                bell.ring();
                            }
                        }
                        Err(_) if last => return,
                        Err(_) => thread::yield_now(),
                    }
                }
            })
        })
        .collect();
    let resizer = {
        let (window, bell, done) = (Arc::clone(&window), Arc::clone(&bell), Arc::clone(&done));
        thread::spawn(move || {
            let mut dice = Dice(0xDEAD_BEEF);
            while !done.load(Ordering::Acquire) {
                if window.resize(50 + dice.roll(900)).opened {
                    bell.ring();
                }
                thread::yield_now();
            }
        })
    };
    let mut dice = Dice(0xC0FF_EE11);
    let (mut slept, mut total) = (0, 0);
    for _ in 0..messages {
        while !window.may_send() {
            bell.reset();
            if window.is_full() {
                bell.wait();
                slept += 1;
            }
        }
        let bytes = 24 + dice.roll(200);
        window.sent(bytes);
        total += bytes;
        sent.store(total, Ordering::Release);
    }
    done.store(true, Ordering::Release);
    for thread in ackers.into_iter().chain([resizer]) {
        thread.join().expect("no thread panics");
    }
    println!("{messages} messages, {total} bytes, slept {slept} times");
    assert_eq!(window.outstanding(), 0, "everything was acknowledged");
    assert_eq!(over.load(Ordering::Relaxed), 0, "and nothing twice");
    assert_eq!(window.acked_total(), total);
    assert!(slept > 0, "the window was never full");
}
