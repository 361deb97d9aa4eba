//! Queues and rings that a user would pick instead. They have no seqnos that outlive them, no keys, no state to
//! check, no window: what they do is less.

use super::{ROUND, VALUE_BYTES};
use async_broadcast::broadcast as async_channel;
use benches::measure::{Contest, Spent, Stopwatch};
use benches::workload::{touch, value_of};
use bytes::Bytes;
use disruptor::{BusySpin, EventPoller, Producer, SingleProducerBarrier};
use std::hint::black_box;
use tokio::sync::broadcast;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Taking messages out.
    Delivery,
    /// That, and putting them in.
    Both,
}

type Value = [u8; VALUE_BYTES];

/// Adds the peers.
pub(super) fn enter<'b, 'a>(
    contest: Contest<'b, 'a>,
    consumers: usize,
    owned: bool,
    side: Side,
) -> Contest<'b, 'a> {
    let contest = if owned { contest } else { inline(contest, consumers, side) };
    shared(contest, consumers, side)
}

/// The value is in the slot.
fn inline<'b, 'a>(contest: Contest<'b, 'a>, consumers: usize, side: Side) -> Contest<'b, 'a> {
    let (mut ins, mut outs): (Vec<_>, Vec<_>) =
        (0..consumers).map(|_| rtrb::RingBuffer::<Value>::new(CAPACITY)).unzip();
    let value = template();
    ring(contest, consumers, side).contender("rtrb, one for each consumer", move |n| {
        let put = |i| ins.iter_mut().for_each(|ring| ring.push(stamped(&value, i)).expect(ROOM));
        let one = |ring: &mut rtrb::Consumer<Value>| drain(|| ring.pop().ok().map(|v| touch(&v)));
        turns(n, side, consumers, put, || outs.iter_mut().map(one).sum())
    })
}

/// One ring, a poller for each consumer.
fn ring<'b, 'a>(contest: Contest<'b, 'a>, consumers: usize, side: Side) -> Contest<'b, 'a> {
    const WHO: &str = "disruptor";
    let builder = disruptor::build_single_producer(CAPACITY, template, BusySpin);
    let (first, builder) = builder.new_event_poller();
    let mut pollers = vec![first];
    if consumers == 1 {
        let mut producer = builder.build();
        return contest.contender(WHO, move |n| ring_turns(n, side, &mut producer, &mut pollers));
    }
    let (second, mut builder) = builder.new_event_poller();
    pollers.push(second);
    for _ in 2..consumers {
        let (next, with_it) = builder.new_event_poller();
        pollers.push(next);
        builder = with_it;
    }
    let mut producer = builder.build();
    contest.contender(WHO, move |n| ring_turns(n, side, &mut producer, &mut pollers))
}

fn ring_turns(
    n: u64,
    side: Side,
    producer: &mut impl Producer<Value>,
    pollers: &mut [EventPoller<Value, SingleProducerBarrier>],
) -> Spent {
    let value = template();
    let consumers = pollers.len();
    let put = |i| producer.publish(|slot| *slot = stamped(&value, i));
    let one = |poller: &mut EventPoller<Value, SingleProducerBarrier>| {
        let Ok(mut events) = poller.poll() else { return 0 };
        let mut taken = 0;
        for value in &mut events {
            black_box(touch(value));
            taken += 1;
        }
        taken
    };
    turns(n, side, consumers, put, || pollers.iter_mut().map(one).sum())
}

/// The value is a `Bytes`, made for each message and shared by its consumers.
fn shared<'b, 'a>(contest: Contest<'b, 'a>, consumers: usize, side: Side) -> Contest<'b, 'a> {
    let (tokio_in, _) = broadcast::channel::<Bytes>(CAPACITY);
    let mut tokio_outs: Vec<_> = (0..consumers).map(|_| tokio_in.subscribe()).collect();
    let (async_in, first) = async_channel::<Bytes>(CAPACITY);
    let mut async_outs: Vec<_> = (1..consumers).map(|_| first.clone()).collect();
    async_outs.push(first);
    let crossbeam: Vec<_> =
        (0..consumers).map(|_| crossbeam_channel::bounded::<Bytes>(CAPACITY)).collect();
    let kanal: Vec<_> = (0..consumers).map(|_| kanal::bounded::<Bytes>(CAPACITY)).collect();
    contest
        .contender("tokio::broadcast", move |n| {
            let put = |i| {
                let _readers: usize = tokio_in.send(fresh(i)).expect(ROOM);
            };
            let one = |rx: &mut broadcast::Receiver<Bytes>| {
                drain(|| rx.try_recv().ok().map(|value| touch(&value)))
            };
            turns(n, side, consumers, put, || tokio_outs.iter_mut().map(one).sum())
        })
        .contender("async-broadcast", move |n| {
            let put = |i| drop(async_in.try_broadcast(fresh(i)).expect(ROOM));
            let one = |rx: &mut async_broadcast::Receiver<Bytes>| {
                drain(|| rx.try_recv().ok().map(|value| touch(&value)))
            };
            turns(n, side, consumers, put, || async_outs.iter_mut().map(one).sum())
        })
        .contender("crossbeam-channel, one for each consumer", move |n| {
            let put = |i| {
                let message = fresh(i);
                crossbeam.iter().for_each(|(tx, _)| tx.send(message.clone()).expect(ROOM));
            };
            let one = |(_, rx): &(_, crossbeam_channel::Receiver<Bytes>)| {
                drain(|| rx.try_recv().ok().map(|value| touch(&value)))
            };
            turns(n, side, consumers, put, || crossbeam.iter().map(one).sum())
        })
        .contender("kanal, one for each consumer", move |n| {
            let put = |i| {
                let message = fresh(i);
                kanal.iter().for_each(|(tx, _)| tx.send(message.clone()).expect(ROOM));
            };
            let one = |(_, rx): &(_, kanal::Receiver<Bytes>)| {
                drain(|| rx.try_recv().ok().flatten().map(|value| touch(&value)))
            };
            turns(n, side, consumers, put, || kanal.iter().map(one).sum())
        })
}

/// Rounds of [`ROUND`] messages in and everything out, until there were `n` deliveries.
fn turns(
    n: u64,
    side: Side,
    consumers: usize,
    mut put: impl FnMut(u64),
    mut take: impl FnMut() -> u64,
) -> Spent {
    let mut spent = Spent::default();
    while spent.ops < n {
        let watch = Stopwatch::start();
        (0..ROUND).for_each(&mut put);
        let puts = watch.stop(0);
        let watch = Stopwatch::start();
        let taken = take();
        spent = spent.then(watch.stop(taken));
        assert_eq!(taken, ROUND * consumers as u64, "everybody gets everything");
        if side == Side::Both {
            spent = spent.then(puts);
        }
    }
    spent
}

/// Takes until nothing is left; how many.
fn drain(mut take: impl FnMut() -> Option<u64>) -> u64 {
    let mut taken = 0;
    while let Some(digest) = take() {
        black_box(digest);
        taken += 1;
    }
    taken
}

fn template() -> Value {
    value_of(VALUE_BYTES).try_into().expect("so many bytes")
}

/// The value of that number.
fn stamped(value: &Value, n: u64) -> Value {
    let mut value = *value;
    value[..8].copy_from_slice(&n.to_ne_bytes());
    value
}

/// The same, made anew.
fn fresh(n: u64) -> Bytes {
    let mut value = vec![0_u8; VALUE_BYTES];
    value[..8].copy_from_slice(&n.to_ne_bytes());
    value.into()
}

const CAPACITY: usize = 1024;
/// A round fits in, so that there is always room.
const ROOM: &str = "there is room, and somebody reads";
