//! Random good histories are accepted, and not any more once something was done to them.

use super::histories::{History, history};
use crate::testing::oracle::{Event, StreamKey, StreamOracle};
use crate::types::{Cas, Seqno};
use proptest::prelude::*;

/// Does something to the events of one stream that no judge may let pass; `None` where there is
/// nothing to do it to.
type Damage = for<'a> fn(&mut Vec<Event<'a>>, usize) -> Option<()>;

fn judge(history: &History, events: &[Event<'_>]) -> Result<(), String> {
    let mut oracle = StreamOracle::new().track_contents();
    for event in events {
        oracle.observe(history.stream, *event);
    }
    let expected = history.expected();
    oracle.compare(history.stream, expected.iter().map(|(key, doc)| (key.as_bytes(), *doc)));
    oracle.finish().map(|_| ()).map_err(|violations| violations.to_string())
}

fn is_document(event: &Event<'_>) -> bool {
    matches!(event, Event::Document { .. })
}

/// The place of the n-th event (modulo how many there are) that is so.
fn nth<'a>(
    events: &[Event<'a>],
    n: usize,
    so: impl Fn(usize, &Event<'a>) -> bool,
) -> Option<usize> {
    let places: Vec<_> = (0..events.len()).filter(|at| so(*at, &events[*at])).collect();
    places.get(n % places.len().max(1)).copied()
}

fn swap_two_documents(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    let at = nth(events, n, |at, event| {
        is_document(event) && events.get(at + 1).is_some_and(is_document)
    })?;
    events.swap(at, at + 1);
    Some(())
}

fn repeat_a_document(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    let at = nth(events, n, |_, event| is_document(event))?;
    events.insert(at, events[at]);
    Some(())
}

fn lose_a_marker(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    // One between two snapshots, which the next document needs: a seqno-advanced would do without
    // it, and what is left of a snapshot that should have been cut may happen to be in order.
    let at = nth(events, n, |at, event| {
        matches!(event, Event::Marker { flags: 1, .. })
            && events.get(at + 1).is_some_and(is_document)
    })?;
    events.remove(at);
    Some(())
}

fn repeat_a_marker(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    // Once something of the snapshot was sent.
    let at = nth(events, n, |at, event| is_document(event) && at > 0)?;
    let marker = events[..at].iter().rposition(|event| matches!(event, Event::Marker { .. }))?;
    events.insert(at + 1, events[marker]);
    Some(())
}

fn lose_the_acceptance(events: &mut Vec<Event<'_>>, _: usize) -> Option<()> {
    events.remove(0);
    (!events.is_empty()).then_some(())
}

fn end_too_soon(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    let at = nth(events, n, |at, _| at > 0)?;
    let reason = crate::types::EndReason::Closed;
    events.insert(at, Event::End { reason });
    Some(())
}

fn lose_the_newest_version(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    let newest = |at: usize, event: &Event<'_>| match event {
        Event::Document { key, kind, .. } => {
            kind.is_alive()
                && !events[at + 1..].iter().any(
                    |later| matches!(later, Event::Document { key: other, .. } if other == key),
                )
        }
        _ => false,
    };
    let at = nth(events, n, newest)?;
    events.remove(at);
    Some(())
}

fn change_a_cas(events: &mut Vec<Event<'_>>, _: usize) -> Option<()> {
    // The last document of all is the newest of its key.
    let at = events.iter().rposition(is_document)?;
    if let Event::Document { cas, .. } = &mut events[at] {
        *cas = Cas(cas.get() + 1);
    }
    Some(())
}

fn invent_a_document(events: &mut Vec<Event<'_>>, n: usize) -> Option<()> {
    let at = nth(events, n, |_, event| is_document(event))?;
    if let Event::Document { key, kind, .. } = &mut events[at] {
        *key = b"invented";
        *kind = crate::types::DocKind::Alive;
    }
    Some(())
}

fn shorten_the_stream(events: &mut Vec<Event<'_>>, _: usize) -> Option<()> {
    let last = events.iter().rev().find_map(|event| match event {
        Event::Document { seqno, .. } => Some(*seqno),
        _ => None,
    })?;
    if let Event::Accepted { end, .. } = &mut events[0] {
        *end = Seqno(last.get() - 1);
    }
    Some(())
}

const DAMAGES: [(&str, Damage); 10] = [
    ("swap two documents", swap_two_documents),
    ("repeat a document", repeat_a_document),
    ("lose a marker", lose_a_marker),
    ("repeat a marker", repeat_a_marker),
    ("lose the acceptance", lose_the_acceptance),
    ("end too soon", end_too_soon),
    ("lose the newest version", lose_the_newest_version),
    ("change a cas", change_a_cas),
    ("invent a document", invent_a_document),
    ("shorten the stream", shorten_the_stream),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 600 }))]

    #[test]
    fn good_histories_are_accepted(history in history(7)) {
        let events = history.events();
        prop_assert_eq!(judge(&history, &events), Ok(()), "{:#?}", events);
    }

    #[test]
    fn good_histories_are_accepted_side_by_side(
        (one, other) in (history(7), history(8)),
        order in prop::collection::vec(any::<bool>(), 200),
    ) {
        let mut oracle = StreamOracle::new().track_contents();
        let (mut first, mut second) = (one.events().into_iter(), other.events().into_iter());
        for turn in order.into_iter().cycle() {
            let (stream, event) = if turn {
                (one.stream, first.next())
            } else {
                (other.stream, second.next())
            };
            match event {
                Some(event) => oracle.observe(stream, event),
                None => break,
            }
        }
        first.for_each(|event| oracle.observe(one.stream, event));
        second.for_each(|event| oracle.observe(other.stream, event));
        let compare = |oracle: &mut StreamOracle, stream: StreamKey, history: &History| {
            let expected = history.expected();
            oracle.compare(stream, expected.iter().map(|(key, doc)| (key.as_bytes(), *doc)));
        };
        compare(&mut oracle, one.stream, &one);
        compare(&mut oracle, other.stream, &other);
        let judged = oracle.finish();
        prop_assert!(judged.is_ok(), "{:?}", judged);
    }

    #[test]
    fn damaged_histories_are_not(
        history in history(7),
        damage in prop::sample::select(&DAMAGES[..]),
        n in any::<prop::sample::Index>(),
    ) {
        let (name, damage) = damage;
        let mut events = history.events();
        let good = events.clone();
        prop_assume!(damage(&mut events, n.index(1000)).is_some());
        let judged = judge(&history, &events);
        prop_assert!(judged.is_err(), "{} went unseen: {:#?}\n{:#?}", name, good, events);
    }
}
