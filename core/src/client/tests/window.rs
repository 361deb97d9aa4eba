use crate::client::FlowWindow;
use proptest::prelude::*;

proptest! {
    #[test]
    fn every_byte_is_acknowledged_once_or_still_counted(size in 1..100_000u32, messages in proptest::collection::vec(24..5000u32, 0..500)) {
        let mut window = FlowWindow::new(size);
        let (mut handled, mut acknowledged) = (0u64, 0u64);
        for bytes in messages {
            handled += u64::from(bytes);
            if let Some(ack) = window.handled(bytes) {
                prop_assert!(ack >= size.div_ceil(2));
                acknowledged += u64::from(ack);
            }
            prop_assert!(window.unacknowledged() < size.div_ceil(2));
            prop_assert_eq!(handled, acknowledged + u64::from(window.unacknowledged()));
        }
    }
}

#[test]
fn without_a_window_nothing_is_counted() {
    let mut window = FlowWindow::new(0);
    assert_eq!(window.handled(u32::MAX), None);
    assert_eq!(window.unacknowledged(), 0);
}

#[test]
fn the_largest_counts_do_not_wrap() {
    let mut window = FlowWindow::new(u32::MAX);
    assert_eq!(window.handled(u32::MAX / 2), None);
    assert_eq!(window.handled(u32::MAX), Some(u32::MAX));
    assert_eq!(window.unacknowledged(), 0);
}
