use super::ledger::Ledger;
use super::{Dice, times};
use crate::flow::{Acked, Resized, Window};
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
fn a_run_is_bound_by_what_was_acknowledged_before_it() {
    let window = Window::new(100);
    window.sent(60);
    let mut sending = window.sending();
    assert!(sending.may_send());
    sending.sent(70);
    assert_eq!(window.outstanding(), 130, "counted before the run ends");
    assert!(!sending.may_send());
    assert_eq!(window.ack(60), acked(true, 0));
    assert!(!sending.may_send(), "it does not look by itself");
    assert!(window.sending().may_send());
    assert_eq!((sending.bytes(), window.outstanding()), (70, 70));
}

#[test]
fn a_small_window_passes_one_marker_and_one_mutation() {
    // A window of 100 that nobody acknowledges: a marker counts 44, a small mutation 55 and key and
    // value.
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
    assert_eq!(window.resize(100), Resized { opened: false }, "it was open before");
    assert_eq!(window.outstanding(), 0, "nothing of before counts");
    window.sent(30);
    assert_eq!(window.outstanding(), 30);
    assert_eq!(window.ack(300), acked(false, 270), "too late for what was forgotten");
}

/// The window, the ledger that it has to agree with, and what happened.
struct Run {
    dice: Dice,
    window: Window,
    ledger: Ledger,
    sends: usize,
    runs: usize,
    refused: usize,
    acks: usize,
    openings: usize,
    overs: usize,
    resizes: usize,
}

impl Run {
    fn send(&mut self) {
        assert_eq!(self.window.may_send(), !self.ledger.is_full());
        if self.ledger.is_full() {
            self.refused += 1;
            return;
        }
        let large = self.dice.roll(50) == 0;
        let bytes = if large { self.dice.roll(5000) } else { 24 + self.dice.roll(200) };
        self.window.sent(bytes);
        self.ledger.send(bytes);
        let most = if self.ledger.max == 0 { 0 } else { self.ledger.max + bytes };
        assert!(self.window.outstanding() <= most, "I2: more than one message over");
        self.sends += 1;
    }

    /// Several messages for which the window is looked at once.
    fn send_several(&mut self) {
        let mut sending = self.window.sending();
        let mut sent = 0;
        for _ in 0..self.dice.roll(8) {
            assert_eq!(sending.may_send(), !self.ledger.is_full());
            if self.ledger.is_full() {
                break;
            }
            let bytes = 24 + self.dice.roll(200);
            sending.sent(bytes);
            self.ledger.send(bytes);
            sent += bytes;
            assert_eq!(self.window.outstanding(), self.ledger.outstanding(), "counted at once");
        }
        assert_eq!(sending.bytes(), sent);
        self.runs += 1;
    }

    fn ack(&mut self) {
        let was_full = self.ledger.is_full();
        let much = self.dice.roll(20) == 0;
        let bytes = if much { self.dice.roll(8000) } else { self.dice.roll(300) };
        let over = self.ledger.ack(bytes);
        let opened = was_full && !self.ledger.is_full();
        assert_eq!(self.window.ack(bytes), acked(opened, over));
        self.acks += 1;
        self.openings += usize::from(opened);
        self.overs += usize::from(over > 0);
    }

    fn resize(&mut self) {
        let (was_full, before) = (self.ledger.is_full(), self.ledger.max);
        let max = if self.dice.roll(4) == 0 { 0 } else { self.dice.roll(2000) };
        self.ledger.resize(max);
        let Resized { opened } = self.window.resize(max);
        assert!(opened || !was_full || self.ledger.is_full(), "an opening was not told");
        let grew = before != 0 && (max == 0 || max > before);
        assert!(!opened || (grew && !self.ledger.is_full()), "an opening that is none");
        self.resizes += 1;
    }

    fn compare(&self) {
        assert_eq!(self.window.outstanding(), self.ledger.outstanding());
        assert_eq!(self.window.is_full(), self.ledger.is_full());
        assert_eq!(self.window.acked_total(), self.ledger.acked);
        assert_eq!(self.window.max(), self.ledger.max);
    }
}

#[test]
fn a_ledger_agrees() {
    let operations = times(1_000_000);
    let mut run = Run {
        dice: Dice(0x2545_F491_4F6C_DD1D),
        window: Window::new(1000),
        ledger: Ledger::new(1000),
        sends: 0,
        runs: 0,
        refused: 0,
        acks: 0,
        openings: 0,
        overs: 0,
        resizes: 0,
    };
    for _ in 0..operations {
        match run.dice.roll(100) {
            0..50 => run.send(),
            50..55 => run.send_several(),
            55..98 => run.ack(),
            _ => run.resize(),
        }
        run.compare();
    }
    let Run { sends, runs, refused, acks, openings, overs, resizes, .. } = run;
    println!(
        "{operations} operations: {sends} sends, {runs} runs, {refused} refused, {acks} acks ({openings} opened, \
         {overs} over), {resizes} resizes"
    );
    assert!(
        cfg!(miri) || [sends, runs, refused, openings, overs, resizes].iter().all(|n| *n > 1000)
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
            let ackers: Vec<_> =
                (0..2).map(|_| scope.spawn(|| u32::from(window.ack(800).opened))).collect();
            ackers.into_iter().map(|a| a.join().expect("acks do not panic")).sum::<u32>()
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
        drop(self.heard.wait_while(rung, |rung| !*rung).expect("no holder panics"));
    }
}

/// What the threads of one run share.
struct Shared {
    window: Window,
    bell: Bell,
    /// Bytes that were sent, and how many of them somebody has taken to acknowledge.
    sent: AtomicU64,
    claimed: AtomicU64,
    over: AtomicU64,
    done: AtomicBool,
}

/// Acknowledges what was sent, in pieces, until there will be no more.
fn acknowledge(shared: &Shared, seed: u64) {
    let mut dice = Dice(seed);
    loop {
        // Asked before what was sent, so that the last of it is not missed.
        let last = shared.done.load(Ordering::Acquire);
        let available = shared.sent.load(Ordering::Acquire);
        let mine = dice.roll(400) + 1;
        let took = shared.claimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |claimed| {
            (claimed < available).then(|| available.min(claimed + mine))
        });
        match took {
            Ok(before) => {
                let acked = shared.window.ack(available.min(before + mine) - before);
                shared.over.fetch_add(acked.over, Ordering::Relaxed);
                if acked.opened {
                    shared.bell.ring();
                }
            }
            Err(_) if last => return,
            Err(_) => thread::yield_now(),
        }
    }
}

/// Changes the size until nothing more is sent.
fn resize(shared: &Shared) {
    let mut dice = Dice(0xDEAD_BEEF);
    while !shared.done.load(Ordering::Acquire) {
        if shared.window.resize(50 + dice.roll(900)).opened {
            shared.bell.ring();
        }
        thread::yield_now();
    }
}

#[test]
fn no_opening_is_lost() {
    // One sender, two who acknowledge, and one who changes the size. The sender sleeps whenever it
    // finds the window full; if an opening were lost it would sleep for ever.
    let messages = times(400_000);
    let shared = Shared {
        window: Window::new(500),
        bell: Bell::default(),
        sent: AtomicU64::new(0),
        claimed: AtomicU64::new(0),
        over: AtomicU64::new(0),
        done: AtomicBool::new(false),
    };
    let (mut slept, mut total) = (0, 0);
    thread::scope(|scope| {
        let shared = &shared;
        scope.spawn(move || acknowledge(shared, 0x9E37_79B9));
        scope.spawn(move || acknowledge(shared, 0x9E37_79BA));
        scope.spawn(move || resize(shared));
        let mut dice = Dice(0xC0FF_EE11);
        for _ in 0..messages {
            while !shared.window.may_send() {
                shared.bell.reset();
                if shared.window.is_full() {
                    shared.bell.wait();
                    slept += 1;
                }
            }
            let bytes = 24 + dice.roll(200);
            shared.window.sent(bytes);
            total += bytes;
            shared.sent.store(total, Ordering::Release);
        }
        shared.done.store(true, Ordering::Release);
    });
    println!("{messages} messages, {total} bytes, slept {slept} times");
    assert_eq!(shared.window.outstanding(), 0, "everything was acknowledged");
    assert_eq!(shared.over.load(Ordering::Relaxed), 0, "and nothing twice");
    assert_eq!(shared.window.acked_total(), total);
    assert!(slept > 0, "the window was never full");
}
